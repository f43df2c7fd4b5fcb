#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "test/support/messages.h"
#include "test/system/made_data.h"
#include "test/system/mlp_server.h"

// How mlp serve starts, stops and tells what it does: sections 7.1 and 7.2 of SageMaker's contract.

namespace mlp::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

}  // namespace

TEST_SUITE("system/serve_run") {
  TEST_CASE("mlp serve: at SIGTERM, accepted requests are answered, /ping is 503, and it exits 0") {
    Server server(clouds_model());
    std::vector<HttpConnection> begun;
    for (int i = 0; i < 8; ++i) {
      begun.push_back(server.connect());
      begun.back().send(http_request("POST", "/invocations",
                                     {{"Expect", "100-continue"}, {"Content-Length", "11"}}));
      REQUIRE(begun.back().receive().status == 100);  // so it was accepted
      begun.back().send("[[1,");
    }
    // Those whose header has begun are requests on the way.
    const std::string ping = http_request("GET", "/ping");
    std::vector<HttpConnection> pings;
    for (int i = 0; i < 20; ++i) {
      pings.push_back(server.connect());
      pings.back().send(ping.substr(0, ping.size() - 2));
    }
    pings[0].send("\r\n");
    CHECK(pings[0].receive().status == 200);
    const Clock::time_point stop = Clock::now();
    server.send(SIGTERM);
    int status = 200;
    for (std::size_t i = 1; i < pings.size() && status == 200; ++i) {
      std::this_thread::sleep_for(milliseconds(20 * kSlowdown));
      pings[i].send("\r\n");
      status = pings[i].receive().status;
    }
    CHECK(status == 503);
    pings.clear();
    for (HttpConnection& connection : begun) {
      connection.send("2,3,4]]");
      const HttpAnswer answer = connection.receive();
      CHECK(is_good(answer));
      CHECK(answer.header("connection") == "close");
      CHECK(connection.ends());
    }
    begun.clear();
    const ProgramEnd end = server.wait();
    INFO(end.err);
    CHECK(end.exit_code == 0);
    CHECK(Clock::now() - stop < milliseconds(5000 * kSlowdown));
  }

  TEST_CASE("mlp serve: SIGTERM under load breaks no answer off") {
    Server server(clouds_model());
    std::atomic<int> good = 0;
    std::atomic<int> bad = 0;
    std::vector<std::thread> clients;
    for (int client = 0; client < 8; ++client) {
      clients.emplace_back([&] {
        try {
          HttpConnection connection = server.connect();
          while (true) {
            if (!connection.send(invocation(kRow))) {
              ++bad;  // closed without a word
              return;
            }
            const HttpAnswer answer = connection.receive();
            is_good(answer) ? ++good : ++bad;
            if (answer.header("connection") == "close") return;
          }
        } catch (const std::exception&) {
          ++bad;
        }
      });
    }
    std::this_thread::sleep_for(milliseconds(200 * kSlowdown));
    server.send(SIGTERM);
    const ProgramEnd end = server.wait();
    for (std::thread& client : clients) client.join();
    CHECK(end.exit_code == 0);
    CHECK(good > 10);
    CHECK(bad == 0);
  }

  TEST_CASE("mlp serve: a large answer under way at SIGTERM is sent to its end") {
    Server server(picture_model());
    {
      HttpConnection connection = server.connect();
      // More than sockets hold, so when all of it is sent, the server has read most.
      const std::size_t rows = 4000 / kSlowdown;
      connection.send(invocation(large_csv(rows), kCsv));
      server.send(SIGTERM);
      const HttpAnswer answer = connection.receive();
      CHECK(answer.status == 200);
      CHECK(std::ranges::count(answer.body, '\n') == rows);
    }
    CHECK(server.wait().exit_code == 0);
  }

  TEST_CASE("mlp serve: SIGINT stops it too, and a slow sender holds no one up for ever") {
    Server server(clouds_model(), {{"MLP_BODY_TIMEOUT_SECONDS", "0.5"}});
    {
      HttpConnection slow = server.connect();
      slow.send(http_request("POST", "/invocations", {{"Content-Length", "11"}}, "[["));
      CHECK(server.get("/ping").status == 200);
      server.send(SIGINT);
      refusal_text(slow.receive(), 408);
    }
    CHECK(server.wait().exit_code == 0);
  }

  TEST_CASE("mlp serve: requests that came behind one another before SIGTERM are all answered") {
    Server server(clouds_model());
    HttpConnection connection = server.connect();
    const std::string one = invocation(kRow);
    connection.send(one.substr(0, one.size() - 1));
    CHECK(server.get("/ping").status == 200);
    server.send(SIGTERM);
    REQUIRE(server.logs("Stopping"));
    connection.send(one.substr(one.size() - 1) + one + one);
    for (int i = 0; i < 3; ++i) {
      const HttpAnswer answer = connection.receive();
      CHECK(is_good(answer));
      CHECK((answer.header("connection") == "close") == (i == 2));
    }
    CHECK(server.wait().exit_code == 0);
  }

  TEST_CASE(
      "mlp serve: an address that can't be listened on, and a header cut short, say what to do") {
    const ProgramEnd end = run_program(native(
        fs::temp_directory_path(), {"serve", "--model_dir", clouds_model().model_dir().string(),
                                    "--host", "192.0.2.1", "--port", "0"}));
    CHECK(end.exit_code == 1);
    check_contains(end.err, {"192.0.2.1", "--host"});
    Server server(clouds_model());
    HttpConnection connection = server.connect();
    connection.send("GET /ping HTTP/1.1\r\nHo");
    connection.end_sending();
    check_contains(refusal_text(connection.receive(), 400), {"within a request's header"});
  }

  TEST_CASE("mlp serve: a port in use is an error that says so") {
    Server server(clouds_model());
    const std::string port = std::to_string(server.port());
    const ProgramEnd end = run_program(native(
        fs::temp_directory_path(), {"serve", "--model_dir", clouds_model().model_dir().string(),
                                    "--host", "127.0.0.1", "--port", port}));
    CHECK(end.exit_code == 1);
    check_contains(end.err, {"error", port, "in use"});
    CHECK(is_good(server.post(kRow)));
  }

  TEST_CASE("mlp serve: the port is --port, else SAGEMAKER_BIND_TO_PORT") {
    std::string port;
    {
      Server server(clouds_model());
      port = std::to_string(server.port());
    }
    {
      ProgramStart start = native(
          fs::temp_directory_path(),
          {"serve", "--model_dir", clouds_model().model_dir().string(), "--host", "127.0.0.1"},
          {{"SAGEMAKER_BIND_TO_PORT", port}});
      Server server(start);
      CHECK(std::to_string(server.port()) == port);
      CHECK(is_good(server.post(kRow)));
    }
    Server server(clouds_model(), {{"SAGEMAKER_BIND_TO_PORT", "1"}});
    CHECK(server.port() != 1);
  }

  TEST_CASE(
      "mlp serve: in SageMaker's tree, the model is that of /opt/ml/model, on all addresses") {
    BaseDirectory base;
    fs::create_directories(base.model_dir());
    fs::copy(clouds_model().model_dir(), base.model_dir(), fs::copy_options::recursive);
    Server server(in_base(base, {"serve", "--port", "0"}));
    CHECK(server.log().find("Serving on 0.0.0.0:") != std::string::npos);
    CHECK(is_good(server.post(kRow)));
  }

  TEST_CASE("mlp serve: a value that can't be meant is told by its name") {
    const std::string model_dir = clouds_model().model_dir().string();
    for (const Arguments& arguments :
         {Arguments{"--port", "x"}, Arguments{"--port", "65536"}, Arguments{"--port", "-1"},
          Arguments{"--host", "not an address"}, Arguments{"--portal", "1"}}) {
      CAPTURE(arguments[0]);
      Arguments all = {"serve", "--model_dir", model_dir};
      all.insert(all.end(), arguments.begin(), arguments.end());
      const ProgramEnd end = run_program(native(fs::temp_directory_path(), all));
      CHECK((end.exit_code == 1 || end.exit_code == 2));
      check_contains(end.err, {arguments[0]});
    }
    for (const VariableMap& variables :
         {VariableMap{{"SAGEMAKER_BIND_TO_PORT", "eighty"}},
          VariableMap{{"SAGEMAKER_MAX_PAYLOAD_IN_MB", "-1"}},
          VariableMap{{"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "image/png"}},
          VariableMap{{"MLP_HEADER_TIMEOUT_SECONDS", "soon"}},
          VariableMap{{"MLP_BODY_TIMEOUT_SECONDS", "0"}}}) {
      const std::string& name = variables.begin()->first;
      CAPTURE(name);
      Arguments arguments = {"serve", "--model_dir", model_dir, "--host", "127.0.0.1"};
      if (name != "SAGEMAKER_BIND_TO_PORT") {
        arguments.push_back("--port");
        arguments.push_back("0");
      }
      const ProgramEnd end = run_program(native(fs::temp_directory_path(), arguments, variables));
      CHECK(end.exit_code == 1);
      check_contains(end.err, {name, variables.begin()->second});
    }
  }

  TEST_CASE("mlp serve: without a model, or with a broken one, it says why and exits 1") {
    const TempDirectory folder;
    const auto check = [&](const fs::path& model_dir,
                           std::initializer_list<std::string_view> words) {
      const ProgramEnd end = run_program(serve_start(model_dir));
      CHECK(end.exit_code == 1);
      check_contains(end.err, words);
      CHECK(lines_of(end.err).back().find("error") != std::string::npos);
    };
    check(folder / "nowhere", {"model.h5", "nowhere"});
    fs::create_directories(folder / "empty");
    check(folder / "empty", {"model.h5", "empty"});
    folder.write("broken/model.h5", "not a model");
    check(folder / "broken", {"model.h5"});
    const std::string whole = read_bytes(clouds_model().model_dir() / "model.h5");
    folder.write("half/model.h5", whole.substr(0, whole.size() / 2));
    check(folder / "half", {"model.h5", "not a whole"});
    fs::create_directories(folder / "two/1");
    fs::create_directories(folder / "two/2");
    fs::copy(clouds_model().model_dir() / "model.h5", folder / "two/1/model.h5");
    fs::copy(clouds_model().model_dir() / "model.h5", folder / "two/2/model.h5");
    check(folder / "two", {"model.h5", "several folders", "\"1\", \"2\""});
  }

  TEST_CASE(
      "mlp serve: a model one folder down is found, by mlp predict too, and archives are no "
      "matter") {
    for (const char* name : {"1", "model"}) {
      CAPTURE(name);
      const TempDirectory folder;
      fs::create_directories(folder / name);
      fs::copy(clouds_model().model_dir(), folder / name, fs::copy_options::recursive);
      folder.write("model.tar.gz", "stray");
      folder.write("output.tar.gz", "stray");
      folder.write("code/inference.py", "stray");
      {
        Server server(folder.path());
        CHECK(is_good(server.post(kRow)));
        CHECK(server.log().find(fmt::format("{}/model.h5", name)) != std::string::npos);
      }
      folder.write("rows.csv", "1,2,3,4\n");
      const ProgramEnd end =
          run_well(native(folder.path(), {"predict", "--model_dir", ".", "--input", "rows.csv"}));
      CHECK(end.err.find(fmt::format("{}/model.h5", name)) != std::string::npos);
    }
  }

  TEST_CASE("mlp serve: it serves a model that it can't write to, and leaves the folder as it is") {
    if (::geteuid() != 0) {
      MESSAGE("skipped: needs root to become another user");
      return;
    }
    const TempDirectory folder;
    REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
    fs::copy(clouds_model().model_dir(), folder / "model", fs::copy_options::recursive);
    for (const std::string& name : content_of(folder / "model")) {
      REQUIRE(::chmod((folder / "model" / name).c_str(), 0444) == 0);
    }
    REQUIRE(::chmod((folder / "model").c_str(), 0555) == 0);
    const std::vector<std::string> before = content_of(folder.path());
    ProgramStart start = serve_start(folder / "model");
    start.uid = 1234;
    start.working_directory = "/";
    {
      Server server(start);
      CHECK(is_good(server.post(kRow)));
    }
    CHECK(content_of(folder.path()) == before);
  }

  TEST_CASE("mlp serve: every refusal is in the log with its text") {
    Server server(clouds_model());
    server.refusal(400, "[[1,2,3,\"word\"]]");
    CHECK(server.logs("word"));
    server.refusal(415, kRow, {"image/png"});
    CHECK(server.logs("image/png"));
    server.refusal(406, kRow, {"application/json", "image/gif"});
    CHECK(server.logs("image/gif"));
    // What came can't forge a line of the log.
    server.refusal(400, "[[1,2,3,\"\\n2026-01-01 error: forged\"]]");
    server.refusal(400, "[[1,2,3,\"\x1b[31m\"]]");
    server.refusal(400, "[[1,2,3,\"\\u001b[31m\"]]");
    server.refusal(400, "1,2,3,\x1b[31m\r", kCsv);
    refusal_text(server.get("/%1b[31m"), 404);
    refusal_text(server.get("/\x7f"), 400);
    for (const std::string& line : lines_of(server.log())) {
      CHECK(!line.starts_with("2026-01-01 error"));
      CHECK(line.find('\x1b') == std::string::npos);
    }
  }

  TEST_CASE("mlp serve: at level 10 each request is a line of the log; as JSON where asked for") {
    {
      Server server(clouds_model(), {{"SAGEMAKER_CONTAINER_LOG_LEVEL", "10"}});
      server.post(kRow);
      CHECK(server.logs("/invocations"));
    }
    {
      Server server(clouds_model());
      server.post(kRow);
      server.get("/ping");
      CHECK(server.log().find("/invocations") == std::string::npos);
    }
    Server server(clouds_model(),
                  {{"SAGEMAKER_CONTAINER_LOG_LEVEL", "10"}, {"LOG_FORMAT", "json"}});
    server.post(kRow);
    server.refusal(400, "[[\"quote \\\" and \xff\"]]");
    server.refusal(415, kRow, {"image/\xff\"\\png"});
    server.send(SIGTERM);
    const ProgramEnd end = server.wait();
    CHECK(end.exit_code == 0);
    CHECK(lines_of(end.err).size() > 3);
    for (const std::string& line : lines_of(end.err)) {
      CAPTURE(line);
      const nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
      REQUIRE(object.is_object());
      CHECK(object.size() >= 3);
      for (const char* key : {"time", "level", "message"}) CHECK(object.contains(key));
    }
  }

  TEST_CASE("mlp serve: the log sums up the requests of each period that had any") {
    Server server(clouds_model(), {{"MLP_SUMMARY_SECONDS", "0.2"}});
    server.post(kRow);
    CHECK(server.logs("The last 0.2 s: requests 1, rows 1, errors 0, p50 "));
    server.post("[[1]]");
    CHECK(server.logs("The last 0.2 s: requests 1, rows 0, errors 1, p50 "));
    CHECK(server.log().find("requests 0") == std::string::npos);
  }

  TEST_CASE("mlp train: LOG_FORMAT=json makes each line of the log an object") {
    const TempDirectory folder;
    folder.write("data/rows.csv", clouds_csv(40, {"a", "b"}, 1));
    const ProgramEnd end =
        run_well(native(folder.path(), {"train", "--epochs", "1"}, {{"LOG_FORMAT", "json"}}));
    CHECK(end.out.starts_with("Epoch 1/1"));  // metrics stay as they are
    for (const std::string& line : lines_of(end.err)) {
      CAPTURE(line);
      const nlohmann::json object = nlohmann::json::parse(line, nullptr, false);
      REQUIRE(object.is_object());
      CHECK(object.at("level") == "info");
      CHECK(object.contains("time"));
      CHECK(object.contains("message"));
    }
    const ProgramEnd failed = run_program(
        native(folder.path(), {"train", "--train", "nowhere.csv"}, {{"LOG_FORMAT", "json"}}));
    CHECK(failed.exit_code == 1);
    CHECK(nlohmann::json::parse(lines_of(failed.err).back()).at("level") == "error");
  }

  TEST_CASE("mlp serve: /metrics counts requests, rows and seconds as Prometheus reads them") {
    Server server(clouds_model());
    for (int i = 0; i < 3; ++i) server.post("[[1,2,3,4],[5,6,7,8]]");
    server.post("[[1]]");
    server.get("/nowhere");
    const HttpAnswer answer = server.get("/metrics");
    CHECK(answer.status == 200);
    CHECK(answer.header("content-type").starts_with("text/plain"));
    const std::regex sample(
        R"(^[a-zA-Z_:][a-zA-Z0-9_:]*(\{[a-zA-Z_]+="[^"]*"(,[a-zA-Z_]+="[^"]*")*\})? [-+0-9.eE]+$|.* \+Inf$)");
    for (const std::string& line : lines_of(answer.body)) {
      CAPTURE(line);
      const bool comment = line.starts_with("# HELP ") || line.starts_with("# TYPE ");
      CHECK((comment || std::regex_match(line, sample)));
    }
    const auto value = [&](const std::string& name) {
      for (const std::string& line : lines_of(answer.body)) {
        if (line.starts_with(name + ' ')) return std::atof(line.substr(name.size()).c_str());
      }
      return -1.0;
    };
    CHECK(value("mlp_requests_total{path=\"/invocations\",code=\"200\"}") == 3);
    CHECK(value("mlp_requests_total{path=\"/invocations\",code=\"400\"}") == 1);
    CHECK(answer.body.find("code=\"404\"} 1\n") != std::string::npos);
    CHECK(value("mlp_rows_total") == 6);
    CHECK(value("mlp_request_duration_seconds_count") >= 4);
    CHECK(value("mlp_request_duration_seconds_sum") > 0);
    CHECK(value("mlp_request_duration_seconds_bucket{le=\"+Inf\"}") ==
          value("mlp_request_duration_seconds_count"));
    CHECK(answer.body.find("mlp_build_info{") != std::string::npos);
    // Buckets never decrease.
    double before = 0;
    for (const std::string& line : lines_of(answer.body)) {
      if (!line.starts_with("mlp_request_duration_seconds_bucket")) continue;
      const double count = std::atof(line.substr(line.rfind(' ')).c_str());
      CHECK(count >= before);
      before = count;
    }
  }
}

}  // namespace mlp::test
