#include "model/float_columns.h"

#include <doctest/doctest.h>

#include <vector>

namespace mlp {

TEST_SUITE("model") {
  TEST_CASE("for_each_column: each column comes once, with its values over the rows in order") {
    for (const std::size_t width : {1UL, 15UL, 16UL, 17UL, 40UL}) {
      CAPTURE(width);
      std::vector<float> floats;
      for (std::size_t i = 0; i < 4 * width; ++i) floats.push_back(static_cast<float>(i));
      const std::vector<std::uint32_t> rows = {3, 1};
      std::size_t expected = 0;
      for_each_column({FeatureType::kFloat32, floats.data(), 4, width}, rows,
                      [&](std::size_t column, std::span<const float> values) {
                        REQUIRE(column == expected++);
                        REQUIRE(values.size() == 2);
                        CHECK(values[0] == static_cast<float>(3 * width + column));
                        CHECK(values[1] == static_cast<float>(width + column));
                      });
      CHECK(expected == width);
    }
  }
}

}  // namespace mlp
