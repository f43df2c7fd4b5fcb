#include "model/learner.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>

#include "model/embedding.h"
#include "model/gather.h"
#include "model/kernels/gemm.h"
#include "model/kernels/vector.h"

namespace mlp {
namespace {

// Pieces start on pages of their own: what a core fetches ahead ends at a page.
constexpr std::size_t kPageFloats = 4096 / sizeof(float);

constexpr std::size_t kNormBlock = 1 << 16;  // floats
constexpr std::size_t kMostMoments = 2;

// Blocks of W are at most so large that gradient, weights and moments stay in the second cache
// between the product and the update, and so many that shards end at about the same time.
constexpr std::size_t kUpdateRows = 128;
constexpr std::size_t kUpdateColumns = 1024;
constexpr std::size_t kBlocksPerShard = 4;

Matrix first_rows(Matrix matrix, std::size_t rows) {
  return {matrix.data, rows, matrix.columns, matrix.stride};
}

}  // namespace

Learner::Learner(const LearnerConfig& config, Team& team)
    : config_(config),
      plan_(make_plan(config.network, config.batch_size, config.num_threads, config.precision)),
      team_(team) {
  make_pieces();
  if (config_.precision == Precision::kBfloat16) {
    bfloat16_.emplace(config_.network, pieces_[0].layout);
    make_blocks();
  }
  parameters_ = AlignedBuffer(size_);
  for (std::size_t i = 0; i < config_.optimizer.moments(); ++i) moments_.emplace_back(size_);
  set_weights(initial_weights(config_.network, config_.seed));
  make_workspaces();
}

void Learner::set_weights(const Weights& weights) {
  scatter(weights, parameters_.data());
  for (const Bfloat16Network::Block& block : blocks_) bfloat16_->pack(parameters_.data(), block);
}

void Learner::make_blocks() {
  const std::vector<ParameterLayout::Layer>& layers = pieces_[0].layout.layers();
  const std::size_t share = pieces_[0].layout.count() / (plan_.shards * kBlocksPerShard);
  std::size_t largest = 0;
  for (std::size_t index = 0; index < layers.size(); ++index) {
    const ParameterLayout::Layer& layer = layers[index];
    // The update takes whole rows, or parts of rows that it can go through in vectors.
    const bool is_wide = layer.outputs > kUpdateColumns && layer.outputs % kernels::kPad == 0;
    const std::size_t columns = is_wide ? kUpdateColumns : layer.outputs;
    const std::size_t rows =
        std::clamp(share / columns / kernels::kTile * kernels::kTile, kernels::kTile, kUpdateRows);
    for (std::size_t row = 0; row < layer.inputs; row += rows) {
      for (std::size_t column = 0; column < layer.outputs; column += columns) {
        blocks_.push_back({index,
                           {row, std::min(row + rows, layer.inputs)},
                           {column, std::min(column + columns, layer.outputs)}});
        largest = std::max(largest, blocks_.back().rows.size() * blocks_.back().columns.size());
      }
    }
  }
  for (std::size_t worker = 0; worker < team_.workers(); ++worker)
    scratch_.push_back({{}, AlignedBuffer(largest + kernels::kPad), {}});
}

void Learner::make_pieces() {
  if (plan_.split == Split::kRows) {
    pieces_.push_back({ParameterLayout(config_.network), 0});
    size_ = pieces_[0].layout.size();
    return;
  }
  for (std::size_t shard = 0; shard < plan_.shards; ++shard) {
    MlpConfig part = config_.network;
    part.hidden = {units_of(shard).size()};
    pieces_.push_back({ParameterLayout(part), size_});
    size_ += (pieces_.back().layout.size() + kPageFloats - 1) / kPageFloats * kPageFloats;
  }
}

void Learner::make_workspaces() {
  const MlpConfig& network = config_.network;
  for (std::size_t shard = 0; shard < plan_.shards; ++shard) {
    if (bfloat16_) {
      workspaces_.push_back(
          make_bfloat16_workspace(shard_of_rows(config_.batch_size, plan_, 0).size()));
      gradients_.emplace_back(by_blocks() ? pieces_[0].layout.layers()[0].weight : size_);
    } else if (plan_.split == Split::kRows) {
      std::vector<std::size_t> widths;
      for (std::size_t layer = 0; layer < network.layers(); ++layer)
        widths.push_back(network.layer_outputs(layer));
      workspaces_.push_back(make_workspace(shard_of_rows(config_.batch_size, plan_, 0).size(),
                                           widths, network.hidden.size()));
      gradients_.emplace_back(size_);
    } else {
      // The second matrix of outputs holds the shard's partial logits, the third their sum over all
      // shards.
      workspaces_.push_back(make_workspace(
          config_.batch_size, {units_of(shard).size(), network.outputs, network.outputs}, 1));
      if (shard == 0) gradients_.emplace_back(size_);
    }
  }
  if (by_blocks() && config_.optimizer.global_clipnorm > 0) gradients_.emplace_back(size_);
  if (plan_.split == Split::kRows) return;
  const std::size_t stride = kernels::padded(network.inputs);
  gathered_memory_ = AlignedBuffer(gathered_.size() * config_.batch_size * stride);
  float* memory = gathered_memory_.data();
  for (Matrix& gathered : gathered_) {
    gathered = {memory, config_.batch_size, network.inputs, stride};
    memory += config_.batch_size * stride;
  }
}

Weights Learner::assemble(const float* buffer) const {
  Weights weights = to_weights(pieces_[0].layout, buffer);
  if (plan_.split == Split::kRows) return weights;
  DenseWeights& hidden = weights.layers[0];
  DenseWeights& last = weights.layers[1];
  hidden = {hidden.inputs,
            config_.network.hidden[0],
            std::vector<float>(hidden.inputs * config_.network.hidden[0]),
            {}};
  last.inputs = hidden.outputs;
  last.weight.clear();
  for (std::size_t shard = 0; shard < plan_.shards; ++shard) {
    const std::vector<DenseWeights> part =
        to_weights(pieces_[shard].layout, buffer + pieces_[shard].start).layers;
    const Range units = units_of(shard);
    for (std::size_t row = 0; row < hidden.inputs; ++row) {
      std::copy_n(&part[0].weight[row * units.size()], units.size(),
                  &hidden.weight[row * hidden.outputs + units.begin]);
    }
    hidden.bias.insert(hidden.bias.end(), part[0].bias.begin(), part[0].bias.end());
    last.weight.insert(last.weight.end(), part[1].weight.begin(), part[1].weight.end());
  }
  return weights;
}

void Learner::scatter(const Weights& weights, float* buffer) const {
  if (plan_.split == Split::kRows) {
    from_weights(pieces_[0].layout, weights, buffer);
    return;
  }
  const DenseWeights& hidden = weights.layers[0];
  const DenseWeights& last = weights.layers[1];
  for (std::size_t shard = 0; shard < plan_.shards; ++shard) {
    const Range units = units_of(shard);
    DenseWeights columns = {hidden.inputs, units.size(), {}, {}};
    for (std::size_t row = 0; row < hidden.inputs; ++row) {
      const float* const from = &hidden.weight[row * hidden.outputs];
      columns.weight.insert(columns.weight.end(), from + units.begin, from + units.end);
    }
    columns.bias.assign(&hidden.bias[units.begin], &hidden.bias[units.begin] + units.size());
    DenseWeights rows = {units.size(), last.outputs, {}, last.bias};
    const float* const from = last.weight.data();
    rows.weight.assign(from + units.begin * last.outputs, from + units.end * last.outputs);
    if (shard > 0) std::fill(rows.bias.begin(), rows.bias.end(), 0.0F);
    from_weights(pieces_[shard].layout, {{}, {std::move(columns), std::move(rows)}},
                 buffer + pieces_[shard].start);
  }
}

Learner::Workspace Learner::make_workspace(std::size_t rows, const std::vector<std::size_t>& widths,
                                           std::size_t hidden) const {
  Workspace workspace;
  const bool has_slopes = config_.network.activation != Activation::kRelu;
  // Shards of units share their input.
  const std::size_t inputs = plan_.split == Split::kUnits ? 0 : config_.network.dense_inputs();
  const std::size_t embedded = config_.network.embedded();
  std::size_t size = rows * (kernels::padded(inputs) + kernels::padded(embedded));
  for (std::size_t layer = 0; layer < widths.size(); ++layer) {
    size += (layer < hidden && has_slopes ? 3 : 2) * rows * kernels::padded(widths[layer]);
  }
  workspace.memory = AlignedBuffer(size);
  float* free = workspace.memory.data();
  const auto take = [&](std::size_t width) {
    const Matrix matrix = {free, rows, width, kernels::padded(width)};
    free += rows * matrix.stride;
    return matrix;
  };
  workspace.x = take(inputs);
  workspace.embedded_gradients = take(embedded);
  workspace.categories.resize(rows * config_.network.embeddings.size());
  for (const std::size_t width : widths) workspace.outputs.push_back(take(width));
  for (const std::size_t width : widths) workspace.gradients.push_back(take(width));
  for (std::size_t layer = 0; layer < hidden && has_slopes; ++layer)
    workspace.slopes.push_back(take(widths[layer]));
  make_target_space(workspace, rows);
  return workspace;
}

Learner::Workspace Learner::make_bfloat16_workspace(std::size_t rows) const {
  Workspace workspace;
  const std::size_t inputs = kernels::padded(config_.network.dense_inputs());
  const std::size_t embedded = kernels::padded(bfloat16_->embedded_columns());
  const std::size_t outputs = kernels::padded(config_.network.outputs);
  workspace.memory = AlignedBuffer(kernels::kTile * inputs + rows * (embedded + outputs));
  float* const memory = workspace.memory.data();
  workspace.x = {memory, kernels::kTile, config_.network.dense_inputs(), inputs};
  workspace.embedded_gradients = {memory + kernels::kTile * inputs, rows,
                                  bfloat16_->embedded_columns(), embedded};
  workspace.outputs = {
      {workspace.embedded_gradients.row(rows), rows, config_.network.outputs, outputs}};
  workspace.categories.resize(rows * config_.network.embeddings.size());
  workspace.bfloat16 = bfloat16_->make_workspace(rows);
  make_target_space(workspace, rows);
  return workspace;
}

void Learner::make_target_space(Workspace& workspace, std::size_t rows) const {
  if (takes_classes(config_.loss.loss)) {
    workspace.classes.resize(rows);
  } else {
    workspace.values.resize(rows * config_.network.outputs);
  }
  workspace.weights.resize(rows);
  workspace.losses.resize(rows);
}

kernels::DropoutStream Learner::dropout(std::size_t layer) const {
  constexpr double kResolution = 1 << 24;
  const double rate = config_.network.drop_rate;
  return {
      {static_cast<std::uint32_t>(config_.seed), static_cast<std::uint32_t>(config_.seed >> 32)},
      static_cast<std::uint32_t>(layer),
      static_cast<std::uint32_t>(steps_),
      static_cast<std::uint32_t>(std::lround(rate * kResolution)),
      rate < 1 ? static_cast<float>(1 / (1 - rate)) : 0.0F};
}

void Learner::activate(Workspace& workspace, std::size_t layer, std::size_t rows, const float* bias,
                       std::size_t first_row, std::size_t first_unit) const {
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  const Matrix y = first_rows(workspace.outputs[layer], rows);
  const kernels::DropoutStream stream = dropout(layer);
  const bool drops = config_.network.drop_rate > 0;
  if (config_.network.activation != Activation::kRelu) {
    vector.activate(config_.network.activation, y.data, workspace.slopes[layer].data, rows,
                    y.columns, y.stride, bias, drops ? &stream : nullptr, first_row, first_unit);
  } else if (drops) {
    vector.bias_relu_dropout(y.data, rows, y.columns, y.stride, bias, &stream, first_row,
                             first_unit);
  } else {
    vector.bias_relu(y.data, rows, y.columns, y.stride, bias);
  }
}

void Learner::activation_backward(const Workspace& workspace, std::size_t layer, Matrix dy,
                                  float* db) const {
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  if (config_.network.activation != Activation::kRelu) {
    vector.slope_backward(workspace.slopes[layer].data, dy.data, dy.rows, dy.columns, dy.stride,
                          db);
  } else {
    vector.relu_backward(workspace.outputs[layer].data, dy.data, dy.rows, dy.columns, dy.stride,
                         dropout(layer).scale, db);
  }
}

void Learner::load_targets(const Batch& batch, Range rows, Workspace& workspace) const {
  const Targets& targets = batch.targets;
  const std::size_t outputs = config_.network.outputs;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::size_t row = batch.rows[rows.begin + i];
    if (takes_classes(config_.loss.loss)) {
      workspace.classes[i] = targets.classes[row];
    } else {
      std::copy_n(targets.values + row * outputs, outputs, &workspace.values[i * outputs]);
    }
    if (targets.weights != nullptr) workspace.weights[i] = targets.weights[row];
  }
}

