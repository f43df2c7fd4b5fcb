#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/matrix.h"
#include "model/schema.h"

namespace mlp {

// What a network says of some rows, in their order.
struct Predictions {
  std::size_t outputs = 0;  // of the network
  // Row-major, `outputs` to a row: probabilities of the labels (of kBinary the second label's
  // alone), or a regression's values.
  std::vector<float> values;
  double loss = 0;  // mean over the rows; 0 without targets

  std::size_t rows() const { return outputs == 0 ? 0 : values.size() / outputs; }
  const float* row(std::size_t index) const { return values.data() + index * outputs; }
};

// A network's outputs (padded, see kernels/vector.h) become what they stand for, in place:
// probabilities for tasks with labels; a regression's values stay.
void outputs_to_predictions(Task task, Matrix outputs);

// The predicted class, for tasks that have classes: the most probable one, the first of equals.
inline std::int32_t predicted_class(Task task, const float* row, std::size_t outputs) {
  if (task == Task::kBinary) return row[0] > 0.5F ? 1 : 0;
  return static_cast<std::int32_t>(std::max_element(row, row + outputs) - row);
}

}  // namespace mlp
