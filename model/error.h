#pragma once

#include <stdexcept>

namespace mlp {

// Something the person who started the job can put right. The text says where, what was found, what
// was expected and what to do; it becomes the job's FailureReason, of which 1,024 characters show.
class UserError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace mlp
