#include "model/number_scaler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "model/quantile.h"

namespace mlp {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<Scaling, std::string_view>, 4> kNames = {{
    {Scaling::kNone, "none"},
    {Scaling::kStandard, "standard"},
    {Scaling::kRobust, "robust"},
    {Scaling::kQuantile, "quantile"},
}};

constexpr std::size_t kMostQuantiles = 1000;

// scikit-learn's BOUNDS_THRESHOLD: so near to the least and the largest quantile a value counts as
// beyond it, and so near to 0 and 1 shares are cut off.
constexpr double kBounds = 1e-7;

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// The mean of `values`, and their standard deviation; 1 where rounding alone may make the
// difference to 0, by the bound of scikit-learn's _is_constant_feature().
std::pair<double, double> mean_and_deviation(std::span<const double> values) {
  const auto count = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  const double mean = sum / count;
  double squares = 0;
  double rest = 0;
  for (const double value : values) {
    squares += (value - mean) * (value - mean);
    rest += value - mean;
  }
  const double variance = (squares - rest * rest / count) / count;
  const double noise = count * mean * kEpsilon;
  const bool constant = variance <= count * kEpsilon * variance + noise * noise;
  return {mean, constant || !std::isfinite(variance) ? 1 : std::sqrt(variance)};
}

// The coefficient of the highest power comes first.
double polynomial(std::span<const double> coefficients, double x) {
  double value = 0;
  for (const double coefficient : coefficients) value = value * x + coefficient;
  return value;
}

// The share of values that quantile number `quantile` stands for.
double share_of(std::size_t quantile, std::size_t quantiles) {
  return quantile + 1 == quantiles
             ? 1
             : static_cast<double>(quantile) * (1 / static_cast<double>(quantiles - 1));
}

}  // namespace

std::string_view scaling_name(Scaling scaling) {
  return kNames[static_cast<std::size_t>(scaling)].second;
}

std::optional<Scaling> find_scaling(std::string_view name) {
  for (const auto& [scaling, known] : kNames) {
    if (known == name) return scaling;
  }
  return std::nullopt;
}

NumberScaler NumberScaler::fit(Scaling scaling, std::vector<double> values) {
  if (values.empty()) throw std::logic_error("NumberScaler::fit");
  NumberScaler scaler;
  scaler.scaling_ = scaling;
  switch (scaling) {
    case Scaling::kNone:
      break;
    case Scaling::kStandard:
      std::tie(scaler.center_, scaler.scale_) = mean_and_deviation(values);
      break;
    case Scaling::kRobust: {
      const std::span<const double> all(values);
      scaler.center_ = median(all);
      scaler.scale_ = quantile(all, 0.75) - quantile(all, 0.25);
      if (scaler.scale_ < 10 * kEpsilon || !std::isfinite(scaler.scale_)) scaler.scale_ = 1;
      break;
    }
    case Scaling::kQuantile: {
      std::sort(values.begin(), values.end());
      const std::size_t count = std::min(kMostQuantiles, values.size());
      const auto last = static_cast<double>(values.size() - 1);
      double least = values.front();
      for (std::size_t i = 0; i < count; ++i) {
        // By way of percents as in scikit-learn: their rounding may make the difference between a
        // quantile that equals its neighbour and one that only almost does. Quantiles ascend, even
        // where interpolation steps back by a rounding error.
        const double percent = share_of(i, count) * 100;
        const double place = percent / 100 * last;
        const auto below = std::min(static_cast<std::size_t>(place), values.size() - 1);
        const std::size_t above = std::min(below + 1, values.size() - 1);
        const double share = place - static_cast<double>(below);
        least = std::max(least, interpolate(values[below], values[above], share));
        scaler.quantiles_.push_back(least);
      }
      break;
    }
  }
  return scaler;
}

double NumberScaler::apply(double value) const {
  switch (scaling_) {
    case Scaling::kNone:
      break;
    case Scaling::kStandard:
    case Scaling::kRobust:
      return (value - center_) / scale_;
    case Scaling::kQuantile:
      return normal_quantile_of(value);
  }
  return value;
}

