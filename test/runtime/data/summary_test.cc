#include "runtime/data/summary.h"

#include <doctest/doctest.h>

#include <cmath>

#include "test/support/columns.h"

namespace mlp {
namespace {

using test::first;
using test::numbers;
using test::texts;

InputColumn learned(ColumnType type, std::string name = "") {
  InputColumn column;
  column.name = std::move(name);
  column.type = type;
  return column;
}

using Top = std::vector<std::pair<std::string, std::size_t>>;

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("summarize: each feature has its least, largest and mean value over the given rows") {
    const Features features{FeatureType::kFloat32, 2, {5, 100, -1, 7, 3, 7, 1, 7}, {}};
    const std::vector<std::string> names = {"size", "age"};
    const std::vector<std::uint32_t> rows = {1, 2, 3};
    const std::vector<FeatureSummary> summaries = summarize(features.view(), rows, names);
    REQUIRE(summaries.size() == 2);
    CHECK(summaries[0].name == "size");
    CHECK(summaries[0].min == -1);
    CHECK(summaries[0].max == 3);
    CHECK(summaries[0].mean == 1);
    CHECK(summaries[0].distinct == 3);
    CHECK(summaries[0].type == "number");
    CHECK_FALSE(summaries[0].constant);
    CHECK(summaries[1].name == "age");
    CHECK(summaries[1].mean == 7);
    CHECK(summaries[1].constant);
    CHECK(summaries[1].type == "constant");
  }

  TEST_CASE("summarize: features without names are numbered from 1") {
    const Features features{FeatureType::kFloat32, 2, {1, 2}, {}};
    const std::vector<std::uint32_t> rows = {0};
    CHECK(summarize(features.view(), rows, {})[1].name == "feature 2");
  }

  TEST_CASE("summarize: pixels are one line, in the units of the file") {
    const Features features{FeatureType::kUint8, 2, {}, {0, 255, 10, 20, 30, 40}};
    const std::vector<std::uint32_t> rows = {1, 2};
    const std::vector<FeatureSummary> summaries = summarize(features.view(), rows, {});
    REQUIRE(summaries.size() == 1);
    CHECK(summaries[0].name == "pixels");
    CHECK(summaries[0].min == 10);
    CHECK(summaries[0].max == 40);
    CHECK(summaries[0].mean == 25);
    CHECK(summaries[0].distinct == 4);
    CHECK(summaries[0].type == "pixels");
    CHECK_FALSE(summaries[0].constant);
  }

  TEST_CASE("summarize: columns tell what is missing, how many values there are, and which") {
    const std::vector<Column> columns = {
        numbers("age", {1, 4, std::nan(""), 4, 100}),
        texts("city", {"Rome", "", "Oslo", "Oslo", "x"}),
        texts("since", {"2/1/2024", "12/1/2023", "1/31/2024", "", "1/1/1900"}),
        numbers("grade", {3, 3, 2, std::nan(""), 9}), numbers("gap", std::vector<double>(5, NAN))};
    std::vector<InputColumn> types = {
        learned(ColumnType::kNumber),   learned(ColumnType::kCategory),
        learned(ColumnType::kDate),     learned(ColumnType::kCategory),
        learned(ColumnType::kConstant), learned(ColumnType::kIgnored, "note")};
    types[2].format = DateFormat::kMonthDayYearSlashes;
    const std::vector<FeatureSummary> summaries = summarize(columns, types, first(4));
    REQUIRE(summaries.size() == 6);
    CHECK(summaries[0].name == "age");
    CHECK(summaries[0].type == "number");
    CHECK(summaries[0].missing == 1);
    CHECK(summaries[0].distinct == 2);
    CHECK(summaries[0].min == 1);
    CHECK(summaries[0].max == 4);
    CHECK(summaries[0].mean == 3);
    CHECK(summaries[1].missing == 1);
    CHECK(summaries[1].distinct == 2);
    CHECK(summaries[1].top == Top{{"Oslo", 2}, {"Rome", 1}});
    CHECK(summaries[2].first == "12/1/2023");
    CHECK(summaries[2].last == "2/1/2024");
    CHECK(summaries[2].distinct == 3);
    CHECK(summaries[3].is_text);
    CHECK(summaries[3].top == Top{{"3", 2}, {"2", 1}});
    CHECK(summaries[4].missing == 4);
    CHECK(summaries[4].distinct == 0);
    CHECK_FALSE(summaries[4].constant);
    CHECK(summaries[5].name == "note");
    CHECK(summaries[5].type == "ignored");
  }

