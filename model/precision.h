#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "model/mlp.h"

namespace mlp {

// What a training step multiplies in. kBfloat16: activations and their gradients, and the copies of
// the weights that they meet, have the 8 bits of precision of bfloat16; sums, losses, gradients of
// weights, the optimizer and the weights themselves stay float32.
enum class Precision { kFloat32, kBfloat16 };

// "float32", "bfloat16".
std::string_view name(Precision precision);

// Whether this CPU multiplies bfloat16 by instructions of its own: AVX512-BF16 or AMX.
bool has_bfloat16();

// The precision in which steps of the network are the faster, with the reason in words. It follows
// from the CPU's instructions and the shapes alone.
struct PrecisionChoice {
  Precision precision = Precision::kFloat32;
  std::string reason;
};
PrecisionChoice fastest_precision(const MlpConfig& config, std::size_t batch_size);

}  // namespace mlp
