#include "runtime/training/metric_log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "model/metric.h"
#include "test/support/messages.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

using Lines = std::vector<std::string>;

std::string first_match(const std::string& expression, const std::string& line) {
  std::smatch match;
  return std::regex_search(line, match, std::regex(expression)) ? match[1].str() : "";
}

EpochMetrics regression_epoch() {
  return {2,
          10,
          3.2,
          {{"loss", 1e-7},
           {"rmse", 1234567.25},
           {"mae", 0.5},
           {"r2", -0.25},
           {"val_loss", 2.5},
           {"val_rmse", 3.5},
           {"val_mae", 4.5},
           {"val_r2", -5.5}}};
}

constexpr MetricStyle kStyles[] = {MetricStyle::kKeras, MetricStyle::kXgboost,
                                   MetricStyle::kSagemaker};
constexpr Task kTasks[] = {Task::kClassification, Task::kBinary, Task::kMultilabel,
                           Task::kRegression};

// An epoch with values of every metric that a task may have, for all rows, each different.
EpochMetrics every_metric(Task task) {
  EpochMetrics epoch = {2, 10, 3.2, {}, task};
  double value = 0;
  for (const char* const prefix : {"", "val_", "test_"}) {
    std::vector<std::string> names = metric_names(task);
    for (const std::string& name : metrics_of(task, 1)) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    for (const std::string& name : names) {
      value += 0.015625;
      epoch.values.emplace_back(prefix + name, name == "r2" ? -value : value);
    }
  }
  return epoch;
}

// All that the first group of an expression finds in some lines.
Lines matches(const std::string& expression, const std::string& text) {
  const std::regex regex(expression);
  Lines found;
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match) {
    found.push_back((*match)[1].str());
  }
  return found;
}

// Whose value is printed under a definition's name, in the words of EpochMetrics.
std::string name_of(const std::string& definition, MetricStyle style) {
  const std::size_t colon = definition.find(':');
  const std::string rows = definition.substr(0, colon);
  const std::string metric = definition.substr(colon + 1);
  const std::map<std::string, std::string> ours = {{"logloss", "loss"},    {"mlogloss", "loss"},
                                                   {"mse", "loss"},        {"error", "accuracy"},
                                                   {"merror", "accuracy"}, {"aucpr", "auc_pr"}};
  const auto found = ours.find(metric);
  return (rows == "train"        ? ""
          : rows == "validation" ? "val_"
                                 : "test_") +
         (style == MetricStyle::kXgboost && found != ours.end() ? found->second : metric);
}

// That each definition finds its own value once in an epoch's lines, and once in those of the end.
void check_definitions(Task task, const std::vector<std::string>& eval_metrics, MetricStyle style) {
  const EpochMetrics epoch = every_metric(task);
  const auto definitions = metric_definitions(task, eval_metrics, style);
  CHECK(definitions.size() >= 3 * metric_names(task).size());
  CHECK(definitions.size() < kMostMetricDefinitions);
  for (const auto& definition : definitions) {
    CAPTURE(definition.dump());
    const std::string defined = definition["Name"];
    const std::string name = name_of(defined, style);
    const auto metric =
        std::find_if(epoch.values.begin(), epoch.values.end(),
                     [&](const auto& candidate) { return candidate.first == name; });
    REQUIRE(metric != epoch.values.end());
    const double value = defined.ends_with("error") && !defined.ends_with("calibration_error")
                             ? 1 - metric->second
                             : metric->second;
    for (const Lines& lines :
         {epoch_lines(style, epoch, "algo-1"), final_lines(style, epoch, "algo-1")}) {
      std::string text;
      for (const std::string& line : lines) text += line + '\n';
      for (const bool escaped : {false, true}) {
        if (escaped) text = std::regex_replace(text, std::regex("\t"), "#011");
        const Lines found = matches(definition["Regex"], text);
        REQUIRE(found.size() == 1);
        CHECK(std::stod(found[0]) == doctest::Approx(value).epsilon(1e-5));
      }
    }
  }
}

}  // namespace

