#include "runtime/data/class_weight.h"

#include <doctest/doctest.h>

#include "test/support/messages.h"

namespace mlp {
namespace {

using Doubles = std::vector<double>;

Schema classes_of(std::vector<std::string> labels) {
  Schema schema;
  schema.labels = std::move(labels);
  return schema;
}

ClassWeightChoice balanced() {
  ClassWeightChoice choice;
  choice.balanced = true;
  return choice;
}

ClassWeightChoice by_label(std::map<std::string, double> weights) {
  ClassWeightChoice choice;
  choice.by_label = std::move(weights);
  return choice;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("class_weights: balanced is scikit-learn's, over the given rows alone") {
    // compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1, 2, 2, 2, 2]) of
    // scikit-learn 1.9 gives 0.888..., 2.666... and 0.666...
    const std::vector<std::int32_t> classes = {0, 0, 0, 1, 2, 2, 2, 2, 1, 1};
    const std::vector<std::uint32_t> rows = {0, 1, 2, 3, 4, 5, 6, 7};
    CHECK(class_weights(balanced(), classes_of({"a", "b", "c"}), classes, rows) ==
          Doubles{8.0 / 9, 8.0 / 3, 8.0 / 12});
  }

  TEST_CASE("class_weights: a class without rows is no class of balanced") {
    const std::vector<std::int32_t> classes = {0, 0, 0, 2};
    const std::vector<std::uint32_t> rows = {0, 1, 2, 3};
    CHECK(class_weights(balanced(), classes_of({"a", "b", "c"}), classes, rows) ==
          Doubles{4.0 / 6, 1, 4.0 / 2});
  }

  TEST_CASE("class_weights: a map gives 1 to the labels that it does not name") {
    Schema schema = classes_of({"-1", "0", "10"});
    CHECK(class_weights(by_label({{"10", 2.5}, {"-1", 0}}), schema, {}, {}) == Doubles{0, 1, 2.5});
    schema.labels = {"no", "yes"};
    schema.task = Task::kBinary;
    CHECK(class_weights(by_label({{"yes", 3}}), schema, {}, {}) == Doubles{1, 3});
  }

  TEST_CASE("class_weights: an unknown label is named, with the closest one") {
    const std::string message = test::user_error_of([&] {
      class_weights(by_label({{"versicolour", 2}}), classes_of({"setosa", "versicolor"}), {}, {});
    });
    test::check_contains(message, {"class_weight names the label \"versicolour\"",
                                   "The closest is \"versicolor\".", "\"setosa\", \"versicolor\""});
    test::check_contains(test::user_error_of([&] {
                           class_weights(by_label({{"7", 2}}), classes_of({"0", "1"}), {}, {});
                         }),
                         {"the label \"7\"", "The labels are \"0\", \"1\""});
  }

  TEST_CASE("class_weights: tasks without classes have none") {
    for (const Task task : {Task::kRegression, Task::kMultilabel}) {
      Schema schema;
      schema.task = task;
      const std::string message =
          test::user_error_of([&] { class_weights(balanced(), schema, {}, {}); });
      test::check_contains(message, {"class_weight is set", "has no classes", "weight_column",
                                     task == Task::kRegression ? "regression" : "multilabel"});
    }
  }

  TEST_CASE("ClassWeightChoice: is empty where nothing was asked for") {
    CHECK(ClassWeightChoice().empty());
    CHECK_FALSE(balanced().empty());
    CHECK_FALSE(by_label({{"a", 1}}).empty());
  }
}

}  // namespace mlp
