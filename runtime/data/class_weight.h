#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/schema.h"

namespace mlp {

// How much the rows of each class count, as the user asked for it.
struct ClassWeightChoice {
  bool balanced = false;
  std::map<std::string, double> by_label;  // finite and not negative

  bool empty() const { return !balanced && by_label.empty(); }
};

// The weight of each label of the schema. Balanced: rows / (classes * count), over the given rows
// and the classes that they have, as scikit-learn's compute_class_weight("balanced", ...); without
// rows, a class gets 1. By label: 1 for each label that is not named. `classes` has an entry for
// every row there is, `rows` are indices into it. Throws UserError for a label that the schema does
// not have, with the closest one, and for a task without classes.
std::vector<double> class_weights(const ClassWeightChoice& choice, const Schema& schema,
                                  std::span<const std::int32_t> classes,
                                  std::span<const std::uint32_t> rows);

}  // namespace mlp
