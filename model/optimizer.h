#pragma once

#include <cstddef>
#include <cstdint>

#include "model/kernels/vector.h"

namespace mlp {

// kAdam: Kingma & Ba 2014; kSgd: gradient descent, with momentum where that is not 0. Formulas are
// Keras's (kernels/vector.h). With weight_decay not 0, kAdam is AdamW (Loshchilov & Hutter 2019):
// both decay weights and biases alike, apart from the gradient.
enum class OptimizerKind { kAdam, kSgd };

// How the learning rate goes from step to step, with t = step - warmup_steps:
//
// warm-up    learning_rate * step / warmup_steps, where t < 0
// kConstant  learning_rate
// kCosine    learning_rate * (alpha + (1 - alpha) * (1 + cos(pi * min(t / decay_steps, 1))) / 2)
//            (Loshchilov & Hutter 2017; Keras's CosineDecay)
// kStep      learning_rate * decay_rate ^ floor(t / decay_steps) (Keras's ExponentialDecay with
//            staircase=True)
enum class Schedule { kConstant, kCosine, kStep };

struct ScheduleConfig {
  Schedule schedule = Schedule::kConstant;
  double warmup_steps = 0;
  double decay_steps = 1;  // more than 0
  double alpha = 0;
  double decay_rate = 1;
};

struct OptimizerConfig {
  OptimizerKind kind = OptimizerKind::kAdam;
  double learning_rate = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-7;
  double momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;     // of every parameter: w -= learning_rate * weight_decay * w
  double global_clipnorm = 0;  // gradients longer than this are brought to it; 0: never
  ScheduleConfig schedule;

  // Buffers of state as large as the parameters.
  std::size_t moments() const {
    if (kind == OptimizerKind::kAdam) return 2;
    return momentum > 0 ? 1 : 0;
  }
};

// The rate of update number `step`, counted from 0.
double learning_rate_at(const OptimizerConfig& config, std::uint64_t step);

// What the gradients are multiplied by to be no longer than global_clipnorm, from their sum of
// squares: Keras's global_clipnorm.
double clip_scale(const OptimizerConfig& config, double sum_of_squares);

// One update of all parameters, in parts.
class Update {
 public:
  // Number `step`, counted from 0.
  Update(const OptimizerConfig& config, std::uint64_t step, double gradient_scale);

  // Over `size` parameters, a multiple of kernels::kPad, from w on: the gradient is the sum of
  // gradients[0..count) in that order; moments[0..config.moments()) is the state that belongs to
  // them. Threads: any, on parts that do not overlap.
  void apply(float* w, float* const* moments, const float* const* gradients, std::size_t count,
             std::size_t size) const;

 private:
  OptimizerKind kind_;
  bool has_velocity_;
  kernels::AdamStep adam_ = {};
  kernels::SgdStep sgd_ = {};
};

}  // namespace mlp
