#pragma once

#include <cstddef>
#include <vector>

namespace mlp {

// One fully connected layer, y = x W + b: W [inputs, outputs] row-major, b [outputs].
struct DenseWeights {
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  std::vector<float> weight;
  std::vector<float> bias;
};

}  // namespace mlp
