#include "runtime/data/overlap.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace mlp {
namespace {

// A set that owns its features, all rows of which belong to it.
struct OwnedSet {
  Features features;
  Dataset dataset;
};

OwnedSet make_set(Features features, std::vector<std::int32_t> classes,
                  std::vector<float> values = {}) {
  OwnedSet set{std::move(features), {}};
  set.dataset.features = set.features.view();
  set.dataset.classes = std::move(classes);
  set.dataset.values = std::move(values);
  set.dataset.rows.resize(set.features.rows());
  std::iota(set.dataset.rows.begin(), set.dataset.rows.end(), 0U);
  return set;
}

OwnedSet floats(std::vector<float> values, std::vector<std::int32_t> classes) {
  return make_set({FeatureType::kFloat32, 2, std::move(values), {}}, std::move(classes));
}

Overlap by_brute_force(const Dataset& training, const Dataset& other) {
  Overlap overlap;
  const std::size_t width = training.features.width;
  for (const std::uint32_t row : other.rows) {
    for (const std::uint32_t candidate : training.rows) {
      const std::uint8_t* const a = other.features.uint8_row(row);
      if (!std::equal(a, a + width, training.features.uint8_row(candidate))) continue;
      if (other.classes[row] != training.classes[candidate]) continue;
      if (overlap.rows++ == 0) {
        overlap.first = row;
        overlap.first_training = candidate;
      }
      break;
    }
  }
  return overlap;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("find_overlap: equal rows are those of equal features and equal targets") {
    const OwnedSet training = floats({1, 2, 3, 4, 5, 6, 3, 4}, {0, 1, 2, 1});
    const OwnedSet other = floats({9, 9, 3, 4, 3, 4, 5, 6, 1, 2}, {0, 0, 1, 2, 1});
    const Overlap overlap = find_overlap(training.dataset, other.dataset);
    CHECK(overlap.rows == 2);  // rows 2 and 3; rows 1 and 4 have other classes
    CHECK(overlap.first == 2);
    CHECK(overlap.first_training == 1);
    CHECK(find_overlap(other.dataset, floats({7, 7}, {0}).dataset).rows == 0);
  }

  TEST_CASE("find_overlap: every repetition counts, and only the rows that belong to the sets") {
    const OwnedSet all = floats({1, 1, 2, 2, 1, 1, 1, 1, 2, 2, 3, 3}, {0, 0, 0, 0, 0, 0});
    Dataset training = all.dataset;
    Dataset other = all.dataset;
    training.rows = {2, 5};
    other.rows = {0, 1, 3, 4};
    const Overlap overlap = find_overlap(training, other);
    CHECK(overlap.rows == 2);
    CHECK(overlap.first == 0);
    CHECK(overlap.first_training == 2);
  }

  TEST_CASE("find_overlap: several values to a row are compared all") {
    const auto set = [](std::vector<float> values) {
      return make_set({FeatureType::kUint8, 1, {}, {7, 8}}, {}, std::move(values));
    };
    const OwnedSet training = set({1, 2, 3, 4});
    CHECK(find_overlap(training.dataset, set({1, 2, 3, 4}).dataset).rows == 2);
    CHECK(find_overlap(training.dataset, set({1, 5, 3, 4}).dataset).rows == 1);
    CHECK(find_overlap(training.dataset, set({3, 4, 1, 2}).dataset).rows == 0);
  }

  TEST_CASE("find_overlap: finds what a comparison of all pairs finds") {
    std::mt19937 random(3);
    for (int round = 0; round < 20; ++round) {
      const auto set = [&](std::size_t rows) {
        std::vector<std::uint8_t> bytes;
        std::vector<std::int32_t> classes;
        for (std::size_t row = 0; row < rows; ++row) {
          for (int i = 0; i < 3; ++i) bytes.push_back(static_cast<std::uint8_t>(random() % 6));
          classes.push_back(static_cast<std::int32_t>(random() % 2));
        }
        return make_set({FeatureType::kUint8, 3, {}, std::move(bytes)}, std::move(classes));
      };
      const OwnedSet training = set(200);
      const OwnedSet other = set(1 + random() % 150);
      const Overlap expected = by_brute_force(training.dataset, other.dataset);
      const Overlap found = find_overlap(training.dataset, other.dataset);
      CHECK(found.rows == expected.rows);
      CHECK(found.first == expected.first);
      CHECK(found.first_training == expected.first_training);
    }
  }

  TEST_CASE("find_overlap: rows that differ in signs or places alone take no longer than others") {
    constexpr std::size_t kBits = 17;  // 131,072 rows: nobody waits for their pairs
    constexpr std::size_t kRows = std::size_t{1} << kBits;
    for (const bool in_signs : {true, false}) {
      CAPTURE(in_signs);
      // Row by row, each bit of the row's number is the sign of a pair of values, or the place of a
      // 1 among them.
      std::vector<float> values;
      for (std::size_t row = 0; row < kRows; ++row) {
        for (std::size_t bit = 0; bit < kBits; ++bit) {
          const bool is_set = (row >> bit & 1) != 0;
          values.push_back(in_signs ? 1.0F : is_set ? 0.0F : 1.0F);
          values.push_back(in_signs ? is_set ? -1.0F : 1.0F : is_set ? 1.0F : 0.0F);
        }
      }
      const OwnedSet set = make_set({FeatureType::kFloat32, 2 * kBits, std::move(values), {}},
                                    std::vector<std::int32_t>(kRows, 0));
      CHECK(find_overlap(set.dataset, set.dataset).rows == kRows);
    }
  }

  TEST_CASE("find_overlap: rows that are all alike take no longer than others") {
    constexpr std::size_t kRows = 200'000;  // whose pairs nobody waits for
    const OwnedSet set = make_set({FeatureType::kUint8, 1, {}, std::vector<std::uint8_t>(kRows, 1)},
                                  std::vector<std::int32_t>(kRows, 0));
    CHECK(find_overlap(set.dataset, set.dataset).rows == kRows);
  }
}

}  // namespace mlp
