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
      if (has_classes(task)) {
        dataset.classes.push_back(difference > 0 ? 1 : 0);
      } else if (task == Task::kMultilabel) {
        dataset.values.push_back(difference > 0 ? 1 : 0);
        dataset.values.push_back(features.floats[i * 4 + 2] > 0.5F ? 1 : 0);
      } else {
        dataset.values.push_back(1000 + 50 * difference);
      }
      dataset.rows.push_back(static_cast<std::uint32_t>(i));
    }
    config.task = task;
    const bool has_two = task == Task::kClassification || task == Task::kMultilabel;
    config.network = {4, {16}, has_two ? std::size_t{2} : std::size_t{1}, 0};
    config.loss = task == Task::kClassification ? Loss::kSoftmaxCrossEntropy
                  : task == Task::kRegression   ? Loss::kMeanSquaredError
                                                : Loss::kSigmoidCrossEntropy;
    config.optimizer.learning_rate = 0.01;
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
    const std::optional<Predictions> evaluated = judge(result.candidate, problem.dataset, team);
    const Predictions& predictions = evaluated.value();
    const RegressionReport report = regression_report(problem.dataset.values, predictions.values);
    CHECK(report.mse == doctest::Approx(last[5]));
    CHECK(report.mae == doctest::Approx(last[7]));
    CHECK(report.r2 == doctest::Approx(last[8]));
    // Weights hardly move in one more epoch's worth, so the training half must be of the same size.
    CHECK(last[1] == doctest::Approx(last[5]).epsilon(0.5));
    CHECK(last[3] == doctest::Approx(last[7]).epsilon(0.5));
  }

  TEST_CASE("train: embeddings are learned, judged and given back") {
    Problem problem(Task::kRegression);
    constexpr float kEffects[] = {-80, 300, 0, 40, -200};
    for (std::size_t i = 0; i < problem.dataset.rows.size(); ++i) {
      problem.features.floats[i * 4 + 3] = static_cast<float>(i * i % 5);
      problem.dataset.values[i] += kEffects[i * i % 5];
    }
    problem.config.network.embeddings = {{5, 3}};
    problem.config.epochs = 40;
    const TrainingResult result = run(problem, &problem.dataset);
    CHECK(result.history.rows.back().back() > 0.99);
    REQUIRE(result.candidate.weights.embeddings.size() == 1);
    CHECK(result.candidate.weights.embeddings[0].values.size() == 15);
    CHECK(result.candidate.weights.layers[0].inputs == 6);
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
    for (std::size_t i = 0; i < a.candidate.weights.layers.size(); ++i) {
      CHECK(a.candidate.weights.layers[i].weight == b.candidate.weights.layers[i].weight);
      CHECK(a.candidate.weights.layers[i].bias == b.candidate.weights.layers[i].bias);
    }
    problem.config.seed = 1;
    CHECK(train(problem.config, problem.dataset, nullptr, {}, one)
              .candidate.weights.layers[0]
              .weight != a.candidate.weights.layers[0].weight);
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
    CHECK(result.candidate.weights.layers.size() == 2);
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
    CHECK(result.candidate.weights.layers.size() == 2);
  }

  TEST_CASE("train: a loss or a weight that is no number ends the job with advice") {
    Problem problem(Task::kClassification);
    problem.config.optimizer.learning_rate = 1e38;
    CHECK_THROWS_WITH_AS(run(problem), doctest::Contains("Lower learning_rate"), UserError);
    problem.config.epochs = 1;
    problem.config.batch_size = 600;
    problem.config.optimizer.learning_rate = 1e39;  // the loss of the only step is that before it
    CHECK_THROWS_WITH_AS(run(problem), doctest::Contains("A weight"), UserError);
  }

  TEST_CASE("train: a loss that stops being a number later keeps the best epoch's weights") {
    Problem problem(Task::kClassification);
    problem.config.epochs = 6;
    const TrainingResult three = [&] {
      Problem shorter(Task::kClassification);
      shorter.config.epochs = 3;
      return run(shorter, &shorter.dataset);
    }();
    // From the fourth epoch on, steps are 10^36 times as large.
    problem.config.optimizer.schedule = {
        .schedule = Schedule::kStep, .decay_steps = 3, .decay_rate = 1e36};
    const TrainingResult result = run(problem, &problem.dataset);
    CHECK(result.ending == Ending::kDiverged);
    CHECK(result.advice.find("in epoch 4 of 6") != std::string::npos);
    CHECK(result.advice.find("Lower learning_rate") != std::string::npos);
    CHECK(result.history.rows.size() == 3);
    CHECK(result.epoch == 3);
    CHECK(result.candidate.weights.layers[0].weight == three.candidate.weights.layers[0].weight);
  }

  TEST_CASE("train: early stopping gives the best epoch's weights back") {
    Problem problem(Task::kClassification, 60);
    Problem other(Task::kClassification, 200);
    // Labels that say nothing are learned by heart, and the loss of other rows grows.
    for (std::size_t i = 0; i < problem.dataset.classes.size(); ++i)
      problem.dataset.classes[i] = static_cast<std::int32_t>(i * 7 % 3 % 2);
    problem.config.network.hidden = {64};
    problem.config.epochs = 200;
    problem.config.early_stopping = EarlyStoppingConfig{.patience = 4};
    const TrainingResult result = run(problem, &other.dataset);
    CHECK(result.ending == Ending::kEarlyStopping);
    const std::size_t epochs = result.history.rows.size();
    CHECK(epochs < 200);
    CHECK(result.epoch == epochs - 4);
    // Cut there, the same training ends with the same weights.
    problem.config.epochs = result.epoch;
    problem.config.early_stopping.reset();
    const TrainingResult cut = run(problem, &other.dataset);
    CHECK(cut.candidate.weights.layers[0].weight == result.candidate.weights.layers[0].weight);
    CHECK(cut.candidate.weights.layers[1].bias == result.candidate.weights.layers[1].bias);
    // And it is the best, whatever there was time for.
    problem.config.early_stopping = EarlyStoppingConfig{.patience = 1000};
    problem.config.epochs = epochs;
    const TrainingResult all = run(problem, &other.dataset);
    CHECK(all.ending == Ending::kAllEpochs);
    CHECK(all.epoch == result.epoch);
    CHECK(all.candidate.weights.layers[0].weight == result.candidate.weights.layers[0].weight);
  }

  TEST_CASE(
      "train: a stop under early stopping gives the best whole epoch, else the steps so far") {
    Problem problem(Task::kClassification);
    problem.config.early_stopping = EarlyStoppingConfig{.patience = 5};
    std::size_t steps = 0;
    std::size_t last = 25;
    TrainerCallbacks callbacks;
    callbacks.step_done = [&](const Progress&) { ++steps; };
    callbacks.stop_requested = [&] { return steps == last; };
    const TrainingResult later = run(problem, &problem.dataset, callbacks);
    CHECK(later.ending == Ending::kStopRequested);
    CHECK(later.epoch == 1);
    CHECK_FALSE(later.unfinished);
    steps = 0;
    last = 3;
    const TrainingResult sooner = run(problem, &problem.dataset, callbacks);
    CHECK(sooner.epoch == 1);
    CHECK(sooner.unfinished);
  }

  TEST_CASE("train: every task learns, and binary and multilabel have Keras's accuracy") {
    for (const Task task : {Task::kBinary, Task::kMultilabel}) {
      Problem problem(task);
      problem.config.epochs = 60;
      problem.config.eval_metrics = {"f1_macro", "auc"};
      const TrainingResult result = run(problem, &problem.dataset);
      CHECK(result.history.columns ==
            std::vector<std::string>{"epoch", "loss", "accuracy", "f1_macro", "auc", "val_loss",
                                     "val_accuracy", "val_f1_macro", "val_auc"});
      const std::vector<double>& last = result.history.rows.back();
      CHECK(last[6] > 0.97);
      CHECK(last[1] == doctest::Approx(last[5]).epsilon(0.2));
      CHECK(last[2] == doctest::Approx(last[6]).epsilon(0.02));
      // These are of the weights at the epoch's end, on the same rows.
      CHECK(last[3] == last[7]);
      CHECK(last[4] == last[8]);
    }
  }

  TEST_CASE("train: several targets of a regression are each learned in their own units") {
    Problem problem(Task::kRegression);
    std::vector<float> values;
    for (std::size_t i = 0; i < problem.dataset.values.size(); ++i) {
      values.push_back(problem.dataset.values[i]);
      values.push_back(0.001F * problem.features.floats[i * 4 + 2]);
    }
    problem.dataset.values = values;
    problem.config.network.outputs = 2;
    problem.config.epochs = 60;
    for (const Loss loss : {Loss::kMeanSquaredError, Loss::kMeanAbsoluteError, Loss::kHuber}) {
      problem.config.loss = loss;
      problem.config.huber_delta = 0.5;
      const TrainingResult result = run(problem, &problem.dataset);
      const std::vector<double>& last = result.history.rows.back();
      // r2 is the mean over the targets, so that it is near 1 only where both are learned.
      CHECK(last[8] > 0.95);
      // The training half of loss, rmse, mae and r2 is of the same kind as the validation half.
      for (std::size_t i = 1; i <= 4; ++i) {
        CAPTURE(i);
        CHECK(last[i] == doctest::Approx(last[i + 4]).epsilon(0.4));
      }
      if (loss == Loss::kMeanSquaredError) {
        CHECK(last[5] == doctest::Approx(metric_values({"mse"}, Task::kRegression, problem.dataset,
                                                       *result.validation, 5)[0]));
      }
      if (loss == Loss::kMeanAbsoluteError) CHECK(last[5] == doctest::Approx(last[7]));
    }
  }

  TEST_CASE("train: rows of weight 0 do not count, and a weight of 2 is a row twice") {
    Problem problem(Task::kClassification, 64);
    problem.config.network.hidden = {8};
    problem.config.batch_size = 128;
    problem.config.epochs = 20;
    Dataset& dataset = problem.dataset;
    for (std::size_t i = 0; i < 64; ++i) dataset.weights.push_back(i < 16 ? 0 : i < 32 ? 2 : 1);
    const TrainingResult weighted = run(problem);
    // The mean is over the rows of the batch: 64 in both.
    std::vector<std::uint32_t> rows;
    for (std::uint32_t i = 16; i < 64; ++i) {
      rows.push_back(i);
      if (i < 32) rows.push_back(i);
    }
    dataset.rows = rows;
    dataset.weights.clear();
    const TrainingResult repeated = run(problem);
    for (std::size_t i = 0; i < weighted.candidate.weights.layers[0].weight.size(); ++i) {
      CHECK(weighted.candidate.weights.layers[0].weight[i] ==
            doctest::Approx(repeated.candidate.weights.layers[0].weight[i]).epsilon(1e-3));
    }
    CHECK(weighted.history.rows[0][1] == doctest::Approx(repeated.history.rows[0][1]));
  }

  TEST_CASE("train: a schedule in epochs is one in steps, whatever the batch") {
    Problem problem(Task::kClassification);
    problem.config.optimizer.kind = OptimizerKind::kSgd;
    problem.config.optimizer.learning_rate = 0.1;
    // A rate of nearly 0 from the third epoch on changes nothing any more.
    problem.config.optimizer.schedule = {
        .schedule = Schedule::kStep, .decay_steps = 2, .decay_rate = 1e-30};
    for (const std::size_t batch_size : {std::size_t{32}, std::size_t{600}}) {
      problem.config.batch_size = batch_size;
      problem.config.epochs = 2;
      const TrainingResult two = run(problem);
      problem.config.epochs = 5;
      CHECK(run(problem).candidate.weights.layers[0].weight ==
            two.candidate.weights.layers[0].weight);
    }
  }

  TEST_CASE("train: a batch larger than the data is the data") {
    Problem problem(Task::kClassification, 10);
    problem.config.batch_size = 1000000000;
    CHECK(run(problem).history.rows.size() == 5);
  }
}

}  // namespace mlp
