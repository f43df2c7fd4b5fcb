#include "runtime/serving/answer.h"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "model/error.h"
#include "model/predictions.h"
#include "runtime/data/wording.h"
#include "runtime/serving/request_error.h"

namespace mlp {
namespace {

constexpr int kNotAcceptable = 406;
constexpr std::size_t kNumberBytes = 16;  // that a number and what is around it take, or more

struct NamedField {
  std::string_view name;
  OutputField field;
};
constexpr NamedField kFields[] = {
    {"predicted_label", OutputField::kPredictedLabel},
    {"probability", OutputField::kProbability},
    {"probabilities", OutputField::kProbabilities},
    {"labels", OutputField::kLabels},
    {"raw_score", OutputField::kRawScore},
    {"raw_scores", OutputField::kRawScores},
    {"predicted_score", OutputField::kPredictedScore},
};

std::string_view name_of(OutputField field) {
  for (const NamedField& named : kFields)
    if (named.field == field) return named.name;
  throw std::logic_error("OutputField without name");
}

bool is_raw(OutputField field) {
  return field == OutputField::kRawScore || field == OutputField::kRawScores;
}

// Whether a model of this task can tell it.
bool has_field(Task task, OutputField field) {
  switch (field) {
    case OutputField::kPredictedScore:
      return task == Task::kRegression;
    case OutputField::kPredictedLabel:
    case OutputField::kProbability:
    case OutputField::kRawScore:
      return has_classes(task);
    default:
      return task != Task::kRegression;
  }
}

// As JSON has it, with null for what is no number there.
void append_number(std::string& text, float value) {
  if (!std::isfinite(value)) {
    text += "null";
    return;
  }
  char buffer[32];
  const char* const end = fmt::format_to(buffer, FMT_COMPILE("{}"), value);
  text.append(buffer, static_cast<std::size_t>(end - buffer));
}

void append_numbers(std::string& text, std::span<const float> values, std::string_view separator) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += separator;
    append_number(text, values[i]);
  }
}

// A list of numbers as JSON, commas with a blank behind where it stands in CSV, as Python prints
// it.
void append_list(std::string& text, std::span<const float> values, std::string_view separator) {
  text += '[';
  append_numbers(text, values, separator);
  text += ']';
}

std::string csv_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::string json_quoted(const std::string& text) {
  using nlohmann::json;
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

// A row is a line of CSV, also where its label holds line ends: those become \n and \r, spelt out.
std::string on_one_line(std::string_view label) {
  std::string text;
  for (const char c : label) {
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\r') {
      text += "\\r";
    } else {
      text += c;
    }
  }
  return text;
}

// Writes one row's fields.
class FieldWriter {
 public:
  FieldWriter(const Schema& schema, MediaType type) : is_csv_(type == MediaType::kCsv) {
    const bool is_text = schema.labels_are_text || schema.task == Task::kMultilabel;
    std::string list = "[";
    for (const std::string& label : schema.labels) {
      const std::string json = is_text ? json_quoted(label) : label;
      if (list.size() > 1) list += is_csv_ ? ", " : ",";
      list += json;
      labels_.push_back(is_text && is_csv_ ? csv_quoted(on_one_line(label)) : json);
    }
    list += ']';
    all_labels_ = is_csv_ ? csv_quoted(list) : list;
    task_ = schema.task;
  }

  void append(std::string& text, OutputField field, std::span<const float> predictions,
              std::span<const float> logits) {
    switch (field) {
      case OutputField::kPredictedLabel:
        text += labels_[predicted(predictions)];
        return;
      case OutputField::kProbability:
        append_number(text, predictions[told(predictions)]);
        return;
      case OutputField::kRawScore:
        append_number(text, logits[told(predictions)]);
        return;
      case OutputField::kProbabilities:
        append_all(text, predictions, 1 - predictions[0]);
        return;
      case OutputField::kRawScores:
        append_all(text, logits, -logits[0]);
        return;
      case OutputField::kLabels:
        text += all_labels_;
        return;
      case OutputField::kPredictedScore:
        if (predictions.size() == 1) {
          append_number(text, predictions[0]);
        } else {
          append_in_field(text, predictions);
        }
        return;
    }
  }

 private:
  std::size_t predicted(std::span<const float> predictions) const {
    return static_cast<std::size_t>(predicted_class(task_, predictions.data(), predictions.size()));
  }
  // The output that a row's one probability or score is of.
  std::size_t told(std::span<const float> predictions) const {
    if (labels_.size() == 2) return predictions.size() - 1;
    return predicted(predictions);
  }
  // One value for each label: the network of a binary task has the second one's alone.
  void append_all(std::string& text, std::span<const float> values, float first) const {
    if (task_ == Task::kBinary) {
      const float both[] = {first, values[0]};
      append_in_field(text, both);
    } else {
      append_in_field(text, values);
    }
  }
  void append_in_field(std::string& text, std::span<const float> values) const {
    if (is_csv_) text += '"';
    append_list(text, values, is_csv_ ? ", " : ",");
    if (is_csv_) text += '"';
  }

  bool is_csv_;
  Task task_ = Task::kClassification;
  std::vector<std::string> labels_;
  std::string all_labels_;
};

