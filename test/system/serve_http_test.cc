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
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "test/runtime/data/made_files.h"
#include "test/support/messages.h"
#include "test/system/made_data.h"
#include "test/system/mlp_server.h"

// How mlp serve speaks HTTP, starts and stops: sections 7.1 to 7.3 of SageMaker's contract.

namespace mlp::test {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Rows = std::vector<std::vector<float>>;

const std::string kRow = "[[1,2,3,4]]";

// The answer that every test of a sound request expects for kRow.
bool is_good(const HttpAnswer& answer) {
  return answer.status == 200 && answer.body.starts_with("{\"predictions\":") &&
         answer.body.ends_with("]]}");
}

// That the server refuses what it was sent and closes the connection.
void check_refused(Server& server, std::string_view bytes, std::initializer_list<int> statuses) {
  CAPTURE(std::string(bytes.substr(0, 200)));
  HttpConnection connection = server.connect();
  connection.send(bytes);
  const HttpAnswer answer = connection.receive();
  CAPTURE(answer.status);
  CHECK(std::ranges::find(statuses, answer.status) != statuses.end());
  refusal_text(answer, answer.status);
  CHECK(connection.ends());
}

std::string chunked(const std::vector<std::string>& chunks) {
  std::string body;
  for (const std::string& chunk : chunks)
    body += fmt::format("{:x}\r\n{}\r\n", chunk.size(), chunk);
  return body + "0\r\n\r\n";
}

const HttpHeaders kChunked = {{"Transfer-Encoding", "chunked"}};

// A body that takes a while: as many rows of a picture.
std::string large_csv(std::size_t rows) {
  std::string line;
  for (int i = 0; i < 784; ++i) line += i % 2 == 0 ? "0," : "0.78431374,";
  line.back() = '\n';
  std::string body;
  for (std::size_t row = 0; row < rows; ++row) body += line;
  return body;
}

constexpr std::size_t kManyRows = 2000 / kSlowdown;

const Ask kCsv = {"text/csv", "text/csv"};

}  // namespace

