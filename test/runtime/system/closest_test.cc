#include "runtime/system/closest.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace mlp {
namespace {

TEST_SUITE("runtime/system") {
  TEST_CASE("closest_name: one slip, a swap and another case are found, a stranger is not") {
    const std::vector<std::string> names = {"epochs", "batch_size", "learning_rate", "seed",
                                            "task"};
    struct Case {
      std::string name;
      std::string closest;
    };
    const std::vector<Case> cases = {
        {"epochs", "epochs"},
        {"epoch", "epochs"},
        {"eopchs", "epochs"},
        {"EPOCHS", "epochs"},
        {"batchsize", "batch_size"},
        {"learningRate", "learning_rate"},
        {"leraning_rtae", "learning_rate"},
        {"sede", "seed"},  // a swap counts one; as two replacements it would be too far
        {"sxxd", ""},      // two replacements of four
        {"momentum", ""},
        {"", ""},
    };
    for (const Case& c : cases) {
      CAPTURE(c.name);
      CHECK(closest_name(c.name, names) == c.closest);
    }
  }

  TEST_CASE("closest_name: of equals the first, of others the nearest") {
    CHECK(closest_name("cat1", {"cat2", "cat3"}) == "cat2");
    CHECK(closest_name("abcdef", {"abcxyf", "abcdxf", "abcdeg"}) == "abcdxf");
    CHECK(closest_name("x", {}).empty());
  }
}

}  // namespace
}  // namespace mlp
