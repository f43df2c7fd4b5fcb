#pragma once

#include <cstddef>
#include <vector>

#include "model/activation.h"
#include "model/initializer.h"

namespace mlp {

// A multi-layer perceptron: each hidden layer is fully connected, with an activation and then
// dropout; the last layer is fully connected and gives logits or values.
struct MlpConfig {
  std::size_t inputs = 0;
  std::vector<std::size_t> hidden;  // widths
  std::size_t outputs = 0;
  double drop_rate = 0;  // share of each hidden layer's units that a step leaves out, 0 to 1
  Activation activation = Activation::kRelu;
  Initializer initializer = Initializer::kGlorotUniform;

  std::size_t layers() const { return hidden.size() + 1; }
  std::size_t layer_inputs(std::size_t layer) const {
    return layer == 0 ? inputs : hidden[layer - 1];
  }
  std::size_t layer_outputs(std::size_t layer) const {
    return layer == hidden.size() ? outputs : hidden[layer];
  }
};

}  // namespace mlp
