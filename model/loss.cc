#include "model/loss.h"

#include <cmath>

#include "model/kernels/vector.h"

namespace mlp {

LossSums loss_and_gradient(Loss loss, Matrix outputs, const std::int32_t* classes,
                           const float* values, std::size_t batch_rows) {
  LossSums sums;
  sums.rows = outputs.rows;
  const float scale = 1.0F / static_cast<float>(batch_rows);
  if (loss == Loss::kSoftmaxCrossEntropy) {
    const kernels::SoftmaxSums softmax = kernels::vector_kernels().softmax_cross_entropy(
        outputs.data, outputs.rows, outputs.columns, outputs.stride, classes, scale);
    sums.loss = softmax.loss;
    sums.correct = static_cast<double>(softmax.correct);
    return sums;
  }
  for (std::size_t row = 0; row < outputs.rows; ++row) {
    float& output = *outputs.row(row);
    const float error = output - values[row];
    sums.loss += static_cast<double>(error) * static_cast<double>(error);
    sums.absolute += static_cast<double>(std::fabs(error));
    output = 2 * error * scale;
  }
  return sums;
}

}  // namespace mlp
