#include "model/target_encoder.h"

#include <doctest/doctest.h>

#include <string>

#include "model/error.h"

namespace mlp {
namespace {

Table with_numbers(std::vector<double> numbers) {
  Table table;
  table.source = "train.csv";
  table.target_names = {"kind"};
  table.targets.push_back({.numbers = std::move(numbers), .text = {}});
  return table;
}

Table with_text(std::vector<std::string> text) {
  Table table;
  table.source = "train.csv";
  table.targets.push_back({.numbers = {}, .text = std::move(text)});
  return table;
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
