#include "runtime/data/batch_iterator.h"

#include <algorithm>
#include <cmath>

#include "model/random.h"

namespace mlp {

BatchIterator::BatchIterator(std::span<const std::uint32_t> rows, std::size_t batch_size,
                             std::uint64_t seed)
    : rows_(rows.begin(), rows.end()), order_(rows_), batch_size_(batch_size), seed_(seed) {}

void BatchIterator::start_epoch(std::uint32_t epoch) {
  order_ = rows_;
  Rng(seed_, RandomPurpose::kShuffle, epoch).shuffle(order_);
  position_ = 0;
}

std::span<const std::uint32_t> BatchIterator::next() {
  const std::span<const std::uint32_t> batch = peek();
  position_ += batch.size();
  return batch;
}

std::span<const std::uint32_t> BatchIterator::peek() const {
  return std::span(order_).subspan(position_, std::min(batch_size_, order_.size() - position_));
}

ValidationSplit split_validation(std::span<const std::uint32_t> rows, double share,
                                 std::uint64_t seed) {
  std::vector<std::uint32_t> shuffled(rows.begin(), rows.end());
  Rng(seed, RandomPurpose::kValidationSplit, 0).shuffle(shuffled);
  const double wanted = std::round(share * static_cast<double>(rows.size()));
  const auto count =
      static_cast<std::ptrdiff_t>(std::clamp(wanted, 1.0, static_cast<double>(rows.size() - 1)));
  const auto middle = shuffled.begin() + count;
  std::sort(shuffled.begin(), middle);
  ValidationSplit split;
  split.validation.assign(shuffled.begin(), middle);
  split.training.reserve(shuffled.size() - split.validation.size());
  std::sort(middle, shuffled.end());
  split.training.assign(middle, shuffled.end());
  return split;
}

}  // namespace mlp
