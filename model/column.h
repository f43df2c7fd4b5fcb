#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace mlp {

// Distinct texts, numbered from 0 in the order of their first appearance. Not for more than
// 4,294,967,294 of them.
class TextPool {
 public:
  // Bytes that may be read behind a text's begin, whatever its size, for add_padded().
  static constexpr std::size_t kPadding = 16;

  // The number of `text`, which is new or known.
  std::uint32_t add(std::string_view text) {
    char padded[kPadding] = {};
    if (text.size() > kPadding) return add_padded(text);
    text.copy(padded, kPadding);
    return add_padded({padded, text.size()});
  }
  // The same, faster, for a text of which kPadding bytes may be read.
  std::uint32_t add_padded(std::string_view text) {
    if (2 * ends_.size() >= slots_.size()) grow();
    const Key key = text.size() <= kPadding ? key_of_short(text) : key_of_long(text);
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = place_of(key) & mask;
    for (; slots_[slot].number != 0; slot = (slot + 1) & mask) {
      const Slot& known = slots_[slot];
      const bool differs = ((known.key.low ^ key.low) | (known.key.high ^ key.high)) != 0;
      if (differs || known.key.size != key.size) continue;
      if (text.size() <= kPadding || (*this)[known.number - 1] == text) return known.number - 1;
    }
    return insert(text, key, slot);
  }

  std::size_t size() const { return ends_.size(); }
  // Valid until the next add().
  std::string_view operator[](std::size_t number) const {
    const std::size_t begin = number == 0 ? 0 : ends_[number - 1];
    return {bytes_.data() + begin, ends_[number] - begin};
  }

 private:
  // Of a text of up to kPadding bytes, all of it, with zeros behind. Of a longer one, a hash.
  struct Key {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::uint32_t size = 0;
  };
  struct Slot {
    Key key;
    std::uint32_t number = 0;  // of the text, from 1; 0: free
  };

  static Key key_of_short(std::string_view text) {
    static_assert(std::endian::native == std::endian::little);
    Key key;
    std::memcpy(&key.low, text.data(), sizeof(key.low));
    std::memcpy(&key.high, text.data() + sizeof(key.low), sizeof(key.high));
    // Shifts by 64 bits are not defined, so they are done by two.
    const std::size_t low_bits = 8 * std::min<std::size_t>(text.size(), sizeof(key.low));
    const std::size_t high_bits = 8 * text.size() - low_bits;
    key.low &= ~(~std::uint64_t{0} << (low_bits / 2) << (low_bits - low_bits / 2));
    key.high &= ~(~std::uint64_t{0} << (high_bits / 2) << (high_bits - high_bits / 2));
    key.size = static_cast<std::uint32_t>(text.size());
    return key;
  }
  static Key key_of_long(std::string_view text);
  // Multiplies by bits of the golden ratio, whose upper half is well mixed.
  static std::size_t place_of(const Key& key) {
    constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15U;
    const std::uint64_t mixed = (key.low ^ (key.high * kGolden) ^ key.size) * kGolden;
    return mixed >> 32;
  }

  std::uint32_t insert(std::string_view text, const Key& key, std::size_t slot);
  void grow();

  std::string bytes_;
  std::vector<std::size_t> ends_;
  std::vector<Slot> slots_;  // open addressing
};

// One column of a table as it was read: numbers, or texts of which each distinct one is kept once.
struct Column {
  static constexpr std::uint32_t kMissing = 0xFFFFFFFF;

  std::string name;  // of the header, or the column's number from 1 in files without one
  bool is_text = false;
  std::vector<double> numbers;       // one per row, NaN: missing; unless is_text
  std::vector<std::uint32_t> codes;  // one per row, into `texts`, or kMissing; if is_text
  TextPool texts;

  std::size_t rows() const { return is_text ? codes.size() : numbers.size(); }
};

}  // namespace mlp
