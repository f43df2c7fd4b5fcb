#include "model/preprocessor.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <set>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "model/column_fit.h"
#include "model/error.h"
#include "model/float_columns.h"
#include "model/quantile.h"
#include "model/wording.h"

namespace mlp {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint32_t kNoOne = CodedLayout::kNoOne;

// The cyclic parts of a date.
struct Cycle {
  const char* name;
  bool InputColumn::Parts::*part;
  double period;
  double (*angle_of)(const DateTime&);  // in units of the period's
};

constexpr std::array<Cycle, 4> kCycles = {{
    {"month", &InputColumn::Parts::month, 12, [](const DateTime& m) { return m.month - 1.0; }},
    {"day", &InputColumn::Parts::day, 31, [](const DateTime& m) { return m.day - 1.0; }},
    {"weekday", &InputColumn::Parts::weekday, 7,
     [](const DateTime& m) { return 1.0 * m.weekday(); }},
    {"hour", &InputColumn::Parts::hour, 24, [](const DateTime& m) { return m.hour; }},
}};

// The columns of the encoded row that one column gives.
struct EncodedNames {
  std::vector<std::string> numbers;
  std::vector<std::string> ones;
  std::vector<std::string> indices;
};

EncodedNames encoded_names_of(const InputColumn& input) {
  EncodedNames names;
  const auto part = [&](std::string_view what) { return fmt::format("{}={}", input.name, what); };
  if (input.embedded()) {
    names.indices = {input.name};
    return names;
  }
  switch (input.type) {
    case ColumnType::kNumber:
      names.numbers = {input.name};
      break;
    case ColumnType::kDate:
      if (input.parts.year) names.numbers.push_back(part("year"));
      for (const Cycle& cycle : kCycles) {
        if (!(input.parts.*cycle.part)) continue;
        names.numbers.push_back(part(fmt::format("{}_sin", cycle.name)));
        names.numbers.push_back(part(fmt::format("{}_cos", cycle.name)));
      }
      break;
    case ColumnType::kCategory:
      for (const std::string& category : input.categories) names.ones.push_back(part(category));
      break;
    default:
      break;
  }
  if (input.has_missing) names.ones.push_back(part("missing"));
  if (input.type == ColumnType::kBoolean) names.ones.push_back(part(input.true_word));
  if (input.has_other) names.ones.push_back(part("other"));
  return names;
}

// How many words of an encoded row one column fills.
CodedLayout layout_of(const InputColumn& input) {
  const EncodedNames names = encoded_names_of(input);
  const bool is_one_hot = input.type == ColumnType::kCategory && !input.embedded();
  return {.numbers = names.numbers.size(),
          .ones = is_one_hot ? 1 : names.ones.size(),
          .indices = names.indices.size()};
}

std::uint32_t bits(double value) { return std::bit_cast<std::uint32_t>(static_cast<float>(value)); }

// A value's place: `row` counts from 0 among the rows at hand.
std::string value_place(const RowsPlace& place, std::size_t row, const InputColumn& input) {
  return fmt::format("{}{} {}, column {}", place.source, place.source.empty() ? "Row" : ", row",
                     place.first_row + row + 1, in_quotes(input.name));
}

[[noreturn]] void throw_missing(const std::string& where) {
  throw UserError(fmt::format(
      "{}: a value is missing, but the model was trained on rows that miss none, and has nothing "
      "to put in its place. Fill it in, or leave the row out.",
      where));
}

[[noreturn]] void throw_too_large(const std::string& where, const InputColumn& input,
                                  double value) {
  throw UserError(fmt::format(
      "{}: {} is a number that float32 can't hold{}. Correct it, or give the column in "
      "larger units.",
      where, value, input.scaler.scaling() == Scaling::kNone ? "" : ", not even after scaling"));
}

// The class of a text, or of none, in a category; nothing where it has none.
std::optional<std::size_t> class_of(const InputColumn& input,
                                    const std::optional<std::string_view>& text) {
  const std::vector<std::string>& categories = input.categories;
  if (text) {
    const std::string_view category = category_text(*text);
    const auto found = std::lower_bound(categories.begin(), categories.end(), category);
    if (found != categories.end() && *found == category)
      return static_cast<std::size_t>(found - categories.begin());
  } else if (input.has_missing) {
    return categories.size();
  }
  if (input.has_other) return input.classes() - 1;
  return std::nullopt;
}

void encode_date(const InputColumn& input, const std::optional<DateTime>& moment,
                 std::uint32_t* words) {
  if (input.parts.year) *words++ = bits(input.scaler.apply(moment ? moment->year : input.fill));
  for (const Cycle& cycle : kCycles) {
    if (!(input.parts.*cycle.part)) continue;
    const double angle = moment ? 2 * std::numbers::pi * cycle.angle_of(*moment) / cycle.period : 0;
    *words++ = bits(moment ? std::sin(angle) : 0);
    *words++ = bits(moment ? std::cos(angle) : 0);
  }
}

// The words that a text, or a missing one, gives in a column of texts: its numbers, ones and
// indices. The column of the first of its ones is `first_one`. False where the column can't hold
// the text.
bool encode_text(const InputColumn& input, const std::optional<std::string_view>& text,
                 std::uint32_t first_one, std::uint32_t* words) {
  const std::uint32_t missing_one = text ? kNoOne : first_one;
  switch (input.type) {
    case ColumnType::kBoolean: {
      const std::optional<BooleanWord> word = text ? boolean_word(*text) : std::nullopt;
      if (text && !word) return false;
      if (input.has_missing) {
        *words++ = missing_one;
        ++first_one;
      }
      *words = (word ? word->value : input.fill_true) ? first_one : kNoOne;
      return true;
    }
    case ColumnType::kDate: {
      const std::optional<DateTime> moment =
          text ? parse_date_time(*text, input.format) : std::nullopt;
      if (text && !moment) return false;
      encode_date(input, moment, words);
      if (input.has_missing) words[layout_of(input).numbers] = missing_one;
      return true;
    }
    default: {
      const std::optional<std::size_t> found = class_of(input, text);
      if (input.embedded()) {
        *words = bits(static_cast<double>(*found));
      } else {
        *words = found ? first_one + static_cast<std::uint32_t>(*found) : kNoOne;
      }
      return true;
    }
  }
}

// Where the words of one column stand in an encoded row.
struct Place {
  std::size_t number = 0;
  std::size_t one = 0;
  std::size_t index = 0;
  std::uint32_t first_one = 0;  // the column of the expanded row
};

// Encodes one column, into rows of `row_words` words.
class ColumnEncoder {
 public:
  ColumnEncoder(const InputColumn& input, const Column& column, const Place& place,
                std::size_t row_words)
      : input_(input),
        column_(column),
        layout_(layout_of(input)),
        place_(place),
        row_words_(row_words) {
    if (input.type == ColumnType::kNumber) {
      if (column.is_text) throw std::logic_error("Preprocessor::encode: texts for a number");
      return;
    }
    if (!column.is_text) converted_ = as_text(column);
    encode_texts();
  }

