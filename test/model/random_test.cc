#include "model/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "model/kernels/philox.h"

namespace mlp {

TEST_SUITE("model") {
  TEST_CASE("Rng: goes on from any position with the same numbers") {
    Rng whole(7, RandomPurpose::kShuffle, 3);
    std::vector<std::uint32_t> numbers;
    for (int i = 0; i < 200; ++i) numbers.push_back(whole.bits());
    for (std::uint64_t position = 200; position-- > 0;) {
      Rng resumed(7, RandomPurpose::kShuffle, 3, position);
      CHECK(resumed.position() == position);
      CHECK(resumed.bits() == numbers[position]);
    }
  }

  TEST_CASE("Rng: its numbers are philox's, in the order of the counter") {
    Rng rng(0x0123456789abcdef, RandomPurpose::kShuffle, 3);
    bool same = true;
    for (std::uint32_t counter = 0; counter < 50; ++counter) {
      const auto words = kernels::philox({counter, 0, 2U << 24, 3}, {0x89abcdef, 0x01234567});
      for (const std::uint32_t word : words) same = same && rng.bits() == word;
    }
    CHECK(same);
  }

  TEST_CASE("Rng: seeds, purposes and indices have sequences of their own") {
    const std::uint32_t first = Rng(1, RandomPurpose::kShuffle, 0).bits();
    CHECK(first != Rng(2, RandomPurpose::kShuffle, 0).bits());
    CHECK(first != Rng(1ULL << 32 | 1, RandomPurpose::kShuffle, 0).bits());
    CHECK(first != Rng(1, RandomPurpose::kInitialWeights, 0).bits());
    CHECK(first != Rng(1, RandomPurpose::kShuffle, 1).bits());
  }

  TEST_CASE("Rng: below() is even over its range, and uniform() from 0 to 1") {
    Rng rng(5, RandomPurpose::kShuffle, 0);
    std::vector<int> counts(7);
    for (int i = 0; i < 70000; ++i) ++counts[rng.below(7)];
    // 5 standard deviations of a binomial with 70,000 draws of probability 1/7.
    for (const int count : counts) CHECK(std::abs(count - 10000) < 463);
    double sum = 0;
    for (int i = 0; i < 10000; ++i) {
      const float u = rng.uniform();
      CHECK_UNARY(u >= 0.0F && u < 1.0F);
      sum += static_cast<double>(u);
    }
    CHECK(sum / 10000 == doctest::Approx(0.5).epsilon(0.03));
  }

  TEST_CASE("Rng: shuffle() permutes, and every place is as likely for every value") {
    std::vector<int> first_place(5);
    for (std::uint32_t epoch = 0; epoch < 5000; ++epoch) {
      std::vector<std::uint32_t> values(5);
      std::iota(values.begin(), values.end(), 0U);
      Rng(9, RandomPurpose::kShuffle, epoch).shuffle(values);
      ++first_place[values[0]];
      std::sort(values.begin(), values.end());
      CHECK_UNARY(values == std::vector<std::uint32_t>({0, 1, 2, 3, 4}));
    }
    for (const int count : first_place)
      CHECK(std::abs(count - 1000) < 142);  // 5 standard deviations
  }
}

}  // namespace mlp
