#include "model/target_encoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <system_error>
#include <unordered_map>

#include "model/error.h"

namespace mlp {
namespace {

constexpr std::size_t kMostAutomaticClasses = 20;
constexpr std::size_t kLabelsInMessages = 10;
constexpr double kFirstDoubtfulInteger = 0x1p53;  // doubles from here on skip integers

std::string integer_text(double value) {
  return fmt::format("{}", static_cast<std::int64_t>(value));
}

bool is_integral(double value) { return std::trunc(value) == value && std::fabs(value) < 0x1p63; }

std::optional<std::size_t> first_fraction(const std::vector<double>& numbers) {
  const auto found = std::find_if_not(numbers.begin(), numbers.end(), is_integral);
  if (found == numbers.end()) return std::nullopt;
  return static_cast<std::size_t>(found - numbers.begin());
}

// Sorted and without repetition; gives up, with `most` + 1 values, where there are more than
// `most`.
std::vector<double> distinct(const std::vector<double>& numbers, std::size_t most) {
  std::vector<double> found;
  for (const double number : numbers) {
    const auto place = std::lower_bound(found.begin(), found.end(), number);
    if (place != found.end() && *place == number) continue;
    found.insert(place, number);
    if (found.size() > most) break;
  }
  return found;
}

// What messages call a target column.
std::string target_of(const Table& table, std::size_t column = 0) {
  if (!table.target_names.empty()) {
    return fmt::format("{}: the target \"{}\"", table.source,
                       table.target_names[column].substr(0, 100));
  }
  if (table.targets.size() == 1) return fmt::format("{}: the target", table.source);
  return fmt::format("{}: target column {}", table.source, column + 1);
}

// The choice as a hyperparameter says it.
std::string_view word(TaskChoice choice) {
  switch (choice) {
    case TaskChoice::kAuto:
      return "auto";
    case TaskChoice::kClassification:
      return "classification";
    case TaskChoice::kBinary:
      return "binary";
    case TaskChoice::kMultilabel:
      return "multilabel";
    case TaskChoice::kRegression:
      return "regression";
  }
  return "";
}

bool is_binary(double value) { return value == 0 || value == 1; }

bool all_binary(const Column& targets) {
  return !targets.is_text && std::all_of(targets.numbers.begin(), targets.numbers.end(), is_binary);
}

// Whether each row has exactly one 1, in several columns of 0 and 1.
bool is_one_hot(const std::vector<Column>& targets) {
  for (std::size_t row = 0; row < targets[0].rows(); ++row) {
    double sum = 0;
    for (const Column& target : targets) sum += target.numbers[row];
    if (sum != 1) return false;
  }
  return true;
}

std::string label_list(const std::vector<std::string>& labels) {
  std::string list;
  for (std::size_t i = 0; i < std::min(labels.size(), kLabelsInMessages); ++i) {
    list += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", labels[i].substr(0, 40));
  }
  if (labels.size() > kLabelsInMessages)
    list += fmt::format(" and {} more", labels.size() - kLabelsInMessages);
  return list;
}

// Those that a row has, which may be fewer than are kept.
std::vector<std::string> texts_in_use(const Column& column) {
  std::vector<bool> used(column.texts.size());
  for (const std::uint32_t code : column.codes) used[code] = true;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i]) texts.emplace_back(column.texts[i]);
  }
  return texts;
}

// Of the one target column, whose values are text or integers.
void fit_classes(const Table& table, TaskChoice choice, Schema& schema) {
  const Column& targets = table.targets[0];
  if (const auto row = first_fraction(targets.numbers)) {
    throw UserError(
        fmt::format("{} is {} in row {}, but task={} needs labels that are integers or text. Set "
                    "task=regression, or check which column is the target.",
                    target_of(table), targets.numbers[*row], *row + 1, word(choice)));
  }
  schema.task = choice == TaskChoice::kBinary ? Task::kBinary : Task::kClassification;
  schema.labels.clear();
  if (targets.is_text) {
    schema.labels_are_text = true;
    schema.labels = texts_in_use(targets);
    std::sort(schema.labels.begin(), schema.labels.end());
  } else {
    schema.labels_are_text = false;
    std::vector<double> numbers = targets.numbers;
    const auto doubtful = std::find_if(numbers.begin(), numbers.end(), [](double number) {
      return std::fabs(number) >= kFirstDoubtfulInteger;
    });
    if (doubtful != numbers.end()) {
      throw UserError(
          fmt::format("{} is {:.0f} in row {}. Labels of 2^53 and beyond can't be told apart as "
                      "numbers: use smaller ones, or text (a letter in front is enough).",
                      target_of(table), *doubtful, doubtful - numbers.begin() + 1));
    }
    std::sort(numbers.begin(), numbers.end());
    numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
    for (const double number : numbers) schema.labels.push_back(integer_text(number));
  }
  if (schema.labels.size() == 1) {
    throw UserError(
        fmt::format("{} is \"{}\" in all {} rows. A classifier needs rows of at least two classes: "
                    "add rows of another class, or check which column is the target.",
                    target_of(table), schema.labels[0].substr(0, 100), targets.rows()));
  }
  if (choice == TaskChoice::kBinary && schema.labels.size() != 2) {
    throw UserError(
        fmt::format("{} has {} distinct labels ({}), but task=binary needs exactly two. Set "
                    "task=classification to learn them all, or check which column is the target.",
                    target_of(table), schema.labels.size(), label_list(schema.labels)));
  }
}