  void encode(std::size_t begin, std::size_t end, const RowsPlace& rows_place,
              std::uint32_t* rows) const {
    if (input_.type == ColumnType::kNumber) return encode_numbers(begin, end, rows_place, rows);
    const std::size_t size = layout_.words();
    const Column& column = texts();
    const auto missing = static_cast<std::uint32_t>(column.texts.size());
    for (std::size_t row = begin; row < end; ++row, rows += row_words_) {
      const std::uint32_t code = column.codes[row];
      const std::uint32_t* from =
          words_.data() + (code == Column::kMissing ? missing : code) * size;
      for (std::size_t i = 0; i < layout_.numbers; ++i) rows[place_.number + i] = *from++;
      for (std::size_t i = 0; i < layout_.ones; ++i) rows[place_.one + i] = *from++;
      for (std::size_t i = 0; i < layout_.indices; ++i) rows[place_.index + i] = *from++;
    }
  }

 private:
  const Column& texts() const { return column_.is_text ? column_ : converted_; }

  // The words of each text that a row has, once, and behind them those of a missing one.
  void encode_texts() {
    const Column& column = texts();
    const std::size_t count = column.texts.size();
    std::vector<char> used(count, 0);
    for (const std::uint32_t code : column.codes) {
      if (code != Column::kMissing) used[code] = 1;
    }
    words_.resize((count + 1) * layout_.words());
    encode_text(input_, std::nullopt, place_.first_one, words_.data() + count * layout_.words());
    for (std::size_t code = 0; code < count; ++code) {
      if (used[code] == 0) continue;
      const std::string_view text = column.texts[code];
      if (encode_text(input_, text, place_.first_one, words_.data() + code * layout_.words()))
        continue;
      throw UserError(fmt::format(
          "Column {}: found {}, expected {}, as in the training rows. Correct the value.",
          in_quotes(input_.name), in_quotes(text), input_.expected()));
    }
  }

