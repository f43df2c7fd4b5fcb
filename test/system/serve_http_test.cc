#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "test/runtime/data/made_files.h"
#include "test/system/mlp_server.h"

// How mlp serve speaks HTTP: sections 7.2 and 7.3 of SageMaker's contract.

namespace mlp::test {
namespace {

using namespace std::string_literals;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Rows = std::vector<std::vector<float>>;

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

constexpr std::size_t kManyRows = 2000 / kSlowdown;

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
    // Only what is there at once counts. Until all of the first body has been read, it may be that
    // one that finds no room.
    for (int status = 200; status != 503;) {
      HttpConnection half = server.connect();
      half.send(http_request("POST", "/invocations", {{"Content-Length", "800000"}}, body));
      std::this_thread::sleep_for(milliseconds(20));
      status = server.post(kRow + body).status;
      if (status == 503) CHECK(is_good(server.post(kRow)));
    }
  }
}

}  // namespace mlp::test
