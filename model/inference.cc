#include "model/inference.h"

#include <algorithm>
#include <stdexcept>

#include "model/embedding.h"
#include "model/gather.h"
#include "model/kernels/vector.h"

namespace mlp {
namespace {

// As many rows go through all layers together: their values stay in L2 cache, and enough rows share
// each look at the weights of a wide layer. A multiple of all row tiles (kernels/vector.h).
constexpr std::size_t kBlockRows = 192;

// A row's distance from the next. Distances of a multiple of 1 KB would put the rows that a kernel
// reads together into a few sets of the L1 cache, which then holds them only one after the other.
std::size_t stride_of(std::size_t columns) {
  const std::size_t stride = kernels::padded(columns);
  return stride % 256 == 0 ? stride + kernels::kPad : stride;
}

Matrix grow(AlignedBuffer& buffer, std::size_t rows, std::size_t columns) {
  const std::size_t stride = stride_of(columns);
  if (buffer.size() < rows * stride) buffer = AlignedBuffer(rows * stride);
  return {buffer.data(), rows, columns, stride};
}

Matrix rows_of(Matrix matrix, std::size_t first, std::size_t rows) {
  return {matrix.row(first), rows, matrix.columns, matrix.stride};
}

}  // namespace

InferenceNetwork::InferenceNetwork(const Weights& weights, Activation activation)
    : embeddings_(weights.embeddings), activation_(activation) {
  if (weights.layers.empty()) throw std::logic_error("InferenceNetwork: no layers");
  for (const DenseWeights& layer : weights.layers) {
    if (!layers_.empty() && layers_.back().outputs != layer.inputs) {
      throw std::logic_error("InferenceNetwork: layers do not fit");
    }
    const std::size_t columns = kernels::padded(layer.outputs);
    layers_.push_back({layer.inputs, layer.outputs, AlignedBuffer(layer.inputs * columns),
                       AlignedBuffer(columns)});
    Layer& packed = layers_.back();
    kernels::pack_panels(layer.weight.data(), layer.inputs, layer.outputs, packed.panels.data());
    std::copy(layer.bias.begin(), layer.bias.end(), packed.bias.data());
  }
  std::size_t embedded = 0;
  for (const EmbeddingWeights& table : embeddings_) {
    tables_.push_back({table.values.data(), table.categories, table.width, table.width});
    embedded += table.width;
  }
  if (embedded > layers_.front().inputs) {
    throw std::logic_error("InferenceNetwork: embeddings do not fit");
  }
  inputs_ = layers_.front().inputs - embedded + embeddings_.size();
}

std::size_t InferenceNetwork::multiplications() const {
  std::size_t sum = 0;
  for (const Layer& layer : layers_) sum += layer.inputs * layer.outputs;
  return sum;
}

void InferenceNetwork::run_layers(ConstMatrix x, Matrix y, Workspace& workspace) const {
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  for (std::size_t index = 0; index < layers_.size(); ++index) {
    const Layer& layer = layers_[index];
    const bool is_hidden = index + 1 < layers_.size();
    const bool is_relu = activation_ == Activation::kRelu;
    AlignedBuffer& buffer = index % 2 == 0 ? workspace.even_ : workspace.odd_;
    const Matrix to = is_hidden ? grow(buffer, x.rows, layer.outputs) : y;
    vector.dense(x.data, x.stride, x.rows, layer.panels.data(), layer.bias.data(), layer.inputs,
                 layer.outputs, to.data, to.stride, is_hidden && is_relu);
    if (is_hidden && !is_relu) {
      vector.activate_in_place(activation_, to.data, to.rows, to.columns, to.stride);
    }
    x = to;
  }
}

template <typename Run>
Matrix InferenceNetwork::in_blocks(std::size_t rows, Workspace& workspace, Run&& run) const {
  const Matrix y = grow(workspace.outputs_, rows, outputs());
  for (std::size_t first = 0; first < rows; first += kBlockRows) {
    const std::size_t block = std::min(kBlockRows, rows - first);
    run(first, block, rows_of(y, first, block));
  }
  return y;
}

Matrix InferenceNetwork::forward(ConstMatrix x, Workspace& workspace) const {
  return in_blocks(x.rows, workspace, [&](std::size_t first, std::size_t rows, Matrix y) {
    if (tables_.empty()) return run_layers({x.row(first), rows, x.columns, x.stride}, y, workspace);
    const Matrix embedded = grow(workspace.x_, rows, layers_.front().inputs);
    for (std::size_t row = 0; row < rows; ++row)
      std::copy_n(x.row(first + row), inputs_, embedded.row(row));
    look_up(tables_, embedded, nullptr);
    run_layers(embedded, y, workspace);
  });
}

Matrix InferenceNetwork::forward(const FeatureView& features, std::span<const std::uint32_t> rows,
                                 Workspace& workspace) const {
  return in_blocks(rows.size(), workspace, [&](std::size_t first, std::size_t block, Matrix y) {
    const Matrix x = grow(workspace.x_, block, layers_.front().inputs);
    gather(features, rows.subspan(first, block), {x.data, x.rows, features.width, x.stride});
    look_up(tables_, x, nullptr);
    run_layers(x, y, workspace);
  });
}

}  // namespace mlp
