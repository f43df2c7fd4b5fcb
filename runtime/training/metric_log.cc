#include "runtime/training/metric_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "model/error.h"
#include "model/metric.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

constexpr std::string_view kLoss = "loss";

// Rows that values are about: what metric definitions and the other styles call them, and what
// stands before a name in EpochMetrics.
struct Rows {
  std::string_view name;
  std::string_view prefix;
};

constexpr std::array<Rows, 3> kRows = {{{"train", ""}, {"validation", "val_"}, {"test", "test_"}}};

// A name of EpochMetrics, taken apart.
struct ParsedName {
  std::string_view rows;
  std::string_view metric;
};

ParsedName parsed(std::string_view name) {
  for (const Rows& rows : kRows) {
    if (!rows.prefix.empty() && name.starts_with(rows.prefix)) {
      return {rows.name, name.substr(rows.prefix.size())};
    }
  }
  return {kRows[0].name, name};
}

bool metric_larger_is_better(std::string_view metric) {
  const MetricInfo* const info = find_metric(metric);
  return info != nullptr && info->larger_is_better;
}

// SageMaker's algorithms say so behind a metric's name.
std::string_view direction(std::string_view metric) {
  return metric_larger_is_better(metric) ? "score" : "loss";
}

// The expression of a number under a metric's name: the lines have plain decimals.
std::string_view number(std::string_view metric) {
  const MetricInfo* const info = find_metric(metric);
  return info != nullptr && info->may_be_negative ? "(-?[0-9.]+)" : "([0-9.]+)";
}

// What XGBoost calls a metric, and the metric that it is.
struct XgboostName {
  std::string_view name;
  std::string_view metric;
  bool complement = false;  // its value is 1 - the metric's
};

std::vector<XgboostName> xgboost_names(std::string_view metric, Task task, bool squared_loss) {
  const bool several_classes = task == Task::kClassification;
  if (metric == kLoss && task == Task::kRegression) {
    return {{squared_loss ? "mse" : kLoss, metric}};
  }
  if (metric == kLoss) return {{several_classes ? "mlogloss" : "logloss", metric}};
  if (metric == "accuracy")
    return {{metric, metric}, {several_classes ? "merror" : "error", metric, true}};
  if (metric == "auc_pr") return {{"aucpr", metric}};
  return {{metric, metric}};
}

std::string xgboost_line(const EpochMetrics& metrics) {
  std::string line = fmt::format("[{}]", std::max<std::size_t>(metrics.epoch, 1) - 1);
  // eval_metrics may name the loss once more.
  std::vector<std::string> printed;
  for (const auto& [name, value] : metrics.values) {
    const auto [rows, metric] = parsed(name);
    for (const XgboostName& theirs : xgboost_names(metric, metrics.task, metrics.squared_loss)) {
      const std::string key = fmt::format("{}-{}", rows, theirs.name);
      if (!std::isfinite(value) || std::ranges::find(printed, key) != printed.end()) continue;
      line += fmt::format("\t{}:{:.5f}", key, theirs.complement ? 1 - value : value);
      printed.push_back(key);
    }
  }
  return line;
}

// `epoch` is empty, or "epoch=3, ".
std::vector<std::string> quality_lines(const EpochMetrics& metrics, std::string_view host,
                                       std::string_view epoch) {
  std::vector<std::string> lines;
  for (const auto& [name, value] : metrics.values) {
    if (!std::isfinite(value)) continue;
    const auto [rows, metric] = parsed(name);
    lines.push_back(fmt::format("#quality_metric: host={}, {}{} {} <{}>={:.6f}", host, epoch, rows,
                                metric, direction(metric), value));
  }
  return lines;
}

std::vector<std::string> sagemaker_lines(const EpochMetrics& metrics, std::string_view host) {
  std::vector<std::string> lines =
      quality_lines(metrics, host, fmt::format("epoch={}, ", metrics.epoch));
  lines.push_back(fmt::format("#progress_metric: host={}, completed {} % epochs", host,
                              100 * metrics.epoch / std::max<std::size_t>(metrics.epochs, 1)));
  if (metrics.rows > 0 && metrics.seconds > 0) {
    lines.push_back(
        fmt::format("#throughput_metric: host={}, train throughput={:.1f} records/second", host,
                    static_cast<double>(metrics.rows) / metrics.seconds));
  }
  return lines;
}

