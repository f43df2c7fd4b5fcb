#include "runtime/data/csv_reader.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "model/error.h"

namespace mlp {
namespace {

using Strings = std::vector<std::string>;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

CsvReader::Opener opener(const std::string& name, const std::string& text) {
  return [name, text] { return memory_source(name, text); };
}

Table read_all(CsvReader& reader, std::size_t limit = 3) {
  Table table;
  while (reader.read(table, limit) > 0) {
  }
  return table;
}

Strings names(const std::string& target) { return target.empty() ? Strings() : Strings{target}; }

// Reads `text` as the file a.csv of a training channel.
Table train(const std::string& text, const std::string& target = "",
            Header header = Header::kAuto) {
  CsvReader reader({opener("a.csv", text)}, header, names(target), "");
  return read_all(reader);
}

Table train_columns(const std::string& text, Strings targets, std::string weight_column = "",
                    Header header = Header::kAuto) {
  CsvReader reader({opener("a.csv", text)}, header, std::move(targets), std::move(weight_column));
  return read_all(reader);
}

Table train_files(const Strings& texts, const std::string& target = "") {
  std::vector<CsvReader::Opener> openers;
  for (const std::string& text : texts) {
    openers.push_back(
        opener(std::string(1, static_cast<char>('a' + openers.size())) + ".csv", text));
  }
  CsvReader reader(std::move(openers), Header::kAuto, names(target), "");
  return read_all(reader);
}

Table predict(const std::string& text, const PredictInputOptions& options) {
  CsvReader reader(opener("a.csv", text), options);
  return read_all(reader);
}

PredictInputOptions model_of(std::size_t width, Strings names = {}, std::string target = "") {
  PredictInputOptions options;
  options.row_shape = {width};
  options.feature_names = std::move(names);
  if (!target.empty()) options.target_names = {std::move(target)};
  return options;
}

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
  TEST_CASE("CsvReader: without a header the first column is the target") {
    const Table table = train("3,0.5,1e3\n1,-2,.25\n");
    CHECK(table.source == "a.csv");
    CHECK(table.row_shape == std::vector<std::size_t>{2});
    CHECK(table.features.floats == Floats{0.5F, 1000, -2, 0.25F});
    CHECK(table.targets.at(0).numbers == Doubles{3, 1});
    CHECK(table.feature_names.empty());
    CHECK(table.target_names.empty());
    CHECK(table.rows() == 2);
  }

  TEST_CASE("CsvReader: with a header the target is chosen by name") {
    const Table table = train("a, b ,\"c,\"\"d\"\n1,2,3\n4,5,6\n", "b");
    CHECK(table.feature_names == Strings{"a", "c,\"d"});
    CHECK(table.target_names == Strings{"b"});
    CHECK(table.features.floats == Floats{1, 3, 4, 6});
    CHECK(table.targets.at(0).numbers == Doubles{2, 5});
  }

