#include "model/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace mlp {

double learning_rate_at(const OptimizerConfig& config, std::uint64_t step) {
  const ScheduleConfig& schedule = config.schedule;
  const double warm = static_cast<double>(step) - schedule.warmup_steps;
  if (warm < 0) return config.learning_rate * static_cast<double>(step) / schedule.warmup_steps;
  const double decays = warm / schedule.decay_steps;
  switch (schedule.schedule) {
    case Schedule::kCosine: {
      const double cosine = (1 + std::cos(std::numbers::pi * std::min(decays, 1.0))) / 2;
      return config.learning_rate * (schedule.alpha + (1 - schedule.alpha) * cosine);
    }
    case Schedule::kStep:
      return config.learning_rate * std::pow(schedule.decay_rate, std::floor(decays));
    case Schedule::kConstant:
      break;
  }
  return config.learning_rate;
}

double clip_scale(const OptimizerConfig& config, double sum_of_squares) {
  const double norm = std::sqrt(sum_of_squares);
  // What is no number fails the comparison, and shows in the weights.
  if (config.global_clipnorm == 0 || norm <= config.global_clipnorm) return 1;
  return config.global_clipnorm / norm;
}

Update::Update(const OptimizerConfig& config, std::uint64_t step, double gradient_scale)
    : kind_(config.kind), has_velocity_(config.momentum > 0) {
  const double learning_rate = learning_rate_at(config, step);
  const double t = static_cast<double>(step) + 1;
  const double alpha =
      learning_rate * std::sqrt(1 - std::pow(config.beta2, t)) / (1 - std::pow(config.beta1, t));
  const auto decay = static_cast<float>(learning_rate * config.weight_decay);
  adam_ = {.alpha = static_cast<float>(alpha),
           .one_minus_beta1 = static_cast<float>(1 - config.beta1),
           .one_minus_beta2 = static_cast<float>(1 - config.beta2),
           .epsilon = static_cast<float>(config.epsilon),
           .gradient_scale = static_cast<float>(gradient_scale),
           .decay = decay};
  sgd_ = {.learning_rate = static_cast<float>(learning_rate),
          .momentum = static_cast<float>(config.momentum),
          .nesterov = config.nesterov,
          .gradient_scale = static_cast<float>(gradient_scale),
          .decay = decay};
}

void Update::apply(float* w, float* const* moments, const float* const* gradients,
                   std::size_t count, std::size_t size) const {
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  if (kind_ == OptimizerKind::kAdam) {
    vector.adam(w, moments[0], moments[1], gradients, count, size, &adam_);
  } else {
    vector.sgd(w, has_velocity_ ? moments[0] : nullptr, gradients, count, size, &sgd_);
  }
}

}  // namespace mlp
