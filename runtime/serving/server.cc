#include "runtime/serving/server.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <chrono>
#include <condition_variable>
#include <ctime>
#include <exception>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/kernels/engine.h"
#include "runtime/serving/worker_queue.h"

namespace mlp {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Socket = asio::basic_stream_socket<tcp, asio::io_context::executor_type>;

constexpr std::size_t kReadBytes = 64U << 10U;
constexpr std::size_t kFirstReadBytes = 8U << 10U;
constexpr std::uint32_t kMostHeaderBytes = 32U << 10U;
constexpr std::uint64_t kFirstRoom = 1U << 20U;  // whatever length a header claims
constexpr std::chrono::milliseconds kSweep{50};
constexpr std::chrono::milliseconds kLinger{2000};
constexpr std::chrono::milliseconds kAcceptPause{50};
constexpr std::chrono::milliseconds kGrace{300};  // for requests that are on their way

Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

// A message's body as a ByteBuffer, as Beast's parser wants it described.
struct BufferBody {
  using value_type = ByteBuffer;

  static std::uint64_t size(const value_type& body) { return body.size(); }

  class reader {
   public:
    template <bool kIsRequest, typename Fields>
    reader(http::header<kIsRequest, Fields>&, value_type& body) : body_(body) {}

    void init(const boost::optional<std::uint64_t>& length, error_code& error) {
      error = {};
      if (!length) return;
      const std::uint64_t room = std::min<std::uint64_t>(*length, kFirstRoom);
      guarded(error, [&] { body_.reserve(static_cast<std::size_t>(room)); });
    }
    template <typename Buffers>
    std::size_t put(const Buffers& buffers, error_code& error) {
      error = {};
      std::size_t size = 0;
      guarded(error, [&] {
        for (auto it = asio::buffer_sequence_begin(buffers);
             it != asio::buffer_sequence_end(buffers); ++it) {
          const asio::const_buffer buffer = *it;
          body_.append(buffer.data(), buffer.size());
          size += buffer.size();
        }
      });
      return size;
    }
    void finish(error_code& error) { error = {}; }

   private:
    template <typename Action>
    static void guarded(error_code& error, const Action& action) {
      try {
        action();
      } catch (const std::bad_alloc&) {
        error = boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
      }
    }
    value_type& body_;
  };
};

using Parser = http::request_parser<BufferBody, std::allocator<char>>;

std::string text_of(boost::beast::string_view text) { return {text.data(), text.size()}; }

class Connection;

// What all connections of one thread share.
struct Carrier {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::steady_timer sweep{context};
  std::list<std::shared_ptr<Connection>> connections;
  std::vector<std::shared_ptr<Connection>> batch;  // light requests that came in this round
  bool flush_is_due = false;
  std::string date;  // now, as a header has it
  Invocations::Workspace workspace;
  std::thread thread;
};

}  // namespace

class Server::Implementation {
 public:
  Implementation(Invocations& invocations, const ServerOptions& options);
  ~Implementation();

  std::uint16_t port() const { return port_; }
  bool drain(double most_seconds);

  Invocations& invocations() { return invocations_; }
  const ServerOptions& options() const { return options_; }
  WorkerQueue& workers() { return *workers_; }
  bool is_draining() const { return draining_.load(std::memory_order_relaxed); }
  bool is_past_grace() const { return past_grace_.load(std::memory_order_relaxed); }
  std::size_t connections() const { return connections_.load(std::memory_order_relaxed); }

  // Of all requests' bodies.
  std::size_t buffered(std::ptrdiff_t change) {
    const auto delta = static_cast<std::size_t>(change);
    return buffered_.fetch_add(delta, std::memory_order_relaxed) + delta;
  }

  void opened() { ++connections_; }
  void closed() { --connections_; }

  // Predicts for the carrier's light requests once those have been read that came with this one.
  // False where too many wait.
  bool add_to_batch(Carrier& carrier, std::shared_ptr<Connection> connection);

 private:
  void end_threads();
  void listen();
  void accept();
  void accepted(Socket socket, Carrier& carrier);
  void stop_listening();
  void sweep(Carrier& carrier);
  void post_flush(Carrier& carrier);
  void flush(Carrier& carrier);

