#include "model/predictions.h"

#include "model/kernels/vector.h"

namespace mlp {

void outputs_to_predictions(Task task, Matrix outputs) {
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  switch (task) {
    case Task::kClassification:
      vector.softmax(outputs.data, outputs.rows, outputs.columns, outputs.stride);
      break;
    case Task::kBinary:
    case Task::kMultilabel:
      vector.activate_in_place(kernels::Activation::kSigmoid, outputs.data, outputs.rows,
                               outputs.columns, outputs.stride);
      break;
    case Task::kRegression:
      break;
  }
}

}  // namespace mlp
