#pragma once

#include "model/kernels/bfloat16.h"

namespace mlp::kernels {

// The same kernels compiled for each instruction set; bfloat16.cc picks one.
extern const Bfloat16Kernels kAvx512Bfloat16Kernels;
extern const Bfloat16Kernels kAmxBfloat16Kernels;

}  // namespace mlp::kernels
