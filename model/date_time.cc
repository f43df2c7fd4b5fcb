#include "model/date_time.h"

#include <array>
#include <chrono>
#include <cstddef>
#include <utility>

namespace mlp {
namespace {

constexpr std::array<DateFormat, 8> kFormats = {
    DateFormat::kYearMonthDayDashes,  DateFormat::kYearMonthDaySlashes,
    DateFormat::kDayMonthYearDots,    DateFormat::kMonthDayYearSlashes,
    DateFormat::kDayMonthYearSlashes, DateFormat::kMonthDayYearDashes,
    DateFormat::kDayMonthYearDashes,  DateFormat::kTime};

constexpr std::array<std::string_view, 8> kNames = {"YYYY-MM-DD", "YYYY/MM/DD", "DD.MM.YYYY",
                                                    "MM/DD/YYYY", "DD/MM/YYYY", "MM-DD-YYYY",
                                                    "DD-MM-YYYY", "hh:mm"};

// Reads a text from its front. Each member tells whether it found what it looked for, and moves
// behind it only then.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }

  bool skip(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool skip_letter(char lower_case) {
    return skip(lower_case) || skip(static_cast<char>(lower_case - 'a' + 'A'));
  }

  bool number(std::size_t least_digits, std::size_t most_digits, int& value) {
    std::size_t digits = 0;
    int sum = 0;
    while (digits < rest_.size() && digits <= most_digits && is_digit(rest_[digits]))
      sum = 10 * sum + (rest_[digits++] - '0');
    if (digits < least_digits || digits > most_digits) return false;
    rest_.remove_prefix(digits);
    value = sum;
    return true;
  }

  // The digits behind a decimal point, of which there is one at least, as a number below 1.
  bool fraction(double& value) {
    double weight = 1;
    double sum = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
      sum = 10 * sum + (rest_[digits] - '0');
      weight *= 10;
      if (digits >= kMostFractionDigits) return false;
    }
    if (digits == 0) return false;
    rest_.remove_prefix(digits);
    value = sum / weight;
    return true;
  }

 private:
  static constexpr std::size_t kMostFractionDigits = 9;  // nanoseconds: any hour stays below 24

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  std::string_view rest_;
};

bool scan_offset(Scanner& text) {
  if (text.skip('Z') || text.skip('z')) return true;
  if (!text.skip('+') && !text.skip('-')) return false;
  int hours = 0;
  int minutes = 0;
  if (!text.number(2, 2, hours)) {
    return text.number(4, 4, hours) && hours / 100 < 24 && hours % 100 < 60;
  }
  if (text.skip(':') && !text.number(2, 2, minutes)) return false;
  return hours < 24 && minutes < 60;
}

// The time of day that is all of what is left of `text`.
bool scan_time(Scanner& text, double& hour) {
  int hours = 0;
  int minutes = 0;
  int seconds = 0;
  double fraction = 0;
  if (!text.number(1, 2, hours) || !text.skip(':') || !text.number(2, 2, minutes)) return false;
  if (text.skip(':')) {
    if (!text.number(2, 2, seconds)) return false;
    if ((text.skip('.') || text.skip(',')) && !text.fraction(fraction)) return false;
  }
  if (hours > 23 || minutes > 59 || seconds > 59) return false;
  hour = hours + (minutes + (seconds + fraction) / 60) / 60;
  if (text.at_end()) return true;
  const bool blank = text.skip(' ');
  const bool morning = text.skip_letter('a');
  if (morning || text.skip_letter('p')) {
    if (!text.skip_letter('m') || hours < 1 || hours > 12) return false;
    if (hours == 12) hour -= 12;
    if (!morning) hour += 12;
    return text.at_end();
  }
  return !blank && scan_offset(text) && text.at_end();
}

bool scan_date(Scanner& text, DateFormat format, DateTime& moment) {
  const std::string_view name = date_format_name(format);
  const char separator = name[name.find_first_not_of("YMD")];
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (i > 0 && name[i] == name[i - 1]) continue;
    bool found = false;
    switch (name[i]) {
      case 'Y':
        found = text.number(4, 4, moment.year);
        break;
      case 'M':
        found = text.number(1, 2, moment.month);
        break;
      case 'D':
        found = text.number(1, 2, moment.day);
        break;
      default:
        found = text.skip(separator);
        break;
    }
    if (!found) return false;
  }
  return true;
}

std::chrono::year_month_day calendar_day(const DateTime& moment) {
  return {std::chrono::year(moment.year), std::chrono::month(static_cast<unsigned>(moment.month)),
          std::chrono::day(static_cast<unsigned>(moment.day))};
}

}  // namespace

std::span<const DateFormat> date_formats() { return kFormats; }

std::string_view date_format_name(DateFormat format) {
  return kNames[static_cast<std::size_t>(format)];
}

std::optional<DateFormat> find_date_format(std::string_view name) {
  for (const DateFormat format : kFormats) {
    if (date_format_name(format) == name) return format;
  }
  return std::nullopt;
}

int DateTime::weekday() const {
  const std::chrono::weekday on(std::chrono::sys_days(calendar_day(*this)));
  return static_cast<int>(on.iso_encoding()) - 1;
}

std::optional<DateTime> parse_date_time(std::string_view text, DateFormat format) {
  Scanner scanner(text);
  DateTime moment;
  if (format == DateFormat::kTime) {
    if (!scan_time(scanner, moment.hour)) return std::nullopt;
    return moment;
  }
  if (!scan_date(scanner, format, moment) || !calendar_day(moment).ok()) return std::nullopt;
  if (scanner.at_end()) return moment;
  if (!scanner.skip(' ') && !scanner.skip('T') && !scanner.skip('t')) return std::nullopt;
  if (!scan_time(scanner, moment.hour)) return std::nullopt;
  return moment;
}

}  // namespace mlp
