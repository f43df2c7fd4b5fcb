#include "model/preprocessor.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/gather.h"
#include "test/support/columns.h"
#include "test/support/messages.h"

namespace mlp {
namespace {

using Json = nlohmann::ordered_json;
using test::first;
using test::numbers;
using test::texts;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// A preprocessor and what was said while it was fitted.
struct Fitted {
  Preprocessor preprocessor;
  std::vector<std::string> notes;

  const InputColumn& column(std::size_t i) const { return preprocessor.columns()[i]; }
};

// Fitted on the first `rows` rows, by default on all.
Fitted fitted(const std::vector<Column>& columns, const PreprocessorConfig& config = {},
              std::optional<std::size_t> rows = std::nullopt) {
  Fitted result;
  result.preprocessor =
      Preprocessor::fit(columns, first(rows ? *rows : columns[0].rows()), config, result.notes);
  return result;
}

PreprocessorConfig with_types(std::map<std::string, ColumnType> types) {
  PreprocessorConfig config;
  config.types = std::move(types);
  return config;
}

// The rows as the network sees them.
std::vector<std::vector<float>> encoded(const Preprocessor& preprocessor,
                                        const std::vector<Column>& columns) {
  const Features features = preprocessor.encode(columns);
  const std::size_t rows = features.rows();
  std::vector<float> values(rows * features.width);
  gather(features.view(), first(rows), {values.data(), rows, features.width, features.width});
  std::vector<std::vector<float>> result;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row * features.width);
    result.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(features.width));
  }
  return result;
}

using Names = std::vector<std::string>;
using Rows = std::vector<std::vector<float>>;

// The type that is found for a column beside one of numbers.
ColumnType type_of(const Column& column, const PreprocessorConfig& config = {}) {
  std::vector<double> other(column.rows());
  std::iota(other.begin(), other.end(), 0.0);
  return fitted({column, numbers("other", other)}, config).column(0).type;
}

Names repeated(const Names& values, std::size_t times) {
  Names result;
  for (std::size_t i = 0; i < times; ++i) result.insert(result.end(), values.begin(), values.end());
  return result;
}

// A table with a column of each used kind: ten rows.
std::vector<Column> mixed() {
  return {numbers("age", {1, 2, kNaN, 4, 5, 6, 7, 8, 9, 11}),
          texts("city", {"Rome", "Oslo", "", "Rome", "Oslo", "Bonn", "Rome", "Oslo", "", "Rome"}),
          texts("member", {"yes", "no", "no", "", "no", "Yes", "no", "no", "no", "no"}),
          texts("since", {"2024-03-04", "2024-03-05", "", "2025-03-04", "2024-03-06", "2026-04-04",
                          "2024-03-04", "2024-03-04", "2024-03-04", "2024-03-04"}),
          texts("name", {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}),
          numbers("one", std::vector<double>(10, 1)),
          texts("code", {"k0", "k1", "k2", "k3", "k4", "k0", "k1", "k2", "k3", "k4"})};
}

// Those of mixed() that are used.
std::vector<Column> used_of_mixed() {
  std::vector<Column> columns = mixed();
  columns.erase(columns.begin() + 4, columns.begin() + 6);
  return columns;
}

