#include "runtime/sagemaker/literal.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace mlp {
namespace {

using Items = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST_SUITE("runtime/sagemaker") {
  TEST_CASE("number_of: takes the whole text or nothing") {
    CHECK(number_of("1e-05") == 1e-05);
    CHECK(number_of("+.5") == 0.5);
    CHECK(std::isinf(number_of("-inf").value_or(0)));
    for (const char* text : {"", "+-1", "1 ", "0x10", "1,5", "1e999", "one"}) {
      CAPTURE(text);
      CHECK_FALSE(number_of(text));
    }
  }

  TEST_CASE("integer_of: takes numbers without a fraction, digits to the last") {
    CHECK(integer_of("007") == 7);
    CHECK(integer_of("64.0") == 64);
    CHECK(integer_of("1e2") == 100);
    CHECK(integer_of("9007199254740993") == 9007199254740993);
    CHECK(integer_of("-1e300") == -9'000'000'000'000'000'000);
    for (const char* text : {"", "2.5", "nan", "inf", "7a"}) {
      CAPTURE(text);
      CHECK_FALSE(integer_of(text));
    }
  }

  TEST_CASE("list_items: reads JSON's and Python's lists, tuples and lists without brackets") {
    CHECK(list_items("") == Items{});
    CHECK(list_items("[ ]") == Items{});
    CHECK(list_items("a b") == Items{"a b"});
    CHECK(list_items(" a , b") == Items{"a", "b"});
    CHECK(list_items("a,") == Items{"a", ""});
    CHECK(list_items("'a', \"b") == Items{"'a'", "\"b"});
    CHECK(list_items("[64, 32]") == Items{"64", "32"});
    CHECK(list_items("(64,)") == Items{"64"});
    CHECK(list_items("[a, b]") == Items{"a", "b"});
    CHECK(list_items(R"(["a, b" , 'c]d', "e'f"])") == Items{"a, b", "c]d", "e'f"});
    CHECK(list_items("[\"caf\xe9\"]") == Items{"caf\xe9"});  // bytes are not looked into
  }

  TEST_CASE("list_items: understands the escapes of JSON and Python") {
    CHECK(list_items(R"(["\"\\\/\b\f\n\r\t"])") == Items{"\"\\/\b\f\n\r\t"});
    CHECK(list_items(R"(['it\'s\x41\u00e9'])") == Items{"it'sA\u00e9"});
    CHECK(list_items(R"(["\ud83d\ude00", "\u0041b"])") == Items{"\U0001F600", "Ab"});
    for (const char* text : {R"(["\q"])", R"(["\x4"])", R"(["\u00"])", R"(["\ud83d"])",
                             R"(["\ud83dx"])", R"(["\)", R"(["\"])"}) {
      CAPTURE(text);
      CHECK_FALSE(list_items(text));
    }
  }

  TEST_CASE("list_items: refuses open brackets and quotes, and lists within a list") {
    for (const char* text : {"[", "[a", "(a]", "[\"a]", "['a\"]", "['a' b]", "['a''b']", "[[a]]",
                             "[a, (b)]", "[{}]"}) {
      CAPTURE(text);
      CHECK_FALSE(list_items(text));
    }
  }

  TEST_CASE("map_items: reads JSON's and Python's maps, and a=1,b=2") {
    const Pairs expected = {{"a", "1"}, {"2", "0.5"}};
    for (const char* text : {R"({"a": 1, "2": 0.5})", "{'a': 1, 2.0: 0.5,}", "{ a :1,2:0.5 }",
                             "a=1,2=0.5", " a = 1 , 2.0 = 0.5 "}) {
      CAPTURE(text);
      CHECK(map_items(text) == expected);
    }
    CHECK(map_items("{}") == Pairs{});
    CHECK(map_items(R"({"a:b, c": "1", '2.0': 3})") == Pairs{{"a:b, c", "1"}, {"2.0", "3"}});
    CHECK(map_items("a=b=1") == Pairs{{"a=b", "1"}});
    for (const char* text : {"", "a", "a=1,b", "{", "{a}", "{a: 1, b}", "{\"a\" 1}", "{a: [1]}",
                             "{a: {b: 1}}", "{[a]: 1}", "[a]"}) {
      CAPTURE(text);
      CHECK_FALSE(map_items(text));
    }
  }
}

}  // namespace
}  // namespace mlp
