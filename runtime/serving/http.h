#pragma once

#include <string>

#include "runtime/serving/byte_buffer.h"

namespace mlp {

// What of a request matters here. Header values are as they came; empty: there was none.
struct HttpRequest {
  std::string method;
  std::string path;  // without the query
  std::string content_type;
  std::string accept;
  ByteBuffer body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type;  // empty: no body
  std::string body;
  std::string allow;         // with 405: the methods that the path has
  bool retry_after = false;  // with 503
};

}  // namespace mlp
