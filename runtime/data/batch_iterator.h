#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mlp {

// Walks through a set of rows epoch by epoch, in batches. The order of an epoch is a permutation
// that follows from the seed and the epoch's number alone, so any place can be gone to directly.
// The last batch of an epoch may be smaller.
class BatchIterator {
 public:
  // `rows` is copied. batch_size > 0, rows not empty.
  BatchIterator(std::span<const std::uint32_t> rows, std::size_t batch_size, std::uint64_t seed);

  std::size_t steps_per_epoch() const { return (rows_.size() + batch_size_ - 1) / batch_size_; }

  // Goes to the start of epoch `epoch`, counted from 0.
  void start_epoch(std::uint32_t epoch);

  // The next batch's rows, valid until start_epoch(); empty at the epoch's end.
  std::span<const std::uint32_t> next();
  // The same, without going on.
  std::span<const std::uint32_t> peek() const;

 private:
  std::vector<std::uint32_t> rows_;
  std::vector<std::uint32_t> order_;
  std::size_t batch_size_;
  std::uint64_t seed_;
  std::size_t position_ = 0;
};

// Takes a share of `rows` away for validation, drawn by the seed: round(share * rows), but at least
// one on either side. Both parts keep their order. There must be two rows at least.
struct ValidationSplit {
  std::vector<std::uint32_t> training;
  std::vector<std::uint32_t> validation;
};
ValidationSplit split_validation(std::span<const std::uint32_t> rows, double share,
                                 std::uint64_t seed);

}  // namespace mlp
