#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace mlp {

// How the dates of a column are written; all of a column are written alike. A time of day may
// follow behind a blank or a T: 12:30, 12:30:05, 12:30:05.25, 2:30 PM, and after it Z or an offset
// (+02:00, +0200, +02), which is ignored: the time is that of the clock where it was written.
// Days and months have one digit or two, years four.
enum class DateFormat {
  kYearMonthDayDashes,   // 2024-03-01, ISO 8601
  kYearMonthDaySlashes,  // 2024/03/01
  kDayMonthYearDots,     // 01.03.2024
  kMonthDayYearSlashes,  // 3/1/2024
  kDayMonthYearSlashes,  // 1/3/2024
  kMonthDayYearDashes,   // 03-01-2024
  kDayMonthYearDashes,   // 01-03-2024
  kTime,                 // 12:30, a time of day alone
};

// All formats, in the order in which they are tried: where the digits allow both, the month comes
// before the day.
std::span<const DateFormat> date_formats();

// What users and files call it, as "YYYY-MM-DD".
std::string_view date_format_name(DateFormat format);
std::optional<DateFormat> find_date_format(std::string_view name);

// A moment as it is written.
struct DateTime {
  int year = 2000;
  int month = 1;    // January is 1
  int day = 1;      // of the month, from 1
  double hour = 0;  // of the day, with minutes and seconds as its fraction: 0 <= hour < 24

  int weekday() const;  // Monday is 0

  bool operator==(const DateTime&) const = default;
  auto operator<=>(const DateTime&) const = default;
};

// The moment that all of `text` is in the given format; nothing where it is none, as for February
// the 30th.
std::optional<DateTime> parse_date_time(std::string_view text, DateFormat format);

}  // namespace mlp
