#include "model/learner.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/evaluator.h"
#include "model/inference.h"
#include "test/support/reference.h"

namespace mlp {
namespace {

// Rows to learn from, in a shuffled order, of pixels or floats, with targets for every loss.
struct Rows {
  Rows(std::size_t count, std::size_t width, std::size_t outputs,
       FeatureType type = FeatureType::kFloat32) {
    features.type = type;
    features.width = width;
    features.floats = test::random_floats(count * width, 11);
    for (float& value : features.floats) value *= 2;
    if (type == FeatureType::kUint8) {
      for (const float value : features.floats)
        features.bytes.push_back(static_cast<std::uint8_t>((value + 2) * 63));
      features.floats.clear();
    }
    values = test::random_floats(count * outputs, 12);
    for (const float value : values) labels.push_back(value > 0.3F ? 1.0F : 0.0F);
    weights = test::random_floats(count, 13);
    for (float& weight : weights) weight = std::max(weight + 1, 0.0F);
    for (std::size_t i = 0; i < count; ++i) {
      classes.push_back(static_cast<std::int32_t>((i * 7) % outputs));
      rows.push_back(static_cast<std::uint32_t>((i * 5 + 3) % count));
    }
  }
  // As `network` takes them: the last features are numbers of categories, its first and its last
  // one among them.
  Rows(std::size_t count, const MlpConfig& network, FeatureType type = FeatureType::kFloat32)
      : Rows(count, network.inputs, network.outputs, type) {
    for (std::size_t i = 0; i < network.embeddings.size(); ++i) {
      const std::size_t column = network.inputs - network.embeddings.size() + i;
      const std::size_t categories = network.embeddings[i].categories;
      for (std::size_t row = 0; row < count; ++row) {
        const std::size_t category = row == 0 ? categories - 1 : row * row * (i + 1) % categories;
        features.floats[row * network.inputs + column] = static_cast<float>(category);
      }
    }
  }
  Batch batch(Loss loss, std::size_t from, std::size_t to, bool weighted = false) const {
    Batch result;
    result.features = features.view();
    result.rows = std::span(rows).subspan(from, to - from);
    if (takes_classes(loss)) {
      result.targets.classes = classes.data();
    } else {
      result.targets.values = is_regression(loss) ? values.data() : labels.data();
    }
    if (weighted) result.targets.weights = weights.data();
    return result;
  }

