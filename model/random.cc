#include "model/random.h"

#include <utility>

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
  const std::uint64_t ahead = position % block_.size();
  position_ -= ahead;
  for (std::uint64_t i = 0; i < ahead; ++i) bits();
}

std::uint32_t Rng::bits() {
  const std::uint64_t counter = position_ / 4;
  if (position_ % block_.size() == 0) {
    const std::uint32_t first[] = {static_cast<std::uint32_t>(counter),
                                   static_cast<std::uint32_t>(counter >> 32), purpose_, index_};
    const std::uint32_t key[] = {static_cast<std::uint32_t>(seed_),
                                 static_cast<std::uint32_t>(seed_ >> 32)};
    kernels::vector_kernels().random_words(first, key, block_.data());
  }
  return block_[position_++ % 4 * kernels::kPad + counter % kernels::kPad];
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
