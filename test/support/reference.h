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

// The mean loss of a batch under `parameters` (in the layout's order), with dropout as step number
// `step` (from 0) has it. x: the rows as the network sees them.
double batch_loss(const MlpConfig& config, Loss loss, const std::vector<double>& parameters,
                  const std::vector<std::vector<float>>& x,
                  const std::vector<std::int32_t>& classes, const std::vector<float>& values,
                  std::uint64_t seed, std::uint64_t step);

// Values in [-1, 1), the same for the same seed.
std::vector<float> random_floats(std::size_t count, std::uint32_t seed);

}  // namespace mlp::test
