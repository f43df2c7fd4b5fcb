#pragma once

#include <cstddef>
#include <cstdint>

#include "model/kernels/vector.h"

namespace mlp {

// Adam with Keras's defaults (kernels/vector.h has the formula).
struct AdamConfig {
  double learning_rate = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-7;
};

// The constants of update number `step`, counted from 1.
kernels::AdamStep adam_step(const AdamConfig& config, std::uint64_t step);

}  // namespace mlp
