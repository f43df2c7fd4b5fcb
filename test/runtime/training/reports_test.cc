#include "runtime/training/reports.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "test/support/temp_directory.h"

namespace mlp {
namespace {

Schema labels(std::vector<std::string> names, bool are_text) {
  Schema schema;
  schema.labels = std::move(names);
  schema.labels_are_text = are_text;
  return schema;
}

Dataset with_classes(std::vector<std::int32_t> classes) {
  Dataset dataset;
  dataset.name = "test";
  for (std::uint32_t i = 0; i < classes.size(); ++i) dataset.rows.push_back(i);
  dataset.classes = std::move(classes);
  return dataset;
}

bool never() { return false; }

}  // namespace

TEST_SUITE("runtime/training") {
  TEST_CASE(
      "history_csv: has a header and an epoch a row, and its numbers read back as they were") {
    const History history = {{"epoch", "loss"}, {{1, 0.1}, {2, 1.0 / 3}}};
    CHECK(history_csv(history) == "epoch,loss\n1,0.1\n2,0.3333333333333333\n");
    CHECK(std::strtod("0.3333333333333333", nullptr) == 1.0 / 3);
  }

  TEST_CASE("write_prediction_csv: numbers as NumPy's savetxt writes them, text as text") {
    const test::TempDirectory folder;
    const Predictions predictions = {2, {0.4F, 0.6F, 0.7F, 0.3F}};
    CHECK(write_prediction_csv(folder / "p.csv", labels({"3", "7"}, false), with_classes({1, 1}),
                               predictions, never));
    CHECK(test::read_bytes(folder / "p.csv") ==
          "7.000000000000000000e+00,7.000000000000000000e+00\n7.000000000000000000e+00,3."
          "000000000000000000e+00\n");
    CHECK(write_prediction_csv(folder / "p.csv", labels({"a,b", "it's \"c\""}, true),
                               with_classes({0, 1}), predictions, never));
    CHECK(test::read_bytes(folder / "p.csv") ==
          "\"a,b\",\"it's \"\"c\"\"\"\n\"it's \"\"c\"\"\",\"a,b\"\n");
  }

  TEST_CASE("write_prediction_csv: leaves no file where it gives up") {
    const test::TempDirectory folder;
    const Predictions predictions = {2, std::vector<float>(20000)};
    int questions = 0;
    CHECK_FALSE(write_prediction_csv(folder / "p.csv", labels({"a", "b"}, true),
                                     with_classes(std::vector<std::int32_t>(10000)), predictions,
                                     [&] { return ++questions == 2; }));
    CHECK(std::filesystem::is_empty(folder.path()));
  }

  TEST_CASE("evaluation_report: two classes are binary, the second being the positive one") {
    const Predictions predictions = {2, {0.9F, 0.1F, 0.1F, 0.9F, 0.4F, 0.6F, 0.2F, 0.8F}};
    const auto report =
        evaluation_report(labels({"no", "yes"}, true), with_classes({0, 1, 0, 1}), predictions);
    const auto& metrics = report["binary_classification_metrics"];
    CHECK(metrics["accuracy"]["value"] == 0.75);
    CHECK(metrics["accuracy"]["standard_deviation"] == "NaN");
    CHECK(metrics["precision"]["value"] == doctest::Approx(2.0 / 3));
    CHECK(metrics["recall"]["value"] == 1);
    CHECK(metrics["auc"]["value"] == 1);
    CHECK(metrics["confusion_matrix"]["no"]["yes"] == 1);
    CHECK(report["dataset"] == "test");
  }

  TEST_CASE("evaluation_report: what is undefined is the text NaN") {
    const Predictions predictions = {2, {0.1F, 0.9F, 0.4F, 0.6F}};
    const auto report =
        evaluation_report(labels({"0", "1"}, false), with_classes({1, 1}), predictions);
    CHECK(report["binary_classification_metrics"]["auc"]["value"] == "NaN");
  }

  TEST_CASE("evaluation_report: more classes are weighted, and values have their errors") {
    const Predictions predictions = {3, {1, 0, 0, 0, 1, 0, 0, 0, 1}};
    const auto report =
        evaluation_report(labels({"0", "1", "2"}, false), with_classes({0, 1, 1}), predictions);
    CHECK(report["multiclass_classification_metrics"]["weighted_f1"]["value"].is_number());

    Schema schema;
    schema.task = Task::kRegression;
    Dataset dataset;
    dataset.name = "validation";
    dataset.values = {9, 1, 2};
    dataset.rows = {1, 2};
    const Predictions values = {1, {1, 4}};
    const auto regression = evaluation_report(schema, dataset, values);
    CHECK(regression["regression_metrics"]["mse"]["value"] == 2);
    CHECK(regression["regression_metrics"]["mae"]["value"] == 1);
  }
}

}  // namespace mlp