void Learner::loss_and_gradient(const Batch& batch, Workspace& workspace, Matrix outputs) const {
  const Targets targets = {workspace.classes.data(), workspace.values.data(),
                           batch.targets.weights == nullptr ? nullptr : workspace.weights.data()};
  mlp::loss_and_gradient(config_.loss, outputs, targets, batch.rows.size(), workspace.losses.data(),
                         workspace.sums);
}

void Learner::embeddings_backward(const Workspace& workspace, Matrix dy, float* gradients) const {
  const ParameterLayout& layout = pieces_[0].layout;
  const Matrix dx = first_rows(workspace.embedded_gradients, dy.rows);
  // Of the first W, the rows that what was looked up meets: the last ones.
  ConstMatrix w = weight_of(layout.layers()[0], parameters_.data());
  w.data = w.row(w.rows - dx.columns);
  w.rows = dx.columns;
  kernels::multiply_transposed_right(dy, w, dx);
  look_up_backward(tables_of(layout, gradients), dx, workspace.categories.data());
}

void Learner::rows_shard(const Batch& batch, std::size_t worker, std::size_t shard) {
  Workspace& workspace = workspaces_[shard];
  const Range range = shard_of_rows(batch.rows.size(), plan_, shard);
  if (range.size() == 0) {
    workspace.sums = {};
    return;
  }
  load_targets(batch, range, workspace);
  if (bfloat16_) {
    const Bfloat16Network::Products products(*bfloat16_);
    bfloat16_shard(batch, range, shard);
    if (!by_blocks()) bfloat16_shard_gradients(worker, shard);
  } else {
    float32_shard(batch, range, shard);
  }
}

