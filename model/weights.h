#pragma once

#include <cstddef>
#include <vector>

#include "model/dense_weights.h"

namespace mlp {

// A table with a row of `width` values for each category of an input.
struct EmbeddingConfig {
  std::size_t categories = 0;
  std::size_t width = 0;

  bool operator==(const EmbeddingConfig&) const = default;
};

}  // namespace mlp
