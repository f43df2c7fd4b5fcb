#include "model/kernels/vector.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <string>

#include "model/kernels/onednn.h"
#include "model/kernels/vector_sets.h"

namespace mlp::kernels {
namespace {

dnnl_cpu_isa_t onednn_isa(InstructionSet instruction_set) {
  switch (instruction_set) {
    case InstructionSet::kAvx512Bf16:
      return dnnl_cpu_isa_avx512_core_bf16;
    case InstructionSet::kAvx512:
      return dnnl_cpu_isa_avx512_core;
    case InstructionSet::kAvx2:
      return dnnl_cpu_isa_avx2;
    case InstructionSet::kBaseline:
      break;
  }
  return dnnl_cpu_isa_sse41;
}

const VectorKernels& choose() {
  const std::optional<InstructionSet> cap = instruction_set_cap();
  if (cap && dnnl_set_max_cpu_isa(onednn_isa(*cap)) != dnnl_success)
    throw std::runtime_error(std::string("oneDNN does not take the cap of ") + kCapVariable);
  for (auto set = std::rbegin(kInstructionSets); set != std::rend(kInstructionSets); ++set) {
    const VectorKernels* const kernels = vector_kernels(*set);
    if ((!cap || *set <= *cap) && kernels != nullptr) return *kernels;
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
    case InstructionSet::kAvx512Bf16:
      return nullptr;
    case InstructionSet::kBaseline:
      break;
  }
  return &kBaselineKernels;
}

std::optional<InstructionSet> instruction_set_cap() {
  const char* const value = std::getenv(kCapVariable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  const std::optional<InstructionSet> cap = instruction_set_named(value);
  if (!cap) throw std::runtime_error(std::string(kCapVariable) + " names no instruction set");
  return cap;
}

std::string_view name(InstructionSet instruction_set) {
  switch (instruction_set) {
    case InstructionSet::kAvx512Bf16:
      return "avx512_bf16";
    case InstructionSet::kAvx512:
      return "avx512";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kBaseline:
      break;
  }
  return "baseline";
}

std::optional<InstructionSet> instruction_set_named(std::string_view wanted) {
  for (const InstructionSet set : kInstructionSets)
    if (name(set) == wanted) return set;
  return std::nullopt;
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
