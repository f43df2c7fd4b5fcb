#include "runtime/data/csv_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "model/error.h"
#include "runtime/data/csv_place.h"
#include "runtime/data/number.h"
#include "runtime/data/wording.h"

namespace mlp {

std::vector<std::string> columns_by_place(const PredictInputOptions& options) {
  const Preprocessor& preprocessor = *options.preprocessor;
  std::vector<std::string> aside = options.target_names;
  if (!options.weight_name.empty()) aside.push_back(options.weight_name);
  std::vector<std::string> all = options.file_columns;
  if (!preprocessor.named()) {
    aside.clear();
    for (const std::size_t number : preprocessor.set_aside())
      aside.push_back(fmt::to_string(number));
    all = numbered_columns(preprocessor.columns().size() + aside.size());
  }
  if (all.empty()) {
    for (const InputColumn& input : preprocessor.columns())
      if (is_used(input.type)) all.push_back(input.name);
    aside.clear();
  }
  if (options.has_target) {
    if (aside.empty()) all.insert(all.begin(), "");
    return all;
  }
  std::erase_if(all, [&](const std::string& column) {
    return std::find(aside.begin(), aside.end(), column) != aside.end();
  });
  return all;
}

CsvReader::CsvReader(const CsvOpener& file, PredictInputOptions options)
    : options_(std::move(options)), text_(file(), options_.delimiter, true) {
  for (const InputColumn& input : options_.preprocessor->columns())
    if (is_used(input.type)) used_.push_back(&input);
  const std::vector<std::string> first_line = first_record(text_, line_);
  rows_.delimiter = text_.delimiter();
  rows_.missing = options_.missing_values;
  rows_.skip_blank_lines = false;
  (options_.preprocessor->is_plain() ? rows_.floats : rows_.columns) = used_.size();
  plan(first_line);
}

std::size_t CsvReader::read(Table& table, std::size_t limit) {
  if (table.rows() == 0) {
    table.source = text_.name();
    table.row_shape = options_.row_shape;
    table.features.width = rows_.floats;
    table.columns.resize(rows_.columns);
    for (std::size_t i = 0; i < rows_.columns; ++i) {
      table.columns[i].name = used_[i]->name;
      table.columns[i].is_text = is_text_type(used_[i]->type);
    }
  }
  std::size_t count = 0;
  CsvTexts texts;
  while (count < limit) {
    if (block_.empty()) {
      const std::vector<std::string_view> blocks = text_.next(1, line_);
      if (blocks.empty()) break;
      block_ = blocks[0];
    }
    CsvPiece piece;
    read_csv_block(block_, rows_, limit - count, texts, piece);
    const CsvPlace place = {text_.name(), names_, block_, line_, rows_, true};
    if (piece.problem.kind != CsvProblem::Kind::kNone)
      throw UserError(problem_text(place, piece.problem, false));
    if (piece.rows > 0 && blank_line_) throw UserError(blank_line_text(text_.name(), *blank_line_));
    if (piece.blank_line != nullptr) blank_line_ = place.line_of(piece.blank_line);
    std::vector<float>& floats = table.features.floats;
    floats.insert(floats.end(), piece.floats.data(),
                  piece.floats.data() + piece.rows * rows_.floats);
    for (std::size_t column = 0; column < rows_.slots.size(); ++column) {
      const CsvSlot& slot = rows_.slots[column];
      if (slot.kind != CsvSlot::Kind::kNumber && slot.kind != CsvSlot::Kind::kText) continue;
      merge_column(piece, slot.index, table.columns[slot.index], place, column, used_[slot.index]);
    }
    count += piece.rows;
    const auto read = static_cast<std::size_t>(piece.end - block_.data());
    line_ += count_lines(block_.substr(0, read));
    block_.remove_prefix(read);
  }
  has_rows_ = has_rows_ || count > 0;
  if (!has_rows_ && limit > 0) throw_no_rows(text_.name());
  return count;
}

// Decides which column of the file is which feature of the model.
void CsvReader::plan(const std::vector<std::string>& first_line) {
  if (!first_line_is_header(first_line)) {
    plan_by_place(first_line);
    return;
  }
  names_ = header_names(text_.name(), first_line);
  if (options_.preprocessor->named()) {
    plan_by_name(names_);
  } else {
    plan_by_place(first_line);
  }
  skip_first_record(text_, line_);
}

bool CsvReader::first_line_is_header(const std::vector<std::string>& first_line) const {
  if (options_.header != Header::kAuto) return options_.header == Header::kYes;
  const std::unordered_set<std::string_view> fields(first_line.begin(), first_line.end());
  const auto is_there = [&](const InputColumn* input) { return fields.contains(input->name); };
  const bool named = options_.preprocessor->named();
  const bool distinct = fields.size() == first_line.size();
  if (named && (std::all_of(used_.begin(), used_.end(), is_there) ||
                (distinct && std::any_of(used_.begin(), used_.end(), is_there)))) {
    return true;
  }
  if (!has_header(first_line, Header::kAuto, {}, options_.missing_values)) return false;
  // It may name columns. It is a row where it can be one, unless its words are much like names.
  if (!can_be_row(first_line)) return true;
  std::vector<std::string> known;
  for (const InputColumn* const input : used_) known.push_back(input->name);
  return named && std::all_of(first_line.begin(), first_line.end(), [&](const std::string& field) {
           return !closest_name(field, known).empty();
         });
}

// Whether each field suits the column in its place.
bool CsvReader::can_be_row(const std::vector<std::string>& fields) const {
  const std::vector<std::string> columns = columns_by_place(options_);
  if (fields.size() != columns.size()) return false;
  std::unordered_map<std::string_view, const InputColumn*> used;
  for (const InputColumn* const input : used_) used[input->name] = input;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto found = used.find(columns[i]);
    if (found == used.end() || options_.missing_values.contains(fields[i])) continue;
    double value = 0;
    const bool suits = found->second->type == ColumnType::kNumber
                           ? parse_number(trimmed(fields[i]), value) == NumberStatus::kNumber
                           : found->second->holds(fields[i]);
    if (!suits) return false;
  }
  return true;
}

