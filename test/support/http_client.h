#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mlp::test {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpAnswer {
  int status = 0;
  HttpHeaders headers;  // names in lower case
  std::string body;

  // A header's value; empty where it is missing. `name` is in lower case.
  std::string header(std::string_view name) const;
};

// A request as it goes over the wire, with Host and, unless `headers` says how long the body is,
// with Content-Length.
std::string http_request(std::string_view method, std::string_view target,
                         const HttpHeaders& headers = {}, std::string_view body = {});

// One connection over TCP to a server on this machine, which sends any bytes and reads HTTP/1.1.
// Each wait ends after ten seconds (longer under sanitizers), by an exception.
class HttpConnection {
 public:
  explicit HttpConnection(std::uint16_t port);
  ~HttpConnection();
  HttpConnection(HttpConnection&& other) noexcept;
  HttpConnection& operator=(HttpConnection&& other) noexcept;
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // False where the server has closed the connection before it took all; its answer may be there
  // to receive() none the less.
  bool send(std::string_view bytes);

  // The server finds the end after what was sent, and can still answer.
  void end_sending();

  // The next answer, 1xx among them: with its length, in chunks, or up to the connection's end.
  // Throws std::runtime_error where the connection ends before the answer does, and where its bytes
  // are no HTTP. Answers to HEAD have no body, whatever their headers say.
  HttpAnswer receive(bool to_head = false);

  // Whether the server closes the connection, without another byte.
  bool ends();

  // Whether a byte or the end comes within this time.
  bool readable_within(std::chrono::milliseconds time);

 private:
  // Adds what comes to the buffer; false at the end.
  bool pump();
  // Takes from the buffer, and waits for what is not there yet.
  std::string take(std::size_t count);
  std::string take_line();

  int socket_ = -1;
  std::string buffer_;
};

// A connection for one request. Throws std::runtime_error where no whole answer comes.
HttpAnswer http_exchange(std::uint16_t port, std::string_view request);

}  // namespace mlp::test