void Learner::float32_shard(const Batch& batch, Range range, std::size_t shard) {
  Workspace& workspace = workspaces_[shard];
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  const std::vector<ParameterLayout::Layer>& layers = pieces_[0].layout.layers();
  const std::size_t last = layers.size() - 1;
  const float* const parameters = parameters_.data();
  float* const gradients = gradients_[shard].data();

  const Matrix x = first_rows(workspace.x, range.size());
  gather(batch.features, batch.rows.subspan(range.begin, range.size()),
         {x.data, x.rows, config_.network.inputs, x.stride});
  look_up(tables_of(pieces_[0].layout, parameters), x, workspace.categories.data());

  const auto output = [&](std::size_t layer) {
    return first_rows(workspace.outputs[layer], range.size());
  };
  const auto input = [&](std::size_t layer) { return layer == 0 ? x : output(layer - 1); };
  for (std::size_t layer = 0; layer <= last; ++layer) {
    const ParameterLayout::Layer& slots = layers[layer];
    const Matrix y = output(layer);
    kernels::multiply(input(layer), weight_of(slots, parameters), y);
    if (layer < last) {
      activate(workspace, layer, range.size(), parameters + slots.bias, range.begin, 0);
    } else {
      vector.add_bias(y.data, y.rows, y.columns, y.stride, parameters + slots.bias);
    }
  }

  Matrix dy = output(last);
  loss_and_gradient(batch, workspace, dy);
  vector.column_sums(dy.data, dy.rows, dy.columns, dy.stride, gradients + layers[last].bias);
  for (std::size_t layer = last + 1; layer-- > 0;) {
    const ParameterLayout::Layer& slots = layers[layer];
    kernels::multiply_transposed_left(input(layer), dy, weight_of(slots, gradients));
    if (layer == 0) {
      if (!config_.network.embeddings.empty()) embeddings_backward(workspace, dy, gradients);
      break;
    }
    const Matrix dx = first_rows(workspace.gradients[layer - 1], range.size());
    kernels::multiply_transposed_right(dy, weight_of(slots, parameters), dx);
    activation_backward(workspace, layer - 1, dx, gradients + layers[layer - 1].bias);
    dy = dx;
  }
}

