#include "model/standardizer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "model/float_columns.h"
#include "model/quantile.h"

namespace mlp {
namespace {

constexpr float kLeastVariance =
    1e-14F;  // Keras's Normalization divides by no deviation below 1e-7

bool is_usable(float variance) { return variance >= kLeastVariance && std::isfinite(variance); }

}  // namespace

Standardizer::Standardizer(std::vector<float> mean, std::vector<float> variance)
    : mean_(std::move(mean)), variance_(std::move(variance)) {
  if (mean_.size() != variance_.size()) throw std::logic_error("Standardizer: sizes differ");
  for (const float value : variance_) deviation_.push_back(std::sqrt(value));
}

Standardizer Standardizer::fit(const FeatureView& features, std::span<const std::uint32_t> rows) {
  if (features.type != FeatureType::kFloat32 || rows.empty())
    throw std::logic_error("Standardizer::fit");
  const double count = static_cast<double>(rows.size());
  std::vector<double> mean(features.width);
  std::vector<double> variance(features.width);
  for (const std::uint32_t row : rows) {
    const float* const values = features.float_row(row);
    for (std::size_t j = 0; j < features.width; ++j) mean[j] += static_cast<double>(values[j]);
  }
  for (double& value : mean) value /= count;
  for (const std::uint32_t row : rows) {
    const float* const values = features.float_row(row);
    for (std::size_t j = 0; j < features.width; ++j) {
      const double distance = static_cast<double>(values[j]) - mean[j];
      variance[j] += distance * distance;
    }
  }
  std::vector<float> means(features.width);
  std::vector<float> variances(features.width);
  std::vector<std::size_t> constant;
  for (std::size_t j = 0; j < features.width; ++j) {
    means[j] = static_cast<float>(mean[j]);
    variances[j] = static_cast<float>(variance[j] / count);
    if (is_usable(variances[j])) continue;
    variances[j] = 1.0F;
    constant.push_back(j);
  }
  Standardizer standardizer(std::move(means), std::move(variances));
  standardizer.constant_ = std::move(constant);
  return standardizer;
}

Standardizer Standardizer::fit_robust(const FeatureView& features,
                                      std::span<const std::uint32_t> rows) {
  if (rows.empty()) throw std::logic_error("Standardizer::fit_robust");
  std::vector<float> medians;
  std::vector<float> variances;
  std::vector<std::size_t> constant;
  for_each_column(features, rows, [&](std::size_t column, std::span<const float> values) {
    const auto [least, largest] = std::minmax_element(values.begin(), values.end());
    if (*least == *largest) constant.push_back(column);
    medians.push_back(static_cast<float>(median(values)));
    const double distance = quantile(values, 0.75) - quantile(values, 0.25);
    const auto variance = static_cast<float>(distance * distance);
    variances.push_back(is_usable(variance) ? variance : 1.0F);
  });
  Standardizer standardizer(std::move(medians), std::move(variances));
  standardizer.constant_ = std::move(constant);
  return standardizer;
}

void Standardizer::apply(float* values, std::size_t rows) const {
  for (std::size_t row = 0; row < rows; ++row, values += mean_.size()) {
    for (std::size_t j = 0; j < mean_.size(); ++j)
      values[j] = (values[j] - mean_[j]) / deviation_[j];
  }
}

}  // namespace mlp
