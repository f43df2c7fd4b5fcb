#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/serving/invocations.h"

namespace mlp {

struct ServerOptions {
  std::string host = "0.0.0.0";  // an IP address to listen on
  std::uint16_t port = 8080;     // 0: any that is free
  std::size_t threads = 1;       // that carry connections, and as many that predict
  std::size_t most_body_bytes = 100U << 20U;
  std::size_t most_buffered_bytes = std::size_t{2} << 30U;  // of all requests' bodies together
  std::size_t most_waiting = 1024;     // requests that wait for a thread that predicts
  double header_timeout_seconds = 60;  // from a request's first byte to its header's end
  double body_timeout_seconds = 60;    // from there to its last byte; also to take an answer
  double idle_timeout_seconds = 600;   // of a connection on which no request begins
};

// Carries requests to Invocations and answers back, by HTTP/1.1 with kept connections.
//
// Each connection belongs to one of `threads` threads, none of which waits for anything but the
// network. What is quickly predicted they predict themselves, all requests that came at once as
// one; other requests wait in one queue for as many threads that do nothing else, and one that
// takes a request takes the small ones behind it too. So requests are joined where they have to
// wait, a few dozen at most, and a request never waits for others to come.
class Server {
 public:
  // Listens and begins to answer. `invocations` outlives the server. Throws UserError where it
  // can't listen, or start its threads.
  Server(Invocations& invocations, const ServerOptions& options);
  // Ends at once what drain() has left.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;  // on which it listens

  // Answers all requests that have come and those on the way, the last of each connection with
  // the word that it ends, and takes no more connections; returns when all are closed, after
  // `seconds` at the latest. Whether all were closed.
  bool drain(double seconds);

  class Implementation;  // server.cc's own

 private:
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace mlp