void Learner::bfloat16_shard(const Batch& batch, Range range, std::size_t shard) {
  Workspace& workspace = workspaces_[shard];
  const ParameterLayout& layout = pieces_[0].layout;
  const float* const parameters = parameters_.data();
  const MlpConfig& network = config_.network;

  const std::vector<ConstMatrix> tables = tables_of(layout, parameters);
  for (std::size_t row = 0; row < range.size(); row += kernels::kTile) {
    const std::size_t count = std::min(kernels::kTile, range.size() - row);
    const Matrix x = first_rows(workspace.x, count);
    gather(batch.features, batch.rows.subspan(range.begin + row, count),
           {x.data, count, network.inputs, x.stride});
    look_up(tables, x, workspace.categories.data() + row * tables.size());
    bfloat16_->set_input(workspace.bfloat16, x, row, range.size());
  }
  std::vector<kernels::DropoutStream> streams;
  if (network.drop_rate > 0) {
    for (std::size_t layer = 0; layer < network.hidden.size(); ++layer)
      streams.push_back(dropout(layer));
  }
  const Matrix logits = first_rows(workspace.outputs[0], range.size());
  bfloat16_->forward(workspace.bfloat16, parameters, streams, range.begin, logits);

  loss_and_gradient(batch, workspace, logits);
  const Matrix embedded = first_rows(workspace.embedded_gradients, range.size());
  bfloat16_->backward(workspace.bfloat16, logits, dropout(0).scale, embedded);
  if (network.embeddings.empty()) return;
  Matrix dx = embedded;
  dx.columns = network.embedded();
  dx.data += embedded.columns - dx.columns;
  look_up_backward(tables_of(layout, gradients_[shard].data()), dx, workspace.categories.data());
}

