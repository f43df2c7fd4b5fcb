#include "runtime/data/overlap.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace mlp {
namespace {

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15U;  // the golden ratio's bits
  // Products carry a bit upwards only: the rotation brings the highest, as signs are, down again.
  return std::rotl(hash ^ word, 29) * kMultiplier;
}

// Of the bytes and a hash before them. Words go into lanes side by side, so that long rows are
// hashed about as fast as memory delivers them.
std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t before) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::array<std::uint64_t, 4> lanes = {before, 1, 2, 3};
  const char* next = bytes.data();
  const char* const end = next + bytes.size();
  std::uint64_t word = 0;
  const auto left = [&] { return static_cast<std::size_t>(end - next); };
  while (left() >= lanes.size() * kWord) {
    for (std::uint64_t& lane : lanes) {
      std::memcpy(&word, next, kWord);
      lane = mix(lane, word);
      next += kWord;
    }
  }
  while (left() > 0) {
    const std::size_t size = std::min(left(), kWord);
    word = 0;
    std::memcpy(&word, next, size);
    lanes[0] = mix(lanes[0], word);
    next += size;
  }
  for (const std::size_t lane : {1U, 2U, 3U}) lanes[0] = mix(lanes[0], lanes[lane]);
  return lanes[0] ^ lanes[0] >> 32;
}

// The bytes of a row, in its two parts.
class RowBytes {
 public:
  explicit RowBytes(const Dataset& dataset) : dataset_(dataset) {
    feature_bytes_ = dataset.features.row_bytes();
    if (dataset.features.rows > 0) targets_ = dataset.values.size() / dataset.features.rows;
  }

  std::size_t hash(std::uint32_t row) const {
    return hash_bytes(targets(row), hash_bytes(features(row), 0));
  }

  bool equal(std::uint32_t row, const RowBytes& other, std::uint32_t other_row) const {
    return features(row) == other.features(other_row) && targets(row) == other.targets(other_row);
  }

 private:
  std::string_view features(std::uint32_t row) const {
    return {static_cast<const char*>(dataset_.features.data) + row * feature_bytes_,
            feature_bytes_};
  }
  std::string_view targets(std::uint32_t row) const {
    if (targets_ == 0) {
      return {reinterpret_cast<const char*>(&dataset_.classes[row]), sizeof(std::int32_t)};
    }
    return {reinterpret_cast<const char*>(&dataset_.values[row * targets_]),
            targets_ * sizeof(float)};
  }

  const Dataset& dataset_;
  std::size_t feature_bytes_ = 0;
  std::size_t targets_ = 0;  // values to a row; 0: it has a class instead
};

}  // namespace

Overlap find_overlap(const Dataset& training, const Dataset& other) {
  if (training.features.type != other.features.type ||
      training.features.width != other.features.width ||
      training.classes.empty() != other.classes.empty()) {
    throw std::logic_error("find_overlap: the sets have rows of different kinds");
  }
  const RowBytes training_rows(training);
  const RowBytes other_rows(other);
  const std::size_t count = other.rows.size();

  // A table of the distinct rows of `other`, by open addressing and half empty at least; an entry
  // is a position in other.rows. Equal rows share the entry of the first, which `first_equal` leads
  // to.
  const std::size_t mask = std::bit_ceil(2 * count + 1) - 1;
  std::vector<std::uint32_t> table(mask + 1, kNone);
  std::vector<std::size_t> hashes(count);
  std::vector<std::uint32_t> first_equal(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    hashes[i] = other_rows.hash(other.rows[i]);
    std::size_t place = hashes[i] & mask;
    while (table[place] != kNone &&
           (hashes[table[place]] != hashes[i] ||
            !other_rows.equal(other.rows[table[place]], other_rows, other.rows[i]))) {
      place = (place + 1) & mask;
    }
    if (table[place] == kNone) table[place] = i;
    first_equal[i] = table[place];
  }

  std::vector<std::uint32_t> found_in(count, kNone);  // by entry, the first equal training row
  for (const std::uint32_t row : training.rows) {
    const std::size_t hash = training_rows.hash(row);
    for (std::size_t place = hash & mask; table[place] != kNone; place = (place + 1) & mask) {
      const std::uint32_t i = table[place];
      if (hashes[i] != hash || !training_rows.equal(row, other_rows, other.rows[i])) continue;
      if (found_in[i] == kNone) found_in[i] = row;
      break;
    }
  }

  Overlap overlap;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t row = found_in[first_equal[i]];
    if (row == kNone) continue;
    if (overlap.rows++ > 0) continue;
    overlap.first = other.rows[i];
    overlap.first_training = row;
  }
  return overlap;
}

}  // namespace mlp
