#include "model/date_time.h"

#include <doctest/doctest.h>

#include <string_view>
#include <vector>

namespace mlp {
namespace {

constexpr DateFormat kIso = DateFormat::kYearMonthDayDashes;

DateTime parsed(std::string_view text, DateFormat format = kIso) {
  CAPTURE(text);
  const auto moment = parse_date_time(text, format);
  REQUIRE(moment);
  return *moment;
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("parse_date_time: each format reads its own date") {
    struct Case {
      DateFormat format;
      std::string_view text;
      DateTime expected;
    };
    const std::vector<Case> cases = {
        {kIso, "2024-03-01", {2024, 3, 1, 0}},
        {kIso, "1999-12-31", {1999, 12, 31, 0}},
        {DateFormat::kYearMonthDaySlashes, "2024/03/01", {2024, 3, 1, 0}},
        {DateFormat::kDayMonthYearDots, "01.03.2024", {2024, 3, 1, 0}},
        {DateFormat::kDayMonthYearDots, "1.3.2024", {2024, 3, 1, 0}},
        {DateFormat::kMonthDayYearSlashes, "3/1/2024", {2024, 3, 1, 0}},
        {DateFormat::kDayMonthYearSlashes, "3/1/2024", {2024, 1, 3, 0}},
        {DateFormat::kMonthDayYearDashes, "03-01-2024", {2024, 3, 1, 0}},
        {DateFormat::kDayMonthYearDashes, "03-01-2024", {2024, 1, 3, 0}},
        {DateFormat::kTime, "18:45", {2000, 1, 1, 18.75}}};
    for (const Case& c : cases) {
      CAPTURE(c.text);
      CHECK(parsed(c.text, c.format) == c.expected);
      for (const DateFormat other : date_formats()) {
        if (date_format_name(other).size() != date_format_name(c.format).size())
          CHECK_FALSE(parse_date_time(c.text, other));
      }
    }
  }

  TEST_CASE("parse_date_time: a time of day is hours with a fraction, whatever the offset") {
    struct Case {
      std::string_view text;
      double hour;
    };
    const std::vector<Case> cases = {{"2024-03-01T12:30:00Z", 12.5},
                                     {"2024-03-01 12:30", 12.5},
                                     {"2024-03-01t12:30z", 12.5},
                                     {"2024-03-01T12:30:00+02:00", 12.5},
                                     {"2024-03-01T12:30:00-0530", 12.5},
                                     {"2024-03-01T12:30:00+02", 12.5},
                                     {"2024-03-01 00:00:09", 0.0025},
                                     {"2024-03-01 00:00:04.5", 0.00125},
                                     {"2024-03-01 00:00:04,500000", 0.00125},
                                     {"2024-03-01 9:15", 9.25},
                                     {"2024-03-01 2:30 PM", 14.5},
                                     {"2024-03-01 2:30am", 2.5},
                                     {"2024-03-01 12:30 am", 0.5},
                                     {"2024-03-01 12:30 PM", 12.5}};
    for (const Case& c : cases) {
      CAPTURE(c.text);
      CHECK(parsed(c.text).hour == doctest::Approx(c.hour));
      CHECK(parsed(c.text).day == 1);
    }
    CHECK(parsed("7:05 PM", DateFormat::kTime).hour == doctest::Approx(19 + 5.0 / 60));
    CHECK(parsed("2024-03-01 23:59:59.999999999").hour < 24);
  }

  TEST_CASE("parse_date_time: what is no day of the calendar, or has more behind it, is none") {
    for (const std::string_view text : {"",
                                        "2024",
                                        "2024-02-30",
                                        "2023-02-29",
                                        "2024-13-01",
                                        "2024-00-01",
                                        "2024-01-00",
                                        "24-01-01",
                                        "02024-01-01",
                                        "2024-001-01",
                                        "2024-01-01 ",
                                        " 2024-01-01",
                                        "2024-01-01x",
                                        "2024-01-01T",
                                        "2024-01-01T24:00",
                                        "2024-01-01T12:60",
                                        "2024-01-01T12:00:60",
                                        "2024-01-01T12",
                                        "2024-01-01T12:5",
                                        "2024-01-01T12:00:00.",
                                        "2024-01-01T12:00Zx",
                                        "2024-01-01T12:00+2",
                                        "2024-01-01T12:00+24:00",
                                        "2024-01-01T12:00+02:60",
                                        "2024-01-01T12:00+02:",
                                        "2024-01-01 13:00 PM",
                                        "2024-01-01 0:30 AM",
                                        "2024-01-01 12:00 ",
                                        "2024-01-01 1:00 P",
                                        "2024-01/01",
                                        "2024-1",
                                        "-2024-01-01",
                                        "2024-01-01T12:00:00.1234567890"}) {
      CAPTURE(text);
      CHECK_FALSE(parse_date_time(text, kIso));
    }
    CHECK(parse_date_time("2024-02-29", kIso));
  }

  TEST_CASE("parse_date_time: a text cut short anywhere is read in bounds") {
    const std::string_view text = "2024-03-01T12:30:05.25+02:00";
    for (std::size_t size = 0; size <= text.size(); ++size) {
      for (const DateFormat format : date_formats()) {
        const std::vector<char> copy(text.begin(), text.begin() + static_cast<long>(size));
        parse_date_time({copy.data(), size}, format);
      }
    }
  }

  TEST_CASE("DateTime: weekdays count from Monday") {
    CHECK(parsed("2024-03-04").weekday() == 0);  // a Monday
    CHECK(parsed("2024-03-10").weekday() == 6);
    CHECK(parsed("1970-01-01").weekday() == 3);  // a Thursday
    CHECK(parsed("1900-01-01").weekday() == 0);
  }

  TEST_CASE("DateTime: moments are ordered by time") {
    CHECK(parsed("2023-12-31 23:00") < parsed("2024-01-01"));
    CHECK(parsed("2024-01-02") < parsed("2024-01-02 00:30"));
    CHECK(parsed("2024-01-31") < parsed("2024-02-01"));
  }

  TEST_CASE("date_format_name: find_date_format() finds the format of each name") {
    for (const DateFormat format : date_formats())
      CHECK(find_date_format(date_format_name(format)) == format);
    CHECK(date_format_name(DateFormat::kMonthDayYearSlashes) == "MM/DD/YYYY");
    CHECK_FALSE(find_date_format("YY-MM-DD"));
  }
}

}  // namespace mlp
