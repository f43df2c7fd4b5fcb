#include "runtime/data/csv_reader.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/preprocessor.h"
#include "test/runtime/data/made_tables.h"
#include "test/support/columns.h"

namespace mlp {
namespace {

using test::asking;
using test::learn;
using test::Learned;
using test::opener;
using test::texts_of;
using test::train_channel;
using Strings = std::vector<std::string>;
using Floats = std::vector<float>;
using Doubles = std::vector<double>;

Table predict(const std::string& text, const PredictInputOptions& options) {
  CsvReader reader(opener("a.csv", text), options);
  Table table;
  while (reader.read(table, 3) > 0) {
  }
  return table;
}

std::unique_ptr<Learned> model_of(std::size_t width, Strings names = {}, std::string target = "") {
  auto model = std::make_unique<Learned>();
  model->preprocessor = Preprocessor::plain(std::move(names), width);
  model->options.preprocessor = &model->preprocessor;
  model->options.row_shape = {width};
  for (const InputColumn& input : model->preprocessor.columns())
    model->options.file_columns.push_back(input.name);
  if (!target.empty()) model->options.target_names = {std::move(target)};
  return model;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("CsvReader: reads no more rows than asked for, and chunks add up") {
    const auto model = model_of(1);
    CsvReader reader(opener("a.csv", "1\n2\n3\n4\n5\n\n"), model->options);
    Table table;
    CHECK(reader.read(table, 2) == 2);
    CHECK(table.rows() == 2);
    CHECK(reader.read(table, 2) == 2);
    CHECK(reader.read(table, 2) == 1);
    CHECK(reader.read(table, 2) == 0);
    CHECK(table.features.floats == Floats{1, 2, 3, 4, 5});
  }

  TEST_CASE("CsvReader: a row of predictions has the model's features and no target") {
    const auto model = model_of(2);
    const Table table = predict("1,2\n3,4\n", model->options);
    CHECK(table.features.floats == Floats{1, 2, 3, 4});
    CHECK(table.targets.empty());
    CHECK(table.row_shape == std::vector<std::size_t>{2});
  }

  TEST_CASE("CsvReader: prediction tells a label column from a wrong width") {
    const auto model = model_of(2);
    PredictInputOptions& options = model->options;
    CHECK_THROWS_WITH_AS(predict("1,2,3\n", options), doctest::Contains("--label_size 1"),
                         UserError);
    CHECK_THROWS_WITH_AS(predict("1,2,3,4\n", options),
                         doctest::Contains("a.csv, line 1: found 4 fields, expected 2"), UserError);
    CHECK_THROWS_WITH_AS(predict("1,2\n1\n", options),
                         doctest::Contains("a.csv, line 2: found 1 field, expected 2"), UserError);
    options.has_target = true;
    CHECK(predict("label,1,2\nx,3,4\n", options).features.floats == Floats{1, 2, 3, 4});
    CHECK_THROWS_WITH_AS(predict("1,2\n", options), doctest::Contains("expected 3: the label and"),
                         UserError);
  }

  TEST_CASE("CsvReader: prediction puts columns into the model's order by name") {
    const auto model = model_of(2, {"a", "b"}, "y");
    const PredictInputOptions& options = model->options;
    CHECK(predict("b,y,a\n1,?,2\n3,,4\n", options).features.floats == Floats{2, 1, 4, 3});
    CHECK(predict("a,b\n1,2\n", options).features.floats == Floats{1, 2});
    CHECK(predict("1,2\n", options).features.floats == Floats{1, 2});
    PredictInputOptions several = options;
    several.target_names = {"y", "z"};
    several.weight_name = "w";
    CHECK(predict("z,b,w,a,y\n,1,-,2,?\n", several).features.floats == Floats{2, 1});
    CHECK_THROWS_WITH_AS(predict("a,b,w\n1,2,3\n", options), doctest::Contains("knows no column"),
                         UserError);
    // Names that are numbers make a header where they are the model's.
    const auto numbered = model_of(2, {"0", "1"});
    CHECK(predict("1,0\n5,6\n", numbered->options).features.floats == Floats{6, 5});
  }

  TEST_CASE("CsvReader: rows without header stand as in the training file, target or not") {
    const auto learned = learn("b,y,id,a\n1,0,u,x\n2,1,v,\n3,0,w,x\n", "y");
    const Table plain = predict("5,q,z\n", learned->options);  // b, id, a
    REQUIRE(plain.columns.size() == 2);
    CHECK(texts_of(plain.columns[0]) == Strings{"z"});
    CHECK(plain.columns[1].numbers == Doubles{5});
    learned->options.has_target = true;
    CHECK(predict("5,0,q,z\n", learned->options).columns[1].numbers == Doubles{5});
    // Numbered columns know their places themselves.
    const auto numbered = learn("1,x,7\n0,y,8\n1,x,9\n");
    CHECK(predict("z,3\n", numbered->options).columns.at(1).numbers == Doubles{3});
    numbered->options.has_target = true;
    CHECK(predict("1,z,3\n", numbered->options).columns.at(1).numbers == Doubles{3});
  }

  TEST_CASE("CsvReader: rows without header are refused where their order is not known") {
    const auto learned = learn("b,y,a\n1,0,x\n2,1,y\n3,0,x\n", "y");
    learned->options.file_columns.clear();
    CHECK(predict("a,b\nx,1\n", learned->options).rows() == 1);
    CHECK_THROWS_WITH_AS(predict("1,x\n", learned->options),
                         doctest::Contains("columns.json is not beside the model"), UserError);
  }

  TEST_CASE("CsvReader: a first row of text and gaps is a row, in training as in prediction") {
    const auto numbered = learn("0,1,clerk\n1,,cook\n0,3,clerk\n");
    CHECK(predict(",clerk\n10,cook\n20,cook\n", numbered->options).rows() == 3);
    CHECK(predict("?,cook\n", numbered->options).rows() == 1);
    CHECK(predict("size,job\n10,cook\n", numbered->options).rows() == 1);
    CHECK(train_channel({"?,clerk,yes\n3,cook,no\n"}, asking({"-1"})).rows.rows() == 2);
  }

  TEST_CASE("CsvReader: a header that is none of the model's is told, not taken for a row") {
    const auto texts = learn("y,color,size\n1,red,S\n0,blue,M\n1,red,M\n0,blue,S\n", "y");
    CHECK_THROWS_WITH_AS(predict("colour,Size\nred,S\n", texts->options),
                         doctest::Contains("knows no column \"colour\""), UserError);
    const auto years = learn("y,2010,2011\n1,5,6\n0,7,8\n", "y");
    CHECK_THROWS_WITH_AS(predict("2010,2012\n5,6\n", years->options),
                         doctest::Contains("knows no column \"2012\""), UserError);
  }

  TEST_CASE("CsvReader: a line of text is a header only where it can be no row") {
    const auto learned = learn("y,a,b\n1,x,u\n0,y,v\n1,x,u\n0,y,v\n", "y");
    CHECK(predict("x,v\ny,u\n", learned->options).rows() == 2);
    CHECK(predict("b,a\nu,x\n", learned->options).rows() == 1);
    CHECK_THROWS_WITH_AS(predict("a,c\nu,x\n", learned->options),
                         doctest::Contains("knows no column \"c\""), UserError);
  }

  TEST_CASE("CsvReader: prediction names columns that are missing, unknown or double") {
    const auto model = model_of(2, {"size", "age"}, "y");
    const PredictInputOptions& options = model->options;
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
    CHECK_THROWS_WITH_AS(predict("size,age\n1,\n", options),
                         doctest::Contains("line 2, column 2 (\"age\"): expected a number, found "
                                           "nothing, a missing value"),
                         UserError);
  }

  TEST_CASE("CsvReader: a missing number gets the training rows' median") {
    const auto learned = learn("y,a,b\n1,2,5\n0,4,6\n1,9,7\n", "y");
    CHECK(learned->preprocessor.is_plain());
    CHECK(predict("a,b\n,1\n3,NA\n", learned->options).features.floats == Floats{4, 1, 3, 6});
  }

  TEST_CASE("CsvReader: what a date or boolean can't hold is named by its place") {
    const auto learned = learn(
        "y,day,on\n1,2024-01-05,yes\n0,2024-02-06,no\n1,2023-03-07,yes\n0,2022-04-08,no\n", "y");
    CHECK(predict("day,on\n2024-05-09,NO\n,\n", learned->options).rows() == 2);
    CHECK_THROWS_WITH_AS(predict("day,on\n2024-05-09,no\n5/9/2024,no\n", learned->options),
                         doctest::Contains("a.csv, line 3, column 1 (\"day\"): expected a date"),
                         UserError);
    CHECK_THROWS_WITH_AS(predict("day,on\n2024-05-09,maybe\n", learned->options),
                         doctest::Contains("line 2, column 2 (\"on\"): expected"), UserError);
  }

  TEST_CASE("CsvReader: a blank line between rows is named, wherever blocks end") {
    const auto model = model_of(2);
    CHECK(predict("1,2\n3,4\n\n \n", model->options).rows() == 2);
    for (const std::size_t rows : {1U, 100U, 262'143U, 262'144U, 262'145U, 300'000U}) {
      CAPTURE(rows);
      std::string text;
      for (std::size_t i = 0; i < rows; ++i) text += "1,2\n";
      CHECK_THROWS_WITH_AS(predict(text + "\n\n3,4\n", model->options),
                           doctest::Contains(("a.csv, line " + std::to_string(rows + 1) +
                                              ": the line is blank, but rows follow it")
                                                 .c_str()),
                           UserError);
    }
  }
}

}  // namespace mlp
