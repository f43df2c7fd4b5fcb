#include "model/quantile.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <vector>

namespace mlp {

TEST_SUITE("model") {
  TEST_CASE("median: of an even number of values it is the mean of the middle two") {
    const auto of = [](std::vector<float> values) {
      return median(std::span<const float>(values));
    };
    CHECK(of({5}) == 5);
    CHECK(of({9, 1, 4}) == 4);
    CHECK(of({9, 1, 4, 2}) == 3);
    CHECK(of({2, 2, 2, 1}) == 2);
  }

  TEST_CASE("quantile: it is NumPy's percentile") {
    const auto of = [](std::vector<double> values, double q) {
      return quantile(std::span<const double>(values), q);
    };
    CHECK(of({7}, 0.25) == 7);
    CHECK(of({9, 1, 4, 2}, 0) == 1);
    CHECK(of({9, 1, 4, 2}, 0.25) == 1.75);
    CHECK(of({9, 1, 4, 2}, 0.75) == 5.25);
    CHECK(of({9, 1, 4, 2}, 1) == 9);
    CHECK(of({5, 1, 1, 1, 0}, 0.5) == 1);
  }

  TEST_CASE("neighbors_at: of many values, in any order, it finds what sorting finds") {
    constexpr std::size_t kValues = 50'000;
    struct Case {
      const char* name;
      std::size_t (*at)(std::size_t);
    };
    const std::vector<Case> cases = {
        {"shuffled", [](std::size_t i) { return i * 30'011 % kValues; }},
        {"ascending", [](std::size_t i) { return i; }},
        {"descending", [](std::size_t i) { return kValues - i; }},
        {"few values", [](std::size_t i) { return i * 7 % 3; }},
        {"one value", [](std::size_t) { return std::size_t{5}; }},
        {"nearly one value", [](std::size_t i) { return i % 1000 == 7 ? i : 5; }},
        // Every 48th value is in the sample: it knows nothing of the others.
        {"a sample that misleads",
         [](std::size_t i) { return i % 48 == 0 ? 0 : i * 30'011 % kValues; }},
        {"a sample of the ends", [](std::size_t i) { return i % 48 == 0 ? i : 25'000 + i % 48; }}};
    for (const Case& c : cases) {
      CAPTURE(c.name);
      std::vector<double> values;
      for (std::size_t i = 0; i < kValues; ++i) values.push_back(static_cast<double>(c.at(i)));
      std::vector<double> sorted = values;
      std::sort(sorted.begin(), sorted.end());
      for (const std::size_t rank : {0UL, 1UL, 777UL, 12'499UL, 24'999UL, 25'000UL, 37'500UL,
                                     49'000UL, 49'998UL, 49'999UL}) {
        CAPTURE(rank);
        const auto [low, high] = neighbors_at(std::span<const double>(values), rank);
        CHECK(low == sorted[rank]);
        CHECK(high == sorted[std::min(rank + 1, kValues - 1)]);
      }
    }
  }
}

}  // namespace mlp
