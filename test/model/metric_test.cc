#include "model/metric.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

namespace mlp {

TEST_SUITE("model") {
  // By hand; the same figures come from scikit-learn's precision_recall_fscore_support.
  TEST_CASE("classification_report: counts, ratios and weighted means") {
    const std::vector<std::int32_t> truth = {0, 0, 0, 1, 1, 2};
    const std::vector<std::int32_t> predicted = {0, 0, 1, 1, 0, 1};
    const ClassificationReport report = classification_report(truth, predicted, 3);
    CHECK(report.confusion == std::vector<std::size_t>{2, 1, 0, 1, 1, 0, 0, 1, 0});
    CHECK(report.accuracy == doctest::Approx(0.5));
    CHECK(report.precision[0] == doctest::Approx(2.0 / 3));
    CHECK(report.recall[1] == doctest::Approx(0.5));
    CHECK(report.precision[2] == 0);  // never predicted
    CHECK(report.f1[1] == doctest::Approx(0.4));
    CHECK(report.weighted_recall == doctest::Approx(0.5));
    CHECK(report.weighted_precision == doctest::Approx(0.5 * 2 / 3 + 1.0 / 3 * 1 / 3));
    CHECK(report.weighted_f1 == doctest::Approx(0.5 * 2 / 3 + 0.4 / 3));
  }

  TEST_CASE("classification_report: many classes have no confusion matrix, but all else") {
    const std::vector<std::int32_t> truth = {0, 100};
    const ClassificationReport report = classification_report(truth, truth, 101);
    CHECK(report.confusion.empty());
    CHECK(report.accuracy == 1);
    CHECK(report.weighted_f1 == 1);
  }

  TEST_CASE("roc_auc: the share of pairs in the right order, ties as half") {
    const std::vector<std::int32_t> truth = {0, 0, 1, 1};
    CHECK(roc_auc(truth, std::vector<float>{0.1F, 0.4F, 0.35F, 0.8F}) == doctest::Approx(0.75));
    CHECK(roc_auc(truth, std::vector<float>{0.5F, 0.5F, 0.5F, 0.5F}) == doctest::Approx(0.5));
    CHECK(roc_auc(truth, std::vector<float>{0.9F, 0.8F, 0.2F, 0.1F}) == 0);
    CHECK(std::isnan(roc_auc(std::vector<std::int32_t>{1, 1}, std::vector<float>{0.1F, 0.2F})));
    CHECK(std::isnan(roc_auc(truth, std::vector<float>{0.1F, NAN, 0.3F, NAN})));
  }

  TEST_CASE("regression_report: errors in the units of the target, and r2 with its edge cases") {
    const std::vector<float> truth = {1, 2, 3, 4};
    const RegressionReport report = regression_report(truth, std::vector<float>{1, 2, 3, 6});
    CHECK(report.mse == doctest::Approx(1));
    CHECK(report.rmse == doctest::Approx(1));
    CHECK(report.mae == doctest::Approx(0.5));
    CHECK(report.r2 == doctest::Approx(0.2));
    CHECK(r2_score(0, 0) == 1);
    CHECK(r2_score(1, 0) == 0);
  }
}

}  // namespace mlp
