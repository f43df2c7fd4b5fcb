#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/history.h"
#include "model/loss.h"
#include "model/mlp.h"
#include "model/optimizer.h"
#include "model/precision.h"
#include "model/schema.h"
#include "model/team.h"
#include "runtime/data/dataset.h"
#include "runtime/training/early_stopping.h"
#include "runtime/training/judge.h"
#include "runtime/training/metric_log.h"

namespace mlp {

struct TrainerConfig {
  MlpConfig network;
  Task task = Task::kClassification;
  // Of what the network learns: with scale_target, delta is in deviations of the target.
  Loss loss = Loss::kSoftmaxCrossEntropy;
  double label_smoothing = 0;
  double huber_delta = 1;
  OptimizerConfig optimizer;  // its schedule counts in epochs
  std::size_t epochs = 1;
  std::size_t batch_size = 1;
  std::uint64_t seed = 0;
  std::size_t num_threads = 1;
  PrecisionChoice precision;
  // Regression: learn targets brought to mean 0 and variance 1, and fold the scale into the last
  // layer at the end. Metrics are in original units all the same.
  bool scale_target = true;
  std::vector<std::string> eval_metrics;  // of each epoch, beside those of metric_names()
  std::size_t top_k = 5;
  std::optional<EarlyStoppingConfig> early_stopping;
};

// Where an epoch stands, after each step.
struct Progress {
  std::size_t epoch = 0;  // counted from 1
  std::size_t epochs = 0;
  std::size_t step = 0;  // of this epoch, counted from 1
  std::size_t steps = 0;
};

// What the outside world wants to know, and to say.
struct TrainerCallbacks {
  // Asked after each step and during evaluation. Threads: any.
  std::function<bool()> stop_requested = [] { return false; };
  // These two are called on the thread that called train().
  std::function<void(const Progress&)> step_done = [](const Progress&) {};
  std::function<void(const EpochMetrics&)> epoch_done = [](const EpochMetrics&) {};
};

// Why training ended.
enum class Ending { kAllEpochs, kEarlyStopping, kStopRequested, kDiverged };

struct TrainingResult {
  Candidate candidate;  // all of its weights are finite
  History history;      // of whole epochs
  Ending ending = Ending::kAllEpochs;
  // Whose weights these are, counted from 1; of an unfinished epoch too.
  std::size_t epoch = 0;
  // What the candidate says of the validation rows, where that is known.
  std::optional<Predictions> validation;
  // Where a stop request ended an epoch early and the candidate is of that epoch: the training half
  // of its metrics.
  std::optional<EpochMetrics> unfinished;
  std::string advice;  // kDiverged: what happened, and what to do
};

// Trains on `training` and, after each epoch, judges the network by `validation` (or not, where
// that is null). At least one step is done.
//
// With early stopping, the weights given back are those of the best epoch. A stop request ends
// training at once, after the step at hand: whoever asked may have little time, so the weights of
// the steps until then are given back unjudged, where no early stopping knows better ones. A loss
// or a weight that is no finite number ends it at once too; the weights are then those of the epoch
// with the best watched metric, or the lowest loss (of validation rows, if there are any).
//
// Equal configuration and data give equal bits, whatever the team's size. Throws UserError where
// the loss or a weight stops being a finite number and no earlier epoch's weights are good.
TrainingResult train(const TrainerConfig& config, const Dataset& training,
                     const Dataset* validation, const TrainerCallbacks& callbacks, Team& team);

// An epoch's metrics, still without values.
EpochMetrics metrics_of_epoch(const TrainerConfig& config, std::size_t epoch);

// Adds a row of an epoch's metrics; not a number where it lacks one of the columns.
void add_row(History& history, const EpochMetrics& metrics);

// Adds the validation half of an epoch's metrics.
void add_validation(EpochMetrics& metrics, const TrainerConfig& config, const Dataset& validation,
                    const Predictions& predictions);

}  // namespace mlp
