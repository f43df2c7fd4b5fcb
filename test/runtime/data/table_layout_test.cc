#include "runtime/data/table_layout.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "model/error.h"

namespace mlp {
namespace {

using Strings = std::vector<std::string>;

bool has_header(const Strings& line, Header header, const ColumnChoice& choice) {
  return mlp::has_header(line, header, choice, {});
}

std::string message_of(bool named, const Strings& columns, const ColumnChoice& choice) {
  try {
    choose_columns("a.csv", named, columns, choice);
  } catch (const UserError& error) {
    CHECK(std::string(error.what()).size() < 1024);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("has_header: a name that is asked for, or no number in the line, makes a header") {
    CHECK(has_header({"a", "b"}, Header::kAuto, {}));
    CHECK_FALSE(has_header({"a", "1"}, Header::kAuto, {}));
    CHECK(has_header({"a", "1"}, Header::kAuto, {.targets = {"a"}}));
    CHECK(has_header({"1", "2"}, Header::kAuto, {.weight = "w"}));
    CHECK(has_header({"1", "2"}, Header::kAuto, {.ignored = {"w"}}));
    CHECK_FALSE(has_header({"a", "1"}, Header::kAuto, {.targets = {"1"}}));
    CHECK_FALSE(has_header({"39", "x"}, Header::kAuto, {.targets = {"-1"}}));
    CHECK_FALSE(has_header({"5", "1"}, Header::kAuto, {.targets = {"1"}}));
    // As tools number columns that have no names.
    CHECK(has_header({"0", "1", "2"}, Header::kAuto, {.targets = {"2"}}));
    CHECK(has_header({"1", "2", "3", "4"}, Header::kAuto, {.targets = {"2"}}));
    CHECK_FALSE(has_header({"0", "1"}, Header::kAuto, {.targets = {"2"}}));
    CHECK_FALSE(has_header({"0", "1", "2"}, Header::kAuto, {}));
    // A gap or a repeated word is a row's.
    CHECK_FALSE(has_header({"?", "clerk", "yes"}, Header::kAuto, {.targets = {"-1"}}));
    CHECK_FALSE(has_header({"x", "s", "x"}, Header::kAuto, {}));
    CHECK(has_header({"", "a", ""}, Header::kAuto, {}));
    CHECK(has_header({"1", "2"}, Header::kYes, {}));
    CHECK_FALSE(has_header({"a", "b"}, Header::kNo, {}));
  }

  TEST_CASE("choose_columns: targets, weight and features by name, by number, or by what is left") {
    const TableLayout named =
        choose_columns("a.csv", true, {"x10", "t", "w", "u", "x9", "id"},
                       {.targets = {"u", "t"}, .weight = "w", .features = {}, .ignored = {"id"}});
    CHECK(named.targets == Strings{"u", "t"});
    CHECK(named.weight == "w");
    CHECK(named.features == Strings{"x9", "x10"});
    CHECK(named.ignored == Strings{"id"});
    const TableLayout numbered =
        choose_columns("a.csv", false, numbered_columns(12), {.targets = {"-1"}, .weight = "2"});
    CHECK(numbered.targets == Strings{"12"});
    CHECK(numbered.weight == "2");
    CHECK(numbered.features == Strings{"1", "3", "4", "5", "6", "7", "8", "9", "10", "11"});
    CHECK(choose_columns("a.csv", false, numbered_columns(3), {}).targets == Strings{"1"});
    const TableLayout some = choose_columns("a.csv", true, {"a", "b", "c", "d"},
                                            {.targets = {"d"}, .features = {"c", "a"}});
    CHECK(some.features == Strings{"a", "c"});
    CHECK(some.ignored == Strings{"b"});
  }

  TEST_CASE("TableLayout: features may stand in the order of the file or not") {
    CHECK(choose_columns("a.csv", true, {"a", "y", "b"}, {.targets = {"y"}}).in_file_order());
    CHECK_FALSE(choose_columns("a.csv", true, {"b", "y", "a"}, {.targets = {"y"}}).in_file_order());
    CHECK(choose_columns("a.csv", false, numbered_columns(12),
                         {.targets = {"1"}, .features = {"11", "3"}})
              .features == Strings{"3", "11"});
  }

  TEST_CASE("choose_columns: names are sorted by the numbers in them") {
    CHECK(choose_columns("a.csv", true, {"y", "p10", "p9", "p", "q1b", "q01a", "Z", "p9x"},
                         {.targets = {"y"}})
              .features == Strings{"Z", "p", "p9", "p9x", "p10", "q01a", "q1b"});
  }

  TEST_CASE("choose_columns: what can't be is refused with what there is") {
    struct Case {
      bool named;
      Strings columns;
      ColumnChoice choice;
      const char* words;
    };
    for (const Case& c : {
             Case{true,
                  {"a", "b", "c"},
                  {.targets = {"a", "b", "a"}},
                  "The hyperparameter target names the column \"a\" twice"},
             Case{true,
                  {"a", "b", "c"},
                  {.targets = {"a", "b"}, .weight = "b"},
                  "target and weight_column both name the column \"b\""},
             Case{true,
                  {"a", "b", "c"},
                  {.targets = {"a"}, .features = {"b", "c"}, .ignored = {"c"}},
                  "ignore and features both name the column \"c\""},
             Case{true,
                  {"a", "price", "c"},
                  {.targets = {"prize"}},
                  "no column is named \"prize\", as the hyperparameter target asks. The closest is "
                  "\"price\""},
             Case{true,
                  {"1", "2", "3"},
                  {.targets = {"a"}},
                  "If line 1 is a row, give the column's number instead"},
             Case{true, {"a", "b"}, {.targets = {"a"}, .weight = "9"}, "no column number \"9\""},
             Case{false, {"1", "2"}, {.targets = {"-3"}}, "line 1 has 2 columns"},
             Case{false,
                  {"1", "2"},
                  {.targets = {"price"}},
                  "target names the column \"price\", but header is false"},
             Case{true, {"a", "b"}, {}, "line 1 is a header, so the target has to be chosen"},
             Case{true, {"a", "2"}, {.weight = "a"}, "line 1 is taken for a header, as columns"},
             Case{true,
                  {"y", "w"},
                  {.targets = {"y"}, .weight = "w"},
                  "2 columns, none of which is a feature"},
             Case{false, {"1"}, {}, "found a single column"},
         }) {
      CAPTURE(c.words);
      const std::string message = message_of(c.named, c.columns, c.choice);
      CAPTURE(message);
      CHECK(message.find(c.words) != std::string::npos);
    }
  }

  TEST_CASE("header_names: columns without a name get one, as pandas has it") {
    CHECK(header_names("a.csv", {"", "a", ""}) == Strings{"Unnamed: 0", "a", "Unnamed: 2"});
    CHECK_THROWS_WITH_AS(header_names("a.csv", {"a", "b", "a"}),
                         doctest::Contains("line 1, column 3: the header names \"a\" twice"),
                         UserError);
    CHECK_THROWS_WITH_AS(header_names("a.csv", {"a", "\xFF"}),
                         doctest::Contains("line 1, column 2: the column's name"), UserError);
  }
}

}  // namespace mlp
