#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/features.h"

namespace mlp {

// Brings each feature to mean 0 and variance 1, or to what stands for them, over the rows it was
// fitted on: (x - mean) / sqrt(variance), in float32, as Keras's Normalization layer does.
// Default-constructed, it leaves features as they are.
class Standardizer {
 public:
  Standardizer() = default;
  Standardizer(std::vector<float> mean, std::vector<float> variance);

  // The mean and (population) variance of each feature over `rows`, summed in double precision in
  // their order. A feature that is constant there, or nearly so (variance below 1e-14), gets
  // variance 1.
  static Standardizer fit(const FeatureView& features, std::span<const std::uint32_t> rows);

  // For data with outliers: in place of the mean the median over `rows`, and in place of the
  // variance the square of the distance between the quartiles, interpolated as scikit-learn's
  // RobustScaler does. A feature whose quartiles are equal, or nearly so, gets variance 1.
  static Standardizer fit_robust(const FeatureView& features, std::span<const std::uint32_t> rows);

  // The features that fit() or fit_robust() found to be constant, in ascending order.
  const std::vector<std::size_t>& constant() const { return constant_; }

  bool empty() const { return mean_.empty(); }
  const std::vector<float>& mean() const { return mean_; }
  const std::vector<float>& variance() const { return variance_; }

  // `rows` rows of mean().size() values each, in place.
  void apply(float* values, std::size_t rows) const;

 private:
  std::vector<float> mean_;
  std::vector<float> variance_;
  std::vector<float> deviation_;
  std::vector<std::size_t> constant_;
};

}  // namespace mlp
