#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/matrix.h"
#include "model/schema.h"

namespace mlp {

// The loss of a row, from its outputs y and its target:
//
// kSoftmaxCrossEntropy  -sum q log softmax(y), q one-hot of the row's class
// kSigmoidCrossEntropy  mean over the outputs of -q log sigmoid(y) - (1 - q) log(1 - sigmoid(y))
// kMeanSquaredError     mean over the outputs of (y - t)^2
// kMeanAbsoluteError    mean over the outputs of |y - t|, with slope 0 where they are equal
// kHuber                mean over the outputs of e^2 / 2 for |e| <= delta, else delta |e| - delta^2
//                       / 2 (Huber 1964)
//
// Label smoothing (Szegedy et al. 2015) makes q (1 - s) q + s / classes, or (1 - s) q + s / 2 for
// the sigmoid. All are as Keras has them.
enum class Loss {
  kSoftmaxCrossEntropy,
  kSigmoidCrossEntropy,
  kMeanSquaredError,
  kMeanAbsoluteError,
  kHuber,
};

struct LossConfig {
  Loss loss = Loss::kSoftmaxCrossEntropy;
  double label_smoothing = 0;             // of the cross-entropies; 0 to 1, without 1
  std::vector<double> huber_deltas = {};  // of each output; empty: 1
};

// Whether the loss takes one class per row, as opposed to a number per output.
constexpr bool takes_classes(Loss loss) { return loss == Loss::kSoftmaxCrossEntropy; }
constexpr bool is_regression(Loss loss) {
  return loss != Loss::kSoftmaxCrossEntropy && loss != Loss::kSigmoidCrossEntropy;
}

// What rows are learned from or judged by. Of row r there is classes[r], or outputs values from
// values[r * outputs] on; weights may be null: each row counts as 1.
struct Targets {
  const std::int32_t* classes = nullptr;
  const float* values = nullptr;
  const float* weights = nullptr;
};

// Sums over rows, from which a batch's or an epoch's metrics follow.
struct LossSums {
  double loss = 0;     // of each row, times its weight
  double correct = 0;  // cross-entropies: outputs (softmax: rows) on the side of their target
  std::size_t rows = 0;
  // Regression, by output: the loss, times the row's weight; and errors without weights.
  std::vector<double> losses;
  std::vector<double> squared;
  std::vector<double> absolute;

  void add(const LossSums& other);
};

// Sets `sums` to those of the rows of `outputs` (padded, see kernels/vector.h), which become the
// gradient of the batch's loss by these outputs: the sum of the rows' losses, times their weights,
// over `batch_rows`. Row i of `outputs` has target i. `losses` is room for a float per row.
void loss_and_gradient(const LossConfig& config, Matrix outputs, const Targets& targets,
                       std::size_t batch_rows, float* losses, LossSums& sums);

}  // namespace mlp
