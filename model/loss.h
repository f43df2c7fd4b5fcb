#pragma once

#include <cstddef>
#include <cstdint>

#include "model/matrix.h"

namespace mlp {

enum class Loss { kSoftmaxCrossEntropy, kMeanSquaredError };

// Sums over rows, from which a batch's or an epoch's metrics follow.
struct LossSums {
  double loss = 0;      // cross-entropy, or squared error
  double correct = 0;   // rows whose largest logit is the true class; 0 for regression
  double absolute = 0;  // absolute error; 0 for classification
  std::size_t rows = 0;

  void add(const LossSums& other) {
    loss += other.loss;
    correct += other.correct;
    absolute += other.absolute;
    rows += other.rows;
  }
};

// The loss of each row of `outputs` (padded, see kernels/vector.h), which become the gradient of
// the mean loss over a batch of `batch_rows` by these outputs. Softmax with cross-entropy takes one
// class per row; mean squared error takes one value per row and has one output.
LossSums loss_and_gradient(Loss loss, Matrix outputs, const std::int32_t* classes,
                           const float* values, std::size_t batch_rows);

}  // namespace mlp
