#include "runtime/data/table_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

#include "model/error.h"
#include "runtime/data/number.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

bool is_number(std::string_view text) {
  double value = 0;
  return parse_number(trimmed(text), value) != NumberStatus::kNoNumber;
}

std::optional<int> column_number(std::string_view text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || number == 0) return std::nullopt;
  return number;
}

std::size_t index_of(const std::vector<std::string>& names, std::string_view name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

std::vector<std::string> all_of(const ColumnChoice& choice) {
  std::vector<std::string> all = choice.targets;
  if (!choice.weight.empty()) all.push_back(choice.weight);
  all.insert(all.end(), choice.features.begin(), choice.features.end());
  all.insert(all.end(), choice.ignored.begin(), choice.ignored.end());
  return all;
}

// 0, 1, 2, ... or 1, 2, 3, ..., as tools write it where columns have no names.
bool counts_up(const std::vector<std::string>& fields) {
  constexpr std::size_t kLeastFields = 3;
  if (fields.size() < kLeastFields) return false;
  for (std::size_t first = 0; first < 2; ++first) {
    bool counts = true;
    for (std::size_t i = 0; i < fields.size(); ++i)
      counts = counts && fields[i] == fmt::to_string(first + i);
    if (counts) return true;
  }
  return false;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Runs of digits compare by their value, all else by bytes.
bool comes_before(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  const auto take_digits = [](std::string_view text, std::size_t& at) {
    std::size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    while (begin + 1 < at && text[begin] == '0') ++begin;
    return text.substr(begin, at - begin);
  };
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const std::string_view x = take_digits(a, i);
      const std::string_view y = take_digits(b, j);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i;
      ++j;
    }
  }
  if (i == a.size() && j == b.size()) return a < b;
  return i == a.size();
}

// Finds the columns that hyperparameters ask for.
class Chooser {
 public:
  Chooser(const std::string& file, const TableLayout& layout) : file_(file), layout_(layout) {}

  std::string column(const std::string& asked, std::string_view hyperparameter) {
    const std::string name = find(asked, hyperparameter);
    const auto [known, is_new] = users_.emplace(name, hyperparameter);
    if (is_new) return name;
    if (known->second == hyperparameter) {
      throw UserError(
          fmt::format("The hyperparameter {} names the column {} twice. Expected each column once: "
                      "remove one of the two.",
                      hyperparameter, in_quotes(asked)));
    }
    throw UserError(
        fmt::format("The hyperparameters {} and {} both name the column {}. Expected different "
                    "columns: correct one of them.",
                    known->second, hyperparameter, in_quotes(asked)));
  }

  bool is_taken(const std::string& column) const { return users_.contains(column); }

 private:
  std::string find(const std::string& asked, std::string_view hyperparameter) const {
    const std::vector<std::string>& columns = layout_.columns;
    if (layout_.named && index_of(columns, asked) < columns.size()) return asked;
    if (const std::optional<int> number = column_number(asked)) {
      const int place = *number > 0 ? *number - 1 : static_cast<int>(columns.size()) + *number;
      if (place >= 0 && static_cast<std::size_t>(place) < columns.size())
        return columns[static_cast<std::size_t>(place)];
      throw UserError(fmt::format(
          "{}: there is no column number {}, as the hyperparameter {} asks: line 1 has {} columns. "
          "Expected a number from 1 to {}, or from -1 to count backwards: correct it.",
          file_, in_quotes(asked), hyperparameter, columns.size(), columns.size()));
    }
    if (!layout_.named) {
      throw UserError(fmt::format(
          "{}: the hyperparameter {} names the column {}, but header is false, so the file names "
          "no columns. Set header to true or auto, or give the column's number, from 1.",
          file_, hyperparameter, in_quotes(asked)));
    }
    const bool may_be_row = std::any_of(columns.begin(), columns.end(), is_number);
    throw UserError(fmt::format(
        "{}: no column is named {}, as the hyperparameter {} asks.{} The columns in line 1 are "
        "{}.{}",
        file_, in_quotes(asked), hyperparameter, did_you_mean(asked, columns), listed(columns),
        may_be_row ? " If line 1 is a row, give the column's number instead, from 1." : ""));
  }

  const std::string& file_;
  const TableLayout& layout_;
  std::map<std::string, std::string_view> users_;  // of each column that was asked for
};

}  // namespace

