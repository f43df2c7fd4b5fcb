#include "runtime/data/json_reader.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "model/error.h"
#include "runtime/data/csv_reader.h"
#include "test/runtime/data/made_files.h"
#include "test/support/columns.h"
#include "test/support/messages.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

using test::check_contains;
using test::first;
using test::numbers;
using test::texts;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Preprocessor fitted(const std::vector<Column>& columns, PreprocessorConfig config = {}) {
  std::vector<std::string> notes;
  config.min_category_rows = 1;
  return Preprocessor::fit(columns, first(columns[0].rows()), config, notes);
}

// A number, a category, a boolean, a date, a category of numbers and words for truth, and a
// column that is the same in all rows, hence left out.
const Preprocessor& mixed() {
  static const Preprocessor preprocessor = [] {
    PreprocessorConfig config;
    config.types = {{"code", ColumnType::kCategory}};
    return fitted(
        {numbers("age", {20, 30, kNaN, 50}), texts("city", {"Oslo", "Rome", "Rome", "Oslo"}),
         texts("member", {"yes", "no", "no", "yes"}),
         texts("born", {"2001-02-03", "1999-12-31", "2001-02-04", "2000-01-01"}),
         texts("code", {"3.0", "4", "True", "4"}), texts("unit", {"kg", "kg", "kg", "kg"})},
        config);
  }();
  return preprocessor;
}

const Preprocessor& plain() {
  static const Preprocessor preprocessor = Preprocessor::plain({"a", "b", "c"}, 3);
  return preprocessor;
}

PredictInputOptions options_of(const Preprocessor& preprocessor) {
  PredictInputOptions options;
  options.preprocessor = &preprocessor;
  options.row_shape = {preprocessor.width()};
  options.target_names = {"target"};
  options.weight_name = "weight";
  return options;
}

Table read_all(RecordReader& reader, std::size_t limit = 100) {
  Table table;
  while (reader.read(table, limit) == limit) {
  }
  return table;
}

Table read(const std::string& text, const Preprocessor& preprocessor, std::size_t limit = 100) {
  JsonReader reader(memory_source("a.json", text), options_of(preprocessor));
  return read_all(reader, limit);
}

std::string problem_of(const std::string& text, const Preprocessor& preprocessor) {
  return test::user_error_of([&] { read(text, preprocessor); });
}

// The text of a row of a column; "(none)" where it is missing.
std::string text_of(const Column& column, std::size_t row) {
  const std::uint32_t code = column.codes.at(row);
  return code == Column::kMissing ? "(none)" : std::string(column.texts[code]);
}