  void encode_numbers(std::size_t begin, std::size_t end, const RowsPlace& rows_place,
                      std::uint32_t* rows) const {
    for (std::size_t row = begin; row < end; ++row, rows += row_words_) {
      const double number = column_.numbers[row];
      const bool missing = std::isnan(number);
      const auto value = static_cast<float>(input_.scaler.apply(missing ? input_.fill : number));
      if (!std::isfinite(value))
        throw_too_large(value_place(rows_place, row, input_), input_, number);
      rows[place_.number] = std::bit_cast<std::uint32_t>(value);
      if (input_.has_missing) rows[place_.one] = missing ? place_.first_one : kNoOne;
    }
  }

  const InputColumn& input_;
  const Column& column_;
  CodedLayout layout_;
  Place place_;
  std::size_t row_words_;
  Column converted_;  // to texts, where numbers were read
  std::vector<std::uint32_t> words_;
};

// Rows of the numbers as they stand.
std::vector<float> encode_plain(std::span<const InputColumn* const> inputs,
                                std::span<const Column> columns, std::size_t rows,
                                const RowsPlace& place) {
  std::vector<float> floats(rows * inputs.size());
  for (std::size_t j = 0; j < inputs.size(); ++j) {
    if (columns[j].is_text) throw std::logic_error("Preprocessor::encode: texts for a number");
    for (std::size_t row = 0; row < rows; ++row) {
      double number = columns[j].numbers[row];
      if (std::isnan(number)) number = inputs[j]->fill;
      if (std::isnan(number)) throw_missing(value_place(place, row, *inputs[j]));
      const auto value = static_cast<float>(number);
      if (!std::isfinite(value))
        throw_too_large(value_place(place, row, *inputs[j]), *inputs[j], number);
      floats[row * inputs.size() + j] = value;
    }
  }
  return floats;
}

std::vector<std::string> names_of(std::span<const Column> columns) {
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

void require_known_types(const PreprocessorConfig& config, const std::vector<std::string>& names) {
  for (const auto& [name, type] : config.types) {
    if (std::find(names.begin(), names.end(), name) != names.end() ||
        std::find(config.ignored.begin(), config.ignored.end(), name) != config.ignored.end())
      continue;
    const std::string closest = closest_name(name, names);
    throw UserError(fmt::format(
        "column_types says that {} is a {}, but there is no such column{}. The columns are {}.",
        in_quotes(name), type_name(type),
        closest.empty() ? "" : fmt::format("; did you mean {}?", in_quotes(closest)),
        listed(names, 10)));
  }
}

// A sentence for each reason why columns were left out.
class LeftOutColumns {
 public:
  void add(LeftOut reason, const std::string& name) {
    names_[static_cast<std::size_t>(reason)].push_back(name);
  }

  std::vector<std::string> notes(const PreprocessorConfig& config) const {
    constexpr std::size_t kMostNames = 10;
    const std::array<std::string, 4> reasons = {
        "the same value in all training rows", "nothing but missing values in the training rows",
        "no text in two rows, as if it were an id",
        fmt::format("no text in {} training rows or more (min_category_rows)",
                    config.min_category_rows)};
    std::vector<std::string> notes;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i].empty()) continue;
      const bool one = names_[i].size() == 1;
      notes.push_back(fmt::format("Left out: column{} {} {} {}.", one ? "" : "s",
                                  listed(names_[i], kMostNames), one ? "has" : "have", reasons[i]));
    }
    return notes;
  }

 private:
  std::array<std::vector<std::string>, 4> names_;  // by LeftOut
};

