#include "runtime/data/csv_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <unordered_set>
#include <utility>

#include "model/error.h"
#include "runtime/data/number.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

constexpr std::size_t kWeight = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kDropped = kWeight - 1;

bool is_blank(char c) { return c == ' ' || c == '\t'; }

const char* skip_blanks(const char* p, const char* last) {
  while (p != last && is_blank(*p)) ++p;
  return p;
}

struct Field {
  std::string text;
  const char* end = nullptr;  // the comma behind it, or the line's end
  bool closed = true;         // false: text follows the closing quote, or there is none
};

// The field that starts at `p`, without the blanks around it and without its quotes.
Field take_field(const char* p, const char* last) {
  p = skip_blanks(p, last);
  Field field;
  if (p == last || *p != '"') {
    field.end = std::find(p, last, ',');
    field.text = trimmed({p, static_cast<std::size_t>(field.end - p)});
    return field;
  }
  field.closed = false;
  for (++p; p != last; ++p) {
    if (*p != '"') {
      field.text += *p;
    } else if (p + 1 != last && p[1] == '"') {
      field.text += *p++;
    } else {
      p = skip_blanks(p + 1, last);
      field.closed = p == last || *p == ',';
      break;
    }
  }
  field.end = std::find(p, last, ',');
  return field;
}

std::vector<Field> take_fields(std::string_view line) {
  const char* const last = line.data() + line.size();
  std::vector<Field> fields;
  for (const char* p = line.data();; ++p) {
    fields.push_back(take_field(p, last));
    p = fields.back().end;
    if (p == last) return fields;
  }
}

bool is_number(std::string_view text) {
  double value = 0;
  return parse_number(trimmed(text), value) != NumberStatus::kNoNumber;
}

// What the tools that write CSV put where a value is missing.
bool is_missing(std::string_view text) {
  const std::string word = lower_case(trimmed(text));
  for (const std::string_view missing :
       {"", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "+nan", "null", "none", "?"}) {
    if (word == missing) return true;
  }
  return false;
}

bool is_nan(std::string_view text) {
  const std::string word = lower_case(trimmed(text));
  return word == "nan" || word == "-nan" || word == "+nan";
}

bool is_infinity(std::string_view text) {
  std::string word = lower_case(trimmed(text));
  if (word.starts_with('-') || word.starts_with('+')) word.erase(0, 1);
  return word == "inf" || word == "infinity";
}

bool none_is_number(const std::vector<std::string>& fields) {
  return std::none_of(fields.begin(), fields.end(), is_number);
}

std::size_t index_of(const std::vector<std::string>& names, std::string_view name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

// A hint where a line without a comma has what others use instead.
std::string other_separator(const std::vector<std::string>& fields) {
  if (fields.size() != 1) return "";
  const std::size_t found = fields[0].find_first_of(";\t|");
  if (found == std::string::npos) return "";
  return fmt::format(" The fields seem to be separated by {}: write the file with commas.",
                     fields[0][found] == '\t' ? "tabs" : fmt::format("'{}'", fields[0][found]));
}

std::string did_you_mean(std::string_view name, std::span<const std::string> names) {
  const std::string closest = closest_name(name, names);
  return closest.empty() ? "" : fmt::format(" The closest is {}.", in_quotes(closest));
}

void check_header(const std::string& file, const std::vector<std::string>& names) {
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!is_utf8(names[i]) || names[i].find('\0') != std::string::npos) {
      throw UserError(
          fmt::format("{}, line 1, column {}: the column's name {} is no valid UTF-8 text. Save "
                      "the file as UTF-8.",
                      file, i + 1, in_quotes(names[i])));
    }
    if (!seen.insert(names[i]).second) {
      throw UserError(fmt::format(
          "{}, line 1, column {}: the header names {} twice. Expected a different name for each "
          "column: rename or remove one.",
          file, i + 1, in_quotes(names[i])));
    }
  }
}

}  // namespace