PreprocessorConfig mixed_config() {
  PreprocessorConfig config;
  config.max_one_hot = 4;
  config.ignored = {"note"};
  return config;
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("Preprocessor: columns of text get their types from what stands in all rows") {
    struct Case {
      const char* name;
      std::vector<std::string> values;
      ColumnType type;
    };
    const std::vector<Case> cases = {
        {"true and false", {"true", "False", "TRUE"}, ColumnType::kBoolean},
        {"yes and no", {"yes", "no", "no"}, ColumnType::kBoolean},
        {"T and F", {"T", "F", "F"}, ColumnType::kBoolean},
        {"y and n", {"y", "N", ""}, ColumnType::kBoolean},
        {"words of two pairs", {"yes", "false", "yes", "false"}, ColumnType::kCategory},
        {"one word and another", {"yes", "maybe", "yes", "maybe"}, ColumnType::kCategory},
        {"yes alone", {"yes", "yes", ""}, ColumnType::kCategory},
        {"dates", {"2024-03-01", "2024-03-02T12:00", "2024-03-01"}, ColumnType::kDate},
        {"dates, each once", {"01.03.2024", "02.03.2024", "03.03.2024"}, ColumnType::kDate},
        {"times", {"12:30", "9:15", "12:30"}, ColumnType::kDate},
        {"dates of two formats", {"2024-03-01", "2024/03/01"}, ColumnType::kId},
        {"each text once", {"a", "b", "c"}, ColumnType::kId},
        {"each text once, with gaps", {"a", "", "", "b", "c"}, ColumnType::kId},
        {"the same twice", {"a", "b", "a", "b"}, ColumnType::kCategory},
        {"an integer in two spellings", {"3", "3.0", "4", "4"}, ColumnType::kCategory},
        {"one value", {"a", "a", "a"}, ColumnType::kConstant},
        {"one value in two spellings", {"3", "3.0", "3.0"}, ColumnType::kConstant},
        {"one day in two spellings", {"1/2/2024", "01/02/2024"}, ColumnType::kConstant},
        {"one value and gaps", {"a", "a", ""}, ColumnType::kCategory},
        {"nothing", {"", "", ""}, ColumnType::kConstant}};
    for (const Case& c : cases) {
      CAPTURE(c.name);
      CHECK(type_name(type_of(texts("x", c.values))) == type_name(c.type));
    }
  }

  TEST_CASE("Preprocessor: the month comes first unless some first part is beyond 12") {
    const auto format = [](const std::vector<std::string>& values) {
      return fitted({texts("x", values)}).column(0).format;
    };
    CHECK(format({"3/1/2024", "12/31/2024"}) == DateFormat::kMonthDayYearSlashes);
    CHECK(format({"3/1/2024", "12/11/2024"}) == DateFormat::kMonthDayYearSlashes);
    CHECK(format({"3/1/2024", "13/11/2024"}) == DateFormat::kDayMonthYearSlashes);
  }

  TEST_CASE("Preprocessor: columns of numbers are numbers, or constant in the training rows") {
    CHECK(type_of(numbers("x", {0, 1, 1})) == ColumnType::kNumber);
    CHECK(type_of(numbers("x", {2, 2, 2})) == ColumnType::kConstant);
    CHECK(type_of(numbers("x", {2, 2, kNaN})) == ColumnType::kNumber);
    CHECK(type_of(numbers("x", {kNaN, kNaN, kNaN})) == ColumnType::kConstant);
    const std::vector<Column> columns = {numbers("x", {2, 2, 3}), numbers("y", {1, 2, 3})};
    CHECK(fitted(columns, {}, 2).column(0).type == ColumnType::kConstant);
  }

  TEST_CASE("Preprocessor: types come from all rows, but what is fitted from training rows alone") {
    const std::vector<Column> columns = {texts("x", {"a", "b", "b", "a"}),
                                         texts("y", {"yes", "no", "no", "maybe"}),
                                         numbers("z", {1, 3, 5, 100})};
    const Fitted fit = fitted(columns, {}, 3);
    CHECK(fit.column(0).type == ColumnType::kCategory);
    CHECK(fit.column(0).categories == Names{"b"});
    CHECK(fit.column(0).has_other);
    CHECK(fit.column(1).type == ColumnType::kCategory);
    CHECK(fit.column(2).fill == 3);
  }

  TEST_CASE("Preprocessor: what is left out is told, kind by kind") {
    PreprocessorConfig config;
    config.min_category_rows = 3;
    const Fitted fit =
        fitted({texts("id", {"a", "b", "c", "d"}), numbers("one", {1, 1, 1, 1}),
                numbers("none", {kNaN, kNaN, kNaN, kNaN}), texts("rare", {"a", "a", "b", "b"}),
                numbers("x", {1, 2, 3, 4}), numbers("two", {2, 2, 2, 2})},
               config);
    REQUIRE(fit.notes.size() == 4);
    CHECK(fit.notes[0] ==
          "Left out: columns \"one\", \"two\" have the same value in all training rows.");
    CHECK(fit.notes[1] ==
          "Left out: column \"none\" has nothing but missing values in the training rows.");
    CHECK(fit.notes[2] == "Left out: column \"id\" has no text in two rows, as if it were an id.");
    CHECK(fit.notes[3] ==
          "Left out: column \"rare\" has no text in 3 training rows or more (min_category_rows).");
    CHECK(fit.column(3).type == ColumnType::kId);
    CHECK(fit.preprocessor.encoded_names() == Names{"x"});
  }

  TEST_CASE("Preprocessor: of many columns that are left out ten are named") {
    std::vector<Column> columns = {numbers("x", {1, 2})};
    for (int i = 0; i < 30; ++i) columns.push_back(numbers("c" + std::to_string(i), {1, 1}));
    const Fitted fit = fitted(columns);
    REQUIRE(fit.notes.size() == 1);
    test::check_contains(fit.notes[0], {"\"c0\"", "\"c9\"", "and 20 more"});
    CHECK(fit.notes[0].find("\"c10\"") == std::string::npos);
  }

  TEST_CASE("Preprocessor: a text column that is nearly all numbers is told of") {
    Names values(18, "7");
    values.insert(values.end(), {"8", "unknown"});
    const Fitted fit = fitted({texts("age", values)});
    REQUIRE(fit.notes.size() == 1);
    test::check_contains(
        fit.notes[0], {"\"age\" is read as text", "1 of its 20 values is no number",
                       "\"unknown\" in row 20", "missing_values", "column_types=\"age=number\""});
    values.insert(values.end(), {"n", "n"});
    CHECK(fitted({texts("age", values)}).notes.empty());  // 19 of 22 are less than 90 percent
    CHECK(fitted({texts("age", Names{"7", "8", "7", "8"})},
                 with_types({{"age", ColumnType::kCategory}}))
              .notes.empty());
  }

  TEST_CASE("Preprocessor: types that are asked for win") {
    CHECK(type_of(texts("x", {"yes", "no", "no", "yes"}),
                  with_types({{"x", ColumnType::kCategory}})) == ColumnType::kCategory);
    CHECK(type_of(texts("x", {"2024-03-01", "2024-03-02", "2024-03-01", "2024-03-02"}),
                  with_types({{"x", ColumnType::kCategory}})) == ColumnType::kCategory);
    CHECK(type_of(texts("x", {"yes", "yes", ""}), with_types({{"x", ColumnType::kBoolean}})) ==
          ColumnType::kBoolean);
    CHECK(type_of(texts("x", {"1", "0", "0"}), with_types({{"x", ColumnType::kBoolean}})) ==
          ColumnType::kBoolean);
    CHECK(type_of(texts("x", {"12:30", "9:15"}), with_types({{"x", ColumnType::kDate}})) ==
          ColumnType::kDate);
    PreprocessorConfig keep_all = with_types({{"x", ColumnType::kCategory}});
    keep_all.min_category_rows = 1;
    CHECK(type_of(texts("x", {"a", "b", "c"}), keep_all) == ColumnType::kCategory);
  }

  TEST_CASE("Preprocessor: numbers are asked to be categories or booleans as their texts") {
    const std::vector<Column> columns = {numbers("x", {3, 1, 1, 3, 2.5, 2.5, kNaN}),
                                         numbers("b", {0, 1, 0, 0, 1, 1, 0})};
    const Fitted fit =
        fitted(columns, with_types({{"x", ColumnType::kCategory}, {"b", ColumnType::kBoolean}}));
    CHECK(fit.preprocessor.encoded_names() == Names{"x=1", "x=2.5", "x=3", "x=missing", "b=1"});
    const Rows rows = encoded(fit.preprocessor, columns);
    CHECK(rows[0] == std::vector<float>{0, 0, 1, 0, 0});
    CHECK(rows[4] == std::vector<float>{0, 1, 0, 0, 1});
    CHECK(rows[6] == std::vector<float>{0, 0, 0, 1, 0});
  }

  TEST_CASE("Preprocessor: a type that does not fit is an error with the row and its text") {
    const auto complaint = [](const std::vector<std::string>& values, ColumnType type) {
      return test::user_error_of([&] { fitted({texts("x", values)}, with_types({{"x", type}})); });
    };
    test::check_contains(complaint({"yes", "", "maybe", "no"}, ColumnType::kBoolean),
                         {"\"x\"", "row 3 has \"maybe\"", "yes or no", "missing_values"});
    test::check_contains(complaint({"2024-03-01", "", "soon", "2024-03-02"}, ColumnType::kDate),
                         {"\"x\"", "row 3 has \"soon\"", "2 rows have YYYY-MM-DD", "MM/DD/YYYY"});
    test::check_contains(complaint({"soon", "later", "soon"}, ColumnType::kDate),
                         {"row 1 has \"soon\". Expected"});
    test::check_contains(
        test::user_error_of([] {
          fitted({numbers("x", {1999, 2000})}, with_types({{"x", ColumnType::kDate}}));
        }),
        {"row 1 has \"1999\""});
  }

  TEST_CASE("Preprocessor: a type for a column that is not there is an error with the closest") {
    const std::vector<Column> columns = {numbers("age", {1, 2}), numbers("height", {1, 2})};
    test::check_contains(
        test::user_error_of([&] {
          fitted(columns, with_types({{"agee", ColumnType::kNumber}}));
        }),
        {"column_types", "\"agee\" is a number", "did you mean \"age\"?", "\"height\""});
    test::check_contains(
        test::user_error_of([&] {
          fitted(columns, with_types({{"xyz", ColumnType::kDate}}));
        }),
        {"\"xyz\" is a date, but there is no such column. The columns are \"age\", \"height\""});
    PreprocessorConfig config = with_types({{"note", ColumnType::kNumber}});
    config.ignored = {"note"};
    CHECK(fitted(columns, config).preprocessor.width() == 2);
  }

  TEST_CASE("Preprocessor: no column left is an error that says where they went") {
    PreprocessorConfig config;
    config.ignored = {"note"};
    test::check_contains(
        test::user_error_of([&] {
          fitted({numbers("x", {1, 1}), texts("id", {"a", "b"}), texts("id2", {"a", "b"})}, config);
        }),
        {"No column is left to learn from: of 4", "1 are the same", "2 have a text of its own",
         "1 are ignored"});
    test::check_contains(test::user_error_of([] {
                           std::vector<std::string> notes;
                           const std::vector<float> ones = {1, 1};
                           Preprocessor::fit_plain({"x"},
                                                   {FeatureType::kFloat32, ones.data(), 2, 1},
                                                   first(2), {}, notes);
                         }),
                         {"No column is left to learn from"});
  }

  TEST_CASE("Preprocessor: the encoded row has numbers, then ones, then indices") {
    const Fitted fit = fitted(mixed(), mixed_config());
    CHECK(fit.preprocessor.encoded_names() ==
          Names{"age", "since=year", "since=month_sin", "since=month_cos", "since=day_sin",
                "since=day_cos", "since=weekday_sin", "since=weekday_cos", "age=missing",
                "city=Oslo", "city=Rome", "city=missing", "city=other", "member=missing",
                "member=Yes", "since=missing", "code"});
    CHECK(fit.preprocessor.width() == 17);
    CHECK(fit.preprocessor.embeddings() == std::vector<EmbeddingConfig>{{6, 4}});
    const Features features = fit.preprocessor.encode(used_of_mixed());
    CHECK(features.type == FeatureType::kCoded);
    CHECK(features.width == 17);
    CHECK(features.layout.numbers == 8);
    CHECK(features.layout.ones == 5);
    CHECK(features.layout.indices == 1);
    CHECK(features.rows() == 10);
    const std::vector<InputColumn>& columns = fit.preprocessor.columns();
    REQUIRE(columns.size() == 8);
    CHECK(columns[4].type == ColumnType::kId);
    CHECK(columns[5].type == ColumnType::kConstant);
    CHECK(columns[6].embedded());
    CHECK(columns[7].name == "note");
    CHECK(columns[7].type == ColumnType::kIgnored);
  }

  TEST_CASE("Preprocessor: each kind of column is encoded as worked by hand") {
    PreprocessorConfig config = mixed_config();
    config.scaling = Scaling::kNone;
    const Fitted fit = fitted(mixed(), config);
    const Rows rows = encoded(fit.preprocessor, used_of_mixed());
    constexpr double kPi = 3.14159265358979323846;
    // age, year, month, day, weekday, age=missing, city (Oslo, Rome, missing, other), member
    // (missing, Yes), since=missing, code
    const auto check_row = [&](std::size_t row, const std::vector<double>& expected) {
      CAPTURE(row);
      REQUIRE(rows[row].size() == expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CAPTURE(i);
        CHECK(rows[row][i] == doctest::Approx(expected[i]).epsilon(1e-6));
      }
    };
    const double march = 2 * kPi * 2 / 12;
    const double fourth = 2 * kPi * 3 / 31;
    check_row(0, {1, 2024, std::sin(march), std::cos(march), std::sin(fourth), std::cos(fourth), 0,
                  1, 0, 0, 1, 0, 0, 0, 1, 0, 0});
    check_row(2, {6, 2024, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 2});
    const double april = 2 * kPi * 3 / 12;
    const double saturday = 2 * kPi * 5 / 7;
    check_row(5, {6, 2026, std::sin(april), std::cos(april), std::sin(fourth), std::cos(fourth),
                  std::sin(saturday), std::cos(saturday), 0, 0, 0, 0, 1, 0, 1, 0, 0});
    const double tuesday = 2 * kPi * 1 / 7;
    check_row(3, {4, 2025, std::sin(march), std::cos(march), std::sin(fourth), std::cos(fourth),
                  std::sin(tuesday), std::cos(tuesday), 0, 0, 1, 0, 0, 1, 0, 0, 3});
  }

  TEST_CASE("Preprocessor: hours are encoded with their fraction, and a part alone may vary") {
    PreprocessorConfig config;
    const std::vector<Column> columns = {texts("at", {"2024-03-01 06:00", "2024-03-01 04:30"})};
    const Fitted fit = fitted(columns, config);
    CHECK(fit.preprocessor.encoded_names() == Names{"at=hour_sin", "at=hour_cos"});
    const Rows rows = encoded(fit.preprocessor, columns);
    CHECK(rows[0][0] == doctest::Approx(1));
    CHECK(rows[1][0] == doctest::Approx(std::sin(2 * 3.14159265358979323846 * 4.5 / 24)));
  }

  TEST_CASE("Preprocessor: missing numbers become the training rows' median before scaling") {
    // Filled: 1, 2, 3, 4, 10, of mean 4 and variance 10.
    const std::vector<Column> columns = {numbers("x", {1, 2, kNaN, 4, 10, 1000})};
    const Fitted fit = fitted(columns, {}, 5);
    CHECK(fit.column(0).fill == 3);
    const Rows rows = encoded(fit.preprocessor, columns);
    CHECK(rows[2][0] == doctest::Approx((3 - 4.0) / std::sqrt(10.0)));
    CHECK(rows[2][1] == 1);
    CHECK(rows[5][0] == doctest::Approx((1000 - 4.0) / std::sqrt(10.0)));
    CHECK(rows[5][1] == 0);
  }

  TEST_CASE("Preprocessor: what no training row misses has no indicator, and is filled") {
    const std::vector<Column> columns = {
        numbers("x", {1, 3, 5, 2, kNaN}), texts("b", {"no", "yes", "yes", "yes", ""}),
        texts("c", {"u", "v", "u", "v", ""}),
        texts("d", {"2001-01-01", "2002-01-01", "2003-01-01", "2004-01-01", ""})};
    PreprocessorConfig config;
    config.scaling = Scaling::kNone;
    const Fitted fit = fitted(columns, config, 4);
    CHECK(fit.preprocessor.encoded_names() ==
          Names{"x", "d=year", "d=weekday_sin", "d=weekday_cos", "b=yes", "c=u", "c=v"});
    const Rows rows = encoded(fit.preprocessor, columns);
    CHECK(rows[4] == std::vector<float>{2.5, 2002.5, 0, 0, 1, 0, 0});
  }

  TEST_CASE("Preprocessor: a boolean's missing values are false where both are equally frequent") {
    const std::vector<Column> columns = {texts("b", {"yes", "no", ""}), numbers("x", {1, 2, 3})};
    CHECK_FALSE(fitted(columns).column(0).fill_true);
    CHECK(encoded(fitted(columns).preprocessor, columns)[2][2] == 0);
  }

  TEST_CASE("Preprocessor: rare and unseen categories share a column where one was rare") {
    const std::vector<Column> training = {texts("c", {"b", "a", "a", "b", "z", "y"})};
    const Fitted rare = fitted(training);
    CHECK(rare.preprocessor.encoded_names() == Names{"c=a", "c=b", "c=other"});
    const std::vector<Column> asked = {texts("c", {"a", "z", "new", ""})};
    CHECK(encoded(rare.preprocessor, asked) == Rows{{1, 0, 0}, {0, 0, 1}, {0, 0, 1}, {0, 0, 1}});
    const Fitted common = fitted({texts("c", {"b", "a", "a", "b"})});
    CHECK(common.preprocessor.encoded_names() == Names{"c=a", "c=b"});
    CHECK(encoded(common.preprocessor, asked) == Rows{{1, 0}, {0, 0}, {0, 0}, {0, 0}});
  }

  TEST_CASE("Preprocessor: integers that pandas wrote with .0 are the same category") {
    const std::vector<Column> training = {texts("c", {"3", "3.0", "-4.0", "-4", "1.50", "1.5"})};
    PreprocessorConfig config = with_types({{"c", ColumnType::kCategory}});
    config.min_category_rows = 1;
    const Fitted fit = fitted(training, config);
    CHECK(fit.preprocessor.encoded_names() == Names{"c=-4", "c=1.5", "c=1.50", "c=3"});
    CHECK(encoded(fit.preprocessor, {texts("c", {"3.0", "4.0", "a.0", ".0"})}) ==
          Rows{{0, 0, 0, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}});
  }

  TEST_CASE("Preprocessor: beyond the limit, missing and other included, classes are embedded") {
    PreprocessorConfig config;
    config.max_one_hot = 3;
    const auto embeddings = [&](const std::vector<std::string>& values) {
      return fitted({texts("c", values)}, config).preprocessor.embeddings();
    };
    CHECK(embeddings({"a", "a", "b", "b", "c", "c"}).empty());
    CHECK(embeddings({"a", "a", "b", "b", "x"}).empty());
    CHECK(embeddings({"a", "a", "b", "b", ""}).empty());
    // Each has a class for others, be it empty. 1.6 * 4^0.56 is 3.48, 1.6 * 5^0.56 is 3.94.
    CHECK(embeddings({"a", "a", "b", "b", "c", "c", "d", "d"}) ==
          std::vector<EmbeddingConfig>{{5, 4}});
    CHECK(embeddings({"a", "a", "b", "b", "x", ""}) == std::vector<EmbeddingConfig>{{4, 3}});
    CHECK(embeddings({"a", "a", "b", "b", "c", "c", ""}) == std::vector<EmbeddingConfig>{{5, 4}});
    const Fitted fit = fitted({texts("c", {"a", "a", "b", "b", "c", "c", ""})}, config);
    CHECK(encoded(fit.preprocessor, {texts("c", {"a", "c", "", "new"})}) ==
          Rows{{0}, {2}, {3}, {4}});
  }

  TEST_CASE("Preprocessor: an embedding is no wider than 50") {
    Names values;
    for (int i = 0; i < 1000; ++i) values.push_back("t" + std::to_string(i));
    const Fitted fit = fitted({texts("c", repeated(values, 2))});
    CHECK(fit.preprocessor.embeddings() == std::vector<EmbeddingConfig>{{1001, 50}});
  }

  TEST_CASE("Preprocessor: numbers alone that miss nothing are plain, and encoded as they stand") {
    std::vector<std::string> notes;
    const std::vector<Column> columns = {numbers("a", {1, 2, 7, 4}), numbers("b", {5, 5, 6, 8})};
    for (const Scaling scaling : {Scaling::kNone, Scaling::kStandard, Scaling::kRobust}) {
      PreprocessorConfig config;
      config.scaling = scaling;
      const Fitted fit = fitted(columns, config);
      CHECK(fit.preprocessor.is_plain());
      CHECK(encoded(fit.preprocessor, {numbers("a", {9, kNaN}), numbers("b", {kNaN, 1})}) ==
            Rows{{9, 5.5}, {3, 1}});
    }
    PreprocessorConfig quantile;
    quantile.scaling = Scaling::kQuantile;
    CHECK_FALSE(fitted(columns, quantile).preprocessor.is_plain());
    CHECK_FALSE(fitted({numbers("a", {1, 2, kNaN})}).preprocessor.is_plain());
    CHECK_FALSE(fitted({numbers("a", {1, 2}), texts("b", {"yes", "no"})}).preprocessor.is_plain());
    CHECK(fitted({numbers("a", {1, 2, kNaN})}, {}, 2).preprocessor.is_plain());
  }

  TEST_CASE("Preprocessor: rows of float32 are fitted as columns of numbers are") {
    constexpr std::size_t kWidth = 35;  // not a multiple of the columns that are taken together
    constexpr std::size_t kRows = 8;
    std::vector<float> floats(kRows * kWidth);
    std::vector<Column> columns(kWidth);
    Names names;
    for (std::size_t j = 0; j < kWidth; ++j) {
      names.push_back("c" + std::to_string(j));
      columns[j].name = names.back();
      for (std::size_t i = 0; i < kRows; ++i) {
        const auto value = static_cast<float>(j % 7 == 3 && i > 0 ? 2 : (i * 37 + j * 11) % 13);
        floats[i * kWidth + j] = j % 7 == 3 ? 2 : value;
        columns[j].numbers.push_back(static_cast<double>(floats[i * kWidth + j]));
      }
    }
    PreprocessorConfig config;
    config.named = false;
    config.set_aside = {36};
    config.ignored = {"37"};
    const FeatureView view = {FeatureType::kFloat32, floats.data(), kRows, kWidth};
    for (const std::vector<std::uint32_t>& rows :
         {std::vector<std::uint32_t>{0, 2, 3, 5, 7}, std::vector<std::uint32_t>{1, 2, 3, 6}}) {
      std::vector<std::string> notes;
      std::vector<std::string> other_notes;
      const Preprocessor plain = Preprocessor::fit_plain(names, view, rows, config, notes);
      const Preprocessor other = Preprocessor::fit(columns, rows, config, other_notes);
      CHECK(plain.to_json() == other.to_json());
      CHECK(notes == other_notes);
      CHECK(notes.size() == 1);
      CHECK(plain.is_plain());
      CHECK_FALSE(plain.named());
      CHECK(plain.set_aside() == std::vector<std::size_t>{36});
      CHECK(plain.width() == 30);

      const Features used = plain.take_used({FeatureType::kFloat32, kWidth, floats, {}});
      CHECK(used.width == 30);
      CHECK(used.rows() == kRows);
      std::vector<Column> used_columns;
      for (std::size_t j = 0; j < kWidth; ++j)
        if (j % 7 != 3) used_columns.push_back(columns[j]);
      CHECK(used.floats == plain.encode(used_columns).floats);
    }
  }

  TEST_CASE("Preprocessor: rows of float32 stay as they are where every column is used") {
    const std::vector<float> floats = {1, 2, 3, 5};
    std::vector<std::string> notes;
    const Preprocessor plain = Preprocessor::fit_plain(
        {"a", "b"}, {FeatureType::kFloat32, floats.data(), 2, 2}, first(2), {}, notes);
    CHECK(notes.empty());
    CHECK(plain.take_used({FeatureType::kFloat32, 2, floats, {}}).floats == floats);
  }

  TEST_CASE("Preprocessor: of a model that knows only a width, a missing value is an error") {
    const Preprocessor plain = Preprocessor::plain({}, 2);
    CHECK(plain.is_plain());
    CHECK_FALSE(plain.named());
    CHECK(plain.encoded_names() == Names{"1", "2"});
    CHECK(Preprocessor::plain({"a"}, 1).named());
    test::check_contains(
        test::user_error_of([&] {
          plain.encode(std::vector<Column>{numbers("1", {1}), numbers("2", {kNaN})});
        }),
        {"Row 1, column \"2\": a value is missing", "Fill it in"});
  }

  TEST_CASE("Preprocessor: without columns it is empty") {
    CHECK(Preprocessor().empty());
    CHECK_FALSE(Preprocessor().is_plain());
    CHECK(Preprocessor::from_json(Preprocessor().to_json()).empty());
  }

  TEST_CASE("Preprocessor: a text that a column can't hold is an error that names both") {
    const Preprocessor preprocessor = fitted(used_of_mixed(), mixed_config()).preprocessor;
    std::vector<Column> columns = used_of_mixed();
    columns[2] = texts("member", Names(10, "perhaps"));
    test::check_contains(test::user_error_of([&] { preprocessor.encode(columns); }),
                         {"\"member\": found \"perhaps\"", "true or false, yes or no"});
    columns = used_of_mixed();
    columns[3] = texts("since", Names(10, "03/04/2024"));
    test::check_contains(test::user_error_of([&] { preprocessor.encode(columns); }),
                         {"\"since\": found \"03/04/2024\"", "a date like YYYY-MM-DD"});
    // A text that no row has does no harm.
    columns = used_of_mixed();
    columns[3].texts.add("soon");
    CHECK(preprocessor.encode(columns).rows() == 10);
  }

  TEST_CASE("Preprocessor: a number that float32 can't hold is an error that names it") {
    const Preprocessor plain = fitted({numbers("x", {1, 2})}).preprocessor;
    test::check_contains(test::user_error_of([&] {
                           plain.encode(std::vector<Column>{numbers("x", {1, 1e39})});
                         }),
                         {"Row 2, column \"x\": 1e+39", "float32 can't hold. "});
    const Preprocessor scaled = fitted({numbers("x", {1, 2, kNaN})}).preprocessor;
    test::check_contains(
        test::user_error_of([&] {
          scaled.encode(std::vector<Column>{numbers("x", {1e39})}, {"a.csv", 4096});
        }),
        {"a.csv, row 4097, column \"x\": 1e+39", "not even after scaling"});
  }

  TEST_CASE("Preprocessor: large numbers that scaling makes small are computed in double") {
    const std::vector<Column> columns = {numbers("x", {1e9, 1e9 + 1, 1e9 + 2, kNaN})};
    const Rows rows = encoded(fitted(columns).preprocessor, columns);
    CHECK(rows[0][0] == doctest::Approx(-std::sqrt(2)));
    CHECK(rows[2][0] == doctest::Approx(std::sqrt(2)));
  }

  TEST_CASE("InputColumn: it holds what encode() takes") {
    const Preprocessor preprocessor = fitted(mixed(), mixed_config()).preprocessor;
    const std::vector<InputColumn>& columns = preprocessor.columns();
    CHECK(columns[1].holds("Timbuktu"));
    CHECK(columns[2].holds("NO"));
    CHECK(columns[2].holds("true"));
    CHECK_FALSE(columns[2].holds("nope"));
    CHECK(columns[3].holds("2024-12-31 10:00"));
    CHECK_FALSE(columns[3].holds("31.12.2024"));
    CHECK(columns[3].expected() == "a date like YYYY-MM-DD");
  }

  TEST_CASE("type_name: find_type() finds the type of each name") {
    for (const ColumnType type :
         {ColumnType::kNumber, ColumnType::kCategory, ColumnType::kBoolean, ColumnType::kDate,
          ColumnType::kId, ColumnType::kConstant, ColumnType::kIgnored}) {
      CHECK(find_type(type_name(type)) == type);
      CHECK(is_used(type) == (type_name(type) != "id" && type_name(type) != "constant" &&
                              type_name(type) != "ignored"));
    }
    CHECK_FALSE(find_type("text"));
  }

  TEST_CASE("Preprocessor: JSON keeps every bit of what it encodes") {
    for (const Scaling scaling :
         {Scaling::kNone, Scaling::kStandard, Scaling::kRobust, Scaling::kQuantile}) {
      PreprocessorConfig config = mixed_config();
      config.scaling = scaling;
      config.set_aside = {3, 1};
      const Preprocessor preprocessor = fitted(mixed(), config).preprocessor;
      const Preprocessor read = Preprocessor::from_json(Json::parse(preprocessor.to_json().dump()));
      CHECK(read.to_json() == preprocessor.to_json());
      CHECK(read.encode(used_of_mixed()).words == preprocessor.encode(used_of_mixed()).words);
      CHECK(read.encoded_names() == preprocessor.encoded_names());
      CHECK(read.embeddings() == preprocessor.embeddings());
      CHECK(read.set_aside() == preprocessor.set_aside());
      CHECK(read.named());
      CHECK(read.width() == preprocessor.width());
    }
    const Preprocessor plain = Preprocessor::plain({"a", "b"}, 2);
    const Preprocessor read = Preprocessor::from_json(Json::parse(plain.to_json().dump()));
    CHECK(read.is_plain());
    CHECK(std::isnan(read.columns()[1].fill));
  }

  TEST_CASE("Preprocessor: JSON with anything out of place is refused") {
    const Json good = fitted(mixed(), mixed_config()).preprocessor.to_json();
    const auto refused = [](const Json& json) {
      try {
        Preprocessor::from_json(json);
      } catch (const Json::exception&) {
        return true;
      } catch (const std::range_error&) {
        return true;
      }
      return false;
    };
    CHECK_FALSE(refused(good));
    // Columns: 0 age, 1 city, 2 member, 3 since, 4 name, 5 one, 6 code, 7 note.
    const std::vector<std::pair<const char*, Json>> changes = {
        {"/named", 1},
        {"/set_aside", {0}},
        {"/set_aside", {-1}},
        {"/set_aside", {1.5}},
        {"/scaling", "minmax"},
        {"/scaling", "none"},  // not that of the columns
        {"/columns", 3},
        {"/columns", {{"a", 1}}},
        {"/columns/0/name", ""},
        {"/columns/0/name", "city"},
        {"/columns/0/name", 5},
        {"/columns/0/type", "text"},
        {"/columns/0/type", "category"},
        {"/columns/0/has_missing", 1},
        {"/columns/0/fill", Json()},
        {"/columns/0/fill", "1"},
        {"/columns/0/scaler", Json()},
        {"/columns/0/scaler", {{"scaling", "none"}}},
        {"/columns/0/scaler/scale", 0},
        {"/columns/1/categories", Json::array()},
        {"/columns/1/categories", {"Rome", "Oslo"}},
        {"/columns/1/categories", {"Oslo", "Oslo"}},
        {"/columns/1/categories", {"3.0", "Oslo"}},
        {"/columns/1/categories", {1, 2}},
        {"/columns/1/has_other", "yes"},
        {"/columns/1/embedding_width", -1},
        {"/columns/1/embedding_width", 1.5},
        {"/columns/1/embedding_width", 100'000},
        {"/columns/2/true_word", "no"},
        {"/columns/2/true_word", ""},
        {"/columns/2/fill", 0.5},
        {"/columns/3/format", "YY"},
        {"/columns/3/parts", {"century"}},
        {"/columns/3/parts", 7},
        {"/columns/3/parts", {"day"}},  // a scaler, but no year
        {"/columns/3/fill", Json()},
        {"/columns/3/scaler", {{"scaling", "none"}}},
        {"/columns/6/has_other", false}};
    for (const auto& [place, value] : changes) {
      Json json = good;
      json[Json::json_pointer(place)] = value;
      CAPTURE(place);
      CAPTURE(value.dump());
      CHECK(refused(json));
    }
    for (const char* key : {"named", "set_aside", "scaling", "columns"}) {
      Json json = good;
      json.erase(key);
      CHECK(refused(json));
    }
    for (std::size_t column = 0; column < good.at("columns").size(); ++column) {
      for (const auto& [key, value] : good.at("columns")[column].items()) {
        Json json = good;
        json.at("columns")[column].erase(key);
        CAPTURE(column);
        CAPTURE(key);
        CHECK(refused(json));
      }
    }
    Json unused = good;
    unused["columns"] = {{{"name", "x"}, {"type", "constant"}}};
    CHECK(refused(unused));
    Json one_class = good;
    one_class["columns"][1]["categories"] = {"Oslo"};
    one_class["columns"][1]["has_other"] = false;
    one_class["columns"][1]["has_missing"] = false;
    CHECK(refused(one_class));
    Json no_part = good;
    no_part["columns"][3]["parts"] = Json::array();
    no_part["columns"][3]["has_missing"] = false;
    CHECK(refused(no_part));
    for (const char* text : {"null", "[]", "3", "\"x\"", "{}"}) CHECK(refused(Json::parse(text)));
  }

  TEST_CASE("Preprocessor: texts that are no UTF-8 are categories like others") {
    const std::vector<Column> columns = {texts("c", {"Caf\xE9", "Caf\xE9", "Bar", "Bar"})};
    const Fitted fit = fitted(columns);
    CHECK(fit.preprocessor.encoded_names() == Names{"c=Bar", "c=Caf\xE9"});
    const Preprocessor read = Preprocessor::from_json(fit.preprocessor.to_json());
    CHECK(encoded(read, columns)[0] == std::vector<float>{0, 1});
  }
}

}  // namespace mlp