void Learner::bfloat16_shard_gradients(std::size_t worker, std::size_t shard) {
  const std::vector<ParameterLayout::Layer>& layers = pieces_[0].layout.layers();
  const Bfloat16Network::Workspace* const workspace = &workspaces_[shard].bfloat16;
  float* const gradients = gradients_[shard].data();
  for (std::size_t index = 0; index < layers.size(); ++index) {
    const ParameterLayout::Layer& layer = layers[index];
    bfloat16_->weight_gradient({&workspace, 1}, {index, {0, layer.inputs}, {0, layer.outputs}},
                               gradients + layer.weight, layer.outputs, scratch_[worker].product);
    std::copy_n(bfloat16_->bias_gradient(*workspace, index), layer.outputs, gradients + layer.bias);
  }
}

std::vector<const float*> Learner::filled_gradients(std::size_t batch_rows) const {
  std::vector<const float*> filled;
  for (std::size_t shard = 0; shard < gradients_.size(); ++shard) {
    if (plan_.split == Split::kRows && shard_of_rows(batch_rows, plan_, shard).size() == 0) {
      continue;
    }
    filled.push_back(gradients_[shard].data());
  }
  return filled;
}

double Learner::gradient_scale(const std::vector<const float*>& gradients) {
  if (config_.optimizer.global_clipnorm == 0) return 1;
  // Blocks of fixed size, so that the sum has one order.
  const std::size_t blocks = (size_ + kNormBlock - 1) / kNormBlock;
  std::vector<double> sums(blocks);
  team_.for_each(blocks, [&](std::size_t, std::size_t block) {
    const std::size_t begin = block * kNormBlock;
    std::vector<const float*> starts = gradients;
    for (const float*& start : starts) start += begin;
    sums[block] = kernels::vector_kernels().sum_of_squares(starts.data(), starts.size(),
                                                           std::min(kNormBlock, size_ - begin));
  });
  return clip_scale(config_.optimizer, std::accumulate(sums.begin(), sums.end(), 0.0));
}

void Learner::update_range(const Update& update, const std::vector<const float*>& gradients,
                           Range range) {
  std::vector<const float*> starts = gradients;
  for (const float*& start : starts) start += range.begin;
  apply(update, range.begin, starts, range.size());
}

void Learner::apply(const Update& update, std::size_t start,
                    std::span<const float* const> gradients, std::size_t size) {
  float* moments[kMostMoments] = {};
  for (std::size_t i = 0; i < moments_.size(); ++i) moments[i] = moments_[i].data() + start;
  update.apply(parameters_.data() + start, moments, gradients.data(), gradients.size(), size);
}

