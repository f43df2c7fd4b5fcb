#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/schema.h"

namespace mlp {

// What an epoch came to. Names are Keras's: "loss", "accuracy", ..., then the same with "val_" in
// front.
struct EpochMetrics {
  std::size_t epoch = 0;  // counted from 1
  std::size_t epochs = 0;
  double seconds = 0;
  std::vector<std::pair<std::string, double>> values;
};

// The names of a task's metrics, in the order of the line: "loss", "accuracy" or "loss", "rmse",
// "mae", "r2".
const std::vector<std::string>& metric_names(Task task);

// One line for stdout, as Keras writes it: "Epoch 3/10 - 2s - loss: 0.342100 - ... - val_loss:
// 0.298700 - ...". Plain decimals, never an exponent, since SageMaker's regular expressions cut one
// off; a value that is no finite number is left out. No other line of the program may contain
// "loss: " and a digit.
std::string epoch_line(const EpochMetrics& metrics);

// "val_loss" and the like, of the values that epoch_line() left out.
std::vector<std::string> non_finite(const EpochMetrics& metrics);

// MetricDefinitions for CreateTrainingJob: [{"Name": "validation:loss", "Regex": ...}, ...], for
// every metric of every task. Each expression finds its own metric in an epoch's line, and no
// other.
nlohmann::ordered_json metric_definitions();

// Whether a metric called `name` in a tuning job can be printed: one of metric_definitions(), or of
// the names that the TensorFlow demo gives its own ("train:error", "validation:error").
bool is_known_metric(std::string_view name);

}  // namespace mlp
