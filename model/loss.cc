#include "model/loss.h"

#include <cmath>

#include "model/kernels/vector.h"

namespace mlp {
namespace {

void add_each(std::vector<double>& to, const std::vector<double>& from) {
  if (to.size() < from.size()) to.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i] += from[i];
}

struct Slope {
  float loss;
  float slope;
};

Slope squared_error(float error) { return {error * error, 2 * error}; }

Slope absolute_error(float error) {
  return {std::fabs(error), error > 0 ? 1.0F : error < 0 ? -1.0F : error};
}

Slope huber(float error, float delta) {
  const float size = std::fabs(error);
  if (size > delta) return {delta * size - delta * delta / 2, std::copysign(delta, error)};
  return {error * error / 2, error};
}

// Calls at(error, output) for the loss and its slope at each error.
template <typename At>
void regression(Matrix outputs, const Targets& targets, std::size_t batch_rows, LossSums& sums,
                At at) {
  const std::size_t columns = outputs.columns;
  const float scale = 1.0F / static_cast<float>(batch_rows * columns);
  const float* values = targets.values;
  for (std::size_t row = 0; row < outputs.rows; ++row, values += columns) {
    const float weight = targets.weights == nullptr ? 1.0F : targets.weights[row];
    float* const output = outputs.row(row);
    for (std::size_t j = 0; j < columns; ++j) {
      const float error = output[j] - values[j];
      const Slope here = at(error, j);
      sums.losses[j] += static_cast<double>(here.loss) * static_cast<double>(weight);
      sums.squared[j] += static_cast<double>(error) * static_cast<double>(error);
      sums.absolute[j] += static_cast<double>(std::fabs(error));
      output[j] = here.slope * scale * weight;
    }
  }
  for (const double loss : sums.losses) sums.loss += loss / static_cast<double>(columns);
}

void cross_entropy(const LossConfig& config, Matrix outputs, const Targets& targets,
                   std::size_t batch_rows, float* losses, LossSums& sums) {
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  const auto smoothing = static_cast<float>(config.label_smoothing);
  if (config.loss == Loss::kSoftmaxCrossEntropy) {
    sums.correct = static_cast<double>(vector.softmax_cross_entropy(
        outputs.data, outputs.rows, outputs.columns, outputs.stride, targets.classes, smoothing,
        1.0F / static_cast<float>(batch_rows), losses));
  } else {
    sums.correct = static_cast<double>(vector.sigmoid_cross_entropy(
        outputs.data, outputs.rows, outputs.columns, outputs.stride, targets.values, smoothing,
        1.0F / static_cast<float>(batch_rows * outputs.columns), losses));
  }
  for (std::size_t row = 0; row < outputs.rows; ++row) {
    const float weight = targets.weights == nullptr ? 1.0F : targets.weights[row];
    sums.loss += static_cast<double>(losses[row]) * static_cast<double>(weight);
    if (targets.weights == nullptr) continue;
    float* const gradient = outputs.row(row);
    for (std::size_t j = 0; j < outputs.columns; ++j) gradient[j] *= weight;
  }
}

}  // namespace

void LossSums::add(const LossSums& other) {
  loss += other.loss;
  correct += other.correct;
  rows += other.rows;
  add_each(losses, other.losses);
  add_each(squared, other.squared);
  add_each(absolute, other.absolute);
}

void loss_and_gradient(const LossConfig& config, Matrix outputs, const Targets& targets,
                       std::size_t batch_rows, float* losses, LossSums& sums) {
  sums.loss = 0;
  sums.correct = 0;
  sums.rows = outputs.rows;
  if (!is_regression(config.loss)) {
    cross_entropy(config, outputs, targets, batch_rows, losses, sums);
    return;
  }
  for (std::vector<double>* const each : {&sums.losses, &sums.squared, &sums.absolute}) {
    each->assign(outputs.columns, 0);
  }
  const auto delta = [&](std::size_t output) {
    return config.huber_deltas.empty() ? 1.0F : static_cast<float>(config.huber_deltas[output]);
  };
  if (config.loss == Loss::kMeanSquaredError) {
    regression(outputs, targets, batch_rows, sums,
               [](float error, std::size_t) { return squared_error(error); });
  } else if (config.loss == Loss::kMeanAbsoluteError) {
    regression(outputs, targets, batch_rows, sums,
               [](float error, std::size_t) { return absolute_error(error); });
  } else {
    regression(outputs, targets, batch_rows, sums,
               [&](float error, std::size_t output) { return huber(error, delta(output)); });
  }
}

}  // namespace mlp
