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

double activation(Activation f, double z) {
  constexpr double kSeluScale = 1.0507009873554804934193349852946;
  constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
  switch (f) {
    case Activation::kRelu:
      return std::max(z, 0.0);
    case Activation::kTanh:
      return std::tanh(z);
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-z));
    case Activation::kGelu:
      return z * std::erfc(-z / std::sqrt(2.0)) / 2;
    case Activation::kSelu:
      return kSeluScale * (z > 0 ? z : kSeluAlpha * std::expm1(z));
    case Activation::kElu:
      return z > 0 ? z : std::expm1(z);
    case Activation::kLeakyRelu:
      return z > 0 ? z : 0.2 * z;
    case Activation::kSilu:
      return z / (1 + std::exp(-z));
  }
  return 0;
}

double row_loss(const LossConfig& config, const std::vector<double>& outputs,
                const Targets& targets, std::size_t row) {
  const double smoothing = config.label_smoothing;
  const double count = static_cast<double>(outputs.size());
  double loss = 0;
  if (config.loss == Loss::kSoftmaxCrossEntropy) {
    const double largest = *std::max_element(outputs.begin(), outputs.end());
    double sum = 0;
    for (const double logit : outputs) sum += std::exp(logit - largest);
    for (std::size_t j = 0; j < outputs.size(); ++j) {
      const bool is_class = static_cast<std::size_t>(targets.classes[row]) == j;
      const double q = (is_class ? 1 - smoothing : 0) + smoothing / count;
      loss += q * (largest + std::log(sum) - outputs[j]);
    }
  } else {
    for (std::size_t j = 0; j < outputs.size(); ++j) {
      const double target = static_cast<double>(targets.values[row * outputs.size() + j]);
      const double error = outputs[j] - target;
      const double delta = config.huber_deltas.empty() ? 1 : config.huber_deltas[j];
      const double q = (1 - smoothing) * target + smoothing / 2;
      switch (config.loss) {
        case Loss::kMeanSquaredError:
          loss += error * error;
          break;
        case Loss::kMeanAbsoluteError:
          loss += std::abs(error);
          break;
        case Loss::kHuber:
          loss +=
              std::abs(error) <= delta ? error * error / 2 : delta * (std::abs(error) - delta / 2);
          break;
        default:
          loss +=
              q * std::log1p(std::exp(-outputs[j])) + (1 - q) * std::log1p(std::exp(outputs[j]));
      }
    }
    loss /= count;
  }
  return targets.weights == nullptr ? loss : loss * static_cast<double>(targets.weights[row]);
}

double batch_loss(const MlpConfig& config, const LossConfig& loss,
                  const std::vector<double>& parameters, const std::vector<std::vector<float>>& x,
                  const Targets& targets, std::uint64_t seed, std::uint64_t step) {
  const ParameterLayout layout(config);
  const double threshold = config.drop_rate * 16777216;
  double total = 0;
  for (std::size_t row = 0; row < x.size(); ++row) {
    const std::size_t others = config.inputs - config.embeddings.size();
    std::vector<double> input(x[row].begin(), x[row].begin() + static_cast<std::ptrdiff_t>(others));
    for (std::size_t i = 0; i < config.embeddings.size(); ++i) {
      const ParameterLayout::Embedding& table = layout.embeddings()[i];
      const auto category = static_cast<std::size_t>(x[row][others + i]);
      for (std::size_t j = 0; j < table.width; ++j)
        input.push_back(parameters[table.values + category * table.width + j]);
    }
    for (std::size_t index = 0; index < config.layers(); ++index) {
      const ParameterLayout::Layer& layer = layout.layers()[index];
      std::vector<double> output(layer.outputs);
      for (std::size_t j = 0; j < layer.outputs; ++j) {
        output[j] = parameters[layer.bias + j];
        for (std::size_t i = 0; i < layer.inputs; ++i) {
          output[j] += input[i] * parameters[layer.weight + i * layer.outputs + j];
        }
        if (index == config.hidden.size()) continue;
        output[j] = activation(config.activation, output[j]);
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
    total += row_loss(loss, input, targets, row);
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
