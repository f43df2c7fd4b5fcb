#include "model/parameters.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "model/kernels/vector.h"
#include "model/random.h"

namespace mlp {

ParameterLayout::ParameterLayout(const MlpConfig& config) {
  layers_.reserve(config.layers());
  for (std::size_t index = 0; index < config.layers(); ++index) {
    Layer layer = {config.layer_inputs(index), config.layer_outputs(index), 0, 0};
    layer.weight = size_;
    layer.bias = layer.weight + kernels::padded(layer.inputs * layer.outputs);
    size_ = layer.bias + kernels::padded(layer.outputs);
    count_ += (layer.inputs + 1) * layer.outputs;
    layers_.push_back(layer);
  }
}

Weights to_weights(const ParameterLayout& layout, const float* parameters) {
  Weights weights;
  for (const ParameterLayout::Layer& layer : layout.layers()) {
    const float* const weight = parameters + layer.weight;
    const float* const bias = parameters + layer.bias;
    weights.layers.push_back({layer.inputs,
                              layer.outputs,
                              {weight, weight + layer.inputs * layer.outputs},
                              {bias, bias + layer.outputs}});
  }
  return weights;
}

void from_weights(const ParameterLayout& layout, const Weights& weights, float* parameters) {
  if (weights.layers.size() != layout.layers().size())
    throw std::logic_error("from_weights: other number of layers");
  for (std::size_t index = 0; index < weights.layers.size(); ++index) {
    const ParameterLayout::Layer& layer = layout.layers()[index];
    const DenseWeights& from = weights.layers[index];
    if (from.inputs != layer.inputs || from.outputs != layer.outputs) {
      throw std::logic_error("from_weights: other shape");
    }
    std::ranges::copy(from.weight, parameters + layer.weight);
    std::ranges::copy(from.bias, parameters + layer.bias);
  }
}

Weights initial_weights(const MlpConfig& config, std::uint64_t seed) {
  Weights weights;
  for (std::size_t index = 0; index < config.layers(); ++index) {
    DenseWeights layer;
    layer.inputs = config.layer_inputs(index);
    layer.outputs = config.layer_outputs(index);
    layer.bias.resize(layer.outputs);
    Rng rng(seed, RandomPurpose::kInitialWeights, static_cast<std::uint32_t>(index));
    layer.weight = initial_kernel(config.initializer, layer.inputs, layer.outputs, rng);
    weights.layers.push_back(std::move(layer));
  }
  return weights;
}

}  // namespace mlp
