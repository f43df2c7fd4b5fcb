#include "model/column_fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/quantile.h"
#include "model/wording.h"

namespace mlp {
namespace {

constexpr std::uint32_t kMissing = Column::kMissing;

// How many rows have each text, and how many have none.
struct TextCounts {
  std::vector<std::size_t> texts;
  std::size_t missing = 0;

  std::size_t present() const {
    std::size_t sum = 0;
    for (const std::size_t count : texts) sum += count;
    return sum;
  }
};

TextCounts count_rows(const Column& column) {
  TextCounts counts{std::vector<std::size_t>(column.texts.size()), 0};
  for (const std::uint32_t code : column.codes)
    ++(code == kMissing ? counts.missing : counts.texts[code]);
  return counts;
}

TextCounts count_rows(const Column& column, std::span<const std::uint32_t> rows) {
  TextCounts counts{std::vector<std::size_t>(column.texts.size()), 0};
  for (const std::uint32_t row : rows) {
    const std::uint32_t code = column.codes[row];
    ++(code == kMissing ? counts.missing : counts.texts[code]);
  }
  return counts;
}

bool is_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return rest == end && error == std::errc() && std::isfinite(value);
}

// The first row whose text is one of those that `wrong` tells of, which there is.
template <typename Wrong>
std::size_t first_row(const Column& column, const Wrong& wrong) {
  std::size_t row = 0;
  while (column.codes[row] == kMissing || !wrong(column.texts[column.codes[row]])) ++row;
  return row;
}

std::string_view text_in(const Column& column, std::size_t row) {
  return column.texts[column.codes[row]];
}

// Whether `holds` is true of each text that a row has.
template <typename Holds>
bool all_texts(const Column& column, const TextCounts& counts, const Holds& holds) {
  for (std::size_t code = 0; code < counts.texts.size(); ++code) {
    if (counts.texts[code] > 0 && !holds(column.texts[code])) return false;
  }
  return true;
}

// Whether the texts are the two words of a pair, as yes and no.
bool is_boolean(const Column& column, const TextCounts& counts) {
  std::optional<std::size_t> pair;
  bool found[2] = {false, false};
  const bool one_pair = all_texts(column, counts, [&](std::string_view text) {
    const std::optional<BooleanWord> word = boolean_word(text);
    if (!word || (pair && *pair != word->pair)) return false;
    pair = word->pair;
    found[word->value ? 1 : 0] = true;
    return true;
  });
  return one_pair && found[0] && found[1];
}

std::optional<DateFormat> date_format(const Column& column, const TextCounts& counts) {
  for (const DateFormat format : date_formats()) {
    const auto is_date = [&](std::string_view text) {
      return parse_date_time(text, format).has_value();
    };
    if (all_texts(column, counts, is_date)) return format;
  }
  return std::nullopt;
}

[[noreturn]] void throw_no_boolean(const Column& column) {
  const std::size_t row = first_row(column, [](auto text) { return !boolean_word(text); });
  InputColumn boolean;
  boolean.type = ColumnType::kBoolean;
  throw UserError(fmt::format(
      "Column {}: column_types asks for a boolean, but row {} has {}. Expected {}. "
      "Correct the value, name it in missing_values, or ask for another type.",
      in_quotes(column.name), row + 1, in_quotes(text_in(column, row)), boolean.expected()));
}

// Names the first text that is not of the format that most texts are of.
[[noreturn]] void throw_no_date(const Column& column, const TextCounts& counts) {
  DateFormat best = date_formats().front();
  std::size_t most = 0;
  std::string names;
  for (const DateFormat format : date_formats()) {
    std::size_t parsed = 0;
    for (std::size_t code = 0; code < counts.texts.size(); ++code) {
      if (parse_date_time(column.texts[code], format)) parsed += counts.texts[code];
    }
    if (parsed > most) {
      most = parsed;
      best = format;
    }
    names += fmt::format("{}{}", names.empty() ? "" : ", ", date_format_name(format));
  }
  const std::size_t row =
      first_row(column, [&](auto text) { return !parse_date_time(text, best); });
  throw UserError(fmt::format(
      "Column {}: column_types asks for a date, but row {} has {}{}. Expected all dates of a "
      "column "
      "to be of one of the formats {}; a time of day may follow a date. Correct the value, name it "
      "in missing_values, or ask for another type.",
      in_quotes(column.name), row + 1, in_quotes(text_in(column, row)),
      most == 0 ? "" : fmt::format(", while {} rows have {}", most, date_format_name(best)),
      names));
}

// What a column of text is over all of its rows, and the format of a date.
void find_type(const Column& column, const TextCounts& counts,
               const std::optional<ColumnType>& asked, InputColumn& input) {
  input.type = ColumnType::kCategory;
  if (asked == ColumnType::kCategory || counts.present() == 0) return;
  if (asked == ColumnType::kBoolean) {
    if (!all_texts(column, counts, [](auto text) { return boolean_word(text).has_value(); }))
      throw_no_boolean(column);
    input.type = ColumnType::kBoolean;
    return;
  }
  if (!asked && is_boolean(column, counts)) {
    input.type = ColumnType::kBoolean;
    return;
  }
  if (const std::optional<DateFormat> format = date_format(column, counts)) {
    input.type = ColumnType::kDate;
    input.format = *format;
  } else if (asked == ColumnType::kDate) {
    throw_no_date(column, counts);
  }
}

// A sentence on a column of text that is nearly one of numbers; else empty.
std::string note_numbers(const Column& column, const TextCounts& counts) {
  constexpr std::size_t kLeastPercent = 90;
  std::size_t numbers = 0;
  for (std::size_t code = 0; code < counts.texts.size(); ++code) {
    if (counts.texts[code] > 0 && is_number(column.texts[code])) numbers += counts.texts[code];
  }
  const std::size_t present = counts.present();
  if (numbers == present || 100 * numbers < kLeastPercent * present) return "";
  const std::size_t row = first_row(column, [](auto text) { return !is_number(text); });
  const std::string_view text = text_in(column, row);
  return fmt::format(
      "Column {} is read as text, since {} of its {} values {} no number, as {} in row {}: name "
      "such "
      "texts in missing_values to have them missing, or set column_types=\"{}=number\" to have "
      "them "
      "refused.",
      in_quotes(column.name), present - numbers, present, present - numbers == 1 ? "is" : "are",
      in_quotes(text), row + 1, column.name.substr(0, 100));
}

void fit_number(const Column& column, std::span<const std::uint32_t> rows, ColumnFit& fit) {
  std::vector<double> values;
  values.reserve(rows.size());
  for (const std::uint32_t row : rows) {
    if (!std::isnan(column.numbers[row])) values.push_back(column.numbers[row]);
  }
  fit.column.has_missing = values.size() < rows.size();
  if (values.empty()) {
    fit.left_out = LeftOut::kNoValue;
    return;
  }
  const auto [least, largest] = std::minmax_element(values.begin(), values.end());
  if (*least == *largest && !fit.column.has_missing) {
    fit.left_out = LeftOut::kOneValue;
    return;
  }
  fit.column.fill = median(std::span<const double>(values));
}

void fit_boolean(const Column& column, const TextCounts& all, const TextCounts& training,
                 ColumnFit& fit) {
  InputColumn& input = fit.column;
  std::size_t count[2] = {0, 0};
  for (std::size_t code = 0; code < all.texts.size(); ++code) {
    if (all.texts[code] == 0) continue;
    const std::string_view text = column.texts[code];
    const bool value = boolean_word(text)->value;
    count[value ? 1 : 0] += training.texts[code];
    if (value && (input.true_word.empty() || text < input.true_word)) input.true_word = text;
  }
  if (input.true_word.empty()) input.true_word = "true";
  input.fill_true = count[1] > count[0];
  if (!input.has_missing && (count[0] == 0 || count[1] == 0)) fit.left_out = LeftOut::kOneValue;
}

// The parts of a date in which two moments differ.
void add_differences(const DateTime& a, const DateTime& b, InputColumn::Parts& parts) {
  parts.year |= a.year != b.year;
  parts.month |= a.month != b.month;
  parts.day |= a.day != b.day;
  parts.weekday |= a.weekday() != b.weekday();
  parts.hour |= a.hour != b.hour;
}

void fit_date(const Column& column, std::span<const std::uint32_t> rows, const TextCounts& training,
              Scaling scaling, ColumnFit& fit) {
  InputColumn& input = fit.column;
  std::vector<double> year_of(training.texts.size());
  std::optional<DateTime> first;
  for (std::size_t code = 0; code < training.texts.size(); ++code) {
    if (training.texts[code] == 0) continue;
    const DateTime moment = *parse_date_time(column.texts[code], input.format);
    if (!first) first = moment;
    add_differences(*first, moment, input.parts);
    year_of[code] = moment.year;
  }
  if (input.parts == InputColumn::Parts{} && !input.has_missing) {
    fit.left_out = LeftOut::kOneValue;
    return;
  }
  if (!input.parts.year) return;
  std::vector<double> years;
  for (const std::uint32_t row : rows) {
    if (column.codes[row] != kMissing) years.push_back(year_of[column.codes[row]]);
  }
  input.fill = median(std::span<const double>(years));
  years.clear();
  for (const std::uint32_t row : rows)
    years.push_back(column.codes[row] == kMissing ? input.fill : year_of[column.codes[row]]);
  input.scaler = NumberScaler::fit(scaling, std::move(years));
}

// fast.ai's rule, found by its authors to suit many tables: min(600, round(1.6 n^0.56)), here with
// at most 50.
std::size_t embedding_width(std::size_t classes) {
  constexpr double kMost = 50;
  const double width = std::round(1.6 * std::pow(static_cast<double>(classes), 0.56));
  return static_cast<std::size_t>(std::min(width, kMost));
}

void fit_category(const Column& column, const TextCounts& all, const TextCounts& training,
                  const ColumnFitConfig& config, ColumnFit& fit) {
  InputColumn& input = fit.column;
  struct Count {
    std::size_t all = 0;
    std::size_t training = 0;
  };
  TextPool categories;
  std::vector<Count> counts;
  for (std::size_t code = 0; code < all.texts.size(); ++code) {
    if (all.texts[code] == 0) continue;
    const std::uint32_t category = categories.add(category_text(column.texts[code]));
    if (category == counts.size()) counts.emplace_back();
    counts[category].all += all.texts[code];
    counts[category].training += training.texts[code];
  }
  const auto trained = std::count_if(counts.begin(), counts.end(),
                                     [](const Count& count) { return count.training > 0; });
  const bool unique =
      std::all_of(counts.begin(), counts.end(), [](const Count& count) { return count.all == 1; });
  if (trained == 1 && !input.has_missing) {
    fit.left_out = LeftOut::kOneValue;
    return;
  }
  if (unique && !config.asked) {
    fit.left_out = LeftOut::kId;
    return;
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].training >= config.min_category_rows) {
      input.categories.emplace_back(categories[i]);
    } else if (counts[i].training > 0) {
      input.has_other = true;
    }
  }
  if (input.categories.empty()) {
    fit.left_out = LeftOut::kRare;
    return;
  }
  std::sort(input.categories.begin(), input.categories.end());
  if (input.classes() > config.max_one_hot) {
    input.has_other = true;
    input.embedding_width = embedding_width(input.classes());
  }
}

}  // namespace

