#include "runtime/data/csv_channel.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "test/runtime/data/made_tables.h"
#include "test/support/columns.h"

namespace mlp {
namespace {

using test::asking;
using test::learn;
using test::texts_of;
using test::train_channel;
using Strings = std::vector<std::string>;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;
using Codes = std::vector<std::uint32_t>;

constexpr std::uint32_t kMissing = Column::kMissing;

Strings names(const std::string& target) { return target.empty() ? Strings() : Strings{target}; }

Table train(const std::string& text, const std::string& target = "",
            Header header = Header::kAuto) {
  return train_channel({text}, asking(names(target), "", header)).rows;
}

Table train_columns(const std::string& text, Strings targets, std::string weight_column = "",
                    Header header = Header::kAuto) {
  return train_channel({text}, asking(std::move(targets), std::move(weight_column), header)).rows;
}

Table train_files(const Strings& texts, const std::string& target = "") {
  return train_channel(texts, asking(names(target))).rows;
}

// Equal, or both no number.
bool same(const Doubles& a, const Doubles& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return x == y || (std::isnan(x) && std::isnan(y)); });
}

const double kNan = std::numeric_limits<double>::quiet_NaN();

// The message of the UserError that `action` throws, or an empty text.
template <typename Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const UserError& error) {
    CHECK(std::string(error.what()).size() < 1024);
    return error.what();
  }
  return "";
}

struct Failure {
  std::string text;
  std::string target;
  std::vector<const char*> words;
};

