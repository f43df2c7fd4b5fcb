#include "runtime/training/reports.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/metric.h"
#include "runtime/system/files.h"

namespace mlp {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json("NaN"); }

// The parts of a MetricInput that a Dataset holds by other indices.
struct Truth {
  std::vector<std::int32_t> classes;
  std::vector<float> targets;
};

Truth truth_of(Task task, const Dataset& data, std::size_t outputs) {
  Truth truth;
  for (const std::uint32_t row : data.rows) {
    if (has_classes(task)) {
      truth.classes.push_back(data.classes[row]);
    } else {
      const float* const values = data.values.data() + row * outputs;
      truth.targets.insert(truth.targets.end(), values, values + outputs);
    }
  }
  return truth;
}

MetricInput metric_input(Task task, const Truth& truth, const Predictions& predictions,
                         std::size_t top_k) {
  return {task, predictions.outputs, truth.classes, truth.targets, predictions.values, top_k};
}

// A group of SageMaker's model quality reports: in each pair, what a metric is called there and
// here.
struct Group {
  std::string_view name;
  std::vector<std::pair<std::string_view, std::string>> metrics;
};

const Group& group_of(const Schema& schema) {
  static const Group two_classes = {"binary_classification_metrics",
                                    {{"accuracy", "accuracy"},
                                     {"auc", "auc"},
                                     {"precision", "precision"},
                                     {"recall", "recall"},
                                     {"f1", "f1"},
                                     {"balanced_accuracy", "balanced_accuracy"},
                                     {"auc_pr", "auc_pr"},
                                     {"log_loss", "log_loss"},
                                     {"brier", "brier"},
                                     {"calibration_error", "calibration_error"}}};
  static const Group more_classes = {"multiclass_classification_metrics",
                                     {{"accuracy", "accuracy"},
                                      {"weighted_f1", "f1_weighted"},
                                      {"weighted_precision", "precision_weighted"},
                                      {"weighted_recall", "recall_weighted"},
                                      {"balanced_accuracy", "balanced_accuracy"},
                                      {"auc", "auc"},
                                      {"auc_pr", "auc_pr"},
                                      {"log_loss", "log_loss"},
                                      {"brier", "brier"},
                                      {"calibration_error", "calibration_error"}}};
  static const Group several_labels = {"multilabel_classification_metrics",
                                       {{"accuracy", "accuracy"},
                                        {"subset_accuracy", "subset_accuracy"},
                                        {"micro_f1", "f1_micro"},
                                        {"micro_precision", "precision_micro"},
                                        {"micro_recall", "recall_micro"},
                                        {"macro_f1", "f1_macro"},
                                        {"macro_precision", "precision_macro"},
                                        {"macro_recall", "recall_macro"},
                                        {"weighted_f1", "f1_weighted"},
                                        {"weighted_precision", "precision_weighted"},
                                        {"weighted_recall", "recall_weighted"},
                                        {"auc", "auc"},
                                        {"auc_pr", "auc_pr"},
                                        {"log_loss", "log_loss"},
                                        {"brier", "brier"},
                                        {"calibration_error", "calibration_error"}}};
  static const Group values = {
      "regression_metrics",
      {{"rmse", "rmse"}, {"mae", "mae"}, {"mse", "mse"}, {"r2", "r2"}, {"mape", "mape"}}};
  switch (schema.task) {
    case Task::kRegression:
      return values;
    case Task::kMultilabel:
      return several_labels;
    case Task::kBinary:
    case Task::kClassification:
      break;
  }
  return schema.labels.size() == 2 ? two_classes : more_classes;
}

Json confusion_by_label(const Schema& schema, const ConfusionMatrix& matrix) {
  Json rows = Json::object();
  for (std::size_t truth = 0; truth < matrix.classes; ++truth) {
    Json& row = rows[schema.labels[truth]];
    for (std::size_t predicted = 0; predicted < matrix.classes; ++predicted) {
      row[schema.labels[predicted]] = matrix.counts[truth * matrix.classes + predicted];
    }
  }
  return rows;
}

// Adds the confusion matrix of a task that has classes, where there is one to read.
void add_confusion(const Schema& schema, const MetricInput& input, Json& metrics) {
  if (!has_classes(schema.task)) return;
  const ConfusionMatrix matrix = confusion_matrix(input);
  if (!matrix.counts.empty()) metrics["confusion_matrix"] = confusion_by_label(schema, matrix);
}