ColumnFit fit_column(const Column& column, std::span<const std::uint32_t> rows,
                     const ColumnFitConfig& config) {
  if (rows.empty()) throw std::logic_error("fit_column");
  ColumnFit fit;
  fit.column.name = column.name;
  const bool text_asked = config.asked && *config.asked != ColumnType::kNumber;
  if (!column.is_text && text_asked) return fit_column(as_text(column), rows, config);
  if (column.is_text && config.asked == ColumnType::kNumber)
    throw std::logic_error("fit_column: numbers were asked for, but texts were read");
  if (!column.is_text) {
    fit_number(column, rows, fit);
  } else {
    const TextCounts all = count_rows(column);
    const TextCounts training = count_rows(column, rows);
    find_type(column, all, config.asked, fit.column);
    fit.column.has_missing = training.missing > 0;
    if (training.missing == rows.size()) {
      fit.left_out = LeftOut::kNoValue;
    } else if (fit.column.type == ColumnType::kBoolean) {
      fit_boolean(column, all, training, fit);
    } else if (fit.column.type == ColumnType::kDate) {
      fit_date(column, rows, training, config.scaling, fit);
    } else {
      fit_category(column, all, training, config, fit);
      if (!config.asked) fit.note = note_numbers(column, all);
    }
  }
  if (fit.left_out) {
    const bool is_id = *fit.left_out == LeftOut::kId || *fit.left_out == LeftOut::kRare;
    fit.column = InputColumn();
    fit.column.name = column.name;
    fit.column.type = is_id ? ColumnType::kId : ColumnType::kConstant;
  }
  return fit;
}

NumberScaler fit_scaler(const Column& column, std::span<const std::uint32_t> rows, Scaling scaling,
                        double fill) {
  std::vector<double> values;
  values.reserve(rows.size());
  for (const std::uint32_t row : rows) {
    const double value = column.numbers[row];
    values.push_back(std::isnan(value) ? fill : value);
  }
  return NumberScaler::fit(scaling, std::move(values));
}

Column as_text(const Column& column) {
  if (column.is_text) return column;
  Column result;
  result.name = column.name;
  result.is_text = true;
  result.codes.reserve(column.numbers.size());
  for (const double number : column.numbers) {
    result.codes.push_back(std::isnan(number) ? kMissing
                                              : result.texts.add(fmt::format("{}", number)));
  }
  return result;
}

}  // namespace mlp
