#include "model/precision.h"

#include "model/kernels/bfloat16.h"

namespace mlp {
namespace {

// Of a step, from which on bfloat16 gains: see docs/performance.md.
constexpr double kLeastOperationsOfAmx = 4e6;
constexpr double kLeastOperationsOfAvx512 = 5e8;

}  // namespace

std::string_view name(Precision precision) {
  return precision == Precision::kBfloat16 ? "bfloat16" : "float32";
}

std::string bfloat16_instruction_set() {
  const kernels::Bfloat16Kernels* const kernels = kernels::bfloat16_kernels();
  return kernels == nullptr ? "" : std::string(kernels::name(kernels->set));
}

PrecisionChoice fastest_precision(double operations, std::optional<kernels::Bfloat16Set> set,
                                  bool avx512_doubles) {
  const auto float32 = [](const char* reason) {
    return PrecisionChoice{Precision::kFloat32, "", reason};
  };
  if (!set) return float32("since no bfloat16 instructions are in use here");
  const std::string instruction_set(kernels::name(*set));
  if (*set == kernels::Bfloat16Set::kAmx) {
    if (operations < kLeastOperationsOfAmx) return float32("since steps are too small for AMX");
    return {Precision::kBfloat16, instruction_set, "since AMX makes its steps faster"};
  }
  if (!avx512_doubles)
    return float32("since this CPU's AVX512-BF16 is no faster, and AMX is not in use here");
  if (operations < kLeastOperationsOfAvx512)
    return float32("since steps are too small for AVX512-BF16");
  return {Precision::kBfloat16, instruction_set, "since AVX512-BF16 makes its steps faster"};
}

PrecisionChoice fastest_precision(const MlpConfig& config, std::size_t batch_size) {
  const kernels::Bfloat16Kernels* const kernels = kernels::bfloat16_kernels();
  std::optional<kernels::Bfloat16Set> set;
  if (kernels != nullptr) set = kernels->set;
  return fastest_precision(step_operations(config, batch_size), set,
                           kernels::avx512_bfloat16_doubles());
}

}  // namespace mlp
