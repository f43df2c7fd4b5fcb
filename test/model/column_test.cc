#include "model/column.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

namespace mlp {

TEST_SUITE("model") {
  TEST_CASE("TextPool: equal texts share a number, in the order of first appearance") {
    TextPool pool;
    CHECK(pool.size() == 0);
    CHECK(pool.add("b") == 0);
    CHECK(pool.add("") == 1);
    CHECK(pool.add("a") == 2);
    CHECK(pool.add("b") == 0);
    CHECK(pool.add("") == 1);
    CHECK(pool.size() == 3);
    CHECK(pool[0] == "b");
    CHECK(pool[1] == "");
    CHECK(pool[2] == "a");
  }

  TEST_CASE("TextPool: any bytes are a text, and all of them count") {
    using std::string_literals::operator""s;
    TextPool pool;
    CHECK(pool.add("a\0b"s) == 0);
    CHECK(pool.add("a\0c"s) == 1);
    CHECK(pool.add("a"s) == 2);
    CHECK(pool.add("\xFF\xFE"s) == 3);
    CHECK(pool[0] == "a\0b"s);
    CHECK(pool[3] == "\xFF\xFE"s);
  }

  TEST_CASE("TextPool: numbers stay what they are while it grows") {
    constexpr std::uint32_t kTexts = 10'000;
    TextPool pool;
    for (std::uint32_t i = 0; i < kTexts; ++i) REQUIRE(pool.add("text " + std::to_string(i)) == i);
    for (std::uint32_t i = 0; i < kTexts; ++i) {
      const std::string text = "text " + std::to_string(i);
      REQUIRE(pool[i] == text);
      REQUIRE(pool.add(text) == i);
    }
    CHECK(pool.size() == kTexts);
  }

  TEST_CASE("Column: it has as many rows as values of its kind") {
    Column numbers{.name = "x", .is_text = false, .numbers = {1, 2}, .codes = {}, .texts = {}};
    CHECK(numbers.rows() == 2);
    Column texts{.name = "x",
                 .is_text = true,
                 .numbers = {},
                 .codes = {0, Column::kMissing, 0},
                 .texts = {}};
    CHECK(texts.rows() == 3);
  }
}

}  // namespace mlp
