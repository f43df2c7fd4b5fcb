#include "model/loss.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "model/kernels/vector.h"
#include "test/support/reference.h"

namespace mlp {
namespace {

constexpr std::size_t kRows = 7;
constexpr std::size_t kOutputs = 3;

Matrix outputs_of(std::vector<float>& memory) {
  const std::size_t stride = kernels::padded(kOutputs);
  const std::vector<float> random = test::random_floats(kRows * kOutputs, 3);
  memory.assign(kRows * stride, 0.0F);
  for (std::size_t i = 0; i < kRows; ++i) {
    for (std::size_t j = 0; j < kOutputs; ++j)
      memory[i * stride + j] = 3 * random[i * kOutputs + j];
  }
  return {memory.data(), kRows, kOutputs, stride};
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("loss_and_gradient: sums are weighted, and errors are by output without weights") {
    const std::vector<float> values = test::random_floats(kRows * kOutputs, 4);
    const std::vector<float> weights = {0, 1, 2, 0.5F, 1, 3, 0};
    const Targets targets = {nullptr, values.data(), weights.data()};
    std::vector<float> memory;
    std::vector<float> losses(kRows);
    for (const LossConfig& config :
         {LossConfig{Loss::kMeanSquaredError}, LossConfig{Loss::kMeanAbsoluteError},
          LossConfig{Loss::kHuber, 0, {0.1, 1, 5}}}) {
      const Matrix before = outputs_of(memory);
      const std::vector<float> copy = memory;
      double loss = 0;
      std::vector<double> squared(kOutputs);
      std::vector<double> absolute(kOutputs);
      for (std::size_t i = 0; i < kRows; ++i) {
        const float* const row = copy.data() + i * before.stride;
        loss += test::row_loss(config, {row, row + kOutputs}, targets, i);
        for (std::size_t j = 0; j < kOutputs; ++j) {
          const double error =
              static_cast<double>(row[j]) - static_cast<double>(values[i * kOutputs + j]);
          squared[j] += error * error;
          absolute[j] += std::abs(error);
        }
      }
      LossSums sums;
      loss_and_gradient(config, before, targets, kRows, losses.data(), sums);
      CHECK(sums.rows == kRows);
      CHECK(sums.loss == doctest::Approx(loss).epsilon(1e-6));
      double by_output = 0;
      for (std::size_t j = 0; j < kOutputs; ++j) {
        by_output += sums.losses[j] / kOutputs;
        CHECK(sums.squared[j] == doctest::Approx(squared[j]).epsilon(1e-6));
        CHECK(sums.absolute[j] == doctest::Approx(absolute[j]).epsilon(1e-6));
      }
      CHECK(by_output == doctest::Approx(loss).epsilon(1e-6));
      for (std::size_t j = 0; j < kOutputs; ++j) CHECK(before.row(0)[j] == 0);  // of weight 0
    }
  }

  TEST_CASE(
      "loss_and_gradient: an absolute error of 0 has the slope 0, and one that is none stays") {
    std::vector<float> memory(kernels::kPad);
    const Matrix outputs = {memory.data(), 1, 1, kernels::kPad};
    const std::vector<float> values = {0};
    float loss = 0;
    LossSums sums;
    loss_and_gradient({Loss::kMeanAbsoluteError}, outputs, {nullptr, values.data()}, 1, &loss,
                      sums);
    CHECK(memory[0] == 0);
    for (const Loss kind : {Loss::kMeanAbsoluteError, Loss::kHuber, Loss::kMeanSquaredError}) {
      memory[0] = std::nanf("");
      loss_and_gradient({kind}, outputs, {nullptr, values.data()}, 1, &loss, sums);
      CHECK(std::isnan(memory[0]));
      CHECK(std::isnan(sums.loss));
    }
  }

  TEST_CASE("LossSums: adding keeps the outputs apart") {
    LossSums a;
    LossSums b;
    b.loss = 2;
    b.rows = 3;
    b.losses = {1, 3};
    b.squared = {4, 5};
    b.absolute = {6, 7};
    a.add(b);
    a.add(b);
    CHECK(a.loss == 4);
    CHECK(a.rows == 6);
    CHECK(a.losses == std::vector<double>{2, 6});
    CHECK(a.squared == std::vector<double>{8, 10});
    CHECK(a.absolute == std::vector<double>{12, 14});
  }
}

}  // namespace mlp