void Learner::rows_step(const Batch& batch) {
  team_.for_each(plan_.shards,
                 [&](std::size_t worker, std::size_t shard) { rows_shard(batch, worker, shard); });
  const std::vector<const float*> gradients = filled_gradients(batch.rows.size());
  const Update update(config_.optimizer, steps_, gradient_scale(gradients));
  update_shared(update, gradients, size_);
}

void Learner::update_shared(const Update& update, const std::vector<const float*>& gradients,
                            std::size_t size) {
  const std::size_t panels = size / kernels::kPad;
  const std::size_t shares = std::min(plan_.shards, team_.workers());
  team_.for_each(shares, [&](std::size_t, std::size_t share) {
    update_range(
        update, gradients,
        {panels * share / shares * kernels::kPad, panels * (share + 1) / shares * kernels::kPad});
  });
}

std::vector<const Bfloat16Network::Workspace*> Learner::filled_workspaces(
    std::size_t batch_rows) const {
  std::vector<const Bfloat16Network::Workspace*> filled;
  for (std::size_t shard = 0; shard < plan_.shards; ++shard) {
    if (shard_of_rows(batch_rows, plan_, shard).size() > 0)
      filled.push_back(&workspaces_[shard].bfloat16);
  }
  return filled;
}

void Learner::bfloat16_gradients(std::size_t batch_rows, float* gradients) {
  const std::vector<const Bfloat16Network::Workspace*> filled = filled_workspaces(batch_rows);
  const std::vector<ParameterLayout::Layer>& layers = pieces_[0].layout.layers();
  team_.for_each(blocks_.size(), [&](std::size_t worker, std::size_t index) {
    const Bfloat16Network::Block& block = blocks_[index];
    bfloat16_->weight_gradient(filled, block, gradients + first_float(block),
                               layers[block.layer].outputs, scratch_[worker].product);
  });
  const auto add = [&](float* to, const float* from, std::size_t size, bool is_first) {
    for (std::size_t i = 0; i < size; ++i) to[i] = is_first ? from[i] : to[i] + from[i];
  };
  for (std::size_t shard = 0; shard < filled.size(); ++shard) {
    add(gradients, gradients_[shard].data(), layers[0].weight, shard == 0);
    for (std::size_t layer = 0; layer < layers.size(); ++layer) {
      add(gradients + layers[layer].bias, bfloat16_->bias_gradient(*filled[shard], layer),
          layers[layer].outputs, shard == 0);
    }
  }
}

std::size_t Learner::first_float(const Bfloat16Network::Block& block) const {
  const ParameterLayout::Layer& layer = pieces_[0].layout.layers()[block.layer];
  return layer.weight + block.rows.begin * layer.outputs + block.columns.begin;
}

void Learner::bfloat16_step(const Batch& batch) {
  team_.for_each(plan_.shards,
                 [&](std::size_t worker, std::size_t shard) { rows_shard(batch, worker, shard); });
  if (by_blocks() && config_.optimizer.global_clipnorm == 0) {
    bfloat16_fused_update(batch.rows.size());
    return;
  }
  const std::vector<ParameterLayout::Layer>& layers = pieces_[0].layout.layers();
  std::vector<const float*> gradients;
  if (by_blocks()) {
    bfloat16_gradients(batch.rows.size(), gradients_.back().data());
    gradients.push_back(gradients_.back().data());
  } else {
    gradients = filled_gradients(batch.rows.size());
  }
  const Update update(config_.optimizer, steps_, gradient_scale(gradients));
  team_.for_each(blocks_.size(), [&](std::size_t worker, std::size_t index) {
    const Bfloat16Network::Block& block = blocks_[index];
    const ParameterLayout::Layer& layer = layers[block.layer];
    Scratch& scratch = scratch_[worker];
    const auto point_at = [&](std::size_t place) {
      scratch.gradients.clear();
      for (const float* const gradient : gradients) scratch.gradients.push_back(gradient + place);
    };
    point_at(first_float(block));
    update_block(update, block, layer.outputs, scratch);
    if (!is_first(block)) return;
    point_at(layer.bias);
    apply(update, layer.bias, scratch.gradients, kernels::padded(layer.outputs));
  });
  if (!config_.network.embeddings.empty()) update_shared(update, gradients, layers[0].weight);
}

