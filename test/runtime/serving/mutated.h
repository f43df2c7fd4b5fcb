#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "model/random.h"

namespace mlp::test {

inline Rng mutations(std::uint64_t seed) { return {seed, RandomPurpose::kShuffle, 0}; }

// The text after some random changes of a byte each: another one in its place, one more, or none.
inline std::string mutated(std::string text, std::string_view bytes, Rng& random,
                           std::size_t changes) {
  for (std::size_t i = 0; i < changes && !text.empty(); ++i) {
    const std::size_t at = random.below(static_cast<std::uint32_t>(text.size()));
    const char byte = bytes[random.below(static_cast<std::uint32_t>(bytes.size()))];
    switch (random.below(3)) {
      case 0:
        text[at] = byte;
        break;
      case 1:
        text.insert(at, 1, byte);
        break;
      default:
        text.erase(at, 1);
    }
  }
  return text;
}

}  // namespace mlp::test
