#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/activation.h"
#include "model/loss.h"
#include "model/predictions.h"
#include "model/schema.h"
#include "model/team.h"
#include "model/weights.h"
#include "runtime/data/dataset.h"

namespace mlp {

// A network as it predicts, and what it is judged by.
struct Candidate {
  Weights weights;  // in original units
  Activation activation = Activation::kRelu;
  Task task = Task::kClassification;
  LossConfig loss;  // in original units
};

// The targets of the rows of a dataset as a loss takes them. `values` holds those that the dataset
// has in another form (the classes of a binary task as 0 and 1), and outlives the result.
Targets targets_of(const Dataset& data, Task task, std::vector<float>& values);

// evaluate() of the rows of `data`.
std::optional<Predictions> judge(
    const Candidate& candidate, const Dataset& data, Team& team,
    const std::function<bool()>& give_up = [] { return false; });

// Metrics by name of `predictions`, which are of the rows of `data`; "loss" among them.
std::vector<double> metric_values(const std::vector<std::string>& names, Task task,
                                  const Dataset& data, const Predictions& predictions,
                                  std::size_t top_k);

}  // namespace mlp
