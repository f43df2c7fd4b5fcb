#include "entrypoint/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cxxopts.hpp>
#include <span>
#include <string_view>

#include "runtime/data/wording.h"
#include "runtime/sagemaker/hyperparameters.h"
#include "runtime/system/utf8.h"

namespace mlp {
namespace {

struct Option {
  const char* name;
  const char* placeholder;  // empty: a flag, which takes no value
  const char* help;
};

constexpr Option kTrainOptions[] = {
    {"train", "DIR",
     "training rows: a folder or a file [SM_CHANNEL_TRAINING, /opt/ml/input/data/training, "
     "./data]"},
    {"validation", "DIR",
     "rows that judge each epoch [SM_CHANNEL_VALIDATION, /opt/ml/input/data/validation]"},
    {"test", "DIR", "rows that judge the final model [SM_CHANNEL_TEST, /opt/ml/input/data/test]"},
    {"model_dir", "DIR", "where model.h5 goes [SM_MODEL_DIR, /opt/ml/model, ./model]"},
    {"output_dir", "DIR", "where reports go [SM_OUTPUT_DATA_DIR, /opt/ml/output/data, ./output]"},
    {"check", "", "only check the settings and the data, show what would be trained, and end"},
};

constexpr Option kPredictOptions[] = {
    {"model_dir", "DIR", "where model.h5 is [SM_MODEL_DIR, /opt/ml/model, ./model]"},
    {"input", "FILE", "rows to predict: CSV, JSON records, .npy or .npz"},
    {"output", "FILE", "where predictions go, as CSV [standard output]"},
    {"encoded", "", "write what the network sees of the rows, instead of predictions"},
    {"header", "auto|true|false", "whether the CSV's first line names its columns [auto]"},
    {"delimiter", "WORD", "of CSV: auto, comma, semicolon, tab or pipe [auto]"},
    {"label_size", "0|1", "1: the CSV has the target where the training file had it [0]"},
    {"array", "NAME", "which array of the .npz [x, else x_test, else the only one]"},
};

constexpr Option kServeOptions[] = {
    {"model_dir", "DIR", "where model.h5 is [SM_MODEL_DIR, /opt/ml/model, ./model]"},
    {"port", "PORT", "to listen on; 0: a free one [SAGEMAKER_BIND_TO_PORT, 8080]"},
    {"host", "ADDRESS", "to listen on [0.0.0.0]"},
};

constexpr Option kDescribeOptions[] = {
    {"format", "FORMAT",
     "json; v2 or v3: Python to paste, of SageMaker's SDK; tuner: JSON for "
     "CreateHyperParameterTuningJob; markdown [json]"},
    {"page", "PAGE", "of markdown: hyperparameters or metrics [hyperparameters]"},
    {"task", "TASK",
     "only what is for classification, binary, multilabel or regression [all tasks]"},
    {"eval_metrics", "LIST", "with the metrics that the hyperparameter eval_metrics names"},
    {"metric_style", "STYLE", "of the metrics' lines: keras, xgboost or sagemaker [keras]"},
};

constexpr std::size_t kHelpColumn = 30;  // where the text on an option begins
constexpr std::size_t kMostShown = 200;  // characters of what the parser says of an argument

bool is_flag(const Option& option) { return option.placeholder[0] == '\0'; }

// An option that takes no value, such as --check of mlp train.
bool takes_no_value(std::string_view command, std::string_view name) {
  const auto is_meant = [name](const Option& option) {
    return is_flag(option) && name == option.name;
  };
  return command == "train" ? std::ranges::any_of(kTrainOptions, is_meant)
                            : std::ranges::any_of(kPredictOptions, is_meant);
}

std::string normalized_argument(const std::string& argument) {
  if (!argument.starts_with("--")) return argument;
  const std::size_t end = std::min(argument.find('='), argument.size());
  std::string name = argument.substr(2, end - 2);
  std::replace(name.begin(), name.end(), '-', '_');
  return "--" + name + argument.substr(end);
}

std::vector<std::string> hyperparameter_names() {
  std::vector<std::string> names;
  for (const auto& entry : describe_hyperparameters()) names.push_back(entry["name"]);
  return names;
}

void add_options(cxxopts::Options& parser, const std::string& group,
                 std::span<const Option> options) {
  for (const Option& option : options) {
    parser.add_options(group)(option.name, option.help,
                              is_flag(option)
                                  ? cxxopts::value<std::string>()->implicit_value("true")
                                  : cxxopts::value<std::string>(),
                              option.placeholder);
  }
}

cxxopts::Options make_parser(const std::string& command) {
  cxxopts::Options parser("mlp");
  parser.allow_unrecognised_options();
  if (command == "train") {
    add_options(parser, "train", kTrainOptions);
    for (const std::string& name : hyperparameter_names()) {
      parser.add_options("hyperparameters")(name, "", cxxopts::value<std::string>());
    }
  } else if (command == "predict") {
    add_options(parser, "predict", kPredictOptions);
  } else if (command == "describe") {
    add_options(parser, "describe", kDescribeOptions);
  } else if (command == "serve") {
    add_options(parser, "serve", kServeOptions);
  }
  return parser;
}

// A hyperparameter's default as one would type it; empty where there is none.
std::string default_text(const nlohmann::ordered_json& entry) {
  const auto found = entry.find("default");
  if (found == entry.end() || found->is_null()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return found->dump();
  std::string text;
  for (const auto& item : *found) {
    if (!text.empty()) text += ',';
    text += item.is_string() ? item.get<std::string>() : item.dump();
  }
  return text;
}

void append_line(std::string& text, const std::string& option, const std::string& help) {
  text += fmt::format("  {:<{}}{}\n", option, kHelpColumn - 2, help);
}

void append_options(std::string& text, std::span<const Option> options) {
  for (const Option& option : options) {
    append_line(
        text, fmt::format("--{}{}{}", option.name, is_flag(option) ? "" : " ", option.placeholder),
        option.help);
  }
}

// All hyperparameters, each group under a heading.
void append_hyperparameters(std::string& text) {
  std::string group;
  for (const auto& entry : describe_hyperparameters()) {
    if (entry["group"] != group) {
      group = entry["group"];
      text += fmt::format("\n  {}:\n", group);
    }
    std::string help = entry["help"];
    if (entry.contains("choices")) {
      help += fmt::format(" {}", fmt::join(entry["choices"].get<std::vector<std::string>>(), "|"));
    }
    const std::string value = default_text(entry);
    if (!value.empty()) help += fmt::format(" [{}]", value);
    append_line(text, "--" + entry["name"].get<std::string>(), help);
  }
}

}  // namespace

std::optional<std::string> CommandLine::option(const std::string& name) const {
  const auto found = options.find(name);
  if (found == options.end()) return std::nullopt;
  return found->second;
}

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  line.command = "train";
  std::size_t first = 0;
  if (!arguments.empty() && !arguments[0].starts_with("-")) {
    line.command = arguments[0];
    first = 1;
  }
  for (const char* known : {"train", "predict", "describe", "serve"}) {
    if (line.command != known) continue;
    std::vector<std::string> normalized = {"mlp"};
    for (std::size_t i = first; i < arguments.size(); ++i) {
      if (arguments[i] == "--help" || arguments[i] == "-h") {
        line.command = "help";
        return line;
      }
      if (arguments[i] == "--version") {
        line.command = "version";
        return line;
      }
      normalized.push_back(normalized_argument(arguments[i]));
    }
    std::vector<const char*> pointers;
    for (const std::string& argument : normalized) pointers.push_back(argument.c_str());

    const std::vector<std::string> hyperparameters = hyperparameter_names();
    try {
      cxxopts::Options parser = make_parser(line.command);
      const cxxopts::ParseResult result =
          parser.parse(static_cast<int>(pointers.size()), pointers.data());
      for (const auto& pair : result.arguments()) {
        const bool tunes = line.command == "train" &&
                           std::find(hyperparameters.begin(), hyperparameters.end(), pair.key()) !=
                               hyperparameters.end();
        if (takes_no_value(line.command, pair.key()) && pair.value() != "true") {
          throw UsageError(fmt::format("mlp {}: --{} takes no value, but found {}. Leave it out.",
                                       line.command, pair.key(), in_quotes(pair.value())));
        }
        (tunes ? line.hyperparameters : line.options)[pair.key()] = pair.value();
      }
      const std::vector<std::string>& rest = result.unmatched();
      for (std::size_t i = 0; i < rest.size(); ++i) {
        // A misspelt hyperparameter is told apart from a misplaced word, so that its error can name
        // the closest one.
        if (line.command != "train" || !rest[i].starts_with("--")) {
          throw UsageError(fmt::format("mlp {}: unexpected argument {}. See mlp --help.",
                                       line.command, in_quotes(rest[i])));
        }
        const std::size_t equals = std::min(rest[i].find('='), rest[i].size());
        std::string value = rest[i].substr(std::min(equals + 1, rest[i].size()));
        const std::string name = rest[i].substr(2, equals - 2);
        if (equals == rest[i].size() && i + 1 < rest.size() && !rest[i + 1].starts_with("--"))
          value = rest[++i];
        line.hyperparameters[name] = value;
      }
    } catch (const cxxopts::exceptions::exception& error) {
      throw UsageError(fmt::format("mlp {}: {}. See mlp --help.", line.command,
                                   utf8_prefix(error.what(), kMostShown)));
    }
    return line;
  }
  line.is_known = false;
  return line;
}

std::string help_text() {
  std::string text =
      "mlp trains a multi-layer perceptron on CPU, natively or as a SageMaker container, and "
      "predicts with it or serves it.\n"
      "\n"
      "  mlp [train] [options]       train on CSV, .npy or .npz rows; the default\n"
      "  mlp predict --input FILE    print predictions as CSV\n"
      "  mlp serve                   answer requests for predictions over HTTP\n"
      "  mlp describe                print hyperparameters and metric definitions\n"
      "  mlp --help | --version\n"
      "\n"
      "In names of options - and _ are alike. An option not given is looked up as shown in "
      "brackets.\n"
      "\n"
      "mlp train\n";
  append_options(text, kTrainOptions);
  text += "\nHyperparameters of mlp train [hyperparameters.json, else the value shown]\n";
  append_hyperparameters(text);
  text += "\nmlp predict\n";
  append_options(text, kPredictOptions);
  text += "\nmlp serve\n";
  append_options(text, kServeOptions);
  text += "\nmlp describe\n";
  append_options(text, kDescribeOptions);
  return text;
}

}  // namespace mlp