// Adds the definitions of one metric for some rows, as far as they are new.
void add_definitions(nlohmann::ordered_json& definitions, MetricStyle style, const Rows& rows,
                     std::string_view metric, Task task, bool squared_loss) {
  const auto add = [&](std::string_view name, const std::string& regex) {
    const std::string full_name = fmt::format("{}:{}", rows.name, name);
    const bool known =
        std::any_of(definitions.begin(), definitions.end(),
                    [&](const auto& definition) { return definition["Name"] == full_name; });
    if (known) return;
    definitions.push_back({{"Name", full_name}, {"Regex", regex}});
  };
  switch (style) {
    case MetricStyle::kKeras:
      add(metric, fmt::format("- {}{}[:=] ?{}", rows.prefix, metric, number(metric)));
      break;
    case MetricStyle::kXgboost:
      // SageMaker's log shows a tab as #011.
      for (const XgboostName& theirs : xgboost_names(metric, task, squared_loss)) {
        add(theirs.name, fmt::format(R"(\[[0-9]+\].*(?:\t|#011){}-{}:{})", rows.name, theirs.name,
                                     number(metric)));
      }
      break;
    case MetricStyle::kSagemaker:
      add(metric, fmt::format(R"(#quality_metric: host=\S+, (?:epoch=\S+, )?{} {} <{}>={})",
                              rows.name, metric, direction(metric), number(metric)));
      break;
  }
}

std::vector<std::string> all_names() {
  std::vector<std::string> names = {std::string(kLoss)};
  for (const MetricInfo& metric : metric_table()) names.emplace_back(metric.name);
  return names;
}

}  // namespace

const std::vector<std::string>& metric_names(Task task) {
  static const std::vector<std::string> decisions = {std::string(kLoss), "accuracy"};
  static const std::vector<std::string> values = {std::string(kLoss), "rmse", "mae", "r2"};
  return task == Task::kRegression ? values : decisions;
}

void check_metric_names(const std::vector<std::string>& names) {
  const std::vector<std::string> known = all_names();
  for (const std::string& name : names) {
    if (std::ranges::find(known, name) != known.end()) continue;
    const std::string closest = closest_name(name, known);
    throw UserError(fmt::format(
        "eval_metrics: there is no metric {}{}. Known are {}. Correct or remove it.",
        in_quotes(name), closest.empty() ? "" : fmt::format(" (did you mean {}?)", closest),
        fmt::join(known, ", ")));
  }
}

std::vector<std::string> check_eval_metrics(const std::vector<std::string>& names,
                                            const Schema& schema) {
  check_metric_names(names);
  const std::vector<std::string> possible = metrics_of(schema.task, schema.outputs());
  const std::vector<std::string>& always = metric_names(schema.task);
  std::vector<std::string> wanted;
  for (const std::string& name : names) {
    if (std::ranges::find(always, name) != always.end() ||
        std::ranges::find(wanted, name) != wanted.end()) {
      continue;
    }
    if (std::ranges::find(possible, name) == possible.end()) {
      throw UserError(
          fmt::format("eval_metrics: {} is no metric of this data, whose task is {}{}. It has {}. "
                      "Choose of these, or remove it.",
                      name, task_name(schema.task),
                      schema.task == Task::kClassification
                          ? fmt::format(" with {} classes", schema.labels.size())
                          : "",
                      fmt::join(possible, ", ")));
    }
    wanted.push_back(name);
  }
  return wanted;
}

bool larger_is_better(std::string_view name) {
  return metric_larger_is_better(parsed(name).metric);
}

std::string epoch_line(const EpochMetrics& metrics) {
  std::string line =
      fmt::format("Epoch {}/{} - {:.0f}s", metrics.epoch, metrics.epochs, metrics.seconds);
  for (const auto& [name, value] : metrics.values) {
    if (std::isfinite(value)) line += fmt::format(" - {}: {:.6f}", name, value);
  }
  return line;
}

std::string final_line(const EpochMetrics& metrics) {
  std::string line = "Final";
  for (const auto& [name, value] : metrics.values) {
    if (std::isfinite(value)) line += fmt::format(" - {}={:.6f}", name, value);
  }
  return line;
}

