#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "model/kernels/bfloat16.h"
#include "model/mlp.h"

namespace mlp {

// What a training step multiplies in. kBfloat16: activations and their gradients, and the copies of
// the weights that they meet, have the 8 bits of precision of bfloat16; sums, losses, gradients of
// weights, the optimizer and the weights themselves stay float32.
enum class Precision { kFloat32, kBfloat16 };

// "float32", "bfloat16".
std::string_view name(Precision precision);

// What multiplies bfloat16 in this process, AVX512-BF16 or AMX, by its name; empty where the CPU
// has neither, the system does not let it be used, or a cap forbids it.
std::string bfloat16_instruction_set();

// With the reason in words.
struct PrecisionChoice {
  Precision precision = Precision::kFloat32;
  std::string instruction_set;  // of bfloat16: kernels::name() of what multiplies
  std::string reason;
};

// The precision in which steps of the network are the faster. It follows from the CPU and the
// shapes alone. batch_size: rows of a step.
PrecisionChoice fastest_precision(const MlpConfig& config, std::size_t batch_size);
// The same on any CPU, by the operations of a step. `set` is what multiplies bfloat16 there, and
// `avx512_doubles` whether AVX512-BF16 multiplies up to twice as fast as float32.
PrecisionChoice fastest_precision(double operations, std::optional<kernels::Bfloat16Set> set,
                                  bool avx512_doubles);

}  // namespace mlp
