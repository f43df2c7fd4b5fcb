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

std::string target_of(const Table& table) {
  return table.target_names.empty()
             ? fmt::format("{}: the target", table.source)
             : fmt::format("{}: the target \"{}\"", table.source, table.target_names[0]);
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

void fit_classes(const Table& table, Schema& schema) {
  schema.task = Task::kClassification;
  schema.labels.clear();
  if (!table.targets.at(0).text.empty()) {
    schema.labels_are_text = true;
    schema.labels = table.targets.at(0).text;
    std::sort(schema.labels.begin(), schema.labels.end());
    schema.labels.erase(std::unique(schema.labels.begin(), schema.labels.end()),
                        schema.labels.end());
  } else {
    schema.labels_are_text = false;
    std::vector<double> numbers = table.targets.at(0).numbers;
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
                    "add rows of another "
                    "class, or check which column is the target.",
                    target_of(table), schema.labels[0].substr(0, 100), table.targets.at(0).size()));
  }
}

void fit_regression(const Table& table, Schema& schema) {
  if (!table.targets.at(0).text.empty()) {
    const auto is_number = [](const std::string& field) {
      double value = 0;
      const char* const end = field.data() + field.size();
      const auto [rest, error] = std::from_chars(field.data(), end, value);
      return error == std::errc() && rest == end;
    };
    const std::vector<std::string>& text = table.targets.at(0).text;
    const auto found = std::find_if_not(text.begin(), text.end(), is_number);
    if (found == text.end()) {
      throw UserError(
          fmt::format("{} is an array of text (\"{}\" in row 1), but a regression needs numbers. "
                      "Save the array as float32.",
                      target_of(table), text.front().substr(0, 100)));
    }
    throw UserError(
        fmt::format("{} is \"{}\" in row {}, which is no number, but a regression needs numbers. "
                    "Mend the row, choose another target, or set task=classification.",
                    target_of(table), found->substr(0, 100), found - text.begin() + 1));
  }
  schema.task = Task::kRegression;
  schema.labels.clear();
  schema.labels_are_text = false;
}

}  // namespace

void fit_targets(const Table& table, TaskChoice choice, Schema& schema) {
  schema.target_names = table.target_names;
  const bool is_text = !table.targets.at(0).text.empty();
  if (choice == TaskChoice::kAuto) {
    const bool few_integers = !is_text && !first_fraction(table.targets.at(0).numbers) &&
                              distinct(table.targets.at(0).numbers, kMostAutomaticClasses).size() <=
                                  kMostAutomaticClasses;
    choice = is_text || few_integers ? TaskChoice::kClassification : TaskChoice::kRegression;
  }
  if (choice == TaskChoice::kRegression) {
    fit_regression(table, schema);
    return;
  }
  if (const auto row = first_fraction(table.targets.at(0).numbers)) {
    throw UserError(fmt::format(
        "{} is {} in row {}, but task=classification needs labels that are integers or text. Set "
        "task=regression, or check which column is the target.",
        target_of(table), table.targets.at(0).numbers[*row], *row + 1));
  }
  fit_classes(table, schema);
}

EncodedTargets encode_targets(const Table& table, const Schema& schema) {
  EncodedTargets encoded;
  const RawTargets& targets = table.targets.at(0);
  const std::size_t rows = targets.size();
  if (schema.task == Task::kRegression) {
    if (!targets.text.empty()) {
      Schema ignored;
      fit_regression(table, ignored);
    }
    encoded.values.reserve(rows);
    for (std::size_t row = 0; row < rows; ++row) {
      const float value = static_cast<float>(targets.numbers[row]);
      if (!std::isfinite(value)) {
        throw UserError(fmt::format(
            "{} is {} in row {}, which float32 can't hold. Give the target in larger units.",
            target_of(table), targets.numbers[row], row + 1));
      }
      encoded.values.push_back(value);
    }
    return encoded;
  }
  std::unordered_map<std::string, std::int32_t> index;
  for (std::size_t label = 0; label < schema.labels.size(); ++label) {
    index.emplace(schema.labels[label], static_cast<std::int32_t>(label));
  }
  encoded.classes.reserve(rows);
  double last_number = 0;
  std::int32_t last_class = -1;
  for (std::size_t row = 0; row < rows; ++row) {
    if (targets.text.empty() && last_class >= 0 && targets.numbers[row] == last_number) {
      encoded.classes.push_back(last_class);
      continue;
    }
    const std::string label = !targets.text.empty() ? targets.text[row]
                              : is_integral(targets.numbers[row])
                                  ? integer_text(targets.numbers[row])
                                  : fmt::format("{}", targets.numbers[row]);
    const auto found = index.find(label);
    if (found == index.end()) {
      throw UserError(fmt::format(
          "{} is \"{}\" in row {}, a label that no training row has. The model knows {}. Leave "
          "such rows out, or add rows of that class to the training data.",
          target_of(table), label.substr(0, 100), row + 1, label_list(schema.labels)));
    }
    encoded.classes.push_back(found->second);
    if (targets.text.empty()) {
      last_number = targets.numbers[row];
      last_class = found->second;
    }
  }
  return encoded;
}

}  // namespace mlp