[[noreturn]] void throw_text_in_regression(const Table& table, std::size_t column) {
  const Column& targets = table.targets[column];
  const auto is_number = [&](std::uint32_t code) {
    const std::string_view field = targets.texts[code];
    double value = 0;
    const char* const end = field.data() + field.size();
    const auto [rest, error] = std::from_chars(field.data(), end, value);
    return error == std::errc() && rest == end;
  };
  const auto found = std::ranges::find_if_not(targets.codes, is_number);
  if (found == targets.codes.end()) {
    throw UserError(
        fmt::format("{} is an array of text (\"{}\" in row 1), but a regression needs numbers. "
                    "Save the array as float32.",
                    target_of(table, column), targets.texts[targets.codes[0]].substr(0, 100)));
  }
  throw UserError(
      fmt::format("{} is \"{}\" in row {}, which is no number, but a regression needs numbers. "
                  "Mend the row, choose another target, or set task=classification.",
                  target_of(table, column), targets.texts[*found].substr(0, 100),
                  found - targets.codes.begin() + 1));
}

void require_numbers(const Table& table) {
  for (std::size_t column = 0; column < table.targets.size(); ++column) {
    if (table.targets[column].is_text) throw_text_in_regression(table, column);
  }
}

// Throws at the first value of a multilabel table that is neither 0 nor 1.
void require_binary(const Table& table) {
  for (std::size_t column = 0; column < table.targets.size(); ++column) {
    const Column& targets = table.targets[column];
    if (all_binary(targets)) continue;
    const auto number = std::find_if_not(targets.numbers.begin(), targets.numbers.end(), is_binary);
    const bool is_text = targets.is_text;
    throw UserError(fmt::format(
        "{} is {} in row {}, but task=multilabel needs 0 or 1 in each target column. Correct the "
        "value, or set task=regression to learn numbers or task=classification to learn one label "
        "per row.",
        target_of(table, column),
        is_text ? fmt::format("the text \"{}\"", targets.texts[targets.codes[0]].substr(0, 100))
                : fmt::to_string(*number),
        is_text ? 1 : number - targets.numbers.begin() + 1));
  }
}

void fit_multilabel(const Table& table, Schema& schema) {
  require_binary(table);
  schema.task = Task::kMultilabel;
  schema.labels = table.target_names;
  schema.labels_are_text = !table.target_names.empty();
  for (std::size_t i = schema.labels.size(); i < table.targets.size(); ++i) {
    schema.labels.push_back(fmt::to_string(i));
  }
}

void fit_regression(const Table& table, Schema& schema) {
  require_numbers(table);
  schema.task = Task::kRegression;
  schema.labels.clear();
  schema.labels_are_text = false;
}

TaskChoice choose(const Table& table) {
  const std::vector<Column>& targets = table.targets;
  if (targets.size() == 1) {
    const bool is_text = targets[0].is_text;
    const bool few_integers =
        !is_text && !first_fraction(targets[0].numbers) &&
        distinct(targets[0].numbers, kMostAutomaticClasses).size() <= kMostAutomaticClasses;
    return is_text || few_integers ? TaskChoice::kClassification : TaskChoice::kRegression;
  }
  if (!std::all_of(targets.begin(), targets.end(), all_binary)) return TaskChoice::kRegression;
  if (is_one_hot(targets)) {
    throw UserError(fmt::format(
        "{}: each row has exactly one 1 in the {} target columns, so they look like one-hot "
        "classes. To learn classes, give one column of labels (for arrays, numpy.argmax(y, "
        "axis=1)); to learn {} independent labels, set task=multilabel.",
        table.source, targets.size(), targets.size()));
  }
  return TaskChoice::kMultilabel;
}

