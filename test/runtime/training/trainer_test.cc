#include "runtime/training/trainer.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>

#include "model/error.h"
#include "model/evaluator.h"
#include "model/metric.h"
#include "test/support/reference.h"

namespace mlp {
namespace {

// y = 1000 + 50 * (x0 - x1), or the sign of that.
struct Problem {
  explicit Problem(Task task, std::size_t rows = 600) {
    features.width = 4;
    features.floats = test::random_floats(rows * 4, 3);
    dataset.name = "training";
    dataset.features = features.view();
    for (std::size_t i = 0; i < rows; ++i) {
      const float difference = features.floats[i * 4] - features.floats[i * 4 + 1];
      if (task == Task::kClassification) {
        dataset.classes.push_back(difference > 0 ? 1 : 0);
      } else {
        dataset.values.push_back(1000 + 50 * difference);
      }
      dataset.rows.push_back(static_cast<std::uint32_t>(i));
    }
    config.task = task;
    config.network = {4, {16}, task == Task::kClassification ? std::size_t{2} : std::size_t{1}, 0};
    config.adam.learning_rate = 0.01;
    config.epochs = 5;
    config.batch_size = 32;
  }

  Features features;
  Dataset dataset;
  TrainerConfig config;
};

TrainingResult run(const Problem& problem, const Dataset* validation = nullptr,
                   TrainerCallbacks callbacks = {}) {
  Team team(1);
  return train(problem.config, problem.dataset, validation, callbacks, team);
}

}  // namespace

TEST_SUITE("runtime/training") {
  TEST_CASE("train: learns, and reports each epoch once with the metrics of its task") {
    const Problem problem(Task::kClassification);
    std::vector<EpochMetrics> epochs;
    TrainerCallbacks callbacks;
    callbacks.epoch_done = [&](const EpochMetrics& metrics) { epochs.push_back(metrics); };
    const TrainingResult result = run(problem, &problem.dataset, callbacks);
    REQUIRE(epochs.size() == 5);
    CHECK(result.history.columns ==
          std::vector<std::string>{"epoch", "loss", "accuracy", "val_loss", "val_accuracy"});
    REQUIRE(result.history.rows.size() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
      CHECK(epochs[i].epoch == i + 1);
      CHECK(result.history.rows[i][0] == static_cast<double>(i + 1));
      for (std::size_t j = 0; j < 4; ++j)
        CHECK(result.history.rows[i][j + 1] == epochs[i].values[j].second);
    }
    CHECK(result.history.rows[4][4] > 0.95);
    CHECK_FALSE(result.unfinished);
    REQUIRE(result.validation);
    CHECK(result.validation->loss == result.history.rows[4][3]);
  }

  TEST_CASE("train: a regression's metrics and last layer are in original units") {
    Problem problem(Task::kRegression);
    problem.config.epochs = 40;
    const TrainingResult result = run(problem, &problem.dataset);
    CHECK(result.history.columns == std::vector<std::string>{"epoch", "loss", "rmse", "mae", "r2",
                                                             "val_loss", "val_rmse", "val_mae",
                                                             "val_r2"});
    const std::vector<double>& last = result.history.rows.back();
    CHECK(last[2] == doctest::Approx(std::sqrt(last[1])));
    CHECK(last[4] > 0.99);
    Team team(1);
    const std::optional<Predictions> evaluated =
        evaluate(InferenceNetwork(result.layers), Task::kRegression, problem.dataset.features,
                 problem.dataset.rows, nullptr, problem.dataset.values.data(), team);
    const Predictions& predictions = evaluated.value();
    const RegressionReport report = regression_report(problem.dataset.values, predictions.values);
    CHECK(report.mse == doctest::Approx(last[5]));
    CHECK(report.mae == doctest::Approx(last[7]));
    CHECK(report.r2 == doctest::Approx(last[8]));
    // Weights hardly move in one more epoch's worth, so the training half must be of the same size.
    CHECK(last[1] == doctest::Approx(last[5]).epsilon(0.5));
    CHECK(last[3] == doctest::Approx(last[7]).epsilon(0.5));
  }

  TEST_CASE("train: without scale_target, targets far from zero are learned as they are") {
    Problem problem(Task::kRegression);
    problem.config.scale_target = false;
    const TrainingResult result = run(problem);
    CHECK(result.history.rows.back()[1] >
          1000);  // a thousand away, and only 95 steps of at most 0.01
    CHECK(result.history.columns.size() == 5);
  }

  TEST_CASE("train: a constant target is learned") {
    Problem problem(Task::kRegression);
    problem.dataset.values.assign(problem.dataset.values.size(), 7.0F);
    const TrainingResult result = run(problem);
    CHECK(result.history.rows.back()[1] < 0.1);
  }

  TEST_CASE("train: equal runs give equal bits, with any team") {
    Problem problem(Task::kClassification);
    problem.config.network = {4, {512, 512}, 2, 0.3};
    problem.config.num_threads = 2;
    problem.config.epochs = 2;
    Team one(1);
    Team two(2);
    const TrainingResult a = train(problem.config, problem.dataset, &problem.dataset, {}, one);
    const TrainingResult b = train(problem.config, problem.dataset, &problem.dataset, {}, two);
    CHECK(a.history.rows == b.history.rows);
    for (std::size_t i = 0; i < a.layers.size(); ++i) {
      CHECK(a.layers[i].weight == b.layers[i].weight);
      CHECK(a.layers[i].bias == b.layers[i].bias);
    }
    problem.config.seed = 1;
    CHECK(train(problem.config, problem.dataset, nullptr, {}, one).layers[0].weight !=
          a.layers[0].weight);
  }

  TEST_CASE("train: a stop ends the epoch after the step, which is left unjudged") {
    const Problem problem(Task::kClassification);
    std::size_t steps = 0;
    std::size_t epochs = 0;
    TrainerCallbacks callbacks;
    callbacks.step_done = [&](const Progress& progress) {
      ++steps;
      CHECK(progress.steps == 19);
    };
    callbacks.stop_requested = [&] { return steps == 25; };
    callbacks.epoch_done = [&](const EpochMetrics&) { ++epochs; };
    const TrainingResult result = run(problem, &problem.dataset, callbacks);
    CHECK(steps == 25);
    CHECK(epochs == 1);
    CHECK(result.history.rows.size() == 1);
    CHECK(result.layers.size() == 2);
    CHECK_FALSE(result.validation);
    REQUIRE(result.unfinished);
    CHECK(result.unfinished->epoch == 2);
    CHECK(result.unfinished->values.size() == 2);
  }

  TEST_CASE("train: a stop during evaluation does not wait for its end") {
    const Problem problem(Task::kClassification);
    std::size_t steps = 0;
    std::atomic<int> questions{0};
    TrainerCallbacks callbacks;
    callbacks.step_done = [&](const Progress&) { ++steps; };
    callbacks.stop_requested = [&] { return steps == 19 && ++questions > 1; };
    const TrainingResult result = run(problem, &problem.dataset, callbacks);
    CHECK(steps == 19);
    CHECK(result.history.rows.empty());
    CHECK(result.unfinished);
    CHECK(result.layers.size() == 2);
  }

  TEST_CASE("train: a loss or a weight that is no number ends the job with advice") {
    Problem problem(Task::kClassification);
    problem.config.adam.learning_rate = 1e38;
    CHECK_THROWS_WITH_AS(run(problem), doctest::Contains("Lower learning_rate"), UserError);
    problem.config.epochs = 1;
    problem.config.batch_size = 600;
    problem.config.adam.learning_rate = 1e39;  // the loss of the only step is that before it
    CHECK_THROWS_WITH_AS(run(problem), doctest::Contains("A weight"), UserError);
  }

  TEST_CASE("train: a batch larger than the data is the data") {
    Problem problem(Task::kClassification, 10);
    problem.config.batch_size = 1000000000;
    CHECK(run(problem).history.rows.size() == 5);
  }
}

}  // namespace mlp
