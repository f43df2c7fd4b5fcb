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

  TEST_CASE("Standardizer: a robust fit takes the median and the distance of the quartiles") {
    // Of 1, 2, 4, 9 the quartiles are 1.75 and 5.25.
    const std::vector<float> values = {9, 5, 7, 1, 5, 7, 4, 5, 8, 2, 5, 7, 1000, -7, 0};
    const FeatureView features = {FeatureType::kFloat32, values.data(), 5, 3};
    const std::vector<std::uint32_t> rows = {0, 1, 2, 3};
    const Standardizer standardizer = Standardizer::fit_robust(features, rows);
    CHECK(standardizer.mean() == std::vector<float>{3, 5, 7});
    CHECK(standardizer.variance() == std::vector<float>{12.25, 1, 0.0625});
    CHECK(standardizer.constant() == std::vector<std::size_t>{1});
  }

  TEST_CASE("Standardizer: a robust fit divides by 1 where the quartiles are equal") {
    const std::vector<float> values = {5, 5, 5, 5, 9};
    const std::vector<std::uint32_t> rows = {0, 1, 2, 3, 4};
    const Standardizer standardizer =
        Standardizer::fit_robust({FeatureType::kFloat32, values.data(), 5, 1}, rows);
    CHECK(standardizer.variance() == std::vector<float>{1});
    CHECK(standardizer.constant().empty());
  }

  TEST_CASE("Standardizer: by default it changes nothing") {
    const Standardizer standardizer;
    CHECK(standardizer.empty());
  }
}

}  // namespace mlp
