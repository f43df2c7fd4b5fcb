#include "runtime/data/batch_iterator.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace mlp {
namespace {

const std::vector<std::uint32_t> kRows = {10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

std::vector<std::uint32_t> one_epoch(BatchIterator& batches, std::uint32_t epoch,
                                     std::vector<std::size_t>* sizes = nullptr) {
  batches.start_epoch(epoch);
  std::vector<std::uint32_t> order;
  for (auto batch = batches.next(); !batch.empty(); batch = batches.next()) {
    order.insert(order.end(), batch.begin(), batch.end());
    if (sizes != nullptr) sizes->push_back(batch.size());
  }
  return order;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("BatchIterator: each row comes once an epoch, the last batch being smaller") {
    BatchIterator batches(kRows, 4, 1);
    CHECK(batches.steps_per_epoch() == 3);
    std::vector<std::size_t> sizes;
    std::vector<std::uint32_t> order = one_epoch(batches, 0, &sizes);
    CHECK(sizes == std::vector<std::size_t>{4, 4, 2});
    CHECK(order != kRows);
    std::sort(order.begin(), order.end());
    CHECK(order == kRows);
  }

  TEST_CASE("BatchIterator: the order follows from seed and epoch, wherever one came from") {
    BatchIterator batches(kRows, 3, 1);
    const std::vector<std::uint32_t> first = one_epoch(batches, 0);
    const std::vector<std::uint32_t> second = one_epoch(batches, 1);
    CHECK(first != second);
    BatchIterator other(kRows, 5, 1);
    CHECK(one_epoch(other, 1) == second);
    CHECK(one_epoch(batches, 0) == first);
    BatchIterator seeded(kRows, 3, 2);
    CHECK(one_epoch(seeded, 0) != first);
  }

  TEST_CASE("split_validation: takes the asked share, seeded, and keeps the order of both parts") {
    const ValidationSplit split = split_validation(kRows, 0.3, 5);
    CHECK(split.validation.size() == 3);
    CHECK(split.training.size() == 7);
    CHECK(std::is_sorted(split.validation.begin(), split.validation.end()));
    CHECK(std::is_sorted(split.training.begin(), split.training.end()));
    std::vector<std::uint32_t> all = split.training;
    all.insert(all.end(), split.validation.begin(), split.validation.end());
    std::sort(all.begin(), all.end());
    CHECK(all == kRows);
    CHECK(split_validation(kRows, 0.3, 5).validation == split.validation);
    CHECK(split_validation(kRows, 0.3, 6).validation != split.validation);
  }

  TEST_CASE("split_validation: leaves a row on either side") {
    CHECK(split_validation(kRows, 0.001, 1).validation.size() == 1);
    CHECK(split_validation(kRows, 0.999, 1).training.size() == 1);
  }
}

}  // namespace mlp
