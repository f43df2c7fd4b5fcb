#include "model/standardizer.h"

#include <doctest/doctest.h>

#include <cmath>

namespace mlp {

TEST_SUITE("model") {
  TEST_CASE(
      "Standardizer: mean and variance are those of the rows it is fitted on, and no others") {
    const std::vector<float> values = {1, 10, 3, 10, 5, 10, 1000, -7};
    const FeatureView features = {FeatureType::kFloat32, values.data(), 4, 2};
    const std::vector<std::uint32_t> rows = {0, 1, 2};
    const Standardizer standardizer = Standardizer::fit(features, rows);
    CHECK(standardizer.mean() == std::vector<float>{3, 10});
    CHECK(standardizer.variance()[0] == doctest::Approx(8.0 / 3));
    CHECK(standardizer.variance()[1] == 1);
    CHECK(standardizer.constant() == std::vector<std::size_t>{1});

    std::vector<float> applied = {5, 12};
    standardizer.apply(applied.data(), 1);
    CHECK(applied[0] == doctest::Approx(2 / std::sqrt(8.0 / 3)));
    CHECK(applied[1] == 2);
  }

  TEST_CASE("Standardizer: a mean far from zero costs no precision") {
    std::vector<float> values;
    std::vector<std::uint32_t> rows;
    for (std::uint32_t i = 0; i < 1000; ++i) {
      values.push_back(1e6F + static_cast<float>(i % 2));
      rows.push_back(i);
    }
    const Standardizer standardizer =
        Standardizer::fit({FeatureType::kFloat32, values.data(), 1000, 1}, rows);
    CHECK(standardizer.variance()[0] == doctest::Approx(0.25));
  }

  TEST_CASE("Standardizer: by default it changes nothing") {
    const Standardizer standardizer;
    CHECK(standardizer.empty());
  }
}

}  // namespace mlp