  TEST_CASE("summarize: the most frequent three texts come first, equals by their bytes") {
    const std::vector<Column> columns = {texts("x", {"d", "c", "b", "a", "e", "e", "d"})};
    const std::vector<InputColumn> types = {learned(ColumnType::kCategory)};
    CHECK(summarize(columns, types, first(7))[0].top == Top{{"d", 2}, {"e", 2}, {"a", 1}});
  }

  TEST_CASE("summarize: distinct numbers are counted up to a limit, 0 and -0 as one") {
    constexpr std::size_t kMost = FeatureSummary::kMostDistinct;
    std::vector<double> values;
    for (std::size_t i = 0; i < kMost; ++i) values.push_back(static_cast<double>(i) / 8);
    values.push_back(-0.0);
    const std::vector<InputColumn> types = {learned(ColumnType::kNumber)};
    CHECK(summarize(std::vector{numbers("x", values)}, types, first(kMost + 1))[0].distinct ==
          kMost);
    for (int i = 1; i < 4; ++i) values.push_back(-i);
    CHECK(summarize(std::vector{numbers("x", values)}, types, first(kMost + 4))[0].distinct ==
          kMost + 1);
  }

  TEST_CASE("summary_lines: columns stand below each other") {
    std::vector<FeatureSummary> summaries(6);
    summaries[0] = {.name = "age",
                    .type = "number",
                    .missing = 177,
                    .distinct = 88,
                    .min = 0.42,
                    .max = 80,
                    .mean = 29.69911765};
    summaries[1] = {.name = "Größe",
                    .type = "category",
                    .is_text = true,
                    .missing = 0,
                    .distinct = 3,
                    .top = {{"groß", 20}, {"klein", 5}}};
    summaries[2] = {.name = "since",
                    .type = "date",
                    .is_text = true,
                    .missing = 0,
                    .distinct = 366,
                    .first = "2024-01-01",
                    .last = "2024-12-31"};
    summaries[3] = {.name = "one",
                    .type = "constant",
                    .distinct = 1,
                    .min = 123456789,
                    .max = 123456789,
                    .mean = 123456789,
                    .constant = true};
    summaries[4] = {.name = "note", .type = "ignored"};
    summaries[5] = {.name = "many",
                    .type = "number",
                    .distinct = FeatureSummary::kMostDistinct + 1,
                    .min = -1e300,
                    .max = 5,
                    .mean = 0.5};
    CHECK(summary_lines(summaries) ==
          std::vector<std::string>{"column  type      missing  distinct  values",
                                   "age     number        177        88  0.42 to 80, mean 29.6991",
                                   "Größe   category        0         3  \"groß\" 20, \"klein\" 5",
                                   "since   date            0       366  2024-01-01 to 2024-12-31",
                                   "one     constant        0         1  123456789",
                                   "note    ignored",
                                   "many    number          0   >100000  -1e+300 to 5, mean 0.5"});
  }

  TEST_CASE(
      "summary_lines: long or broken texts are cut by characters, and more lines are counted") {
    std::vector<FeatureSummary> summaries(12);
    std::string name;
    for (int i = 0; i < 40; ++i) name += "ü";
    summaries[0] = {.name = name,
                    .type = "category",
                    .is_text = true,
                    .distinct = 1,
                    .top = {{"a\nb\xFF and much more to say", 1}}};
    const std::vector<std::string> lines = summary_lines(summaries, 10);
    REQUIRE(lines.size() == 12);
    CHECK(lines[1].starts_with(name.substr(0, 2 * 29) + "...  category"));
    CHECK(lines[1].ends_with("\"a?b\xEF\xBF\xBD and much mor...\" 1"));
    CHECK(lines[11] == "... and 2 more");
  }
}

}  // namespace mlp