double NumberScaler::normal_quantile_of(double value) const {
  const std::size_t count = quantiles_.size();
  double share = 0;
  if (value - kBounds < quantiles_.front()) {
    share = 0;
  } else if (value + kBounds > quantiles_.back()) {
    share = 1;
  } else {
    // Where several quantiles equal the value, the first and the last of them count alike.
    const auto [first, last] = std::equal_range(quantiles_.begin(), quantiles_.end(), value);
    const auto above = static_cast<std::size_t>(last - quantiles_.begin());
    if (first != last) {
      const auto equal = static_cast<std::size_t>(first - quantiles_.begin());
      share = 0.5 * (share_of(equal, count) + share_of(above - 1, count));
    } else {
      const double low = share_of(above - 1, count);
      const double part =
          (value - quantiles_[above - 1]) / (quantiles_[above] - quantiles_[above - 1]);
      share = low + part * (share_of(above, count) - low);
    }
  }
  return normal_quantile(std::clamp(share, kBounds - kEpsilon, 1 - (kBounds - kEpsilon)));
}

nlohmann::ordered_json NumberScaler::to_json() const {
  Json json = {{"scaling", scaling_name(scaling_)}};
  if (scaling_ == Scaling::kStandard || scaling_ == Scaling::kRobust) {
    json["center"] = center_;
    json["scale"] = scale_;
  }
  if (scaling_ == Scaling::kQuantile) json["quantiles"] = quantiles_;
  return json;
}

NumberScaler NumberScaler::from_json(const Json& json) {
  const auto name = json.at("scaling").get<std::string>();
  const std::optional<Scaling> scaling = find_scaling(name);
  if (!scaling) throw std::range_error("the scaling is none that is known");
  NumberScaler scaler;
  scaler.scaling_ = *scaling;
  if (*scaling == Scaling::kStandard || *scaling == Scaling::kRobust) {
    json.at("center").get_to(scaler.center_);
    json.at("scale").get_to(scaler.scale_);
    if (!std::isfinite(scaler.center_) || !std::isfinite(scaler.scale_) || scaler.scale_ <= 0)
      throw std::range_error("a scaler's center or scale is impossible");
  }
  if (*scaling == Scaling::kQuantile) {
    json.at("quantiles").get_to(scaler.quantiles_);
    const std::vector<double>& quantiles = scaler.quantiles_;
    if (quantiles.empty() || !std::isfinite(quantiles.front()) ||
        !std::isfinite(quantiles.back()) || !std::is_sorted(quantiles.begin(), quantiles.end()))
      throw std::range_error("a scaler's quantiles are impossible");
  }
  return scaler;
}

double normal_quantile(double p) {
  constexpr double kCenter = 0.425;
  const double q = p - 0.5;
  if (std::fabs(q) <= kCenter) {
    const double r = kCenter * kCenter - q * q;
    constexpr std::array<double, 8> kAbove = {
        2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
        13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608};
    constexpr std::array<double, 8> kBelow = {
        5226.495278852545925,  28729.085735721942674, 39307.89580009271061,  21213.794301586595867,
        5394.1960214247511077, 687.1870074920579083,  42.313330701600911252, 1};
    return q * polynomial(kAbove, r) / polynomial(kBelow, r);
  }
  const double r = std::sqrt(-std::log(std::min(p, 1 - p))) - 1.6;
  constexpr std::array<double, 8> kAbove = {7.7454501427834140764e-4, 0.0227238449892691845833,
                                            0.24178072517745061177,   1.27045825245236838258,
                                            3.64784832476320460504,   5.7694972214606914055,
                                            4.6303378461565452959,    1.42343711074968357734};
  constexpr std::array<double, 8> kBelow = {1.05075007164441684324e-9, 5.475938084995344946e-4,
                                            0.0151986665636164571966,  0.14810397642748007459,
                                            0.68976733498510000455,    1.6763848301838038494,
                                            2.05319162663775882187,    1};
  return std::copysign(polynomial(kAbove, r) / polynomial(kBelow, r), q);
}

}  // namespace mlp
