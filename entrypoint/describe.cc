#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "entrypoint/commands.h"
#include "entrypoint/console.h"
#include "entrypoint/describe_formats.h"
#include "entrypoint/settings.h"
#include "model/error.h"
#include "model/hdf5_file.h"
#include "model/kernels/engine.h"
#include "model/kernels/vector.h"
#include "runtime/data/wording.h"
#include "runtime/sagemaker/hyperparameters.h"
#include "runtime/training/metric_log.h"

namespace mlp {
namespace {

using nlohmann::ordered_json;

// The value of an option, one of `words`, of which the first is the default.
std::string choice(const CommandLine& line, const std::string& name,
                   const std::vector<std::string>& words) {
  const std::string word = line.option(name).value_or(words[0]);
  if (std::find(words.begin(), words.end(), word) == words.end()) {
    throw UsageError(
        fmt::format("mlp describe: --{} is one of {}, but found {}. Correct it, or leave it "
                    "out.",
                    name, fmt::join(words, ", "), in_quotes(word)));
  }
  return word;
}

// The options that are hyperparameters too, by their rules.
Hyperparameters options_of(const CommandLine& line) {
  std::map<std::string, std::string> flags;
  for (const char* const name : {"task", "eval_metrics", "metric_style"}) {
    if (const auto value = line.option(name)) flags[name] = *value;
  }
  std::vector<std::string> notes;
  return parse_hyperparameters({}, flags, notes);
}

// The definitions of the metrics in the task's lines, or in every task's where the task is open.
ordered_json metric_definitions_of(const Hyperparameters& options) {
  const std::vector<Task> all = {Task::kClassification, Task::kBinary, Task::kMultilabel,
                                 Task::kRegression};
  check_metric_names(options.eval_metrics);
  ordered_json definitions = ordered_json::array();
  for (const Task task : all) {
    if (options.task != "auto" && options.task != task_name(task)) continue;
    for (const ordered_json& definition :
         metric_definitions(task, options.eval_metrics, metric_style(options))) {
      const auto same = [&](const ordered_json& known) {
        return known["Name"] == definition["Name"];
      };
      if (std::none_of(definitions.begin(), definitions.end(), same))
        definitions.push_back(definition);
    }
  }
  return definitions;
}

// Without the ranges that make no sense for the task.
ordered_json hyperparameters_of(const std::string& task) {
  ordered_json all = describe_hyperparameters();
  for (ordered_json& entry : all) {
    const auto tasks = entry.find("tuning_tasks");
    if (task == "auto" || tasks == entry.end()) continue;
    if (std::find(tasks->begin(), tasks->end(), task) != tasks->end()) continue;
    entry["tunable"] = false;
    for (const char* const key : {"tuning_range", "scaling", "tuning_tasks"}) entry.erase(key);
  }
  return all;
}

std::string description_text(const CommandLine& line) {
  const std::string format = choice(line, "format", {"json", "v2", "v3", "tuner", "markdown"});
  const std::string page = choice(line, "page", {"hyperparameters", "metrics"});
  if (line.option("page") && format != "markdown") {
    throw UsageError("mlp describe: --page goes with --format markdown only. Leave one out.");
  }
  const Hyperparameters options = options_of(line);
  const Description description = {hyperparameters_of(options.task),
                                   metric_definitions_of(options)};
  if (format == "json") {
    return ordered_json{{"version", MLP_VERSION},
                        {"hyperparameters", description.hyperparameters},
                        {"metric_definitions", description.metric_definitions}}
        .dump(2);
  }
  if (format == "markdown") {
    return page == "metrics" ? metrics_page() : hyperparameters_page(description);
  }
  if (description.metric_definitions.size() > kMostMetricDefinitions) {
    throw UsageError(
        fmt::format("mlp describe: these are {} metric definitions, but SageMaker takes {} at "
                    "most. Give --task, or fewer --eval_metrics.",
                    description.metric_definitions.size(), kMostMetricDefinitions));
  }
  if (format == "tuner") return tuning_job_json(description).dump(2);
  return format == "v2" ? python_v2_text(description) : python_v3_text(description);
}

}  // namespace

void describe_command(const CommandLine& line) {
  std::string text;
  try {
    text = description_text(line);
  } catch (const UserError& error) {
    throw UsageError(fmt::format("mlp describe: {}", error.what()));
  }
  while (text.ends_with('\n')) text.pop_back();  // print_line() ends it
  print_line(text);
}

std::string program_version() { return MLP_VERSION; }

std::string version_text() {
  return fmt::format("mlp {} (oneDNN {} {}, HDF5 {}, {})", MLP_VERSION, kernels::onednn_version(),
                     kernels::onednn_instruction_set(), hdf5_version(),
                     kernels::name(kernels::vector_kernels().instruction_set));
}

}  // namespace mlp
