#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/schema.h"
#include "model/table.h"

namespace mlp {

// What the user asked for. kAuto: of one target column, text labels, or at most 20 distinct
// integral values, are the classes of a kClassification; of several, values that are all 0 or 1 are
// labels of a kMultilabel; all else is kRegression.
enum class TaskChoice { kAuto, kClassification, kBinary, kMultilabel, kRegression };

// Targets as the network learns them; one of the vectors is filled, as the schema's task says.
struct EncodedTargets {
  std::vector<std::int32_t> classes;  // index into Schema::labels
  std::vector<float> values;          // row-major, Schema::targets to a row
};

// Finds task, labels and labels_are_text from a training table's targets and sets them in `schema`,
// with the number and names of the target columns. Labels of classes are in ascending order, of
// numbers or of text. Throws UserError where the targets do not suit the choice: text or fractions
// that do not fit it, one class only, more than two for kBinary, several columns for a task of one,
// and, where nothing was chosen, several columns that are one-hot.
void fit_targets(const Table& table, TaskChoice choice, Schema& schema);

// Throws UserError, with the row, for a label that the schema does not have or a value that its
// task can't hold, and for target columns that are other than the schema's in number or name.
EncodedTargets encode_targets(const Table& table, const Schema& schema);

}  // namespace mlp
