#include "model/inference.h"

#include <stdexcept>

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
    : activation_(activation) {
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
}

Matrix InferenceNetwork::forward(ConstMatrix x, Workspace& workspace) const {
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

Matrix InferenceNetwork::forward(const FeatureView& features, std::span<const std::uint32_t> rows,
                                 Workspace& workspace) const {
  const Matrix x = grow(workspace.x_, rows.size(), features.width);
  gather(features, rows, x);
  return forward(x, workspace);
}

}  // namespace mlp
