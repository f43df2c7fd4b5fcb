#include "runtime/training/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>

#include "model/error.h"
#include "model/learner.h"
#include "model/metric.h"
#include "runtime/data/batch_iterator.h"

namespace mlp {
namespace {

using Clock = std::chrono::steady_clock;

// value = mean + deviation * what the network learns.
struct TargetScale {
  double mean = 0;
  double deviation = 1;
  double variance = 0;  // of the targets themselves
};

TargetScale measure_target(const Dataset& data, bool scale) {
  TargetScale result;
  double mean = 0;
  const double count = static_cast<double>(data.rows.size());
  for (const std::uint32_t row : data.rows) mean += static_cast<double>(data.values[row]);
  mean /= count;
  for (const std::uint32_t row : data.rows) {
    const double distance = static_cast<double>(data.values[row]) - mean;
    result.variance += distance * distance;
  }
  result.variance /= count;
  if (scale) {
    result.mean = mean;
    if (result.variance > 0) result.deviation = std::sqrt(result.variance);
  }
  return result;
}

std::vector<float> scaled_targets(const Dataset& data, const TargetScale& scale) {
  std::vector<float> scaled;
  scaled.reserve(data.values.size());
  for (const float value : data.values) {
    scaled.push_back(
        static_cast<float>((static_cast<double>(value) - scale.mean) / scale.deviation));
  }
  return scaled;
}

void fold_into_last_layer(std::vector<DenseWeights>& layers, const TargetScale& scale) {
  DenseWeights& last = layers.back();
  for (float& weight : last.weight)
    weight = static_cast<float>(static_cast<double>(weight) * scale.deviation);
  for (float& bias : last.bias)
    bias = static_cast<float>(static_cast<double>(bias) * scale.deviation + scale.mean);
}

// The training half of an epoch's metrics, from its sums; in the order of metric_names().
std::vector<double> training_metrics(Task task, const LossSums& sums, const TargetScale& scale) {
  const double rows = static_cast<double>(sums.rows);
  if (task == Task::kClassification) return {sums.loss / rows, sums.correct / rows};
  const double mse = sums.loss / rows * scale.deviation * scale.deviation;
  return {mse, std::sqrt(mse), sums.absolute / rows * scale.deviation,
          r2_score(mse, scale.variance)};
}

std::vector<double> validation_metrics(Task task, const Dataset& data,
                                       const Predictions& predictions) {
  if (task == Task::kClassification) {
    double correct = 0;
    for (std::size_t i = 0; i < data.rows.size(); ++i) {
      const std::int32_t predicted = predicted_class(task, predictions.row(i), predictions.outputs);
      correct += predicted == data.classes[data.rows[i]] ? 1 : 0;
    }
    return {predictions.loss, correct / static_cast<double>(data.rows.size())};
  }
  std::vector<float> truth;
  truth.reserve(data.rows.size());
  for (const std::uint32_t row : data.rows) truth.push_back(data.values[row]);
  const RegressionReport report = regression_report(truth, predictions.values);
  return {report.mse, report.rmse, report.mae, report.r2};
}

void append(EpochMetrics& metrics, Task task, const char* prefix,
            const std::vector<double>& values) {
  const std::vector<std::string>& names = metric_names(task);
  for (std::size_t i = 0; i < values.size(); ++i)
    metrics.values.emplace_back(prefix + names[i], values[i]);
}

bool all_finite(const std::vector<DenseWeights>& layers) {
  const auto finite = [](float value) { return std::isfinite(value); };
  return std::all_of(layers.begin(), layers.end(), [&](const DenseWeights& layer) {
    return std::all_of(layer.weight.begin(), layer.weight.end(), finite) &&
           std::all_of(layer.bias.begin(), layer.bias.end(), finite);
  });
}

[[noreturn]] void throw_diverged(const TrainerConfig& config, std::size_t epoch,
                                 std::string_view what) {
  const bool unscaled = config.task == Task::kRegression && !config.scale_target;
  throw UserError(fmt::format(
      "{} is no longer a finite number in epoch {} of {}: the steps are too large. Lower "
      "learning_rate (now {}), and check the data for extreme values{}.",
      what, epoch, config.epochs, config.adam.learning_rate,
      unscaled ? "; targets far from zero want scale_target=true" : ""));
}

}  // namespace

TrainingResult train(const TrainerConfig& config, const Dataset& training,
                     const Dataset* validation, const TrainerCallbacks& callbacks, Team& team) {
  const bool classification = config.task == Task::kClassification;
  LearnerConfig learner_config;
  learner_config.network = config.network;
  learner_config.loss = classification ? Loss::kSoftmaxCrossEntropy : Loss::kMeanSquaredError;
  learner_config.adam = config.adam;
  learner_config.batch_size = std::min(config.batch_size, training.rows.size());
  learner_config.seed = config.seed;
  learner_config.num_threads = config.num_threads;
  Learner learner(learner_config, team);

  TargetScale scale;
  std::vector<float> targets;
  if (!classification) {
    scale = measure_target(training, config.scale_target);
    targets = scaled_targets(training, scale);
  }
  Batch batch;
  batch.features = training.features;
  if (classification) {
    batch.classes = training.classes.data();
  } else {
    batch.values = targets.data();
  }

  TrainingResult result;
  result.history.columns.push_back("epoch");
  for (const char* const prefix : {"", "val_"}) {
    if (*prefix != '\0' && validation == nullptr) continue;
    for (const std::string& name : metric_names(config.task)) {
      result.history.columns.push_back(prefix + name);
    }
  }
  BatchIterator batches(training.rows, learner_config.batch_size, config.seed);
  for (std::size_t epoch = 1; epoch <= config.epochs; ++epoch) {
    const Clock::time_point start = Clock::now();
    batches.start_epoch(static_cast<std::uint32_t>(epoch - 1));
    LossSums sums;
    Progress progress = {epoch, config.epochs, 0, batches.steps_per_epoch()};
    bool stopped = false;
    while (!stopped && !(batch.rows = batches.next()).empty()) {
      sums.add(learner.step(batch));
      ++progress.step;
      callbacks.step_done(progress);
      stopped = callbacks.stop_requested();
    }
    if (!std::isfinite(sums.loss)) throw_diverged(config, epoch, "The training loss");

    EpochMetrics metrics = {epoch, config.epochs, 0, {}};
    append(metrics, config.task, "", training_metrics(config.task, sums, scale));
    if (stopped || validation != nullptr || epoch == config.epochs) {
      result.layers = learner.weights();
      if (!classification) fold_into_last_layer(result.layers, scale);
      if (!all_finite(result.layers)) throw_diverged(config, epoch, "A weight");
    }
    if (validation != nullptr && !stopped) {
      result.validation =
          judge(result.layers, config.task, *validation, team, callbacks.stop_requested);
      stopped = !result.validation;
      if (!stopped) add_validation(metrics, config.task, *validation, *result.validation);
    }
    metrics.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (stopped) {
      result.validation.reset();
      result.unfinished = metrics;
      break;
    }

    add_row(result.history, metrics);
    callbacks.epoch_done(metrics);
  }
  return result;
}

std::optional<Predictions> judge(const std::vector<DenseWeights>& layers, Task task,
                                 const Dataset& data, Team& team,
                                 const std::function<bool()>& give_up) {
  const bool classification = task == Task::kClassification;
  return evaluate(InferenceNetwork(layers), task, data.features, data.rows,
                  classification ? data.classes.data() : nullptr,
                  classification ? nullptr : data.values.data(), team, give_up);
}

void add_row(History& history, const EpochMetrics& metrics) {
  std::vector<double> row = {static_cast<double>(metrics.epoch)};
  for (const auto& [name, value] : metrics.values) row.push_back(value);
  history.rows.push_back(std::move(row));
}

void add_validation(EpochMetrics& metrics, Task task, const Dataset& validation,
                    const Predictions& predictions) {
  append(metrics, task, "val_", validation_metrics(task, validation, predictions));
}

}  // namespace mlp
