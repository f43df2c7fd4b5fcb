#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "model/aligned_buffer.h"
#include "model/bfloat16_network.h"
#include "model/features.h"
#include "model/loss.h"
#include "model/mlp.h"
#include "model/optimizer.h"
#include "model/parameters.h"
#include "model/plan.h"
#include "model/precision.h"
#include "model/team.h"

namespace mlp {

// Rows to learn from: those of `features` that `rows` names, with the targets of all rows of
// `features` in their order. Nothing is owned.
struct Batch {
  FeatureView features;
  std::span<const std::uint32_t> rows;
  Targets targets;
  // The rows of the next step, if it is known and of the same features: a step may gather them
  // while it computes. At most batch_size.
  std::span<const std::uint32_t> next = {};
};

struct LearnerConfig {
  MlpConfig network;
  LossConfig loss;
  OptimizerConfig optimizer;
  std::size_t batch_size = 0;  // the most rows of a batch
  std::uint64_t seed = 0;
  std::size_t num_threads = 1;
  Precision precision = Precision::kFloat32;
};

// A network in training: its weights, their moments, and the memory of a step. One step is forward,
// loss, backward and update over one batch, cut into shards by a Plan; a team of any size carries
// out the shards and gets the same bits. Dropout's random numbers follow from seed, step, layer,
// row and unit. Every row of an embedding's table is updated in every step, by the sum of the
// gradients of the batch's rows that have its category; where none has, by what moments and weight
// decay do alone.
//
// Threads: one at a time, the one that made `team`.
class Learner {
 public:
  // `team` must outlive the learner. Throws std::logic_error where the CPU lacks the precision.
  Learner(const LearnerConfig& config, Team& team);

  // One update. Gives the batch's sums before it, with dropout in effect. Throws std::runtime_error
  // where memory for a matrix product is lacking.
  LossSums step(const Batch& batch);

  // The gradients of the batch's mean loss that step() would follow, in the places of the
  // weights that they are of, without an update.
  Weights gradients(const Batch& batch);

  Weights weights() const { return assemble(parameters_.data()); }
  // Replaces the weights by others of the same shapes.
  void set_weights(const Weights& weights);
  std::uint64_t steps() const { return steps_; }
  const Plan& plan() const { return plan_; }

 private:
  // What one shard works in. Matrices are padded and hold as many rows as the largest batch gives
  // the shard.
  struct Workspace {
    AlignedBuffer memory;
    Matrix x;  // the first layer's input; in bfloat16, a block of its rows
    // Of the shard's rows, with embeddings: the numbers that they are looked up by, and the
    // gradient by what was found.
    std::vector<std::uint32_t> categories;
    Matrix embedded_gradients;
    // Of each layer, in bfloat16 the last one alone; the last becomes the gradient by itself.
    std::vector<Matrix> outputs;
    std::vector<Matrix> gradients;  // by the hidden layers' outputs
    std::vector<Matrix> slopes;     // of the hidden layers' activations, except relu
    // Targets of the shard's rows, and the rows' losses.
    std::vector<std::int32_t> classes;
    std::vector<float> values;
    std::vector<float> weights;
    std::vector<float> losses;
    LossSums sums;
    Bfloat16Network::Workspace bfloat16;
  };

  // The part of the flat buffers (weights, moments, gradients) that belongs together: all of the
  // net where shards are rows; where they are units, each shard's own small net of the hidden units
  // it has, so that no two cores write near each other. Of the last bias, the first piece has the
  // only one in use.
  struct Piece {
    ParameterLayout layout;
    std::size_t start;  // in floats
  };

  // What one worker works in, in bfloat16, with a block of W.
  struct Scratch {
    Bfloat16Network::Scratch product;
    AlignedBuffer block;
    std::vector<const float*> gradients;
  };

  void make_pieces();
  void make_blocks();
  void make_workspaces();
  // `hidden` of the widths belong to hidden layers.
  Workspace make_workspace(std::size_t rows, const std::vector<std::size_t>& widths,
                           std::size_t hidden) const;
  Workspace make_bfloat16_workspace(std::size_t rows) const;
  void make_target_space(Workspace& workspace, std::size_t rows) const;
  // Between the flat buffers and weights as the outside knows them.
  Weights assemble(const float* buffer) const;
  void scatter(const Weights& weights, float* buffer) const;

