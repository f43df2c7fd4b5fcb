#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "model/dense_weights.h"
#include "model/evaluator.h"
#include "model/history.h"
#include "model/mlp.h"
#include "model/optimizer.h"
#include "model/schema.h"
#include "model/team.h"
#include "runtime/data/dataset.h"
#include "runtime/training/metric_log.h"

namespace mlp {

struct TrainerConfig {
  MlpConfig network;
  Task task = Task::kClassification;
  AdamConfig adam;
  std::size_t epochs = 1;
  std::size_t batch_size = 1;
  std::uint64_t seed = 0;
  std::size_t num_threads = 1;
  // Regression: learn targets brought to mean 0 and variance 1, and fold the scale into the last
  // layer at the end. Metrics are in original units all the same.
  bool scale_target = true;
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

struct TrainingResult {
  std::vector<DenseWeights> layers;  // the last ones, in original units; all finite
  History history;                   // of whole epochs
  // What `layers` say of the validation rows, where that is known.
  std::optional<Predictions> validation;
  // Where a stop request ended an epoch early: the training half of its metrics.
  std::optional<EpochMetrics> unfinished;
};

// Trains on `training` and, after each epoch, judges the network by `validation` (or not, where
// that is null). A stop request ends it at once, after the step at hand: whoever asked may have
// little time, so the weights are given back unjudged.
//
// Equal configuration and data give equal bits, whatever the team's size. Throws UserError where
// the loss or a weight stops being a finite number.
TrainingResult train(const TrainerConfig& config, const Dataset& training,
                     const Dataset* validation, const TrainerCallbacks& callbacks, Team& team);

// evaluate() of the rows of `data`.
std::optional<Predictions> judge(const std::vector<DenseWeights>& layers, Task task,
                                 const Dataset& data, Team& team,
                                 const std::function<bool()>& give_up);

// Adds an epoch's metrics, which are those of the history's columns.
void add_row(History& history, const EpochMetrics& metrics);

// Adds the validation half of an epoch's metrics.
void add_validation(EpochMetrics& metrics, Task task, const Dataset& validation,
                    const Predictions& predictions);

}  // namespace mlp
