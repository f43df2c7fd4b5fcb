#pragma once

#include <cstddef>
#include <vector>

#include "model/activation.h"
#include "model/initializer.h"
#include "model/weights.h"

namespace mlp {

// A multi-layer perceptron: each hidden layer is fully connected, with an activation and then
// dropout; the last layer is fully connected and gives logits or values.
//
// The last inputs may be numbers of categories, from 0 on: each is replaced by a row of a table
// that is learned (Guo & Berkhahn 2016, "Entity embeddings of categorical variables"). The first
// layer takes the other inputs, then these rows in the order of the inputs.
struct MlpConfig {
  std::size_t inputs = 0;           // of a row, numbers of categories included
  std::vector<std::size_t> hidden;  // widths
  std::size_t outputs = 0;
  double drop_rate = 0;  // share of each hidden layer's units that a step leaves out, 0 to 1
  Activation activation = Activation::kRelu;
  Initializer initializer = Initializer::kGlorotUniform;
  std::vector<EmbeddingConfig> embeddings = {};  // of the last inputs, at most all; none is empty

  // Values that the embeddings of a row have together.
  std::size_t embedded() const {
    std::size_t width = 0;
    for (const EmbeddingConfig& embedding : embeddings) width += embedding.width;
    return width;
  }
  std::size_t dense_inputs() const { return inputs - embeddings.size() + embedded(); }
  std::size_t layers() const { return hidden.size() + 1; }
  std::size_t layer_inputs(std::size_t layer) const {
    return layer == 0 ? dense_inputs() : hidden[layer - 1];
  }
  std::size_t layer_outputs(std::size_t layer) const {
    return layer == hidden.size() ? outputs : hidden[layer];
  }
};

// Floating point operations of a training step's matrix products: forward and dW of each layer, and
// dx, of which the first one needs that of embeddings alone.
inline double step_operations(const MlpConfig& config, std::size_t batch_size) {
  double products =
      static_cast<double>(config.embedded()) * static_cast<double>(config.layer_outputs(0));
  for (std::size_t layer = 0; layer < config.layers(); ++layer) {
    const double weights = static_cast<double>(config.layer_inputs(layer)) *
                           static_cast<double>(config.layer_outputs(layer));
    products += weights * (layer == 0 ? 2 : 3);
  }
  return 2 * products * static_cast<double>(batch_size);
}

}  // namespace mlp