TEST_SUITE("runtime/training") {
  TEST_CASE("epoch_line: is Keras's, training before validation") {
    const EpochMetrics metrics = {
        3,
        10,
        1.8,
        {{"loss", 0.3421}, {"accuracy", 0.9012}, {"val_loss", 0.2987}, {"val_accuracy", 0.9123}}};
    CHECK(epoch_line(metrics) ==
          "Epoch 3/10 - 2s - loss: 0.342100 - accuracy: 0.901200 - val_loss: 0.298700 - "
          "val_accuracy: 0.912300");
  }

  TEST_CASE(
      "epoch_line: the TensorFlow demo's three expressions find the right numbers at their first "
      "match") {
    const std::string line = epoch_line(
        {1, 5, 0, {{"loss", 0.25}, {"accuracy", 0.5}, {"val_loss", 0.75}, {"val_accuracy", 1}}});
    CHECK(first_match(R"(loss: ([0-9\.]+))", line) == "0.250000");
    CHECK(first_match(R"(val_loss: ([0-9\.]+))", line) == "0.750000");
    CHECK(first_match(R"(val_accuracy: ([0-9\.]+))", line) == "1.000000");
  }

  TEST_CASE("epoch_line: has plain decimals, however small or large") {
    const std::string line = epoch_line(regression_epoch());
    CHECK(line.find("loss: 0.000000 - rmse: 1234567.250000") != std::string::npos);
    CHECK_FALSE(std::regex_search(line, std::regex("[0-9]e[-+0-9]")));
  }

  TEST_CASE("epoch_line: leaves out what is no finite number, and non_finite names it") {
    const EpochMetrics metrics = {
        1, 1, 0, {{"loss", NAN}, {"accuracy", 0.5}, {"val_loss", INFINITY}}};
    CHECK(epoch_line(metrics) == "Epoch 1/1 - 0s - accuracy: 0.500000");
    CHECK(non_finite(metrics) == std::vector<std::string>{"loss", "val_loss"});
  }

  TEST_CASE("final_line: has values alone, and nothing for the TensorFlow demo's expressions") {
    const EpochMetrics metrics = {
        3, 3, 1, {{"accuracy", 0.981}, {"auc", NAN}, {"val_loss", 0.25}, {"test_accuracy", 1}}};
    const std::string line = final_line(metrics);
    CHECK(line == "Final - accuracy=0.981000 - val_loss=0.250000 - test_accuracy=1.000000");
    CHECK(first_match(R"(loss: ([0-9\.]+))", line).empty());
    CHECK(first_match(R"(val_loss: ([0-9\.]+))", line).empty());
    CHECK(first_match(R"(val_accuracy: ([0-9\.]+))", line).empty());
  }

  TEST_CASE("epoch_lines: in Keras's style are epoch_line and final_line") {
    const EpochMetrics metrics = regression_epoch();
    CHECK(epoch_lines(MetricStyle::kKeras, metrics, "algo-1") == Lines{epoch_line(metrics)});
    CHECK(final_lines(MetricStyle::kKeras, metrics, "algo-1") == Lines{final_line(metrics)});
  }

  TEST_CASE("epoch_lines: in XGBoost's style have its names, tabs, and epochs from 0") {
    EpochMetrics metrics = {4, 10, 1, {{"loss", 0.34}, {"accuracy", 0.75}, {"val_auc_pr", 0.5}}};
    const auto line = [&](Task task) {
      metrics.task = task;
      return epoch_lines(MetricStyle::kXgboost, metrics, "algo-1");
    };
    CHECK(line(Task::kClassification) ==
          Lines{"[3]\ttrain-mlogloss:0.34000\ttrain-accuracy:0.75000\ttrain-merror:0.25000\t"
                "validation-aucpr:0.50000"});
    CHECK(line(Task::kBinary) ==
          Lines{"[3]\ttrain-logloss:0.34000\ttrain-accuracy:0.75000\ttrain-error:0.25000\t"
                "validation-aucpr:0.50000"});
    CHECK(line(Task::kMultilabel) == line(Task::kBinary));
    CHECK(final_lines(MetricStyle::kXgboost, metrics, "algo-1") == line(Task::kMultilabel));

    metrics = {1, 10, 1, {{"loss", 4}, {"rmse", 2}, {"mse", 4}, {"test_r2", -0.5}}};
    CHECK(line(Task::kRegression) ==
          Lines{"[0]\ttrain-mse:4.00000\ttrain-rmse:2.00000\ttest-r2:-0.50000"});
    metrics.squared_loss = false;
    CHECK(line(Task::kRegression) == Lines{"[0]\ttrain-loss:4.00000\ttrain-rmse:2.00000\t"
                                           "train-mse:4.00000\ttest-r2:-0.50000"});
  }

  TEST_CASE("epoch_lines: in SageMaker's style are one per metric, with progress and throughput") {
    EpochMetrics metrics = {3, 10, 0.5, {{"loss", 0.3421}, {"val_accuracy", 0.75}, {"auc", NAN}}};
    CHECK(epoch_lines(MetricStyle::kSagemaker, metrics, "algo-2") ==
          Lines{"#quality_metric: host=algo-2, epoch=3, train loss <loss>=0.342100",
                "#quality_metric: host=algo-2, epoch=3, validation accuracy <score>=0.750000",
                "#progress_metric: host=algo-2, completed 30 % epochs"});
    metrics.rows = 1000;
    CHECK(epoch_lines(MetricStyle::kSagemaker, metrics, "algo-2").back() ==
          "#throughput_metric: host=algo-2, train throughput=2000.0 records/second");
    CHECK(final_lines(MetricStyle::kSagemaker, metrics, "algo-2") ==
          Lines{"#quality_metric: host=algo-2, train loss <loss>=0.342100",
                "#quality_metric: host=algo-2, validation accuracy <score>=0.750000"});
  }

  TEST_CASE("metric_definitions: each expression finds its own metric, once, and no other's") {
    constexpr std::size_t kAtOnce = 10;  // so that all of their definitions are there
    for (const Task task : kTasks) {
      const std::vector<std::string> names = metrics_of(task, 1);
      for (std::size_t first = 0; first < names.size(); first += kAtOnce) {
        const std::size_t last = std::min(first + kAtOnce, names.size());
        const std::vector<std::string> some(names.data() + first, names.data() + last);
        for (const MetricStyle style : kStyles) check_definitions(task, some, style);
      }
    }
  }

  TEST_CASE("metric_definitions: without arguments are those of every epoch of every task") {
    const EpochMetrics all = every_metric(Task::kRegression);
    Lines names;
    for (const auto& definition : metric_definitions()) names.push_back(definition["Name"]);
    Lines expected;
    for (const char* const rows : {"train:", "validation:", "test:"}) {
      for (const char* const metric : {"loss", "accuracy", "rmse", "mae", "r2"}) {
        expected.push_back(std::string(rows) + metric);
      }
    }
    CHECK(names == expected);
    for (const auto& definition : metric_definitions()) {
      const bool of_classes = definition["Name"].get<std::string>().ends_with(":accuracy");
      CHECK(matches(definition["Regex"], epoch_line(all)).size() == (of_classes ? 0 : 1));
    }
  }

  TEST_CASE("metric_definitions: are as long as SageMaker allows, each epoch's own first") {
    const std::vector<std::string> names = metrics_of(Task::kBinary, 1);
    const auto definitions = metric_definitions(Task::kBinary, names, MetricStyle::kKeras);
    CHECK(definitions.size() == 3 * (names.size() + 1));  // the loss is no name of metrics_of()
    CHECK(definitions[0]["Name"] == "train:loss");
    CHECK(definitions[5]["Name"] == "test:accuracy");
    CHECK(definitions[6]["Name"] == "train:balanced_accuracy");
    for (const auto& definition : definitions) {
      CHECK(definition["Name"].get<std::string>().size() <= 255);
      CHECK(definition["Regex"].get<std::string>().size() <= 500);
    }
  }

  TEST_CASE("check_metric_names: an unknown metric is told, with the closest") {
    check_metric_names({"auc", "loss", "r2"});
    test::check_contains(test::user_error_of([] {
                           check_metric_names({"auc", "acuracy"});
                         }),
                         {"eval_metrics", "\"acuracy\"", "did you mean accuracy?"});
    const std::string stranger =
        test::user_error_of([] { check_metric_names({std::string(5000, 'x')}); });
    test::check_contains(stranger, {"Known are loss, accuracy", "calibration_error", "r2."});
    CHECK(stranger.find("did you mean") == std::string::npos);
  }

  TEST_CASE("check_eval_metrics: gives what an epoch has beside its own, each once") {
    Schema schema;
    schema.task = Task::kBinary;
    schema.labels = {"0", "1"};
    CHECK(check_eval_metrics({"auc", "accuracy", "f1", "auc", "loss"}, schema) ==
          std::vector<std::string>{"auc", "f1"});
    CHECK(check_eval_metrics({}, schema).empty());
  }

  TEST_CASE("check_eval_metrics: a metric of another task is told, with those that there are") {
    Schema schema;
    schema.labels = {"a", "b", "c"};
    test::check_contains(
        test::user_error_of([&] {
          check_eval_metrics({"auc", "rmse"}, schema);
        }),
        {"eval_metrics: rmse is no metric", "classification with 3 classes", "balanced_accuracy"});
    test::check_contains(test::user_error_of([&] { check_eval_metrics({"f1"}, schema); }),
                         {"f1 is no metric", "with 3 classes", "f1_macro"});
    test::check_contains(test::user_error_of([&] { check_eval_metrics({"acuracy"}, schema); }),
                         {"did you mean accuracy?"});
    schema.task = Task::kRegression;
    test::check_contains(test::user_error_of([&] { check_eval_metrics({"auc"}, schema); }),
                         {"regression", "It has mse, rmse, mae, mape, r2."});
  }

  TEST_CASE("larger_is_better: of any rows' metric") {
    for (const char* const name : {"accuracy", "val_auc", "test_r2"}) CHECK(larger_is_better(name));
    for (const char* const name : {"loss", "val_loss", "val_log_loss", "test_rmse"}) {
      CHECK_FALSE(larger_is_better(name));
    }
  }

  TEST_CASE("is_known_metric: knows what any task can print, and the demo's names") {
    for (const char* const name :
         {"train:loss", "validation:accuracy", "test:accuracy", "validation:auc_pr",
          "validation:aucpr", "train:merror", "validation:mlogloss", "validation:error"}) {
      CHECK(is_known_metric(name));
    }
    for (const char* const name :
         {"validation:acuracy", "accuracy", "other:accuracy", "validation:", ""}) {
      CHECK_FALSE(is_known_metric(name));
    }
  }

  TEST_CASE("metrics_page: is docs/metrics.md") {
    const std::filesystem::path page = std::filesystem::path(MLP_DOCS_DIR) / "metrics.md";
    // To bring it up to date: MLP_UPDATE_DOCS=1 build/release/bin/mlp_training_test
    if (std::getenv("MLP_UPDATE_DOCS") != nullptr) std::ofstream(page) << metrics_page();
    CHECK(test::read_bytes(page) == metrics_page());
  }
}

}  // namespace mlp
