#include "model/wording.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace mlp {

TEST_SUITE("model") {
  TEST_CASE("in_quotes: long and unprintable text becomes short and printable") {
    CHECK(in_quotes("a b") == "\"a b\"");
    CHECK(in_quotes(std::string("a\0\n\xFF", 4)) == "\"a\\x00\\x0A\\xFF\"");
    CHECK(in_quotes("M\xC3\xBCller") == "\"M\xC3\xBCller\"");
    CHECK(in_quotes(std::string(1000, 'x')).size() < 50);
  }

  TEST_CASE("listed: names the first and counts the rest") {
    const std::vector<std::string> names = {"a", "b", "c"};
    CHECK(listed(names) == "\"a\", \"b\", \"c\"");
    CHECK(listed(names, 2) == "\"a\", \"b\", ... and 1 more");
    CHECK(listed(std::vector<std::string>(1000, std::string(1000, 'x'))).size() < 500);
  }

  TEST_CASE("closest_name: finds the typing error and nothing far away") {
    const std::vector<std::string> names = {"price", "size", "Rings"};
    CHECK(closest_name("prcie", names) == "price");
    CHECK(closest_name("rings", names) == "Rings");
    CHECK(closest_name("latitude", names).empty());
  }

  TEST_CASE("is_utf8: refuses overlong forms, surrogates and cut characters") {
    CHECK(is_utf8("plain \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"));
    for (const char* text : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                             "\xE2\x82", "\x80", "\xFF"}) {
      CHECK_FALSE(is_utf8(text));
    }
  }

  TEST_CASE("shape_text: is NumPy's tuple") {
    CHECK(shape_text(std::vector<std::size_t>{}) == "()");
    CHECK(shape_text(std::vector<std::size_t>{5}) == "(5,)");
    CHECK(shape_text(std::vector<std::size_t>{2, 3}) == "(2, 3)");
    CHECK(shape_text(std::vector<std::size_t>(30, 1)) == "(1, 1, 1, 1, 1, 1, 1, 1, ...)");
  }
}

}  // namespace mlp
