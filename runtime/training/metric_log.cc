#include "runtime/training/metric_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace mlp {
namespace {

struct MetricEntry {
  std::string_view name;
  bool classification;
  bool regression;
  bool may_be_negative;
};

constexpr MetricEntry kMetrics[] = {
    {"loss", true, true, false}, {"accuracy", true, false, false}, {"rmse", false, true, false},
    {"mae", false, true, false}, {"r2", false, true, true},
};

std::vector<std::string> names_where(bool MetricEntry::*wanted) {
  std::vector<std::string> names;
  for (const MetricEntry& metric : kMetrics) {
    if (metric.*wanted) names.emplace_back(metric.name);
  }
  return names;
}

}  // namespace

const std::vector<std::string>& metric_names(Task task) {
  static const std::vector<std::string> classification = names_where(&MetricEntry::classification);
  static const std::vector<std::string> regression = names_where(&MetricEntry::regression);
  return task == Task::kClassification ? classification : regression;
}

std::string epoch_line(const EpochMetrics& metrics) {
  std::string line =
      fmt::format("Epoch {}/{} - {:.0f}s", metrics.epoch, metrics.epochs, metrics.seconds);
  for (const auto& [name, value] : metrics.values) {
    if (std::isfinite(value)) line += fmt::format(" - {}: {:.6f}", name, value);
  }
  return line;
}

std::vector<std::string> non_finite(const EpochMetrics& metrics) {
  std::vector<std::string> names;
  for (const auto& [name, value] : metrics.values) {
    if (!std::isfinite(value)) names.push_back(name);
  }
  return names;
}

nlohmann::ordered_json metric_definitions() {
  nlohmann::ordered_json definitions = nlohmann::ordered_json::array();
  for (const auto& [set, prefix] : {std::pair{"train", ""}, std::pair{"validation", "val_"}}) {
    for (const MetricEntry& metric : kMetrics) {
      definitions.push_back({{"Name", fmt::format("{}:{}", set, metric.name)},
                             {"Regex", fmt::format("- {}{}: ({}[0-9.]+)", prefix, metric.name,
                                                   metric.may_be_negative ? "-?" : "")}});
    }
  }
  return definitions;
}

bool is_known_metric(std::string_view name) {
  if (name == "train:error" || name == "validation:error") return true;
  const nlohmann::ordered_json definitions = metric_definitions();
  return std::any_of(definitions.begin(), definitions.end(),
                     [&](const auto& definition) { return definition["Name"] == name; });
}

}  // namespace mlp
