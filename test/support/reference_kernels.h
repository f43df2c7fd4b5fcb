#pragma once

#include <vector>

#include "model/kernels/vector.h"

namespace mlp::test {

// Every member of VectorKernels as slow scalar loops, written from the comments in
// model/kernels/vector.h: in float32 where that fixes every rounding, else in double precision,
// rounded at the end.
extern const kernels::VectorKernels kReferenceKernels;

// The kernels of all sets that this CPU has.
std::vector<const kernels::VectorKernels*> all_sets();

}  // namespace mlp::test
