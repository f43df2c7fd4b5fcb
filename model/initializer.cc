#include "model/initializer.h"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

namespace mlp {
namespace {

enum class Shape { kUniform, kNormal, kTruncatedNormal };
enum class Fan { kIn, kMean, kNone };

struct Entry {
  Initializer initializer;
  std::string_view name;
  Shape shape;
  Fan fan;
  double scale;  // variance = scale / fan; without a fan, the limit or the deviation
};

constexpr double kSmall = 0.05;

constexpr Entry kInitializers[] = {
    {Initializer::kGlorotUniform, "glorot_uniform", Shape::kUniform, Fan::kMean, 1},
    {Initializer::kGlorotNormal, "glorot_normal", Shape::kTruncatedNormal, Fan::kMean, 1},
    {Initializer::kHeUniform, "he_uniform", Shape::kUniform, Fan::kIn, 2},
    {Initializer::kHeNormal, "he_normal", Shape::kTruncatedNormal, Fan::kIn, 2},
    {Initializer::kLecunUniform, "lecun_uniform", Shape::kUniform, Fan::kIn, 1},
    {Initializer::kLecunNormal, "lecun_normal", Shape::kTruncatedNormal, Fan::kIn, 1},
    {Initializer::kRandomUniform, "random_uniform", Shape::kUniform, Fan::kNone, kSmall},
    {Initializer::kRandomNormal, "random_normal", Shape::kNormal, Fan::kNone, kSmall},
    {Initializer::kTruncatedNormal, "truncated_normal", Shape::kTruncatedNormal, Fan::kNone,
     kSmall},
};

// The deviation that is left of a standard normal distribution cut off at two deviations.
constexpr double kTruncatedDeviation = 0.87962566103423978;
constexpr double kCut = 2;

const Entry& entry(Initializer initializer) {
  for (const Entry& candidate : kInitializers) {
    if (candidate.initializer == initializer) return candidate;
  }
  throw std::logic_error("initializer without an entry");
}

// Box & Muller 1958.
double standard_normal(Rng& rng) {
  const double radius = std::sqrt(-2 * std::log(1 - static_cast<double>(rng.uniform())));
  return radius * std::cos(2 * std::numbers::pi * static_cast<double>(rng.uniform()));
}

}  // namespace

Initializer initializer_named(std::string_view name) {
  for (const Entry& candidate : kInitializers) {
    if (candidate.name == name) return candidate.initializer;
  }
  throw std::logic_error("no initializer is called " + std::string(name));
}

std::vector<float> initial_kernel(Initializer initializer, std::size_t fan_in, std::size_t fan_out,
                                  Rng& rng) {
  const Entry& how = entry(initializer);
  // variance = share / fans, with both fans for their mean.
  const double share = how.fan == Fan::kMean ? 2 * how.scale : how.scale;
  const auto fans = static_cast<double>(how.fan == Fan::kMean ? fan_in + fan_out : fan_in);
  std::vector<float> weights(fan_in * fan_out);
  if (how.shape == Shape::kUniform) {
    const float limit = how.fan == Fan::kNone
                            ? static_cast<float>(how.scale)
                            : std::sqrt(static_cast<float>(3 * share) / static_cast<float>(fans));
    for (float& weight : weights) weight = (2 * rng.uniform() - 1) * limit;
    return weights;
  }
  double deviation = how.scale;
  if (how.fan != Fan::kNone) deviation = std::sqrt(share / fans) / kTruncatedDeviation;
  for (float& weight : weights) {
    double value = standard_normal(rng);
    while (how.shape == Shape::kTruncatedNormal && std::fabs(value) > kCut) {
      value = standard_normal(rng);
    }
    weight = static_cast<float>(value * deviation);
  }
  return weights;
}

}  // namespace mlp
