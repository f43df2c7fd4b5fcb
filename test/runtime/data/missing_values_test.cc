#include "runtime/data/missing_values.h"

#include <doctest/doctest.h>

namespace mlp {

TEST_SUITE("runtime/data") {
  TEST_CASE("MissingValues: the usual words are missing, others and other case are not") {
    const MissingValues usual;
    for (const char* word : {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?", "<NA>"}) {
      CAPTURE(word);
      CHECK(usual.contains(word));
    }
    for (const char* word : {"none", "Na", "-", "0", "NAN", "NAs", " "}) {
      CAPTURE(word);
      CHECK_FALSE(usual.contains(word));
    }
    CHECK_FALSE(usual.has_numbers());
  }

  TEST_CASE("MissingValues: words of one's own replace the usual ones, but the empty field") {
    const MissingValues own({"-", "999"});
    CHECK(own.contains("-"));
    CHECK(own.contains("999"));
    CHECK(own.contains(""));
    CHECK_FALSE(own.contains("NA"));
    CHECK(own.has_numbers());
  }
}

}  // namespace mlp
