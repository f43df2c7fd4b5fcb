#include "runtime/data/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <optional>
#include <string_view>

#include "model/column_fit.h"
#include "model/column_type.h"
#include "model/date_time.h"
#include "runtime/system/utf8.h"

namespace mlp {
namespace {

// Least, largest and mean of numbers, and how many are distinct.
class NumberSummary {
 public:
  void add(double number) {
    min_ = count_ == 0 ? number : std::min(min_, number);
    max_ = count_ == 0 ? number : std::max(max_, number);
    sum_ += number;
    ++count_;
    if (distinct_ <= FeatureSummary::kMostDistinct) add_distinct(number + 0.0);  // -0 becomes 0
  }

  void write(FeatureSummary& summary) const {
    summary.distinct = distinct_;
    if (count_ == 0) return;
    summary.min = min_;
    summary.max = max_;
    summary.mean = sum_ / static_cast<double>(count_);
    summary.constant = min_ == max_ && summary.missing == 0;
  }

 private:
  void add_distinct(double number) {
    if (2 * distinct_ >= slots_.size()) grow();
    if (insert(number)) ++distinct_;
  }

  // Into a table of open addressing, in which NaN, no number of a summary, marks free slots.
  bool insert(double number) {
    const std::uint64_t hash = std::bit_cast<std::uint64_t>(number) * 0x9E3779B97F4A7C15U;
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = (hash >> 32U) & mask;
    while (!std::isnan(slots_[slot])) {
      if (slots_[slot] == number) return false;
      slot = (slot + 1) & mask;
    }
    slots_[slot] = number;
    return true;
  }

  void grow() {
    constexpr std::size_t kFirstSlots = 64;
    const std::vector<double> old = std::move(slots_);
    slots_.assign(std::max(kFirstSlots, 2 * old.size()), std::nan(""));
    for (const double number : old) {
      if (!std::isnan(number)) insert(number);
    }
  }

