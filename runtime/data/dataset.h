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
  std::vector<std::int32_t> classes;  // of every row of `features`, for classification
  std::vector<float> values;          // likewise, for regression, in original units
  std::vector<std::uint32_t> rows;    // indices into `features`, in the order of the file
};

}  // namespace mlp