  Invocations& invocations_;
  ServerOptions options_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Carrier>> carriers_;
  std::optional<tcp::acceptor> acceptor_;  // of the first carrier
  std::optional<asio::steady_timer> accept_pause_;
  std::size_t next_carrier_ = 0;
  std::atomic<std::size_t> connections_ = 0;
  std::atomic<std::size_t> buffered_ = 0;
  std::atomic<bool> draining_ = false;
  std::atomic<bool> past_grace_ = false;
  std::unique_ptr<WorkerQueue> workers_;
};

namespace {

// One client's connection, on its carrier's thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Server::Implementation& server, Carrier& carrier, Socket socket)
      : server_(server), carrier_(carrier), socket_(std::move(socket)) {
    server_.opened();
  }
  ~Connection() {
    server_.buffered(-static_cast<std::ptrdiff_t>(accounted_));
    server_.closed();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start() {
    place_ = carrier_.connections.insert(carrier_.connections.end(), shared_from_this());
    begin_request();
    read();
  }

  Exchange& exchange() { return exchange_; }

  // Ends what takes too long.
  void check_time(Clock::time_point now) {
    if (state_ == State::kIdle && server_.is_past_grace()) {
      close();
    } else if (now >= deadline_) {
      expire();
    }
  }

  // The exchange has its response.
  void answer() {
    exchange_.request.body.clear();
    account_body();
    const HttpResponse& response = exchange_.response;
    Invocations& invocations = server_.invocations();
    const double duration = std::chrono::duration<double>(Clock::now() - arrival_).count();
    const std::string& path = exchange_.request.path;
    invocations.statistics().record(path == "/invocations" ? Statistics::Path::kInvocations
                                    : path == "/ping"      ? Statistics::Path::kPing
                                                           : Statistics::Path::kOther,
                                    response.status, duration, exchange_.rows, request_bytes_,
                                    response.body.size());
    if (spdlog::should_log(spdlog::level::debug)) {
      spdlog::debug("{} {} {}: {} bytes in, {} rows, {} bytes out, {:.0f} us",
                    exchange_.request.method.substr(0, 20), path.substr(0, 100), response.status,
                    request_bytes_, exchange_.rows, response.body.size(), duration * 1e6);
    }
    // What has come behind this request is answered too.
    if (server_.is_draining() && buffer_.size() == 0) closes_ = true;
    write_head();
    state_ = State::kWriting;
    deadline_ = Clock::now() + seconds(server_.options().body_timeout_seconds);
    const bool has_body = exchange_.request.method != "HEAD";
    const std::array<asio::const_buffer, 2> buffers = {
        asio::buffer(head_), has_body ? asio::buffer(response.body) : asio::const_buffer()};
    asio::async_write(socket_, buffers,
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                        self->written(error);
                      });
  }

 private:
  // What a connection waits for.
  enum class State { kIdle, kHeader, kBody, kAnswer, kWriting, kLingering, kClosed };

  void begin_request() {
    exchange_.response = {};
    exchange_.rows = 0;
    exchange_.request.body.clear();
    parser_.emplace(std::piecewise_construct,
                    std::forward_as_tuple(std::move(exchange_.request.body)));
    parser_->header_limit(kMostHeaderBytes);
    parser_->body_limit(server_.options().most_body_bytes);
    parser_->eager(true);
    state_ = State::kIdle;
    deadline_ = Clock::now() + seconds(server_.options().idle_timeout_seconds);
  }

  void read() {
    if (buffer_.size() > 0 && !parse()) return;
    const std::size_t size = state_ == State::kBody ? kReadBytes : kFirstReadBytes;
    socket_.async_read_some(buffer_.prepare(size), [self = shared_from_this()](
                                                       const error_code& error, std::size_t count) {
      self->received(error, count);
    });
  }

  void received(const error_code& error, std::size_t count) {
    if (state_ != State::kIdle && state_ != State::kHeader && state_ != State::kBody) return;
    if (error) {
      if (error == asio::error::eof && state_ != State::kIdle) {
        refuse(400,
               state_ == State::kHeader
                   ? "The connection ended within a request's header. Send it whole, to its "
                     "empty line."
                   : "The connection ended within a request's body. Send all of it, as long as "
                     "Content-Length or the chunks say.");
      } else {
        close();
      }
      return;
    }
    buffer_.commit(count);
    read();
  }

