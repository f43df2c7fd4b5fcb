#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace mlp {

// What messages call the text or array of a request.
inline constexpr std::string_view kBodyName = "Request body";

// A request that gets no answer but a status of HTTP, 4xx or 503, and the text that tells its
// caller what to do. A UserError stands for the status 400.
class RequestError : public std::runtime_error {
 public:
  RequestError(int status, const std::string& text) : std::runtime_error(text), status_(status) {}

  int status() const { return status_; }

 private:
  int status_;
};

}  // namespace mlp