std::string number_field(double value) { return fmt::format("{:.18e}", value); }

// Of a task that has classes, the field of each.
std::vector<std::string> label_fields(const Schema& schema) {
  std::vector<std::string> fields;
  for (const std::string& label : schema.labels) {
    fields.push_back(schema.labels_are_text ? csv_field(label)
                                            : number_field(std::strtod(label.c_str(), nullptr)));
  }
  return fields;
}

}  // namespace

std::string history_csv(const History& history) {
  std::string text = fmt::format("{}\n", fmt::join(history.columns, ","));
  for (const std::vector<double>& row : history.rows)
    text += fmt::format("{}\n", fmt::join(row, ","));
  return text;
}

std::vector<double> metrics_of_rows(std::span<const std::string> names, Task task,
                                    const Dataset& data, const Predictions& predictions,
                                    std::size_t top_k) {
  const Truth truth = truth_of(task, data, predictions.outputs);
  return compute_metrics(names, metric_input(task, truth, predictions, top_k));
}

Json evaluation_report(const Schema& schema, const Dataset& data, const Predictions& predictions) {
  const Truth truth = truth_of(schema.task, data, predictions.outputs);
  const MetricInput input = metric_input(schema.task, truth, predictions, MetricInput().top_k);
  const Group& group = group_of(schema);
  std::vector<std::string> names;
  for (const auto& [theirs, ours] : group.metrics) names.push_back(ours);
  const std::vector<double> values = compute_metrics(names, input);

  Json report;
  Json& metrics = report[std::string(group.name)];
  for (std::size_t i = 0; i < values.size(); ++i) {
    metrics[std::string(group.metrics[i].first)] = {{"value", number(values[i])},
                                                    {"standard_deviation", "NaN"}};
  }
  add_confusion(schema, input, metrics);
  report["dataset"] = data.name;
  return report;
}

Json metrics_report(const Schema& schema, std::span<const JudgedRows> sets, std::size_t top_k) {
  const std::vector<std::string> names = metrics_of(schema.task, schema.outputs());
  Json report = Json::object();
  for (const JudgedRows& set : sets) {
    const Truth truth = truth_of(schema.task, set.data, set.predictions.outputs);
    const MetricInput input = metric_input(schema.task, truth, set.predictions, top_k);
    const std::vector<double> values = compute_metrics(names, input);
    Json& metrics = report[set.data.name];
    metrics["loss"] = number(set.predictions.loss);
    for (std::size_t i = 0; i < names.size(); ++i) metrics[names[i]] = number(values[i]);
    add_confusion(schema, input, metrics);
  }
  return report;
}

bool write_prediction_csv(const std::filesystem::path& path, const Schema& schema,
                          const Dataset& data, const Predictions& predictions,
                          const std::function<bool()>& give_up) {
  constexpr std::size_t kRowsBetweenQuestions = 4096;
  const std::size_t outputs = predictions.outputs;
  const std::vector<std::string> labels =
      has_classes(schema.task) ? label_fields(schema) : std::vector<std::string>();
  const auto label = [&](std::int32_t index) -> const std::string& {
    return labels[static_cast<std::size_t>(index)];
  };
  FileWriter file(path);
  std::string line;
  const auto add = [&](const std::string& field) {
    if (!line.empty()) line += ',';
    line += field;
  };
  for (std::size_t i = 0; i < data.rows.size(); ++i) {
    if (i % kRowsBetweenQuestions == 0 && give_up()) return false;
    const std::size_t row = data.rows[i];
    const float* const predicted = predictions.row(i);
    line.clear();
    if (has_classes(schema.task)) {
      add(label(data.classes[row]));
      add(label(predicted_class(schema.task, predicted, outputs)));
    } else {
      for (std::size_t j = 0; j < outputs; ++j) add(number_field(data.values[row * outputs + j]));
      for (std::size_t j = 0; j < outputs; ++j) {
        const bool decides = schema.task == Task::kMultilabel;
        add(number_field(decides ? (predicted[j] > 0.5F ? 1.0F : 0.0F) : predicted[j]));
      }
    }
    file.write(line + '\n');
  }
  file.commit();
  return true;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + '"';
}

}  // namespace mlp
