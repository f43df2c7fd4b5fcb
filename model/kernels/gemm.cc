#include "model/kernels/gemm.h"

#include <cassert>
#include <stdexcept>
#include <string>

#include "model/kernels/onednn.h"

namespace mlp::kernels {
namespace {

void sgemm(char transpose_a, char transpose_b, std::size_t m, std::size_t n, std::size_t k,
           ConstMatrix a, ConstMatrix b, Matrix c) {
  const auto size = [](std::size_t value) { return static_cast<dnnl_dim_t>(value); };
  const dnnl_status_t status =
      dnnl_sgemm(transpose_a, transpose_b, size(m), size(n), size(k), 1.0F, a.data, size(a.stride),
                 b.data, size(b.stride), 0.0F, c.data, size(c.stride));
  if (status != dnnl_success) {
    throw std::runtime_error("oneDNN's sgemm failed with status " + std::to_string(status) +
                             " for " + std::to_string(m) + " x " + std::to_string(n) + " x " +
                             std::to_string(k));
  }
}

}  // namespace

void multiply(ConstMatrix x, ConstMatrix w, Matrix y) {
  assert(x.columns == w.rows && y.rows == x.rows && y.columns == w.columns);
  sgemm('N', 'N', x.rows, w.columns, x.columns, x, w, y);
}

void multiply_transposed_left(ConstMatrix x, ConstMatrix dy, Matrix dw) {
  assert(x.rows == dy.rows && dw.rows == x.columns && dw.columns == dy.columns);
  sgemm('T', 'N', x.columns, dy.columns, x.rows, x, dy, dw);
}

void multiply_transposed_right(ConstMatrix dy, ConstMatrix w, Matrix dx) {
  assert(dy.columns == w.columns && dx.rows == dy.rows && dx.columns == w.rows);
  sgemm('N', 'T', dy.rows, w.rows, dy.columns, dy, w, dx);
}

}  // namespace mlp::kernels
