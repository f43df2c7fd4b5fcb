#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/schema.h"
#include "model/table.h"

namespace mlp {

// What the user asked for. kAuto: text labels, or at most 20 distinct integral values, are classes;
// all else is regression.
enum class TaskChoice { kAuto, kClassification, kRegression };

// Targets as the network learns them; one of the vectors is filled, as the schema's task says.
struct EncodedTargets {
  std::vector<std::int32_t> classes;  // index into Schema::labels
  std::vector<float> values;
};

// Finds task, labels and labels_are_text from a training table's targets and sets them in `schema`.
// Labels are in ascending order, of numbers or of text. Throws UserError where the targets do not
// suit the choice: text or fractions that do not fit it, or one class only.
void fit_targets(const Table& table, TaskChoice choice, Schema& schema);

// Throws UserError, with the row, for a label that the schema does not have.
EncodedTargets encode_targets(const Table& table, const Schema& schema);

}  // namespace mlp
