#pragma once

#include <cstddef>

#include "model/kernels/bfloat16.h"

namespace mlp::kernels {

// Blocks of a product: of the left operand kBlockRows x kBlockInner stay in the second cache while
// panels of kBlockColumns go by.
inline constexpr std::size_t kBlockRows = 512;
inline constexpr std::size_t kBlockInner = 256;
inline constexpr std::size_t kBlockColumns = 256;

// The same kernels compiled for each instruction set; bfloat16.cc picks one.
extern const Bfloat16Kernels kAvx512Bfloat16Kernels;
extern const Bfloat16Kernels kAmxBfloat16Kernels;

}  // namespace mlp::kernels
