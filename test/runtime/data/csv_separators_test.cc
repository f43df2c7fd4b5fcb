#include "runtime/data/csv_separators.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

namespace mlp {

TEST_SUITE("runtime/data") {
  TEST_CASE("find_separators: finds what a loop over the bytes finds, in texts of all lengths") {
    std::mt19937 random(3);
    const std::string bytes = "0123456789.-eE ,;\t|\n\r\"x\xFF";
    std::vector<std::uint32_t> places;
    for (std::size_t size = 0; size < 400; ++size) {
      for (const char delimiter : {',', ';', '\t', '|', ' '}) {
        std::string text;
        // Some texts are of nothing but separators.
        for (std::size_t i = 0; i < size; ++i)
          text += size % 7 == 0 ? delimiter : bytes[random() % bytes.size()];
        std::vector<std::uint32_t> expected;
        for (std::uint32_t i = 0; i < text.size(); ++i) {
          if (text[i] == delimiter || text[i] == '\n' || text[i] == '\r' || text[i] == '"')
            expected.push_back(i);
        }
        CAPTURE(text);
        const std::size_t count = find_separators(text, delimiter, places);
        REQUIRE(count <= places.size());
        CHECK(std::vector<std::uint32_t>(
                  places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count)) == expected);
      }
    }
  }
}

}  // namespace mlp
