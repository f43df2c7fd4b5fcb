#include "runtime/data/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace mlp {
namespace {

FeatureSummary summarize_pixels(const FeatureView& features, std::span<const std::uint32_t> rows) {
  std::uint8_t min = 255;
  std::uint8_t max = 0;
  std::uint64_t sum = 0;
  for (const std::uint32_t row : rows) {
    for (const std::uint8_t value : std::span(features.uint8_row(row), features.width)) {
      min = std::min(min, value);
      max = std::max(max, value);
      sum += value;
    }
  }
  const double mean = static_cast<double>(sum) / static_cast<double>(rows.size() * features.width);
  return {.name = "pixels",
          .min = static_cast<float>(min),
          .max = static_cast<float>(max),
          .mean = static_cast<float>(mean),
          .constant = min == max};
}

}  // namespace

std::vector<FeatureSummary> summarize(const FeatureView& features,
                                      std::span<const std::uint32_t> rows,
                                      std::span<const std::string> names) {
  if (features.type == FeatureType::kUint8) return {summarize_pixels(features, rows)};
  std::vector<FeatureSummary> summaries(features.width);
  std::vector<double> sums(features.width, 0.0);
  for (std::size_t i = 0; i < features.width; ++i) {
    summaries[i].name = names.empty() ? fmt::format("feature {}", i + 1) : names[i];
    summaries[i].min = summaries[i].max = features.float_row(rows[0])[i];
  }
  for (const std::uint32_t row : rows) {
    const float* const values = features.float_row(row);
    for (std::size_t i = 0; i < features.width; ++i) {
      summaries[i].min = std::min(summaries[i].min, values[i]);
      summaries[i].max = std::max(summaries[i].max, values[i]);
      sums[i] += values[i];
    }
  }
  for (std::size_t i = 0; i < features.width; ++i) {
    summaries[i].mean = static_cast<float>(sums[i] / static_cast<double>(rows.size()));
    summaries[i].constant = summaries[i].min == summaries[i].max;
  }
  return summaries;
}

}  // namespace mlp
