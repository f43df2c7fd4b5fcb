#include "model/metric.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace mlp {
namespace {

struct Rows {
  Task task = Task::kClassification;
  std::size_t outputs = 0;
  std::vector<std::int32_t> classes;
  std::vector<float> targets;
  std::vector<float> predictions;

  MetricInput input() const { return {task, outputs, classes, targets, predictions}; }
};

double value(std::string_view name, const Rows& rows) { return compute_metric(name, rows.input()); }

// Three classes: truth 0 0 0 1 1 2, predicted 0 0 1 1 0 1.
Rows three_classes() {
  return {Task::kClassification,
          3,
          {0, 0, 0, 1, 1, 2},
          {},
          {0.8F, 0.1F, 0.1F, 0.5F, 0.3F, 0.2F, 0.2F, 0.6F, 0.2F, 0.1F, 0.7F, 0.2F, 0.6F, 0.3F, 0.1F,
           0.3F, 0.5F, 0.2F}};
}

Rows binary(std::vector<std::int32_t> truth, std::vector<float> probabilities) {
  return {Task::kBinary, 1, std::move(truth), {}, std::move(probabilities)};
}

// Rows with labels {0}, {0, 1}, {}; the second label is missed once and added once.
Rows two_labels() {
  return {Task::kMultilabel, 2, {}, {1, 0, 1, 1, 0, 0}, {0.9F, 0.8F, 0.7F, 0.4F, 0.2F, 0.1F}};
}

}  // namespace