void check_failures(const std::vector<Failure>& failures) {
  for (const Failure& failure : failures) {
    CAPTURE(failure.text);
    const std::string message = message_of([&] { train(failure.text, failure.target); });
    CAPTURE(message);
    for (const char* word : failure.words) CHECK(message.find(word) != std::string::npos);
  }
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("read_csv: odd fields and rows are read alike with and without finding separators") {
    // A number among the words for missing values has every field looked at by itself.
    const MissingValues by_fields({"NA", "?", "-98765.4321"});
    const MissingValues by_separators({"NA", "?"});
    std::mt19937 random(5);
    const auto one_of = [&](const Strings& texts) { return texts[random() % texts.size()]; };
    const Strings numbers = {"1",  "-2.5", "0.123456789",         "1e5", "+3", " 4 ",
                             "5.", ".5",   "12345678901234567890"};
    const Strings odd = {"",    "NA",  "\"6\"", "\"7",     "x",        "1e99",
                         "inf", "1 2", "a\"b",  "\"c,d\"", "\"e\nf\"", "--1"};
    std::size_t failures = 0;
    for (int file = 0; file < 3000; ++file) {
      const std::size_t columns = 2 + random() % 4;
      const std::string line_end = one_of({"\n", "\r\n", "\r"});
      const std::size_t oddity = random() % 3 == 0 ? 1 : 1 + random() % 200;
      std::string text;
      for (std::size_t row = 0; row < 1 + random() % 200; ++row) {
        const bool is_odd = file % 4 != 0 && random() % (10 * oddity) == 0;
        const std::size_t fields = is_odd && random() % 10 == 0 ? columns + 1 : columns;
        for (std::size_t i = 0; i < fields; ++i) {
          if (i > 0) text += ',';
          text += is_odd && random() % columns == 0 ? one_of(odd) : one_of(numbers);
        }
        text += line_end;
        if (file % 5 == 0 && random() % 50 == 0) text += line_end;
      }
      CAPTURE(text);
      const auto read = [&](const MissingValues& missing, ChannelRows& rows) {
        ReadOptions options = asking({"1"});
        options.missing_values = missing;
        options.header = Header::kNo;
        options.threads = 1 + static_cast<std::size_t>(file) % 2;
        return message_of([&] { rows = train_channel({text}, options); });
      };
      ChannelRows a;
      ChannelRows b;
      const std::string message = read(by_fields, a);
      CHECK(read(by_separators, b) == message);
      if (!message.empty()) ++failures;
      CHECK(a.rows.features.floats == b.rows.features.floats);
      REQUIRE(a.rows.columns.size() == b.rows.columns.size());
      for (std::size_t i = 0; i < a.rows.columns.size(); ++i) {
        CHECK(same(a.rows.columns[i].numbers, b.rows.columns[i].numbers));
        CHECK(texts_of(a.rows.columns[i]) == texts_of(b.rows.columns[i]));
        CHECK(a.rows.columns[i].codes == b.rows.columns[i].codes);
      }
      REQUIRE(a.rows.targets.size() == b.rows.targets.size());
      for (std::size_t i = 0; i < a.rows.targets.size(); ++i) {
        CHECK(same(a.rows.targets[i].numbers, b.rows.targets[i].numbers));
        CHECK(test::text_by_row(a.rows.targets[i]) == test::text_by_row(b.rows.targets[i]));
      }
    }
    CHECK(failures > 100);
    CHECK(failures < 2900);
  }

  TEST_CASE("read_csv: without a header the first column is the target") {
    const Table table = train("3,0.5,1e3\n1,-2,.25\n");
    CHECK(table.source == "a.csv");
    CHECK(table.row_shape == std::vector<std::size_t>{2});
    CHECK(table.features.floats == Floats{0.5F, 1000, -2, 0.25F});
    CHECK(table.targets.at(0).numbers == Doubles{3, 1});
    CHECK(table.feature_names.empty());
    CHECK(table.target_names.empty());
    CHECK(table.rows() == 2);
  }

  TEST_CASE("read_csv: with a header the target is chosen by name") {
    const Table table = train("a, b ,\"c,\"\"d\"\n1,2,3\n4,5,6\n", "b");
    CHECK(table.feature_names == Strings{"a", "c,\"d"});
    CHECK(table.target_names == Strings{"b"});
    CHECK(table.features.floats == Floats{1, 3, 4, 6});
    CHECK(table.targets.at(0).numbers == Doubles{2, 5});
  }

  TEST_CASE("read_csv: several targets come in the order they are named, weights are no feature") {
    const std::string text = "a,t,w,u,b\n1,2,0.5,3,4\n5,-6,\" 0 \",7e40,8\n9,1.5,+2,11,12\n";
    const Table table = train_columns(text, {"u", "t"}, "w");
    CHECK(table.target_names == Strings{"u", "t"});
    CHECK(table.weight_name == "w");
    CHECK(table.feature_names == Strings{"a", "b"});
    CHECK(table.features.floats == Floats{1, 4, 5, 8, 9, 12});
    REQUIRE(table.targets.size() == 2);
    CHECK(table.targets[0].numbers == Doubles{3, 7e40, 11});
    CHECK(table.targets[1].numbers == Doubles{2, -6, 1.5});
    CHECK(table.weights == Floats{0.5F, 0, 2});
  }

  TEST_CASE("read_csv: a text target may stand beside weights") {
    const Table table = train_columns("y,w,a\nno,1,2\nyes,3,4\n", {"y"}, "w");
    CHECK(test::text_by_row(table.targets.at(0)) == Strings{"no", "yes"});
    CHECK(table.weights == Floats{1, 3});
    CHECK(table.row_shape == std::vector<std::size_t>{1});
    CHECK(train("y,a\n1,2\n", "y").weights.empty());
  }

  TEST_CASE("read_csv: several targets are numbers, and text is named by its place") {
    const std::string text = "a,t,u\n1,2,3\n1,2,red\n";
    CHECK_THROWS_WITH_AS(
        train_columns(text, {"t", "u"}),
        doctest::Contains("a.csv, line 3, column 3 (\"u\"): the target is \"red\""), UserError);
    CHECK(test::text_by_row(train_columns(text, {"u"}).targets.at(0)) == Strings{"3", "red"});
  }

  TEST_CASE("read_csv: weights that are no weights are named by file, line and column") {
    for (const char* word : {"", "NA", "nan", "inf", "-1", "-1e-9", "heavy", "1e39", "-inf"}) {
      CAPTURE(word);
      const std::string message = message_of(
          [&] { train_columns(std::string("y,w,a\n1,1,1\n2,") + word + ",3\n", {"y"}, "w"); });
      CHECK(message.find("a.csv, line 3, column 2 (\"w\"): the row's weight is") == 0);
      CHECK(message.find("Expected a number from 0") != std::string::npos);
    }
  }

  TEST_CASE("read_csv: one text field makes no header, since labels may be text") {
    const Table table = train("setosa,1,2\nvirginica,3,4\n");
    CHECK(test::text_by_row(table.targets.at(0)) == Strings{"setosa", "virginica"});
    CHECK(table.targets.at(0).numbers.empty());
    CHECK(table.rows() == 2);
  }

  TEST_CASE("read_csv: blanks, quotes and line ends around numbers don't count") {
    const Table table = train("\xEF\xBB\xBF 1 ,\t2, \"3\" \r\n\"4\",\" 5 \",+6\r\n\r\n\n");
    CHECK(table.features.floats == Floats{2, 3, 5, 6});
    CHECK(table.targets.at(0).numbers == Doubles{1, 4});
  }

  TEST_CASE("read_csv: the first text label turns all labels into text as they stood") {
    const Table table = train("01,1\n2.50,1\n\" x, \"\"y\",1\n7,1\n");
    CHECK(test::text_by_row(table.targets.at(0)) == Strings{"01", "2.50", " x, \"y", "7"});
    CHECK(table.targets.at(0).numbers.empty());
    CHECK(test::text_by_row(train_files({"01,1\n", "a,1\n", "02,1\n"}).targets.at(0)) ==
          Strings{"01", "a", "02"});
  }

  TEST_CASE("read_csv: every file has its own header, with the same columns in any order") {
    const Table table = train_files({"y,a,b\n1,2,3\n", "b,y,a\n6,4,5\n"}, "y");
    CHECK(table.targets.at(0).numbers == Doubles{1, 4});
    CHECK(table.feature_names == Strings{"a", "b"});
    CHECK(table.features.floats == Floats{2, 3, 5, 6});
    CHECK_THROWS_WITH_AS(
        train_files({"y,a\n1,2\n", "y,b\n3,4\n"}, "y"),
        doctest::Contains("b.csv, line 1, column 2: found the name \"b\", but a.csv has no such"),
        UserError);
    CHECK_THROWS_WITH_AS(
        train_files({"y,a,b\n1,2,3\n", "y,a\n3,4\n"}, "y"),
        doctest::Contains("b.csv, line 1: the column \"b\" is missing, which a.csv has"),
        UserError);
    CHECK_THROWS_WITH_AS(train_files({"1,2\n", "1,2,3\n"}),
                         doctest::Contains("b.csv, line 1: found 3 columns, but a.csv has 2"),
                         UserError);
  }

  TEST_CASE("read_csv: files without header can't stand beside one with header") {
    CHECK_THROWS_WITH_AS(train_channel({"b,a,y\n1,x,2\n", "3,x,4\n"}, asking({"3"})),
                         doctest::Contains("b.csv: line 1 is no header, but a.csv has one"),
                         UserError);
    // header=false takes the other file's header for a row of text.
    const Table table = train_channel({"1,2\n", "x,y\n3,4\n"}, asking({}, "", Header::kNo)).rows;
    CHECK(test::text_by_row(table.targets.at(0)) == Strings{"1", "x", "3"});
    CHECK_THROWS_WITH_AS(train_files({"1,2\n", "x,y\n3,4\n"}),
                         doctest::Contains("b.csv: line 1 is a header, but a.csv has none"),
                         UserError);
  }

  TEST_CASE("read_csv: the order of named columns makes no difference, numbers in them count") {
    const Table one = train("x10,y,x9,a\n1,2,3,t\n", "y");
    const Table other = train("a,x9,x10,y\nt,3,1,2\n", "y");
    CHECK(one.feature_names == Strings{"a", "x9", "x10"});
    CHECK(other.feature_names == one.feature_names);
    CHECK(one.columns.at(1).numbers == Doubles{3});
    CHECK(other.columns.at(1).numbers == Doubles{3});
    CHECK(texts_of(other.columns.at(0)) == Strings{"t"});
  }

  TEST_CASE("read_csv: columns are numbers where all fields are, missing ones aside, else texts") {
    const Table table = train(
        "y,age,town,code\n"
        "1,22,Oslo,7\n"
        "0,,\"New York, NY\",x\n"
        "1, 1e3 ,NA,\n"
        "0,nan,Oslo,07\n",
        "y");
    CHECK(table.features.rows() == 0);
    CHECK(table.rows() == 4);
    REQUIRE(table.columns.size() == 3);
    CHECK(table.columns[0].name == "age");
    CHECK_FALSE(table.columns[0].is_text);
    CHECK(same(table.columns[0].numbers, {22, kNan, 1000, kNan}));
    CHECK(table.columns[1].name == "code");
    CHECK(table.columns[1].codes == Codes{0, 1, kMissing, 2});
    CHECK(texts_of(table.columns[1]) == Strings{"7", "x", "07"});
    CHECK(table.columns[2].codes == Codes{0, 1, kMissing, 0});
    CHECK(texts_of(table.columns[2]) == Strings{"Oslo", "New York, NY"});
    CHECK(table.targets.at(0).numbers == Doubles{1, 0, 1, 0});
  }

  TEST_CASE("read_csv: what a column is shows in any row, however late, and in any file") {
    std::string numbers = "y,a,b\n";
    for (int i = 0; i < 300'000; ++i) numbers += "1,2,3\n";
    const std::size_t rows = 300'001;
    const Table gap = train_files({numbers, "y,a,b\n1,,3\n"}, "y");
    CHECK(gap.rows() == rows);
    REQUIRE(gap.columns.size() == 2);
    CHECK(std::isnan(gap.columns[0].numbers.back()));
    CHECK(gap.columns[1].numbers == Doubles(rows, 3));
    const Table text = train(numbers + "1,2,x\n", "y");
    CHECK(text.columns.at(0).numbers == Doubles(rows, 2));
    CHECK(text.columns.at(1).codes.size() == rows);
    CHECK(texts_of(text.columns.at(1)) == Strings{"3", "x"});
    const Table label = train(numbers + "no,2,3\n", "y");
    CHECK(label.features.rows() == rows);
    CHECK(test::text_by_row(label.targets.at(0)).back() == "no");
    CHECK(test::text_by_row(label.targets.at(0)).front() == "1");
  }

  TEST_CASE("read_csv: as many threads as there may be, the table is the same") {
    std::string text = "y,n,t,u\n";
    for (int i = 0; i < 200'000; ++i) {
      text += std::to_string(i % 3) + "," + (i % 7 == 0 ? "" : std::to_string(i * 0.37)) + ",\"w" +
              std::to_string(i % 1000) + (i % 5 == 0 ? "\n\"\"quoted\"\"" : "") + "\"," +
              std::to_string(i % 11) + "\r\n";
    }
    ReadOptions options = asking({"y"});
    const Table expected = train_channel({text}, options).rows;
    CHECK(expected.rows() == 200'000);
    CHECK(expected.columns.at(1).texts.size() == 1000);
    for (const std::size_t threads : {2U, 3U, 8U}) {
      options.threads = threads;
      const Table table = train_channel({text}, options).rows;
      CHECK(table.targets.at(0).numbers == expected.targets.at(0).numbers);
      for (std::size_t i = 0; i < 3; ++i) {
        CHECK(same(table.columns[i].numbers, expected.columns[i].numbers));
        CHECK(table.columns[i].codes == expected.columns[i].codes);
        CHECK(texts_of(table.columns[i]) == texts_of(expected.columns[i]));
      }
    }
  }

  TEST_CASE(
      "read_csv: quotes hold delimiters, doubled quotes and line ends; others are characters") {
    const Table table = train(
        "y,t\n"
        "1,\"a, \"\"b\"\"\nc\r\nd\"\n"
        "2,5\" pipe\n"
        "3, \" spaced \" \n"
        "4,\"\"\n",
        "y");
    CHECK(texts_of(table.columns.at(0)) == Strings{"a, \"b\"\nc\r\nd", "5\" pipe", " spaced "});
    CHECK(table.columns.at(0).codes == Codes{0, 1, 2, kMissing});
  }

  TEST_CASE("read_csv: a quote within a field does not lead astray where blocks are cut") {
    std::string text = "y,a,b\n";
    const std::size_t rows = 60'000;
    for (std::size_t i = 0; i < rows; ++i) {
      text += std::to_string(i % 2) + (i % 1001 == 0 ? ",5\" pipe" : ",pipe") + ",\"two\nlines, " +
              std::to_string(i % 10) + "\"\n";
    }
    for (const std::size_t threads : {1U, 2U}) {
      ReadOptions options = asking({"y"});
      options.threads = threads;
      const Table table = train_channel({text}, options).rows;
      CHECK(table.rows() == rows);
      CHECK(table.columns.at(0).texts.size() == 2);
      CHECK(table.columns.at(1).texts.size() == 10);
    }
    CHECK_THROWS_WITH_AS(train(text + "1,x,\"open\n", "y"),
                         doctest::Contains("line 120002, column 3 (\"b\"): the quotes around"),
                         UserError);
  }

  TEST_CASE("read_csv: integers of all lengths and what is much like them are read alike") {
    std::string text = "y,a,b\n";
    Doubles expected;
    const Strings words = {"0",        "7",         "12",       "123456",   "1234567", "12345678",
                           "99999999", "123456789", "16777217", "00012",    "1.5",     "1234567.",
                           "-1",       "+12",       "12e2",     "87654321", " 42 ",    "1234 "};
    for (int i = 0; i < 100; ++i) {
      for (const std::string& word : words) {
        text += "1," + word + ",x\n";
        expected.push_back(std::stod(word));
      }
    }
    CHECK(train(text, "y").columns.at(0).numbers == expected);
    CHECK(train("16777217,99999999\n0,16777219\n").features.floats ==
          Floats{99999999.0F, 16777219.0F});
  }

  TEST_CASE("read_csv: the delimiter is found, or taken as given") {
    for (const char* delimiter : {",", ";", "\t", "|"}) {
      CAPTURE(delimiter);
      std::string text = "y;a;b\n1;2,5;x\n0;3,5;x\n";
      if (*delimiter == ',') text = "y;a;b\n1;2;x|\n0;3;x|\n";
      for (char& c : text) {
        if (c == ';') c = *delimiter;
      }
      const Table table = train(text, "y");
      CHECK(table.feature_names == Strings{"a", "b"});
      CHECK(table.columns.at(1).rows() == 2);
    }
    ReadOptions options = asking({"y"});
    options.delimiter = '|';
    CHECK(train_channel({"y,z|a\n1|2\n"}, asking({"y,z"})).rows.targets.size() == 1);
    options.choice.targets = {"y,z"};
    CHECK(train_channel({"y,z|a,b,c\n1|2\n"}, options).rows.feature_names == Strings{"a,b,c"});
  }

  TEST_CASE("read_csv: LF, CRLF, CR, a byte order mark and blank lines make no difference") {
    const Table expected = train("y,a\n1,x\n2,z\n", "y");
    for (const char* text : {"y,a\r\n1,x\r\n2,z\r\n", "y,a\r1,x\r2,z\r", "y,a\n1,x\n2,z",
                             "\xEF\xBB\xBFy,a\n1,x\n2,z\n", "\n\ny,a\n\n1,x\n  \n2,z\n\n\n"}) {
      CAPTURE(text);
      const Table table = train(text, "y");
      CHECK(table.feature_names == expected.feature_names);
      CHECK(table.targets.at(0).numbers == expected.targets.at(0).numbers);
      CHECK(table.columns.at(0).codes == expected.columns.at(0).codes);
      CHECK(texts_of(table.columns.at(0)) == texts_of(expected.columns.at(0)));
    }
  }

  TEST_CASE("read_csv: other words for missing values take the place of the usual ones") {
    ReadOptions options = asking({"y"});
    options.missing_values = MissingValues({"-", "999"});
    const Table table = train_channel({"y,a,b\n1,999,-\n1,,NA\n1,99,x\n"}, options).rows;
    CHECK(same(table.columns.at(0).numbers, {kNan, kNan, 99}));
    CHECK(table.columns.at(1).codes == Codes{kMissing, 0, 1});
  }

  TEST_CASE("read_csv: a missing target is an error that names the rows, or drops them") {
    const std::string text = "y,a,b\n1,2,x\n,3,y\n0,4,z\nNA,5,x\n";
    ReadOptions options = asking({"y"});
    CHECK_THROWS_WITH_AS(
        train_channel({text}, options),
        doctest::Contains("a.csv: the target is missing in 2 of 4 rows: rows 2, 4."), UserError);
    options.drop_missing_target = true;
    const ChannelRows channel = train_channel({text}, options);
    CHECK(channel.rows.targets.at(0).numbers == Doubles{1, 0});
    CHECK(channel.rows.columns.at(0).numbers == Doubles{2, 4});
    CHECK(channel.rows.columns.at(1).codes == Codes{0, 2});
    CHECK(channel.notes ==
          Strings{"a.csv: left out 2 of 4 rows, whose target is missing: rows 2, 4."});
    CHECK(train_channel({"y,a\n1,2\n,3\n0,4\n"}, options).rows.features.floats == Floats{2, 4});
    CHECK_THROWS_WITH_AS(train_channel({"y,a\n,2\n,3\n"}, options),
                         doctest::Contains("the target is missing in all 2 rows"), UserError);
  }

  TEST_CASE("read_csv: a column that is asked to be a number names what is none") {
    ReadOptions options = asking({"y"});
    options.column_types = {{"a", ColumnType::kNumber}, {"b", ColumnType::kCategory}};
    const Table table = train_channel({"y,a,b\n1,2,3\n0,,4\n"}, options).rows;
    CHECK(texts_of(table.columns.at(1)) == Strings{"3", "4"});
    CHECK_THROWS_WITH_AS(train_channel({"y,a,b\n1,2,3\n0,red,4\n"}, options),
                         doctest::Contains("a.csv, line 3, column 2 (\"a\"): expected a number, "
                                           "found \"red\""),
                         UserError);
  }

  TEST_CASE("read_csv: fields that can't be read are named by file, line, column and name") {
    check_failures({
        {"1,2\n3,\"2\n", "", {"line 2, column 2", "quotes around \"2", "not closed"}},
        {"1,2\n3,\"2\"x\n", "", {"line 2, column 2", "not closed"}},
        {"1,2\n\"3,4\n", "", {"line 2, column 1", "not closed"}},
        {"y,\"a\n1,2\n", "y", {"line 1, column 2", "not closed"}},
        {std::string("1,2\n3,4\0\n", 9), "", {"line 2, column 2", "UTF-8"}},
        {"1,2\n3,1e99\n", "", {"line 2, column 2", "\"1e99\" is beyond the largest float32"}},
        {"1,2,x\n3,1e999,x\n", "", {"line 2, column 2", "beyond the largest float64"}},
        {"1,2,x\n3,4,\xFF\n", "", {"line 2, column 3", "no valid UTF-8"}},
        {"1,2,x\n\n\"a\nb\",4,\"\xFF\"\n", "", {"line 3, column 3", "no valid UTF-8"}},
    });
    for (const char* word : {"inf", "-Inf", "Infinity", "+inf"}) {
      CAPTURE(word);
      CHECK_THROWS_WITH_AS(train(std::string("1,2\n4,") + word + "\n"),
                           doctest::Contains("a.csv, line 2, column 2: expected a finite number"),
                           UserError);
    }
  }

  TEST_CASE("read_csv: a row that is parted is not taken for one, and its line is counted") {
    std::string text;
    for (int row = 0; row < 60'000; ++row) text += "1,2.5,3,4\n";
    CHECK_THROWS_WITH_AS(train(text + "1,2.5\n3,4\n" + text),
                         doctest::Contains("a.csv, line 60001: "), UserError);
  }

  TEST_CASE("read_csv: ragged rows are named with what was found and expected") {
    check_failures({
        {"1,2,3\n4,5\n", "", {"a.csv, line 2: found 2 fields, expected 3"}},
        {"1,2,3\n4,5,6,7\n", "", {"a.csv, line 2: found 4 fields, expected 3"}},
        {"1,2,3\n4,5,6,\n", "", {"found 4 fields"}},
        {"1,2,3\n,5\n", "", {"line 2"}},
        {"1,2,3\nabc\n", "", {"line 2: found 1 field, expected 3"}},
        {"1,2,3\n4,inf\n", "", {"line 2: found 2 fields, expected 3"}},
    });
  }

  TEST_CASE("read_csv: a target that is infinite, too large or no UTF-8 is refused") {
    check_failures({
        {"1,2\n-inf,4\n", "", {"line 2, column 1", "\"-inf\""}},
        {"1,2\n1e999,4\n", "", {"line 2, column 1", "float64"}},
        {"1,2\n\xFFx,4\n", "", {"line 2, column 1", "UTF-8"}},
    });
  }

  TEST_CASE("read_csv: header and target that don't fit each other are explained") {
    check_failures({
        {"", "", {"a.csv: the file is empty"}},
        {"\n\n", "", {"a.csv: the file is empty"}},
        {"a,b\n", "a", {"a.csv: there is a header but no rows"}},
        {"a,b\n\n\n", "a", {"a.csv: there is a header but no rows"}},
        {"a,b\n1,2\n", "", {"line 1 is a header", "hyperparameter target", "\"a\", \"b\""}},
        {"a\n1\n", "a", {"found a single column"}},
        {"1\n2\n", "", {"found a single column"}},
    });
    std::string wide = "c0";
    for (int i = 1; i < 5000; ++i) wide += ",a_rather_long_column_name_" + std::to_string(i);
    CHECK(message_of([&] { train(wide + "\n"); }).find("more") != std::string::npos);
  }

  TEST_CASE("read_csv: rows of other sets are read as the training rows were") {
    const std::string text = "y,n,c\n1,2,x\n0,,y\n1,5,x\n";
    const auto learned = learn(text, "y");
    const TableLayout layout = train_channel({text}, asking({"y"})).layout;
    ReadOptions options = asking({"y"});
    options.known.emplace(KnownTable{learned->preprocessor, layout});
    // Numbers alone, other columns' order, texts that are new.
    const Table table = train_channel({"c,n,y\n7,3,0\n"}, options).rows;
    REQUIRE(table.columns.size() == 2);
    CHECK(texts_of(table.columns[0]) == Strings{"7"});
    CHECK(table.columns[1].numbers == Doubles{3});
    CHECK(table.targets.at(0).numbers == Doubles{0});
    CHECK_THROWS_WITH_AS(train_channel({"c,n,y\nx,red,0\n"}, options),
                         doctest::Contains("line 2, column 2 (\"n\"): expected a number, found"),
                         UserError);
    CHECK_THROWS_WITH_AS(train_channel({"c,n,y,z\nx,1,0,1\n"}, options),
                         doctest::Contains("column 4: found the name \"z\", but the training rows "
                                           "have no such column"),
                         UserError);
    CHECK_THROWS_WITH_AS(
        train_channel({"c,y\nx,0\n"}, options),
        doctest::Contains("the column \"n\" is missing, which the training rows have"), UserError);
    options.header = Header::kNo;
    CHECK(train_channel({"0,4,x\n"}, options).rows.columns.at(1).numbers == Doubles{4});
    CHECK_THROWS_WITH_AS(train_channel({"0,4\n"}, options),
                         doctest::Contains("found 2 columns, but the training rows have 3"),
                         UserError);
  }

  TEST_CASE("read_csv: words for infinity, and what looks like huge numbers, may be texts") {
    CHECK(texts_of(train("y,a\n1,inf\n0,abc\n", "y").columns.at(0)) == Strings{"inf", "abc"});
    CHECK(texts_of(train("y,a\n1,12e4567\n0,5f3abcd\n", "y").columns.at(0)) ==
          Strings{"12e4567", "5f3abcd"});
    CHECK_THROWS_WITH_AS(train("y,a\n1,2\n0,inf\n0,-inf\n", "y"),
                         doctest::Contains("line 3, column 2 (\"a\"): expected a finite number"),
                         UserError);
  }

  TEST_CASE("read_csv: labels that are texts stay texts in rows that have only numbers") {
    const auto learned = learn("y,a\n01,1\n02,2\nz,3\n", "y");
    const TableLayout layout = train_channel({"y,a\n01,1\nz,2\n"}, asking({"y"})).layout;
    ReadOptions options = asking({"y"});
    options.known.emplace(KnownTable{learned->preprocessor, layout, true});
    CHECK(test::text_by_row(train_channel({"y,a\n01,1\n02,5\n"}, options).rows.targets.at(0)) ==
          Strings{"01", "02"});
  }

  TEST_CASE("read_csv: a header or row longer than a block is read as a whole") {
    std::string header = "y";
    std::string row = "1";
    for (int i = 0; i < 70'000; ++i) {
      header += ",ENSG000000" + std::to_string(10'000'000 + i);
      row += "," + std::to_string(i);
    }
    const Table table = train(header + "\n" + row + "\n" + row + "\n", "y");
    CHECK(table.feature_names.size() == 70'000);
    CHECK(table.rows() == 2);
  }

  TEST_CASE("read_csv: decimals have the value that the C library gives them") {
    std::string text = "y,a,b\n";
    Doubles expected;
    std::mt19937 random(1);
    for (int i = 0; i < 20'000; ++i) {
      const std::size_t digits = 1 + random() % 9;
      const std::size_t point = random() % (digits + 1);
      std::string word;
      for (std::size_t j = 0; j <= digits; ++j)
        word += j == point ? '.' : static_cast<char>('0' + random() % 10);
      if (random() % 4 == 0) word = "-" + word;
      text += "1," + word + (random() % 2 == 0 ? ",x\n" : " ,x\r\n");
      expected.push_back(std::stod(word));
    }
    CHECK(train(text, "y").columns.at(0).numbers == expected);
    CHECK(texts_of(train("y,a,b\n1,1.2.3,x\n1,1..2,x\n", "y").columns.at(0)) ==
          Strings{"1.2.3", "1..2"});
  }
}

}  // namespace mlp
