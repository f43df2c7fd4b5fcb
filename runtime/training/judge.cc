#include "runtime/training/judge.h"

#include <algorithm>

#include "model/evaluator.h"
#include "model/inference.h"
#include "runtime/training/reports.h"

namespace mlp {

Targets targets_of(const Dataset& data, Task task, std::vector<float>& values) {
  Targets targets;
  if (!data.weights.empty()) targets.weights = data.weights.data();
  if (task == Task::kBinary) values.assign(data.classes.begin(), data.classes.end());
  if (task == Task::kClassification) {
    targets.classes = data.classes.data();
  } else {
    targets.values = task == Task::kBinary ? values.data() : data.values.data();
  }
  return targets;
}

std::optional<Predictions> judge(const Candidate& candidate, const Dataset& data, Team& team,
                                 const std::function<bool()>& give_up) {
  std::vector<float> values;
  const Targets targets = targets_of(data, candidate.task, values);
  return evaluate(InferenceNetwork(candidate.weights, candidate.activation), candidate.task,
                  candidate.loss, data.features, data.rows, targets, team, give_up);
}

std::vector<double> metric_values(const std::vector<std::string>& names, Task task,
                                  const Dataset& data, const Predictions& predictions,
                                  std::size_t top_k) {
  std::vector<std::string> computed;
  for (const std::string& name : names) {
    if (name != "loss") computed.push_back(name);
  }
  std::vector<double> values = metrics_of_rows(computed, task, data, predictions, top_k);
  const auto loss = std::ranges::find(names, "loss");
  if (loss != names.end()) values.insert(values.begin() + (loss - names.begin()), predictions.loss);
  return values;
}

}  // namespace mlp
