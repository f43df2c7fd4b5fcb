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

  TEST_CASE("ParameterLayout: tables stand before the layers, and widen the first one") {
    MlpConfig config = {5, {7}, 2, 0};
    config.embeddings = {{9, 3}, {4, 4}};
    CHECK(config.dense_inputs() == 3 + 3 + 4);
    const ParameterLayout layout(config);
    CHECK(layout.count() == 9 * 3 + 4 * 4 + 11 * 7 + 8 * 2);
    CHECK(layout.embeddings()[0].values == 0);
    CHECK(layout.embeddings()[1].values == 32);
    CHECK(layout.layers()[0].weight == 48);
    CHECK(layout.layers()[0].inputs == 10);
    config.embeddings[1].width = 0;
    CHECK_THROWS_AS(ParameterLayout{config}, std::logic_error);
    config.embeddings[1] = {0, 4};
    CHECK_THROWS_AS(ParameterLayout{config}, std::logic_error);
    config.embeddings.assign(6, {2, 1});
    CHECK_THROWS_AS(ParameterLayout{config}, std::logic_error);
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

  TEST_CASE("initial_weights: tables are uniform in +-0.05, each in its own sequence") {
    MlpConfig config = {300, {100}, 10, 0};
    const Weights plain = initial_weights(config, 3);
    config.inputs += 2;
    config.embeddings = {{500, 40}, {500, 40}};
    const Weights weights = initial_weights(config, 3);
    for (const EmbeddingWeights& table : weights.embeddings) {
      double squares = 0;
      for (const float value : table.values) {
        CHECK_UNARY(std::abs(value) <= 0.05F);
        squares += static_cast<double>(value) * static_cast<double>(value);
      }
      CHECK(squares / 20000 == doctest::Approx(0.05 * 0.05 / 3).epsilon(0.02));
    }
    CHECK(weights.embeddings[0].values != weights.embeddings[1].values);
    CHECK(initial_weights(config, 3).embeddings[1].values == weights.embeddings[1].values);
    CHECK(initial_weights(config, 4).embeddings[1].values != weights.embeddings[1].values);
    // They take no numbers from the layers' sequences.
    CHECK(weights.layers[1].weight == plain.layers[1].weight);
  }

  TEST_CASE("from_weights: is undone by to_weights, and refuses another shape") {
    MlpConfig config = {4, {3}, 2, 0};
    config.embeddings = {{5, 3}};
    const ParameterLayout layout(config);
    const Weights weights = initial_weights(config, 1);
    AlignedBuffer parameters(layout.size());
    from_weights(layout, weights, parameters.data());
    const Weights copy = to_weights(layout, parameters.data());
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(copy.layers[i].weight == weights.layers[i].weight);
      CHECK(copy.layers[i].bias == weights.layers[i].bias);
    }
    CHECK(copy.embeddings[0].values == weights.embeddings[0].values);
    MlpConfig other = config;
    other.hidden = {5};
    CHECK_THROWS_AS(from_weights(ParameterLayout(other), weights, parameters.data()),
                    std::logic_error);
    other = config;
    other.embeddings = {{3, 5}};
    CHECK_THROWS_AS(from_weights(ParameterLayout(other), weights, parameters.data()),
                    std::logic_error);
    other.embeddings.clear();
    CHECK_THROWS_AS(from_weights(ParameterLayout(other), weights, parameters.data()),
                    std::logic_error);
  }
}

}  // namespace mlp
