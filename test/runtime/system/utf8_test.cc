#include "runtime/system/utf8.h"

#include <doctest/doctest.h>

#include <string>

namespace mlp {
namespace {

TEST_SUITE("runtime/system") {
  TEST_CASE("utf8_prefix: counts characters and never cuts one") {
    CHECK(utf8_prefix("abc", 5) == "abc");
    CHECK(utf8_prefix("abc", 2) == "ab");
    CHECK(utf8_prefix("abc", 0).empty());
    CHECK(utf8_prefix("a\u00e9\u20ac\U0001F600z", 4) == "a\u00e9\u20ac\U0001F600");
    CHECK(utf8_prefix("a\u00e9\u20ac\U0001F600z", 2) == "a\u00e9");
  }

  TEST_CASE("utf8_prefix: bytes that are no UTF-8 are replaced one by one") {
    const std::string mark = "\uFFFD";
    CHECK(utf8_prefix("caf\xE9!", 9) == "caf" + mark + "!");      // Latin-1
    CHECK(utf8_prefix("\xE2\x82", 9) == mark + mark);             // cut short
    CHECK(utf8_prefix("\xC0\xAF", 9) == mark + mark);             // overlong
    CHECK(utf8_prefix("\xED\xA0\x80", 9) == mark + mark + mark);  // surrogate
    CHECK(utf8_prefix("\xF4\x90\x80\x80", 2) == mark + mark);     // beyond U+10FFFF
    CHECK(utf8_prefix("\xF0\x9F\x98\x80", 1) == "\U0001F600");
  }
}

}  // namespace
}  // namespace mlp
