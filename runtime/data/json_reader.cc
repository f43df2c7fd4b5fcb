#include "runtime/data/json_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/error.h"
#include "runtime/data/number.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

using nlohmann::json;

bool is_category(const InputColumn& input, std::string_view text) {
  const auto found = std::lower_bound(input.categories.begin(), input.categories.end(), text);
  return found != input.categories.end() && *found == text;
}

// A truth value as text. Of a category's classes, which may have been written by another program,
// the one that means it.
std::string truth_text(const InputColumn& input, bool value) {
  for (const char* const word : {value ? "True" : "False", value ? "TRUE" : "FALSE"})
    if (is_category(input, word)) return word;
  return value ? "true" : "false";
}

std::string place_text(const std::string& name, const RecordPlace& place) {
  return fmt::format("{}, {} {}", name, place.unit, place.number);
}

// The options, where the model's columns have names.
PredictInputOptions with_names(PredictInputOptions options, const std::string& file) {
  const Preprocessor* const preprocessor = options.preprocessor;
  if (preprocessor == nullptr || preprocessor->empty() || !preprocessor->named()) {
    throw UserError(
        fmt::format("{}: JSON records are matched by the names of columns, but the model knows "
                    "none: it was trained on arrays or on CSV files without a header. Give the "
                    "rows in that form, or train on CSV files with a header.",
                    file));
  }
  return options;
}

}  // namespace

// Takes the values of one record as the parser finds them. Throws UserError for those that don't
// fit.
class JsonRecordParser::Handler final : public nlohmann::json_sax<json> {
 public:
  Handler(JsonRecordParser& parser, std::string_view record, const RecordPlace& place, Table& table)
      : parser_(parser), record_(record), place_(place), table_(table) {}

  bool null() override {
    if (is_wanted()) add_missing("null");
    return true;
  }

  bool boolean(bool value) override {
    if (!is_wanted()) return true;
    const std::string text = truth_text(*key_->input, value);
    if (is_number()) throw_unexpected("a number", text);
    add_text(text);
    return true;
  }

