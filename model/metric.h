#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mlp {

// A confusion matrix beyond this many classes is no longer for reading, and takes their square.
inline constexpr std::size_t kMostConfusedClasses = 100;

// What a classifier's predictions are worth, from true and predicted classes 0..classes-1, as
// scikit-learn defines these metrics: a ratio without a denominator counts as 0.
struct ClassificationReport {
  // confusion[truth * classes + predicted]: rows. Empty beyond kMostConfusedClasses classes.
  std::vector<std::size_t> confusion;
  std::size_t classes = 0;
  double accuracy = 0;
  std::vector<double> precision, recall, f1;  // of each class
  // Means over the classes, weighted by their true rows.
  double weighted_precision = 0, weighted_recall = 0, weighted_f1 = 0;
};

// `truth` and `predicted` are equally long, and not empty.
ClassificationReport classification_report(std::span<const std::int32_t> truth,
                                           std::span<const std::int32_t> predicted,
                                           std::size_t classes);

// The area under the ROC curve of `scores` for class 1 among classes 0 and 1; equal scores count
// half. Not a number where one of the classes is absent, or a score is none.
double roc_auc(std::span<const std::int32_t> truth, std::span<const float> scores);

struct RegressionReport {
  double mse = 0, rmse = 0, mae = 0;
  // 1 - squared error / squared distance from the mean; as scikit-learn, 1 for 0 / 0 and 0 for x /
  // 0.
  double r2 = 0;
};

// `truth` and `predicted` are equally long, and not empty. Sums are in double precision, in row
// order.
RegressionReport regression_report(std::span<const float> truth, std::span<const float> predicted);

// 1 - residual / total, by the same rule.
double r2_score(double residual, double total);

}  // namespace mlp
