#pragma once

#include <unistd.h>

namespace mlp::test {

// For its life, a process of root acts on files as a user without rights; another's process is left
// as it is. For single-threaded tests.
class AsNobody {
 public:
  AsNobody() : was_root_(::geteuid() == 0) {
    if (was_root_) changed_ = ::seteuid(kNobody) == 0;
  }
  ~AsNobody() {
    if (changed_) [[maybe_unused]]
      const int ignored = ::seteuid(0);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;
  bool was_root_;
  bool changed_ = false;
};

}  // namespace mlp::test
