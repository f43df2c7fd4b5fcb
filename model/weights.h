#pragma once

#include <cstddef>
#include <vector>

namespace mlp {

// A table with a row of `width` values for each category of an input.
struct EmbeddingConfig {
  std::size_t categories = 0;
  std::size_t width = 0;

  bool operator==(const EmbeddingConfig&) const = default;
};

// Such a table, row-major [categories, width].
struct EmbeddingWeights {
  std::size_t categories = 0;
  std::size_t width = 0;
  std::vector<float> values;
};

// One fully connected layer, y = x W + b: W [inputs, outputs] row-major, b [outputs].
struct DenseWeights {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  std::vector<float> weight;
  std::vector<float> bias;
};

// All weights of a network (model/mlp.h).
struct Weights {
  std::vector<EmbeddingWeights> embeddings;
  std::vector<DenseWeights> layers;
};

}  // namespace mlp