// The target columns have to be those of the training rows.
void require_same_columns(const Table& table, const Schema& schema) {
  if (table.targets.size() != schema.targets) {
    throw UserError(fmt::format(
        "{}: the rows have {} target column{}, but the training rows have {}. Both must have the "
        "same targets in the same order.",
        table.source, table.targets.size(), table.targets.size() == 1 ? "" : "s", schema.targets));
  }
  if (table.target_names.empty() || schema.target_names.empty()) return;
  for (std::size_t i = 0; i < schema.targets; ++i) {
    if (table.target_names[i] == schema.target_names[i]) continue;
    throw UserError(fmt::format(
        "{}, but in the training rows target column {} is \"{}\". Both must have the same targets "
        "in the same order.",
        target_of(table, i), i + 1, schema.target_names[i].substr(0, 100)));
  }
}

std::vector<float> encode_values(const Table& table) {
  const std::size_t columns = table.targets.size();
  const std::size_t rows = table.targets[0].rows();
  std::vector<float> values(rows * columns);
  for (std::size_t column = 0; column < columns; ++column) {
    for (std::size_t row = 0; row < rows; ++row) {
      const double number = table.targets[column].numbers[row];
      const float value = static_cast<float>(number);
      if (!std::isfinite(value)) {
        throw UserError(fmt::format(
            "{} is {} in row {}, which float32 can't hold. Give the target in larger units.",
            target_of(table, column), number, row + 1));
      }
      values[row * columns + column] = value;
    }
  }
  return values;
}

[[noreturn]] void throw_unknown_label(const Table& table, std::string_view label, std::size_t row,
                                      const Schema& schema) {
  throw UserError(fmt::format(
      "{} is \"{}\" in row {}, a label that no training row has. The model knows {}. Leave such "
      "rows out, or add rows of that class to the training data.",
      target_of(table), label.substr(0, 100), row + 1, label_list(schema.labels)));
}

std::vector<std::int32_t> encode_classes(const Table& table, const Schema& schema) {
  constexpr std::int32_t kUnknown = -1;
  const Column& targets = table.targets[0];
  const std::size_t rows = targets.rows();
  std::unordered_map<std::string, std::int32_t> index;
  for (std::size_t label = 0; label < schema.labels.size(); ++label) {
    index.emplace(schema.labels[label], static_cast<std::int32_t>(label));
  }
  const auto class_of = [&](const std::string& label) {
    const auto found = index.find(label);
    return found == index.end() ? kUnknown : found->second;
  };
  std::vector<std::int32_t> classes;
  classes.reserve(rows);
  if (targets.is_text) {
    std::vector<std::int32_t> of_texts;
    for (std::size_t i = 0; i < targets.texts.size(); ++i)
      of_texts.push_back(class_of(std::string(targets.texts[i])));
    for (std::size_t row = 0; row < rows; ++row) {
      const std::uint32_t code = targets.codes[row];
      if (of_texts[code] == kUnknown) throw_unknown_label(table, targets.texts[code], row, schema);
      classes.push_back(of_texts[code]);
    }
    return classes;
  }
  double last_number = 0;
  std::int32_t last_class = kUnknown;
  for (std::size_t row = 0; row < rows; ++row) {
    const double number = targets.numbers[row];
    if (last_class == kUnknown || number != last_number) {
      const std::string label =
          is_integral(number) ? integer_text(number) : fmt::format("{}", number);
      last_class = class_of(label);
      if (last_class == kUnknown) throw_unknown_label(table, label, row, schema);
      last_number = number;
    }
    classes.push_back(last_class);
  }
  return classes;
}

}  // namespace

void fit_targets(const Table& table, TaskChoice choice, Schema& schema) {
  schema.target_names = table.target_names;
  schema.targets = table.targets.size();
  if (choice == TaskChoice::kAuto) choice = choose(table);
  if (choice == TaskChoice::kRegression) return fit_regression(table, schema);
  if (choice == TaskChoice::kMultilabel) return fit_multilabel(table, schema);
  if (schema.targets > 1) {
    throw UserError(fmt::format(
        "{}: there are {} target columns, but task={} learns one label per row. Give one column of "
        "labels (for arrays that are one-hot, numpy.argmax(y, axis=1)), or set task=multilabel or "
        "task=regression.",
        table.source, schema.targets, word(choice)));
  }
  fit_classes(table, choice, schema);
}

EncodedTargets encode_targets(const Table& table, const Schema& schema) {
  require_same_columns(table, schema);
  EncodedTargets encoded;
  if (has_classes(schema.task)) {
    encoded.classes = encode_classes(table, schema);
    return encoded;
  }
  if (schema.task == Task::kMultilabel) {
    require_binary(table);
  } else {
    require_numbers(table);
  }
  encoded.values = encode_values(table);
  return encoded;
}

}  // namespace mlp
