#include "runtime/serving/json_numbers.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model/error.h"
#include "test/runtime/serving/mutated.h"
#include "test/support/messages.h"

namespace mlp {
namespace {

using Floats = std::vector<float>;
using Shape = std::vector<std::size_t>;
using nlohmann::json;

const PositionalRows& three_numbers() {
  static const Preprocessor preprocessor = Preprocessor::plain({}, 3);
  static const PositionalRows rows = [] {
    PredictInputOptions options;
    options.preprocessor = &preprocessor;
    options.row_shape = {3};
    return PositionalRows(options);
  }();
  return rows;
}

struct Read {
  Shape shape;
  Floats values;
};

Read read(std::string_view text) {
  Read read;
  JsonCursor cursor(text);
  const ListShape shape = read_numbers(cursor, read.values, three_numbers());
  read.shape.assign(shape.view().begin(), shape.view().end());
  if (!cursor.at_end()) cursor.fail("the end of the text");
  return read;
}

// The shape and numbers of a list as another parser has them; nothing where it is none of numbers
// in lists of equal lengths.
bool flatten(const json& value, std::size_t level, Read& to) {
  if (value.is_number()) {
    to.values.push_back(static_cast<float>(value.get<double>()));
    return level == to.shape.size() && std::isfinite(to.values.back());
  }
  if (!value.is_array()) return false;
  if (level == to.shape.size() && to.values.empty()) to.shape.push_back(value.size());
  if (level >= to.shape.size() || to.shape[level] != value.size()) return false;
  for (const json& item : value)
    if (!flatten(item, level + 1, to)) return false;
  return true;
}

std::optional<Read> oracle(const std::string& text) {
  const json value = json::parse(text, nullptr, false);
  Read read;
  if (value.is_discarded() || !value.is_array() || !flatten(value, 0, read)) return std::nullopt;
  return read;
}

}  // namespace

TEST_SUITE("runtime/serving") {
  TEST_CASE("read_numbers: lists of equal lengths, and white space anywhere") {
    CHECK(read("[1,2.5,-3e2]").shape == Shape{3});
    CHECK(read("[1,2.5,-3e2]").values == Floats{1, 2.5F, -300});
    const Read read_one = read(" [ [ 0.1 , -0 ]\r\n,\t[ 1E+2 , 12345678 ] ] ");
    CHECK(read_one.shape == Shape{2, 2});
    CHECK(read_one.values == Floats{0.1F, -0.0F, 100, 12345678});
    CHECK(std::signbit(read_one.values[1]));
    CHECK(read("[[[1],[2]],[[3],[4]],[[5],[6]]]").shape == Shape{3, 2, 1});
    CHECK(read("[]").shape == Shape{0});
    CHECK(read("[[],[]]").shape == Shape{2, 0});
    CHECK(read("[1e-60]").values == Floats{0});
    CHECK(read("[0,0.0,7.0,0.00,-0.0,10.0, 9.05, 3 , 4.0 ]").values ==
          Floats{0, 0, 7, 0, -0.0F, 10, 9.05F, 3, 4});
    CHECK(read("[[7.0]]").values == Floats{7});
  }

  TEST_CASE("read_numbers: what is wrong is named by row and value") {
    struct Case {
      std::string text;
      std::vector<std::string> words;
    };
    const std::string deep(17, '[');
    const std::string very_deep(100'000, '[');
    for (const Case& c : {
             Case{"[[1,2],[3]]",
                  {"Request body, row 2: found 1 values", "before it have 2", "rows of 3 values"}},
             Case{"[[[1],[2]],[[1],[2,3]]]", {"row 2, value 2: found 2 values"}},
             Case{"[[1,2],3]", {"row 2: found a number where", "of another kind"}},
             Case{"[[1,2],{}]", {"row 2: found an object"}},
             Case{"[1,[2]]", {"value 2: found a list"}},
             Case{"[[[1]],[[]]]", {"row 2, value 1: found 0 values"}},
             Case{"[[[1]],[]]", {"row 2: found an empty list"}},
             Case{"[[1,null]]", {"row 1, value 2: expected a number, found null"}},
             Case{"[1,\"2\"]", {"value 2: expected a number, found the text \"2\""}},
             Case{"[true]", {"value 1", "found \"true\""}},
             Case{"[[[1,NaN]]]", {"row 1, value (1, 2)", "found \"NaN\"", "no NaN or infinity"}},
             Case{"[-Infinity]", {"found \"-Infinity\""}},
             Case{"[01]", {"found \"01\""}},
             Case{"[+1]", {"found \"+1\""}},
             Case{"[.5]", {"found \".5\""}},
             Case{"[5.]", {"found \"5.\""}},
             Case{"[5.e1]", {"found \"5.e1\""}},
             Case{"[1e39]", {"value 1: the value \"1e39\" is beyond the largest float32"}},
             Case{"[1e]", {"byte 3", "a comma or a closing bracket"}},
             Case{"[1 2]", {"byte 4", "found \"2\""}},
             Case{"[1,]", {"value 2: expected a number, found \"]\""}},
             Case{"[1,", {"byte 4: found the end of the text, expected a number"}},
             Case{"[1", {"the end of the text, expected a comma"}},
             Case{"[\"" + std::string(500, 'x') + "\"]", {"xxx"}},
             Case{deep, {"deeper than 16 levels"}},
             Case{very_deep, {"deeper than 16 levels"}},
         }) {
      const std::string text = test::user_error_of([&] { read(c.text); });
      CHECK(text.size() < 300);
      for (const std::string& word : c.words) test::check_contains(text, {word});
    }
  }

  TEST_CASE("read_numbers: takes what another parser takes, with the same values") {
    const std::string bases[] = {"[[1,2.5,-3e2],[0,0.125,70]]", "[ 10, 0.5,1e-3 ]", "[[[1],[2]]]",
                                 "[[12,3],[4,5],[60,7]]"};
    Rng random = test::mutations(1);
    std::size_t accepted = 0;
    for (int i = 0; i < 30'000; ++i) {
      const std::string text =
          test::mutated(bases[random.below(std::size(bases))], "[]{},.-+eE0123456789 \"n\n", random,
                        1 + random.below(3));
      CAPTURE(text);
      const std::optional<Read> expected = oracle(text);
      std::optional<Read> found;
      try {
        found = read(text);
      } catch (const UserError&) {
      }
      REQUIRE(found.has_value() == expected.has_value());
      if (!found) continue;
      ++accepted;
      CHECK(found->shape == expected->shape);
      REQUIRE(found->values.size() == expected->values.size());
      // The other parser rounds twice.
      for (std::size_t k = 0; k < found->values.size(); ++k)
        CHECK(std::abs(found->values[k] - expected->values[k]) <=
              1.2e-7F * std::abs(expected->values[k]));
    }
    CHECK(accepted > 3000);
  }

  TEST_CASE("JsonCursor: takes the values that another parser takes") {
    const std::string bases[] = {"{\"a\": [1, {\"b\": null}], \"c\\u00e9\\n\": \"\\ud83d\\ude00\"}",
                                 "[true, false, null, -1.5, \"x\\\\\", {}, [], [[]]]",
                                 "{\"\xC3\xA9\": {\"a\": {}}}"};
    Rng random = test::mutations(2);
    std::size_t accepted = 0;
    for (int i = 0; i < 30'000; ++i) {
      const std::string text =
          test::mutated(bases[random.below(std::size(bases))],
                        "[]{},:.-\\u\"ntd0189 \n\xC3\xA9\xFF", random, 1 + random.below(2));
      CAPTURE(text);
      bool is_accepted = true;
      try {
        JsonCursor cursor(text);
        cursor.value();
        is_accepted = cursor.at_end();
      } catch (const UserError&) {
        is_accepted = false;
      }
      REQUIRE(is_accepted == json::accept(text));
      accepted += is_accepted ? 1U : 0U;
    }
    CHECK(accepted > 2000);
  }

  TEST_CASE("JsonCursor: a key is what its escapes mean") {
    JsonCursor cursor(R"("a\u00e9\n\"": 1)");
    CHECK(cursor.key() == "a\xC3\xA9\n\"");
    CHECK(cursor.value() == "1");
  }

  TEST_CASE("JsonCursor: what is no JSON is named by its byte") {
    struct Case {
      std::string text;
      std::vector<std::string> words;
    };
    std::string deep(65, '[');
    std::string very_deep;
    for (int i = 0; i < 100'000; ++i) very_deep += "{\"a\":";
    for (const Case& c : {
             Case{"[1,}",
                  {"Request body: this is no JSON at its byte 4: found \"}\", expected a value"}},
             Case{"{1:2}", {"byte 2", "a key in double quotes"}},
             Case{"{\"a\" 2}", {"byte 6", "expected ':'"}},
             Case{"{\"a\":2]", {"a comma or a closing brace"}},
             Case{"[2}", {"a comma or a closing bracket"}},
             Case{"[NaN]", {"byte 2", "Python's: use json.dumps"}},
             Case{"[-Infinity]", {"Python's"}},
             Case{"{'a': 1}", {"Python's"}},
             Case{"[None]", {"found \"None\"", "Python's"}},
             Case{"[nul]", {"found \"nul\", expected a value"}},
             Case{"[1.]", {"digits behind its point"}},
             Case{"[1e+]", {"digits in its exponent"}},
             Case{"[\"a", {"whose quotes are closed"}},
             Case{"[\"a\nb\"]", {"without line ends"}},
             Case{"[\"\\x\"]", {"an escape that JSON has"}},
             Case{"[\"\\ud800\"]", {"an escape that JSON has"}},
             Case{"[\"\xFF\"]", {"expected text in UTF-8", "\\xFF"}},
             Case{deep, {"at most 64 brackets"}},
             Case{very_deep, {"at most 64 brackets"}},
         }) {
      const std::string text = test::user_error_of([&] { JsonCursor(c.text).value(); });
      CHECK(text.size() < 400);
      for (const std::string& word : c.words) test::check_contains(text, {word});
    }
  }
}

}  // namespace mlp
