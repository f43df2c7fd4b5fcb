#include "entrypoint/describe_formats.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

namespace mlp {
namespace {

using nlohmann::ordered_json;

// The class of a range in the SDK, and the first word of its name in the service's API.
enum class RangeKind { kInteger, kContinuous, kCategorical };

RangeKind range_kind(const ordered_json& range) {
  if (range.contains("values")) return RangeKind::kCategorical;
  return range["min"].is_number_integer() ? RangeKind::kInteger : RangeKind::kContinuous;
}

std::string python_range(const ordered_json& hyperparameter) {
  const ordered_json& range = hyperparameter["tuning_range"];
  const RangeKind kind = range_kind(range);
  if (kind == RangeKind::kCategorical) {
    std::vector<std::string> values;
    for (const ordered_json& value : range["values"]) values.push_back(value.dump());
    return fmt::format("CategoricalParameter([{}])", fmt::join(values, ", "));
  }
  return fmt::format("{}({}, {}, scaling_type={})",
                     kind == RangeKind::kInteger ? "IntegerParameter" : "ContinuousParameter",
                     range["min"].dump(), range["max"].dump(), hyperparameter["scaling"].dump());
}

// Python's literal of a regular expression.
std::string raw_text(const std::string& text) {
  if (text.find('"') != std::string::npos || text.ends_with('\\')) return ordered_json(text).dump();
  return fmt::format("r\"{}\"", text);
}

std::string python_metric_definitions(const Description& description) {
  std::string text = "metric_definitions = [\n";
  for (const ordered_json& definition : description.metric_definitions) {
    text += fmt::format("    {{\"Name\": {}, \"Regex\": {}}},\n", definition["Name"].dump(),
                        raw_text(definition["Regex"]));
  }
  return text + "]\n";
}

std::string python_ranges(const Description& description) {
  std::string text = "hyperparameter_ranges = {\n";
  for (const ordered_json& entry : description.hyperparameters) {
    if (!entry["tunable"].get<bool>()) continue;
    text += fmt::format("    {}: {},\n", entry["name"].dump(), python_range(entry));
  }
  return text + "}\n";
}

// The metric to tune by in an example: the first of the validation rows, which is the loss.
std::string objective(const Description& description) {
  for (const ordered_json& definition : description.metric_definitions) {
    const std::string name = definition["Name"];
    if (name.starts_with("validation:")) return name;
  }
  return "validation:loss";
}

// How the two names are used, as comments.
std::string python_example(const Description& description, std::string_view trainer,
                           std::string_view how_to_make_it) {
  return fmt::format(
      "# {0} = {1}\n"
      "# tuner = HyperparameterTuner(\n"
      "#     {0},\n"
      "#     objective_metric_name={2},\n"
      "#     objective_type=\"Minimize\",\n"
      "#     hyperparameter_ranges=hyperparameter_ranges,  # less what is not to be searched\n"
      "#     metric_definitions=metric_definitions,\n"
      "#     max_jobs=20,\n"
      "# )\n",
      trainer, how_to_make_it, ordered_json(objective(description)).dump());
}

constexpr std::string_view kPageStart = R"(# Hyperparameters

`mlp describe --format markdown` prints this page; `mlp describe` gives the same as JSON.

A value comes from a flag of `mlp train` (`--batch_size 128`), else from `hyperparameters.json`, else it is the default.
In names `-` and `_` are alike. Values are understood in every spelling that SageMaker's clients have:

| kind | spellings |
|---|---|
| integer, float | `64`, `64.0`, `1e-05`; infinity and NaN are refused |
| boolean | `true`, `false`, `1`, `0`, in any case |
| choice | in any case, with and without `_`: `he_normal`, `HeNormal` |
| list | `64,32`, JSON or Python: `[64, 32]`, `["price, net", "tax"]`; within brackets quotes keep commas together |
| map | `cat=2,dog=1`, JSON or Python: `{"cat": 2, "1": 0.5}`, `{'cat': 2.0, 1: 0.5}` |
| not given | `None`, `null` or empty |

JSON quotes around a whole value are taken off. A name that is not in these tables is an error that names the closest; with
the environment variable `MLP_STRICT=false` it is a note in the log, where `hyperparameters.json` has it. A value without
effect, such as `momentum` without `optimizer=sgd`, is a note too, since a tuning job gives all values to all its jobs.

Ranges for tuning are suggestions: `mlp describe --format v2`, `v3` or `tuner` prints them for SageMaker's SDKs and API.
)";

std::string heading(std::string group) {
  if (!group.empty() && group[0] >= 'a' && group[0] <= 'z') {
    group[0] = static_cast<char>(group[0] - 'a' + 'A');
  }
  return group;
}

// Words as code, with commas between them.
std::string code_list(const ordered_json& words) {
  return fmt::format("`{}`", fmt::join(words.get<std::vector<std::string>>(), "`, `"));
}

// "integer, 1 to 100", "float > 0 and < 1", "`relu`, `tanh`", ...
std::string range_text(const ordered_json& entry) {
  if (entry.contains("choices")) {
    std::string text = code_list(entry["choices"]);
    if (entry.contains("aliases")) {
      for (const auto& [alias, choice] : entry["aliases"].items()) {
        // A table's cells end at a bar, within code too.
        text +=
            fmt::format("; `{}` is `{}`", alias == "|" ? "\\|" : alias, choice.get<std::string>());
      }
    }
    return text;
  }
  std::string text = entry["type"];
  if (!entry.contains("range")) return text;
  const ordered_json& range = entry["range"];
  if (range.contains("max_count")) {
    return fmt::format("integer, {} to {}, or a list of 1 to {}", range["min"].dump(),
                       range["max"].dump(), range["max_count"].dump());
  }
  if (text == "integer") {
    return fmt::format("integer, {} to {}", range["min"].dump(), range["max"].dump());
  }
  constexpr std::pair<const char*, const char*> kBounds[] = {
      {"min", ">="}, {"exclusive_min", ">"}, {"max", "<="}, {"exclusive_max", "<"}};
  bool is_first = true;
  for (const auto& [key, sign] : kBounds) {
    if (!range.contains(key)) continue;
    text += fmt::format("{} {} {}", is_first ? "" : " and", sign, range[key].get<double>());
    is_first = false;
  }
  return text;
}

std::string default_cell(const ordered_json& standard) {
  if (standard.empty()) return "";  // null, or an empty list
  if (standard.is_string()) {
    const std::string text = standard;
    return text.empty() ? "" : fmt::format("`{}`", text);
  }
  if (!standard.is_array()) return fmt::format("`{}`", standard.dump());
  std::vector<std::string> items;
  for (const ordered_json& item : standard) items.push_back(item.dump());
  return fmt::format("`{}`", fmt::join(items, ","));
}

std::string tuning_cell(const ordered_json& entry) {
  if (!entry["tunable"].get<bool>()) return "";
  const ordered_json& range = entry["tuning_range"];
  if (range.contains("values")) return code_list(range["values"]);
  return fmt::format("{} to {}, {}", range["min"].dump(), range["max"].dump(),
                     entry["scaling"].get<std::string>());
}

}  // namespace

