#pragma once

#include <cstddef>
#include <vector>

namespace mlp {

// Has the system back `bytes` bytes at `begin` by huge pages where it can, as far as whole ones lie
// in them: fewer faults as they are first written. For large memory that nothing was written to.
void take_huge_pages(const void* begin, std::size_t bytes);

// The same for all that a vector has reserved.
template <typename T>
void take_huge_pages(const std::vector<T>& values) {
  take_huge_pages(values.data(), values.capacity() * sizeof(T));
}

}  // namespace mlp
