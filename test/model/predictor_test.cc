#include "model/predictor.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>

#include "model/artifact.h"
#include "model/evaluator.h"
#include "test/support/reference.h"

namespace mlp {
namespace {

DenseWeights dense(std::size_t inputs, std::size_t outputs, std::uint32_t seed) {
  return {inputs, outputs, test::random_floats(inputs * outputs, seed),
          test::random_floats(outputs, seed + 1)};
}

Artifact classifier(std::size_t inputs, std::size_t classes) {
  Artifact artifact;
  artifact.schema.row_shape = {inputs};
  artifact.schema.task = Task::kClassification;
  for (std::size_t i = 0; i < classes; ++i) artifact.schema.labels.push_back(std::to_string(i));
  artifact.weights.layers = {dense(inputs, 24, 1), dense(24, classes, 3)};
  return artifact;
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("Predictor: a row has the same bits alone and among 1,000 others") {
    Artifact artifact = classifier(37, 5);
    artifact.mean = test::random_floats(37, 8);
    artifact.variance = std::vector<float>(37, 0.3F);
    const Predictor predictor(artifact);
    Features rows;
    rows.width = 37;
    rows.floats = test::random_floats(1001 * 37, 5);
    Predictor::Workspace workspace;
    const std::vector<float> together = predictor.predict(rows.view(), workspace);
    bool same = true;
    for (std::size_t row = 0; row < 1001; ++row) {
      const FeatureView one = {FeatureType::kFloat32, rows.view().float_row(row), 1, 37};
      const std::vector<float> alone = predictor.predict(one, workspace);
      same = same && std::memcmp(alone.data(), &together[row * 5], 5 * sizeof(float)) == 0;
    }
    CHECK(same);
  }

  TEST_CASE("Predictor: several jobs at once get the bits that each gets alone") {
    Artifact artifact = classifier(37, 5);
    artifact.mean = test::random_floats(37, 8);
    artifact.variance = std::vector<float>(37, 0.3F);
    const Predictor predictor(artifact);
    Predictor::Workspace workspace;
    const std::size_t counts[] = {1, 0, 191, 3, 400, 1, 1};  // around the rows of a block
    std::vector<Features> rows;
    std::vector<std::vector<float>> predictions;
    std::vector<std::vector<float>> logits;
    std::uint32_t seed = 20;
    for (const std::size_t count : counts) {
      rows.emplace_back().width = 37;
      rows.back().floats = test::random_floats(count * 37, ++seed);
      predictions.emplace_back(count * 5);
      logits.emplace_back(count % 2 == 1 ? count * 5 : 0);
    }
    std::vector<Predictor::Job> jobs;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      jobs.push_back(
          {rows[i].view(), predictions[i].data(), logits[i].empty() ? nullptr : logits[i].data()});
    }
    predictor.predict(jobs, workspace);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CAPTURE(i);
      CHECK(predictions[i] == predictor.predict(rows[i].view(), workspace));
      // Softmax brings logits to probabilities.
      for (std::size_t j = 0; j + 1 < logits[i].size(); ++j) {
        if (j % 5 == 4) continue;
        CHECK(logits[i][j] - logits[i][j + 1] ==
              doctest::Approx(std::log(predictions[i][j] / predictions[i][j + 1])).epsilon(1e-4));
      }
    }
  }

  TEST_CASE("Predictor: embeddings stand in the places of the numbers of categories") {
    Artifact artifact;
    artifact.schema.row_shape = {3};
    artifact.schema.task = Task::kRegression;
    artifact.weights.embeddings = {{2, 1, {10, 20}}, {3, 2, {1, 2, 3, 4, 5, 6}}};
    artifact.weights.layers = {{4, 1, {1, 100, 1000, 10000}, {0}}};
    Predictor::Workspace workspace;
    const std::vector<float> x = {0.5F, 1, 2, 7, 0, 0};
    CHECK(Predictor(artifact).predict({FeatureType::kFloat32, x.data(), 2, 3}, workspace) ==
          std::vector<float>{0.5F + 2000 + 5000 + 60000, 7 + 1000 + 1000 + 20000});
    artifact.weights.layers = {{2, 1, {1, 2}, {0}}};
    CHECK_THROWS_AS(InferenceNetwork(artifact.weights, artifact.activation), std::logic_error);
  }