  double min_ = 0;
  double max_ = 0;
  double sum_ = 0;
  std::size_t count_ = 0;
  std::size_t distinct_ = 0;
  std::vector<double> slots_;
};

FeatureSummary summarize_pixels(const FeatureView& features, std::span<const std::uint32_t> rows) {
  std::array<std::size_t, 256> counts{};
  for (const std::uint32_t row : rows) {
    for (const std::uint8_t value : std::span(features.uint8_row(row), features.width))
      ++counts[value];
  }
  FeatureSummary summary;
  summary.name = summary.type = "pixels";
  double sum = 0;
  for (std::size_t value = 0; value < counts.size(); ++value) {
    if (counts[value] == 0) continue;
    if (summary.distinct++ == 0) summary.min = static_cast<double>(value);
    summary.max = static_cast<double>(value);
    sum += static_cast<double>(value * counts[value]);
  }
  summary.mean = sum / static_cast<double>(rows.size() * features.width);
  summary.constant = summary.distinct == 1;
  return summary;
}

void summarize_numbers(const Column& column, std::span<const std::uint32_t> rows,
                       FeatureSummary& summary) {
  NumberSummary numbers;
  for (const std::uint32_t row : rows) {
    const double number = column.numbers[row];
    if (std::isnan(number)) {
      ++summary.missing;
    } else {
      numbers.add(number);
    }
  }
  numbers.write(summary);
}

void summarize_texts(const Column& column, std::span<const std::uint32_t> rows,
                     FeatureSummary& summary) {
  constexpr std::size_t kMostTop = 3;
  summary.is_text = true;
  std::vector<std::size_t> counts(column.texts.size());
  for (const std::uint32_t row : rows) {
    const std::uint32_t code = column.codes[row];
    ++(code == Column::kMissing ? summary.missing : counts[code]);
  }
  std::vector<std::size_t> codes;
  for (std::size_t code = 0; code < counts.size(); ++code) {
    if (counts[code] > 0) codes.push_back(code);
  }
  summary.distinct = codes.size();
  summary.constant = codes.size() == 1 && summary.missing == 0;
  const std::size_t top = std::min(kMostTop, codes.size());
  std::partial_sort(codes.begin(), codes.begin() + static_cast<std::ptrdiff_t>(top), codes.end(),
                    [&](std::size_t a, std::size_t b) {
                      if (counts[a] != counts[b]) return counts[a] > counts[b];
                      return column.texts[a] < column.texts[b];
                    });
  for (std::size_t i = 0; i < top; ++i)
    summary.top.emplace_back(column.texts[codes[i]], counts[codes[i]]);
}

void summarize_dates(const Column& column, DateFormat format, std::span<const std::uint32_t> rows,
                     FeatureSummary& summary) {
  std::vector<char> used(column.texts.size(), 0);
  for (const std::uint32_t row : rows) {
    if (column.codes[row] != Column::kMissing) used[column.codes[row]] = 1;
  }
  std::optional<DateTime> first;
  std::optional<DateTime> last;
  for (std::size_t code = 0; code < used.size(); ++code) {
    if (used[code] == 0) continue;
    const std::string_view text = column.texts[code];
    const std::optional<DateTime> moment = parse_date_time(text, format);
    if (!moment) continue;
    if (!first || *moment < *first) {
      first = moment;
      summary.first = text;
    }
    if (!last || *last < *moment) {
      last = moment;
      summary.last = text;
    }
  }
}

FeatureSummary summarize_column(const Column& column, const InputColumn& learned,
                                std::span<const std::uint32_t> rows) {
  FeatureSummary summary;
  summary.name = column.name;
  summary.type = type_name(learned.type);
  const bool takes_text = learned.type == ColumnType::kCategory ||
                          learned.type == ColumnType::kBoolean || learned.type == ColumnType::kDate;
  if (!column.is_text && takes_text) return summarize_column(as_text(column), learned, rows);
  if (!column.is_text) {
    summarize_numbers(column, rows, summary);
    return summary;
  }
  summarize_texts(column, rows, summary);
  if (learned.type == ColumnType::kDate) summarize_dates(column, learned.format, rows, summary);
  return summary;
}

// At most `limit` characters, without those that would break a line.
std::string shown(std::string_view text, std::size_t limit) {
  constexpr std::string_view kMore = "...";
  std::string result = utf8_prefix(text, limit);
  if (utf8_prefix(text, limit + 1).size() > result.size()) {
    result = utf8_prefix(text, limit - kMore.size());
    result += kMore;
  }
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return result;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string number_text(double number) {
  constexpr double kAllDigits = 1e15;  // integers below are printed in full
  if (number == std::trunc(number) && std::fabs(number) < kAllDigits)
    return fmt::format("{:.0f}", number);
  return fmt::format("{:.6g}", number);
}

std::string values_text(const FeatureSummary& summary) {
  constexpr std::size_t kMostCharacters = 20;
  if (summary.distinct == 0) return "";
  if (!summary.first.empty()) {
    return fmt::format("{} to {}", shown(summary.first, 2 * kMostCharacters),
                       shown(summary.last, 2 * kMostCharacters));
  }
  if (summary.is_text) {
    std::string text;
    for (const auto& [value, rows] : summary.top) {
      text +=
          fmt::format("{}\"{}\" {}", text.empty() ? "" : ", ", shown(value, kMostCharacters), rows);
    }
    return text;
  }
  if (summary.min == summary.max) return number_text(summary.min);
  return fmt::format("{} to {}, mean {:.6g}", number_text(summary.min), number_text(summary.max),
                     summary.mean);
}

std::string distinct_text(std::size_t distinct) {
  if (distinct <= FeatureSummary::kMostDistinct) return fmt::to_string(distinct);
  return fmt::format(">{}", FeatureSummary::kMostDistinct);
}

}  // namespace

std::vector<FeatureSummary> summarize(const FeatureView& features,
                                      std::span<const std::uint32_t> rows,
                                      std::span<const std::string> names) {
  if (features.type == FeatureType::kUint8) return {summarize_pixels(features, rows)};
  std::vector<NumberSummary> numbers(features.width);
  for (const std::uint32_t row : rows) {
    const float* const values = features.float_row(row);
    for (std::size_t i = 0; i < features.width; ++i) numbers[i].add(static_cast<double>(values[i]));
  }
  std::vector<FeatureSummary> summaries(features.width);
  for (std::size_t i = 0; i < features.width; ++i) {
    FeatureSummary& summary = summaries[i];
    summary.name = names.empty() ? fmt::format("feature {}", i + 1) : names[i];
    numbers[i].write(summary);
    summary.type = type_name(summary.constant ? ColumnType::kConstant : ColumnType::kNumber);
  }
  return summaries;
}

std::vector<FeatureSummary> summarize(std::span<const Column> columns,
                                      std::span<const InputColumn> learned,
                                      std::span<const std::uint32_t> rows) {
  std::vector<FeatureSummary> summaries;
  for (std::size_t i = 0; i < columns.size(); ++i)
    summaries.push_back(summarize_column(columns[i], learned[i], rows));
  for (const InputColumn& ignored : learned.subspan(columns.size())) {
    FeatureSummary& summary = summaries.emplace_back();
    summary.name = ignored.name;
    summary.type = type_name(ignored.type);
  }
  return summaries;
}

std::vector<std::string> summary_lines(std::span<const FeatureSummary> summaries,
                                       std::size_t limit) {
  constexpr std::size_t kMostNameCharacters = 32;
  constexpr std::size_t kCells = 5;
  const std::string ignored(type_name(ColumnType::kIgnored));
  std::vector<std::array<std::string, kCells>> table = {
      {"column", "type", "missing", "distinct", "values"}};
  for (const FeatureSummary& summary : summaries.first(std::min(limit, summaries.size()))) {
    std::array<std::string, kCells>& cells = table.emplace_back();
    cells[0] = shown(summary.name, kMostNameCharacters);
    cells[1] = summary.type;
    if (summary.type == ignored) continue;
    cells[2] = fmt::to_string(summary.missing);
    cells[3] = distinct_text(summary.distinct);
    cells[4] = values_text(summary);
  }
  std::array<std::size_t, kCells> widths{};
  for (const auto& cells : table) {
    for (std::size_t i = 0; i < kCells; ++i) widths[i] = std::max(widths[i], characters(cells[i]));
  }
  std::vector<std::string> lines;
  for (const auto& cells : table) {
    std::string line;
    for (std::size_t i = 0; i < kCells; ++i) {
      const std::string blanks(widths[i] - characters(cells[i]), ' ');
      const bool is_count = i == 2 || i == 3;
      if (i > 0) line += "  ";
      line += is_count ? blanks + cells[i] : cells[i] + blanks;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(std::move(line));
  }
  if (summaries.size() > limit)
    lines.push_back(fmt::format("... and {} more", summaries.size() - limit));
  return lines;
}

}  // namespace mlp
