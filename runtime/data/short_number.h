#pragma once

#include <emmintrin.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "runtime/data/number.h"

namespace mlp {

// The parts of number parsing that loops want inlined.

// Whether a double, known up to three of its own steps, may be rounded to the wrong float: the bits
// that a float drops then lie that near to the middle of two floats.
inline bool is_near_middle_of_floats(double value) {
  constexpr std::uint64_t kDroppedBits = (std::uint64_t{1} << 29) - 1;
  constexpr std::uint64_t kMiddle = std::uint64_t{1} << 28;
  constexpr std::uint64_t kMargin = 3;
  return (std::bit_cast<std::uint64_t>(value) & kDroppedBits) - (kMiddle - kMargin) <= 2 * kMargin;
}

// The bytes that read_short_number() may read in front of the text's end.
inline constexpr std::ptrdiff_t kShortNumberBytes = 16;

// The number that all of [begin, end) is, where it is [-] and up to 16 digits with or without a
// point, 16 bytes together at most, and where it is known to be rounded right: then it is what
// parse_number() gives. Else false, and `value` is as it was. All of it is done without branches
// that depend on where the point is, or how many digits there are.
//
// Reads the kShortNumberBytes bytes in front of `end`, of whatever they are.
template <typename T>
[[gnu::always_inline]] inline bool read_short_number(const char* begin, const char* end, T& value) {
  static_assert(std::endian::native == std::endian::little);
  constexpr int kBytes = kShortNumberBytes;
  // Masks of 16 bytes: from the byte n on, for n = 16 - i, at kFrom + i.
  alignas(16) static constexpr auto kFrom = [] {
    std::array<std::uint8_t, 2 * kBytes> mask = {};
    for (std::size_t i = kBytes; i < mask.size(); ++i) mask[i] = 0xFF;
    return mask;
  }();
  // By the place of the point; the last one of each is for numbers without: the bytes behind the
  // point, and the power of ten by which they are divided.
  alignas(16) static constexpr auto kBehind = [] {
    std::array<std::array<std::uint8_t, kBytes>, kBytes + 1> masks = {};
    for (std::size_t point = 0; point <= kBytes; ++point) {
      for (std::size_t i = 0; i < kBytes; ++i)
        masks[point][i] = i > point || point == kBytes ? 0xFF : 0;
    }
    return masks;
  }();
  static constexpr std::array<double, kBytes + 1> kDivisors = {
      1e15, 1e14, 1e13, 1e12, 1e11, 1e10, 1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 1e2, 1e1, 1e0, 1e0};

  const std::ptrdiff_t size = end - begin;
  if (static_cast<std::size_t>(size) - 1 >= kBytes) return false;
  const auto first = static_cast<unsigned>(kBytes - size);
  const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(end - kBytes));
  const __m128i values = _mm_sub_epi8(text, _mm_set1_epi8('0'));
  const __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
  const unsigned all = 0xFFFFU << first & 0xFFFFU;
  const unsigned others = ~static_cast<unsigned>(_mm_movemask_epi8(is_digit)) & all;
  const unsigned point =
      static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('.')))) & all;
  const unsigned minus =
      static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8('-')))) >> first &
      1U;
  if (others != (point | minus << first) || (point & (point - 1)) != 0 || others == all)
    return false;

  const auto place = static_cast<std::size_t>(std::countr_zero(point | 1U << kBytes));
  const __m128i own =
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(kFrom.data() + static_cast<unsigned>(size)));
  const __m128i digits = _mm_and_si128(_mm_and_si128(values, is_digit), own);
  const __m128i behind = _mm_load_si128(reinterpret_cast<const __m128i*>(kBehind[place].data()));
  // The digits in front of the point move to where it was; of pairs, fours and eights of digits
  // each is then the number, the first one in the lowest byte.
  __m128i sums = _mm_or_si128(_mm_and_si128(behind, digits),
                              _mm_andnot_si128(behind, _mm_slli_si128(digits, 1)));
  sums = _mm_srli_epi16(_mm_mullo_epi16(sums, _mm_set1_epi16(10 * 256 + 1)), 8);
  sums = _mm_madd_epi16(sums, _mm_set1_epi32(1 << 16 | 100));
  sums = _mm_packs_epi32(sums, sums);
  sums = _mm_madd_epi16(sums, _mm_set1_epi32(1 << 16 | 10000));
  const auto halves = static_cast<std::uint64_t>(_mm_cvtsi128_si64(sums));
  const std::uint64_t mantissa = (halves & 0xFFFFFFFFU) * 100000000U + (halves >> 32);

  // As in parse_number(), rounded once: with a point there are at most 15 digits, so that both are
  // doubles without error; without one the quotient is the mantissa.
  const double quotient =
      static_cast<double>(static_cast<std::int64_t>(mantissa)) / kDivisors[place];
  if constexpr (std::is_same_v<T, float>) {
    if (is_near_middle_of_floats(quotient)) return false;
  }
  const std::uint64_t sign = static_cast<std::uint64_t>(minus) << 63;
  value = static_cast<T>(std::bit_cast<double>(std::bit_cast<std::uint64_t>(quotient) | sign));
  return true;
}

}  // namespace mlp
