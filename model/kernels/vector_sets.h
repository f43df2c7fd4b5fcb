#pragma once

#include "model/kernels/vector.h"

namespace mlp::kernels {

// The same loops compiled for each instruction set; vector.cc picks one.
extern const VectorKernels kBaselineKernels;
extern const VectorKernels kAvx2Kernels;
extern const VectorKernels kAvx512Kernels;

}  // namespace mlp::kernels
