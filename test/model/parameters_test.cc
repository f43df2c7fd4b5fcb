#include "model/parameters.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace mlp {

TEST_SUITE("model") {
  TEST_CASE("ParameterLayout: blocks start at multiples of 16 floats and do not overlap") {
    const ParameterLayout layout({5, {7, 3}, 2, 0});
    CHECK(layout.count() == 6 * 7 + 8 * 3 + 4 * 2);
    std::size_t end = 0;
    for (const ParameterLayout::Layer& layer : layout.layers()) {
      CHECK(layer.weight % 16 == 0);
      CHECK(layer.bias % 16 == 0);
      CHECK(layer.weight >= end);
      CHECK(layer.bias >= layer.weight + layer.inputs * layer.outputs);
      end = layer.bias + layer.outputs;
    }
    CHECK(layout.size() >= end);
    CHECK(layout.size() % 16 == 0);
  }

  TEST_CASE("initial_weights: Glorot's uniform weights and zero biases, by the seed") {
    const MlpConfig config = {300, {100}, 10, 0};
    const Weights weights = initial_weights(config, 3);
    const double limit = std::sqrt(6.0 / 400);
    double squares = 0;
    for (const float w : weights.layers[0].weight) {
      CHECK_UNARY(std::abs(static_cast<double>(w)) <= limit);
      squares += static_cast<double>(w) * static_cast<double>(w);
    }
    CHECK(squares / 30000 == doctest::Approx(limit * limit / 3).epsilon(0.02));
    for (const DenseWeights& layer : weights.layers) {
      CHECK(std::all_of(layer.bias.begin(), layer.bias.end(), [](float b) { return b == 0; }));
    }
    CHECK(initial_weights(config, 3).layers[1].weight == weights.layers[1].weight);
    CHECK(initial_weights(config, 4).layers[1].weight != weights.layers[1].weight);
  }

  TEST_CASE("from_weights: is undone by to_weights, and refuses another shape") {
    const ParameterLayout layout({4, {3}, 2, 0});
    const Weights weights = initial_weights({4, {3}, 2, 0}, 1);
    AlignedBuffer parameters(layout.size());
    from_weights(layout, weights, parameters.data());
    const Weights copy = to_weights(layout, parameters.data());
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(copy.layers[i].weight == weights.layers[i].weight);
      CHECK(copy.layers[i].bias == weights.layers[i].bias);
    }
    const ParameterLayout other({4, {5}, 2, 0});
    CHECK_THROWS_AS(from_weights(other, weights, parameters.data()), std::logic_error);
  }
}

}  // namespace mlp