// Requires that a column is left, and adds the ignored ones.
void complete(std::vector<InputColumn>& columns, const PreprocessorConfig& config) {
  std::array<std::size_t, 2> left_out = {0, 0};
  for (const InputColumn& column : columns) {
    if (!is_used(column.type)) ++left_out[column.type == ColumnType::kId ? 1 : 0];
  }
  if (left_out[0] + left_out[1] == columns.size()) {
    throw UserError(fmt::format(
        "No column is left to learn from: of {} beside the target, {} are the same in all training "
        "rows, {} have a text of its own in each row, and {} are ignored. Give more rows or other "
        "columns; column_types takes integers or texts for what they are not by themselves.",
        columns.size() + config.ignored.size(), left_out[0], left_out[1], config.ignored.size()));
  }
  for (const std::string& name : config.ignored) {
    columns.emplace_back().name = name;
    columns.back().type = ColumnType::kIgnored;
  }
}

}  // namespace

Preprocessor Preprocessor::fit(std::span<const Column> columns, std::span<const std::uint32_t> rows,
                               const PreprocessorConfig& config, std::vector<std::string>& notes) {
  require_known_types(config, names_of(columns));
  Preprocessor preprocessor;
  preprocessor.scaling_ = config.scaling;
  preprocessor.named_ = config.named;
  preprocessor.set_aside_ = config.set_aside;
  LeftOutColumns left_out;
  for (const Column& column : columns) {
    ColumnFitConfig column_config{.asked = std::nullopt,
                                  .scaling = config.scaling,
                                  .max_one_hot = config.max_one_hot,
                                  .min_category_rows = config.min_category_rows};
    const auto asked = config.types.find(column.name);
    if (asked != config.types.end()) column_config.asked = asked->second;
    ColumnFit fit = fit_column(column, rows, column_config);
    if (fit.left_out) left_out.add(*fit.left_out, column.name);
    if (!fit.note.empty()) notes.push_back(std::move(fit.note));
    preprocessor.columns_.push_back(std::move(fit.column));
  }
  for (std::string& note : left_out.notes(config)) notes.push_back(std::move(note));
  complete(preprocessor.columns_, config);
  preprocessor.finish();
  if (preprocessor.plain_) return preprocessor;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    InputColumn& input = preprocessor.columns_[i];
    if (input.type == ColumnType::kNumber)
      input.scaler = fit_scaler(columns[i], rows, config.scaling, input.fill);
  }
  return preprocessor;
}

Preprocessor Preprocessor::fit_plain(const std::vector<std::string>& names,
                                     const FeatureView& floats, std::span<const std::uint32_t> rows,
                                     const PreprocessorConfig& config,
                                     std::vector<std::string>& notes) {
  const bool numbers_asked =
      std::all_of(config.types.begin(), config.types.end(),
                  [](const auto& asked) { return asked.second == ColumnType::kNumber; });
  if (floats.type != FeatureType::kFloat32 || names.size() != floats.width || rows.empty() ||
      config.scaling == Scaling::kQuantile || !numbers_asked)
    throw std::logic_error("Preprocessor::fit_plain");
  require_known_types(config, names);
  Preprocessor preprocessor;
  preprocessor.scaling_ = config.scaling;
  preprocessor.named_ = config.named;
  preprocessor.set_aside_ = config.set_aside;
  LeftOutColumns left_out;
  for_each_column(floats, rows, [&](std::size_t column, std::span<const float> values) {
    InputColumn& input = preprocessor.columns_.emplace_back();
    input.name = names[column];
    const float first = values.front();
    if (std::all_of(values.begin(), values.end(), [&](float value) { return value == first; })) {
      input.type = ColumnType::kConstant;
      left_out.add(LeftOut::kOneValue, input.name);
    } else {
      input.fill = median(values);
    }
  });
  for (std::string& note : left_out.notes(config)) notes.push_back(std::move(note));
  complete(preprocessor.columns_, config);
  preprocessor.finish();
  return preprocessor;
}