  // Takes what was read; true where more is to be read.
  bool parse() {
    if (state_ == State::kIdle) {
      state_ = State::kHeader;
      deadline_ = Clock::now() + seconds(server_.options().header_timeout_seconds);
    }
    error_code error;
    while (buffer_.size() > 0 && !parser_->is_done()) {
      const std::size_t used = parser_->put(buffer_.data(), error);
      buffer_.consume(used);
      if (error || used == 0) break;
    }
    if (error == http::error::need_more) error = {};
    if (error) {
      refuse_message(error);
      return false;
    }
    if (state_ == State::kHeader && parser_->is_header_done()) {
      state_ = State::kBody;
      deadline_ = Clock::now() + seconds(server_.options().body_timeout_seconds);
      if (!has_one_length()) {
        refuse(400,
               "The request has Transfer-Encoding with other than \"chunked\", once and without "
               "Content-Length. Send the body in chunks, or with its length.");
        return false;
      }
      if (!parser_->is_done() && expects_continue()) {
        send_continue();
        return false;
      }
    }
    if (account_body() > server_.options().most_buffered_bytes) {
      refuse(503, "Too many large requests at once. Try again in a moment.");
      return false;
    }
    if (!parser_->is_done()) {
      // What the parser leaves is the line of a chunk's size, or a trailer.
      if (buffer_.size() <= kMostHeaderBytes) return true;
      refuse(400,
             fmt::format("A line of the chunked body is longer than {} bytes. Send the size of "
                         "each chunk in a line of its own.",
                         kMostHeaderBytes));
      return false;
    }
    take_request();
    return false;
  }

  // Where a proxy and this server could see a body's end in different places, what one of them
  // takes for the body is the other's next request.
  bool has_one_length() const {
    const auto& message = parser_->get();
    const std::size_t encodings = message.count(http::field::transfer_encoding);
    return encodings == 0 ||
           (encodings == 1 && message.count(http::field::content_length) == 0 &&
            boost::beast::iequals(message[http::field::transfer_encoding], "chunked"));
  }

  bool expects_continue() const {
    const auto value = parser_->get()[http::field::expect];
    return parser_->get().version() >= 11 && boost::beast::iequals(value, "100-continue");
  }

