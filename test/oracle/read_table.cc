// Reads tables for the judges in this folder.
//
//   mlp_read_table
//     For each line of stdin, a JSON object, a line of JSON on stdout. Asked are "path", a file or
//     folder, and what ReadOptions holds: "target" (names or numbers), and, where wanted,
//     "delimiter" (one character), "missing_values", "header" ("auto", "true", "false"), "plain"
//     (whether rows may be read as float32) and "threads". Answered are "columns" and "targets",
//     objects with "name" and either "numbers" or "texts", null where a value is missing; or
//     "error", what a user would be told.
//
//   mlp_read_table --time FILE TARGET THREADS
//     Reads one file, and prints what that took.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/column.h"
#include "model/error.h"
#include "runtime/data/read_channel.h"

namespace {

using Json = nlohmann::ordered_json;

mlp::ReadOptions read_options(const nlohmann::json& request) {
  const std::map<std::string, mlp::Header> headers = {
      {"auto", mlp::Header::kAuto}, {"true", mlp::Header::kYes}, {"false", mlp::Header::kNo}};
  mlp::ReadOptions options;
  options.choice.targets = request.at("target").get<std::vector<std::string>>();
  options.header = headers.at(request.value("header", "auto"));
  const std::string delimiter = request.value("delimiter", "");
  if (!delimiter.empty()) options.delimiter = delimiter[0];
  if (request.contains("missing_values")) {
    options.missing_values =
        mlp::MissingValues(request.at("missing_values").get<std::vector<std::string>>());
  }
  options.allow_plain = request.value("plain", false);
  options.threads = request.value("threads", std::size_t{1});
  return options;
}

// Numbers that are no number become null.
Json column_json(const mlp::Column& column) {
  if (!column.is_text) return {{"name", column.name}, {"numbers", column.numbers}};
  Json texts = Json::array();
  for (const std::uint32_t code : column.codes) {
    texts.push_back(code == mlp::Column::kMissing ? Json(nullptr) : Json(column.texts[code]));
  }
  return {{"name", column.name}, {"texts", std::move(texts)}};
}

Json answer(const mlp::ChannelRows& read) {
  Json columns = Json::array();
  for (const mlp::Column& column : read.rows.columns) columns.push_back(column_json(column));
  const mlp::Features& features = read.rows.features;
  for (std::size_t i = 0; read.rows.columns.empty() && i < features.width; ++i) {
    Json numbers = Json::array();
    for (std::size_t at = i; at < features.floats.size(); at += features.width)
      numbers.push_back(features.floats[at]);
    columns.push_back({{"name", read.layout.features[i]}, {"numbers", std::move(numbers)}});
  }
  Json targets = Json::array();
  for (std::size_t i = 0; i < read.rows.targets.size(); ++i) {
    targets.push_back(column_json(read.rows.targets[i]));
    targets.back()["name"] = read.layout.targets[i];
  }
  return {{"columns", std::move(columns)}, {"targets", std::move(targets)}};
}

void answer_requests() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const nlohmann::json request = nlohmann::json::parse(line);
    Json result;
    try {
      result = answer(mlp::read_channel(request.at("path").get<std::string>(),
                                        mlp::ChannelRole::kTraining, read_options(request)));
    } catch (const mlp::UserError& error) {
      result = {{"error", error.what()}};
    }
    std::cout << result.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
}

// The most memory this process has had, in bytes. What getrusage() tells is no less than what its
// parent had.
std::size_t peak_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word && word != "VmHWM:") {
  }
  std::size_t kib = 0;
  status >> kib;
  return kib * 1024;
}

std::size_t texts_bytes(const mlp::TextPool& texts) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < texts.size(); ++i) bytes += texts[i].size();
  return bytes;
}

// What the values take: 8 bytes a number, 4 a text, and each distinct text once.
std::size_t value_bytes(const mlp::ChannelRows& read) {
  std::size_t bytes = sizeof(float) * read.rows.features.floats.size();
  for (const std::vector<mlp::Column>* const columns : {&read.rows.columns, &read.rows.targets}) {
    for (const mlp::Column& column : *columns) {
      bytes += sizeof(double) * column.numbers.size() +
               sizeof(std::uint32_t) * column.codes.size() + texts_bytes(column.texts);
    }
  }
  return bytes;
}

void time_reading(const std::string& file, const std::string& target, std::size_t threads) {
  mlp::ReadOptions options;
  options.choice.targets = {target};
  options.threads = threads;
  const std::size_t before = peak_bytes();
  const auto start = std::chrono::steady_clock::now();
  const mlp::ChannelRows read = mlp::read_channel(file, mlp::ChannelRole::kTraining, options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const std::size_t after = peak_bytes();
  std::cout << Json{{"seconds", seconds.count()},
                    {"rows", read.rows.rows()},
                    {"peak_bytes_before", before},
                    {"peak_bytes", after},
                    {"value_bytes", value_bytes(read)}}
            << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) {
    answer_requests();
    return EXIT_SUCCESS;
  }
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 4 || arguments[0] != "--time") {
    std::cerr << "usage: mlp_read_table [--time FILE TARGET THREADS]\n";
    return EXIT_FAILURE;
  }
  time_reading(arguments[1], arguments[2], std::stoul(arguments[3]));
  return EXIT_SUCCESS;
}
