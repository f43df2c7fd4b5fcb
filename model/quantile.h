#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace mlp {

// Medians and quantiles of at least one value, none of them NaN; T is float or double. They take
// a few nanoseconds a value: a sample bounds what can be in the middle, and only that is sorted
// out.

// The value of which `rank` others, 0 <= rank < values.size(), come before it in ascending order,
// and the one that follows; the last is followed by itself.
template <typename T>
std::pair<T, T> neighbors_at(std::span<const T> values, std::size_t rank) {
  constexpr std::size_t kSample = 1024;
  constexpr std::size_t kMargin = 64;  // four standard deviations of a rank in the sample
  std::vector<T> near;                 // those that can be the two
  std::size_t below = 0;
  bool found = false;
  if (values.size() >= 16 * kSample) {
    std::vector<T> sample;
    for (std::size_t i = 0; i < kSample; ++i)
      sample.push_back(values[i * (values.size() / kSample)]);
    std::sort(sample.begin(), sample.end());
    const std::size_t middle = rank / (values.size() / kSample + 1);
    const T low = sample[middle - std::min(middle, kMargin)];
    const T high = sample[std::min(middle + kMargin, kSample - 1)];
    std::size_t within = 0;
    near.resize(values.size());
    for (const T value : values) {  // without branches, which would be guessed wrong half the time
      near[within] = value;
      within += static_cast<std::size_t>(value >= low) & static_cast<std::size_t>(value <= high);
      below += static_cast<std::size_t>(value < low);
    }
    near.resize(within);
    found = rank >= below && rank + 1 < below + within;
    if (found && low == high) return {low, low};
  }
  if (!found) {
    near.assign(values.begin(), values.end());
    below = 0;
  }
  const auto at = near.begin() + static_cast<std::ptrdiff_t>(rank - below);
  std::nth_element(near.begin(), at, near.end());
  return {*at, at + 1 == near.end() ? *at : *std::min_element(at + 1, near.end())};
}

// Of an even number of values the median is the mean of the middle two, as NumPy has it.
template <typename T>
double median(std::span<const T> values) {
  const auto [low, high] = neighbors_at(values, (values.size() - 1) / 2);
  if (values.size() % 2 == 1) return static_cast<double>(low);
  return (static_cast<double>(low) + static_cast<double>(high)) / 2;
}

// The number at `share` of the way from `low` to `high`, from the nearer of the two as NumPy has
// it.
inline double interpolate(double low, double high, double share) {
  const double step = high - low;
  return share < 0.5 ? low + step * share : high - step * (1 - share);
}

// The number below which the share `q` of the values lies, 0 <= q <= 1, interpolated between two
// neighbors: NumPy's percentile.
template <typename T>
double quantile(std::span<const T> values, double q) {
  const double place = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto [low, high] = neighbors_at(values, below);
  return interpolate(static_cast<double>(low), static_cast<double>(high),
                     place - static_cast<double>(below));
}

}  // namespace mlp