  void send_continue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = shared_from_this()](const error_code& error, std::size_t) {
                        if (self->state_ != State::kBody) return;
                        if (error) {
                          self->close();
                        } else {
                          self->read();
                        }
                      });
  }

  // What there is of the request, which may be cut short.
  void take_head() {
    const auto& message = parser_->get();
    HttpRequest& request = exchange_.request;
    request.method = text_of(message.method_string());
    request.path = text_of(message.target());
    request.path.resize(std::min(request.path.find('?'), request.path.size()));
    request.content_type = text_of(message[http::field::content_type]);
    // Several fields of a name are one list.
    request.accept.clear();
    const auto [first, last] = message.equal_range(http::field::accept);
    for (auto field = first; field != last; ++field) {
      if (field != first) request.accept += ", ";
      request.accept += text_of(field->value());
    }
  }

  void take_request() {
    arrival_ = Clock::now();
    closes_ = !parser_->keep_alive();
    take_head();
    exchange_.request.body = std::move(parser_->get().body());
    request_bytes_ = exchange_.request.body.size();
    state_ = State::kAnswer;
    deadline_ = Clock::time_point::max();
    Invocations& invocations = server_.invocations();
    if (invocations.answer_at_once(exchange_, server_.connections(), server_.workers().waiting())) {
      answer();
    } else if (!wait_for_prediction()) {
      Invocations::refuse(exchange_, 503, "Too many requests wait already. Try again later.");
      answer();
    }
  }

  // False where too many wait.
  bool wait_for_prediction() {
    if (server_.invocations().is_light(exchange_.request))
      return server_.add_to_batch(carrier_, shared_from_this());
    const auto done = [self = shared_from_this()] {
      asio::post(self->carrier_.context, [self] { self->answer(); });
    };
    return server_.workers().add({&exchange_, Invocations::is_small(exchange_.request), done});
  }

  void refuse_message(const error_code& error) {
    if (error == http::error::body_limit) {
      refuse(413, fmt::format("The body is larger than {} bytes. Send fewer rows at once, or set "
                              "SAGEMAKER_MAX_PAYLOAD_IN_MB for the server.",
                              server_.options().most_body_bytes));
    } else if (error == http::error::header_limit) {
      refuse(431, fmt::format("The header is larger than {} bytes. Send fewer or shorter fields.",
                              kMostHeaderBytes));
    } else if (error == boost::system::errc::not_enough_memory) {
      refuse(503, "Out of memory. Send fewer rows at once, or try again later.");
    } else {
      refuse(400, fmt::format("This is no request of HTTP/1.1: {}.", error.message()));
    }
  }

  // The answer to a request that has not come whole, and the end of its connection.
  void refuse(int status, std::string_view text) {
    arrival_ = Clock::now();
    closes_ = true;
    request_bytes_ = parser_->get().body().size();
    take_head();
    account_body();
    parser_->get().body() = ByteBuffer();
    Invocations::refuse(exchange_, status, text);
    answer();
  }

  void expire() {
    switch (state_) {
      case State::kHeader:
      case State::kBody:
        socket_.cancel();
        refuse(408, "The request took too long to come. Send it without pauses.");
        break;
      case State::kIdle:
      case State::kWriting:
      case State::kLingering:
        close();
        break;
      case State::kAnswer:
      case State::kClosed:
        break;
    }
  }

  void write_head() {
    const HttpResponse& response = exchange_.response;
    head_.clear();
    const auto out = std::back_inserter(head_);
    const auto reason = http::obsolete_reason(static_cast<http::status>(response.status));
    fmt::format_to(out, "HTTP/1.1 {} {}\r\nContent-Length: {}\r\n", response.status,
                   std::string_view(reason.data(), reason.size()), response.body.size());
    fmt::format_to(out, "Date: {}\r\n", carrier_.date);
    if (!response.content_type.empty())
      fmt::format_to(out, "Content-Type: {}\r\n", response.content_type);
    if (!response.allow.empty()) fmt::format_to(out, "Allow: {}\r\n", response.allow);
    if (response.retry_after) head_ += "Retry-After: 1\r\n";
    if (closes_) {
      head_ += "Connection: close\r\n";
    } else if (parser_->get().version() < 11) {
      head_ += "Connection: keep-alive\r\n";
    }
    head_ += "\r\n";
  }

  void written(const error_code& error) {
    if (state_ == State::kClosed) return;
    if (error) {
      close();
    } else if (closes_) {
      linger();
    } else {
      begin_request();
      read();
    }
  }

  // A client that still sends has to take the answer before the connection goes.
  void linger() {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    state_ = State::kLingering;
    linger_end_ = Clock::now() + seconds(server_.options().body_timeout_seconds);
    buffer_.consume(buffer_.size());
    skip();
  }
  void skip() {
    deadline_ = Clock::now() + (server_.is_draining() ? kGrace : kLinger);
    if (deadline_ > linger_end_) deadline_ = linger_end_;
    socket_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = shared_from_this()](const error_code& error, std::size_t) {
                              if (self->state_ == State::kClosed) return;
                              if (error) {
                                self->close();
                              } else {
                                self->skip();
                              }
                            });
  }

  void close() {
    if (state_ == State::kClosed) return;
    state_ = State::kClosed;
    error_code ignored;
    socket_.close(ignored);
    carrier_.connections.erase(place_);  // the caller still holds this
  }

  // Tells the server how much of the body is held; how much all hold.
  std::size_t account_body() {
    const std::size_t size = state_ == State::kHeader || state_ == State::kBody
                                 ? parser_->get().body().size()
                                 : exchange_.request.body.size();
    const auto change = static_cast<std::ptrdiff_t>(size) - static_cast<std::ptrdiff_t>(accounted_);
    accounted_ = size;
    return change == 0 ? 0 : server_.buffered(change);
  }

  Server::Implementation& server_;
  Carrier& carrier_;
  Socket socket_;
  std::list<std::shared_ptr<Connection>>::iterator place_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  Exchange exchange_;
  std::string head_;
  State state_ = State::kIdle;
  Clock::time_point deadline_;
  Clock::time_point linger_end_;
  Clock::time_point arrival_;
  std::size_t request_bytes_ = 0;
  std::size_t accounted_ = 0;
  bool closes_ = false;
};