void Learner::bfloat16_fused_update(std::size_t batch_rows) {
  const std::vector<ParameterLayout::Layer>& layers = pieces_[0].layout.layers();
  const std::vector<const Bfloat16Network::Workspace*> filled = filled_workspaces(batch_rows);
  const Update update(config_.optimizer, steps_, 1);
  team_.for_each(blocks_.size(), [&](std::size_t worker, std::size_t index) {
    const Bfloat16Network::Block& block = blocks_[index];
    Scratch& scratch = scratch_[worker];
    float* const gradient = scratch.block.data();
    bfloat16_->weight_gradient(filled, block, gradient, block.columns.size(), scratch.product);
    // The update goes on to the end of the last vector.
    std::fill_n(gradient + block.rows.size() * block.columns.size(), kernels::kPad, 0.0F);
    scratch.gradients.assign(1, gradient);
    update_block(update, block, block.columns.size(), scratch);
    if (!is_first(block)) return;
    scratch.gradients.clear();
    for (const Bfloat16Network::Workspace* const workspace : filled)
      scratch.gradients.push_back(bfloat16_->bias_gradient(*workspace, block.layer));
    const ParameterLayout::Layer& layer = layers[block.layer];
    apply(update, layer.bias, scratch.gradients, kernels::padded(layer.outputs));
  });
  if (config_.network.embeddings.empty()) return;
  std::vector<const float*> tables;
  for (std::size_t shard = 0; shard < filled.size(); ++shard)
    tables.push_back(gradients_[shard].data());
  update_shared(update, tables, layers[0].weight);
}

void Learner::update_block(const Update& update, const Bfloat16Network::Block& block,
                           std::size_t stride, Scratch& scratch) {
  const std::size_t outputs = pieces_[0].layout.layers()[block.layer].outputs;
  const std::size_t columns = block.columns.size();
  std::size_t start = first_float(block);
  // Rows of all columns stand without gaps.
  const bool is_whole = columns == outputs && stride == outputs;
  const std::size_t runs = is_whole ? 1 : block.rows.size();
  const std::size_t size = is_whole ? block.rows.size() * outputs : columns;
  for (std::size_t run = 0; run < runs; ++run, start += outputs) {
    apply(update, start, scratch.gradients, kernels::padded(size));
    for (const float*& gradient : scratch.gradients) gradient += stride;
  }
  bfloat16_->pack(parameters_.data(), block);
}

void Learner::units_forward(const Batch& batch, std::size_t shard) {
  Workspace& workspace = workspaces_[shard];
  const std::size_t rows = batch.rows.size();
  const std::vector<ParameterLayout::Layer>& layers = pieces_[shard].layout.layers();
  const float* const parameters = parameters_.data() + pieces_[shard].start;

  const Matrix x = first_rows(gathered_[current_], rows);
  load_targets(batch, {0, rows}, workspace);
  const Matrix h = first_rows(workspace.outputs[0], rows);
  kernels::multiply(x, weight_of(layers[0], parameters), h);
  activate(workspace, 0, rows, parameters + layers[0].bias, 0, units_of(shard).begin);
  const Matrix partial = first_rows(workspace.outputs[1], rows);
  kernels::multiply(h, weight_of(layers[1], parameters), partial);
  if (shard == 0) {
    kernels::vector_kernels().add_bias(partial.data, rows, partial.columns, partial.stride,
                                       parameters + layers[1].bias);
  }
}

void Learner::units_backward(const Batch& batch, std::size_t shard) {
  Workspace& workspace = workspaces_[shard];
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  const std::size_t rows = batch.rows.size();
  const std::vector<ParameterLayout::Layer>& layers = pieces_[shard].layout.layers();
  const float* const parameters = parameters_.data() + pieces_[shard].start;
  float* const gradients = gradients_[0].data() + pieces_[shard].start;

  const Matrix dy = first_rows(workspace.outputs[2], rows);
  std::copy_n(workspaces_[0].outputs[1].data, rows * dy.stride, dy.data);
  for (std::size_t other = 1; other < plan_.shards; ++other) {
    vector.accumulate(dy.data, workspaces_[other].outputs[1].data, rows, dy.columns, dy.stride);
  }
  loss_and_gradient(batch, workspace, dy);
  if (shard == 0)
    vector.column_sums(dy.data, rows, dy.columns, dy.stride, gradients + layers[1].bias);

  const Matrix h = first_rows(workspace.outputs[0], rows);
  const Matrix dh = first_rows(workspace.gradients[0], rows);
  kernels::multiply_transposed_left(h, dy, weight_of(layers[1], gradients));
  kernels::multiply_transposed_right(dy, weight_of(layers[1], parameters), dh);
  activation_backward(workspace, 0, dh, gradients + layers[0].bias);
  kernels::multiply_transposed_left(first_rows(gathered_[current_], rows), dh,
                                    weight_of(layers[0], gradients));
  gather_part(batch.features, batch.next, shard, 1 - current_);
}