Preprocessor Preprocessor::plain(std::vector<std::string> names, std::size_t width) {
  if (!names.empty() && names.size() != width) throw std::logic_error("Preprocessor::plain");
  Preprocessor preprocessor;
  preprocessor.named_ = !names.empty();
  for (std::size_t i = 0; i < width; ++i) {
    InputColumn& input = preprocessor.columns_.emplace_back();
    input.name = names.empty() ? fmt::to_string(i + 1) : std::move(names[i]);
    input.fill = std::numeric_limits<double>::quiet_NaN();
  }
  preprocessor.finish();
  return preprocessor;
}

void Preprocessor::finish() {
  std::size_t used = 0;
  plain_ = scaling_ != Scaling::kQuantile;
  for (const InputColumn& input : columns_) {
    if (!is_used(input.type)) continue;
    ++used;
    plain_ = plain_ && input.type == ColumnType::kNumber && !input.has_missing;
  }
  plain_ = plain_ && used > 0;
  width_ = used;
  layout_ = {};
  if (plain_) return;
  width_ = 0;
  for (const InputColumn& input : columns_) {
    if (!is_used(input.type)) continue;
    const CodedLayout layout = layout_of(input);
    layout_.numbers += layout.numbers;
    layout_.ones += layout.ones;
    layout_.indices += layout.indices;
    const EncodedNames names = encoded_names_of(input);
    width_ += names.numbers.size() + names.ones.size() + names.indices.size();
  }
}

std::vector<std::string> Preprocessor::encoded_names() const {
  EncodedNames names;
  for (const InputColumn& input : columns_) {
    if (!is_used(input.type)) continue;
    const EncodedNames of = encoded_names_of(input);
    names.numbers.insert(names.numbers.end(), of.numbers.begin(), of.numbers.end());
    names.ones.insert(names.ones.end(), of.ones.begin(), of.ones.end());
    names.indices.insert(names.indices.end(), of.indices.begin(), of.indices.end());
  }
  names.numbers.insert(names.numbers.end(), names.ones.begin(), names.ones.end());
  names.numbers.insert(names.numbers.end(), names.indices.begin(), names.indices.end());
  return names.numbers;
}

std::vector<EmbeddingConfig> Preprocessor::embeddings() const {
  std::vector<EmbeddingConfig> embeddings;
  for (const InputColumn& input : columns_) {
    if (input.embedded())
      embeddings.push_back({.categories = input.classes(), .width = input.embedding_width});
  }
  return embeddings;
}

Features Preprocessor::encode(std::span<const Column> columns, const RowsPlace& rows_place) const {
  std::vector<const InputColumn*> used;
  for (const InputColumn& input : columns_) {
    if (is_used(input.type)) used.push_back(&input);
  }
  const std::size_t rows = columns.empty() ? 0 : columns[0].rows();
  if (columns.size() != used.size() ||
      std::any_of(columns.begin(), columns.end(),
                  [&](const Column& column) { return column.rows() != rows; }))
    throw std::logic_error("Preprocessor::encode");
  Features features;
  features.width = width_;
  if (plain_) {
    features.type = FeatureType::kFloat32;
    features.floats = encode_plain(used, columns, rows, rows_place);
    return features;
  }
  features.type = FeatureType::kCoded;
  features.layout = layout_;
  features.words.resize(rows * layout_.words());
  Place place{.number = 0,
              .one = layout_.numbers,
              .index = layout_.numbers + layout_.ones,
              .first_one = static_cast<std::uint32_t>(layout_.numbers)};
  std::vector<ColumnEncoder> encoders;
  for (std::size_t i = 0; i < used.size(); ++i) {
    encoders.emplace_back(*used[i], columns[i], place, layout_.words());
    const CodedLayout layout = layout_of(*used[i]);
    place.number += layout.numbers;
    place.one += layout.ones;
    place.index += layout.indices;
    place.first_one += static_cast<std::uint32_t>(encoded_names_of(*used[i]).ones.size());
  }
  constexpr std::size_t kRowsTogether = 1024;  // which stay in the cache from column to column
  for (std::size_t begin = 0; begin < rows; begin += kRowsTogether) {
    for (const ColumnEncoder& encoder : encoders) {
      encoder.encode(begin, std::min(rows, begin + kRowsTogether), rows_place,
                     features.words.data() + begin * layout_.words());
    }
  }
  return features;
}

