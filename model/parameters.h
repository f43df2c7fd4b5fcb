#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/aligned_buffer.h"
#include "model/matrix.h"
#include "model/mlp.h"
#include "model/weights.h"

namespace mlp {

// Where the weights stand in one flat buffer of floats. Gradients and the optimizer's moments are
// buffers of the same layout. First the tables of embeddings, row-major [categories, width]; then,
// layer by layer, W, row-major [inputs, outputs], and b. None has gaps within, each starts at a
// multiple of kernels::kPad floats, and the gaps hold zeros.
class ParameterLayout {
 public:
  // Throws std::logic_error where embeddings are more than the inputs, or empty.
  explicit ParameterLayout(const MlpConfig& config);

  struct Embedding {
    std::size_t categories;
    std::size_t width;
    std::size_t values;  // offset in floats
  };

  struct Layer {
    std::size_t inputs;
    std::size_t outputs;
    std::size_t weight;  // offsets in floats
    std::size_t bias;
  };

  const std::vector<Embedding>& embeddings() const { return embeddings_; }
  const std::vector<Layer>& layers() const { return layers_; }
  std::size_t size() const { return size_; }    // floats, gaps included
  std::size_t count() const { return count_; }  // parameters

 private:
  std::vector<Embedding> embeddings_;
  std::vector<Layer> layers_;
  std::size_t size_ = 0;
  std::size_t count_ = 0;
};

inline ConstMatrix weight_of(const ParameterLayout::Layer& layer, const float* parameters) {
  return {parameters + layer.weight, layer.inputs, layer.outputs, layer.outputs};
}
inline Matrix weight_of(const ParameterLayout::Layer& layer, float* parameters) {
  return {parameters + layer.weight, layer.inputs, layer.outputs, layer.outputs};
}

// The tables of a buffer of this layout, as look_up() takes them.
std::vector<ConstMatrix> tables_of(const ParameterLayout& layout, const float* parameters);
std::vector<Matrix> tables_of(const ParameterLayout& layout, float* parameters);

// Copies out of a buffer of this layout, and into it.
Weights to_weights(const ParameterLayout& layout, const float* parameters);
void from_weights(const ParameterLayout& layout, const Weights& weights, float* parameters);

// W as the network's initializer draws it, b zero, tables uniform in +-0.05 as Keras draws them.
Weights initial_weights(const MlpConfig& config, std::uint64_t seed);

}  // namespace mlp
