#include "model/gather.h"

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

}  // namespace

void gather(const FeatureView& features, std::span<const std::uint32_t> rows, Matrix to) {
  const bool pixels = features.type == FeatureType::kUint8;
  const std::size_t row_bytes = features.width * (pixels ? 1 : sizeof(float));
  const char* const data = static_cast<const char*>(features.data);
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + kAhead < rows.size()) prefetch(data + rows[i + kAhead] * row_bytes, row_bytes);
    if (pixels) {
      vector.pixels(features.uint8_row(rows[i]), features.width, to.row(i));
    } else {
      std::memcpy(to.row(i), features.float_row(rows[i]), row_bytes);
    }
  }
}

}  // namespace mlp
