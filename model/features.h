#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mlp {

// How feature values are held in memory. kUint8 values are pixels: the network sees value / 255, in
// training as in prediction. kFloat32 values are taken as they are. kCoded rows are encoded tables,
// in which most of what the network sees is 0: they are expanded where they are used.
enum class FeatureType { kFloat32, kUint8, kCoded };

// What the 32-bit words of a kCoded row are, in this order: `numbers` floats; `ones` places, each
// the column of the expanded row that is 1, or kNoOne; `indices` floats. The expanded row is the
// numbers, then columns of 0 and 1, then the indices.
struct CodedLayout {
  static constexpr std::uint32_t kNoOne = 0xFFFFFFFF;

  std::size_t numbers = 0;
  std::size_t ones = 0;
  std::size_t indices = 0;

  std::size_t words() const { return numbers + ones + indices; }
};

// A read-only view of `rows` rows, row-major without gaps, of which the network sees `width` values
// each.
struct FeatureView {
  FeatureType type = FeatureType::kFloat32;
  const void* data = nullptr;
  std::size_t rows = 0;
  std::size_t width = 0;
  CodedLayout layout = {};  // of kCoded rows

  std::size_t row_bytes() const {
    if (type == FeatureType::kCoded) return layout.words() * sizeof(std::uint32_t);
    return width * (type == FeatureType::kUint8 ? 1 : sizeof(float));
  }
  const float* float_row(std::size_t row) const {
    return static_cast<const float*>(data) + row * width;
  }
  const std::uint8_t* uint8_row(std::size_t row) const {
    return static_cast<const std::uint8_t*>(data) + row * width;
  }
  const std::uint32_t* coded_row(std::size_t row) const {
    return static_cast<const std::uint32_t*>(data) + row * layout.words();
  }
};

// Owns the values of a FeatureView: those of its type fill one of the vectors, the others stay
// empty.
struct Features {
  FeatureType type = FeatureType::kFloat32;
  std::size_t width = 0;
  std::vector<float> floats;
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint32_t> words = {};
  CodedLayout layout = {};  // of kCoded rows

  std::size_t rows() const {
    if (width == 0) return 0;
    if (type == FeatureType::kCoded) return words.size() / layout.words();
    return (type == FeatureType::kFloat32 ? floats.size() : bytes.size()) / width;
  }
  FeatureView view() const {
    if (type == FeatureType::kFloat32) return {type, floats.data(), rows(), width, {}};
    if (type == FeatureType::kUint8) return {type, bytes.data(), rows(), width, {}};
    return {type, words.data(), rows(), width, layout};
  }
};

}  // namespace mlp
