#include "runtime/data/class_weight.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

#include "model/error.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

std::vector<double> balanced_weights(std::size_t labels, std::span<const std::int32_t> classes,
                                     std::span<const std::uint32_t> rows) {
  std::vector<std::size_t> counts(labels, 0);
  for (const std::uint32_t row : rows) ++counts[static_cast<std::size_t>(classes[row])];
  const auto present = static_cast<std::size_t>(
      std::count_if(counts.begin(), counts.end(), [](std::size_t count) { return count > 0; }));
  std::vector<double> weights(labels, 1.0);
  for (std::size_t label = 0; label < labels; ++label) {
    if (counts[label] == 0) continue;
    weights[label] =
        static_cast<double>(rows.size()) / static_cast<double>(present * counts[label]);
  }
  return weights;
}

}  // namespace

std::vector<double> class_weights(const ClassWeightChoice& choice, const Schema& schema,
                                  std::span<const std::int32_t> classes,
                                  std::span<const std::uint32_t> rows) {
  if (!has_classes(schema.task)) {
    throw UserError(fmt::format(
        "The hyperparameter class_weight is set, but the task is {}, which has no classes. Remove "
        "it; to weigh rows one by one, name a column by weight_column.",
        schema.task == Task::kRegression ? "regression" : "multilabel"));
  }
  if (choice.balanced) return balanced_weights(schema.labels.size(), classes, rows);
  std::vector<double> weights(schema.labels.size(), 1.0);
  for (const auto& [label, weight] : choice.by_label) {
    const auto found = std::find(schema.labels.begin(), schema.labels.end(), label);
    if (found == schema.labels.end()) {
      throw UserError(fmt::format(
          "The hyperparameter class_weight names the label {}, which no training row has.{} The "
          "labels are {}. Correct or remove it.",
          in_quotes(label), did_you_mean(label, schema.labels), listed(schema.labels)));
    }
    weights[static_cast<std::size_t>(found - schema.labels.begin())] = weight;
  }
  return weights;
}

}  // namespace mlp
