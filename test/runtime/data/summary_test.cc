#include "runtime/data/summary.h"

#include <doctest/doctest.h>

namespace mlp {

TEST_SUITE("runtime/data") {
  TEST_CASE("summarize: each feature has its least, largest and mean value over the given rows") {
    const Features features{FeatureType::kFloat32, 2, {5, 100, -1, 7, 3, 7, 1, 7}, {}};
    const std::vector<std::string> names = {"size", "age"};
    const std::vector<std::uint32_t> rows = {1, 2, 3};
    const std::vector<FeatureSummary> summaries = summarize(features.view(), rows, names);
    REQUIRE(summaries.size() == 2);
    CHECK(summaries[0].name == "size");
    CHECK(summaries[0].min == -1);
    CHECK(summaries[0].max == 3);
    CHECK(summaries[0].mean == 1);
    CHECK_FALSE(summaries[0].constant);
    CHECK(summaries[1].name == "age");
    CHECK(summaries[1].mean == 7);
    CHECK(summaries[1].constant);
  }

  TEST_CASE("summarize: features without names are numbered from 1") {
    const Features features{FeatureType::kFloat32, 2, {1, 2}, {}};
    const std::vector<std::uint32_t> rows = {0};
    CHECK(summarize(features.view(), rows, {})[1].name == "feature 2");
  }

  TEST_CASE("summarize: pixels are one line, in the units of the file") {
    const Features features{FeatureType::kUint8, 2, {}, {0, 255, 10, 20, 30, 40}};
    const std::vector<std::uint32_t> rows = {1, 2};
    const std::vector<FeatureSummary> summaries = summarize(features.view(), rows, {});
    REQUIRE(summaries.size() == 1);
    CHECK(summaries[0].name == "pixels");
    CHECK(summaries[0].min == 10);
    CHECK(summaries[0].max == 40);
    CHECK(summaries[0].mean == 25);
    CHECK_FALSE(summaries[0].constant);
  }
}

}  // namespace mlp
