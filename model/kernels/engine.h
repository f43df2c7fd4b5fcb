#pragma once

#include <string>

namespace mlp::kernels {

// Readies the calling thread for arithmetic: denormal numbers count as zero (they cost hundreds of
// cycles, and moments that fade out are full of them), and oneDNN runs on this thread alone. To be
// called once in every thread that computes, evaluation and prediction included, so that all give
// the same bits.
void prepare_thread();

// "2.6.3" or the like: of the library that is loaded.
std::string onednn_version();

// The widest instruction set that oneDNN finds on this CPU and may use, by its own name, as
// "avx512_core".
std::string onednn_instruction_set();

}  // namespace mlp::kernels
