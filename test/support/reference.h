#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "model/learner.h"
#include "model/mlp.h"

namespace mlp::test {

// Slow loops in double precision, written from the formulas, to judge the fast ones by.

// c [m, n] = a [m, k] b [k, n], all row-major without gaps.
std::vector<double> multiply(const std::vector<float>& a, const std::vector<float>& b,
                             std::size_t m, std::size_t n, std::size_t k);

// f(z) of an activation, in double precision.
double activation(Activation f, double z);

// The loss of one row with these outputs, by the formulas in model/loss.h: of `row`'s targets.
double row_loss(const LossConfig& config, const std::vector<double>& outputs,
                const Targets& targets, std::size_t row);

// The loss of a batch under `parameters` (in the layout's order), with dropout as step number
// `step` (from 0) has it. x: the rows as the network sees them, whose targets are in their order.
double batch_loss(const MlpConfig& config, const LossConfig& loss,
                  const std::vector<double>& parameters, const std::vector<std::vector<float>>& x,
                  const Targets& targets, std::uint64_t seed, std::uint64_t step);

// Values in [-1, 1), the same for the same seed.
std::vector<float> random_floats(std::size_t count, std::uint32_t seed);

}  // namespace mlp::test
