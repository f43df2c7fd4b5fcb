#include "model/number_scaler.h"

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace mlp {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kTolerance = 1e-9;  // of normal_quantile(); all else is good to a few bits

void check_near(double found, double expected) {
  CAPTURE(found);
  CAPTURE(expected);
  CHECK(found - expected <= kTolerance);
  CHECK(expected - found <= kTolerance);
}

std::vector<double> applied(const NumberScaler& scaler, const std::vector<double>& values) {
  std::vector<double> results;
  for (const double value : values) results.push_back(scaler.apply(value));
  return results;
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("scaling_name: find_scaling() finds the scaling of each name, and of no other") {
    for (const Scaling scaling :
         {Scaling::kNone, Scaling::kStandard, Scaling::kRobust, Scaling::kQuantile})
      CHECK(find_scaling(scaling_name(scaling)) == scaling);
    CHECK(scaling_name(Scaling::kQuantile) == "quantile");
    CHECK_FALSE(find_scaling("Quantile"));
  }

  TEST_CASE("NumberScaler: by default it changes nothing") {
    CHECK(NumberScaler().apply(-7.25) == -7.25);
    CHECK(NumberScaler::fit(Scaling::kNone, {1, 2}).apply(5) == 5);
  }

  TEST_CASE("NumberScaler: each scaling gives what scikit-learn's scaler gives") {
    const std::vector<double> values = {1, 2, 2, 2, 5, 9};
    const std::vector<double> asked = {0, 1, 1.5, 2, 3, 5, 7, 9, 20};
    struct Case {
      Scaling scaling;
      std::vector<double> expected;  // by scikit-learn 1.9.1
    };
    const std::vector<Case> cases = {
        {Scaling::kStandard,
         {-1.270977818604485, -0.9078412990032037, -0.7262730392025629, -0.5447047794019222,
          -0.18156825980064073, 0.5447047794019222, 1.270977818604485, 1.997250857807048,
          5.991752573421144}},
        {Scaling::kRobust,
         {-0.8888888888888888, -0.4444444444444444, -0.2222222222222222, 0, 0.4444444444444444,
          1.3333333333333333, 2.2222222222222223, 3.111111111111111, 8}},
        {Scaling::kQuantile,
         {-5.199337582605575, -5.199337582605575, -1.2815515655446004, -0.5244005127080407,
          0.4307272992954577, 0.8416212335729143, 1.2815515655446004, 5.19933758270342,
          5.19933758270342}}};
    for (const Case& c : cases) {
      CAPTURE(scaling_name(c.scaling));
      const std::vector<double> found = applied(NumberScaler::fit(c.scaling, values), asked);
      for (std::size_t i = 0; i < asked.size(); ++i) check_near(found[i], c.expected[i]);
    }
  }

  TEST_CASE("NumberScaler: of more than 1,000 values the quantiles are interpolated") {
    std::vector<double> values(10, 0);
    for (std::size_t i = 5; i < 10; ++i) values[i] = 1;
    for (int i = 2; i < 1492; ++i) values.push_back(i);
    const NumberScaler scaler = NumberScaler::fit(Scaling::kQuantile, values);
    const std::vector<double> found = applied(scaler, {0, 1, 2, 2.5, 700, 1490.5});
    const std::vector<double> expected = {// by scikit-learn 1.9.1
                                          -5.199337582605575,   -2.611712082277214,
                                          -2.4745014437278514,  -2.457023824480544,
                                          -0.06945210757405249, 3.4027506191803494};
    for (std::size_t i = 0; i < expected.size(); ++i) check_near(found[i], expected[i]);
  }

  TEST_CASE("NumberScaler: equal values are not divided by 0, nor by a rounding error") {
    const std::vector<double> equal(50, 0.1);
    CHECK(NumberScaler::fit(Scaling::kStandard, equal).apply(1.1) == doctest::Approx(1));
    CHECK(NumberScaler::fit(Scaling::kRobust, equal).apply(1.1) == doctest::Approx(1));
    CHECK(NumberScaler::fit(Scaling::kRobust, {0, 5, 5, 5, 100}).apply(7) == 2);
    check_near(NumberScaler::fit(Scaling::kQuantile, equal).apply(0.1), -5.199337582605575);
  }

  TEST_CASE("NumberScaler: a mean far from zero costs no precision") {
    std::vector<double> values;
    for (int i = 0; i < 1000; ++i) values.push_back(1e9 + i % 2);
    const NumberScaler scaler = NumberScaler::fit(Scaling::kStandard, values);
    check_near(scaler.apply(1e9), -1);
    check_near(scaler.apply(1e9 + 1), 1);
  }

  TEST_CASE("NumberScaler: JSON keeps every bit") {
    const std::vector<double> values = {0.1, 1.0 / 3, 2e-300, 7, 7, -5e10};
    for (const Scaling scaling :
         {Scaling::kNone, Scaling::kStandard, Scaling::kRobust, Scaling::kQuantile}) {
      const NumberScaler scaler = NumberScaler::fit(scaling, values);
      const Json json = Json::parse(scaler.to_json().dump());
      CHECK(NumberScaler::from_json(json) == scaler);
    }
  }

  TEST_CASE("NumberScaler: JSON that is no fitted scaler is refused") {
    for (const std::string_view text :
         {R"({})", R"([])", R"(1)", R"({"scaling": "minmax"})", R"({"scaling": 1})",
          R"({"scaling": "standard"})", R"({"scaling": "standard", "center": 0})",
          R"({"scaling": "standard", "center": 0, "scale": 0})",
          R"({"scaling": "standard", "center": 0, "scale": -1})",
          R"({"scaling": "robust", "center": null, "scale": 1})",
          R"({"scaling": "robust", "center": "0", "scale": 1})", R"({"scaling": "quantile"})",
          R"({"scaling": "quantile", "quantiles": []})",
          R"({"scaling": "quantile", "quantiles": [1, 0]})",
          R"({"scaling": "quantile", "quantiles": [0, "1"]})",
          R"({"scaling": "quantile", "quantiles": 5})"}) {
      CAPTURE(text);
      bool refused = false;
      try {
        NumberScaler::from_json(Json::parse(text));
      } catch (const Json::exception&) {
        refused = true;
      } catch (const std::range_error&) {
        refused = true;
      }
      CHECK(refused);
    }
    Json infinite = {{"scaling", "standard"}, {"center", 0.0}, {"scale", 1.0}};
    infinite["center"] = std::numeric_limits<double>::infinity();
    CHECK_THROWS_AS(NumberScaler::from_json(infinite), std::range_error);
  }

  TEST_CASE("normal_quantile: it is SciPy's norm.ppf") {
    check_near(normal_quantile(1e-7), -5.1993375821928165);
    check_near(normal_quantile(0.001), -3.090232306167813);
    check_near(normal_quantile(0.025), -1.9599639845400545);
    check_near(normal_quantile(0.07), -1.4757910281791706);
    check_near(normal_quantile(0.0751), -1.4388253927525403);
    check_near(normal_quantile(0.3), -0.5244005127080409);
    CHECK(normal_quantile(0.5) == 0);
    check_near(normal_quantile(0.925), 1.4395314709384563);
    check_near(normal_quantile(0.9251), 1.4402382675279635);
    check_near(normal_quantile(0.999), 3.090232306167813);
  }
}

}  // namespace mlp