void Learner::gather_part(const FeatureView& features, std::span<const std::uint32_t> rows,
                          std::size_t shard, std::size_t buffer) {
  const Range part = shard_of_rows(rows.size(), plan_, shard);
  Matrix to = gathered_[buffer];
  to.data = to.row(part.begin);
  to.rows = part.size();
  gather(features, rows.subspan(part.begin, part.size()), to);
}

void Learner::load_input(const Batch& batch) {
  current_ = 1 - current_;
  if (next_features_ != batch.features.data || !std::ranges::equal(next_rows_, batch.rows)) {
    team_.for_each(plan_.shards, [&](std::size_t, std::size_t shard) {
      gather_part(batch.features, batch.rows, shard, current_);
    });
  }
  next_features_ = batch.features.data;
  next_rows_.assign(batch.next.begin(), batch.next.end());
}

void Learner::units_step(const Batch& batch) {
  load_input(batch);
  const std::vector<const float*> gradients = filled_gradients(batch.rows.size());
  const auto update_piece = [&](const Update& update, std::size_t shard) {
    const std::size_t start = pieces_[shard].start;
    update_range(update, gradients, {start, start + pieces_[shard].layout.size()});
  };
  team_.for_each(plan_.shards,
                 [&](std::size_t, std::size_t shard) { units_forward(batch, shard); });
  // A gradient's length takes all shards; without a limit to it, each shard goes on by itself.
  if (config_.optimizer.global_clipnorm == 0) {
    const Update update(config_.optimizer, steps_, 1);
    team_.for_each(plan_.shards, [&](std::size_t, std::size_t shard) {
      units_backward(batch, shard);
      update_piece(update, shard);
    });
    return;
  }
  team_.for_each(plan_.shards,
                 [&](std::size_t, std::size_t shard) { units_backward(batch, shard); });
  const Update update(config_.optimizer, steps_, gradient_scale(gradients));
  team_.for_each(plan_.shards,
                 [&](std::size_t, std::size_t shard) { update_piece(update, shard); });
}

LossSums Learner::step(const Batch& batch) {
  if (batch.rows.empty() || std::max(batch.rows.size(), batch.next.size()) > config_.batch_size)
    throw std::logic_error("Learner: batch size");
  LossSums sums;
  if (plan_.split == Split::kRows) {
    if (bfloat16_) {
      bfloat16_step(batch);
    } else {
      rows_step(batch);
    }
    for (const Workspace& workspace : workspaces_) sums.add(workspace.sums);
  } else {
    units_step(batch);
    sums = workspaces_[0].sums;
  }
  ++steps_;
  return sums;
}

Weights Learner::gradients(const Batch& batch) {
  std::vector<float> total(size_);
  if (by_blocks()) {
    for (std::size_t shard = 0; shard < plan_.shards; ++shard) rows_shard(batch, 0, shard);
    bfloat16_gradients(batch.rows.size(), total.data());
  } else if (plan_.split == Split::kRows) {
    for (std::size_t shard = 0; shard < plan_.shards; ++shard) {
      rows_shard(batch, 0, shard);
      if (shard_of_rows(batch.rows.size(), plan_, shard).size() == 0) continue;
      for (std::size_t i = 0; i < total.size(); ++i) total[i] += gradients_[shard].data()[i];
    }
  } else {
    load_input(batch);
    for (std::size_t shard = 0; shard < plan_.shards; ++shard) units_forward(batch, shard);
    for (std::size_t shard = 0; shard < plan_.shards; ++shard) units_backward(batch, shard);
    std::copy_n(gradients_[0].data(), total.size(), total.begin());
  }
  return assemble(total.data());
}

}  // namespace mlp