std::vector<std::string> epoch_lines(MetricStyle style, const EpochMetrics& metrics,
                                     std::string_view host) {
  switch (style) {
    case MetricStyle::kKeras:
      break;
    case MetricStyle::kXgboost:
      return {xgboost_line(metrics)};
    case MetricStyle::kSagemaker:
      return sagemaker_lines(metrics, host);
  }
  return {epoch_line(metrics)};
}

std::vector<std::string> final_lines(MetricStyle style, const EpochMetrics& metrics,
                                     std::string_view host) {
  switch (style) {
    case MetricStyle::kKeras:
      break;
    case MetricStyle::kXgboost:
      return {xgboost_line(metrics)};
    case MetricStyle::kSagemaker:
      return quality_lines(metrics, host, "");
  }
  return {final_line(metrics)};
}

std::vector<std::string> non_finite(const EpochMetrics& metrics) {
  std::vector<std::string> names;
  for (const auto& [name, value] : metrics.values) {
    if (!std::isfinite(value)) names.push_back(name);
  }
  return names;
}

nlohmann::ordered_json metric_definitions(Task task, const std::vector<std::string>& eval_metrics,
                                          MetricStyle style, bool squared_loss) {
  nlohmann::ordered_json definitions = nlohmann::ordered_json::array();
  for (const Rows& rows : kRows) {
    for (const std::string& metric : metric_names(task)) {
      add_definitions(definitions, style, rows, metric, task, squared_loss);
    }
  }
  for (const std::string& metric : eval_metrics) {
    for (const Rows& rows : kRows) {
      add_definitions(definitions, style, rows, metric, task, squared_loss);
    }
  }
  return definitions;
}

nlohmann::ordered_json metric_definitions() {
  nlohmann::ordered_json definitions = nlohmann::ordered_json::array();
  for (const Rows& rows : kRows) {
    for (const Task task : {Task::kClassification, Task::kRegression}) {
      for (const std::string& metric : metric_names(task)) {
        add_definitions(definitions, MetricStyle::kKeras, rows, metric, task, true);
      }
    }
  }
  return definitions;
}

bool is_known_metric(std::string_view name) {
  const std::size_t colon = name.find(':');
  if (colon == std::string_view::npos ||
      std::ranges::find(kRows, name.substr(0, colon), &Rows::name) == kRows.end()) {
    return false;
  }
  const std::string_view metric = name.substr(colon + 1);
  for (const std::string& known : all_names()) {
    if (metric == known) return true;
    for (const Task task : {Task::kClassification, Task::kBinary}) {
      for (const XgboostName& theirs : xgboost_names(known, task, true)) {
        if (metric == theirs.name) return true;
      }
    }
  }
  return false;
}

namespace {

std::string in_code(const std::vector<std::string>& names) {
  return fmt::format("`{}`", fmt::join(names, "`, `"));
}

std::string task_list(const MetricInfo& metric) {
  std::vector<std::string> names;
  for (const Task task : metric.tasks) {
    const bool with_two = metric.two_classes_only && task == Task::kClassification;
    names.push_back(fmt::format("{}{}", task_name(task), with_two ? " of two classes" : ""));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string metric_rows() {
  std::string text;
  for (const MetricInfo& metric : metric_table()) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", metric.name, task_list(metric),
                        metric.larger_is_better ? "larger" : "smaller", metric.help);
  }
  return text;
}

std::string definition_lines(const nlohmann::ordered_json& definitions) {
  std::string text;
  for (const auto& definition : definitions) {
    text += fmt::format("    {:<24}{}\n", definition["Name"].get<std::string>(),
                        definition["Regex"].get<std::string>());
  }
  return text;
}

// The lines that a style has for an epoch and for the end, and the expressions that find them.
std::string style_example(MetricStyle style) {
  const EpochMetrics epoch = {3,
                              10,
                              2,
                              {{"loss", 0.3421},
                               {"accuracy", 0.9012},
                               {"auc_pr", 0.9511},
                               {"val_loss", 0.2987},
                               {"val_accuracy", 0.9123},
                               {"val_auc_pr", 0.9587}},
                              Task::kBinary,
                              true,
                              6000};
  const EpochMetrics end = {
      3,
      10,
      0,
      {{"accuracy", 0.9207}, {"val_accuracy", 0.9123}, {"test_accuracy", 0.9044}},
      Task::kBinary};
  std::vector<std::string> lines = epoch_lines(style, epoch, "algo-1");
  for (const std::string& line : final_lines(style, end, "algo-1")) lines.push_back(line);
  std::string text;
  for (std::string& line : lines) {
    for (std::size_t tab = 0; (tab = line.find('\t')) != std::string::npos;) {
      line.replace(tab, 1, "<TAB>");
    }
    text += fmt::format("    {}\n", line);
  }
  return fmt::format("{}\n{}", text,
                     definition_lines(metric_definitions(Task::kBinary, {"auc_pr"}, style)));
}

}  // namespace

