#include "runtime/data/huge_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace mlp {

void take_huge_pages(const void* begin, std::size_t bytes) {
  constexpr std::uintptr_t kHugePage = 1 << 21;
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::uintptr_t first = (address + kHugePage - 1) / kHugePage * kHugePage;
  const std::uintptr_t last = (address + bytes) / kHugePage * kHugePage;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
}

}  // namespace mlp
