#include "runtime/data/csv_separators.h"

#include <emmintrin.h>

#include <array>
#include <cstring>

namespace mlp {
namespace {

constexpr std::size_t kWord = 64;     // bytes, and bits of a mask
constexpr std::size_t kTogether = 8;  // places that are written at once, needed or not

struct Found {
  std::uint64_t mask = 0;  // the first byte in the lowest bit
  std::size_t count = 0;
};

Found find_in_word(const char* p, __m128i delimiters) {
  const __m128i feeds = _mm_set1_epi8('\n');
  const __m128i returns = _mm_set1_epi8('\r');
  const __m128i quotes = _mm_set1_epi8('"');
  Found found;
  __m128i counts = _mm_setzero_si128();
  for (unsigned i = 0; i < kWord / sizeof(__m128i); ++i) {
    const __m128i bytes =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i * sizeof(__m128i)));
    const __m128i is_one =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, delimiters), _mm_cmpeq_epi8(bytes, feeds)),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, returns), _mm_cmpeq_epi8(bytes, quotes)));
    const auto bits = static_cast<std::uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(is_one)));
    found.mask |= bits << (i * sizeof(__m128i));
    counts = _mm_sub_epi8(counts, is_one);
  }
  const __m128i sums = _mm_sad_epu8(counts, _mm_setzero_si128());
  found.count =
      static_cast<std::size_t>(_mm_cvtsi128_si32(_mm_add_epi64(sums, _mm_srli_si128(sums, 8))));
  return found;
}

// Few words have more than eight, so that the branches are mostly as the CPU expects them. Bits
// that are not there give places of no use.
void write_places(Found found, std::uint32_t word, std::uint32_t* to) {
  constexpr std::uint64_t kLast = std::uint64_t{1} << (kWord - 1);
  for (std::size_t written = 0; written < found.count; written += kTogether) {
    for (std::size_t i = 0; i < kTogether; ++i) {
      to[written + i] = word + static_cast<std::uint32_t>(__builtin_ctzll(found.mask | kLast));
      found.mask &= found.mask - 1;
    }
  }
}

}  // namespace

std::size_t find_separators(std::string_view text, char delimiter,
                            std::vector<std::uint32_t>& places) {
  const std::size_t most = text.size() + kTogether;
  if (places.size() < most) places.resize(most);
  const __m128i delimiters = _mm_set1_epi8(delimiter);
  std::size_t count = 0;
  std::size_t word = 0;
  for (; word + kWord <= text.size(); word += kWord) {
    const Found found = find_in_word(text.data() + word, delimiters);
    write_places(found, static_cast<std::uint32_t>(word), places.data() + count);
    count += found.count;
  }
  if (word == text.size()) return count;
  std::array<char, kWord> rest;
  rest.fill(static_cast<char>(delimiter == ' ' ? '0' : ' '));  // no separator
  text.copy(rest.data(), kWord, word);
  const Found found = find_in_word(rest.data(), delimiters);
  write_places(found, static_cast<std::uint32_t>(word), places.data() + count);
  return count + found.count;
}

}  // namespace mlp