std::string metrics_page() {
  return fmt::format(
      R"(# Metrics

This page is what `metrics_page()` in `runtime/training/metric_log.cc` makes of the program's tables; a test compares.

## When they are there

| | which metrics | of which rows |
|---|---|---|
| each epoch, on stdout and in `history.csv` | {} (a regression: {}), and those that `eval_metrics` names: `auc,f1` | training, validation |
| at the end, on stdout and in `metrics.json` | all that the task has, of the model that is kept | training, validation, test |
| `evaluation.json` | those of SageMaker's model quality reports, and some beside them | test, else validation |

Names are Keras's: `loss` of the training rows, `val_loss` of the validation rows; `test_loss` of the test rows.

## What the training half means

- `loss`, and `accuracy` or `rmse`, `mae` and `r2`, of an epoch's training rows are means over its steps, as in Keras: each
  batch is judged just before it is learned from, with dropout in effect. Early in training they therefore look worse than
  the validation half.
- All other metrics of the training rows come from one more pass over them after the epoch, with the weights at its end and
  without dropout.
- At the end, all rows are judged by the weights that are kept, without dropout.

Losses are weighted by the rows' weights and by `class_weight`; metrics count all rows alike. `val_loss` is the function
that is trained by, so label smoothing is part of it, as in Keras; `log_loss` knows none.

## The metrics

| name | task | better | what it is, and its name in scikit-learn or Keras |
|---|---|---|---|
| `loss` | every task | smaller | what training makes smaller |
{}
Where a definition leaves room:

- A row belongs to its most probable class, the first of equals. Of one probability, more than 0.5 is the second class, or
  "yes".
- Of equal probabilities, `top_k_accuracy` ranks the last class first, as scikit-learn does.
- `macro` means are over all labels of the model, also those that no row has, as scikit-learn's with
  `labels=range(classes)`. `balanced_accuracy`, and `auc` of several labels, are over those for which they are defined.
- A ratio without a denominator is 0 (`zero_division=0`), and so is `auc_pr` of a label that no row has.
- There is no value, and the log says so, for `auc` where every row has the label or none does; for `r2` of fewer than two
  rows; and for all metrics where a prediction is no number. `metrics.json` has the text "NaN" there.
- `log_loss` takes probabilities as at least 2^-23 and at most 1 - 2^-23, as scikit-learn does with float32.
- Several targets count alike: each metric is the mean over the targets (`multioutput="uniform_average"`).

## On stdout

Numbers are plain decimals, and what is no finite number is left out, since SageMaker's expressions would cut an exponent
off. `mlp describe` prints the definitions as JSON; they have no more than {} entries, which is SageMaker's limit. A tuning
job's objective is one of their names, such as `validation:accuracy`; it has to be printed in each epoch, so name it in
`eval_metrics`.

### `metric_style=keras`, the default

{}
The TensorFlow demo's expressions (`loss: ([0-9\.]+)`, `val_loss: ...`, `val_accuracy: ...`) find the right numbers too.

### `metric_style=xgboost`

The names are XGBoost's where it has one: the loss is `mlogloss` (`logloss` of binary and multilabel tasks, `mse` of a
regression by the squared error), `accuracy` comes with `merror` or `error`, and `auc_pr` is `aucpr`. Epochs are counted
from 0; the last line repeats the number of the epoch whose weights are kept. SageMaker's log shows the tabs as `#011`, and
the expressions know both.

{}
### `metric_style=sagemaker`

{})",
      in_code(metric_names(Task::kClassification)), in_code(metric_names(Task::kRegression)),
      metric_rows(), kMostMetricDefinitions, style_example(MetricStyle::kKeras),
      style_example(MetricStyle::kXgboost), style_example(MetricStyle::kSagemaker));
}

}  // namespace mlp
