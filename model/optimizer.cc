#include "model/optimizer.h"

#include <cmath>

namespace mlp {

kernels::AdamStep adam_step(const AdamConfig& config, std::uint64_t step) {
  const double t = static_cast<double>(step);
  const double alpha = config.learning_rate * std::sqrt(1 - std::pow(config.beta2, t)) /
                       (1 - std::pow(config.beta1, t));
  return {static_cast<float>(alpha), static_cast<float>(1 - config.beta1),
          static_cast<float>(1 - config.beta2), static_cast<float>(config.epsilon)};
}

}  // namespace mlp
