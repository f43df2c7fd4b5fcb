#include "entrypoint/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "model/error.h"
#include "model/metric.h"
#include "runtime/data/wording.h"
#include "runtime/system/closest.h"

namespace mlp {
namespace {

constexpr std::string_view kValidationPrefix = "val_";
constexpr std::string_view kAuto = "auto";

struct LossChoice {
  std::string_view name;
  Loss loss;
  std::vector<Task> tasks;
};

// The first one of a task is its own; `auto` takes that.
const std::vector<LossChoice>& loss_choices() {
  static const std::vector<LossChoice> choices = {
      {"categorical_crossentropy", Loss::kSoftmaxCrossEntropy, {Task::kClassification}},
      {"binary_crossentropy", Loss::kSigmoidCrossEntropy, {Task::kBinary, Task::kMultilabel}},
      {"mean_squared_error", Loss::kMeanSquaredError, {Task::kRegression}},
      {"mean_absolute_error", Loss::kMeanAbsoluteError, {Task::kRegression}},
      {"huber", Loss::kHuber, {Task::kRegression}},
  };
  return choices;
}

Loss choose_loss(const std::string& name, Task task) {
  std::vector<std::string_view> suitable;
  for (const LossChoice& choice : loss_choices()) {
    if (std::ranges::find(choice.tasks, task) == choice.tasks.end()) continue;
    if (name == kAuto || name == choice.name) return choice.loss;
    suitable.push_back(choice.name);
  }
  throw UserError(fmt::format(
      "Hyperparameter loss is {}, which does not suit the task {}: expected {}. Leave loss out, or "
      "set the hyperparameter task to what is to be learned.",
      name, task_name(task), fmt::join(suitable, ", ")));
}

OptimizerConfig optimizer_config(const Hyperparameters& hyperparameters) {
  // Keras's default of AdamW.
  constexpr double kWeightDecayOfAdamw = 0.004;
  OptimizerConfig config;
  config.kind = hyperparameters.optimizer == "sgd" ? OptimizerKind::kSgd : OptimizerKind::kAdam;
  config.learning_rate = hyperparameters.learning_rate;
  config.beta1 = hyperparameters.beta_1;
  config.beta2 = hyperparameters.beta_2;
  config.epsilon = hyperparameters.epsilon;
  config.momentum = hyperparameters.momentum;
  config.nesterov = hyperparameters.nesterov;
  const double standard_decay = hyperparameters.optimizer == "adamw" ? kWeightDecayOfAdamw : 0;
  config.weight_decay = hyperparameters.weight_decay.value_or(standard_decay);
  config.global_clipnorm = hyperparameters.global_clipnorm.value_or(0);
  config.schedule.schedule = hyperparameters.schedule == "cosine" ? Schedule::kCosine
                             : hyperparameters.schedule == "step" ? Schedule::kStep
                                                                  : Schedule::kConstant;
  config.schedule.warmup_steps = hyperparameters.warmup_epochs;
  config.schedule.decay_steps = hyperparameters.decay_epochs;
  config.schedule.alpha = hyperparameters.cosine_alpha;
  config.schedule.decay_rate = hyperparameters.decay_rate;
  return config;
}

// "val_auc" for "validation:auc", and "auc" for "train:auc", as tuning jobs call them.
std::string line_name(std::string name) {
  constexpr std::string_view kTrain = "train:";
  constexpr std::string_view kValidation = "validation:";
  if (name.starts_with(kTrain)) return name.substr(kTrain.size());
  if (name.starts_with(kValidation)) {
    return fmt::format("{}{}", kValidationPrefix, name.substr(kValidation.size()));
  }
  return name;
}

void set_early_stopping(const Hyperparameters& hyperparameters, const Schema& schema,
                        bool validates, TrainerConfig& config) {
  if (!hyperparameters.early_stopping_patience) return;
  EarlyStoppingConfig stopping;
  stopping.patience = static_cast<std::size_t>(*hyperparameters.early_stopping_patience);
  stopping.metric = line_name(hyperparameters.early_stopping_metric);
  stopping.min_delta = hyperparameters.early_stopping_min_delta;
  const bool of_validation = stopping.metric.starts_with(kValidationPrefix);
  const std::string metric =
      of_validation ? stopping.metric.substr(kValidationPrefix.size()) : stopping.metric;
  if (metric != "loss") {
    const MetricInfo* const info = find_metric(metric);
    if (info == nullptr || !has_metric(schema.task, schema.outputs(), *info)) {
      std::vector<std::string> known = metrics_of(schema.task, schema.outputs());
      known.insert(known.begin(), "loss");
      const std::string closest = closest_name(metric, known);
      throw UserError(fmt::format(
          "Hyperparameter early_stopping_metric: found {}, which the task {} does not have.{} "
          "Expected one of {}, with val_ in front for the validation rows.",
          in_quotes(hyperparameters.early_stopping_metric), task_name(schema.task),
          closest.empty() ? "" : fmt::format(" Did you mean {}?", closest),
          fmt::join(known, ", ")));
    }
    stopping.larger_is_better = info->larger_is_better;
    std::vector<std::string> names = config.eval_metrics;
    names.push_back(metric);
    config.eval_metrics = check_eval_metrics(names, schema);
  }
  if (of_validation && !validates) {
    throw UserError(fmt::format(
        "Early stopping is to watch {}, but there are no validation rows. Give a validation "
        "channel or validation_split, or set early_stopping_metric to a metric of the training "
        "rows, such as loss.",
        stopping.metric));
  }
  config.early_stopping = stopping;
}

PrecisionChoice choose_precision(const std::string& wanted, const MlpConfig& network,
                                 std::size_t batch_size) {
  if (wanted == "auto") return fastest_precision(network, batch_size);
  constexpr const char* kReason = "as it is set";
  if (wanted == name(Precision::kFloat32)) return {Precision::kFloat32, "", kReason};
  return {Precision::kBfloat16, bfloat16_instruction_set(), kReason};
}

}  // namespace

void check_precision(const Hyperparameters& hyperparameters) {
  if (hyperparameters.precision != name(Precision::kBfloat16)) return;
  if (!bfloat16_instruction_set().empty()) return;
  throw UserError(
      "Hyperparameter precision: found bfloat16, but no bfloat16 instructions are in use here: the "
      "CPU has neither AMX nor AVX512-BF16, the system keeps them back, or MLP_MAX_CPU_ISA does. "
      "Expected float32 or auto; or take an instance that has them, such as ml.m7i, ml.c7i or "
      "ml.m7a.");
}

std::string_view loss_name(Loss loss) {
  const auto found = std::ranges::find(loss_choices(), loss, &LossChoice::loss);
  return found->name;
}

MetricStyle metric_style(const Hyperparameters& hyperparameters) {
  if (hyperparameters.metric_style == "xgboost") return MetricStyle::kXgboost;
  return hyperparameters.metric_style == "sagemaker" ? MetricStyle::kSagemaker
                                                     : MetricStyle::kKeras;
}

TrainerConfig trainer_config(const Hyperparameters& hyperparameters, const Schema& schema,
                             std::vector<EmbeddingConfig> embeddings, std::size_t training_rows,
                             bool validates, std::size_t num_threads,
                             std::vector<std::string>& notes) {
  TrainerConfig config;
  config.network.inputs = schema.width();
  for (const std::int64_t width : hyperparameters.dense_hidden) {
    config.network.hidden.push_back(static_cast<std::size_t>(width));
  }
  config.network.embeddings = std::move(embeddings);
  config.network.outputs = schema.outputs();
  config.network.drop_rate = hyperparameters.drop_rate;
  config.network.activation = find_activation(hyperparameters.activation).value();
  config.network.initializer = initializer_named(hyperparameters.kernel_initializer);
  config.task = schema.task;
  config.loss = choose_loss(hyperparameters.loss, schema.task);
  config.label_smoothing = hyperparameters.label_smoothing;
  if (is_regression(config.loss) && config.label_smoothing > 0) {
    notes.push_back(fmt::format("label_smoothing is {}, which a regression does not use.",
                                config.label_smoothing));
  }
  config.huber_delta = hyperparameters.huber_delta;
  config.optimizer = optimizer_config(hyperparameters);
  config.epochs = static_cast<std::size_t>(hyperparameters.epochs);
  config.batch_size = static_cast<std::size_t>(hyperparameters.batch_size);
  config.seed = static_cast<std::uint64_t>(hyperparameters.seed);
  config.num_threads = num_threads;
  config.scale_target = hyperparameters.scale_target;
  config.eval_metrics = check_eval_metrics(hyperparameters.eval_metrics, schema);
  config.top_k = static_cast<std::size_t>(hyperparameters.top_k);
  config.precision = choose_precision(hyperparameters.precision, config.network,
                                      std::min(config.batch_size, training_rows));
  set_early_stopping(hyperparameters, schema, validates, config);
  return config;
}

}  // namespace mlp
