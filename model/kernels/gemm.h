#pragma once

#include "model/matrix.h"

namespace mlp::kernels {

// Matrix products in float32, row-major, by oneDNN's sgemm on the calling thread alone (see
// prepare_thread()): for one shape the same bits on every thread, at any alignment. Threads: any.
// Throws std::runtime_error where oneDNN refuses (out of memory).

// y [m, n] = x [m, k] w [k, n]
void multiply(ConstMatrix x, ConstMatrix w, Matrix y);

// dw [k, n] = transpose(x [m, k]) dy [m, n]
void multiply_transposed_left(ConstMatrix x, ConstMatrix dy, Matrix dw);

// dx [m, k] = dy [m, n] transpose(w [k, n])
void multiply_transposed_right(ConstMatrix dy, ConstMatrix w, Matrix dx);

}  // namespace mlp::kernels