CsvReader::CsvReader(std::vector<Opener> files, Header header, std::vector<std::string> targets,
                     std::string weight_column)
    : files_(std::move(files)),
      header_(header),
      targets_(std::move(targets)),
      weight_column_(std::move(weight_column)) {
  std::unordered_set<std::string_view> seen;
  for (const std::string& target : targets_) {
    if (seen.insert(target).second) continue;
    throw UserError(
        fmt::format("The hyperparameter target names the column {} twice. Expected a different "
                    "column for each target: remove one of the two.",
                    in_quotes(target)));
  }
  if (!weight_column_.empty() && seen.contains(weight_column_)) {
    throw UserError(fmt::format(
        "The hyperparameters target and weight_column both name the column {}. Expected "
        "different columns: correct one of them.",
        in_quotes(weight_column_)));
  }
}

CsvReader::CsvReader(Opener file, PredictInputOptions options)
    : files_{std::move(file)}, header_(options.header), prediction_(std::move(options)) {}

std::size_t CsvReader::read(Table& table, std::size_t limit) {
  if (table.rows() == 0) {
    target_text_.clear();
    target_ends_.clear();
  }
  std::size_t count = 0;
  while (count < limit) {
    if (!lines_ && !open_next()) break;
    if (count == 0) describe(table);
    std::string_view line;
    if (waiting_) {
      line = *std::exchange(waiting_, std::nullopt);
    } else if (!lines_->next(line)) {
      if (!has_rows_) {
        throw UserError(
            fmt::format("{}: the file has a header but no rows. Expected at least one row below "
                        "it: add rows, or remove the file.",
                        lines_->name()));
      }
      lines_.reset();
      continue;
    }
    read_row(line, table);
    has_rows_ = true;
    ++count;
  }
  return count;
}

bool CsvReader::open_next() {
  if (next_file_ == files_.size()) return false;
  lines_ = std::make_unique<LineReader>(files_[next_file_]());
  std::string_view line;
  if (!lines_->next(line)) {
    throw UserError(
        fmt::format("{}: the file is empty. Expected rows of numbers, separated by commas. Check "
                    "how it was made or copied.",
                    lines_->name()));
  }
  std::vector<std::string> fields;
  columns_.clear();
  has_rows_ = false;
  for (Field& field : take_fields(line)) fields.push_back(std::move(field.text));
  if (prediction_) {
    plan_prediction(fields);
  } else {
    plan_training(fields);
  }
  if (columns_.empty()) waiting_ = line;
  if (next_file_++ == 0) {
    first_file_ = lines_->name();
    first_columns_ = columns_;
  }
  return true;
}

// Decides what each column of a file with targets is, by its first line.
void CsvReader::plan_training(const std::vector<std::string>& first_line) {
  const std::string& file = lines_->name();
  const bool has_names = !targets_.empty() || !weight_column_.empty();
  const bool has_header = header_ == Header::kYes ||
                          (header_ == Header::kAuto && (has_names || none_is_number(first_line)));
  if (!has_header && !targets_.empty()) {
    throw UserError(
        fmt::format("{}: the hyperparameter target names the column {}, but header is false, so "
                    "the file names no columns. Set header to true or auto, or remove target: then "
                    "the first column is the target.",
                    file, in_quotes(targets_[0])));
  }
  if (!has_header && !weight_column_.empty()) {
    throw UserError(fmt::format(
        "{}: the hyperparameter weight_column names the column {}, but header is false, "
        "so the file names no columns. Add a header and set header to true or auto, or "
        "remove weight_column.",
        file, in_quotes(weight_column_)));
  }
  if (has_header && targets_.empty()) {
    throw UserError(fmt::format(
        "{}: line 1 is {}, so the target has to be chosen by name. Set the "
        "hyperparameter target to one of the columns: {}. If line 1 is a row, {}.{}",
        file,
        weight_column_.empty() ? "a header" : "taken for a header, as weight_column is a name",
        listed(first_line), weight_column_.empty() ? "set header to false" : "remove weight_column",
        other_separator(first_line)));
  }
  std::vector<std::size_t> target_columns;
  std::size_t weight_column = first_line.size();
  if (has_header) {
    for (const std::string& target : targets_) {
      target_columns.push_back(column_of(target, "target", first_line));
    }
    if (!weight_column_.empty()) {
      weight_column = column_of(weight_column_, "weight_column", first_line);
    }
    check_header(file, first_line);
    columns_ = first_line;
  } else {
    target_columns.push_back(0);
  }
  if (next_file_ > 0) {
    compare_with_first_file(first_line.size());
    return;
  }
  target_count_ = target_columns.size();
  width_ = first_line.size() - target_count_ - (weight_column_.empty() ? 0 : 1);
  if (width_ == 0) {
    const std::string found =
        first_line.size() == 1
            ? "a single column"
            : fmt::format("{} columns, none of which is a feature", first_line.size());
    throw UserError(
        fmt::format("{}, line 1: found {}. Expected the target and at least one feature, separated "
                    "by commas: correct the file.{}",
                    file, found, other_separator(first_line)));
  }
  slots_.clear();
  std::size_t feature = 0;
  for (std::size_t i = 0; i < first_line.size(); ++i) {
    const auto target = std::find(target_columns.begin(), target_columns.end(), i);
    if (target != target_columns.end()) {
      slots_.push_back(width_ + static_cast<std::size_t>(target - target_columns.begin()));
    } else if (i == weight_column) {
      slots_.push_back(kWeight);
    } else {
      slots_.push_back(feature++);
      if (has_header) feature_names_.push_back(first_line[i]);
    }
  }
}

