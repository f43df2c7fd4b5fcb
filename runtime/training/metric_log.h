#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/schema.h"

namespace mlp {

// How metrics are written to stdout:
//
// kKeras      one line an epoch, as Keras's fit() has it, and one at the end
// kXgboost    one line an epoch, as SageMaker's XGBoost has it, with XGBoost's names
// kSagemaker  a line per metric, as SageMaker's own algorithms (linear learner, k-means) have it
//
// docs/metrics.md shows each.
enum class MetricStyle { kKeras, kXgboost, kSagemaker };

// What an epoch came to, or a training. Names are Keras's: "loss", "accuracy", ..., then the same
// with "val_" in front; of the test rows, with "test_".
struct EpochMetrics {
  std::size_t epoch = 0;  // counted from 1
  std::size_t epochs = 0;
  double seconds = 0;
  std::vector<std::pair<std::string, double>> values;
  Task task = Task::kClassification;
  bool squared_loss = true;  // kRegression: whether the loss is the mean squared error
  std::size_t rows = 0;      // that the epoch learned from, for the throughput; 0: unknown
};

// The names that every epoch of a task has, in the order of the line: "loss", "accuracy" or "loss",
// "rmse", "mae", "r2".
const std::vector<std::string>& metric_names(Task task);

// Checks names in eval_metrics before the task is known: throws UserError, with the closest name,
// for one that is neither "loss" nor in metric_table().
void check_metric_names(const std::vector<std::string>& names);

// Which of the names in eval_metrics an epoch has beside metric_names(), in their order, each once.
// Throws UserError as check_metric_names(), and for a metric that the schema's task does not have.
std::vector<std::string> check_eval_metrics(const std::vector<std::string>& names,
                                            const Schema& schema);

// Whether a value under a name of EpochMetrics ("val_auc", "loss") is better when it is larger.
bool larger_is_better(std::string_view name);

// One line for stdout, as Keras writes it: "Epoch 3/10 - 2s - loss: 0.342100 - ... - val_loss:
// 0.298700 - ...". Plain decimals, never an exponent, since SageMaker's regular expressions cut one
// off; a value that is no finite number is left out. No other line of the program may contain
// "loss: " and a digit.
std::string epoch_line(const EpochMetrics& metrics);

// One line for the end of training: "Final - accuracy=0.981000 - val_loss=0.298700 - ...", of
// `values` alone. With "=", so that the TensorFlow demo's expressions ("loss: ([0-9\.]+)") find
// nothing in it.
std::string final_line(const EpochMetrics& metrics);

// The lines of an epoch, and those of the end, in a style. `host` is SageMaker's name of this
// machine ("algo-1"), which only kSagemaker tells. kXgboost counts epochs from 0, as XGBoost does,
// and is the one style with tabs; its last line repeats the number of `metrics.epoch`.
std::vector<std::string> epoch_lines(MetricStyle style, const EpochMetrics& metrics,
                                     std::string_view host);
std::vector<std::string> final_lines(MetricStyle style, const EpochMetrics& metrics,
                                     std::string_view host);

// "val_loss" and the like, of the values that the lines leave out.
std::vector<std::string> non_finite(const EpochMetrics& metrics);

// SageMaker takes no more MetricDefinitions than these in a job.
inline constexpr std::size_t kMostMetricDefinitions = 40;

// MetricDefinitions for CreateTrainingJob: [{"Name": "validation:loss", "Regex": ...}, ...], of the
// training, validation and test rows; those of metric_names() first, then of each of
// `eval_metrics`. Each expression finds its own metric, once, in the lines of an epoch and in those
// of the end, and no other. `squared_loss` as in EpochMetrics.
nlohmann::ordered_json metric_definitions(Task task, const std::vector<std::string>& eval_metrics,
                                          MetricStyle style, bool squared_loss = true);

// Those of kKeras for metric_names() of all tasks.
nlohmann::ordered_json metric_definitions();

// Whether a metric called `name` in a tuning job ("validation:auc") can be printed, by any task and
// style. The names that the TensorFlow demo gives its own ("train:error", "validation:error") are
// among them.
bool is_known_metric(std::string_view name);

// docs/metrics.md.
std::string metrics_page();

}  // namespace mlp
