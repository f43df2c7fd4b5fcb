#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "model/kernels/vector.h"

namespace mlp {

// What random numbers are for: each purpose has a sequence of its own under one seed. Dropout draws
// from the same generator by step, layer, row and unit (kernels/vector.h) and owns purpose 0.
enum class RandomPurpose : std::uint32_t {
  kInitialWeights = 1,
  kShuffle = 2,
  kValidationSplit = 3,
  kInitialEmbeddings = 4
};

// A sequence of random numbers that is a pure function of its seed, purpose, index and position
// (Philox4x32-10), so its whole state is these four numbers. Threads: one at a time.
class Rng {
 public:
  // `index` tells sequences of one purpose apart: an epoch, a layer, a table.
  Rng(std::uint64_t seed, RandomPurpose purpose, std::uint32_t index, std::uint64_t position = 0);

  std::uint64_t position() const { return position_; }

  std::uint32_t bits();
  // In [0, 1), a multiple of 2^-24.
  float uniform();
  // In [0, bound), each equally likely. Lemire 2019, "Fast random integer generation in an
  // interval". bound > 0.
  std::uint32_t below(std::uint32_t bound);
  // Fisher and Yates.
  void shuffle(std::span<std::uint32_t> values);

 private:
  std::uint64_t seed_;
  std::uint32_t purpose_;
  std::uint32_t index_;
  std::uint64_t position_;
  std::array<std::uint32_t, 4 * kernels::kPad> block_;  // [word of a counter][counter]
};

}  // namespace mlp
