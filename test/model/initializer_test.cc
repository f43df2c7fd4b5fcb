#include "model/initializer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace mlp {

TEST_SUITE("model") {
  TEST_CASE("initial_kernel: has the variance and the limits that the name promises") {
    constexpr std::size_t kIn = 200;
    constexpr std::size_t kOut = 600;
    // Limits of uniform values are exact; a normal one of so many goes beyond 4 deviations.
    struct Case {
      const char* name;
      double variance;
      double limit;
      bool truncated;
    };
    const double glorot = 2.0 / (kIn + kOut);
    const double he = 2.0 / kIn;
    const double lecun = 1.0 / kIn;
    const auto cut = [](double variance) { return 2 * std::sqrt(variance) / 0.87962566103423978; };
    for (const Case& c :
         {Case{"glorot_uniform", glorot, std::sqrt(3 * glorot), false},
          Case{"glorot_normal", glorot, cut(glorot), true},
          Case{"he_uniform", he, std::sqrt(3 * he), false}, Case{"he_normal", he, cut(he), true},
          Case{"lecun_uniform", lecun, std::sqrt(3 * lecun), false},
          Case{"lecun_normal", lecun, cut(lecun), true},
          Case{"random_uniform", 0.05 * 0.05 / 3, 0.05, false},
          Case{"random_normal", 0.05 * 0.05, 0.05 * 6, true},
          Case{"truncated_normal", 0.05 * 0.05 * 0.7737413, 0.05 * 2, true}}) {
      CAPTURE(std::string(c.name));
      Rng rng(5, RandomPurpose::kInitialWeights, 0);
      const std::vector<float> weights = initial_kernel(initializer_named(c.name), kIn, kOut, rng);
      REQUIRE(weights.size() == kIn * kOut);
      double mean = 0;
      double square = 0;
      double largest = 0;
      for (const float weight : weights) {
        const double w = static_cast<double>(weight);
        mean += w;
        square += w * w;
        largest = std::max(largest, std::abs(w));
      }
      const double count = static_cast<double>(weights.size());
      CHECK(std::abs(mean / count) < 5 * std::sqrt(c.variance / count));
      CHECK(square / count == doctest::Approx(c.variance).epsilon(0.02));
      CHECK(largest <= c.limit * (1 + 1e-6));
      CHECK(largest > c.limit * (c.truncated ? 0.6 : 0.999));
    }
  }

  TEST_CASE("initializer_named: a name that is none is a bug of the caller") {
    CHECK_THROWS_AS(initializer_named("ones"), std::logic_error);
  }
}

}  // namespace mlp