// A record of mixed(), with some key's value in other words.
std::string record_with(const std::string& key, const std::string& value) {
  const std::vector<std::pair<std::string, std::string>> usual = {{"age", "20"},
                                                                  {"city", "\"Oslo\""},
                                                                  {"member", "\"yes\""},
                                                                  {"born", "\"2001-02-03\""},
                                                                  {"code", "4"}};
  std::string record = "{";
  for (const auto& [name, text] : usual) {
    record += (record.size() > 1 ? ", \"" : "\"") + name + "\": " + (name == key ? value : text);
  }
  return record + "}";
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("JsonReader: an array, JSON Lines and one object are rows, keys in any order") {
    const std::vector<float> expected = {1, 2, 3, 4.5F, -5e3F, 6};
    const std::string first = R"({"a": 1, "b": 2, "c": 3})";
    const std::string second = R"({"c":6,"a":4.5,"b":-5e3})";
    for (const std::string& text :
         {"[" + first + "," + second + "]", " [\n" + first + " ,\r\n" + second + "\n]\n",
          first + "\n" + second, first + "\r\n\r\n" + second + "\r\n",
          "\xEF\xBB\xBF" + first + "\n" + second, first + second}) {
      CAPTURE(text);
      for (const std::size_t limit : {1U, 2U, 100U}) {
        const Table table = read(text, plain(), limit);
        CHECK(table.source == "a.json");
        CHECK(table.row_shape == std::vector<std::size_t>{3});
        CHECK(table.rows() == 2);
        CHECK(table.columns.empty());
        CHECK(table.features.floats == expected);
      }
    }
    CHECK(read(first, plain()).features.floats == std::vector<float>{1, 2, 3});
  }

  TEST_CASE("JsonReader: an empty array has no rows") {
    CHECK(read("[]", plain()).rows() == 0);
    CHECK(read(" [ \n ] ", mixed()).rows() == 0);
  }

  TEST_CASE("JsonReader: read() stops at its limit and goes on") {
    JsonReader reader(memory_source("a.json", R"([{"a":1,"b":1,"c":1},{"a":2,"b":2,"c":2},
                                                  {"a":3,"b":3,"c":3}])"),
                      options_of(plain()));
    Table table;
    CHECK(reader.read(table, 2) == 2);
    CHECK(reader.read(table, 2) == 1);
    CHECK(reader.read(table, 2) == 0);
    CHECK(table.rows() == 3);
  }

  TEST_CASE("JsonReader: plain numbers have the bits that CSV gives") {
    for (const std::string number :
         {"0.1", "-1e-45", "3.4028234663852886e38", "16777217", "7.038531e-26", "1e-400",
          "12345678901234567890123", "0", "-12"}) {
      CAPTURE(number);
      PredictInputOptions options = options_of(plain());
      options.file_columns = {"a", "b", "c"};
      CsvReader csv([&] { return memory_source("a.csv", number + ",1," + number); }, options);
      const std::string escaped =
          R"({"a": )" + number + R"(, "b": 1, "c": " )" + number + R"(\t"})";
      CHECK(read(escaped, plain()).features.floats == read_all(csv).features.floats);
    }
  }

  TEST_CASE("JsonReader: columns of every type are filled by their keys") {
    const Table table = read(record_with("age", "20.5") + record_with("age", "\" 7 \"") +
                                 record_with("city", "\"S\\u00e3o Paulo\""),
                             mixed());
    REQUIRE(table.columns.size() == 5);
    CHECK(table.features.rows() == 0);
    CHECK(table.rows() == 3);
    CHECK(table.columns[0].name == "age");
    CHECK(table.columns[0].numbers == std::vector<double>{20.5, 7, 20});
    CHECK(text_of(table.columns[1], 0) == "Oslo");
    CHECK(text_of(table.columns[1], 2) == "S\u00e3o Paulo");
    CHECK(text_of(table.columns[2], 0) == "yes");
    CHECK(text_of(table.columns[3], 0) == "2001-02-03");
    CHECK(mixed().encode(table.columns).rows() == 3);
  }

  TEST_CASE("JsonReader: null and the missing values are missing in each type") {
    for (const std::string value : {"null", "\"\"", "\"NA\"", "\"?\""}) {
      CAPTURE(value);
      CHECK(std::isnan(read(record_with("age", value), mixed()).columns[0].numbers[0]));
      std::size_t index = 1;
      for (const std::string key : {"city", "member", "born", "code"}) {
        CAPTURE(key);
        CHECK(text_of(read(record_with(key, value), mixed()).columns[index++], 0) == "(none)");
      }
    }
    PredictInputOptions options = options_of(mixed());
    options.missing_values = MissingValues({"-1", "4"});
    JsonReader reader(memory_source("a.json", record_with("age", "-1")), options);
    const Table table = read_all(reader);
    CHECK(std::isnan(table.columns[0].numbers[0]));
    CHECK(text_of(table.columns[4], 0) == "(none)");
  }

  TEST_CASE("JsonReader: numbers and booleans in text columns are texts") {
    struct Case {
      std::string key;
      std::string value;
      std::string text;
    };
    for (const Case& c : {
             Case{"city", "5.0", "5"},
             Case{"city", "5", "5"},
             Case{"city", "1.50", "1.5"},
             Case{"city", "12345678901234567", "12345678901234567"},
             Case{"city", "true", "true"},
             Case{"member", "true", "true"},
             Case{"member", "false", "false"},
             Case{"member", "1", "1"},
             Case{"member", "0.0", "0"},
             Case{"code", "3.0", "3"},
             Case{"code", "true", "True"},
             Case{"code", "false", "false"},
         }) {
      CAPTURE(c.key);
      CAPTURE(c.value);
      const Table table = read(record_with(c.key, c.value), mixed());
      const std::size_t index = c.key == "city" ? 1 : c.key == "member" ? 2 : 4;
      CHECK(text_of(table.columns[index], 0) == c.text);
    }
  }

  TEST_CASE("JsonReader: a missing value becomes the fill of a plain column, where it has one") {
    const Preprocessor filled = fitted({numbers("a", {1, 2, 3}), numbers("b", {4, 6, 5})});
    REQUIRE(filled.is_plain());
    CHECK(read(R"({"b": null, "a": "NA"})", filled).features.floats == std::vector<float>{2, 5});
    check_contains(problem_of(R"({"a": 1, "c": 1, "b": null})", plain()),
                   {"a.json, record 1, key \"b\": expected a number, found \"null\", a missing "
                    "value",
                    "Fill it in"});
  }

  TEST_CASE("JsonReader: keys of targets, weights and left-out columns are left aside") {
    const std::string more =
        R"("target": [1, {"a": [2]}], "weight": null, "unit": {"age": 7, "age": 8}, )";
    std::string record = record_with("age", "20");
    record.insert(1, more);
    CHECK(read(record, mixed()).columns[0].numbers == std::vector<double>{20});
  }

  TEST_CASE("JsonReader: what is wrong is told with record, key, value and what was expected") {
    struct Case {
      std::string record;
      std::vector<std::string> words;
    };
    const auto with = [](const std::string& key, const std::string& value) {
      return record_with(key, value);
    };
    for (const Case& c : {
             Case{with("age", "\"old\""),
                  {"key \"age\": expected a number, found \"old\"", "write null"}},
             Case{with("age", "true"), {"key \"age\": expected a number, found \"true\""}},
             Case{with("age", "\"1,5\""), {"expected a number, found \"1,5\""}},
             Case{with("age", "1e999"), {"key \"age\": the value", "1e999", "float64 value"}},
             Case{with("age", "\"1e999\""), {"key \"age\": the value \"1e999\"", "float64 value"}},
             Case{with("age", "[20]"), {"key \"age\": expected a number, text", "found an array"}},
             Case{with("age", "{\"a\": 1}"), {"found an object", "Write the column's value alone"}},
             Case{with("member", "\"maybe\""), {"key \"member\": expected ", "found \"maybe\""}},
             Case{with("born", "\"2001-02-30\""),
                  {"key \"born\": expected a date like YYYY-MM-DD, found \"2001-02-30\""}},
             Case{with("born", "2001"), {"expected a date like YYYY-MM-DD, found \"2001\""}},
             Case{with("city", "\"a\\u0000b\""), {"key \"city\": expected text without zero"}},
             Case{R"({"agee": 1})",
                  {"the model knows no column \"agee\". The closest is \"age\".",
                   "trained on the columns \"age\", \"city\"", "Rename or remove the key"}},
             Case{R"({"age": 1, "age": 1})", {"the key \"age\" stands there twice", "Remove one"}},
             Case{R"({"age": 1, "unit": "kg"})",
                  {"the key \"city\" is missing", "the record has \"age\", \"unit\". Add the key"}},
             Case{"{}", {"the key \"age\" is missing", "the record has none"}},
             Case{R"({"age" 1})", {"this is no JSON near its character 8", "Correct the record"}},
             Case{R"({"age": 01})", {"this is no JSON"}},
             Case{R"({"age": 1,})", {"this is no JSON"}},
             Case{R"({"age": NaN})",
                  {"this is no JSON near its character 9", "Python's: write null"}},
             Case{R"({'age': 1})", {"this is no JSON", "single quotes are Python's"}},
             Case{"{\"age\": \"\xE4\"}", {"this is no JSON", "\\xE4"}},
             Case{R"({"age": 1])", {"this is no JSON"}},
         }) {
      CAPTURE(c.record);
      const std::string problem = problem_of(with("age", "1") + "\n" + c.record, mixed());
      check_contains(problem, {"a.json, record 2"});
      for (const std::string& word : c.words) check_contains(problem, {word});
    }
    check_contains(problem_of(R"({"a": 1, "b": 1e39, "c": 1})", plain()),
                   {"a.json, record 1, key \"b\": the value \"1e39\"", "float32 value, 3.4e38"});
  }

  TEST_CASE("JsonReader: messages stay short whatever the names are") {
    std::vector<std::string> names;
    for (int i = 0; i < 300; ++i) names.push_back(std::string(3000, 'x') + std::to_string(i));
    const Preprocessor wide = Preprocessor::plain(names, names.size());
    check_contains(problem_of("{\"" + std::string(5000, 'x') + "\": 1}", wide),
                   {"knows no column"});
    check_contains(problem_of("{\"" + names[7] + "\": [1]}", wide), {"found an array"});
    check_contains(problem_of("{\"" + names[7] + "\": 1}", wide), {"is missing"});
  }

  TEST_CASE("JsonReader: a model without names of columns can't match records") {
    const Preprocessor unnamed = Preprocessor::plain({}, 2);
    const Preprocessor none;
    PredictInputOptions options = options_of(unnamed);
    const auto problem = [&] {
      return test::user_error_of([&] { JsonReader(memory_source("a.json", "[]"), options); });
    };
    const std::initializer_list<std::string_view> said = {
        "a.json: JSON records are matched by the names of columns",
        "arrays or on CSV files without a header", "Give the rows in that form"};
    check_contains(problem(), said);
    options.preprocessor = &none;
    check_contains(problem(), said);
    options.preprocessor = nullptr;
    check_contains(problem(), said);
  }

  TEST_CASE("open_records: JSON by suffix and by its first character, compressed or not") {
    const test::TempDirectory folder;
    const std::string text = R"([{"a": 1, "b": 2, "c": 3}])";
    for (const auto& file :
         {folder.write("a.json", text), folder.write("a.jsonl", text.substr(1, text.size() - 2)),
          folder.write("records", text), folder.write("a.ndjson.gz", test::gzip(text)),
          folder.write("a.json.zst", test::zstd(text))}) {
      CAPTURE(file.string());
      const auto reader = open_records(file, options_of(plain()));
      const Table table = read_all(*reader);
      CHECK(table.source == file.string());
      CHECK(table.features.floats == std::vector<float>{1, 2, 3});
    }
  }
}

}  // namespace mlp