// The column that a hyperparameter names.
std::size_t CsvReader::column_of(const std::string& name, std::string_view hyperparameter,
                                 const std::vector<std::string>& names) const {
  const std::size_t column = index_of(names, name);
  if (column < names.size()) return column;
  const std::string_view otherwise =
      none_is_number(names)        ? ""
      : hyperparameter == "target" ? " If line 1 is a row, remove target: then the first column is "
                                     "the target."
                                   : " If line 1 is a row, add a header.";
  throw UserError(fmt::format(
      "{}: no column is named {}, as the hyperparameter {} asks.{} The columns in line 1 are "
      "{}.{}{}",
      lines_->name(), in_quotes(name), hyperparameter, did_you_mean(name, names), listed(names),
      otherwise, other_separator(names)));
}

void CsvReader::compare_with_first_file(std::size_t columns) const {
  const std::string& file = lines_->name();
  if (columns != slots_.size()) {
    throw UserError(fmt::format(
        "{}, line 1: found {} columns, but {} has {}. Expected the same columns in all files of a "
        "channel: correct or remove one.",
        file, columns, first_file_, slots_.size()));
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i] == first_columns_[i]) continue;
    throw UserError(fmt::format(
        "{}, line 1, column {}: found the name {}, but in {} this column is {}. Expected the same "
        "columns in the same order in all files of a channel: correct or remove one.",
        file, i + 1, in_quotes(columns_[i]), first_file_, in_quotes(first_columns_[i])));
  }
}

// Decides which column of a file to predict is which feature of the model.
void CsvReader::plan_prediction(const std::vector<std::string>& first_line) {
  const std::string& file = lines_->name();
  const std::vector<std::string>& known = prediction_->feature_names;
  width_ = 1;
  for (const std::size_t extent : prediction_->row_shape) width_ *= extent;
  feature_names_ = known;

  const auto names_all_features = [&] {
    const std::unordered_set<std::string_view> names(first_line.begin(), first_line.end());
    return !known.empty() && std::all_of(known.begin(), known.end(), [&](const std::string& name) {
      return names.contains(name);
    });
  };
  const bool has_header =
      header_ == Header::kYes ||
      (header_ == Header::kAuto && (none_is_number(first_line) || names_all_features()));
  if (has_header) {
    check_header(file, first_line);
    columns_ = first_line;
    if (!known.empty()) {
      plan_header_of_prediction(first_line);
      return;
    }
  }
  const std::size_t expected = width_ + (prediction_->first_column_is_target ? 1 : 0);
  if (first_line.size() != expected) {
    if (first_line.size() == width_ + 1) {
      throw UserError(
          fmt::format("{}, line 1: found {} fields, but the model takes {} features. If the first "
                      "column is the label, add --label_size 1 to drop it.",
                      file, first_line.size(), width_));
    }
    throw UserError(fmt::format(
        "{}, line 1: found {} fields, expected {}: {}the {} features of the model. Correct the "
        "file.{}",
        file, first_line.size(), expected,
        prediction_->first_column_is_target ? "the label and " : "", width_,
        other_separator(first_line)));
  }
  slots_.clear();
  if (prediction_->first_column_is_target) slots_.push_back(kDropped);
  for (std::size_t i = 0; i < width_; ++i) slots_.push_back(i);
}

