#include "model/precision.h"

#include "model/kernels/bfloat16.h"

namespace mlp {
namespace {

// Of a step, from which on AMX gained in docs/performance.md's measurements.
constexpr double kLeastOperations = 4e6;

}  // namespace

std::string_view name(Precision precision) {
  return precision == Precision::kBfloat16 ? "bfloat16" : "float32";
}

std::string bfloat16_instruction_set() {
  const kernels::Bfloat16Kernels* const kernels = kernels::bfloat16_kernels();
  return kernels == nullptr ? "" : std::string(kernels::name(kernels->set));
}

PrecisionChoice fastest_precision(const MlpConfig& config, std::size_t batch_size) {
  const kernels::Bfloat16Kernels* const kernels = kernels::bfloat16_kernels();
  if (kernels == nullptr)
    return {Precision::kFloat32, "", "since no bfloat16 instructions are in use here"};
  // AVX512-BF16 alone multiplies no faster than float32 on some CPUs.
  if (kernels->set != kernels::Bfloat16Set::kAmx)
    return {Precision::kFloat32, "", "since AMX is not in use here"};
  if (step_operations(config, batch_size) < kLeastOperations)
    return {Precision::kFloat32, "", "since steps are too small for AMX"};
  return {Precision::kBfloat16, bfloat16_instruction_set(), "since AMX makes its steps faster"};
}

}  // namespace mlp
