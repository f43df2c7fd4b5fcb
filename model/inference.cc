#include "model/inference.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "model/embedding.h"
#include "model/gather.h"
#include "model/kernels/vector.h"

namespace mlp {
namespace {

Matrix grow(AlignedBuffer& buffer, std::size_t rows, std::size_t columns) {
  const std::size_t stride = kernels::padded(columns);
  if (buffer.size() < rows * stride) buffer = AlignedBuffer(rows * stride);
  return {buffer.data(), rows, columns, stride};
}

}  // namespace

InferenceNetwork::InferenceNetwork(const Weights& weights, Activation activation)
    : embeddings_(weights.embeddings), activation_(activation) {
  if (weights.layers.empty()) throw std::logic_error("InferenceNetwork: no layers");
  for (const DenseWeights& layer : weights.layers) {
    if (!layers_.empty() && layers_.back().outputs != layer.inputs) {
      throw std::logic_error("InferenceNetwork: layers do not fit");
    }
    std::vector<float> bias = layer.bias;
    bias.resize(kernels::padded(layer.outputs));
    layers_.push_back({layer.inputs, layer.outputs,
                       kernels::pack_panels(layer.weight.data(), layer.inputs, layer.outputs),
                       std::move(bias)});
  }
  std::size_t embedded = 0;
  for (const EmbeddingWeights& embedding : embeddings_) embedded += embedding.width;
  if (embedded > layers_.front().inputs) {
    throw std::logic_error("InferenceNetwork: embeddings do not fit");
  }
  inputs_ = layers_.front().inputs - embedded + embeddings_.size();
}

std::vector<ConstMatrix> InferenceNetwork::tables() const {
  std::vector<ConstMatrix> tables;
  for (const EmbeddingWeights& table : embeddings_) {
    tables.push_back({table.values.data(), table.categories, table.width, table.width});
  }
  return tables;
}

Matrix InferenceNetwork::run_layers(ConstMatrix x, Workspace& workspace) const {
  const kernels::VectorKernels& vector = kernels::vector_kernels();
  Matrix y;
  for (std::size_t index = 0; index < layers_.size(); ++index) {
    const Layer& layer = layers_[index];
    y = grow(index % 2 == 0 ? workspace.even_ : workspace.odd_, x.rows, layer.outputs);
    const bool is_hidden = index + 1 < layers_.size();
    const bool is_relu = activation_ == Activation::kRelu;
    vector.dense(x.data, x.stride, x.rows, layer.panels.data(), layer.bias.data(), layer.inputs,
                 layer.outputs, y.data, y.stride, is_hidden && is_relu);
    if (is_hidden && !is_relu) {
      vector.activate_in_place(activation_, y.data, y.rows, y.columns, y.stride);
    }
    x = y;
  }
  return y;
}

std::size_t InferenceNetwork::multiplications() const {
  std::size_t sum = 0;
  for (const Layer& layer : layers_) sum += layer.inputs * layer.outputs;
  return sum;
}

Matrix InferenceNetwork::forward(ConstMatrix x, Workspace& workspace) const {
  if (embeddings_.empty()) return run_layers(x, workspace);
  const Matrix embedded = grow(workspace.x_, x.rows, layers_.front().inputs);
  for (std::size_t row = 0; row < x.rows; ++row)
    std::copy_n(x.row(row), inputs_, embedded.row(row));
  look_up(tables(), embedded, nullptr);
  return run_layers(embedded, workspace);
}

Matrix InferenceNetwork::forward(const FeatureView& features, std::span<const std::uint32_t> rows,
                                 Workspace& workspace) const {
  const Matrix x = grow(workspace.x_, rows.size(), layers_.front().inputs);
  gather(features, rows, {x.data, x.rows, features.width, x.stride});
  look_up(tables(), x, nullptr);
  return run_layers(x, workspace);
}

}  // namespace mlp
