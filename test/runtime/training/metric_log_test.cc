#include "runtime/training/metric_log.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

namespace mlp {
namespace {

std::string first_match(const std::string& expression, const std::string& line) {
  std::smatch match;
  return std::regex_search(line, match, std::regex(expression)) ? match[1].str() : "";
}

EpochMetrics regression_epoch() {
  return {2,
          10,
          3.2,
          {{"loss", 1e-7},
           {"rmse", 1234567.25},
           {"mae", 0.5},
           {"r2", -0.25},
           {"val_loss", 2.5},
           {"val_rmse", 3.5},
           {"val_mae", 4.5},
           {"val_r2", -5.5}}};
}

}  // namespace

TEST_SUITE("runtime/training") {
  TEST_CASE("epoch_line: is Keras's, training before validation") {
    const EpochMetrics metrics = {
        3,
        10,
        1.8,
        {{"loss", 0.3421}, {"accuracy", 0.9012}, {"val_loss", 0.2987}, {"val_accuracy", 0.9123}}};
    CHECK(epoch_line(metrics) ==
          "Epoch 3/10 - 2s - loss: 0.342100 - accuracy: 0.901200 - val_loss: 0.298700 - "
          "val_accuracy: 0.912300");
  }

  TEST_CASE(
      "epoch_line: the TensorFlow demo's three expressions find the right numbers at their first "
      "match") {
    const std::string line = epoch_line(
        {1, 5, 0, {{"loss", 0.25}, {"accuracy", 0.5}, {"val_loss", 0.75}, {"val_accuracy", 1}}});
    CHECK(first_match(R"(loss: ([0-9\.]+))", line) == "0.250000");
    CHECK(first_match(R"(val_loss: ([0-9\.]+))", line) == "0.750000");
    CHECK(first_match(R"(val_accuracy: ([0-9\.]+))", line) == "1.000000");
  }

  TEST_CASE("epoch_line: has plain decimals, however small or large") {
    const std::string line = epoch_line(regression_epoch());
    CHECK(line.find("loss: 0.000000 - rmse: 1234567.250000") != std::string::npos);
    CHECK_FALSE(std::regex_search(line, std::regex("[0-9]e[-+0-9]")));
  }

  TEST_CASE("epoch_line: leaves out what is no finite number, and non_finite names it") {
    const EpochMetrics metrics = {
        1, 1, 0, {{"loss", NAN}, {"accuracy", 0.5}, {"val_loss", INFINITY}}};
    CHECK(epoch_line(metrics) == "Epoch 1/1 - 0s - accuracy: 0.500000");
    CHECK(non_finite(metrics) == std::vector<std::string>{"loss", "val_loss"});
  }

  TEST_CASE("metric_definitions: each expression finds its own metric, once, and no other's") {
    EpochMetrics all = regression_epoch();
    all.values.insert(all.values.begin() + 1, {"accuracy", 0.125});
    all.values.push_back({"val_accuracy", 0.375});
    const std::string line = epoch_line(all);
    std::size_t found = 0;
    for (const auto& definition : metric_definitions()) {
      const std::string name = definition["Name"];
      const std::regex expression(definition["Regex"].get<std::string>());
      CAPTURE(name);
      CHECK(std::distance(std::sregex_iterator(line.begin(), line.end(), expression),
                          std::sregex_iterator()) == 1);
      const std::string key =
          (name.starts_with("validation:") ? "val_" : "") + name.substr(name.find(':') + 1);
      for (const auto& [metric, value] : all.values) {
        if (metric != key) continue;
        CHECK(std::stod(first_match(definition["Regex"], line)) ==
              doctest::Approx(value).epsilon(1e-6));
        ++found;
      }
    }
    CHECK(found == all.values.size());
  }

  TEST_CASE("is_known_metric: knows what is defined and the demo's names") {
    CHECK(is_known_metric("validation:accuracy"));
    CHECK(is_known_metric("validation:error"));
    CHECK_FALSE(is_known_metric("validation:acuracy"));
  }
}

}  // namespace mlp
