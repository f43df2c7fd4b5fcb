#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mlp {

// How feature values are held in memory. kUint8 values are pixels: the network sees value / 255, in
// training as in prediction. kFloat32 values are taken as they are.
enum class FeatureType { kFloat32, kUint8 };

// A read-only view of `rows` rows of `width` values each, row-major without gaps.
struct FeatureView {
  FeatureType type = FeatureType::kFloat32;
  const void* data = nullptr;
  std::size_t rows = 0;
  std::size_t width = 0;

  const float* float_row(std::size_t row) const {
    return static_cast<const float*>(data) + row * width;
  }
  const std::uint8_t* uint8_row(std::size_t row) const {
    return static_cast<const std::uint8_t*>(data) + row * width;
  }
};

// Owns the values of a FeatureView: those of its type fill one of the two vectors, the other stays
// empty.
struct Features {
  FeatureType type = FeatureType::kFloat32;
  std::size_t width = 0;
  std::vector<float> floats;
  std::vector<std::uint8_t> bytes;

  std::size_t rows() const {
    if (width == 0) return 0;
    return (type == FeatureType::kFloat32 ? floats.size() : bytes.size()) / width;
  }
  FeatureView view() const {
    if (type == FeatureType::kFloat32) return {type, floats.data(), rows(), width};
    return {type, bytes.data(), rows(), width};
  }
};

}  // namespace mlp
