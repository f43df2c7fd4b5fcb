#include "test/support/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>

#include "test/support/program.h"

namespace mlp::test {
namespace {

constexpr std::chrono::milliseconds kPatience{10'000 * kSlowdown};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

std::size_t number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw std::runtime_error("no length: \"" + std::string(text) + '"');
  }
  return value;
}

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &HttpHeaders::value_type::first);
  return found == headers.end() ? "" : found->second;
}

std::string http_request(std::string_view method, std::string_view target,
                         const HttpHeaders& headers, std::string_view body) {
  std::string text = std::string(method) + ' ' + std::string(target) + " HTTP/1.1\r\n";
  text += "Host: localhost\r\n";
  bool framed = method == "GET" || method == "HEAD";
  for (const auto& [name, value] : headers) {
    text += name + ": " + value + "\r\n";
    const std::string key = lower_case(name);
    framed = framed || key == "content-length" || key == "transfer-encoding";
  }
  if (!framed) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

HttpConnection::HttpConnection(std::uint16_t port)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (socket_ < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int reason = errno;
    ::close(socket_);
    errno = reason;
    fail("connect");
  }
}

HttpConnection::~HttpConnection() {
  if (socket_ >= 0) ::close(socket_);
}

HttpConnection::HttpConnection(HttpConnection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), buffer_(std::move(other.buffer_)) {}

HttpConnection& HttpConnection::operator=(HttpConnection&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

bool HttpConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd polled{socket_, POLLOUT, 0};
    const int ready = ::poll(&polled, 1, static_cast<int>(kPatience.count()));
    if (ready < 0 && errno != EINTR) fail("poll");
    if (ready == 0) throw std::runtime_error("the server takes no more bytes");
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return false;
    } else if (errno != EINTR && errno != EAGAIN) {
      fail("send");
    }
  }
  return true;
}

void HttpConnection::end_sending() { ::shutdown(socket_, SHUT_WR); }

bool HttpConnection::readable_within(std::chrono::milliseconds time) {
  if (!buffer_.empty()) return true;
  pollfd polled{socket_, POLLIN, 0};
  const int ready = ::poll(&polled, 1, static_cast<int>(time.count()));
  if (ready < 0) fail("poll");
  return ready > 0;
}

bool HttpConnection::pump() {
  pollfd polled{socket_, POLLIN, 0};
  const int ready = ::poll(&polled, 1, static_cast<int>(kPatience.count()));
  if (ready < 0 && errno != EINTR) fail("poll");
  if (ready == 0) throw std::runtime_error("the server sends nothing; so far:\n" + buffer_);
  std::array<char, 65536> chunk{};
  const ssize_t count = ::recv(socket_, chunk.data(), chunk.size(), MSG_DONTWAIT);
  if (count > 0) buffer_.append(chunk.data(), static_cast<std::size_t>(count));
  if (count < 0 && errno != EINTR && errno != EAGAIN && errno != ECONNRESET) fail("recv");
  return count > 0 || (count < 0 && errno != ECONNRESET);
}

std::string HttpConnection::take(std::size_t count) {
  while (buffer_.size() < count) {
    if (!pump()) throw std::runtime_error("the connection ends within an answer:\n" + buffer_);
  }
  std::string taken = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return taken;
}

std::string HttpConnection::take_line() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!pump()) throw std::runtime_error("the connection ends where a line was expected");
  }
  std::string line = take(end + 2);
  line.resize(end);
  return line;
}

HttpAnswer HttpConnection::receive(bool to_head) {
  const std::string first = take_line();
  if (!first.starts_with("HTTP/1.1 ") || first.size() < 13 || first[12] != ' ') {
    throw std::runtime_error("no status line: \"" + first + '"');
  }
  HttpAnswer response;
  response.status = static_cast<int>(number(first.substr(9, 3), 10));
  for (std::string line = take_line(); !line.empty(); line = take_line()) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) throw std::runtime_error("no header: \"" + line + '"');
    const std::size_t value = std::min(line.find_first_not_of(" \t", colon + 1), line.size());
    response.headers.emplace_back(lower_case(line.substr(0, colon)), line.substr(value));
  }
  if (to_head || response.status < 200 || response.status == 204) return response;
  if (lower_case(response.header("transfer-encoding")) == "chunked") {
    for (std::size_t size = 1; size > 0;) {
      size = number(take_line(), 16);
      response.body += take(size);
      if (!take_line().empty()) throw std::runtime_error("no line end after a chunk");
    }
  } else if (const std::string length = response.header("content-length"); !length.empty()) {
    response.body = take(number(length, 10));
  } else {
    while (pump()) {
    }
    response.body = std::exchange(buffer_, {});
  }
  return response;
}

bool HttpConnection::ends() {
  while (buffer_.empty()) {
    if (!pump()) return true;
  }
  return false;
}

HttpAnswer http_exchange(std::uint16_t port, std::string_view request) {
  HttpConnection connection(port);
  connection.send(request);
  return connection.receive(request.starts_with("HEAD "));
}

}  // namespace mlp::test