  // The gradients of the tables, from dy by the first layer's outputs.
  void embeddings_backward(const Workspace& workspace, Matrix dy, float* gradients) const;
  void rows_shard(const Batch& batch, std::size_t worker, std::size_t shard);
  void float32_shard(const Batch& batch, Range range, std::size_t shard);
  void bfloat16_shard(const Batch& batch, Range range, std::size_t shard);
  // The gradients of all W and biases, of the shard's rows.
  void bfloat16_shard_gradients(std::size_t worker, std::size_t shard);
  void rows_step(const Batch& batch);
  void bfloat16_step(const Batch& batch);
  // The workspaces of the shards that have rows.
  std::vector<const Bfloat16Network::Workspace*> filled_workspaces(std::size_t batch_rows) const;
  // All gradients, added over the shards, in the places of the parameters.
  void bfloat16_gradients(std::size_t batch_rows, float* gradients);
  // Makes each block's gradient and updates by it at once.
  void bfloat16_fused_update(std::size_t batch_rows);
  // By scratch.gradients, the block's in rows of `stride` floats, which are moved on; then the
  // block is packed.
  void update_block(const Update& update, const Bfloat16Network::Block& block, std::size_t stride,
                    Scratch& scratch);
  std::size_t first_float(const Bfloat16Network::Block& block) const;
  // Whether the layer's bias goes with the block.
  static bool is_first(const Bfloat16Network::Block& block) {
    return block.rows.begin == 0 && block.columns.begin == 0;
  }
  bool by_blocks() const { return plan_.weight_gradients == WeightGradients::kByBlocks; }
  // The shard's part of the rows, into gathered_[buffer].
  void gather_part(const FeatureView& features, std::span<const std::uint32_t> rows,
                   std::size_t shard, std::size_t buffer);
  // Makes gathered_[current_] the batch's input, which the step before may have gathered.
  void load_input(const Batch& batch);
  void units_forward(const Batch& batch, std::size_t shard);
  void units_backward(const Batch& batch, std::size_t shard);
  void units_step(const Batch& batch);

  // The gradient buffers that a batch of so many rows has filled; their sum is the gradient.
  std::vector<const float*> filled_gradients(std::size_t batch_rows) const;
  // The factor that brings the gradient to the length allowed.
  double gradient_scale(const std::vector<const float*>& gradients);
  // Over `size` floats of the flat buffers from `start` on; gradients point to where theirs begin.
  void apply(const Update& update, std::size_t start, std::span<const float* const> gradients,
             std::size_t size);
  // Over the floats of `range` of the flat buffers; gradients point to the begin of such.
  void update_range(const Update& update, const std::vector<const float*>& gradients, Range range);

  // Over the first `size` floats, shared out among the workers.
  void update_shared(const Update& update, const std::vector<const float*>& gradients,
                     std::size_t size);

  kernels::DropoutStream dropout(std::size_t layer) const;
  void activate(Workspace& workspace, std::size_t layer, std::size_t rows, const float* bias,
                std::size_t first_row, std::size_t first_unit) const;
  // dy by a hidden layer's outputs becomes that by its sums z; db their sum over the rows.
  void activation_backward(const Workspace& workspace, std::size_t layer, Matrix dy,
                           float* db) const;
  void load_targets(const Batch& batch, Range rows, Workspace& workspace) const;
  // Of the shard's rows, whose outputs become the batch's gradient by them.
  void loss_and_gradient(const Batch& batch, Workspace& workspace, Matrix outputs) const;
  Range units_of(std::size_t shard) const {
    return shard_of_units(config_.network.hidden[0], plan_.shards, shard);
  }

  LearnerConfig config_;
  Plan plan_;
  Team& team_;
  std::uint64_t steps_ = 0;
  std::vector<Piece> pieces_;
  std::size_t size_ = 0;  // of a flat buffer, in floats
  AlignedBuffer parameters_;
  std::vector<AlignedBuffer> moments_;  // the optimizer's state
  // Of each shard of rows; of all shards of units in one. By blocks, of each shard's tables; for a
  // limit to the gradient's length, one more of all parameters.
  std::vector<AlignedBuffer> gradients_;
  std::vector<Workspace> workspaces_;  // one per shard
  // Of shards of units, which share them: the first layer's input of this step, and that of the
  // next one with the features and rows that it is of.
  AlignedBuffer gathered_memory_;
  std::array<Matrix, 2> gathered_;
  std::size_t current_ = 0;
  const void* next_features_ = nullptr;
  std::vector<std::uint32_t> next_rows_;
  std::optional<Bfloat16Network> bfloat16_;
  std::vector<Bfloat16Network::Block> blocks_;  // of all W, each the work of one worker
  std::vector<Scratch> scratch_;                // one per worker
};

}  // namespace mlp
