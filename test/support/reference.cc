#include "test/support/reference.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "model/kernels/philox.h"

namespace mlp::test {

std::vector<double> multiply(const std::vector<float>& a, const std::vector<float>& b,
                             std::size_t m, std::size_t n, std::size_t k) {
  std::vector<double> c(m * n);
  for (std::size_t i = 0; i < m; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t l = 0; l < k; ++l) {
        c[i * n + j] += static_cast<double>(a[i * k + l]) * static_cast<double>(b[l * n + j]);
      }
    }
  }
  return c;
}

double batch_loss(const MlpConfig& config, Loss loss, const std::vector<double>& parameters,
                  const std::vector<std::vector<float>>& x,
                  const std::vector<std::int32_t>& classes, const std::vector<float>& values,
                  std::uint64_t seed, std::uint64_t step) {
  const ParameterLayout layout(config);
  const double threshold = config.drop_rate * 16777216;
  double total = 0;
  for (std::size_t row = 0; row < x.size(); ++row) {
    std::vector<double> input(x[row].begin(), x[row].end());
    for (std::size_t index = 0; index < config.layers(); ++index) {
      const ParameterLayout::Layer& layer = layout.layers()[index];
      std::vector<double> output(layer.outputs);
      for (std::size_t j = 0; j < layer.outputs; ++j) {
        output[j] = parameters[layer.bias + j];
        for (std::size_t i = 0; i < layer.inputs; ++i) {
          output[j] += input[i] * parameters[layer.weight + i * layer.outputs + j];
        }
        if (index == config.hidden.size()) continue;
        output[j] = std::max(output[j], 0.0);
        if (config.drop_rate > 0) {
          const auto words = kernels::philox(
              {static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(row / 4),
               static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(step)},
              {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)});
          const bool kept = words[row % 4] >> 8 >= threshold;
          output[j] = kept ? output[j] / (1 - config.drop_rate) : 0;
        }
      }
      input = output;
    }
    if (loss == Loss::kMeanSquaredError) {
      const double error = input[0] - static_cast<double>(values[row]);
      total += error * error;
    } else {
      const double largest = *std::max_element(input.begin(), input.end());
      double sum = 0;
      for (const double logit : input) sum += std::exp(logit - largest);
      total += largest + std::log(sum) - input[static_cast<std::size_t>(classes[row])];
    }
  }
  return total / static_cast<double>(x.size());
}

std::vector<float> random_floats(std::size_t count, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(generator()) * 0x1p-31F - 1;
  return values;
}

}  // namespace mlp::test
