#include "model/parameters.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "model/kernels/vector.h"
#include "model/random.h"

namespace mlp {

ParameterLayout::ParameterLayout(const MlpConfig& config) {
  if (config.embeddings.size() > config.inputs) {
    throw std::logic_error("ParameterLayout: more embeddings than inputs");
  }
  for (const EmbeddingConfig& embedding : config.embeddings) {
    if (embedding.categories == 0 || embedding.width == 0) {
      throw std::logic_error("ParameterLayout: an empty embedding");
    }
    const std::size_t values = embedding.categories * embedding.width;
    embeddings_.push_back({embedding.categories, embedding.width, size_});
    size_ += kernels::padded(values);
    count_ += values;
  }
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

std::vector<ConstMatrix> tables_of(const ParameterLayout& layout, const float* parameters) {
  std::vector<ConstMatrix> tables;
  for (const ParameterLayout::Embedding& table : layout.embeddings()) {
    tables.push_back({parameters + table.values, table.categories, table.width, table.width});
  }
  return tables;
}

std::vector<Matrix> tables_of(const ParameterLayout& layout, float* parameters) {
  std::vector<Matrix> tables;
  for (const ParameterLayout::Embedding& table : layout.embeddings()) {
    tables.push_back({parameters + table.values, table.categories, table.width, table.width});
  }
  return tables;
}

Weights to_weights(const ParameterLayout& layout, const float* parameters) {
  Weights weights;
  for (const ParameterLayout::Embedding& table : layout.embeddings()) {
    const float* const values = parameters + table.values;
    weights.embeddings.push_back(
        {table.categories, table.width, {values, values + table.categories * table.width}});
  }
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
  if (weights.embeddings.size() != layout.embeddings().size())
    throw std::logic_error("from_weights: other number of embeddings");
  for (std::size_t index = 0; index < weights.embeddings.size(); ++index) {
    const ParameterLayout::Embedding& table = layout.embeddings()[index];
    const EmbeddingWeights& from = weights.embeddings[index];
    if (from.categories != table.categories || from.width != table.width) {
      throw std::logic_error("from_weights: other shape");
    }
    std::ranges::copy(from.values, parameters + table.values);
  }
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
  for (std::size_t index = 0; index < config.embeddings.size(); ++index) {
    const auto [categories, width] = config.embeddings[index];
    Rng rng(seed, RandomPurpose::kInitialEmbeddings, static_cast<std::uint32_t>(index));
    weights.embeddings.push_back(
        {categories, width, initial_kernel(Initializer::kRandomUniform, categories, width, rng)});
  }
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
