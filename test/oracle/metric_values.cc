// Computes metrics for test_metric_values.py: on stdin, JSON with the members of a MetricInput
// (task by name) and "names"; on stdout, an object with a number per name. null stands for what is
// no number.

#include <cmath>
#include <cstdint>
#include <iostream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/metric.h"

namespace {

std::vector<float> floats(const nlohmann::json& array) {
  std::vector<float> values;
  for (const nlohmann::json& value : array) {
    values.push_back(value.is_null() ? std::numeric_limits<float>::quiet_NaN()
                                     : value.get<float>());
  }
  return values;
}

}  // namespace

int main() {
  const std::map<std::string, mlp::Task> tasks = {
      {"classification", mlp::Task::kClassification},
      {"binary", mlp::Task::kBinary},
      {"multilabel", mlp::Task::kMultilabel},
      {"regression", mlp::Task::kRegression},
  };
  const nlohmann::json request = nlohmann::json::parse(std::cin);
  const auto classes = request.at("classes").get<std::vector<std::int32_t>>();
  const std::vector<float> targets = floats(request.at("targets"));
  const std::vector<float> predictions = floats(request.at("predictions"));
  const mlp::MetricInput input = {
      tasks.at(request.at("task")), request.at("outputs"), classes, targets, predictions,
      request.at("top_k")};
  const auto names = request.at("names").get<std::vector<std::string>>();
  const std::vector<double> values = mlp::compute_metrics(names, input);
  nlohmann::json answer = nlohmann::json::object();
  for (std::size_t i = 0; i < names.size(); ++i) {
    answer[names[i]] = std::isnan(values[i]) ? nlohmann::json(nullptr) : nlohmann::json(values[i]);
  }
  std::cout << answer << '\n';
}
