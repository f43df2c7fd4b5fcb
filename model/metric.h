#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/schema.h"

namespace mlp {

// A metric: a number that says what a network's predictions are worth, beside the loss.
struct MetricInfo {
  std::string_view name;
  std::vector<Task> tasks;  // that have it
  bool two_classes_only;    // it is about the second class, and undefined where there are more
  bool may_be_negative;
  bool larger_is_better;
  std::string_view help;  // the definition in one line, and what scikit-learn or Keras calls it
};

// All metrics, in the order in which reports list them.
const std::vector<MetricInfo>& metric_table();

// Null where no metric has the name.
const MetricInfo* find_metric(std::string_view name);

// Whether a task with so many outputs (as Schema::outputs() counts them) has the metric.
bool has_metric(Task task, std::size_t outputs, const MetricInfo& metric);

// The names of all metrics of such a task, in the table's order.
std::vector<std::string> metrics_of(Task task, std::size_t outputs);

// What is true of some rows, and what a network says of them. Owned elsewhere.
struct MetricInput {
  Task task = Task::kClassification;
  std::size_t outputs = 0;                // columns of `predictions`: 1 for kBinary
  std::span<const std::int32_t> classes;  // kClassification, kBinary: the class of each row
  std::span<const float> targets;         // kMultilabel (0 or 1), kRegression: rows x outputs
  // Row-major, rows x outputs: probabilities (of kBinary the second class's alone), or values.
  std::span<const float> predictions;
  std::size_t top_k = 5;  // of top_k_accuracy; 1 at least

  std::size_t rows() const { return outputs == 0 ? 0 : predictions.size() / outputs; }
};

// The metrics' values, in the order of `names`, each as scikit-learn defines it (docs/metrics.md
// names the functions), with these rules where a definition leaves room:
//
// - Rows belong to the most probable class, the first of equals; of a single probability p, 0.5 and
//   less stands for the first class, or for "no". In top_k_accuracy with more than two classes the
//   last of equals comes first, as in scikit-learn.
// - Means over classes or labels ("macro") are over all that the network has outputs for, present
//   or not, as scikit-learn has it with labels=range(classes). balanced_accuracy, and auc of
//   several classes or labels, are over those for which they are defined.
// - A ratio without a denominator is 0; so is auc_pr of a class or label that no row has.
// - Not a number: everything where there are no rows or a prediction is no number; auc where each
//   class or label belongs to all rows or to none; r2 of fewer than two rows; precision, recall and
//   f1 of more than two classes.
// - log_loss takes probabilities as at least 2^-23 and at most 1 - 2^-23, as scikit-learn does with
//   float32.
// - calibration_error (Guo et al. 2017, "On calibration of modern neural networks", eq. 3) has 15
//   bins of equal width. No binary number is on an edge between two of them.
// - Several targets of a regression: the mean over the targets.
//
// Sums are in double precision, in the order of the rows, so equal input gives equal bits. Threads:
// any. Throws std::logic_error for a name that the task does not have, and for spans that do not
// fit each other.
std::vector<double> compute_metrics(std::span<const std::string> names, const MetricInput& input);

// compute_metrics() of one.
double compute_metric(std::string_view name, const MetricInput& input);

// A confusion matrix beyond this many classes is no longer for reading, and takes their square.
inline constexpr std::size_t kMostConfusedClasses = 100;

struct ConfusionMatrix {
  std::size_t classes = 0;
  // counts[truth * classes + predicted]: rows. Empty beyond kMostConfusedClasses classes.
  std::vector<std::size_t> counts;
};

// Of a task that has classes.
ConfusionMatrix confusion_matrix(const MetricInput& input);

struct RegressionReport {
  double mse = 0, rmse = 0, mae = 0;
  double mape = 0;  // the error as a share of the true value, which counts as at least 2^-52
  double r2 = 0;    // r2_score(); not a number for fewer than two rows
};

// One target's errors. `truth` and `predicted` are equally long, and not empty. Sums are in double
// precision, in row order.
RegressionReport regression_report(std::span<const float> truth, std::span<const float> predicted);

// 1 - residual / total, of squared errors and squared distances from the mean; as scikit-learn, 1
// for 0 / 0 and 0 for x / 0.
double r2_score(double residual, double total);

}  // namespace mlp
