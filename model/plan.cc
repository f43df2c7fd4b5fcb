#include "model/plan.h"

#include <algorithm>

#include "model/kernels/bfloat16.h"
#include "model/kernels/vector.h"
#include "model/parameters.h"

namespace mlp {
namespace {

// A shard of rows below this runs its matrix products inefficiently.
constexpr std::size_t kLeastRows = 16;
constexpr double kLeastSharedOperations = 2e6;  // of a whole step

std::size_t ceiling_divide(std::size_t a, std::size_t b) { return (a + b - 1) / b; }

WeightGradients summed_in_bfloat16(const MlpConfig& config, std::size_t batch_size,
                                   std::size_t shards) {
  std::size_t values = 0;
  for (std::size_t layer = 0; layer < config.layers(); ++layer)
    values += config.layer_inputs(layer) + config.layer_outputs(layer);
  const std::size_t bytes_by_blocks = 2 * batch_size * values;
  const std::size_t bytes_by_shards = 2 * sizeof(float) * ParameterLayout(config).count();
  return shards > 1 && bytes_by_shards < bytes_by_blocks ? WeightGradients::kByShards
                                                         : WeightGradients::kByBlocks;
}

}  // namespace

Plan make_plan(const MlpConfig& config, std::size_t batch_size, std::size_t num_threads,
               Precision precision) {
  Plan by_rows;
  const bool is_bfloat16 = precision == Precision::kBfloat16;
  if (is_bfloat16) {
    by_rows.row_group = kernels::kTile;
    by_rows.weight_gradients = WeightGradients::kByBlocks;
  }
  if (num_threads <= 1 || step_operations(config, batch_size) < kLeastSharedOperations)
    return by_rows;
  const std::size_t least_rows = is_bfloat16 ? kernels::kTile : kLeastRows;
  by_rows.shards = std::clamp<std::size_t>(batch_size / least_rows, 1, num_threads);
  if (is_bfloat16) {
    by_rows.weight_gradients = summed_in_bfloat16(config, batch_size, by_rows.shards);
    return by_rows;
  }
  if (config.hidden.size() != 1 || !config.embeddings.empty()) return by_rows;
  const Plan by_units = {Split::kUnits,
                         std::clamp<std::size_t>(config.hidden[0] / kernels::kPad, 1, num_threads)};
  if (by_units.shards < by_rows.shards) return by_rows;
  const std::size_t bytes_by_rows = 2 * sizeof(float) * ParameterLayout(config).count();
  const std::size_t bytes_by_units = by_units.shards * sizeof(float) * batch_size * config.outputs;
  return bytes_by_units < bytes_by_rows ? by_units : by_rows;
}

Range shard_of_rows(std::size_t rows, const Plan& plan, std::size_t index) {
  const std::size_t each =
      ceiling_divide(ceiling_divide(rows, plan.shards), plan.row_group) * plan.row_group;
  return {std::min(rows, index * each), std::min(rows, (index + 1) * each)};
}

Range shard_of_units(std::size_t units, std::size_t shards, std::size_t index) {
  const std::size_t panels = ceiling_divide(units, kernels::kPad);
  const auto start = [&](std::size_t shard) {
    return std::min(units, panels * shard / shards * kernels::kPad);
  };
  return {start(index), start(index + 1)};
}

}  // namespace mlp