TEST_SUITE("model") {
  // Worked by hand; test/oracle/test_metric_values.py has scikit-learn judge all metrics.
  TEST_CASE("compute_metrics: what follows from the decisions about classes") {
    const Rows rows = three_classes();
    CHECK(value("accuracy", rows) == doctest::Approx(3.0 / 6));
    CHECK(value("balanced_accuracy", rows) == doctest::Approx((2.0 / 3 + 1.0 / 2 + 0) / 3));
    CHECK(value("precision_micro", rows) == doctest::Approx(3.0 / 6));
    CHECK(value("precision_macro", rows) == doctest::Approx((2.0 / 3 + 1.0 / 3 + 0) / 3));
    CHECK(value("precision_weighted", rows) ==
          doctest::Approx((3 * 2.0 / 3 + 2 * 1.0 / 3 + 0) / 6));
    CHECK(value("recall_macro", rows) == doctest::Approx((2.0 / 3 + 1.0 / 2 + 0) / 3));
    CHECK(value("recall_weighted", rows) == doctest::Approx(3.0 / 6));
    CHECK(value("f1_macro", rows) == doctest::Approx((2.0 / 3 + 2.0 / 5 + 0) / 3));
    CHECK(value("f1_weighted", rows) == doctest::Approx((3 * 2.0 / 3 + 2 * 2.0 / 5) / 6));
    CHECK(confusion_matrix(rows.input()).counts ==
          std::vector<std::size_t>{2, 1, 0, 1, 1, 0, 0, 1, 0});
  }

  TEST_CASE("compute_metrics: of two classes, precision, recall and f1 are the second's") {
    // Truth 0 1 1 1, predicted 1 1 0 0: 0.5 is not yet the second class.
    const Rows rows = binary({0, 1, 1, 1}, {0.75F, 0.75F, 0.5F, 0.25F});
    CHECK(value("precision", rows) == doctest::Approx(1.0 / 2));
    CHECK(value("recall", rows) == doctest::Approx(1.0 / 3));
    CHECK(value("f1", rows) == doctest::Approx(2.0 / 5));
    CHECK(std::isnan(value("f1", three_classes())));
    CHECK(confusion_matrix(rows.input()).counts == std::vector<std::size_t>{0, 1, 2, 1});
  }

  TEST_CASE("compute_metrics: two softmax outputs are judged as one sigmoid output is") {
    const Rows one = binary({0, 1, 1, 0}, {0.25F, 0.75F, 0.375F, 0.625F});
    const Rows two = {Task::kClassification,
                      2,
                      one.classes,
                      {},
                      {0.75F, 0.25F, 0.25F, 0.75F, 0.625F, 0.375F, 0.375F, 0.625F}};
    const std::vector<std::string> names = metrics_of(Task::kBinary, 1);
    CHECK(names == metrics_of(Task::kClassification, 2));
    CHECK(compute_metrics(names, one.input()) == compute_metrics(names, two.input()));
  }

  TEST_CASE("compute_metrics: the decisions about several labels") {
    const Rows rows = two_labels();
    CHECK(value("accuracy", rows) == doctest::Approx(4.0 / 6));
    CHECK(value("subset_accuracy", rows) == doctest::Approx(1.0 / 3));
    CHECK(value("precision_micro", rows) == doctest::Approx(2.0 / 3));
    CHECK(value("recall_macro", rows) == doctest::Approx((1.0 + 0) / 2));
    CHECK(value("f1_weighted", rows) == doctest::Approx((2 * 1.0 + 1 * 0) / 3));
    CHECK(value("auc", rows) == doctest::Approx((1.0 + 0.5) / 2));
    CHECK(value("log_loss", rows) ==
          doctest::Approx(-(std::log(0.9) + std::log(0.2) + std::log(0.7) + std::log(0.4) +
                            std::log(0.8) + std::log(0.9)) /
                          6));
    CHECK(value("brier", rows) == doctest::Approx((0.01 + 0.64 + 0.09 + 0.36 + 0.04 + 0.01) / 6));
  }

  TEST_CASE("compute_metrics: auc is the share of pairs in the right order, ties as half") {
    const std::vector<std::int32_t> truth = {0, 0, 1, 1};
    CHECK(value("auc", binary(truth, {0.1F, 0.4F, 0.35F, 0.8F})) == doctest::Approx(0.75));
    CHECK(value("auc", binary(truth, {0.5F, 0.5F, 0.5F, 0.5F})) == doctest::Approx(0.5));
    CHECK(value("auc", binary(truth, {0.9F, 0.8F, 0.2F, 0.1F})) == 0);
    CHECK(std::isnan(value("auc", binary({1, 1}, {0.1F, 0.2F}))));
  }

  TEST_CASE("compute_metrics: auc and auc_pr follow from all pairs of scores of any size") {
    constexpr std::size_t kRows = 300;
    std::mt19937 random(1);
    Rows rows = binary({}, {});
    for (std::size_t i = 0; i < kRows; ++i) {
      // Of every exponent and sign; and, so that there are equal ones, a few small numbers, 0 and
      // -0 among them.
      const auto any = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
      const float few = static_cast<float>(random() % 5) - 2;
      const bool picks_few = std::isnan(any) || random() % 2 == 0;
      rows.predictions.push_back(picks_few ? (few == 0 && random() % 2 == 0 ? -0.0F : few) : any);
      rows.classes.push_back(static_cast<std::int32_t>(random() % 3 == 0));
    }
    double pairs = 0;
    double in_order = 0;
    double precisions = 0;
    double positives = 0;
    for (std::size_t i = 0; i < kRows; ++i) {
      if (rows.classes[i] == 0) continue;
      double above = 0;  // rows whose score is not below this one's
      double hits = 0;
      for (std::size_t j = 0; j < kRows; ++j) {
        const float difference = rows.predictions[i] - rows.predictions[j];
        if (difference <= 0) {
          ++above;
          hits += rows.classes[j];
        }
        if (rows.classes[j] == 1) continue;
        ++pairs;
        in_order += difference > 0 ? 1 : difference == 0 ? 0.5 : 0;
      }
      precisions += hits / above;
      ++positives;
    }
    CHECK(value("auc", rows) == doctest::Approx(in_order / pairs).epsilon(1e-12));
    CHECK(value("auc_pr", rows) == doctest::Approx(precisions / positives).epsilon(1e-12));
  }

  TEST_CASE("compute_metrics: auc of several classes leaves out those that no row has") {
    const Rows rows = {Task::kClassification, 3, {0, 1}, {}, {0.6F, 0.3F, 0.1F, 0.2F, 0.1F, 0.7F}};
    CHECK(value("auc", rows) == doctest::Approx((1.0 + 0.0) / 2));
    // As average_precision_score, which counts such a class as 0.
    CHECK(value("auc_pr", rows) == doctest::Approx((1.0 + 0.5 + 0) / 3));
  }

  TEST_CASE("compute_metrics: auc_pr is the precision at each gain in recall, equals together") {
    CHECK(value("auc_pr", binary({0, 0, 1, 1}, {0.1F, 0.4F, 0.35F, 0.8F})) ==
          doctest::Approx(0.5 * 1 + 0.5 * 2 / 3));
    CHECK(value("auc_pr", binary({0, 1, 1}, {0.5F, 0.5F, 0.5F})) == doctest::Approx(2.0 / 3));
    CHECK(value("auc_pr", binary({0, 0}, {0.5F, 0.2F})) == 0);
  }

  TEST_CASE("compute_metrics: top_k_accuracy counts a true class among the first k") {
    Rows rows = three_classes();
    MetricInput input = rows.input();
    input.top_k = 2;
    CHECK(compute_metric("top_k_accuracy", input) == doctest::Approx(4.0 / 6));
    input.top_k = 3;
    CHECK(compute_metric("top_k_accuracy", input) == 1);
    // Of equal probabilities the last class comes first, as in scikit-learn.
    rows = {Task::kClassification, 3, {0, 2}, {}, {0.4F, 0.3F, 0.4F, 0.4F, 0.3F, 0.4F}};
    input = rows.input();
    input.top_k = 1;
    CHECK(compute_metric("top_k_accuracy", input) == doctest::Approx(1.0 / 2));
  }

  TEST_CASE("compute_metrics: log_loss of a certain error is finite") {
    CHECK(value("log_loss", binary({1}, {0})) == doctest::Approx(-std::log(std::pow(2, -23))));
    CHECK(value("log_loss", binary({1}, {1})) == doctest::Approx(std::pow(2, -23)));
    CHECK(value("log_loss", three_classes()) ==
          doctest::Approx(-(std::log(0.8) + std::log(0.5) + std::log(0.2) + std::log(0.7) +
                            std::log(0.3) + std::log(0.2)) /
                          6));
  }

  TEST_CASE("compute_metrics: brier is of the second of two classes, or a sum over more") {
    CHECK(value("brier", binary({1, 0}, {0.75F, 0.5F})) == doctest::Approx((0.0625 + 0.25) / 2));
    const Rows rows = {Task::kClassification, 3, {2}, {}, {0.5F, 0.25F, 0.25F}};
    CHECK(value("brier", rows) == doctest::Approx(0.25 + 0.0625 + 0.5625));
  }

  TEST_CASE("compute_metrics: calibration_error compares confidence and accuracy bin by bin") {
    // Confidences 0.75 (right and wrong, one bin), 0.9375 and 1 (both right, another).
    const Rows rows = binary({1, 0, 0, 1}, {0.75F, 0.75F, 0.0625F, 1});
    CHECK(value("calibration_error", rows) ==
          doctest::Approx((std::fabs(1.5 - 1) + std::fabs(1.9375 - 2)) / 4));
  }

  TEST_CASE("compute_metrics: errors are in the units of the target") {
    const Rows rows = {Task::kRegression, 1, {}, {1, 2, 3, 4}, {1, 2, 3, 6}};
    CHECK(value("mse", rows) == doctest::Approx(1));
    CHECK(value("rmse", rows) == doctest::Approx(1));
    CHECK(value("mae", rows) == doctest::Approx(0.5));
    CHECK(value("mape", rows) == doctest::Approx(0.125));
    CHECK(value("r2", rows) == doctest::Approx(0.2));
  }

  TEST_CASE("compute_metrics: several targets count alike") {
    const Rows rows = {Task::kRegression, 2, {}, {1, 10, 3, 30}, {2, 10, 4, 34}};
    CHECK(value("mse", rows) == doctest::Approx((1.0 + 8.0) / 2));
    CHECK(value("rmse", rows) == doctest::Approx((1.0 + std::sqrt(8.0)) / 2));
    CHECK(value("r2", rows) == doctest::Approx((0.0 + (1 - 16.0 / 200)) / 2));
  }

  TEST_CASE("compute_metrics: r2 of a constant target is 1 or 0, and of one row no number") {
    const float tenth = 0.1F;  // the plain mean of which, three times, is another number
    CHECK(value("r2", {Task::kRegression, 1, {}, {tenth, tenth, tenth}, {tenth, tenth, tenth}}) ==
          1);
    CHECK(value("r2", {Task::kRegression, 1, {}, {tenth, tenth, tenth}, {tenth, 1, tenth}}) == 0);
    CHECK(std::isnan(value("r2", {Task::kRegression, 1, {}, {1}, {1}})));
    CHECK(r2_score(0, 0) == 1);
    CHECK(r2_score(1, 0) == 0);
  }

  TEST_CASE("compute_metrics: without rows, or with a prediction that is none, nothing is known") {
    const Rows cases[] = {
        {Task::kClassification, 2, {}, {}, {}},
        {Task::kBinary, 1, {0, 1}, {}, {0.5F, NAN}},
        {Task::kMultilabel, 2, {}, {0, 1, 1, 0}, {NAN, 0, 0, 1}},
        {Task::kRegression, 1, {}, {1, 2}, {1, NAN}},
    };
    for (const Rows& rows : cases) {
      for (const std::string& name : metrics_of(rows.task, rows.outputs)) {
        CAPTURE(name);
        CHECK(std::isnan(value(name, rows)));
      }
    }
  }

  TEST_CASE("compute_metrics: many at once are what each is alone, in the order asked for") {
    for (const Rows& rows : {three_classes(), two_labels()}) {
      std::vector<std::string> names = metrics_of(rows.task, rows.outputs);
      std::reverse(names.begin(), names.end());
      const std::vector<double> values = compute_metrics(names, rows.input());
      REQUIRE(values.size() == names.size());
      for (std::size_t i = 0; i < names.size(); ++i) CHECK(values[i] == value(names[i], rows));
    }
  }

  TEST_CASE("compute_metrics: a metric of another task, and parts of unlike length, are bugs") {
    CHECK_THROWS_AS(value("rmse", three_classes()), std::logic_error);
    CHECK_THROWS_AS(value("acuracy", three_classes()), std::logic_error);
    Rows rows = three_classes();
    rows.classes.pop_back();
    CHECK_THROWS_AS(value("accuracy", rows), std::logic_error);
    rows = two_labels();
    rows.targets.pop_back();
    CHECK_THROWS_AS(value("accuracy", rows), std::logic_error);
  }

  TEST_CASE("confusion_matrix: is left out for many classes") {
    Rows rows = {Task::kClassification, 101, {100}, {}, std::vector<float>(101)};
    rows.predictions[100] = 1;
    CHECK(confusion_matrix(rows.input()).classes == 101);
    CHECK(confusion_matrix(rows.input()).counts.empty());
    CHECK(value("accuracy", rows) == 1);
  }

  TEST_CASE("metrics_of: each task has its own") {
    CHECK(metrics_of(Task::kRegression, 1) ==
          std::vector<std::string>{"mse", "rmse", "mae", "mape", "r2"});
    const auto has = [](const std::vector<std::string>& names, std::string_view name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    CHECK(has(metrics_of(Task::kBinary, 1), "f1"));
    CHECK_FALSE(has(metrics_of(Task::kClassification, 3), "f1"));
    CHECK(has(metrics_of(Task::kMultilabel, 3), "subset_accuracy"));
    CHECK_FALSE(has(metrics_of(Task::kMultilabel, 3), "top_k_accuracy"));
    CHECK(find_metric("r2")->may_be_negative);
    CHECK_FALSE(find_metric("brier")->larger_is_better);
    CHECK(find_metric("loss") == nullptr);
  }
}

}  // namespace mlp