std::size_t TableLayout::find(std::string_view name) const { return index_of(columns, name); }

bool TableLayout::in_file_order() const {
  const std::unordered_set<std::string_view> used(features.begin(), features.end());
  std::vector<std::string> in_order;
  std::copy_if(columns.begin(), columns.end(), std::back_inserter(in_order),
               [&](const std::string& column) { return used.contains(column); });
  return in_order == features;
}

std::vector<std::string> numbered_columns(std::size_t count) {
  std::vector<std::string> numbers;
  for (std::size_t i = 1; i <= count; ++i) numbers.push_back(fmt::to_string(i));
  return numbers;
}

bool has_header(const std::vector<std::string>& first_line, Header header,
                const ColumnChoice& choice, const MissingValues& missing) {
  if (header != Header::kAuto) return header == Header::kYes;
  const std::vector<std::string> asked = all_of(choice);
  const auto is_name = [](const std::string& column) { return !column_number(column); };
  if (std::any_of(asked.begin(), asked.end(), is_name)) return true;
  if (!asked.empty() && counts_up(first_line)) return true;
  std::unordered_set<std::string_view> seen;
  return std::all_of(first_line.begin(), first_line.end(), [&](const std::string& field) {
    return field.empty() ||
           (!is_number(field) && !missing.contains(field) && seen.insert(field).second);
  });
}

std::vector<std::string> header_names(const std::string& file, std::vector<std::string> fields) {
  std::map<std::string_view, std::size_t> seen;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].empty()) fields[i] = fmt::format("Unnamed: {}", i);
    if (!is_utf8(fields[i]) || fields[i].find('\0') != std::string::npos) {
      throw UserError(
          fmt::format("{}, line 1, column {}: the column's name {} is no valid UTF-8 text. Write "
                      "it as UTF-8.",
                      file, i + 1, in_quotes(fields[i])));
    }
    if (!seen.emplace(fields[i], i).second) {
      throw UserError(fmt::format(
          "{}, line 1, column {}: the header names {} twice. Expected a different name for each "
          "column: rename or remove one.",
          file, i + 1, in_quotes(fields[i])));
    }
  }
  return fields;
}

TableLayout choose_columns(const std::string& file, bool named, std::vector<std::string> columns,
                           const ColumnChoice& choice) {
  TableLayout layout;
  layout.named = named;
  layout.columns = std::move(columns);
  if (named && choice.targets.empty()) {
    const bool is_sure = std::none_of(layout.columns.begin(), layout.columns.end(), is_number);
    throw UserError(fmt::format(
        "{}: line 1 is {}, so the target has to be chosen by name. Set the hyperparameter target "
        "to one of the columns: {}. If line 1 is a row, {}.",
        file, is_sure ? "a header" : "taken for a header, as columns are asked for by name",
        listed(layout.columns), is_sure ? "set header to false" : "give their numbers instead"));
  }
  Chooser chooser(file, layout);
  for (const std::string& target : choice.targets)
    layout.targets.push_back(chooser.column(target, "target"));
  if (choice.targets.empty()) layout.targets.push_back(chooser.column("1", "target"));
  if (!choice.weight.empty()) layout.weight = chooser.column(choice.weight, "weight_column");
  for (const std::string& name : choice.ignored)
    layout.ignored.push_back(chooser.column(name, "ignore"));
  for (const std::string& name : choice.features)
    layout.features.push_back(chooser.column(name, "features"));
  for (const std::string& column : layout.columns) {
    if (chooser.is_taken(column)) continue;
    (choice.features.empty() ? layout.features : layout.ignored).push_back(column);
  }
  if (layout.features.empty()) {
    const std::string found =
        layout.columns.size() == 1
            ? "a single column"
            : fmt::format("{} columns, none of which is a feature", layout.columns.size());
    throw UserError(
        fmt::format("{}, line 1: found {}. Expected the target and at least one feature, separated "
                    "by commas, semicolons, tabs or |: correct the file, or set the hyperparameter "
                    "delimiter.",
                    file, found));
  }
  if (named) {
    std::sort(layout.features.begin(), layout.features.end(), comes_before);
    std::sort(layout.ignored.begin(), layout.ignored.end(), comes_before);
  } else if (!choice.features.empty()) {
    const auto place = [](const std::string& number) { return column_number(number).value(); };
    std::ranges::sort(layout.features, {}, place);
  }
  return layout;
}

}  // namespace mlp
