#include "model/random.h"

#include <algorithm>
#include <utility>

#include "model/kernels/philox.h"

namespace mlp {
namespace {

constexpr unsigned kPurposeShift =
    24;  // above dropout's layer numbers, in the same word of the counter

}  // namespace

Rng::Rng(std::uint64_t seed, RandomPurpose purpose, std::uint32_t index, std::uint64_t position)
    : seed_(seed),
      purpose_(static_cast<std::uint32_t>(purpose) << kPurposeShift),
      index_(index),
      position_(position) {
  const std::uint64_t ahead = position % 4;
  position_ -= ahead;
  for (std::uint64_t i = 0; i < ahead; ++i) bits();
}

std::uint32_t Rng::bits() {
  if (position_ % 4 == 0) {
    const std::uint64_t block = position_ / 4;
    const auto words = kernels::philox(
        {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), purpose_,
         index_},
        {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
    std::copy(words.begin(), words.end(), block_);
  }
  return block_[position_++ % 4];
}

float Rng::uniform() { return static_cast<float>(bits() >> 8) * 0x1p-24F; }

std::uint32_t Rng::below(std::uint32_t bound) {
  std::uint64_t product = std::uint64_t{bits()} * bound;
  if (static_cast<std::uint32_t>(product) < bound) {
    const std::uint32_t threshold = (0U - bound) % bound;
    while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{bits()} * bound;
  }
  return static_cast<std::uint32_t>(product >> 32);
}

void Rng::shuffle(std::span<std::uint32_t> values) {
  for (std::size_t i = values.size(); i > 1; --i) {
    std::swap(values[i - 1], values[below(static_cast<std::uint32_t>(i))]);
  }
}

}  // namespace mlp