  TEST_CASE("Predictor: a row with embeddings has the same bits alone and among others") {
    Artifact artifact = classifier(20, 3);
    artifact.weights.embeddings = {{7, 5, test::random_floats(35, 6)},
                                   {90, 18, test::random_floats(90 * 18, 7)}};
    artifact.weights.layers[0] = dense(18 + 5 + 18, 24, 1);
    const Predictor predictor(artifact);
    const InferenceNetwork network(artifact.weights, artifact.activation);
    CHECK(network.inputs() == 20);
    Features rows;
    rows.width = 20;
    rows.floats = test::random_floats(401 * 20, 5);
    for (std::size_t row = 0; row < 401; ++row) {
      rows.floats[row * 20 + 18] = static_cast<float>(row % 7);
      rows.floats[row * 20 + 19] = static_cast<float>(row % 90);
    }
    Predictor::Workspace workspace;
    const std::vector<float> together = predictor.predict(rows.view(), workspace);
    std::vector<std::uint32_t> indices(401);
    std::iota(indices.begin(), indices.end(), 0U);
    Team team(2);
    CHECK(evaluate(network, Task::kClassification, {}, rows.view(), indices, {}, team)->values ==
          together);
    for (std::size_t row = 0; row < 401; ++row) {
      const FeatureView one = {FeatureType::kFloat32, rows.view().float_row(row), 1, 20};
      const std::vector<float> alone = predictor.predict(one, workspace);
      CHECK_UNARY(std::memcmp(alone.data(), &together[row * 3], 3 * sizeof(float)) == 0);
    }
  }

  TEST_CASE("Predictor: pixels are value / 255, and probabilities sum to 1") {
    const Predictor predictor(classifier(16, 3));
    Features bytes;
    bytes.type = FeatureType::kUint8;
    bytes.width = 16;
    Features floats;
    floats.width = 16;
    for (int i = 0; i < 160; ++i) {
      bytes.bytes.push_back(static_cast<std::uint8_t>(i));
      floats.floats.push_back(static_cast<float>(i) / 255.0F);
    }
    Predictor::Workspace workspace;
    const std::vector<float> probabilities = predictor.predict(bytes.view(), workspace);
    CHECK(probabilities == predictor.predict(floats.view(), workspace));
    for (std::size_t row = 0; row < 10; ++row) {
      CHECK(std::accumulate(&probabilities[row * 3], &probabilities[row * 3] + 3, 0.0) ==
            doctest::Approx(1).epsilon(1e-6));
    }
  }

  TEST_CASE("Predictor: values of a regression come without softmax") {
    Artifact artifact;
    artifact.schema.row_shape = {2};
    artifact.schema.task = Task::kRegression;
    artifact.weights.layers = {{2, 1, {2, 3}, {10}}};
    Predictor::Workspace workspace;
    const std::vector<float> x = {1, 100};
    CHECK(Predictor(artifact).predict({FeatureType::kFloat32, x.data(), 1, 2}, workspace) ==
          std::vector<float>{312});
  }

  TEST_CASE("evaluate: says what the predictor says, and the same with any team") {
    const Artifact artifact = classifier(12, 2);
    const InferenceNetwork network(artifact.weights, artifact.activation);
    Features rows;
    rows.width = 12;
    rows.floats = test::random_floats(500 * 12, 5);
    std::vector<std::uint32_t> indices;
    std::vector<std::int32_t> classes;
    for (std::uint32_t i = 0; i < 500; ++i) {
      indices.push_back(499 - i);
      classes.push_back(static_cast<std::int32_t>(i % 2));
    }
    Predictor::Workspace workspace;
    const std::vector<float> probabilities = Predictor(artifact).predict(rows.view(), workspace);
    Team one(1);
    Team three(3);
    const std::optional<Predictions> alone_or_none =
        evaluate(network, Task::kClassification, {}, rows.view(), indices, {classes.data()}, one);
    const std::optional<Predictions> together_or_none =
        evaluate(network, Task::kClassification, {}, rows.view(), indices, {classes.data()}, three);
    REQUIRE(alone_or_none);
    REQUIRE(together_or_none);
    const Predictions& alone = *alone_or_none;
    const Predictions& together = *together_or_none;
    CHECK(alone.values == together.values);
    CHECK(alone.loss == together.loss);
    double loss = 0;
    for (std::size_t i = 0; i < 500; ++i) {
      const float* const p = &probabilities[indices[i] * 2];
      CHECK_UNARY(std::equal(p, p + 2, alone.row(i)));
      CHECK_UNARY(predicted_class(Task::kClassification, p, 2) == (p[1] > p[0] ? 1 : 0));
      loss -= std::log(static_cast<double>(p[classes[indices[i]]]));
    }
    CHECK(alone.loss == doctest::Approx(loss / 500).epsilon(1e-5));
  }

  TEST_CASE("evaluate: has no result where it is told to give up") {
    const Artifact artifact = classifier(12, 2);
    Features rows;
    rows.width = 12;
    rows.floats = test::random_floats(2000 * 12, 5);
    std::vector<std::uint32_t> indices(2000);
    std::iota(indices.begin(), indices.end(), 0U);
    Team team(2);
    std::atomic<int> questions{0};
    CHECK_FALSE(evaluate(InferenceNetwork(artifact.weights, artifact.activation),
                         Task::kClassification, {}, rows.view(), indices, {}, team,
                         [&] { return ++questions == 5; }));
  }
}

}  // namespace mlp