  bool number_integer(number_integer_t value) override { return number(value); }
  bool number_unsigned(number_unsigned_t value) override { return number(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    return number(value, text);
  }

  bool string(string_t& text) override {
    if (is_wanted()) add_text_or_number(is_number() ? trimmed(text) : text);
    return true;
  }

  bool binary(binary_t&) override { return true; }  // not of JSON

  bool start_object(std::size_t) override {
    if (is_wanted()) throw_nested("an object");
    ++depth_;
    return true;
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool start_array(std::size_t) override {
    if (is_wanted()) throw_nested("an array");
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }

  bool key(string_t& name) override {
    if (depth_ > 1) return true;
    const auto found = parser_.keys_.find(name);
    name_ = name;
    if (found == parser_.keys_.end()) {
      throw UserError(fmt::format(
          "{}: the model knows no column {}.{} It was trained on the columns {}. Rename or remove "
          "the key.",
          place(), in_quotes(name), did_you_mean(name, parser_.names_), listed(parser_.names_)));
    }
    key_ = &found->second;
    if (key_->last_row == parser_.row_) {
      throw UserError(
          fmt::format("{}: the key {} stands there twice. Expected one value for each column. "
                      "Remove one of the two.",
                      place(), in_quotes(name)));
    }
    key_->last_row = parser_.row_;
    return true;
  }

  bool parse_error(std::size_t position, const std::string& token,
                   const json::exception& error) override {
    constexpr int kNumberOverflow = 406;
    if (error.id == kNumberOverflow && is_wanted()) throw_too_large(token);
    const std::size_t at = std::min(position == 0 ? 0 : position - 1, record_.size());
    const std::size_t begin = at - std::min<std::size_t>(at, 12);
    const std::string_view near = record_.substr(begin, 30);
    const std::string_view there = record_.substr(at);
    const bool is_python = there.starts_with('N') || there.starts_with('I') ||
                           there.starts_with('T') || there.starts_with('F') ||
                           there.starts_with('\'');
    throw UserError(fmt::format(
        "{}: this is no JSON near its character {}: {}. Expected an object of names and plain "
        "values.{} Correct the record.",
        place(), at + 1, in_quotes(near),
        is_python ? " NaN, Infinity, True, False, None and single quotes are Python's: write null, "
                    "true, false and double quotes."
                  : ""));
  }

 private:
  std::string place() const { return place_text(parser_.name_, place_); }
  std::string value_place() const { return fmt::format("{}, key {}", place(), in_quotes(name_)); }

  // Whether the value to come is one for a column that the model uses.
  bool is_wanted() const { return depth_ == 1 && key_ != nullptr && key_->input != nullptr; }
  bool is_number() const { return key_->input->type == ColumnType::kNumber; }

  bool number(auto integer) {
    if (is_wanted()) add_text_or_number(fmt::to_string(integer));
    return true;
  }

  // `text` is how the record has it.
  bool number(double value, const std::string& text) {
    if (!is_wanted()) return true;
    if (is_number() || parser_.options_.missing_values.contains(text)) {
      add_text_or_number(text);
    } else {
      // As it is written where the column knows it so, as "0.50"; else as 3 for 3.0.
      const std::vector<std::string>& known = key_->input->categories;
      const bool is_known = std::binary_search(known.begin(), known.end(), text);
      add_text(is_known ? text : fmt::format("{}", value));
    }
    return true;
  }

  void add_text_or_number(std::string_view text) {
    if (is_number()) {
      add_number(text);
    } else {
      add_text(text);
    }
  }

  // A number, whichever way it was given.
  void add_number(std::string_view text) {
    if (parser_.options_.missing_values.contains(text)) {
      add_missing(text);
      return;
    }
    float single = 0;
    double value = 0;
    const NumberStatus status =
        parser_.plain_ ? parse_number(text, single) : parse_number(text, value);
    if (status == NumberStatus::kTooLarge) throw_too_large(text);
    if (status == NumberStatus::kNoNumber) throw_unexpected("a number", text);
    if (parser_.plain_) {
      float_value() = single;
    } else {
      column().numbers.push_back(value);
    }
  }

  void add_missing(std::string_view text) {
    if (!is_number()) {
      column().codes.push_back(Column::kMissing);
      return;
    }
    if (std::isnan(key_->input->fill)) {
      throw UserError(fmt::format(
          "{}: expected a number, found {}, a missing value, of which the model has learned "
          "nothing. Fill it in, or leave out the record.",
          value_place(), in_quotes(text)));
    }
    if (parser_.plain_) {
      float_value() = static_cast<float>(key_->input->fill);
    } else {
      column().numbers.push_back(std::numeric_limits<double>::quiet_NaN());
    }
  }

  void add_text(std::string_view text) {
    if (parser_.options_.missing_values.contains(text)) {
      add_missing(text);
      return;
    }
    if (text.find('\0') != std::string_view::npos) {
      throw_unexpected("text without zero characters", text);
    }
    if (!key_->input->holds(text)) throw_unexpected(key_->input->expected(), text);
    column().codes.push_back(column().texts.add(text));
  }

  float& float_value() {
    std::vector<float>& floats = table_.features.floats;
    return floats[floats.size() - parser_.used_.size() + key_->index];
  }
  Column& column() { return table_.columns[key_->index]; }

  [[noreturn]] void throw_unexpected(std::string_view expected, std::string_view text) const {
    throw UserError(
        fmt::format("{}: expected {}, found {}. Correct it, or write null where the value is "
                    "missing.",
                    value_place(), expected, in_quotes(text)));
  }
  [[noreturn]] void throw_too_large(std::string_view text) const {
    throw UserError(fmt::format(
        "{}: the value {} is beyond the largest {}. Correct the value.", value_place(),
        in_quotes(text), parser_.plain_ ? "float32 value, 3.4e38" : "float64 value, 1.8e308"));
  }
  [[noreturn]] void throw_nested(std::string_view found) const {
    throw UserError(
        fmt::format("{}: expected a number, text, boolean or null, found {}. Write the column's "
                    "value alone.",
                    value_place(), found));
  }

  JsonRecordParser& parser_;
  std::string_view record_;
  const RecordPlace& place_;
  Table& table_;
  std::size_t depth_ = 0;
  std::string name_;
  Key* key_ = nullptr;
};

JsonRecordParser::JsonRecordParser(std::string name, const PredictInputOptions& options)
    : name_(std::move(name)), options_(options), plain_(options.preprocessor->is_plain()) {
  for (const InputColumn& input : options.preprocessor->columns()) {
    names_.push_back(input.name);
    Key key;
    if (is_used(input.type)) {
      key = {.input = &input, .index = used_.size()};
      used_.push_back(&input);
    }
    keys_.emplace(input.name, key);
  }
  for (const std::string& target : options.target_names) keys_.emplace(target, Key());
  if (!options.weight_name.empty()) keys_.emplace(options.weight_name, Key());
}

void JsonRecordParser::describe(Table& table) const {
  table.source = name_;
  table.row_shape = options_.row_shape;
  table.features.width = plain_ ? used_.size() : 0;
  table.columns.resize(plain_ ? 0 : used_.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    table.columns[i].name = used_[i]->name;
    table.columns[i].is_text = used_[i]->type != ColumnType::kNumber;
  }
}

void JsonRecordParser::add(std::string_view record, const RecordPlace& place, Table& table) {
  ++row_;
  if (plain_) table.features.floats.resize(table.features.floats.size() + used_.size());
  Handler handler(*this, record, place, table);
  json::sax_parse(record.begin(), record.end(), &handler);
  for (const InputColumn* const input : used_) {
    if (keys_.find(input->name)->second.last_row != row_) throw_missing_key(input->name, place);
  }
}

void JsonRecordParser::throw_missing_key(const std::string& key, const RecordPlace& place) const {
  std::vector<std::string> found;
  for (const std::string& other : names_) {
    if (keys_.find(other)->second.last_row == row_) found.push_back(other);
  }
  throw UserError(fmt::format(
      "{}: the key {} is missing, which the model needs. Of its columns the record has "
      "{}. Add the key, with null where the value is missing.",
      place_text(name_, place), in_quotes(key), found.empty() ? "none" : listed(found)));
}

JsonReader::JsonReader(std::unique_ptr<ByteSource> source, PredictInputOptions options)
    : records_(std::move(source)),
      options_(with_names(std::move(options), records_.name())),
      parser_(records_.name(), options_) {}

std::size_t JsonReader::read(Table& table, std::size_t limit) {
  if (table.rows() == 0) parser_.describe(table);
  std::size_t count = 0;
  std::string_view record;
  for (; count < limit && records_.next(record); ++count)
    parser_.add(record, {.number = records_.number()}, table);
  return count;
}

}  // namespace mlp