CsvSlot CsvReader::slot_of(std::size_t used) const {
  const InputColumn& input = *used_[used];
  CsvSlot slot;
  slot.kind = rows_.floats > 0           ? CsvSlot::Kind::kFloat
              : is_text_type(input.type) ? CsvSlot::Kind::kText
                                         : CsvSlot::Kind::kNumber;
  slot.index = used;
  slot.strict = true;
  slot.fill = static_cast<float>(input.fill);
  return slot;
}

void CsvReader::plan_by_name(const std::vector<std::string>& names) {
  const std::string& file = text_.name();
  std::unordered_map<std::string_view, std::size_t> used;
  for (std::size_t i = 0; i < used_.size(); ++i) used[used_[i]->name] = i;
  std::unordered_set<std::string_view> dropped(options_.target_names.begin(),
                                               options_.target_names.end());
  if (!options_.weight_name.empty()) dropped.insert(options_.weight_name);
  std::vector<std::string> known;
  for (const InputColumn& input : options_.preprocessor->columns()) {
    known.push_back(input.name);
    if (!is_used(input.type)) dropped.insert(input.name);
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto found = used.find(names[i]);
    if (found != used.end()) {
      rows_.slots.push_back(slot_of(found->second));
    } else if (dropped.contains(names[i]) || (i == 0 && options_.has_target)) {
      rows_.slots.emplace_back();
    } else {
      throw UserError(fmt::format(
          "{}, line 1, column {}: the model knows no column {}.{} It was trained on the columns "
          "{}. Rename or remove the column.",
          file, i + 1, in_quotes(names[i]), did_you_mean(names[i], known), listed(known)));
    }
  }
  const std::unordered_set<std::string_view> found_names(names.begin(), names.end());
  for (const InputColumn* const input : used_) {
    if (found_names.contains(input->name)) continue;
    throw UserError(
        fmt::format("{}, line 1: the column {} is missing, which the model needs. The columns "
                    "found are {}. Add the column, under this name.",
                    file, in_quotes(input->name), listed(names)));
  }
}

void CsvReader::plan_by_place(const std::vector<std::string>& first_line) {
  const std::vector<std::string> columns = columns_by_place(options_);
  if (options_.preprocessor->named() && options_.file_columns.empty()) {
    throw UserError(fmt::format(
        "{}: line 1 is no header, and the order of the model's columns is not known, since "
        "columns.json is not beside the model. Give the rows a header, or put the file there.",
        text_.name()));
  }
  if (first_line.size() != columns.size()) {
    const std::string& file = text_.name();
    if (!options_.has_target && first_line.size() == columns.size() + 1) {
      throw UserError(
          fmt::format("{}, line 1: found {} fields, but the model takes {} features. If the label "
                      "stands where it stood in the training file, {} to drop it.",
                      file, first_line.size(), columns.size(), options_.label_advice));
    }
    const std::vector<std::size_t>& shape = options_.row_shape;
    if (shape.size() > 1 && first_line.size() == shape.back()) {
      throw UserError(
          fmt::format("{}, line 1: found {} fields, expected {}: a row of shape {} takes one line "
                      "with all of its values. Flatten each row: in Python, x.reshape(-1, {}).",
                      file, first_line.size(), columns.size(), shape_text(shape), columns.size()));
    }
    const std::size_t features = columns.size() - (options_.has_target ? 1 : 0);
    throw UserError(fmt::format(
        "{}, line 1: found {} field{}, expected {}: {}the {} {}. Correct it.", file,
        first_line.size(), first_line.size() == 1 ? "" : "s", columns.size(),
        options_.has_target ? "the label and " : "", features,
        features == used_.size() ? "features of the model"
                                 : "other columns of the training file, also those not used"));
  }
  std::unordered_map<std::string_view, std::size_t> used;
  for (std::size_t i = 0; i < used_.size(); ++i) used[used_[i]->name] = i;
  for (const std::string& column : columns) {
    const auto found = used.find(column);
    rows_.slots.push_back(found == used.end() ? CsvSlot() : slot_of(found->second));
  }
}

}  // namespace mlp
