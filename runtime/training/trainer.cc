#include "runtime/training/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "model/error.h"
#include "model/learner.h"
#include "model/metric.h"
#include "runtime/data/batch_iterator.h"

namespace mlp {
namespace {

using Clock = std::chrono::steady_clock;

// Of one target: value = mean + deviation * what the network learns.
struct TargetScale {
  double mean = 0;
  double deviation = 1;
  double variance = 0;  // of the target itself
};

std::vector<TargetScale> measure_targets(const Dataset& data, std::size_t targets, bool scale) {
  std::vector<TargetScale> result(targets);
  const double count = static_cast<double>(data.rows.size());
  for (std::size_t j = 0; j < targets; ++j) {
    const auto value = [&](std::uint32_t row) {
      return static_cast<double>(data.values[row * targets + j]);
    };
    double mean = 0;
    for (const std::uint32_t row : data.rows) mean += value(row);
    mean /= count;
    double variance = 0;
    for (const std::uint32_t row : data.rows) {
      const double distance = value(row) - mean;
      variance += distance * distance;
    }
    variance /= count;
    result[j].variance = variance;
    if (!scale) continue;
    result[j].mean = mean;
    if (variance > 0) result[j].deviation = std::sqrt(variance);
  }
  return result;
}

std::vector<float> scaled_targets(const Dataset& data, const std::vector<TargetScale>& scales) {
  std::vector<float> scaled;
  scaled.reserve(data.values.size());
  for (std::size_t i = 0; i < data.values.size(); ++i) {
    const TargetScale& scale = scales[i % scales.size()];
    scaled.push_back(
        static_cast<float>((static_cast<double>(data.values[i]) - scale.mean) / scale.deviation));
  }
  return scaled;
}

void fold_into_last_layer(Weights& weights, const std::vector<TargetScale>& scales) {
  DenseWeights& last = weights.layers.back();
  const std::size_t outputs = scales.size();
  for (std::size_t i = 0; i < last.weight.size(); ++i) {
    last.weight[i] =
        static_cast<float>(static_cast<double>(last.weight[i]) * scales[i % outputs].deviation);
  }
  for (std::size_t j = 0; j < last.bias.size(); ++j) {
    last.bias[j] = static_cast<float>(static_cast<double>(last.bias[j]) * scales[j].deviation +
                                      scales[j].mean);
  }
}

// A regression's training metrics from its sums, in original units and the order of metric_names().
std::vector<double> regression_metrics(Loss loss, const LossSums& sums,
                                       const std::vector<TargetScale>& scales) {
  const double rows = static_cast<double>(sums.rows);
  double mean_loss = 0;
  double rmse = 0;
  double mae = 0;
  double r2 = 0;
  for (std::size_t j = 0; j < scales.size(); ++j) {
    const double deviation = scales[j].deviation;
    const double loss_unit = loss == Loss::kMeanAbsoluteError ? deviation : deviation * deviation;
    const double mse = sums.squared[j] / rows * deviation * deviation;
    mean_loss += sums.losses[j] / rows * loss_unit;
    rmse += std::sqrt(mse);
    mae += sums.absolute[j] / rows * deviation;
    r2 += r2_score(mse, scales[j].variance);
  }
  const double targets = static_cast<double>(scales.size());
  return {mean_loss / targets, rmse / targets, mae / targets, r2 / targets};
}

std::vector<double> training_metrics(const TrainerConfig& config, const LossSums& sums,
                                     const std::vector<TargetScale>& scales) {
  if (config.task == Task::kRegression) return regression_metrics(config.loss, sums, scales);
  const double rows = static_cast<double>(sums.rows);
  const double decisions =
      takes_classes(config.loss) ? 1 : static_cast<double>(config.network.outputs);
  return {sums.loss / rows, sums.correct / (rows * decisions)};
}

void append(EpochMetrics& metrics, std::string_view prefix, const std::vector<std::string>& names,
            const std::vector<double>& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    metrics.values.emplace_back(fmt::format("{}{}", prefix, names[i]), values[i]);
}

// The names of an epoch's metrics, for training and for validation rows alike.
std::vector<std::string> all_names(const TrainerConfig& config) {
  std::vector<std::string> names = metric_names(config.task);
  names.insert(names.end(), config.eval_metrics.begin(), config.eval_metrics.end());
  return names;
}

bool all_finite(const Weights& weights) {
  const auto finite = [](const std::vector<float>& values) {
    return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
  };
  return std::ranges::all_of(
             weights.embeddings,
             [&](const EmbeddingWeights& embedding) { return finite(embedding.values); }) &&
         std::ranges::all_of(weights.layers, [&](const DenseWeights& layer) {
           return finite(layer.weight) && finite(layer.bias);
         });
}

std::string divergence_advice(const TrainerConfig& config, std::size_t epoch,
                              std::string_view what) {
  const bool unscaled = config.task == Task::kRegression && !config.scale_target;
  return fmt::format(
      "{} is no longer a finite number in epoch {} of {}: the steps are too large. Lower "
      "learning_rate (now {}), set global_clipnorm, and check the data for extreme values{}.",
      what, epoch, config.epochs, config.optimizer.learning_rate,
      unscaled ? "; targets far from zero want scale_target=true" : "");
}

// The schedule of `config`, which counts in epochs, in steps.
ScheduleConfig in_steps(const TrainerConfig& config, std::size_t steps_per_epoch) {
  ScheduleConfig schedule = config.optimizer.schedule;
  const double steps = static_cast<double>(steps_per_epoch);
  schedule.warmup_steps = std::round(schedule.warmup_steps * steps);
  schedule.decay_steps = std::max(1.0, std::round(schedule.decay_steps * steps));
  if (schedule.schedule == Schedule::kCosine) {
    const double all = static_cast<double>(config.epochs) * steps;
    schedule.decay_steps = std::max(1.0, all - schedule.warmup_steps);
  }
  return schedule;
}

LearnerConfig learner_config(const TrainerConfig& config, const Dataset& training) {
  LearnerConfig learner;
  learner.network = config.network;
  learner.loss = {config.loss, config.label_smoothing,
                  std::vector<double>(config.network.outputs, config.huber_delta)};
  learner.optimizer = config.optimizer;
  learner.batch_size = std::min(config.batch_size, training.rows.size());
  learner.optimizer.schedule =
      in_steps(config, (training.rows.size() + learner.batch_size - 1) / learner.batch_size);
  learner.seed = config.seed;
  learner.num_threads = config.num_threads;
  learner.precision = config.precision.precision;
  return learner;
}

// The epoch whose weights are kept: by early stopping's metric, or else the lowest loss.
EarlyStoppingConfig watch_config(const TrainerConfig& config, bool validates) {
  if (config.early_stopping) return *config.early_stopping;
  EarlyStoppingConfig watch;
  watch.patience = std::numeric_limits<std::size_t>::max();
  watch.metric = validates ? "val_loss" : "loss";
  return watch;
}

double value_of(const EpochMetrics& metrics, const std::string& name) {
  for (const auto& [known, value] : metrics.values) {
    if (known == name) return value;
  }
  throw std::logic_error("no metric of an epoch is called " + name);
}

// One call of train().
class Training {
 public:
  Training(const TrainerConfig& config, const Dataset& training, const Dataset* validation,
           const TrainerCallbacks& callbacks, Team& team)
      : config_(config),
        training_(training),
        validation_(validation),
        callbacks_(callbacks),
        team_(team),
        learner_(learner_config(config, training), team),
        batches_(training.rows, std::min(config.batch_size, training.rows.size()), config.seed),
        watch_(watch_config(config, validation != nullptr)) {
    batch_.features = training.features;
    batch_.targets = targets_of(training, config.task, targets_);
    result_.candidate.activation = config.network.activation;
    result_.candidate.task = config.task;
    result_.candidate.loss = {config.loss, config.label_smoothing, {}};
    if (config.task == Task::kRegression) {
      scales_ = measure_targets(training, config.network.outputs, config.scale_target);
      targets_ = scaled_targets(training, scales_);
      batch_.targets.values = targets_.data();
      for (const TargetScale& scale : scales_) {
        result_.candidate.loss.huber_deltas.push_back(config.huber_delta * scale.deviation);
      }
    }
    result_.history.columns.emplace_back("epoch");
    for (const char* const prefix : {"", "val_"}) {
      if (*prefix != '\0' && validation == nullptr) continue;
      for (const std::string& name : all_names(config)) {
        result_.history.columns.push_back(prefix + name);
      }
    }
  }

