#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/features.h"

namespace mlp {

// Rows held in memory, ready to learn from or to be judged by. `rows` names those that belong to
// this set, so that a training set and the validation rows split off it can share one copy of the
// features.
struct Dataset {
  std::string name;      // "training", "validation", "test"
  FeatureView features;  // standardised already where the model standardises; owned elsewhere
  // Of every row of `features`, as the task has it: its class, or its numbers, Schema::targets to a
  // row. Those of a regression are in original units, those of a multilabel task 0 or 1.
  std::vector<std::int32_t> classes;
  std::vector<float> values;
  std::vector<float> weights;       // of every row of `features`, or empty: all rows count alike
  std::vector<std::uint32_t> rows;  // indices into `features`, in the order of the file
};

}  // namespace mlp
