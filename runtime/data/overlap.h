#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/data/dataset.h"

namespace mlp {

// Rows of one set that a training set has too.
struct Overlap {
  std::size_t rows = 0;              // of the other set that are training rows, repeated ones too
  std::uint32_t first = 0;           // the first of them, an index into the other set's features
  std::uint32_t first_training = 0;  // the first training row that equals it, likewise
};

// Compares all features and targets, bit for bit; weights don't count. Both sets come from one
// schema. Reads each row about once, and takes memory for the rows of `other` alone.
Overlap find_overlap(const Dataset& training, const Dataset& other);

}  // namespace mlp
