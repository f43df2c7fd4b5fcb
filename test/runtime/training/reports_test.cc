#include "runtime/training/reports.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
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

Schema with_targets(Task task, std::vector<std::string> names) {
  Schema schema;
  schema.task = task;
  schema.targets = names.size();
  if (task == Task::kMultilabel) schema.labels = std::move(names);
  return schema;
}

Dataset with_values(std::vector<float> values, std::vector<std::uint32_t> rows) {
  Dataset dataset;
  dataset.name = "validation";
  dataset.values = std::move(values);
  dataset.rows = std::move(rows);
  return dataset;
}

// What write_prediction_csv() writes.
std::string prediction_csv(const Schema& schema, const Dataset& data,
                           const Predictions& predictions) {
  const test::TempDirectory folder;
  CHECK(write_prediction_csv(folder / "p.csv", schema, data, predictions, [] { return false; }));
  return test::read_bytes(folder / "p.csv");
}

}  // namespace

TEST_SUITE("runtime/training") {
  TEST_CASE(
      "history_csv: has a header and an epoch a row, and its numbers read back as they were") {
    const History history = {{"epoch", "loss"}, {{1, 0.1}, {2, 1.0 / 3}}};
    CHECK(history_csv(history) == "epoch,loss\n1,0.1\n2,0.3333333333333333\n");
    CHECK(std::strtod("0.3333333333333333", nullptr) == 1.0 / 3);
  }

  TEST_CASE("write_prediction_csv: numbers as NumPy's savetxt writes them, text as text") {
    const Predictions predictions = {2, {0.4F, 0.6F, 0.7F, 0.3F}};
    CHECK(prediction_csv(labels({"3", "7"}, false), with_classes({1, 1}), predictions) ==
          "7.000000000000000000e+00,7.000000000000000000e+00\n"
          "7.000000000000000000e+00,3.000000000000000000e+00\n");
    CHECK(prediction_csv(labels({"a,b", "it's \"c\""}, true), with_classes({0, 1}), predictions) ==
          "\"a,b\",\"it's \"\"c\"\"\"\n\"it's \"\"c\"\"\",\"a,b\"\n");
  }

  TEST_CASE("write_prediction_csv: one sigmoid output decides between two labels") {
    Schema schema = labels({"no", "yes"}, true);
    schema.task = Task::kBinary;
    CHECK(prediction_csv(schema, with_classes({1, 1, 0}), {1, {0.75F, 0.5F, 0.25F}}) ==
          "yes,yes\nyes,no\nno,no\n");
  }

  TEST_CASE("write_prediction_csv: several targets are columns of truth, then of prediction") {
    const Dataset data = with_values({9, 9, 1, 0}, {1});
    CHECK(prediction_csv(with_targets(Task::kRegression, {"a", "b"}), data, {2, {0.5F, 2}}) ==
          "1.000000000000000000e+00,0.000000000000000000e+00,"
          "5.000000000000000000e-01,2.000000000000000000e+00\n");
    CHECK(prediction_csv(with_targets(Task::kMultilabel, {"a", "b"}), data, {2, {0.5F, 0.75F}}) ==
          "1.000000000000000000e+00,0.000000000000000000e+00,"
          "0.000000000000000000e+00,1.000000000000000000e+00\n");
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
    const Predictions predictions = {
        2, {0.875F, 0.125F, 0.125F, 0.875F, 0.375F, 0.625F, 0.25F, 0.75F}};
    const auto report =
        evaluation_report(labels({"no", "yes"}, true), with_classes({0, 1, 0, 1}), predictions);
    const auto& metrics = report["binary_classification_metrics"];
    CHECK(metrics["accuracy"]["value"] == 0.75);
    CHECK(metrics["accuracy"]["standard_deviation"] == "NaN");
    CHECK(metrics["precision"]["value"] == doctest::Approx(2.0 / 3));
    CHECK(metrics["recall"]["value"] == 1);
    CHECK(metrics["auc"]["value"] == 1);
    CHECK(metrics["balanced_accuracy"]["value"] == 0.75);
    CHECK(metrics["brier"]["value"] == (0.015625 + 0.015625 + 0.390625 + 0.0625) / 4);
    CHECK(metrics["confusion_matrix"]["no"]["yes"] == 1);
    CHECK(report["dataset"] == "test");

    Schema sigmoid = labels({"no", "yes"}, true);
    sigmoid.task = Task::kBinary;
    CHECK(
        evaluation_report(sigmoid, with_classes({0, 1, 0, 1}), {1, {0.125F, 0.875F, 0.625F, 0.75F}})
            .dump() == report.dump());
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

    const auto regression = evaluation_report(with_targets(Task::kRegression, {"price"}),
                                              with_values({9, 1, 2}, {1, 2}), {1, {1, 4}});
    CHECK(regression["regression_metrics"]["mse"]["value"] == 2);
    CHECK(regression["regression_metrics"]["mae"]["value"] == 1);
    CHECK(regression["regression_metrics"]["mape"]["value"] == 0.5);
  }

  TEST_CASE("evaluation_report: several labels have a group of their own") {
    const auto report =
        evaluation_report(with_targets(Task::kMultilabel, {"a", "b"}),
                          with_values({1, 0, 1, 1}, {0, 1}), {2, {0.75F, 0.25F, 0.75F, 0.25F}});
    const auto& metrics = report["multilabel_classification_metrics"];
    CHECK(metrics["accuracy"]["value"] == 0.75);
    CHECK(metrics["subset_accuracy"]["value"] == 0.5);
    CHECK(metrics["micro_recall"]["value"] == doctest::Approx(2.0 / 3));
    CHECK(metrics["macro_recall"]["value"] == 0.5);
    CHECK_FALSE(metrics.contains("confusion_matrix"));
  }

  TEST_CASE("evaluation_report: many classes have no confusion matrix, but all else") {
    std::vector<std::string> names;
    for (int i = 0; i <= 100; ++i) names.push_back(std::to_string(i));
    Predictions predictions = {101, std::vector<float>(101)};
    predictions.values[7] = 1;
    const auto report = evaluation_report(labels(names, false), with_classes({7}), predictions);
    const auto& metrics = report["multiclass_classification_metrics"];
    CHECK(metrics["accuracy"]["value"] == 1);
    CHECK_FALSE(metrics.contains("confusion_matrix"));
  }

  TEST_CASE("metrics_report: has every metric of the task for each set of rows") {
    const Schema schema = with_targets(Task::kRegression, {"price"});
    Dataset training = with_values({1, 2}, {0, 1});
    training.name = "training";
    const Predictions exact = {1, {1, 2}, 0.25};
    const Dataset validation = with_values({1, 2}, {1});
    const Predictions diverged = {1, {INFINITY}, NAN};
    const JudgedRows sets[] = {{training, exact}, {validation, diverged}};
    CHECK(metrics_report(schema, sets).dump() ==
          R"({"training":{"loss":0.25,"mse":0.0,"rmse":0.0,"mae":0.0,"mape":0.0,"r2":1.0},)"
          R"("validation":{"loss":"NaN","mse":"NaN","rmse":"NaN","mae":"NaN","mape":"NaN",)"
          R"("r2":"NaN"}})");
  }

  TEST_CASE("metrics_report: top_k_accuracy is of the k that is asked for") {
    const Dataset data = with_classes({0});
    const Predictions predictions = {3, {0.25F, 0.5F, 0.125F}};
    const JudgedRows sets[] = {{data, predictions}};
    const Schema schema = labels({"0", "1", "2"}, false);
    CHECK(metrics_report(schema, sets, 1)["test"]["top_k_accuracy"] == 0);
    CHECK(metrics_report(schema, sets, 2)["test"]["top_k_accuracy"] == 1);
  }

  TEST_CASE("metrics_report: has a confusion matrix where there are classes") {
    const Dataset data = with_classes({0, 1, 1});
    const Predictions predictions = {1, {0.25F, 0.75F, 0.25F}};
    const JudgedRows sets[] = {{data, predictions}};
    Schema schema = labels({"no", "yes"}, true);
    schema.task = Task::kBinary;
    CHECK(metrics_report(schema, sets)["test"]["confusion_matrix"].dump() ==
          R"({"no":{"no":1,"yes":0},"yes":{"no":1,"yes":1}})");
  }

  TEST_CASE("metrics_of_rows: is about the rows of the set, in their order") {
    Dataset data = with_classes({0, 1, 1});
    data.rows = {2, 0};
    const std::vector<std::string> names = {"accuracy", "recall"};
    CHECK(metrics_of_rows(names, Task::kBinary, data, {1, {0.75F, 0.75F}}) ==
          std::vector<double>{0.5, 1});
  }
}

}  // namespace mlp
