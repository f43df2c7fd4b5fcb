#include "runtime/training/reports.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "model/metric.h"
#include "runtime/system/files.h"

namespace mlp {
namespace {

nlohmann::ordered_json metric(double value) {
  nlohmann::ordered_json number = value;
  if (!std::isfinite(value)) number = "NaN";
  return {{"value", number}, {"standard_deviation", "NaN"}};
}

nlohmann::ordered_json confusion_matrix(const Schema& schema, const ClassificationReport& report) {
  nlohmann::ordered_json matrix = nlohmann::ordered_json::object();
  for (std::size_t truth = 0; truth < report.classes; ++truth) {
    nlohmann::ordered_json& row = matrix[schema.labels[truth]];
    for (std::size_t predicted = 0; predicted < report.classes; ++predicted) {
      row[schema.labels[predicted]] = report.confusion[truth * report.classes + predicted];
    }
  }
  return matrix;
}

nlohmann::ordered_json classification_metrics(const Schema& schema,
                                              const std::vector<std::int32_t>& truth,
                                              const Predictions& predictions) {
  std::vector<std::int32_t> predicted;
  std::vector<float> scores;  // of the second class
  for (std::size_t row = 0; row < predictions.rows(); ++row) {
    predicted.push_back(predicted_class(schema.task, predictions.row(row), predictions.outputs));
    scores.push_back(predictions.row(row)[1]);
  }
  const ClassificationReport report = classification_report(truth, predicted, schema.labels.size());
  if (report.classes == 2) {
    return {{"binary_classification_metrics",
             {{"accuracy", metric(report.accuracy)},
              {"auc", metric(roc_auc(truth, scores))},
              {"precision", metric(report.precision[1])},
              {"recall", metric(report.recall[1])},
              {"f1", metric(report.f1[1])},
              {"confusion_matrix", confusion_matrix(schema, report)}}}};
  }
  return {{"multiclass_classification_metrics",
           {{"accuracy", metric(report.accuracy)},
            {"weighted_f1", metric(report.weighted_f1)},
            {"weighted_precision", metric(report.weighted_precision)},
            {"weighted_recall", metric(report.weighted_recall)},
            {"confusion_matrix", confusion_matrix(schema, report)}}}};
}

std::string label_field(const Schema& schema, std::int32_t index) {
  const std::string& label = schema.labels[static_cast<std::size_t>(index)];
  if (schema.labels_are_text) return csv_field(label);
  return fmt::format("{:.18e}", std::strtod(label.c_str(), nullptr));
}

}  // namespace

std::string history_csv(const History& history) {
  std::string text = fmt::format("{}\n", fmt::join(history.columns, ","));
  for (const std::vector<double>& row : history.rows)
    text += fmt::format("{}\n", fmt::join(row, ","));
  return text;
}

nlohmann::ordered_json evaluation_report(const Schema& schema, const Dataset& data,
                                         const Predictions& predictions) {
  nlohmann::ordered_json report;
  if (schema.task == Task::kClassification) {
    std::vector<std::int32_t> truth;
    for (const std::uint32_t row : data.rows) truth.push_back(data.classes[row]);
    report = classification_metrics(schema, truth, predictions);
  } else {
    std::vector<float> truth;
    for (const std::uint32_t row : data.rows) truth.push_back(data.values[row]);
    const RegressionReport regression = regression_report(truth, predictions.values);
    report = {{"regression_metrics",
               {{"rmse", metric(regression.rmse)},
                {"mae", metric(regression.mae)},
                {"mse", metric(regression.mse)},
                {"r2", metric(regression.r2)}}}};
  }
  report["dataset"] = data.name;
  return report;
}

bool write_prediction_csv(const std::filesystem::path& path, const Schema& schema,
                          const Dataset& data, const Predictions& predictions,
                          const std::function<bool()>& give_up) {
  constexpr std::size_t kRowsBetweenQuestions = 4096;
  FileWriter file(path);
  for (std::size_t i = 0; i < data.rows.size(); ++i) {
    if (i % kRowsBetweenQuestions == 0 && give_up()) return false;
    const std::uint32_t row = data.rows[i];
    if (schema.task == Task::kClassification) {
      file.write(fmt::format("{},{}\n", label_field(schema, data.classes[row]),
                             label_field(schema, predicted_class(schema.task, predictions.row(i),
                                                                 predictions.outputs))));
    } else {
      file.write(fmt::format("{:.18e},{:.18e}\n", static_cast<double>(data.values[row]),
                             static_cast<double>(predictions.values[i])));
    }
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
