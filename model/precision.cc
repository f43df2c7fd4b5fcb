#include "model/precision.h"

#include "model/kernels/bfloat16.h"

namespace mlp {

std::string_view name(Precision precision) {
  return precision == Precision::kBfloat16 ? "bfloat16" : "float32";
}

bool has_bfloat16() { return kernels::bfloat16_kernels() != nullptr; }

PrecisionChoice fastest_precision(const MlpConfig& config, std::size_t batch_size) {
  (void)config;
  (void)batch_size;
  return {};
}

}  // namespace mlp
