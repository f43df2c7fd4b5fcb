#include "model/kernels/vector.h"

#include <algorithm>
#include <cstdlib>

#include "model/kernels/onednn.h"
#include "model/kernels/vector_sets.h"

namespace mlp::kernels {
namespace {

InstructionSet cap_from_environment() {
  const char* const cap = std::getenv("MLP_MAX_CPU_ISA");
  if (cap == nullptr) return InstructionSet::kAvx512;
  const std::string_view wanted = cap;
  if (wanted == "baseline") return InstructionSet::kBaseline;
  if (wanted == "avx2") return InstructionSet::kAvx2;
  return InstructionSet::kAvx512;
}

const VectorKernels& choose() {
  const InstructionSet cap = cap_from_environment();
  if (cap == InstructionSet::kBaseline) dnnl_set_max_cpu_isa(dnnl_cpu_isa_sse41);
  if (cap == InstructionSet::kAvx2) dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2);
  for (const InstructionSet set : {InstructionSet::kAvx512, InstructionSet::kAvx2}) {
    const VectorKernels* const kernels = vector_kernels(set);
    if (set <= cap && kernels != nullptr) return *kernels;
  }
  return kBaselineKernels;
}

}  // namespace

const VectorKernels& vector_kernels() {
  static const VectorKernels& chosen = choose();
  return chosen;
}

const VectorKernels* vector_kernels(InstructionSet instruction_set) {
  switch (instruction_set) {
    case InstructionSet::kAvx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
                 ? &kAvx512Kernels
                 : nullptr;
    case InstructionSet::kAvx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kAvx2Kernels
                                                                             : nullptr;
    case InstructionSet::kBaseline:
      break;
  }
  return &kBaselineKernels;
}

std::string_view name(InstructionSet instruction_set) {
  switch (instruction_set) {
    case InstructionSet::kAvx512:
      return "avx512";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kBaseline:
      break;
  }
  return "baseline";
}

std::vector<float> pack_panels(const float* weight, std::size_t inputs, std::size_t outputs) {
  std::vector<float> panels(inputs * padded(outputs));
  pack_panels(weight, inputs, outputs, panels.data());
  return panels;
}

void pack_panels(const float* weight, std::size_t inputs, std::size_t outputs, float* panels) {
  for (std::size_t first = 0; first < outputs; first += kPad) {
    const std::size_t columns = std::min(kPad, outputs - first);
    float* const panel = panels + first * inputs;
    for (std::size_t k = 0; k < inputs; ++k) {
      std::copy_n(weight + k * outputs + first, columns, panel + k * kPad);
    }
  }
}

}  // namespace mlp::kernels