std::string npy_of(std::span<const float> predictions, std::size_t outputs) {
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}",
                  predictions.size() / outputs, outputs);
  // Values begin at a multiple of 64 bytes, behind a line end (numpy.lib.format).
  constexpr std::size_t kStart = 10;
  constexpr std::size_t kAlignment = 64;
  header.append(kAlignment - 1 - (kStart + header.size()) % kAlignment, ' ');
  header += '\n';
  std::string text = "\x93NUMPY";
  text += '\1';
  text += '\0';
  text += static_cast<char>(header.size() & 0xFF);
  text += static_cast<char>(header.size() >> 8);
  text.reserve(kStart + header.size() + predictions.size_bytes());
  text += header;
  text.append(reinterpret_cast<const char*>(predictions.data()), predictions.size_bytes());
  return text;
}

}  // namespace

std::vector<OutputField> output_fields(std::string_view list, const Schema& schema) {
  std::vector<std::string_view> valid;
  for (const NamedField& named : kFields)
    if (has_field(schema.task, named.field)) valid.push_back(named.name);
  std::vector<OutputField> fields;
  const std::string lower = lower_case(list);
  std::string_view rest = lower;
  if (trimmed(rest).empty()) return fields;
  for (bool goes_on = true; goes_on;) {
    const std::size_t comma = rest.find(',');
    const std::string_view name = trimmed(rest.substr(0, comma));
    goes_on = comma != std::string_view::npos;
    if (goes_on) rest.remove_prefix(comma + 1);
    if (std::find(valid.begin(), valid.end(), name) == valid.end()) {
      throw UserError(fmt::format(
          "SAGEMAKER_INFERENCE_OUTPUT asks for {}. Expected a comma list of what a model of the "
          "task {} can tell: {}. Correct the variable.",
          in_quotes(name), task_name(schema.task), fmt::join(valid, ", ")));
    }
    const auto* const found =
        std::find_if(std::begin(kFields), std::end(kFields),
                     [&](const NamedField& named) { return named.name == name; });
    if (std::find(fields.begin(), fields.end(), found->field) != fields.end()) {
      throw UserError(
          fmt::format("SAGEMAKER_INFERENCE_OUTPUT names {} twice. Expected each field once: remove "
                      "one of the two.",
                      in_quotes(name)));
    }
    fields.push_back(found->field);
  }
  return fields;
}

AnswerWriter::AnswerWriter(Schema schema, std::vector<OutputField> fields)
    : schema_(std::move(schema)), fields_(std::move(fields)) {}

bool AnswerWriter::needs_logits() const {
  return std::any_of(fields_.begin(), fields_.end(), is_raw);
}

std::string AnswerWriter::write(MediaType type, std::string_view key,
                                std::span<const float> predictions,
                                std::span<const float> logits) const {
  const std::size_t outputs = schema_.outputs();
  if (predictions.size() % outputs != 0 ||
      (needs_logits() && logits.size() != predictions.size())) {
    throw std::logic_error("AnswerWriter: the rows are of another width");
  }
  if (type == MediaType::kNpy) {
    if (fields_.empty()) return npy_of(predictions, outputs);
    throw RequestError(kNotAcceptable,
                       "An array has no room for the fields of SAGEMAKER_INFERENCE_OUTPUT. Ask for "
                       "application/json, application/jsonlines or text/csv by the header Accept.");
  }
  const std::size_t rows = predictions.size() / outputs;
  std::string text;
  text.reserve(64 + kNumberBytes * predictions.size() + (key.size() + kNumberBytes) * rows);
  const bool is_json = type == MediaType::kJson;
  if (is_json) fmt::format_to(std::back_inserter(text), "{{\"{}\":[", key);

  if (fields_.empty()) {
    for (std::size_t row = 0; row < rows; ++row) {
      const std::span<const float> values = predictions.subspan(row * outputs, outputs);
      if (type == MediaType::kCsv) {
        append_numbers(text, values, ",");
        text += '\n';
      } else if (is_json) {
        if (row > 0) text += ',';
        append_list(text, values, ",");
      } else {
        text += "{\"";
        text += key;
        text += "\":";
        append_list(text, values, ",");
        text += "}\n";
      }
    }
  } else {
    FieldWriter writer(schema_, type);
    for (std::size_t row = 0; row < rows; ++row) {
      const std::span<const float> values = predictions.subspan(row * outputs, outputs);
      const std::span<const float> scores =
          logits.empty() ? logits : logits.subspan(row * outputs, outputs);
      if (is_json && row > 0) text += ',';
      if (type != MediaType::kCsv) text += '{';
      for (std::size_t i = 0; i < fields_.size(); ++i) {
        if (i > 0) text += ',';
        if (type != MediaType::kCsv)
          fmt::format_to(std::back_inserter(text), "\"{}\":", name_of(fields_[i]));
        writer.append(text, fields_[i], values, scores);
      }
      if (type != MediaType::kCsv) text += '}';
      if (!is_json) text += '\n';
    }
  }
  if (is_json) text += "]}";
  return text;
}

}  // namespace mlp