void CsvReader::plan_header_of_prediction(const std::vector<std::string>& names) {
  const std::string& file = lines_->name();
  const std::vector<std::string>& known = prediction_->feature_names;
  slots_.clear();
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::size_t feature = index_of(known, names[i]);
    if (feature < known.size()) {
      slots_.push_back(feature);
    } else if (index_of(prediction_->target_names, names[i]) < prediction_->target_names.size() ||
               (!prediction_->weight_name.empty() && names[i] == prediction_->weight_name) ||
               (i == 0 && prediction_->first_column_is_target)) {
      slots_.push_back(kDropped);
    } else {
      throw UserError(fmt::format(
          "{}, line 1, column {}: the model knows no column {}.{} It was trained on the columns "
          "{}. Rename or remove the column.",
          file, i + 1, in_quotes(names[i]), did_you_mean(names[i], known), listed(known)));
    }
  }
  for (const std::string& name : known) {
    if (index_of(names, name) < names.size()) continue;
    throw UserError(
        fmt::format("{}, line 1: the column {} is missing, which the model needs. The columns "
                    "found are {}. Add the column, under this name.",
                    file, in_quotes(name), listed(names)));
  }
}

void CsvReader::describe(Table& table) const {
  if (table.row_shape.empty()) {
    table.source = first_file_;
    table.row_shape = {width_};
    if (prediction_) table.row_shape = prediction_->row_shape;
    table.feature_names = feature_names_;
    table.target_names = targets_;
    table.weight_name = weight_column_;
    table.targets.resize(target_count_);
    table.features.type = FeatureType::kFloat32;
    table.features.width = width_;
  }
  if (table.features.width != width_ || table.features.type != FeatureType::kFloat32) {
    throw std::logic_error("CsvReader: the table holds rows of another kind");
  }
}

void CsvReader::read_row(std::string_view line, Table& table) {
  std::vector<float>& values = table.features.floats;
  const std::size_t before = values.size();
  values.resize(before + width_);
  float* const row = values.data() + before;

  const char* p = line.data();
  const char* const last = p + line.size();
  for (std::size_t column = 0;; ++column) {
    if (column == slots_.size()) throw_ragged(line);
    const std::size_t slot = slots_[column];
    if (slot < width_) {
      const char* const start = p;
      const ScannedNumber number = scan_number(skip_blanks(p, last), last, row[slot]);
      if (number.status == NumberStatus::kNumber) p = skip_blanks(number.end, last);
      if (number.status != NumberStatus::kNumber || (p != last && *p != ',')) {
        p = read_odd_feature(line, start, column, row[slot]);
      }
    } else {
      const Field field = take_field(p, last);
      if (!field.closed) {
        throw UserError(
            fmt::format("{}: the quotes around {} are not closed at the end of the field. Expected "
                        "a closing quote before the next comma; line breaks inside quotes are not "
                        "supported. Correct the field.",
                        place(column), in_quotes(field.text)));
      }
      if (slot == kWeight) {
        table.weights.push_back(parse_weight(field.text, column));
      } else if (slot != kDropped) {
        add_target(field.text, column, table.targets[slot - width_]);
      }
      p = field.end;
    }
    if (p == last) {
      if (column + 1 != slots_.size()) throw_ragged(line);
      return;
    }
    ++p;
  }
}