// As RFC 9110, 5.6.7, has it: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(std::time_t time) {
  std::tm utc = {};
  gmtime_r(&time, &utc);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", utc);
}

// What goes wrong with one connection, such as memory that runs out, is not the end of others.
void run(asio::io_context& context) {
  while (true) {
    try {
      context.run();
      return;
    } catch (const std::exception& error) {
      spdlog::error("A connection was given up: {}", error.what());
    }
  }
}

// Each connection takes a descriptor.
void raise_descriptor_limit() {
  constexpr rlim_t kEnough = 65'536;
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, kEnough));
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Server::Implementation::Implementation(Invocations& invocations, const ServerOptions& options)
    : invocations_(invocations), options_(options) {
  raise_descriptor_limit();
  for (std::size_t i = 0; i < options_.threads; ++i)
    carriers_.push_back(std::make_unique<Carrier>());
  listen();
  try {
    workers_ = std::make_unique<WorkerQueue>(invocations_, options_.threads, options_.most_waiting);
    for (const std::unique_ptr<Carrier>& carrier : carriers_) {
      sweep(*carrier);
      carrier->thread = std::thread([&carrier = *carrier] {
        kernels::prepare_thread();
        run(carrier.context);
      });
    }
  } catch (const std::system_error& error) {
    end_threads();
    throw UserError(fmt::format(
        "Can't start {} threads: {}. Ask for fewer by SAGEMAKER_MODEL_SERVER_WORKERS, or allow the "
        "process more.",
        2 * options_.threads, error.what()));
  }
  accept();
}

Server::Implementation::~Implementation() {
  end_threads();
  for (const std::unique_ptr<Carrier>& carrier : carriers_) {
    carrier->batch.clear();
    carrier->connections.clear();
  }
  acceptor_.reset();
  accept_pause_.reset();
  carriers_.clear();
}

void Server::Implementation::end_threads() {
  for (const std::unique_ptr<Carrier>& carrier : carriers_) {
    carrier->context.stop();
    if (carrier->thread.joinable()) carrier->thread.join();
  }
  workers_.reset();
}

void Server::Implementation::listen() {
  error_code error;
  const auto address = asio::ip::make_address(options_.host, error);
  if (error) {
    throw UserError(
        fmt::format("The host to listen on is \"{}\", but must be an IP address, such "
                    "as 0.0.0.0 or 127.0.0.1. Correct --host.",
                    options_.host.substr(0, 100)));
  }
  const auto check = [&] {
    if (!error) return;
    const char* const advice =
        error == asio::error::address_in_use
            ? "Name another port by --port, or end the program that has this one"
        : error == asio::error::access_denied ? "Name a port above 1023 by --port"
                                              : "Name an address of this machine by --host";
    throw UserError(fmt::format("Can't listen on {}, port {}: {}. {}.", options_.host,
                                options_.port, error.message(), advice));
  };
  const tcp::endpoint endpoint(address, options_.port);
  acceptor_.emplace(carriers_[0]->context);
  acceptor_->open(endpoint.protocol(), error);
  check();
  acceptor_->set_option(tcp::acceptor::reuse_address(true), error);
  acceptor_->bind(endpoint, error);
  check();
  acceptor_->listen(asio::socket_base::max_listen_connections, error);
  check();
  acceptor_->non_blocking(true, error);
  port_ = acceptor_->local_endpoint(error).port();
  accept_pause_.emplace(carriers_[0]->context);
}

void Server::Implementation::accept() {
  Carrier& carrier = *carriers_[next_carrier_];
  next_carrier_ = (next_carrier_ + 1) % carriers_.size();
  acceptor_->async_accept(carrier.context,
                          [this, &carrier](const error_code& error, Socket socket) {
                            if (!acceptor_->is_open()) return;
                            if (error) {
                              // Descriptors may have run out; connections wait until others are
                              // closed.
                              accept_pause_->expires_after(kAcceptPause);
                              accept_pause_->async_wait([this](const error_code& cancelled) {
                                if (!cancelled && acceptor_->is_open()) accept();
                              });
                              return;
                            }
                            accept();
                            accepted(std::move(socket), carrier);
                          });
}