std::string python_v2_text(const Description& description) {
  return fmt::format(
      "# For SageMaker's Python SDK v2, by mlp {}.\n"
      "from sagemaker.tuner import CategoricalParameter, ContinuousParameter, IntegerParameter\n"
      "\n"
      "{}\n{}\n"
      "# from sagemaker.estimator import Estimator\n"
      "# from sagemaker.tuner import HyperparameterTuner\n"
      "{}",
      MLP_VERSION, python_metric_definitions(description), python_ranges(description),
      python_example(description, "estimator",
                     "Estimator(image_uri, role, 1, instance_type, "
                     "metric_definitions=metric_definitions)"));
}

std::string python_v3_text(const Description& description) {
  return fmt::format(
      "# For SageMaker's Python SDK v3, by mlp {}.\n"
      "from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, "
      "IntegerParameter\n"
      "from sagemaker.core.shapes import MetricDefinition\n"
      "\n"
      "{}\n"
      "# The same for ModelTrainer, which takes objects.\n"
      "trainer_metric_definitions = [\n"
      "    MetricDefinition(name=definition[\"Name\"], regex=definition[\"Regex\"]) for definition "
      "in metric_definitions\n"
      "]\n"
      "\n"
      "{}\n"
      "# from sagemaker.train import ModelTrainer\n"
      "# from sagemaker.train.tuner import HyperparameterTuner\n"
      "{}",
      MLP_VERSION, python_metric_definitions(description), python_ranges(description),
      python_example(description, "model_trainer",
                     "ModelTrainer(training_image=image_uri, role=role)"
                     ".with_metric_definitions(trainer_metric_definitions)"));
}

ordered_json tuning_job_json(const Description& description) {
  ordered_json integers = ordered_json::array();
  ordered_json floats = ordered_json::array();
  ordered_json categories = ordered_json::array();
  for (const ordered_json& entry : description.hyperparameters) {
    if (!entry["tunable"].get<bool>()) continue;
    const ordered_json& range = entry["tuning_range"];
    const RangeKind kind = range_kind(range);
    if (kind == RangeKind::kCategorical) {
      categories.push_back({{"Name", entry["name"]}, {"Values", range["values"]}});
    } else {
      (kind == RangeKind::kInteger ? integers : floats)
          .push_back({{"Name", entry["name"]},
                      {"MinValue", range["min"].dump()},
                      {"MaxValue", range["max"].dump()},
                      {"ScalingType", entry["scaling"]}});
    }
  }
  return {{"ParameterRanges",
           {{"IntegerParameterRanges", std::move(integers)},
            {"ContinuousParameterRanges", std::move(floats)},
            {"CategoricalParameterRanges", std::move(categories)}}},
          {"MetricDefinitions", description.metric_definitions}};
}

std::string hyperparameters_page(const Description& description) {
  std::string text(kPageStart);
  std::string group;
  for (const ordered_json& entry : description.hyperparameters) {
    if (entry["group"] != group) {
      group = entry["group"];
      text +=
          fmt::format("\n## {}\n\n| name | values | default | tuning | |\n|---|---|---|---|---|\n",
                      heading(group));
    }
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", entry["name"].get<std::string>(),
                        range_text(entry), default_cell(entry["default"]), tuning_cell(entry),
                        entry["help"].get<std::string>());
  }
  return text;
}

}  // namespace mlp