Features Preprocessor::take_used(Features all) const {
  std::vector<std::size_t> used;
  std::size_t given = 0;
  for (const InputColumn& input : columns_) {
    if (input.type == ColumnType::kIgnored) continue;
    if (is_used(input.type)) used.push_back(given);
    ++given;
  }
  if (!plain_ || all.type != FeatureType::kFloat32 || all.width != given)
    throw std::logic_error("Preprocessor::take_used");
  if (used.size() == given) return all;
  const std::size_t rows = all.rows();
  float* to = all.floats.data();
  const float* from = all.floats.data();
  for (std::size_t row = 0; row < rows; ++row, from += given) {
    for (const std::size_t column : used) *to++ = from[column];
  }
  all.width = used.size();
  all.floats.resize(rows * all.width);
  return all;
}

Json Preprocessor::to_json() const {
  Json columns = Json::array();
  for (const InputColumn& input : columns_) columns.push_back(input.to_json());
  return {{"named", named_},
          {"set_aside", set_aside_},
          {"scaling", scaling_name(scaling_)},
          {"columns", std::move(columns)}};
}

Preprocessor Preprocessor::from_json(const Json& json) {
  Preprocessor preprocessor;
  json.at("named").get_to(preprocessor.named_);
  for (const Json& number : json.at("set_aside")) {
    if (!number.is_number_unsigned() || number == 0U)
      throw std::range_error("the number of a column is none from 1 on");
    preprocessor.set_aside_.push_back(number.get<std::size_t>());
  }
  const auto scaling = find_scaling(json.at("scaling").get<std::string>());
  if (!scaling) throw std::range_error("the scaling is none that is known");
  preprocessor.scaling_ = *scaling;
  std::set<std::string, std::less<>> names;
  std::set<std::string> names_aside;
  if (!json.at("columns").is_array()) throw std::range_error("the columns are no list");
  preprocessor.columns_.reserve(json.at("columns").size());
  for (const Json& column : json.at("columns")) {
    const InputColumn& input = preprocessor.columns_.emplace_back(InputColumn::from_json(column));
    if (!names.insert(input.name).second) throw std::range_error("two columns have one name");
  }
  for (const std::size_t number : preprocessor.set_aside_) {
    if (!names_aside.insert(fmt::to_string(number)).second ||
        names.contains(fmt::to_string(number)))
      throw std::range_error("a column's number stands there twice");
  }
  if (!preprocessor.named_) {
    for (std::size_t number = 1; number <= names.size() + names_aside.size(); ++number) {
      const std::string name = fmt::to_string(number);
      if (!names.contains(name) && !names_aside.contains(name))
        throw std::range_error("a column's number is missing");
    }
  }
  preprocessor.finish();
  if (preprocessor.empty()) return preprocessor;
  if (preprocessor.width() == 0) throw std::range_error("no column is used");
  for (const InputColumn& input : preprocessor.columns_) {
    const bool is_scaled = (input.type == ColumnType::kNumber && !preprocessor.plain_) ||
                           (input.type == ColumnType::kDate && input.parts.year);
    if (input.scaler.scaling() != (is_scaled ? *scaling : Scaling::kNone))
      throw std::range_error("a column is scaled in another way");
    if (std::isnan(input.fill) && !preprocessor.plain_)
      throw std::range_error("a column has nothing that stands for a missing value");
  }
  return preprocessor;
}

}  // namespace mlp