  TEST_CASE("CsvReader: several targets come in the order they are named, weights are no feature") {
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

  TEST_CASE("CsvReader: a text target may stand beside weights") {
    const Table table = train_columns("y,w,a\nno,1,2\nyes,3,4\n", {"y"}, "w");
    CHECK(table.targets.at(0).text == Strings{"no", "yes"});
    CHECK(table.weights == Floats{1, 3});
    CHECK(table.row_shape == std::vector<std::size_t>{1});
    CHECK(train("y,a\n1,2\n", "y").weights.empty());
  }

  TEST_CASE("CsvReader: several targets are numbers, and text is named by its place") {
    const std::string text = "a,t,u\n1,2,3\n1,2,red\n";
    CHECK_THROWS_WITH_AS(
        train_columns(text, {"t", "u"}),
        doctest::Contains("a.csv, line 3, column 3 (\"u\"): the target is \"red\""), UserError);
    CHECK(train_columns(text, {"u"}).targets.at(0).text == Strings{"3", "red"});
    CHECK_THROWS_WITH_AS(train_columns("a,t,u\n1,,3\n", {"t", "u"}),
                         doctest::Contains("line 2, column 2 (\"t\"): the target is missing"),
                         UserError);
  }

  TEST_CASE("CsvReader: weights that are no weights are named by file, line and column") {
    for (const char* word : {"", "NA", "nan", "inf", "-1", "-1e-9", "heavy", "1e39", "-inf"}) {
      CAPTURE(word);
      const std::string message = message_of(
          [&] { train_columns(std::string("y,w,a\n1,1,1\n2,") + word + ",3\n", {"y"}, "w"); });
      CHECK(message.find("a.csv, line 3, column 2 (\"w\"): the row's weight is") == 0);
      CHECK(message.find("Expected a number from 0") != std::string::npos);
    }
  }

  TEST_CASE("CsvReader: target and weight columns that can't be are refused with what there is") {
    struct Case {
      const char* text;
      Strings targets;
      const char* weight;
      Header header;
      const char* words;
    };
    for (const Case& c : {
             Case{"a,b,c\n1,2,3\n",
                  {"a", "b", "a"},
                  "",
                  Header::kAuto,
                  "names the column \"a\" twice"},
             Case{"a,b,c\n1,2,3\n", {"a", "b"}, "b", Header::kAuto, "both name the column \"b\""},
             Case{"a,price,c\n1,2,3\n",
                  {"a", "prize"},
                  "",
                  Header::kAuto,
                  "no column is named \"prize\", as the hyperparameter target asks. The closest is "
                  "\"price\""},
             Case{"a,weight,c\n1,2,3\n",
                  {"a"},
                  "wieght",
                  Header::kAuto,
                  "no column is named \"wieght\", as the hyperparameter weight_column asks. The "
                  "closest is \"weight\""},
             Case{"1,2,3\n", {"a"}, "", Header::kAuto, "If line 1 is a row, remove target"},
             Case{"1,a,3\n", {"a"}, "w", Header::kAuto, "If line 1 is a row, add a header"},
             Case{"1,2,3\n",
                  {},
                  "w",
                  Header::kNo,
                  "weight_column names the column \"w\", but header is false"},
             Case{"1,2,3\n",
                  {},
                  "w",
                  Header::kAuto,
                  "taken for a header, as weight_column is a name"},
             Case{"y,w,a\n1,2,3\n",
                  {},
                  "w",
                  Header::kAuto,
                  "Set the hyperparameter target to one of"},
             Case{"y,w\n1,2\n", {"y"}, "w", Header::kAuto, "2 columns, none of which is a feature"},
         }) {
      CAPTURE(c.words);
      const std::string message =
          message_of([&] { train_columns(c.text, c.targets, c.weight, c.header); });
      CAPTURE(message);
      CHECK(message.find(c.words) != std::string::npos);
    }
  }

  TEST_CASE("CsvReader: column names may be numbers where a target is given or header says so") {
    CHECK(train("0,1,2\n7,8,9\n", "2").targets.at(0).numbers == Doubles{9});
    CHECK(train("0,1,2\n7,8,9\n", "1", Header::kYes).targets.at(0).numbers == Doubles{8});
    CHECK(train("0,1,2\n7,8,9\n", "", Header::kNo).targets.at(0).numbers == Doubles{0, 7});
  }

  TEST_CASE("CsvReader: one text field makes no header, since labels may be text") {
    const Table table = train("setosa,1,2\nvirginica,3,4\n");
    CHECK(table.targets.at(0).text == Strings{"setosa", "virginica"});
    CHECK(table.targets.at(0).numbers.empty());
    CHECK(table.rows() == 2);
  }

  TEST_CASE("CsvReader: blanks, quotes and line ends around numbers don't count") {
    const Table table = train("\xEF\xBB\xBF 1 ,\t2, \"3\" \r\n\"4\",\" 5 \",+6\r\n\r\n\n");
    CHECK(table.features.floats == Floats{2, 3, 5, 6});
    CHECK(table.targets.at(0).numbers == Doubles{1, 4});
  }

  TEST_CASE("CsvReader: the first text label turns all labels into text as they stood") {
    const Table table = train("01,1\n2.50,1\n\" x, \"\"y\",1\n7,1\n");
    CHECK(table.targets.at(0).text == Strings{"01", "2.50", " x, \"y", "7"});
    CHECK(table.targets.at(0).numbers.empty());
    CHECK(train_files({"01,1\n", "a,1\n", "02,1\n"}).targets.at(0).text ==
          Strings{"01", "a", "02"});
  }

  TEST_CASE("CsvReader: reads no more rows than asked for, and chunks add up") {
    CsvReader reader({opener("a.csv", "1,1\n2,2\n3,3\n"), opener("b.csv", "4,4\n5,5\n")},
                     Header::kAuto, {}, "");
    Table table;
    CHECK(reader.read(table, 2) == 2);
    CHECK(table.rows() == 2);
    CHECK(reader.read(table, 2) == 2);
    CHECK(reader.read(table, 2) == 1);
    CHECK(reader.read(table, 2) == 0);
    CHECK(table.targets.at(0).numbers == Doubles{1, 2, 3, 4, 5});
    CHECK(table.features.floats == Floats{1, 2, 3, 4, 5});
  }

  TEST_CASE("CsvReader: every file has its own header, with the same columns") {
    const Table table = train_files({"y,a\n1,2\n", "y,a\n3,4\n"}, "y");
    CHECK(table.targets.at(0).numbers == Doubles{1, 3});
    CHECK(table.feature_names == Strings{"a"});
    CHECK_THROWS_WITH_AS(
        train_files({"y,a\n1,2\n", "y,b\n3,4\n"}, "y"),
        doctest::Contains("b.csv, line 1, column 2: found the name \"b\", but in a.csv "
                          "this column is \"a\""),
        UserError);
    CHECK_THROWS_WITH_AS(train_files({"1,2\n", "1,2,3\n"}),
                         doctest::Contains("b.csv, line 1: found 3 columns, but a.csv has 2"),
                         UserError);
  }

  TEST_CASE("CsvReader: files without header can't follow one with header") {
    CsvReader reader({opener("a.csv", "1,2\n"), opener("b.csv", "x,y\n3,4\n")}, Header::kNo, {},
                     "");
    CHECK_THROWS_WITH_AS(read_all(reader), doctest::Contains("b.csv, line 1"), UserError);
    // header=auto takes each file by its own first line.
    CHECK_THROWS_WITH_AS(train_files({"1,2\n", "x,y\n3,4\n"}),
                         doctest::Contains("line 1 is a header"), UserError);
  }

  TEST_CASE(
      "CsvReader: a field that is no number is named by file, line, column and column's name") {
    check_failures({
        {"1,2\n3,red\n",
         "",
         {"a.csv, line 2, column 2", "\"red\"", "Text categories are not supported yet"}},
        {"y,color\n3,red\n", "y", {"line 2, column 2 (\"color\")", "replace them by numbers"}},
        {"1,2\n3,0x10\n", "", {"expected a number, found \"0x10\""}},
        {"1,2\n3,1 2\n", "", {"found \"1 2\""}},
        {"1,2\n3,\"2\n", "", {"line 2, column 2", "quotes around \"2\" are not closed"}},
        {"1,2\n3,\"2\"x\n", "", {"line 2, column 2", "not closed"}},
        {"1,2\n\"3,4\n", "", {"line 2, column 1", "not closed"}},
        {std::string("1,2\n3,4\0\n", 9), "", {"line 2, column 2", "zero byte"}},
        {"1,2\n3,1e99\n", "", {"line 2, column 2", "\"1e99\" is beyond the largest float32"}},
    });
  }

  TEST_CASE("CsvReader: missing values, NaN and infinity in features are refused") {
    for (const char* word : {"", "NA", "n/a", "NaN", "nan", "?", "null", "None", "\"\""}) {
      CAPTURE(word);
      const std::string message =
          message_of([&] { train(std::string("1,2,3\n4,") + word + ",6\n"); });
      CHECK(message.find("a.csv, line 2, column 2") != std::string::npos);
      CHECK(message.find("Missing values are not supported yet: fill them or drop the row") !=
            std::string::npos);
    }
    for (const char* word : {"inf", "-Inf", "Infinity", "+inf"}) {
      CAPTURE(word);
      CHECK_THROWS_WITH_AS(train(std::string("1,2\n4,") + word + "\n"),
                           doctest::Contains("a.csv, line 2, column 2: expected a finite number"),
                           UserError);
    }
  }

  TEST_CASE("CsvReader: ragged rows are named with what was found and expected") {
    check_failures({
        {"1,2,3\n4,5\n", "", {"a.csv, line 2: found 2 fields, expected 3"}},
        {"1,2,3\n4,5,6,7\n", "", {"a.csv, line 2: found 4 fields, expected 3"}},
        {"1,2,3\n4,5,\n", "", {"line 2, column 3", "missing value"}},
        {"1,2,3\n4,5,6,\n", "", {"found 4 fields"}},
        {"1,2,3\n,5\n", "", {"line 2"}},
        {"1,2,3\nabc\n", "", {"line 2: found 1 fields, expected 3"}},
        {"1,2,3\n4,abc\n", "", {"line 2: found 2 fields, expected 3"}},
    });
  }

  TEST_CASE(
      "CsvReader: a target that is missing, NaN, infinite, too large or no UTF-8 is refused") {
    check_failures({
        {"1,2\n,4\n", "", {"a.csv, line 2, column 1: the target is missing"}},
        {"1,2\nnan,4\n", "", {"line 2, column 1", "the target is \"nan\""}},
        {"1,2\n-inf,4\n", "", {"line 2, column 1", "\"-inf\""}},
        {"1,2\n1e999,4\n", "", {"line 2, column 1", "float64"}},
        {"1,2\n\xFFx,4\n", "", {"line 2, column 1", "UTF-8"}},
        {"x,y\n1,\n", "y", {"line 2, column 2 (\"y\"): the target is missing"}},
    });
  }

  TEST_CASE("CsvReader: header and target that don't fit each other are explained") {
    check_failures({
        {"", "", {"a.csv: the file is empty"}},
        {"\n\n", "", {"a.csv: the file is empty"}},
        {"a,b\n", "a", {"a.csv: the file has a header but no rows"}},
        {"a,b\n\n\n", "a", {"a.csv: the file has a header but no rows"}},
        {"a,b\n1,2\n", "", {"line 1 is a header", "hyperparameter target", "\"a\", \"b\""}},
        {"price,size\n1,2\n", "pirce", {"no column is named \"pirce\"", "closest is \"price\""}},
        {"5,6\n1,2\n",
         "price",
         {"no column is named \"price\"", "If line 1 is a row, remove target"}},
        {"a,b,a\n1,2,3\n", "b", {"line 1, column 3", "names \"a\" twice"}},
        {"a;b\n1;2\n", "b", {"no column is named \"b\"", "separated by ';'"}},
        {"a\tb\n1\t2\n", "", {"line 1 is a header", "separated by tabs"}},
        {"1;2\n3;4\n", "", {"separated by ';'"}},
        {"a\n1\n", "a", {"found a single column"}},
        {"1\n2\n", "", {"found a single column"}},
        {"a,\xFF\n1,2\n", "a", {"line 1, column 2", "UTF-8"}},
    });
    CHECK_THROWS_WITH_AS(train("1,2\n", "price", Header::kNo), doctest::Contains("header is false"),
                         UserError);
    CHECK_THROWS_WITH_AS(train("1,2\n", "", Header::kYes), doctest::Contains("line 1 is a header"),
                         UserError);
    std::string wide = "c0";
    for (int i = 1; i < 5000; ++i) wide += ",a_rather_long_column_name_" + std::to_string(i);
    CHECK(message_of([&] { train(wide + "\n"); }).find("more") != std::string::npos);
  }

  TEST_CASE("CsvReader: a row of predictions has the model's features and no target") {
    const Table table = predict("1,2\n3,4\n", model_of(2));
    CHECK(table.features.floats == Floats{1, 2, 3, 4});
    CHECK(table.targets.empty());
    CHECK(table.row_shape == std::vector<std::size_t>{2});
    PredictInputOptions image = model_of(4);
    image.row_shape = {2, 2};
    CHECK(predict("1,2,3,4\n", image).row_shape == std::vector<std::size_t>{2, 2});
  }

  TEST_CASE("CsvReader: prediction tells a label column from a wrong width") {
    CHECK_THROWS_WITH_AS(predict("1,2,3\n", model_of(2)), doctest::Contains("--label_size 1"),
                         UserError);
    CHECK_THROWS_WITH_AS(predict("1,2,3,4\n", model_of(2)),
                         doctest::Contains("a.csv, line 1: found 4 fields, expected 2"), UserError);
    CHECK_THROWS_WITH_AS(predict("1,2\n1\n", model_of(2)),
                         doctest::Contains("a.csv, line 2: found 1 fields, expected 2"), UserError);
    PredictInputOptions options = model_of(2);
    options.first_column_is_target = true;
    CHECK(predict("label,1,2\nx,3,4\n", options).features.floats == Floats{1, 2, 3, 4});
    CHECK_THROWS_WITH_AS(predict("1,2\n", options), doctest::Contains("expected 3: the label and"),
                         UserError);
  }

  TEST_CASE("CsvReader: prediction puts columns into the model's order by name") {
    const PredictInputOptions options = model_of(2, {"a", "b"}, "y");
    CHECK(predict("b,y,a\n1,?,2\n3,,4\n", options).features.floats == Floats{2, 1, 4, 3});
    CHECK(predict("a,b\n1,2\n", options).features.floats == Floats{1, 2});
    CHECK(predict("1,2\n", options).features.floats == Floats{1, 2});
    PredictInputOptions several = options;
    several.target_names = {"y", "z"};
    several.weight_name = "w";
    CHECK(predict("z,b,w,a,y\n,1,-,2,?\n", several).features.floats == Floats{2, 1});
    CHECK_THROWS_WITH_AS(predict("a,b,w\n1,2,3\n", options), doctest::Contains("knows no column"),
                         UserError);
    CHECK(predict("b,a\n1,2\n", options).feature_names == Strings{"a", "b"});
    // Names that are numbers make a header where they are the model's.
    CHECK(predict("1,0\n5,6\n", model_of(2, {"0", "1"})).features.floats == Floats{6, 5});
  }

  TEST_CASE("CsvReader: prediction names columns that are missing, unknown or double") {
    const PredictInputOptions options = model_of(2, {"size", "age"}, "y");
    CHECK_THROWS_WITH_AS(predict("size,y\n1,2\n", options),
                         doctest::Contains("the column \"age\" is missing"), UserError);
    CHECK_THROWS_WITH_AS(
        predict("size,agee\n1,2\n", options),
        doctest::Contains("column 2: the model knows no column \"agee\". The closest is "
                          "\"age\""),
        UserError);
    CHECK_THROWS_WITH_AS(predict("size,age,size\n1,2,3\n", options), doctest::Contains("twice"),
                         UserError);
    CHECK_THROWS_WITH_AS(predict("", options), doctest::Contains("the file is empty"), UserError);
    CHECK_THROWS_WITH_AS(predict("size,age\n", options), doctest::Contains("no rows"), UserError);
    CHECK_THROWS_WITH_AS(predict("size,age\n1,x\n", options),
                         doctest::Contains("line 2, column 2 (\"age\"): expected a number"),
                         UserError);
  }
}

}  // namespace mlp