// A feature that does not begin and end as a plain number: one in quotes, or an error. A row of
// another length explains more than the odd field in it, so that comes first.
const char* CsvReader::read_odd_feature(std::string_view line, const char* start,
                                        std::size_t column, float& value) const {
  const Field field = take_field(start, line.data() + line.size());
  const NumberStatus status = parse_number(trimmed(field.text), value);
  if (field.closed && status == NumberStatus::kNumber) return field.end;
  if (take_fields(line).size() != slots_.size()) throw_ragged(line);
  if (field.text.find('\0') != std::string::npos) {
    throw UserError(
        fmt::format("{}: found a zero byte, so the file is no plain text. Save it as CSV in UTF-8.",
                    place(column)));
  }
  if (!field.closed) {
    throw UserError(fmt::format(
        "{}: the quotes around {} are not closed at the end of the field. Expected a closing quote "
        "before the next comma; line breaks inside quotes are not supported. Correct the field.",
        place(column), in_quotes(field.text)));
  }
  if (status == NumberStatus::kTooLarge) {
    throw UserError(fmt::format(
        "{}: {} is beyond the largest float32 value, 3.4e38. Scale the column down, or correct the "
        "value.",
        place(column), in_quotes(field.text)));
  }
  if (is_missing(field.text)) {
    throw UserError(
        fmt::format("{}: expected a number, found {}, a missing value. Missing values are not "
                    "supported yet: fill them or drop the row.",
                    place(column), field.text.empty() ? "nothing" : in_quotes(field.text)));
  }
  if (is_infinity(field.text)) {
    throw UserError(
        fmt::format("{}: expected a finite number, found {}. Replace it, or drop the row.",
                    place(column), in_quotes(field.text)));
  }
  throw UserError(fmt::format(
      "{}: expected a number, found {}. Text categories are not supported yet: replace them by "
      "numbers.",
      place(column), in_quotes(field.text)));
}

void CsvReader::add_target(std::string_view text, std::size_t column, RawTargets& targets) {
  if (text.empty()) {
    throw UserError(
        fmt::format("{}: the target is missing. Expected a label or number in each row: fill it in "
                    "or drop the row.",
                    place(column)));
  }
  if (is_nan(text) || is_infinity(text)) {
    throw UserError(fmt::format(
        "{}: the target is {}. Expected a label or a finite number: correct it or drop the row.",
        place(column), in_quotes(text)));
  }
  double value = 0;
  const NumberStatus status = parse_number(trimmed(text), value);
  if (status == NumberStatus::kTooLarge) {
    throw UserError(
        fmt::format("{}: the target {} is beyond the largest float64 value, 1.8e308. Correct it or "
                    "drop the row.",
                    place(column), in_quotes(text)));
  }
  if (target_count_ > 1) {
    if (status != NumberStatus::kNumber) {
      throw UserError(
          fmt::format("{}: the target is {}, which is no number. Several targets need numbers: "
                      "correct it, or choose this column as the only target.",
                      place(column), in_quotes(text)));
    }
    targets.numbers.push_back(value);
    return;
  }
  if (targets.text.empty() && status == NumberStatus::kNumber) {
    targets.numbers.push_back(value);
    target_text_ += text;
    target_ends_.push_back(target_text_.size());
    return;
  }
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos) {
    throw UserError(fmt::format("{}: the target {} is no valid UTF-8 text. Save the file as UTF-8.",
                                place(column), in_quotes(text)));
  }
  if (!targets.numbers.empty()) {
    std::size_t begin = 0;
    for (const std::size_t end : target_ends_) {
      targets.text.push_back(target_text_.substr(begin, end - begin));
      begin = end;
    }
    targets.numbers = {};
    target_text_ = {};
    target_ends_ = {};
  }
  targets.text.emplace_back(text);
}

float CsvReader::parse_weight(std::string_view text, std::size_t column) const {
  float value = 0;
  if (parse_number(trimmed(text), value) != NumberStatus::kNumber || value < 0) {
    throw UserError(fmt::format(
        "{}: the row's weight is {}. Expected a number from 0 to 3.4e38 in each row: correct it or "
        "drop the row.",
        place(column), text.empty() ? "missing" : in_quotes(text)));
  }
  return value;
}

std::string CsvReader::place(std::size_t column) const {
  std::string text =
      fmt::format("{}, line {}, column {}", lines_->name(), lines_->number(), column + 1);
  if (!columns_.empty()) text += fmt::format(" ({})", in_quotes(columns_[column]));
  return text;
}

void CsvReader::throw_ragged(std::string_view line) const {
  throw UserError(fmt::format(
      "{}, line {}: found {} fields, expected {} as in line 1. Correct the line, or remove it.",
      lines_->name(), lines_->number(), take_fields(line).size(), slots_.size()));
}

}  // namespace mlp