TEST_SUITE("system/serve_http") {
  TEST_CASE("mlp serve: /ping is 200 with no body, to GET and to HEAD") {
    Server server(clouds_model());
    const HttpAnswer got = server.get("/ping");
    CHECK(got.status == 200);
    CHECK(got.body.empty());
    HttpConnection connection = server.connect();
    for (int i = 0; i < 3; ++i) {
      connection.send(http_request("HEAD", "/ping"));
      CHECK(connection.receive(true).status == 200);
    }
    // Nothing of a body has come with the answers to HEAD.
    connection.send(http_request("GET", "/ping"));
    CHECK(connection.receive().status == 200);
    connection.send(http_request("HEAD", "/elsewhere"));
    CHECK(connection.receive(true).status == 404);
    connection.send(http_request("HEAD", "/invocations"));
    CHECK(connection.receive(true).status == 405);
    connection.send(invocation(kRow));
    CHECK(is_good(connection.receive()));
  }

  TEST_CASE("mlp serve: another path is 404, another method 405 with those that there are") {
    Server server(clouds_model());
    for (const char* path : {"/", "/pingu", "/models", "/models/m/invoke", "/invocations/x", "/..",
                             "/%2e%2e/etc/passwd", "//ping", "/metrics2"}) {
      CAPTURE(path);
      refusal_text(server.get(path), 404);
      refusal_text(server.exchange(http_request("POST", path, {}, kRow)), 404);
    }
    const struct {
      const char* path;
      const char* method;
      std::vector<std::string> allowed;
    } cases[] = {
        {"/ping", "POST", {"GET", "HEAD"}},   {"/ping", "PUT", {"GET", "HEAD"}},
        {"/ping", "DELETE", {"GET", "HEAD"}}, {"/ping", "OPTIONS", {"GET", "HEAD"}},
        {"/invocations", "GET", {"POST"}},    {"/invocations", "PUT", {"POST"}},
        {"/invocations", "PATCH", {"POST"}},  {"/execution-parameters", "POST", {"GET"}},
        {"/metrics", "POST", {"GET"}},        {"/metrics", "BREW", {"GET"}},
    };
    for (const auto& c : cases) {
      CAPTURE(c.path);
      CAPTURE(c.method);
      const HttpAnswer answer = server.exchange(http_request(c.method, c.path));
      refusal_text(answer, 405);
      for (const std::string& method : c.allowed) {
        CHECK(answer.header("allow").find(method) != std::string::npos);
      }
    }
  }

  TEST_CASE("mlp serve: one connection carries one request after another, errors among them") {
    Server server(clouds_model());
    HttpConnection connection = server.connect();
    for (int i = 0; i < 20; ++i) {
      connection.send(invocation(kRow));
      CHECK(is_good(connection.receive()));
      connection.send(invocation("[[1,2]]"));
      refusal_text(connection.receive(), 400);
      connection.send(invocation(kRow, {"image/png"}));
      refusal_text(connection.receive(), 415);
      connection.send(http_request("GET", "/nowhere"));
      refusal_text(connection.receive(), 404);
      connection.send(http_request("GET", "/ping"));
      CHECK(connection.receive().status == 200);
    }
  }

  TEST_CASE("mlp serve: Connection: close, and HTTP/1.0 without keep-alive, end the connection") {
    Server server(clouds_model());
    {
      HttpConnection connection = server.connect();
      connection.send(invocation(kRow, {.more = {{"Connection", "close"}}}));
      CHECK(is_good(connection.receive()));
      CHECK(connection.ends());
    }
    {
      HttpConnection connection = server.connect();
      connection.send("GET /ping HTTP/1.0\r\n\r\n");
      CHECK(connection.receive().status == 200);
      CHECK(connection.ends());
    }
    HttpConnection connection = server.connect();
    connection.send(invocation(kRow));
    connection.end_sending();
    CHECK(is_good(connection.receive()));
    CHECK(connection.ends());
  }

  TEST_CASE("mlp serve: requests that come in one piece are answered in their order") {
    Server server(clouds_model());
    const Rows expected = clouds_model().predict("rows.csv", "1,2,3,4\n0,0,0,0\n3,0,0,0\n");
    HttpConnection connection = server.connect();
    std::string all;
    for (const char* row : {"[[1,2,3,4]]", "[[0,0,0,0]]", "[[3,0,0,0]]"}) {
      all += invocation(row) + http_request("GET", "/ping");
    }
    for (int round = 0; round < 3; ++round) {
      connection.send(all);
      for (std::size_t row = 0; row < 3; ++row) {
        CHECK(rows_of_json(connection.receive().body) == Rows{expected[row]});
        const HttpAnswer ping = connection.receive();
        CHECK(ping.status == 200);
        CHECK(ping.body.empty());
      }
    }
    // Chunked ones too, and with all that comes behind the last.
    const std::string one = http_request("POST", "/invocations", kChunked, chunked({kRow}));
    connection.send(one + one + http_request("GET", "/ping"));
    CHECK(is_good(connection.receive()));
    CHECK(is_good(connection.receive()));
    CHECK(connection.receive().status == 200);
  }

  TEST_CASE("mlp serve: requests may come byte by byte") {
    Server server(clouds_model());
    HttpConnection connection = server.connect();
    for (const std::string& request :
         {invocation(kRow),
          http_request("POST", "/invocations", kChunked, chunked({"[[1,2", ",3,4]]"}))}) {
      for (const char byte : request) {
        REQUIRE(connection.send(std::string(1, byte)));
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
      CHECK(is_good(connection.receive()));
    }
  }

  TEST_CASE(
      "mlp serve: a chunked body is read in chunks of any size, with extensions and trailers") {
    Server server(clouds_model());
    HttpConnection connection = server.connect();
    const auto post = [&](const std::string& body) {
      connection.send(http_request("POST", "/invocations", kChunked, body));
      return connection.receive();
    };
    CHECK(is_good(post(chunked({kRow}))));
    CHECK(is_good(post(chunked({"[", "[1,", "2,3", ",4]", "]"}))));
    CHECK(is_good(post("B\r\n" + kRow + "\r\n000\r\n\r\n")));
    CHECK(is_good(post("b;name=value\r\n" + kRow + "\r\n0;last\r\n\r\n")));
    CHECK(is_good(post("b\r\n" + kRow + "\r\n0\r\nX-Trailer: 1\r\nX-More: 2\r\n\r\n")));
    refusal_text(post("0\r\n\r\n"), 400);  // an empty body
    std::vector<std::string> bytes;
    std::string padded(3000, ' ');
    for (const char byte : padded + kRow) bytes.emplace_back(1, byte);
    CHECK(is_good(post(chunked(bytes))));
    // The name of the coding has no case.
    connection.send(
        http_request("POST", "/invocations", {{"transfer-encoding", "Chunked"}}, chunked({kRow})));
    CHECK(is_good(connection.receive()));
  }

  TEST_CASE("mlp serve: wrong chunks are refused with 400 and the end of the connection") {
    Server server(clouds_model());
    for (const char* body :
         {"zz\r\n", "-1\r\n", "\r\n\r\n", "b\r\n[[1,2,3,4]]xx0\r\n\r\n", "fffffffffffffffff\r\n",
          "0x0b\r\n\r\n", "b \n[[1,2,3,4]]\r\n", "5\r\n[[1,2,3,4]]\r\n0\r\n\r\n"}) {
      CAPTURE(body);
      check_refused(server, http_request("POST", "/invocations", kChunked, body), {400});
    }
    check_refused(server, http_request("POST", "/invocations", kChunked, "ffffffffffffffff\r\n"),
                  {400, 413});
    check_refused(server, http_request("POST", "/invocations", kChunked, std::string(100'000, '1')),
                  {400, 413});
    CHECK(is_good(server.post(kRow)));
  }

  TEST_CASE("mlp serve: a wrong length is refused with 400 and the end of the connection") {
    Server server(clouds_model());
    for (const char* length : {"x", "-1", "+11", "1e1", "11,12", "11 11", "0x0b", "",
                               "99999999999999999999999", "18446744073709551616"}) {
      CAPTURE(length);
      check_refused(server,
                    http_request("POST", "/invocations", {{"Content-Length", length}}, kRow),
                    {400, 413});
    }
    check_refused(server,
                  http_request("POST", "/invocations",
                               {{"Content-Length", "11"}, {"Content-Length", "12"}}, kRow + " "),
                  {400});
    check_refused(
        server, http_request("POST", "/invocations", {{"Transfer-Encoding", "gzip"}}, kRow), {400});
    check_refused(
        server,
        http_request("POST", "/invocations", {{"Transfer-Encoding", "chunked, identity"}}, kRow),
        {400});
    // A body without any length is none, so that what follows must not be taken for one.
    HttpConnection connection = server.connect();
    connection.send("POST /invocations HTTP/1.1\r\nHost: a\r\n\r\n");
    const HttpAnswer answer = connection.receive();
    CHECK((answer.status == 400 || answer.status == 411));
  }

  TEST_CASE("mlp serve: no request is smuggled in behind one with two lengths") {
    Server server(clouds_model());
    for (const HttpHeaders& headers :
         {HttpHeaders{{"Content-Length", "4"}, {"Transfer-Encoding", "chunked"}},
          HttpHeaders{{"Transfer-Encoding", "chunked"}, {"Content-Length", "4"}},
          HttpHeaders{{"Content-Length", "0"}, {"Transfer-Encoding", "chunked"}},
          HttpHeaders{{"Transfer-Encoding", "x"}, {"Transfer-Encoding", "chunked"}},
          HttpHeaders{{"Transfer-Encoding ", "chunked"}, {"Content-Length", "4"}},
          HttpHeaders{{"Content-Length ", "4"}}}) {
      CAPTURE(headers[0].first);
      HttpConnection connection = server.connect();
      connection.send(
          http_request("POST", "/invocations", headers,
                       "0\r\n\r\nGET /execution-parameters HTTP/1.1\r\nHost: a\r\n\r\n"));
      connection.end_sending();
      refusal_text(connection.receive(), 400);
      CHECK(connection.ends());
    }
  }

  TEST_CASE("mlp serve: what is no HTTP is refused with 400 and the end of the connection") {
    Server server(clouds_model());
    for (const std::string& bytes :
         {std::string("hello\r\n\r\n"), std::string("GET /ping\r\n\r\n"),
          std::string("GET /ping HTTP/9.9\r\n\r\n"), std::string("GET  /ping HTTP/1.1\r\n\r\n"),
          std::string("GET /ping HTTP/1.1\r\nno colon\r\n\r\n"),
          std::string("GET /ping HTTP/1.1\r\n: empty name\r\n\r\n"),
          std::string("GET /ping HTTP/1.1\r\nA b: c\r\n\r\n"),
          "GET /pi\0ng HTTP/1.1\r\nHost: a\r\n\r\n"s, "GET /ping HTTP/1.1\r\nHost: a\0b\r\n\r\n"s,
          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS\r\n\r\n"s,
          std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")}) {
      check_refused(server, bytes, {400});
    }
    check_refused(server, http_request("GET", "/ping", {{"X-Large", std::string(1'000'000, 'x')}}),
                  {400, 431});
    check_refused(server, http_request("GET", '/' + std::string(1'000'000, 'x')), {400, 414, 431});
    HttpHeaders many;
    for (int i = 0; i < 100'000; ++i) many.emplace_back("X-" + std::to_string(i), "y");
    check_refused(server, http_request("GET", "/ping", many), {400, 431});
    check_refused(server, std::string(1'000'000, 'G'), {400, 414, 431});
    // Some headers are no fault yet.
    many.resize(50);
    CHECK(server.exchange(http_request("GET", "/ping", many)).status == 200);
  }

  TEST_CASE("mlp serve: who expects 100-continue gets it, then the answer") {
    Server server(clouds_model(), {{"SAGEMAKER_MAX_PAYLOAD_IN_MB", "1"}});
    HttpConnection connection = server.connect();
    for (int i = 0; i < 2; ++i) {
      connection.send(http_request("POST", "/invocations",
                                   {{"Expect", "100-continue"}, {"Content-Length", "11"}}));
      CHECK(connection.receive().status == 100);
      connection.send(kRow);
      CHECK(is_good(connection.receive()));
    }
    connection.send(http_request("POST", "/invocations",
                                 {{"Expect", "100-continue"}, {"Transfer-Encoding", "chunked"}}));
    CHECK(connection.receive().status == 100);
    connection.send(chunked({kRow}));
    CHECK(is_good(connection.receive()));
    // Who would send too much is told before.
    connection.send(http_request("POST", "/invocations",
                                 {{"Expect", "100-continue"}, {"Content-Length", "1048577"}}));
    refusal_text(connection.receive(), 413);
    CHECK(connection.ends());
  }

  TEST_CASE("mlp serve: a body beyond the limit is 413 and the end of the connection") {
    constexpr std::size_t kLimit = 1 << 20;
    Server server(clouds_model(), {{"SAGEMAKER_MAX_PAYLOAD_IN_MB", "1"}});
    const std::string whole = kRow + std::string(kLimit - kRow.size(), ' ');
    CHECK(is_good(server.post(whole)));
    CHECK(
        is_good(server.exchange(http_request("POST", "/invocations", kChunked, chunked({whole})))));
    for (const std::string& request :
         {invocation(whole + ' '), invocation(whole + whole + whole),
          http_request("POST", "/invocations", kChunked, chunked({whole, " "})),
          http_request("POST", "/invocations", kChunked, chunked({whole, whole, whole})),
          http_request("POST", "/invocations", {{"Content-Length", "1048577"}}),
          http_request("POST", "/invocations", {{"Content-Length", "9223372036854775807"}})}) {
      HttpConnection connection = server.connect();
      connection.send(request);
      const HttpAnswer answer = connection.receive();
      refusal_text(answer, 413);
      CHECK(answer.header("connection") == "close");
      CHECK(connection.ends());
    }
    Server usual(clouds_model());
    check_refused(usual, http_request("POST", "/invocations", {{"Content-Length", "104857601"}}),
                  {413});
  }

  TEST_CASE("mlp serve: who is too slow with a body gets 408, with a header the end") {
    Server server(clouds_model(),
                  {{"MLP_HEADER_TIMEOUT_SECONDS", "0.25"}, {"MLP_BODY_TIMEOUT_SECONDS", "0.25"}});
    const auto check_slow = [&](std::string_view start) {
      CAPTURE(std::string(start));
      HttpConnection connection = server.connect();
      const Clock::time_point begin = Clock::now();
      connection.send(start);
      const HttpAnswer answer = connection.receive();
      refusal_text(answer, 408);
      CHECK(answer.header("connection") == "close");
      CHECK(connection.ends());
      CHECK(Clock::now() - begin >= milliseconds(200));
      CHECK(Clock::now() - begin < milliseconds(3000 * kSlowdown));
    };
    check_slow(http_request("POST", "/invocations", {{"Content-Length", "11"}}));
    check_slow(http_request("POST", "/invocations", {{"Content-Length", "11"}}, "[[1,"));
    check_slow(http_request("POST", "/invocations", kChunked));
    check_slow(http_request("POST", "/invocations", kChunked, "b\r\n[[1,"));
    check_slow(http_request("POST", "/invocations", kChunked, "b\r\n[[1,2,3,4]]\r\n"));

    const auto trickle = [&](std::string_view start, const char* byte) {
      HttpConnection connection = server.connect();
      connection.send(start);
      const Clock::time_point end = Clock::now() + milliseconds(5000 * kSlowdown);
      while (!connection.readable_within(milliseconds(50)) && Clock::now() < end) {
        connection.send(byte);
      }
      return Clock::now() < end;
    };
    CHECK(trickle(http_request("POST", "/invocations", {{"Content-Length", "100000"}}), "1"));
    CHECK(trickle(http_request("POST", "/invocations", kChunked), "1\r\n1\r\n"));
    CHECK(trickle("GET /ping HTTP/1.1\r\n", "A: b\r\n"));
    CHECK(trickle("GET /pi", "n"));
    // A connection on which nothing is asked in the middle of a request.
    HttpConnection silent = server.connect();
    silent.send("GET /ping HTTP/1.1\r\nHost");
    CHECK(silent.readable_within(milliseconds(5000 * kSlowdown)));
    CHECK(is_good(server.post(kRow)));
  }

  TEST_CASE("mlp serve: clients that leave in mid-request harm no other") {
    Server server(clouds_model());
    const std::string request = invocation(kRow);
    for (std::size_t size = 0; size < request.size(); size += 3) {
      HttpConnection connection = server.connect();
      connection.send(request.substr(0, size));
    }
    for (int i = 0; i < 20; ++i) {
      HttpConnection connection = server.connect();
      connection.send(request);  // and no one reads the answer
    }
    for (std::size_t size = 1; size < request.size(); size += 40) {
      HttpConnection connection = server.connect();
      connection.send(request.substr(0, size));
      connection.end_sending();
      // With an answer or without, the connection ends.
      if (!connection.ends()) {
        const HttpAnswer answer = connection.receive();
        refusal_text(answer, answer.status);
        CHECK((answer.status == 400 || answer.status == 408));
        CHECK(connection.ends());
      }
    }
    CHECK(is_good(server.post(kRow)));
  }

  TEST_CASE("mlp serve: 200 idle connections keep no one from an answer, nor the server running") {
    Server server(clouds_model());
    std::vector<HttpConnection> idle;
    for (int i = 0; i < 200; ++i) idle.push_back(server.connect());
    for (int i = 0; i < 50; ++i) {
      idle[static_cast<std::size_t>(i)].send(http_request("GET", "/ping"));
      CHECK(idle[static_cast<std::size_t>(i)].receive().status == 200);
    }
    for (int i = 50; i < 100; ++i) idle[static_cast<std::size_t>(i)].send("POST /invo");
    const Clock::time_point start = Clock::now();
    CHECK(server.get("/ping").status == 200);
    CHECK(is_good(server.post(kRow)));
    CHECK(Clock::now() - start < milliseconds(1000 * kSlowdown));
    idle[199].send(invocation(kRow));
    CHECK(is_good(idle[199].receive()));

    idle.erase(idle.begin() + 50, idle.begin() + 100);
    const Clock::time_point stop = Clock::now();
    server.send(SIGTERM);
    const ProgramEnd end = server.wait();
    CHECK(end.exit_code == 0);
    CHECK(Clock::now() - stop < milliseconds(3000 * kSlowdown));
  }

  TEST_CASE("mlp serve: /ping answers while large requests are worked on") {
    Server server(picture_model());
    const std::string request = invocation(large_csv(kManyRows), kCsv);
    std::atomic<int> running = 4;
    std::atomic<int> good = 0;
    std::vector<std::thread> clients;
    for (int client = 0; client < 4; ++client) {
      clients.emplace_back([&] {
        try {
          HttpConnection connection = server.connect();
          for (int i = 0; i < 3; ++i) {
            connection.send(request);
            const HttpAnswer answer = connection.receive();
            const auto lines = std::ranges::count(answer.body, '\n');
            if (answer.status == 200 && lines == kManyRows) ++good;
          }
        } catch (const std::exception&) {
        }
        --running;
      });
    }
    Clock::duration longest{};
    int pings = 0;
    bool answered = true;
    while (running > 0) {
      const Clock::time_point start = Clock::now();
      answered = answered && server.get("/ping").status == 200;
      longest = std::max(longest, Clock::now() - start);
      ++pings;
    }
    for (std::thread& client : clients) client.join();
    CHECK(good == 12);
    CHECK(answered);
    CHECK(pings > 3);
    CHECK(longest < milliseconds(500 * kSlowdown));
  }

  TEST_CASE("mlp serve: beyond what may wait, a request is 503 with Retry-After") {
    Server server(picture_model().model_dir(),
                  {{"SAGEMAKER_MODEL_SERVER_WORKERS", "1"}, {"MLP_MOST_WAITING_REQUESTS", "1"}});
    const std::string request = invocation(large_csv(kManyRows), kCsv);
    constexpr int kClients = 12;
    std::vector<std::optional<HttpAnswer>> answers(kClients);
    std::vector<std::thread> clients;
    for (auto& answer : answers) {
      clients.emplace_back([&] {
        try {
          answer = http_exchange(server.port(), request);
        } catch (const std::exception&) {
        }
      });
    }
    for (std::thread& client : clients) client.join();
    int good = 0;
    int refused = 0;
    for (const auto& answer : answers) {
      REQUIRE(answer);
      if (answer->status == 200) {
        ++good;
        CHECK(std::ranges::count(answer->body, '\n') == kManyRows);
      } else {
        ++refused;
        refusal_text(*answer, 503);
        CHECK(std::atoi(answer->header("retry-after").c_str()) >= 1);
      }
    }
    CHECK(good >= 1);
    CHECK(refused >= 1);
    CHECK(server.get("/ping").status == 200);
  }

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

  TEST_CASE("mlp serve: several Accept fields are one list") {
    Server server(clouds_model());
    const Ask ask = {"application/json", "image/png", {{"Accept", "text/csv"}}};
    CHECK(server.answer(kRow, ask).find('[') == std::string::npos);
  }

  TEST_CASE("mlp serve: bodies that were refused take no room for ever") {
    Server server(clouds_model(), {{"MLP_MOST_BUFFERED_MB", "1"}});
    const std::string body(700'000, ' ');
    for (int i = 0; i < 4; ++i) {
      CHECK(server.exchange(http_request("POST", "/nowhere", {{"Connection", "close"}}, body))
                .status == 404);
      CHECK(server.refusal(400, body).find("empty") != std::string::npos);
    }
    HttpConnection kept = server.connect();
    kept.send(http_request("POST", "/nowhere", {}, body));
    CHECK(kept.receive().status == 404);
    CHECK(is_good(server.post(kRow + body)));
    // Only what is there at once counts.
    HttpConnection half = server.connect();
    half.send(http_request("POST", "/invocations", {{"Content-Length", "800000"}}, body));
    while (server.post(kRow + body).status != 503) std::this_thread::sleep_for(milliseconds(1));
    CHECK(is_good(server.post(kRow)));
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
