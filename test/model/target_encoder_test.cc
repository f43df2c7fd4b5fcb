#include "model/target_encoder.h"

#include <doctest/doctest.h>

#include <string>

#include "model/error.h"
#include "test/support/columns.h"
#include "test/support/messages.h"

namespace mlp {
namespace {

Table with_numbers(std::vector<double> numbers) {
  Table table;
  table.source = "train.csv";
  table.target_names = {"kind"};
  table.targets.push_back(test::numbers("", std::move(numbers)));
  return table;
}

Table with_text(std::vector<std::string> text) {
  Table table;
  table.source = "train.csv";
  table.targets.push_back(test::texts("", text));
  return table;
}

// Target columns by rows: {{1, 0}, {0, 1}} are two columns of two rows each.
Table with_rows(const std::vector<std::vector<double>>& rows, std::vector<std::string> names = {}) {
  Table table;
  table.source = "y.npy";
  table.target_names = std::move(names);
  table.targets.resize(rows[0].size());
  for (const std::vector<double>& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) table.targets[i].numbers.push_back(row[i]);
  }
  return table;
}

// What fit_targets() says of a choice that does not suit.
std::string complaint(const Table& table, TaskChoice choice) {
  return test::user_error_of([&] {
    Schema schema;
    fit_targets(table, choice, schema);
  });
}

Schema fitted(const Table& table, TaskChoice choice) {
  Schema schema;
  fit_targets(table, choice, schema);
  return schema;
}

std::vector<double> range(int count) {
  std::vector<double> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE(
      "fit_targets: auto takes text and up to 20 distinct integers as classes, all else as "
      "values") {
    CHECK(fitted(with_numbers(range(20)), TaskChoice::kAuto).task == Task::kClassification);
    CHECK(fitted(with_numbers(range(21)), TaskChoice::kAuto).task == Task::kRegression);
    CHECK(fitted(with_numbers({1, 2, 2.5}), TaskChoice::kAuto).task == Task::kRegression);
    CHECK(fitted(with_text({"b", "a"}), TaskChoice::kAuto).task == Task::kClassification);
  }

  TEST_CASE("fit_targets: labels stand in ascending order, whatever integers they are") {
    const Schema schema = fitted(with_numbers({5.0, -1, 300, 5, -1}), TaskChoice::kAuto);
    CHECK(schema.labels == std::vector<std::string>{"-1", "5", "300"});
    CHECK_FALSE(schema.labels_are_text);
    CHECK(schema.outputs() == 3);
    CHECK(schema.target_names == std::vector<std::string>{"kind"});
    const Schema text = fitted(with_text({"no", "yes", "maybe", "no"}), TaskChoice::kAuto);
    CHECK(text.labels == std::vector<std::string>{"maybe", "no", "yes"});
    CHECK(text.labels_are_text);
  }

  TEST_CASE("fit_targets: labels are those that rows have") {
    Table table = with_text({"b", "c", "a", "b"});
    table.targets[0].texts.add("z");
    const Schema schema = fitted(table, TaskChoice::kAuto);
    CHECK(schema.labels == std::vector<std::string>{"a", "b", "c"});
    CHECK(encode_targets(table, schema).classes == std::vector<std::int32_t>{1, 2, 0, 1});
  }

  TEST_CASE("fit_targets: the choice overrules") {
    CHECK(fitted(with_numbers(range(100)), TaskChoice::kClassification).labels.size() == 100);
    const Schema schema = fitted(with_numbers({0, 1, 1}), TaskChoice::kRegression);
    CHECK(schema.task == Task::kRegression);
    CHECK(schema.outputs() == 1);
    CHECK(schema.labels.empty());
  }

  TEST_CASE("fit_targets: fractions are no labels, and the row is named") {
    CHECK_THROWS_WITH_AS(fitted(with_numbers({0, 1, 0.37}), TaskChoice::kClassification),
                         doctest::Contains("0.37 in row 3"), UserError);
  }

  TEST_CASE("fit_targets: text is no value, and the row is named") {
    CHECK_THROWS_WITH_AS(fitted(with_text({"1", "2", "many"}), TaskChoice::kRegression),
                         doctest::Contains("\"many\" in row 3"), UserError);
  }

  TEST_CASE("fit_targets: numbers saved as text are told apart from text") {
    CHECK_THROWS_WITH_AS(fitted(with_text({"1", "2.5"}), TaskChoice::kRegression),
                         doctest::Contains("array of text"), UserError);
  }

  TEST_CASE("fit_targets: labels that doubles can't tell apart are refused") {
    CHECK_THROWS_WITH_AS(fitted(with_numbers({1, 9007199254740992}), TaskChoice::kAuto),
                         doctest::Contains("9007199254740992 in row 2"), UserError);
  }

  TEST_CASE("fit_targets: one class alone is refused") {
    CHECK_THROWS_WITH_AS(fitted(with_numbers({4, 4, 4}), TaskChoice::kAuto),
                         doctest::Contains("is \"4\" in all 3 rows"), UserError);
    CHECK_THROWS_WITH_AS(fitted(with_text({"a", "a"}), TaskChoice::kAuto),
                         doctest::Contains("two classes"), UserError);
  }

  TEST_CASE("fit_targets: two classes are binary only where that was chosen") {
    CHECK(fitted(with_numbers({0, 1, 1}), TaskChoice::kAuto).task == Task::kClassification);
    const Schema schema = fitted(with_numbers({7, -3, 7}), TaskChoice::kBinary);
    CHECK(schema.task == Task::kBinary);
    CHECK(schema.labels == std::vector<std::string>{"-3", "7"});
    CHECK(schema.outputs() == 1);
    CHECK(schema.targets == 1);
    const Table text = with_text({"yes", "no", "yes"});
    CHECK(fitted(text, TaskChoice::kBinary).labels == std::vector<std::string>{"no", "yes"});
    CHECK(encode_targets(text, fitted(text, TaskChoice::kBinary)).classes ==
          std::vector<std::int32_t>{1, 0, 1});
  }

  TEST_CASE("fit_targets: binary with other than two labels says how many there are") {
    test::check_contains(
        complaint(with_numbers({2, 0, 1, 2}), TaskChoice::kBinary),
        {"train.csv: the target \"kind\" has 3 distinct labels (\"0\", \"1\", \"2\")",
         "task=binary needs exactly two", "task=classification"});
    test::check_contains(complaint(with_text({"a", "b", "c"}), TaskChoice::kBinary),
                         {"3 distinct labels"});
    test::check_contains(complaint(with_numbers({1, 1}), TaskChoice::kBinary),
                         {"is \"1\" in all 2 rows"});
    test::check_contains(complaint(with_numbers({0, 0.5}), TaskChoice::kBinary),
                         {"0.5 in row 2", "task=binary needs labels"});
  }

  TEST_CASE("fit_targets: auto takes several columns of 0 and 1 as labels, others as values") {
    const Schema labels = fitted(with_rows({{1, 0}, {1, 1}, {0, 0}}), TaskChoice::kAuto);
    CHECK(labels.task == Task::kMultilabel);
    CHECK(labels.targets == 2);
    CHECK(labels.outputs() == 2);
    CHECK(labels.labels == std::vector<std::string>{"0", "1"});
    CHECK_FALSE(labels.labels_are_text);
    const Schema named =
        fitted(with_rows({{1, 0}, {1, 1}}, {"sports", "politics"}), TaskChoice::kAuto);
    CHECK(named.labels == std::vector<std::string>{"sports", "politics"});
    CHECK(named.labels_are_text);
    CHECK(named.target_names == named.labels);
    const Schema values = fitted(with_rows({{1, 0}, {1, 2}}), TaskChoice::kAuto);
    CHECK(values.task == Task::kRegression);
    CHECK(values.targets == 2);
    CHECK(values.outputs() == 2);
    CHECK(values.labels.empty());
    CHECK(fitted(with_rows({{1, 0}, {1, 1}}), TaskChoice::kRegression).task == Task::kRegression);
  }

  TEST_CASE("fit_targets: what looks one-hot is refused with both ways out, unless chosen") {
    const Table one_hot = with_rows({{0, 1, 0}, {1, 0, 0}, {0, 1, 0}});
    test::check_contains(complaint(one_hot, TaskChoice::kAuto),
                         {"y.npy: each row has exactly one 1 in the 3 target columns",
                          "numpy.argmax(y, axis=1)", "set task=multilabel"});
    CHECK(fitted(one_hot, TaskChoice::kMultilabel).task == Task::kMultilabel);
    CHECK(fitted(one_hot, TaskChoice::kRegression).task == Task::kRegression);
    CHECK(fitted(with_rows({{0, 1}, {1, 1}}), TaskChoice::kAuto).task == Task::kMultilabel);
    CHECK(fitted(with_rows({{0, 1}, {0, 0}}), TaskChoice::kAuto).task == Task::kMultilabel);
  }

  TEST_CASE("fit_targets: a task of one label per row refuses several columns") {
    for (const TaskChoice choice : {TaskChoice::kClassification, TaskChoice::kBinary}) {
      test::check_contains(complaint(with_rows({{0, 1}, {1, 0}}), choice),
                           {"y.npy: there are 2 target columns",
                            choice == TaskChoice::kBinary ? "task=binary" : "task=classification",
                            "numpy.argmax", "task=multilabel"});
    }
  }

  TEST_CASE("fit_targets: multilabel needs 0 or 1, and names row and column of other values") {
    CHECK(fitted(with_numbers({0, 1, 1}), TaskChoice::kMultilabel).labels ==
          std::vector<std::string>{"kind"});
    CHECK(fitted(with_rows({{1, 0}, {1, 1}}), TaskChoice::kMultilabel).outputs() == 2);
    test::check_contains(complaint(with_rows({{1, 0}, {1, 0.5}}), TaskChoice::kMultilabel),
                         {"y.npy: target column 2 is 0.5 in row 2", "needs 0 or 1"});
    test::check_contains(
        complaint(with_rows({{1, 0}, {-1, 1}}, {"a", "b"}), TaskChoice::kMultilabel),
        {"the target \"a\" is -1 in row 2"});
    test::check_contains(complaint(with_text({"x", "y"}), TaskChoice::kMultilabel),
                         {"is the text \"x\" in row 1", "task=classification"});
  }

  TEST_CASE("encode_targets: several columns stand row by row") {
    const Table values = with_rows({{0.5, 10}, {-1, 20}, {2, 30}});
    CHECK(encode_targets(values, fitted(values, TaskChoice::kAuto)).values ==
          std::vector<float>{0.5F, 10, -1, 20, 2, 30});
    const Table labels = with_rows({{1, 0, 1}, {0, 0, 0}});
    CHECK(encode_targets(labels, fitted(labels, TaskChoice::kAuto)).values ==
          std::vector<float>{1, 0, 1, 0, 0, 0});
    CHECK_THROWS_WITH_AS(
        encode_targets(with_rows({{0, 1}, {0, 1e39}}), fitted(values, TaskChoice::kAuto)),
        doctest::Contains("target column 2 is 1e+39 in row 2"), UserError);
    CHECK_THROWS_WITH_AS(
        encode_targets(with_rows({{1, 0, 1}, {0, 2, 0}}), fitted(labels, TaskChoice::kAuto)),
        doctest::Contains("target column 2 is 2 in row 2"), UserError);
  }

  TEST_CASE("encode_targets: other target columns than the training rows' are refused") {
    const Schema schema = fitted(with_rows({{1, 2}, {3, 4}}, {"a", "b"}), TaskChoice::kAuto);
    CHECK_THROWS_WITH_AS(encode_targets(with_rows({{1, 2, 3}}), schema),
                         doctest::Contains("y.npy: the rows have 3 target columns, but the "
                                           "training rows have 2"),
                         UserError);
    CHECK_THROWS_WITH_AS(encode_targets(with_numbers({1}), schema),
                         doctest::Contains("the rows have 1 target column, but"), UserError);
    CHECK_THROWS_WITH_AS(encode_targets(with_rows({{1, 2}}, {"a", "c"}), schema),
                         doctest::Contains("the target \"c\", but in the training rows target "
                                           "column 2 is \"b\""),
                         UserError);
    CHECK(encode_targets(with_rows({{1, 2}}), schema).values == std::vector<float>{1, 2});
  }

  TEST_CASE("encode_targets: labels become indices, and values floats") {
    const Table table = with_numbers({300, -1, -1, 5});
    CHECK(encode_targets(table, fitted(table, TaskChoice::kAuto)).classes ==
          std::vector<std::int32_t>{2, 0, 0, 1});
    const Table text = with_text({"yes", "no"});
    CHECK(encode_targets(text, fitted(text, TaskChoice::kAuto)).classes ==
          std::vector<std::int32_t>{1, 0});
    const Table values = with_numbers({0.5, 1e-3});
    CHECK(encode_targets(values, fitted(values, TaskChoice::kAuto)).values ==
          std::vector<float>{0.5F, 1e-3F});
  }

  TEST_CASE("encode_targets: a label that training never saw is named with its row") {
    const Schema schema = fitted(with_numbers({0, 1, 2}), TaskChoice::kAuto);
    CHECK_THROWS_WITH_AS(encode_targets(with_numbers({2, 7}), schema),
                         doctest::Contains("\"7\" in row 2"), UserError);
    CHECK_THROWS_WITH_AS(encode_targets(with_numbers({2, 0.5}), schema),
                         doctest::Contains("\"0.5\" in row 2"), UserError);
    CHECK_THROWS_WITH_AS(encode_targets(with_text({"2", "x"}), schema),
                         doctest::Contains("\"x\" in row 2"), UserError);
  }

  TEST_CASE("encode_targets: text among values, and values beyond float32, are refused") {
    const Schema schema = fitted(with_numbers({0.5, 1.5}), TaskChoice::kAuto);
    CHECK_THROWS_WITH_AS(encode_targets(with_text({"1.5", "dear"}), schema),
                         doctest::Contains("\"dear\" in row 2"), UserError);
    CHECK_THROWS_WITH_AS(encode_targets(with_numbers({1e300}), schema),
                         doctest::Contains("float32"), UserError);
  }
}

}  // namespace mlp