void Server::Implementation::accepted(Socket socket, Carrier& carrier) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto connection = std::make_shared<Connection>(*this, carrier, std::move(socket));
  asio::dispatch(carrier.context, [connection] { connection->start(); });
}

// Connections that the system has taken are answered before it takes no more.
void Server::Implementation::stop_listening() {
  error_code error;
  while (true) {
    Carrier& carrier = *carriers_[next_carrier_];
    next_carrier_ = (next_carrier_ + 1) % carriers_.size();
    Socket socket(carrier.context);
    acceptor_->accept(socket, error);
    if (error) break;
    accepted(std::move(socket), carrier);
  }
  acceptor_->close(error);
}

void Server::Implementation::sweep(Carrier& carrier) {
  carrier.date = http_date(std::time(nullptr));
  carrier.sweep.expires_after(kSweep);
  carrier.sweep.async_wait([this, &carrier](const error_code& error) {
    if (error) return;
    const Clock::time_point now = Clock::now();
    for (auto it = carrier.connections.begin(); it != carrier.connections.end();) {
      const std::shared_ptr<Connection> connection = *it++;
      connection->check_time(now);
    }
    sweep(carrier);
  });
}

bool Server::Implementation::add_to_batch(Carrier& carrier,
                                          std::shared_ptr<Connection> connection) {
  if (carrier.batch.size() >= options_.most_waiting) return false;
  carrier.batch.push_back(std::move(connection));
  if (carrier.flush_is_due) return true;
  if (carrier.connections.size() == 1) {
    flush(carrier);
  } else {
    post_flush(carrier);
  }
  return true;
}

void Server::Implementation::post_flush(Carrier& carrier) {
  carrier.flush_is_due = true;
  asio::post(carrier.context, [this, &carrier] { flush(carrier); });
}

void Server::Implementation::flush(Carrier& carrier) {
  carrier.flush_is_due = false;
  const std::size_t count = std::min(carrier.batch.size(), Invocations::kMostJoined);
  const auto end = carrier.batch.begin() + static_cast<std::ptrdiff_t>(count);
  const std::vector<std::shared_ptr<Connection>> batch(carrier.batch.begin(), end);
  carrier.batch.erase(carrier.batch.begin(), end);
  // Other requests have their turn before the rest.
  if (!carrier.batch.empty()) post_flush(carrier);
  std::vector<Exchange*> exchanges;
  for (const std::shared_ptr<Connection>& connection : batch)
    exchanges.push_back(&connection->exchange());
  invocations_.predict(exchanges, carrier.workspace);
  for (const std::shared_ptr<Connection>& connection : batch) connection->answer();
}

bool Server::Implementation::drain(double most_seconds) {
  constexpr std::chrono::milliseconds kPause{2};
  const Clock::time_point start = Clock::now();
  draining_ = true;
  const auto wait_until = [&](Clock::time_point end) {
    while (connections() > 0 && Clock::now() < end) std::this_thread::sleep_for(kPause);
  };
  wait_until(start + kGrace);
  std::mutex mutex;
  std::condition_variable stopped;
  bool is_stopped = false;
  asio::post(carriers_[0]->context, [&] {
    stop_listening();
    const std::scoped_lock lock(mutex);
    is_stopped = true;
    stopped.notify_all();
  });
  {
    std::unique_lock lock(mutex);
    stopped.wait(lock, [&] { return is_stopped; });
  }
  // The last ones to be taken have their time for a request too.
  wait_until(std::min(Clock::now() + kGrace, start + seconds(most_seconds)));
  past_grace_ = true;
  wait_until(start + seconds(most_seconds));
  return connections() == 0;
}

Server::Server(Invocations& invocations, const ServerOptions& options)
    : implementation_(std::make_unique<Implementation>(invocations, options)) {}

Server::~Server() = default;

std::uint16_t Server::port() const { return implementation_->port(); }

bool Server::drain(double seconds) { return implementation_->drain(seconds); }

}  // namespace mlp
