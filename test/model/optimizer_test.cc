#include "model/optimizer.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace mlp {

TEST_SUITE("model") {
  // By hand from the formulas in optimizer.h; Keras's own schedules judge them in test/oracle.
  TEST_CASE("learning_rate_at: constant, cosine and step, after a warm-up") {
    OptimizerConfig config;
    config.learning_rate = 0.8;
    CHECK(learning_rate_at(config, 0) == 0.8);
    CHECK(learning_rate_at(config, 1'000'000) == 0.8);

    config.schedule = {
        .schedule = Schedule::kCosine, .warmup_steps = 4, .decay_steps = 10, .alpha = 0.25};
    CHECK(learning_rate_at(config, 0) == 0);
    CHECK(learning_rate_at(config, 1) == doctest::Approx(0.2));
    CHECK(learning_rate_at(config, 4) == doctest::Approx(0.8));
    CHECK(learning_rate_at(config, 9) == doctest::Approx(0.5));
    CHECK(learning_rate_at(config, 14) == doctest::Approx(0.2));
    CHECK(learning_rate_at(config, 100) == doctest::Approx(0.2));

    config.schedule = {
        .schedule = Schedule::kStep, .warmup_steps = 2, .decay_steps = 3, .decay_rate = 0.5};
    CHECK(learning_rate_at(config, 1) == doctest::Approx(0.4));
    CHECK(learning_rate_at(config, 4) == doctest::Approx(0.8));
    CHECK(learning_rate_at(config, 5) == doctest::Approx(0.4));
    CHECK(learning_rate_at(config, 8) == doctest::Approx(0.2));
  }

  TEST_CASE("clip_scale: brings long gradients to the norm, and leaves short ones alone") {
    OptimizerConfig config;
    CHECK(clip_scale(config, 1e30) == 1);
    config.global_clipnorm = 2;
    CHECK(clip_scale(config, 3.9) == 1);
    CHECK(clip_scale(config, 100) == doctest::Approx(0.2));
    CHECK(std::isnan(clip_scale(config, std::nan(""))));
  }

  TEST_CASE("OptimizerConfig: has as many moments as its formula takes") {
    OptimizerConfig config;
    CHECK(config.moments() == 2);
    config.kind = OptimizerKind::kSgd;
    CHECK(config.moments() == 0);
    config.momentum = 0.9;
    CHECK(config.moments() == 1);
  }

  TEST_CASE("Update: weight decay shrinks by the learning rate of the step") {
    OptimizerConfig config;
    config.kind = OptimizerKind::kSgd;
    config.learning_rate = 0.5;
    config.weight_decay = 0.1;
    config.schedule = {.schedule = Schedule::kStep, .decay_steps = 1, .decay_rate = 0.5};
    std::vector<float> w(kernels::kPad, 1.0F);
    const std::vector<float> zero(kernels::kPad);
    const float* const gradients[] = {zero.data()};
    Update(config, 1, 1).apply(w.data(), nullptr, gradients, 1, w.size());
    CHECK(w[3] == doctest::Approx(1 - 0.25 * 0.1));
  }
}

}  // namespace mlp