  Features features;
  std::vector<std::int32_t> classes;
  std::vector<float> values;
  std::vector<float> labels;  // 0 or 1
  std::vector<float> weights;
  std::vector<std::uint32_t> rows;
};

// Whose gradients several shards make in bfloat16 block by block.
MlpConfig large_network() {
  MlpConfig network = {60, {96, 1056}, 10, 0.2};
  network.embeddings = {{3, 2}, {90, 30}};
  return network;
}

// And each for itself.
MlpConfig small_network() {
  MlpConfig network = {30, {64, 32}, 4, 0.2};
  network.embeddings = {{3, 2}};
  return network;
}

bool has_bfloat16() {
  const bool has = !bfloat16_instruction_set().empty();
  if (!has) MESSAGE("This CPU has no bfloat16: learning in it is not tested.");
  return has;
}

LearnerConfig learner_config(MlpConfig network, Loss loss, std::size_t batch_size,
                             std::size_t num_threads) {
  LearnerConfig config;
  config.network = std::move(network);
  config.loss.loss = loss;
  config.optimizer.learning_rate = 0.01;
  config.batch_size = batch_size;
  config.seed = 0x123456789;
  config.num_threads = num_threads;
  return config;
}

std::vector<float> flat(const Weights& weights) {
  std::vector<float> values;
  for (const EmbeddingWeights& embedding : weights.embeddings) {
    values.insert(values.end(), embedding.values.begin(), embedding.values.end());
  }
  for (const DenseWeights& layer : weights.layers) {
    values.insert(values.end(), layer.weight.begin(), layer.weight.end());
    values.insert(values.end(), layer.bias.begin(), layer.bias.end());
  }
  return values;
}

constexpr Activation kAllActivations[] = {
    Activation::kRelu, Activation::kTanh, Activation::kSigmoid,   Activation::kGelu,
    Activation::kSelu, Activation::kElu,  Activation::kLeakyRelu, Activation::kSilu};

// Judges the gradients of one batch by test::batch_loss().
void check_gradients(const MlpConfig& network, const LossConfig& loss_config, std::size_t count,
                     std::size_t num_threads, Split split, std::size_t shards, bool weighted) {
  constexpr double kTolerance = 1e-4;  // relative to the largest gradient; float32 against float64
  constexpr double kStep = 1e-6;
  CAPTURE(std::string(name(network.activation)));
  CAPTURE(static_cast<int>(loss_config.loss));
  CAPTURE(shards);
  const Rows rows(count, network);
  Team team(2);
  LearnerConfig config = learner_config(network, loss_config.loss, count, num_threads);
  config.loss = loss_config;
  Learner learner(config, team);
  CHECK(learner.plan().split == split);
  CHECK(learner.plan().shards == shards);

  const Batch batch = rows.batch(loss_config.loss, 0, count, weighted);
  learner.step(batch);  // so that the step's number and the biases are not zero
  const ParameterLayout layout(network);
  std::vector<float> gradients(layout.size());
  from_weights(layout, learner.gradients(batch), gradients.data());
  std::vector<float> start(layout.size());
  from_weights(layout, learner.weights(), start.data());
  std::vector<double> parameters(start.begin(), start.end());
  std::vector<std::vector<float>> x;
  std::vector<std::int32_t> classes;
  std::vector<float> values;
  std::vector<float> weights;
  for (const std::uint32_t row : rows.rows) {
    const float* const features = rows.features.view().float_row(row);
    x.emplace_back(features, features + network.inputs);
    classes.push_back(rows.classes[row]);
    const std::vector<float>& all = is_regression(loss_config.loss) ? rows.values : rows.labels;
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(row * network.outputs);
    values.insert(values.end(), first, first + static_cast<std::ptrdiff_t>(network.outputs));
    weights.push_back(rows.weights[row]);
  }
  const Targets targets = {classes.data(), values.data(), weighted ? weights.data() : nullptr};
  const auto loss = [&] {
    return test::batch_loss(network, loss_config, parameters, x, targets, config.seed,
                            learner.steps());
  };
  double largest = 0;
  for (const float gradient : gradients)
    largest = std::max(largest, std::abs(static_cast<double>(gradient)));
  double worst = 0;
  // A spread of values that has the first and the last.
  const auto spread = [](std::size_t first, std::size_t size) {
    constexpr std::size_t kPlaces = 4;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i <= kPlaces; ++i) places.push_back(first + i * (size - 1) / kPlaces);
    return places;
  };
  std::vector<std::vector<std::size_t>> blocks;
  for (const ParameterLayout::Layer& layer : layout.layers()) {
    blocks.push_back(spread(layer.weight, layer.inputs * layer.outputs));
    blocks.push_back(spread(layer.bias, layer.outputs));
  }
  for (const ParameterLayout::Embedding& table : layout.embeddings()) {
    blocks.push_back(spread(table.values, table.categories * table.width));
    double largest_here = 0;
    for (std::size_t i = 0; i < table.categories * table.width; ++i) {
      largest_here =
          std::max(largest_here, std::abs(static_cast<double>(gradients[table.values + i])));
    }
    CHECK(largest_here > 0);
  }
  for (const std::vector<std::size_t>& places : blocks) {
    for (const std::size_t place : places) {
      const double here = parameters[place];
      parameters[place] = here + kStep;
      const double above = loss();
      parameters[place] = here - kStep;
      const double below = loss();
      parameters[place] = here;
      worst = std::max(
          worst, std::abs((above - below) / (2 * kStep) - static_cast<double>(gradients[place])));
    }
  }
  CHECK(largest > 0);
  CHECK(worst < kTolerance * largest);
}

void check_gradients_of_every_piece(MlpConfig network, std::size_t count, std::size_t num_threads,
                                    Split split, std::size_t shards) {
  for (const Activation activation : kAllActivations) {
    MlpConfig with = network;
    with.activation = activation;
    check_gradients(with, {Loss::kSoftmaxCrossEntropy}, count, num_threads, split, shards, false);
  }
  for (const LossConfig& loss :
       {LossConfig{Loss::kSoftmaxCrossEntropy, 0.1}, LossConfig{Loss::kSigmoidCrossEntropy},
        LossConfig{Loss::kSigmoidCrossEntropy, 0.2}, LossConfig{Loss::kMeanSquaredError},
        LossConfig{Loss::kMeanAbsoluteError},
        LossConfig{Loss::kHuber, 0, std::vector<double>(network.outputs, 0.4)}}) {
    for (const bool weighted : {false, true})
      check_gradients(network, loss, count, num_threads, split, shards, weighted);
  }
  network.outputs = 1;
  for (const Loss loss : {Loss::kSigmoidCrossEntropy, Loss::kMeanSquaredError})
    check_gradients(network, {loss}, count, num_threads, split, shards, true);
}

std::vector<float> parameters_after(const LearnerConfig& config, const Rows& rows,
                                    std::size_t steps, std::size_t workers) {
  Team team(workers);
  Learner learner(config, team);
  const std::size_t count = rows.rows.size();
  for (std::size_t step = 0; step < steps; ++step) {
    const std::size_t from = step * config.batch_size % count;
    learner.step(rows.batch(config.loss.loss, from, std::min(count, from + config.batch_size)));
  }
  return flat(learner.weights());
}

}  // namespace

