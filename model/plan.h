#pragma once

#include <cstddef>

#include "model/mlp.h"
#include "model/precision.h"

namespace mlp {

// A half-open range.
struct Range {
  std::size_t begin = 0;
  std::size_t end = 0;

  std::size_t size() const { return end - begin; }
};

// How a training step is cut into shards, each the work of one worker at a time with sums of its
// own.
//
// kRows: each shard has part of the batch's rows, all weights, and gradients of its own, which are
// added in the shards' order. Between cores, that moves about 2 * 4 * parameters bytes a step.
// kUnits, for nets with one hidden layer: each shard has part of the hidden units, with the columns
// of W1 and the rows of W2 that belong to them, and sees all rows. Only the partial logits cross, 4
// * batch * outputs bytes a shard.
enum class Split { kRows, kUnits };

// How the gradients of weights are summed over the shards of rows.
//
// kByShards: as above.
// kByBlocks, in bfloat16: each block of W has its gradient made from all shards' activations and
// gradients of activations, and is updated at once. Between cores, those move: 2 * batch * (inputs
// + outputs of each layer) bytes a step.
enum class WeightGradients { kByShards, kByBlocks };

// The plan decides the bits of the result, so it follows from the problem and from num_threads
// alone. How many workers carry it out may be anything from 1 to `shards`.
struct Plan {
  Split split = Split::kRows;
  std::size_t shards = 1;
  std::size_t row_group = 4;  // of kRows, see shard_of_rows()
  WeightGradients weight_gradients = WeightGradients::kByShards;
};

// What moves fewer bytes; by rows where there are embeddings, and in bfloat16. One shard
// where a step is too small to share: below about 2 million floating point operations, two barriers
// cost more than the second core gives.
Plan make_plan(const MlpConfig& config, std::size_t batch_size, std::size_t num_threads,
               Precision precision = Precision::kFloat32);

// Shard `index`'s part of a batch of `rows`: the shards before the last non-empty one have equally
// many, a multiple of the plan's row_group: 4, as dropout's random numbers come for 4 rows at once,
// or kernels::kTile in bfloat16. May be empty towards the end.
Range shard_of_rows(std::size_t rows, const Plan& plan, std::size_t index);

// Shard `index`'s part of a layer's units, in multiples of kernels::kPad, so that no cache line is
// shared.
Range shard_of_units(std::size_t units, std::size_t shards, std::size_t index);

}  // namespace mlp
