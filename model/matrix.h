#pragma once

#include <cstddef>

namespace mlp {

// Row-major views of float32 memory that somebody else owns. `stride` is the distance between the
// starts of two rows in floats, at least `columns`.
struct ConstMatrix {
  const float* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t stride = 0;

  const float* row(std::size_t index) const { return data + index * stride; }
};

struct Matrix {
  float* data = nullptr;
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::size_t stride = 0;

  float* row(std::size_t index) const { return data + index * stride; }
  operator ConstMatrix() const { return {data, rows, columns, stride}; }
};

}  // namespace mlp
