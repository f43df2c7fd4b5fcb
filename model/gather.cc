#include "model/gather.h"

#include <algorithm>
#include <cstring>

#include "model/kernels/vector.h"

namespace mlp {
namespace {

constexpr std::size_t kAhead = 4;  // rows whose memory is asked for before they are copied
constexpr std::size_t kCacheLine = 64;

void prefetch(const char* from, std::size_t bytes) {
  for (std::size_t offset = 0; offset < bytes; offset += kCacheLine)
    __builtin_prefetch(from + offset);
}

void expand(const std::uint32_t* row, const CodedLayout& layout, std::size_t width, float* to) {
  std::memcpy(to, row, layout.numbers * sizeof(float));
  std::fill(to + layout.numbers, to + (width - layout.indices), 0.0F);
  const std::uint32_t* const ones = row + layout.numbers;
  for (std::size_t i = 0; i < layout.ones; ++i) {
    if (ones[i] != CodedLayout::kNoOne) to[ones[i]] = 1.0F;
  }
  std::memcpy(to + (width - layout.indices), ones + layout.ones, layout.indices * sizeof(float));
}

}  // namespace

void gather(const FeatureView& features, std::span<const std::uint32_t> rows, Matrix to) {
  const std::size_t row_bytes = features.row_bytes();
  const char* const data = static_cast<const char*>(features.data);
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) prefetch(data + rows[i + kAhead] * row_bytes, row_bytes);
    switch (features.type) {
      case FeatureType::kUint8:
        vector.pixels(features.uint8_row(rows[i]), features.width, to.row(i));
        break;
      case FeatureType::kFloat32:
        std::memcpy(to.row(i), features.float_row(rows[i]), row_bytes);
        break;
      case FeatureType::kCoded:
        expand(features.coded_row(rows[i]), features.layout, features.width, to.row(i));
        break;
    }
  }
}

}  // namespace mlp
