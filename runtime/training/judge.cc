#include "runtime/training/judge.h"

#include "model/evaluator.h"
#include "model/inference.h"
#include "model/metric.h"

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
  return evaluate(InferenceNetwork(candidate.layers, candidate.activation), candidate.task,
                  candidate.loss, data.features, data.rows, targets, team, give_up);
}

std::vector<double> metric_values(const std::vector<std::string>& names, Task task,
                                  const Dataset& data, const Predictions& predictions,
                                  std::size_t top_k) {
  std::vector<std::int32_t> classes;
  std::vector<float> targets;
  const std::size_t outputs = predictions.outputs;
  for (const std::size_t row : data.rows) {
    if (has_classes(task)) {
      classes.push_back(data.classes[row]);
    } else {
      const float* const values = data.values.data() + row * outputs;
      targets.insert(targets.end(), values, values + outputs);
    }
  }
  std::vector<std::string> computed;
  for (const std::string& name : names) {
    if (name != "loss") computed.push_back(name);
  }
  std::vector<double> values = compute_metrics(computed, {.task = task,
                                                          .outputs = outputs,
                                                          .classes = classes,
                                                          .targets = targets,
                                                          .predictions = predictions.values,
                                                          .top_k = top_k});
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == "loss")
      values.insert(values.begin() + static_cast<std::ptrdiff_t>(i), predictions.loss);
  }
  return values;
}

}  // namespace mlp