  TrainingResult run() {
    for (std::size_t epoch = 1; epoch <= config_.epochs; ++epoch) {
      if (!run_epoch(epoch)) break;
    }
    const bool knows_better =
        result_.ending == Ending::kDiverged || (config_.early_stopping && watch_.best_epoch() > 0);
    if (knows_better && watch_.best_epoch() != result_.epoch) {
      keep(std::move(best_), watch_.best_epoch());
    }
    if (result_.ending == Ending::kDiverged && validation_ == nullptr) keep_the_sound_one();
    return std::move(result_);
  }

 private:
  // False where training is over.
  bool run_epoch(std::size_t epoch) {
    const Clock::time_point start = Clock::now();
    batches_.start_epoch(static_cast<std::uint32_t>(epoch - 1));
    LossSums sums;
    Progress progress = {epoch, config_.epochs, 0, batches_.steps_per_epoch()};
    bool stopped = false;
    while (!stopped && !(batch_.rows = batches_.next()).empty()) {
      batch_.next = batches_.peek();
      sums.add(learner_.step(batch_));
      if (!std::isfinite(sums.loss)) return diverged(epoch, "The training loss");
      ++progress.step;
      callbacks_.step_done(progress);
      stopped = callbacks_.stop_requested();
    }
    Weights weights = learner_.weights();
    if (!scales_.empty()) fold_into_last_layer(weights, scales_);
    if (!all_finite(weights)) return diverged(epoch, "A weight");
    previous_ = std::move(result_.candidate.weights);
    result_.candidate.weights = std::move(weights);
    result_.epoch = epoch;
    result_.validation.reset();

    EpochMetrics metrics = metrics_of_epoch(config_, epoch);
    metrics.rows = sums.rows;
    append(metrics, "", metric_names(config_.task), training_metrics(config_, sums, scales_));
    stopped = stopped || !judge_epoch(metrics);
    metrics.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (stopped) {
      result_.validation.reset();
      metrics.values.resize(metric_names(config_.task).size());
      result_.unfinished = metrics;
      result_.ending = Ending::kStopRequested;
      return false;
    }
    add_row(result_.history, metrics);
    callbacks_.epoch_done(metrics);
    if (watch_.add(epoch, value_of(metrics, watch_.config().metric))) {
      best_ = result_.candidate.weights;
    }
    if (!watch_.should_stop()) return true;
    result_.ending = Ending::kEarlyStopping;
    return false;
  }

