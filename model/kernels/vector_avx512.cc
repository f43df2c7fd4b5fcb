#include <immintrin.h>

#include "model/kernels/vector.h"
#include "model/kernels/vector_sets.h"

namespace mlp::kernels {

#include "model/kernels/simd_avx512.inl"
#include "model/kernels/vector_kernels.inl"

constinit const VectorKernels kAvx512Kernels = make_kernels(InstructionSet::kAvx512);

}  // namespace mlp::kernels
