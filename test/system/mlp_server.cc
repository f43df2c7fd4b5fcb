#include "test/system/mlp_server.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <nlohmann/json.hpp>
#include <regex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "test/system/made_data.h"

namespace mlp::test {

namespace fs = std::filesystem;

ServedModel::ServedModel(const std::string& file, std::string_view bytes, Arguments arguments) {
  folder_.write("data/" + file, bytes);
  arguments.insert(arguments.begin(), {"train", "--dense_hidden", "16", "--epochs", "2"});
  run_well(native(folder_.path(), std::move(arguments)));
}

std::vector<std::string> ServedModel::predicted_lines(const std::string& file,
                                                      std::string_view bytes) const {
  const TempDirectory elsewhere;
  const fs::path rows = elsewhere.write(file, bytes);
  std::vector<std::string> lines =
      lines_of(run_well(native(folder_.path(), {"predict", "--input", rows.string()})).out);
  REQUIRE(!lines.empty());
  lines.erase(lines.begin());
  return lines;
}

std::vector<std::vector<float>> ServedModel::predict(const std::string& file,
                                                     std::string_view bytes) const {
  std::vector<std::vector<float>> rows;
  for (const std::string& line : predicted_lines(file, bytes)) {
    std::vector<float>& row = rows.emplace_back();
    const char* next = line.c_str();
    // A class's label stands before its probabilities; a regression has but its values.
    const std::size_t comma = line.find_last_of('"') == std::string::npos
                                  ? line.find(',')
                                  : line.find(',', line.find_last_of('"'));
    if (comma != std::string::npos) next += comma + 1;
    while (*next != '\0') {
      char* end = nullptr;
      row.push_back(std::strtof(next, &end));
      if (end == next) throw std::runtime_error("no number: " + line);
      next = *end == ',' ? end + 1 : end;
    }
  }
  return rows;
}

const ServedModel& picture_model() {
  static const ServedModel model("pair.npz", pair_npz(make_pictures(300, 2)), {});
  return model;
}

const ServedModel& clouds_model() {
  static const ServedModel model("rows.csv", clouds_csv(120, {"0", "1", "2"}, 1), {});
  return model;
}

const ServedModel& text_model() {
  static const ServedModel model("rows.csv", clouds_csv(120, {"cat", "dog", "\"cow, calf\""}, 1),
                                 {});
  return model;
}

const ServedModel& binary_model() {
  static const ServedModel model("rows.csv", clouds_csv(120, {"no", "yes"}, 1),
                                 {"--task", "binary"});
  return model;
}

const ServedModel& price_model() {
  static const ServedModel model("rows.csv", prices_csv(120, 1), {});
  return model;
}

const ServedModel& people_model() {
  static const ServedModel model = [] {
    std::string csv = "age,job,member,bought\n";
    for (int i = 0; i < 120; ++i) {
      const bool bought = i % 3 == 0;
      csv += fmt::format("{},{},{},{}\n", i % 7 == 0 ? "" : std::to_string(20 + i % 50),
                         i % 5 == 0 ? "" : (i % 2 == 0 ? "clerk" : "\"cook, chief\""),
                         i % 4 == 0 ? "yes" : "no", bought ? "yes" : "no");
    }
    return ServedModel("rows.csv", csv, {"--target", "bought"});
  }();
  return model;
}

ProgramStart serve_start(const fs::path& model_dir, VariableMap variables, const Arguments& more) {
  Arguments arguments = {
      "serve", "--model_dir", model_dir.string(), "--host", "127.0.0.1", "--port", "0"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return native(fs::temp_directory_path(), std::move(arguments), std::move(variables));
}

Server::Server(const fs::path& model_dir, VariableMap variables, const Arguments& more)
    : Server(serve_start(model_dir, std::move(variables), more)) {}

Server::Server(const ProgramStart& start) : program_(start) {
  if (!program_.wait_for_line(Stream::kErr, "Ready")) {
    ended_ = true;
    FAIL("the server does not start: " << program_.wait().err);
  }
  std::smatch match;
  const std::string started = log();
  REQUIRE(std::regex_search(started, match, std::regex("Serving on [^\\s\"]*:([0-9]+)")));
  port_ = static_cast<std::uint16_t>(std::stoi(match[1]));
}

Server::~Server() {
  if (ended_ || std::uncaught_exceptions() > 0) return;
  try {
    program_.send(SIGTERM);
    const ProgramEnd end = wait();
    INFO(end.err);
    CHECK(end.signal == 0);
    CHECK(end.exit_code == 0);
  } catch (const std::exception& error) {
    CHECK_MESSAGE(false, error.what());
  }
}

ProgramEnd Server::wait() {
  ended_ = true;
  return program_.wait();
}

bool Server::logs(std::string_view text) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(2 * kSlowdown);
  while (log().find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

HttpAnswer Server::exchange(std::string_view request) {
  HttpAnswer answer = http_exchange(port_, request);
  log();  // so that the program never waits for a reader
  return answer;
}

HttpAnswer Server::get(std::string_view target) { return exchange(http_request("GET", target)); }

std::string invocation(std::string_view body, const Ask& ask) {
  HttpHeaders headers = ask.more;
  if (!ask.content_type.empty()) headers.emplace_back("Content-Type", ask.content_type);
  if (!ask.accept.empty()) headers.emplace_back("Accept", ask.accept);
  return http_request("POST", "/invocations", headers, body);
}

HttpAnswer Server::post(std::string_view body, const Ask& ask) {
  return exchange(invocation(body, ask));
}

std::string Server::answer(std::string_view body, const Ask& ask) {
  HttpAnswer answer = post(body, ask);
  INFO(answer.body.substr(0, 2000));
  CHECK(answer.status == 200);
  return std::move(answer.body);
}

std::vector<std::vector<float>> rows_of_json(const std::string& body, std::string_view key) {
  INFO(body.substr(0, 2000));
  const nlohmann::json parsed = nlohmann::json::parse(body, nullptr, false);
  REQUIRE(parsed.is_object());
  CHECK(parsed.size() == 1);
  REQUIRE(parsed.contains(std::string(key)));
  return parsed.at(std::string(key)).get<std::vector<std::vector<float>>>();
}

std::vector<std::vector<float>> Server::rows(std::string_view body, const Ask& ask,
                                             std::string_view key) {
  const HttpAnswer answer = post(body, ask);
  INFO(answer.body.substr(0, 2000));
  CHECK(answer.status == 200);
  if (answer.status != 200) return {};
  CHECK(answer.header("content-type") == "application/json");
  return rows_of_json(answer.body, key);
}

std::string refusal_text(const HttpAnswer& answer, int status) {
  INFO(answer.body.substr(0, 2000));
  CHECK(answer.status == status);
  CHECK(answer.header("content-type") == "application/json");
  const nlohmann::json parsed = nlohmann::json::parse(answer.body, nullptr, false);
  const bool told = parsed.is_object() && parsed.size() == 1 && parsed.contains("error") &&
                    parsed["error"].is_string();
  CHECK(told);
  if (!told) return answer.body;
  const std::string text = parsed["error"];
  CHECK(!text.empty());
  CHECK(text.size() <= 1024);
  return text;
}

std::string Server::refusal(int status, std::string_view body, const Ask& ask) {
  return refusal_text(post(body, ask), status);
}

bool is_good(const HttpAnswer& answer) {
  return answer.status == 200 && answer.body.starts_with("{\"predictions\":") &&
         answer.body.ends_with("]]}");
}

std::string large_csv(std::size_t rows) {
  std::string line;
  for (int i = 0; i < 784; ++i) line += i % 2 == 0 ? "0," : "0.78431374,";
  line.back() = '\n';
  std::string body;
  for (std::size_t row = 0; row < rows; ++row) body += line;
  return body;
}

}  // namespace mlp::test