  // Adds what takes a pass over rows; false where a stop was asked for meanwhile.
  bool judge_epoch(EpochMetrics& metrics) {
    if (!config_.eval_metrics.empty()) {
      const std::optional<Predictions> predictions =
          judge(result_.candidate, training_, team_, callbacks_.stop_requested);
      if (!predictions) return false;
      append(metrics, "", config_.eval_metrics,
             metric_values(config_.eval_metrics, config_.task, training_, *predictions,
                           config_.top_k));
    }
    if (validation_ == nullptr) return true;
    result_.validation = judge(result_.candidate, *validation_, team_, callbacks_.stop_requested);
    if (!result_.validation) return false;
    add_validation(metrics, config_, *validation_, *result_.validation);
    return true;
  }

  void keep(Weights weights, std::size_t epoch) {
    result_.candidate.weights = std::move(weights);
    result_.epoch = epoch;
    result_.validation.reset();
    result_.unfinished.reset();
  }

  // An epoch's loss on training rows is that of its steps but for the effect of the last one, which
  // may be the one that went wrong. So where no validation rows have judged the weights themselves,
  // those that were to be kept and those of the epoch before the last are judged now.
  void keep_the_sound_one() {
    const double kept = judge(result_.candidate, training_, team_)->loss;
    if (!previous_.layers.empty()) {
      Candidate before = result_.candidate;
      before.weights = previous_;
      const double loss = judge(before, training_, team_)->loss;
      if (std::isfinite(loss) && !(kept <= loss)) {
        keep(std::move(previous_), last_epoch_ - 1);
        return;
      }
    }
    if (!std::isfinite(kept)) throw UserError(result_.advice);
  }

  // Always false: training is over.
  bool diverged(std::size_t epoch, std::string_view what) {
    last_epoch_ = epoch - 1;
    result_.advice = divergence_advice(config_, epoch, what);
    if (watch_.best_epoch() == 0) throw UserError(result_.advice);
    result_.ending = Ending::kDiverged;
    return false;
  }

  const TrainerConfig& config_;
  const Dataset& training_;
  const Dataset* validation_;
  const TrainerCallbacks& callbacks_;
  Team& team_;
  Learner learner_;
  BatchIterator batches_;
  Batch batch_;
  std::vector<float> targets_;       // where the network learns other numbers than the dataset has
  std::vector<TargetScale> scales_;  // of each target of a regression
  EarlyStopping watch_;
  Weights best_;                // of watch_.best_epoch()
  Weights previous_;            // of the epoch before the last whole one
  std::size_t last_epoch_ = 0;  // kDiverged: the last whole one
  TrainingResult result_;
};

}  // namespace

TrainingResult train(const TrainerConfig& config, const Dataset& training,
                     const Dataset* validation, const TrainerCallbacks& callbacks, Team& team) {
  return Training(config, training, validation, callbacks, team).run();
}

EpochMetrics metrics_of_epoch(const TrainerConfig& config, std::size_t epoch) {
  EpochMetrics metrics;
  metrics.epoch = epoch;
  metrics.epochs = config.epochs;
  metrics.task = config.task;
  metrics.squared_loss = config.loss == Loss::kMeanSquaredError;
  return metrics;
}

void add_row(History& history, const EpochMetrics& metrics) {
  std::vector<double>& row = history.rows.emplace_back();
  for (const std::string& column : history.columns) {
    const auto found = std::find_if(metrics.values.begin(), metrics.values.end(),
                                    [&](const auto& entry) { return entry.first == column; });
    row.push_back(column == "epoch"               ? static_cast<double>(metrics.epoch)
                  : found == metrics.values.end() ? std::numeric_limits<double>::quiet_NaN()
                                                  : found->second);
  }
}

void add_validation(EpochMetrics& metrics, const TrainerConfig& config, const Dataset& validation,
                    const Predictions& predictions) {
  const std::vector<std::string> names = all_names(config);
  append(metrics, "val_", names,
         metric_values(names, config.task, validation, predictions, config.top_k));
}

}  // namespace mlp