TEST_SUITE("model") {
  // Nets of 2 million operations a step and more are cut into shards; the others are whole.
  TEST_CASE("Learner: gradients agree with central differences in double precision") {
    check_gradients_of_every_piece({5, {7, 4}, 3, 0.3}, 13, 2, Split::kRows, 1);
  }

  TEST_CASE("Learner: gradients agree with central differences in shards of rows") {
    check_gradients_of_every_piece({40, {48, 24}, 5, 0.25}, 150, 3, Split::kRows, 3);
  }

  TEST_CASE("Learner: gradients agree with central differences in shards of units") {
    check_gradients_of_every_piece({90, {52}, 5, 0.25}, 130, 3, Split::kUnits, 3);
  }

  TEST_CASE("Learner: gradients with embeddings agree with central differences") {
    MlpConfig network = {6, {7, 4}, 3, 0.3};
    network.embeddings = {{3, 2}, {11, 5}, {1, 4}};
    check_gradients_of_every_piece(network, 13, 2, Split::kRows, 1);
    // No other inputs; so many units that none of a row's sums has only zeros before it, where relu
    // has no gradient.
    network.hidden = {24, 4};
    network.embeddings = {{2, 3}, {3, 2}, {4, 1}, {5, 1}, {6, 2}, {7, 3}};
    check_gradients_of_every_piece(network, 13, 2, Split::kRows, 1);
  }

  TEST_CASE("Learner: gradients with embeddings agree with central differences in shards") {
    MlpConfig network = {40, {64}, 5, 0.25};  // would be cut by units without embeddings
    network.embeddings = {{9, 17}, {30, 33}};
    check_gradients_of_every_piece(network, 100, 3, Split::kRows, 3);
  }

  TEST_CASE("Learner: a category that its table does not have is an error, not a read elsewhere") {
    MlpConfig network = {3, {8}, 2};
    network.embeddings = {{4, 2}};
    Rows rows(8, network);
    Team team(2);
    for (const float number : {4.0F, -1.0F, 1e30F, std::nanf(""), -INFINITY}) {
      CAPTURE(number);
      Learner learner(learner_config(network, Loss::kSoftmaxCrossEntropy, 8, 2), team);
      rows.features.floats[5 * 3 + 2] = number;
      CHECK_THROWS_AS(learner.step(rows.batch(Loss::kSoftmaxCrossEntropy, 0, 8)), std::logic_error);
    }
  }

  TEST_CASE("Learner: in training without dropout, outputs are those of prediction") {
    MlpConfig network = {20, {40, 24}, 4};
    network.embeddings = {{5, 3}, {100, 20}};
    const Rows rows(60, network);
    Team team(2);
    LearnerConfig config = learner_config(network, Loss::kSoftmaxCrossEntropy, 60, 2);
    config.optimizer.learning_rate = 0.05;
    Learner learner(config, team);
    const Batch batch = rows.batch(Loss::kSoftmaxCrossEntropy, 0, 60);
    for (int step = 0; step < 20; ++step) learner.step(batch);
    const InferenceNetwork trained(learner.weights(), network.activation);
    CHECK(trained.inputs() == 20);
    const std::optional<Predictions> predictions =
        evaluate(trained, Task::kClassification, config.loss, batch.features, batch.rows,
                 batch.targets, team);
    // Both sum float32 in orders of their own.
    CHECK(predictions->loss == doctest::Approx(learner.step(batch).loss / 60).epsilon(1e-5));
    InferenceNetwork::Workspace workspace;
    CHECK_THROWS_AS(
        [&] {
          std::vector<float> row(20, 1.0F);
          row.back() = 100;
          trained.forward(ConstMatrix{row.data(), 1, 20, 20}, workspace);
        }(),
        std::logic_error);
  }

  TEST_CASE("Learner: a row of a table moves with its category's rows, and by Adam ever after") {
    MlpConfig network = {3, {8}, 2};
    network.embeddings = {{4, 2}, {1, 1}};
    Rows rows(8, network);
    for (std::size_t row = 0; row < 8; ++row)
      rows.features.floats[row * 3 + 1] = row == 7 ? 3.0F : static_cast<float>(row % 2);
    Team team(1);
    Learner learner(learner_config(network, Loss::kSoftmaxCrossEntropy, 7, 1), team);
    std::vector<std::uint32_t> with(7);
    std::iota(with.begin(), with.end(), 1U);  // row 7 among them
    std::vector<std::uint32_t> without(7);
    std::iota(without.begin(), without.end(), 0U);
    Batch batch = rows.batch(Loss::kSoftmaxCrossEntropy, 0, 7);
    const auto table = [&] { return learner.weights().embeddings[0].values; };
    const auto moved = [](const std::vector<float>& a, const std::vector<float>& b) {
      std::vector<bool> rows_moved;
      for (std::size_t i = 0; i < 4; ++i)
        rows_moved.push_back(a[2 * i] != b[2 * i] || a[2 * i + 1] != b[2 * i + 1]);
      return rows_moved;
    };
    const std::vector<float> start = table();
    batch.rows = without;
    learner.step(batch);
    const std::vector<float> first = table();
    CHECK(moved(start, first) == std::vector<bool>{true, true, false, false});
    batch.rows = with;
    learner.step(batch);
    const std::vector<float> second = table();
    CHECK(moved(first, second) == std::vector<bool>{true, true, false, true});
    batch.rows = without;
    learner.step(batch);
    CHECK(moved(second, table()) == std::vector<bool>{true, true, false, true});
  }

  TEST_CASE("Learner: the bits follow from num_threads, not from how many workers there are") {
    struct Case {
      const char* name;
      MlpConfig network;
      std::size_t batch_size;
      FeatureType type;
    };
    for (const Case& c : {Case{"units", {784, {128}, 10, 0.2}, 64, FeatureType::kUint8},
                          Case{"units, a width that is no multiple of 16",
                               {300, {100}, 3, 0.5},
                               60,
                               FeatureType::kFloat32},
                          Case{"rows", {100, {96, 64}, 10, 0.2}, 96, FeatureType::kFloat32},
                          Case{"tiny", {10, {16}, 2, 0.2}, 32, FeatureType::kFloat32},
                          Case{"embeddings",
                               {60,
                                {96},
                                10,
                                0.2,
                                Activation::kRelu,
                                Initializer::kGlorotUniform,
                                {{3, 2}, {90, 30}}},
                               96,
                               FeatureType::kFloat32}}) {
      CAPTURE(std::string(c.name));
      const Rows rows(150, c.network, c.type);  // the last batch is a partial one
      for (const std::size_t num_threads :
           {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{16}}) {
        CAPTURE(num_threads);
        const LearnerConfig config =
            learner_config(c.network, Loss::kSoftmaxCrossEntropy, c.batch_size, num_threads);
        const std::vector<float> alone = parameters_after(config, rows, 20, 1);
        for (const std::size_t workers : {std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
          CAPTURE(workers);
          const std::vector<float> together = parameters_after(config, rows, 20, workers);
          CHECK(std::memcmp(alone.data(), together.data(), alone.size() * sizeof(float)) == 0);
        }
      }
    }
  }

  TEST_CASE("Learner: the bits do not depend on the workers with any optimizer and activation") {
    const Rows rows(150, 300, 3);
    OptimizerConfig adamw;
    adamw.weight_decay = 0.01;
    adamw.global_clipnorm = 0.5;
    OptimizerConfig nesterov;
    nesterov.kind = OptimizerKind::kSgd;
    nesterov.learning_rate = 0.05;
    nesterov.momentum = 0.9;
    nesterov.nesterov = true;
    OptimizerConfig clipped_sgd;
    clipped_sgd.kind = OptimizerKind::kSgd;
    clipped_sgd.global_clipnorm = 0.1;
    for (const OptimizerConfig& optimizer : {adamw, nesterov, clipped_sgd}) {
      for (const std::vector<std::size_t>& hidden :
           {std::vector<std::size_t>{100}, std::vector<std::size_t>{96, 64}}) {
        LearnerConfig config = learner_config({300, hidden, 3, 0.2, Activation::kGelu},
                                              Loss::kSigmoidCrossEntropy, 60, 3);
        config.optimizer = optimizer;
        const std::vector<float> alone = parameters_after(config, rows, 10, 1);
        const std::vector<float> together = parameters_after(config, rows, 10, 3);
        CHECK(std::memcmp(alone.data(), together.data(), alone.size() * sizeof(float)) == 0);
      }
    }
  }

  TEST_CASE("Learner: what is said of the next batch changes no bit, right or wrong") {
    const MlpConfig network = {784, {128}, 10, 0.2};
    const Rows rows(150, network, FeatureType::kUint8);
    const LearnerConfig config = learner_config(network, Loss::kSoftmaxCrossEntropy, 64, 2);
    enum class Told { kNothing, kTruth, kOtherRows, kFewerRows, kOtherFeatures };
    const auto after = [&](Told told) {
      const Rows others = rows;
      Team team(2);
      Learner learner(config, team);
      CHECK(learner.plan().split == Split::kUnits);
      for (const std::size_t from : std::initializer_list<std::size_t>{0, 64, 128, 0, 64}) {
        Batch batch = rows.batch(config.loss.loss, from, std::min(from + 64, std::size_t{150}));
        const std::size_t next = from == 128 ? 0 : from + 64;
        const Batch right =
            rows.batch(config.loss.loss, next, std::min(next + 64, std::size_t{150}));
        if (told == Told::kTruth) batch.next = right.rows;
        if (told == Told::kOtherRows) batch.next = batch.rows;
        if (told == Told::kFewerRows) batch.next = right.rows.first(7);
        if (told == Told::kOtherFeatures && from == 64) {
          batch.features = others.features.view();
          batch.next = right.rows;
        }
        learner.step(batch);
      }
      return flat(learner.weights());
    };
    const std::vector<float> expected = after(Told::kNothing);
    for (const Told told :
         {Told::kTruth, Told::kOtherRows, Told::kFewerRows, Told::kOtherFeatures}) {
      CAPTURE(static_cast<int>(told));
      CHECK(after(told) == expected);
    }
    Team team(2);
    Learner learner(config, team);
    Batch batch = rows.batch(config.loss.loss, 0, 64);
    batch.next = std::span(rows.rows).first(65);
    CHECK_THROWS_AS(learner.step(batch), std::logic_error);
  }

  TEST_CASE("Learner: plans of any number of shards learn the same, up to rounding") {
    const Rows rows(150, 100, 10);
    for (const MlpConfig& network :
         {MlpConfig{100, {128}, 10, 0.2}, MlpConfig{100, {96, 64}, 10, 0.2}}) {
      const LearnerConfig one = learner_config(network, Loss::kSoftmaxCrossEntropy, 96, 1);
      LearnerConfig four = one;
      four.num_threads = 4;
      const std::vector<float> a = parameters_after(one, rows, 10, 1);
      const std::vector<float> b = parameters_after(four, rows, 10, 2);
      double worst = 0;
      for (std::size_t i = 0; i < a.size(); ++i)
        worst = std::max(worst, std::abs(static_cast<double>(a[i] - b[i])));
      CHECK(worst > 0);  // else the plans were not different
      // Adam divides by sqrt(v): where a gradient is near zero its rounding shows in full, a few
      // learning rates at most.
      CHECK(worst < 0.02);
    }
  }

  TEST_CASE("Learner: gradients in bfloat16 are those in float32, but for rounding") {
    if (!has_bfloat16()) return;
    // Relative to the length of the same W's gradient: operands have 8 bits, errors add up over
    // layers, and where a sum is near a kink of the activation, a row's slope is another.
    constexpr double kTolerance = 0.1;
    MlpConfig with_embeddings = {40, {64, 40}, 5, 0.25};
    with_embeddings.embeddings = {{9, 17}, {30, 33}};
    for (MlpConfig network :
         {MlpConfig{5, {7, 4}, 3, 0.3}, MlpConfig{100, {96, 70}, 10, 0.2}, MlpConfig{784, {33}, 40},
          MlpConfig{50, {}, 4}, with_embeddings, small_network()}) {
      for (const Activation activation : kAllActivations) {
        CAPTURE(std::string(name(activation)));
        network.activation = activation;
        const Rows rows(150, network);
        Team team(2);
        LearnerConfig config = learner_config(network, Loss::kSoftmaxCrossEntropy, 150, 2);
        Learner exact(config, team);
        config.precision = Precision::kBfloat16;
        Learner rounded(config, team);
        const Batch batch = rows.batch(Loss::kSoftmaxCrossEntropy, 0, 150);
        exact.step(batch);
        rounded.set_weights(exact.weights());
        rounded.step(batch);
        rounded.set_weights(exact.weights());
        const Weights a = exact.gradients(batch);
        const Weights b = rounded.gradients(batch);
        const auto compare = [&](const std::vector<float>& left, const std::vector<float>& right) {
          REQUIRE(left.size() == right.size());
          double squares = 0;
          double errors = 0;
          for (std::size_t i = 0; i < left.size(); ++i) {
            squares += std::pow(static_cast<double>(left[i]), 2);
            errors += std::pow(static_cast<double>(left[i] - right[i]), 2);
          }
          CHECK(std::sqrt(errors / squares) < kTolerance);
        };
        for (std::size_t layer = 0; layer < a.layers.size(); ++layer) {
          CAPTURE(layer);
          compare(a.layers[layer].weight, b.layers[layer].weight);
          compare(a.layers[layer].bias, b.layers[layer].bias);
        }
        for (std::size_t table = 0; table < a.embeddings.size(); ++table)
          compare(a.embeddings[table].values, b.embeddings[table].values);
      }
    }
  }

  TEST_CASE("Learner: in bfloat16 the bits follow from num_threads, not from the workers") {
    if (!has_bfloat16()) return;
    OptimizerConfig clipped;
    clipped.weight_decay = 0.01;
    clipped.global_clipnorm = 0.5;
    OptimizerConfig nesterov;
    nesterov.kind = OptimizerKind::kSgd;
    nesterov.momentum = 0.9;
    nesterov.nesterov = true;
    MlpConfig with_embeddings = {60, {96}, 10, 0.2};
    with_embeddings.embeddings = {{3, 2}, {90, 30}};
    MlpConfig wide = {70, {1056, 1030}, 10, 0.2};  // W in blocks of columns, and too wide for them
    for (const MlpConfig& network :
         {MlpConfig{784, {128}, 10, 0.2}, MlpConfig{100, {96, 64}, 10}, MlpConfig{10, {16}, 2, 0.2},
          with_embeddings, wide, small_network()}) {
      const Rows rows(150, network);  // the last batch is a partial one
      for (const OptimizerConfig& optimizer : {OptimizerConfig(), clipped, nesterov}) {
        for (const std::size_t num_threads :
             {std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{16}}) {
          CAPTURE(network.inputs);
          CAPTURE(num_threads);
          LearnerConfig config =
              learner_config(network, Loss::kSoftmaxCrossEntropy, 96, num_threads);
          config.optimizer = optimizer;
          config.precision = Precision::kBfloat16;
          const std::vector<float> alone = parameters_after(config, rows, 5, 1);
          for (const std::size_t workers : {std::size_t{2}, std::size_t{5}}) {
            const std::vector<float> together = parameters_after(config, rows, 5, workers);
            CHECK(std::memcmp(alone.data(), together.data(), alone.size() * sizeof(float)) == 0);
          }
        }
      }
    }
  }

  TEST_CASE("Learner: a step in bfloat16 leaves no old weights behind") {
    if (!has_bfloat16()) return;
    for (MlpConfig network : {large_network(), small_network()}) {
      network.drop_rate = 0;  // of which each step has another part
      const Rows rows(150, network);
      for (const double clipnorm : {0.0, 0.1}) {
        LearnerConfig config = learner_config(network, Loss::kSoftmaxCrossEntropy, 150, 3);
        config.precision = Precision::kBfloat16;
        config.optimizer.global_clipnorm = clipnorm;
        Team team(2);
        Learner trained(config, team);
        const Batch batch = rows.batch(Loss::kSoftmaxCrossEntropy, 0, 150);
        for (int step = 0; step < 3; ++step) trained.step(batch);
        Learner fresh(config, team);
        fresh.set_weights(trained.weights());
        CHECK(flat(trained.gradients(batch)) == flat(fresh.gradients(batch)));
      }
    }
  }

  TEST_CASE("Learner: in bfloat16 a shard without rows counts for nothing") {
    if (!has_bfloat16()) return;
    for (const MlpConfig& network : {large_network(), small_network()}) {
      const Rows rows(150, network);
      LearnerConfig config = learner_config(network, Loss::kSoftmaxCrossEntropy, 96, 3);
      config.precision = Precision::kBfloat16;
      Team team(2);
      Learner learner(config, team);
      CHECK(learner.plan().shards == 3);
      const Weights before = learner.weights();
      const Batch few = rows.batch(Loss::kSoftmaxCrossEntropy, 96, 136);
      const std::vector<float> gradients = flat(learner.gradients(few));
      Learner fresh(config, team);
      fresh.set_weights(before);
      const LossSums alone = fresh.step(few);
      const std::vector<float> expected = flat(fresh.weights());
      // Nor do the gradients count that it had in the step before.
      learner.gradients(rows.batch(Loss::kSoftmaxCrossEntropy, 0, 96));
      CHECK(flat(learner.gradients(few)) == gradients);
      const LossSums sums = learner.step(few);
      CHECK(sums.rows == 40);
      CHECK(sums.loss == alone.loss);
      CHECK(flat(learner.weights()) == expected);
    }
  }

  TEST_CASE("Learner: an update in bfloat16 is the optimizer's over the gradients it tells of") {
    if (!has_bfloat16()) return;
    for (const MlpConfig& network : {large_network(), small_network()})
      for (const double clipnorm : {0.0, 0.01}) {
        const Rows rows(150, network);
        LearnerConfig config = learner_config(network, Loss::kSoftmaxCrossEntropy, 150, 3);
        config.precision = Precision::kBfloat16;
        config.optimizer.kind = OptimizerKind::kSgd;
        config.optimizer.learning_rate = 0.5;
        config.optimizer.global_clipnorm = clipnorm;
        Team team(2);
        Learner learner(config, team);
        CHECK(learner.plan().weight_gradients ==
              (network.hidden[0] == 96 ? WeightGradients::kByBlocks : WeightGradients::kByShards));
        const Batch batch = rows.batch(Loss::kSoftmaxCrossEntropy, 0, 150);
        const std::vector<float> before = flat(learner.weights());
        const std::vector<float> gradients = flat(learner.gradients(batch));
        learner.step(batch);
        const std::vector<float> after = flat(learner.weights());
        double squares = 0;
        for (const float g : gradients) squares += static_cast<double>(g) * static_cast<double>(g);
        const double scale = clipnorm > 0 ? clipnorm / std::sqrt(squares) : 1;
        CHECK((clipnorm == 0 || scale < 1));
        double worst = 0;
        for (std::size_t i = 0; i < before.size(); ++i) {
          const double expected =
              static_cast<double>(before[i]) - 0.5 * scale * static_cast<double>(gradients[i]);
          worst = std::max(worst, std::abs(expected - static_cast<double>(after[i])));
        }
        CHECK(worst < 1e-6);
      }
  }

  TEST_CASE("Learner: the loss falls, and is that of the weights before the step") {
    const Rows rows(64, 20, 4);
    Team team(1);
    Learner learner(learner_config({20, {64}, 4, 0.0}, Loss::kSoftmaxCrossEntropy, 64, 1), team);
    const LossSums first = learner.step(rows.batch(Loss::kSoftmaxCrossEntropy, 0, 64));
    CHECK(first.rows == 64);
    CHECK(first.loss / 64 == doctest::Approx(std::log(4.0)).epsilon(0.7));
    LossSums last;
    for (int step = 0; step < 200; ++step)
      last = learner.step(rows.batch(Loss::kSoftmaxCrossEntropy, 0, 64));
    CHECK(last.loss / 64 < 0.05);
    CHECK(last.correct == 64);
    CHECK(learner.steps() == 201);
  }
}

}  // namespace mlp
