#include "runtime/serving/csv_numbers.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "test/runtime/data/made_tables.h"

namespace mlp {
namespace {

using Floats = std::vector<float>;

}  // namespace

TEST_SUITE("runtime/serving") {
  TEST_CASE("CsvNumbers: lines of numbers, each of the same count") {
    Floats values;
    CsvNumbers numbers("1,2.5\r\n-3e2,.5\n+1,7.", 2);
    CHECK(numbers.read(values, 2) == 2);
    CHECK_FALSE(numbers.at_end());
    CHECK(numbers.read(values, 2) == 1);
    CHECK(numbers.at_end());
    CHECK(values == Floats{1, 2.5F, -300, 0.5F, 1, 7});
    CHECK(numbers.read(values, 2) == 0);
  }

  TEST_CASE("CsvNumbers: stops before the first line of another kind") {
    for (const char* const line :
         {"1,2,3", "1", "1,x", "1,", ",1", "1, 2", "1,\"2\"", "1;2", "", "1,2 ", "1,1e39", "1,nan",
          "1,2\r3,4", "1,2\r", "\xEF\xBB\xBF"}) {
      CAPTURE(line);
      const std::string text = std::string("5,6\n") + line;
      Floats values;
      CsvNumbers numbers(text, 2);
      CHECK(numbers.read(values, 10) == 1);
      CHECK(values == Floats{5, 6});
      CHECK(numbers.at_end() == (*line == '\0'));
    }
  }

  TEST_CASE("takes_csv_numbers: where a line of numbers can be nothing but a row") {
    using test::learn;
    CHECK(takes_csv_numbers(learn("1,2.5,3\n4,5,6\n7,8,9\n")->options));
    CHECK(takes_csv_numbers(learn("a,b,y\n1,2,3\n4,5,6\n7,9,9\n", "y")->options));
    // In another order than that of their names.
    CHECK_FALSE(takes_csv_numbers(learn("b,a,y\n1,2,3\n4,5,6\n7,9,9\n", "y")->options));
    // A name that is a number.
    CHECK_FALSE(takes_csv_numbers(learn("a,2020,y\n1,2,3\n4,5,6\n7,9,9\n", "y")->options));
    // Text.
    CHECK_FALSE(takes_csv_numbers(learn("a,b,y\nu,2,3\nv,5,6\nu,9,9\nv,1,1\n", "y")->options));
    // Columns that are not used have fields too.
    CHECK_FALSE(takes_csv_numbers(learn("a,b,y\n1,5,3\n4,5,6\n7,5,9\n", "y")->options));
    auto model = learn("a,b,y\n1,2,3\n4,5,6\n7,9,9\n", "y");
    PredictInputOptions options = model->options;
    options.missing_values = MissingValues({"-999"});
    CHECK_FALSE(takes_csv_numbers(options));
    options = model->options;
    options.file_columns.clear();
    CHECK_FALSE(takes_csv_numbers(options));
    options = model->options;
    options.header = Header::kYes;
    CHECK_FALSE(takes_csv_numbers(options));
    options = model->options;
    options.delimiter = ';';
    CHECK_FALSE(takes_csv_numbers(options));
    options = model->options;
    options.has_target = true;
    CHECK_FALSE(takes_csv_numbers(options));
  }
}

}  // namespace mlp
