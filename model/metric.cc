#include "model/metric.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace mlp {
namespace {

double ratio(double numerator, double denominator) {
  return denominator == 0 ? 0 : numerator / denominator;
}

}  // namespace

ClassificationReport classification_report(std::span<const std::int32_t> truth,
                                           std::span<const std::int32_t> predicted,
                                           std::size_t classes) {
  ClassificationReport report;
  report.classes = classes;
  if (classes <= kMostConfusedClasses) report.confusion.resize(classes * classes);
  std::vector<double> true_rows(classes);
  std::vector<double> predicted_rows(classes);
  std::vector<double> hits(classes);
  for (std::size_t row = 0; row < truth.size(); ++row) {
    const auto is = static_cast<std::size_t>(truth[row]);
    const auto seems = static_cast<std::size_t>(predicted[row]);
    if (!report.confusion.empty()) ++report.confusion[is * classes + seems];
    ++true_rows[is];
    ++predicted_rows[seems];
    if (is == seems) ++hits[is];
  }
  const double rows = static_cast<double>(truth.size());
  double correct = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    correct += hits[c];
    report.precision.push_back(ratio(hits[c], predicted_rows[c]));
    report.recall.push_back(ratio(hits[c], true_rows[c]));
    report.f1.push_back(ratio(2 * hits[c], predicted_rows[c] + true_rows[c]));
    const double weight = ratio(true_rows[c], rows);
    report.weighted_precision += weight * report.precision.back();
    report.weighted_recall += weight * report.recall.back();
    report.weighted_f1 += weight * report.f1.back();
  }
  report.accuracy = ratio(correct, rows);
  return report;
}

double roc_auc(std::span<const std::int32_t> truth, std::span<const float> scores) {
  const bool comparable =
      std::none_of(scores.begin(), scores.end(), [](float score) { return std::isnan(score); });
  if (!comparable) return std::numeric_limits<double>::quiet_NaN();
  std::vector<std::size_t> order(truth.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
  double positives = 0;
  double negatives = 0;
  double pairs = 0;  // of a positive above a negative, ties as half
  for (std::size_t start = 0; start < order.size();) {
    std::size_t end = start;
    double tied_positives = 0;
    for (; end < order.size() && scores[order[end]] == scores[order[start]]; ++end) {
      tied_positives += truth[order[end]] == 1 ? 1 : 0;
    }
    const double tied_negatives = static_cast<double>(end - start) - tied_positives;
    pairs += tied_positives * (negatives + tied_negatives / 2);
    positives += tied_positives;
    negatives += tied_negatives;
    start = end;
  }
  if (positives == 0 || negatives == 0) return std::numeric_limits<double>::quiet_NaN();
  return pairs / (positives * negatives);
}

double r2_score(double residual, double total) {
  if (total == 0) return residual == 0 ? 1 : 0;
  return 1 - residual / total;
}

RegressionReport regression_report(std::span<const float> truth, std::span<const float> predicted) {
  const double rows = static_cast<double>(truth.size());
  double squared = 0;
  double absolute = 0;
  double mean = 0;
  for (std::size_t row = 0; row < truth.size(); ++row) {
    const double error = static_cast<double>(predicted[row]) - static_cast<double>(truth[row]);
    squared += error * error;
    absolute += std::fabs(error);
    mean += static_cast<double>(truth[row]);
  }
  mean /= rows;
  double total = 0;
  for (const float value : truth) {
    const double distance = static_cast<double>(value) - mean;
    total += distance * distance;
  }
  return {squared / rows, std::sqrt(squared / rows), absolute / rows, r2_score(squared, total)};
}

}  // namespace mlp
