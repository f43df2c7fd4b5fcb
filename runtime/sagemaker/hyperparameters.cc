#include "runtime/sagemaker/hyperparameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include "model/error.h"
#include "runtime/sagemaker/literal.h"
#include "runtime/system/closest.h"
#include "runtime/system/utf8.h"

namespace mlp {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kObjectiveKey = "_tuning_objective_metric";
constexpr std::int64_t kMaxCount = 1'000'000'000;
constexpr std::int64_t kMaxSeed = std::int64_t{1}
                                  << 53;      // doubles, as JSON's numbers often are, hold it
constexpr std::size_t kShownCharacters = 60;  // of a value or name within a message
constexpr std::size_t kShownNames = 5;        // of the unknown names within a message
// A message is shortened above this size: a FailureReason is cut at 1,024 characters, of which the
// kind of failure takes some.
constexpr std::size_t kMaxMessageBytes = 1000;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What a hyperparameter may be, and the member that holds it.

template <typename Member>
struct IntegerOf {
  Member Hyperparameters::*member;
  std::int64_t min;
  std::int64_t max;
};
using Integer = IntegerOf<std::int64_t>;
using OptionalInteger = IntegerOf<std::optional<std::int64_t>>;

struct IntegerList {
  std::vector<std::int64_t> Hyperparameters::*member;
  std::int64_t min;
  std::int64_t max;
  std::size_t max_count;
};

struct Bound {
  double value;
  bool included;
};

template <typename Member>
struct FloatOf {
  Member Hyperparameters::*member;
  Bound min;
  Bound max;  // infinite: no upper bound
};
using Float = FloatOf<double>;
using OptionalFloat = FloatOf<std::optional<double>>;

constexpr Bound kAtLeast0 = {0, true};
constexpr Bound kAbove0 = {0, false};
constexpr Bound kAtMost1 = {1, true};
constexpr Bound kBelow1 = {1, false};
constexpr Bound kUnbounded = {kInfinity, false};

struct Choice {
  std::string Hyperparameters::*member;
  std::vector<std::string> choices;
  std::vector<std::pair<std::string, std::string>> aliases = {};  // other words, and the choice
};

struct Text {
  std::string Hyperparameters::*member;
};

struct TextList {
  std::vector<std::string> Hyperparameters::*member;
  std::string_view noun;     // what an item is
  bool takes_empty = false;  // the empty text is an item like others
};

struct ClassWeightText {
  std::string Hyperparameters::*member;
};

struct ColumnTypesText {
  std::string Hyperparameters::*member;
};

struct Boolean {
  bool Hyperparameters::*member;
};

using Kind = std::variant<Integer, OptionalInteger, IntegerList, Float, OptionalFloat, Choice, Text,
                          TextList, ClassWeightText, ColumnTypesText, Boolean>;

// A range worth searching, and SageMaker's name for how to walk it.
struct Tuning {
  ordered_json min;
  ordered_json max;
  std::string_view scaling;       // Linear, Logarithmic, ReverseLogarithmic
  bool only_with_labels = false;  // a regression has no use for it
};

struct TuningValues {
  std::vector<std::string> values;
};

struct Definition {
  std::string name;
  Kind kind;
  std::string_view help;
  std::variant<std::monostate, Tuning, TuningValues> tuning = {};
};

struct Group {
  std::string_view name;
  std::vector<Definition> definitions;
};

using H = Hyperparameters;

std::vector<Definition> network_definitions() {
  return {
      {"dense_hidden", IntegerList{&H::dense_hidden, 1, 1'000'000, 100},
       "Width of the hidden layer, or a list of widths, one per hidden layer.",
       Tuning{32, 512, "Logarithmic"}},
      {"activation",
       Choice{&H::activation,
              {"relu", "tanh", "sigmoid", "gelu", "selu", "elu", "leaky_relu", "silu"},
              {{"swish", "silu"}}},
       "Activation of the hidden layers.", TuningValues{{"relu", "tanh", "gelu", "silu"}}},
      {"kernel_initializer",
       Choice{&H::kernel_initializer,
              {"glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
               "lecun_normal", "random_uniform", "random_normal", "truncated_normal"}},
       "How the weights of all layers start, by Keras's names; biases start at 0."},
      {"drop_rate", Float{&H::drop_rate, kAtLeast0, kAtMost1},
       "Share of each hidden layer's outputs that dropout sets to zero while training.",
       Tuning{0.0, 1.0, "Linear"}},
  };
}

std::vector<Definition> data_definitions() {
  return {
      {"task", Choice{&H::task, {"auto", "classification", "binary", "multilabel", "regression"}},
       "What to learn: one class of several (softmax), one of two (sigmoid), any of several "
       "labels, or numbers. auto: what the loss is for, if one is given; else several columns of 0 "
       "and 1 are labels, and text, or at most 20 distinct integral values, are classes."},
      {"target", TextList{&H::target, "name"},
       "Column to predict, or a list of columns: a name, or in a file without header the column's "
       "number from 1 (-1: the last); not given: the first."},
      {"features", TextList{&H::features, "name"},
       "Columns to learn from, by name or number; not given: all others."},
      {"ignore", TextList{&H::ignore, "name"}, "Columns to leave aside, by name or number."},
      {"weight_column", Text{&H::weight_column},
       "Column with each row's weight in the loss, Keras's sample_weight: a name, or in a file "
       "without header the column's number from 1 (-1: the last)."},
      {"column_types", ColumnTypesText{&H::column_types},
       "What columns hold, where their values would tell otherwise: a map from column to number, "
       "category, boolean or date, such as {\"zip\": \"category\"} or zip=category,born=date."},
      {"header", Choice{&H::header, {"auto", "true", "false"}},
       "Whether the first line of a CSV file names its columns."},
      {"delimiter",
       Choice{&H::delimiter,
              {"auto", "comma", "semicolon", "tab", "pipe"},
              {{",", "comma"}, {";", "semicolon"}, {"\\t", "tab"}, {"|", "pipe"}}},
       "What parts the fields of a CSV file; auto: found from its first lines."},
      {"missing_values", TextList{&H::missing_values, "word", true},
       "Words that mean a missing value, instead of the usual ones (NA, N/A, NaN, null, None, ? "
       "and "
       "the like); an empty field always does."},
      {"drop_missing_target", Boolean{&H::drop_missing_target},
       "Whether rows without target are dropped; otherwise they are an error."},
      {"scaling", Choice{&H::scaling, {"auto", "standard", "robust", "quantile", "none"}},
       "How number columns are scaled: by mean and standard deviation, by median and quartiles, or "
       "by ranks; auto: standard for text files, none for arrays."},
      {"max_one_hot", Integer{&H::max_one_hot, 1, 1'000'000},
       "Most classes of a category column that get an input each; columns with more are embedded."},
      {"min_category_rows", Integer{&H::min_category_rows, 1, kMaxCount},
       "Training rows that a category needs for a class of its own; rarer ones share one with "
       "unseen ones."},
      {"scale_target", Boolean{&H::scale_target},
       "Whether a regression's target is standardised while training; the model predicts in "
       "original units either way."},
      {"validation_split", Float{&H::validation_split, kAtLeast0, kBelow1},
       "Share of the training rows, drawn by the seed, that is kept for validation."},
  };
}

std::vector<Definition> loss_definitions() {
  return {
      {"loss",
       Choice{&H::loss,
              {"auto", "categorical_crossentropy", "binary_crossentropy", "mean_squared_error",
               "mean_absolute_error", "huber"},
              {{"sparse_categorical_crossentropy", "categorical_crossentropy"},
               {"mse", "mean_squared_error"},
               {"mae", "mean_absolute_error"}}},
       "What training makes small; auto: the cross-entropy of the task, or the mean squared "
       "error."},
      {"huber_delta", Float{&H::huber_delta, kAbove0, kUnbounded},
       "Error from which the Huber loss rises linearly, in the unit the target is learned in."},
      {"label_smoothing", Float{&H::label_smoothing, kAtLeast0, kBelow1},
       "Share of each label's probability that the cross-entropy spreads over all labels.",
       Tuning{0.0, 0.2, "Linear", true}},
      {"class_weight", ClassWeightText{&H::class_weight},
       "What each class counts for in the loss: balanced, or a map from label to weight such as "
       "{\"cat\": 2, \"dog\": 0.5} or cat=2,dog=0.5."},
  };
}

std::vector<Definition> optimizer_definitions() {
  return {
      {"optimizer", Choice{&H::optimizer, {"adam", "adamw", "sgd"}},
       "Rule by which gradients change the weights, as Keras has it.",
       TuningValues{{"adam", "adamw", "sgd"}}},
      {"learning_rate", Float{&H::learning_rate, kAbove0, kUnbounded},
       "Step size of the optimizer, at its highest where schedule or warmup_epochs change it.",
       Tuning{0.0001, 0.1, "Logarithmic"}},
      {"batch_size", Integer{&H::batch_size, 1, kMaxCount}, "Rows per update of the weights.",
       Tuning{32, 256, "Linear"}},
      {"momentum", Float{&H::momentum, kAtLeast0, kAtMost1},
       "Share of the last update that sgd repeats.", Tuning{0.0, 0.99, "ReverseLogarithmic"}},
      {"nesterov", Boolean{&H::nesterov}, "Whether sgd's momentum is Nesterov's."},
      {"beta_1", Float{&H::beta_1, kAtLeast0, kBelow1},
       "Decay of the mean of gradients, of adam and adamw."},
      {"beta_2", Float{&H::beta_2, kAtLeast0, kBelow1},
       "Decay of the mean of squared gradients, of adam and adamw."},
      {"epsilon", Float{&H::epsilon, kAbove0, kUnbounded},
       "Keeps adam and adamw from dividing by zero."},
      {"weight_decay", OptionalFloat{&H::weight_decay, kAtLeast0, kUnbounded},
       "Share of each weight, times the learning rate, that an update takes away; not given: 0.004 "
       "with adamw, else 0.",
       Tuning{0.00001, 0.1, "Logarithmic"}},
      {"global_clipnorm", OptionalFloat{&H::global_clipnorm, kAbove0, kUnbounded},
       "Largest norm of all gradients together, to which they are scaled down; not given: no "
       "clipping."},
      {"schedule", Choice{&H::schedule, {"constant", "cosine", "step"}},
       "How the learning rate goes on after the warm-up: as it is, down along a cosine until the "
       "last epoch, or down by decay_rate every decay_epochs.",
       TuningValues{{"constant", "cosine"}}},
      {"warmup_epochs", Float{&H::warmup_epochs, kAtLeast0, kUnbounded},
       "Epochs in which the learning rate rises linearly from 0."},
      {"cosine_alpha", Float{&H::cosine_alpha, kAtLeast0, kAtMost1},
       "Where schedule=cosine ends, as a share of learning_rate."},
      {"decay_epochs", Float{&H::decay_epochs, kAbove0, kUnbounded},
       "Epochs from one change of the learning rate to the next, of schedule=step."},
      {"decay_rate", Float{&H::decay_rate, kAbove0, kAtMost1},
       "What schedule=step multiplies the learning rate by."},
  };
}

std::vector<Definition> stopping_definitions() {
  return {
      {"epochs", Integer{&H::epochs, 1, kMaxCount}, "Passes over the training rows.",
       Tuning{50, 200, "Linear"}},
      {"early_stopping_patience", OptionalInteger{&H::early_stopping_patience, 0, kMaxCount},
       "Epochs without improvement after which training stops, with the best epoch's weights; not "
       "given: no early stopping."},
      {"early_stopping_metric", Text{&H::early_stopping_metric},
       "Metric whose improvement counts, as the epoch's line names it."},
      {"early_stopping_min_delta", Float{&H::early_stopping_min_delta, kAtLeast0, kUnbounded},
       "Least change that counts as an improvement."},
      {"max_runtime_seconds", OptionalInteger{&H::max_runtime_seconds, 1, kMaxCount},
       "Time after which training stops and the model is written; not given: no limit."},
  };
}

std::vector<Definition> metrics_definitions() {
  return {
      {"eval_metrics", TextList{&H::eval_metrics, "name"},
       "Further metrics to print after each epoch, a name or a list of names."},
      {"top_k", Integer{&H::top_k, 1, kMaxCount},
       "How many of the likeliest classes the top-k accuracy looks at."},
      {"metric_style", Choice{&H::metric_style, {"keras", "xgboost", "sagemaker"}},
       "How an epoch's metrics are printed: as Keras, as XGBoost, or as SageMaker's first-party "
       "algorithms do."},
  };
}

std::vector<Definition> run_definitions() {
  return {
      {"seed", Integer{&H::seed, 0, kMaxSeed},
       "Start of all random numbers; equal seeds and num_threads give equal models."},
      {"precision",
       Choice{&H::precision,
              {"float32", "bfloat16", "auto"},
              {{"fp32", "float32"}, {"bf16", "bfloat16"}, {"mixed_bfloat16", "bfloat16"}}},
       "What training multiplies in: float32, or bfloat16 with weights and sums in float32, which "
       "needs a CPU with AMX or AVX512-BF16; auto: bfloat16 where that is the faster."},
      {"num_threads", OptionalInteger{&H::num_threads, 1, 1024},
       "Threads to compute with; not given: the CPUs that the process may use."},
  };
}

const std::vector<Group>& table() {
  static const std::vector<Group> groups = {
      {"network", network_definitions()},   {"data", data_definitions()},
      {"loss", loss_definitions()},         {"optimizer", optimizer_definitions()},
      {"stopping", stopping_definitions()}, {"metrics", metrics_definitions()},
      {"run", run_definitions()},
  };
  return groups;
}

// Values of one hyperparameter that have no effect unless the others are so.
struct Condition {
  std::string_view name;
  std::string_view needs;
  bool (*is_met)(const Hyperparameters&);
};

bool is_sgd(const H& values) { return values.optimizer == "sgd"; }
bool is_adam(const H& values) { return values.optimizer != "sgd"; }
bool is_cosine(const H& values) { return values.schedule == "cosine"; }
bool is_step(const H& values) { return values.schedule == "step"; }
bool stops_early(const H& values) { return values.early_stopping_patience.has_value(); }

constexpr Condition kConditions[] = {
    {"momentum", "optimizer=sgd", is_sgd},
    {"nesterov", "optimizer=sgd", [](const H& v) { return !v.nesterov || is_sgd(v); }},
    {"nesterov", "momentum",
     [](const H& v) { return !v.nesterov || !is_sgd(v) || v.momentum > 0; }},
    {"beta_1", "optimizer=adam or adamw", is_adam},
    {"beta_2", "optimizer=adam or adamw", is_adam},
    {"epsilon", "optimizer=adam or adamw", is_adam},
    {"huber_delta", "loss=huber", [](const H& v) { return v.loss == "huber"; }},
    {"cosine_alpha", "schedule=cosine", is_cosine},
    {"decay_epochs", "schedule=step", is_step},
    {"decay_rate", "schedule=step", is_step},
    {"early_stopping_metric", "early_stopping_patience", stops_early},
    {"early_stopping_min_delta", "early_stopping_patience", stops_early},
};

// What other libraries call a hyperparameter whose name is not close to theirs.
constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {
    {"lr", "learning_rate"},
    {"eta", "learning_rate"},
    {"dropout", "drop_rate"},
    {"hidden_layer_sizes", "dense_hidden"},
    {"hidden_units", "dense_hidden"},
    {"layers", "dense_hidden"},
    {"num_epochs", "epochs"},
    {"max_iter", "epochs"},
    {"patience", "early_stopping_patience"},
    {"clipnorm", "global_clipnorm"},
    {"solver", "optimizer"},
    {"label", "target"},
    {"label_column", "target"},
    {"target_column", "target"},
    {"sample_weight", "weight_column"},
    {"feature_columns", "features"},
    {"usecols", "features"},
    {"drop_columns", "ignore"},
    {"exclude", "ignore"},
    {"dtype", "column_types"},
    {"cat_features", "column_types"},
    {"categorical_features", "column_types"},
    {"categorical_columns", "column_types"},
    {"sep", "delimiter"},
    {"separator", "delimiter"},
    {"na_values", "missing_values"},
    {"scaler", "scaling"},
    {"max_categories", "max_one_hot"},
    {"min_frequency", "min_category_rows"},
    {"random_state", "seed"},
    {"n_jobs", "num_threads"},
};

const Definition* find(std::string_view name) {
  for (const Group& group : table()) {
    for (const Definition& definition : group.definitions) {
      if (definition.name == name) return &definition;
    }
  }
  return nullptr;
}

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const Group& group : table()) {
    for (const Definition& definition : group.definitions) names.push_back(definition.name);
  }
  return names;
}

// The known name that is meant by an unknown one; empty where there is no telling.
std::string likely_name(const std::string& unknown, const std::vector<std::string>& known) {
  const std::string name = normalized_name(unknown);
  const auto other =
      std::ranges::find(kOtherNames, name, [](const auto& pair) { return pair.first; });
  return other != std::end(kOtherNames) ? std::string(other->second) : closest_name(name, known);
}

// Of SageMaker, its SDKs and their framework containers. The environment looks after model_dir.
bool is_reserved(std::string_view name) {
  return name.starts_with("sagemaker_") || name == kObjectiveKey ||
         name == "default_user_module_name" || name == "model_dir";
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// A word of a choice without its case and `_`, which Keras's class names have not.
std::string squashed(std::string_view text) {
  std::string result = lower(text);
  std::erase_if(result, [](char c) { return c == '_' || c == '-'; });
  return result;
}

// As it was given, for a message.
std::string shown(std::string_view text) {
  std::string prefix = utf8_prefix(text, kShownCharacters);
  if (prefix.size() < text.size()) prefix += "...";
  return prefix;
}

// The values of a map by name, or what is wrong with its text.
template <typename Value>
struct ReadMap {
  std::map<std::string, Value> by_name;
  std::string problem;        // empty: nothing
  std::string refused_value;  // the text that the problem is, where it is a value
};

// Reads a map whose values, each a `noun`, `parse` takes from their text, or nothing.
template <typename Value, typename Parse>
ReadMap<Value> read_map(std::string_view text, std::string_view noun, const Parse& parse) {
  ReadMap<Value> read;
  if (stripped(text).empty()) return read;
  const auto items = map_items(text);
  if (!items) {
    read.problem = "this is neither";
    return read;
  }
  for (const auto& [name, value_text] : *items) {
    const std::optional<Value> value = parse(value_text);
    if (!value) {
      read.problem =
          fmt::format("the {} of \"{}\" is \"{}\"", noun, shown(name), shown(value_text));
      read.refused_value = value_text;
    } else if (!read.by_name.emplace(name, *value).second) {
      read.problem = fmt::format("\"{}\" has two {}s", shown(name), noun);
    }
    if (!read.problem.empty()) break;
  }
  return read;
}

bool is_balanced(std::string_view text) { return lower(stripped(text)) == "balanced"; }

ReadMap<double> read_class_weights(std::string_view text) {
  if (is_balanced(text)) return {};
  return read_map<double>(text, "weight", [](std::string_view value_text) {
    const std::optional<double> value = number_of(value_text);
    return value && std::isfinite(*value) && *value >= 0 ? value : std::nullopt;
  });
}

// The choice that a word means, or nothing.
std::optional<std::string> choice_of(const Choice& kind, std::string_view text) {
  const std::string word = squashed(text);
  for (const std::string& choice : kind.choices) {
    if (squashed(choice) == word) return choice;
  }
  for (const auto& [alias, choice] : kind.aliases) {
    if (squashed(alias) == word) return choice;
  }
  return std::nullopt;
}

std::string did_you_mean(const Choice& kind, std::string_view text) {
  std::vector<std::string> words = kind.choices;
  for (const auto& [alias, choice] : kind.aliases) words.push_back(alias);
  const std::string closest = closest_name(text, words);
  return closest.empty() ? "" : fmt::format("did you mean {}?", closest);
}

ReadMap<std::string> read_column_types(std::string_view text) {
  static const Choice types = {nullptr,
                               {"number", "category", "boolean", "date"},
                               {{"numeric", "number"},
                                {"categorical", "category"},
                                {"bool", "boolean"},
                                {"datetime", "date"}}};
  ReadMap<std::string> read = read_map<std::string>(
      text, "type", [](std::string_view value_text) { return choice_of(types, value_text); });
  const std::string closest = did_you_mean(types, read.refused_value);
  if (!closest.empty()) read.problem += ": " + closest;
  return read;
}
// For each kind: set() stores a text and tells whether it could; expected() ends the sentence
// "expected ..."; problem() says in more detail why a text could not be stored, or nothing; type()
// and add_range() describe it; value() is the member as JSON.

template <typename Member>
bool set(const IntegerOf<Member>& kind, Hyperparameters& values, std::string_view text) {
  const std::optional<std::int64_t> value = integer_of(text);
  if (!value || *value < kind.min || *value > kind.max) return false;
  values.*kind.member = *value;
  return true;
}

bool set(const IntegerList& kind, Hyperparameters& values, std::string_view text) {
  const std::optional<std::vector<std::string>> items = list_items(text);
  if (!items || items->empty() || items->size() > kind.max_count) return false;
  std::vector<std::int64_t> list;
  for (const std::string& item : *items) {
    const std::optional<std::int64_t> value = integer_of(item);
    if (!value || *value < kind.min || *value > kind.max) return false;
    list.push_back(*value);
  }
  values.*kind.member = std::move(list);
  return true;
}

template <typename Member>
bool set(const FloatOf<Member>& kind, Hyperparameters& values, std::string_view text) {
  const std::optional<double> value = number_of(text);
  if (!value || !std::isfinite(*value)) return false;
  const bool above = kind.min.included ? *value >= kind.min.value : *value > kind.min.value;
  const bool below = kind.max.included ? *value <= kind.max.value : *value < kind.max.value;
  if (!above || !below) return false;
  values.*kind.member = *value;
  return true;
}

bool set(const Choice& kind, Hyperparameters& values, std::string_view text) {
  std::optional<std::string> choice = choice_of(kind, text);
  if (!choice) return false;
  values.*kind.member = std::move(*choice);
  return true;
}

bool set(const Text& kind, Hyperparameters& values, std::string_view text) {
  values.*kind.member = std::string(text);
  return true;
}

bool set(const TextList& kind, Hyperparameters& values, std::string_view text) {
  std::optional<std::vector<std::string>> items = list_items(text);
  if (!items) return false;
  if (!kind.takes_empty && std::ranges::find(*items, "") != items->end()) return false;
  if (std::set(items->begin(), items->end()).size() != items->size()) return false;
  values.*kind.member = std::move(*items);
  return true;
}

bool set(const ClassWeightText& kind, Hyperparameters& values, std::string_view text) {
  if (!read_class_weights(text).problem.empty()) return false;
  values.*kind.member = std::string(text);
  return true;
}

bool set(const ColumnTypesText& kind, Hyperparameters& values, std::string_view text) {
  if (!read_column_types(text).problem.empty()) return false;
  values.*kind.member = std::string(text);
  return true;
}

bool set(const Boolean& kind, Hyperparameters& values, std::string_view text) {
  const std::string word = lower(text);
  const bool is_true = word == "true" || word == "1";
  if (!is_true && word != "false" && word != "0") return false;
  values.*kind.member = is_true;
  return true;
}

template <typename Member>
std::string expected(const IntegerOf<Member>& kind) {
  return fmt::format("an integer from {} to {}", kind.min, kind.max);
}

std::string expected(const IntegerList& kind) {
  return fmt::format("an integer from {} to {}, or a list of 1 to {} of them such as [64, 32]",
                     kind.min, kind.max, kind.max_count);
}

template <typename Member>
std::string expected(const FloatOf<Member>& kind) {
  const std::string low = fmt::format("{} {}", kind.min.included ? ">=" : ">", kind.min.value);
  if (std::isinf(kind.max.value)) return fmt::format("a finite number {}", low);
  return fmt::format("a number {} and {} {}", low, kind.max.included ? "<=" : "<", kind.max.value);
}

std::string expected(const Choice& kind) {
  return fmt::format("one of {}", fmt::join(kind.choices, ", "));
}

std::string expected(const Text&) { return "text"; }

std::string expected(const TextList& kind) {
  return fmt::format("a {0}, or a list of {0}s, each once, such as a,b or [\"a\", \"b, c\"]",
                     kind.noun);
}

std::string expected(const ClassWeightText&) {
  return "balanced, or a finite weight >= 0 for each label, such as {\"cat\": 2, \"dog\": 0.5} or "
         "cat=2,dog=0.5";
}

std::string expected(const ColumnTypesText&) {
  return "one of number, category, boolean, date for each column, such as {\"zip\": \"category\"} "
         "or zip=category,born=date";
}

std::string expected(const Boolean&) { return "true or false"; }

template <typename AnyKind>
std::string problem(const AnyKind&, std::string_view) {
  return "";
}

std::string problem(const Choice& kind, std::string_view text) { return did_you_mean(kind, text); }

std::string problem(const ClassWeightText&, std::string_view text) {
  return read_class_weights(text).problem;
}

std::string problem(const ColumnTypesText&, std::string_view text) {
  return read_column_types(text).problem;
}

template <typename Member>
std::string_view type(const IntegerOf<Member>&) {
  return "integer";
}
std::string_view type(const IntegerList&) { return "integer or list of integers"; }
template <typename Member>
std::string_view type(const FloatOf<Member>&) {
  return "float";
}
std::string_view type(const Choice&) { return "choice"; }
std::string_view type(const Text&) { return "text"; }
std::string_view type(const TextList&) { return "text or list of texts"; }
std::string_view type(const ClassWeightText&) { return "balanced or map from label to float"; }
std::string_view type(const ColumnTypesText&) { return "map from column to type"; }
std::string_view type(const Boolean&) { return "boolean"; }

template <typename Member>
void add_range(const IntegerOf<Member>& kind, ordered_json& entry) {
  entry["range"] = {{"min", kind.min}, {"max", kind.max}};
}

void add_range(const IntegerList& kind, ordered_json& entry) {
  entry["range"] = {{"min", kind.min}, {"max", kind.max}, {"max_count", kind.max_count}};
}

template <typename Member>
void add_range(const FloatOf<Member>& kind, ordered_json& entry) {
  ordered_json& range = entry["range"];
  range[kind.min.included ? "min" : "exclusive_min"] = kind.min.value;
  if (std::isfinite(kind.max.value)) {
    range[kind.max.included ? "max" : "exclusive_max"] = kind.max.value;
  }
}

void add_range(const Choice& kind, ordered_json& entry) {
  entry["choices"] = kind.choices;
  for (const auto& [alias, choice] : kind.aliases) entry["aliases"][alias] = choice;
}

void add_range(const Text&, ordered_json&) {}
void add_range(const TextList&, ordered_json&) {}
void add_range(const ClassWeightText&, ordered_json&) {}
void add_range(const ColumnTypesText&, ordered_json&) {}
void add_range(const Boolean&, ordered_json&) {}

template <typename Member>
ordered_json to_value(const Member& member) {
  return member;
}

template <typename Member>
ordered_json to_value(const std::optional<Member>& member) {
  return member ? ordered_json(*member) : ordered_json(nullptr);
}

ordered_json value_of(const Definition& definition, const Hyperparameters& values) {
  return std::visit([&values](const auto& kind) { return to_value(values.*kind.member); },
                    definition.kind);
}

void set_value(Hyperparameters& values, const Definition& definition, const std::string& text,
               std::string_view source) {
  std::visit(
      [&](const auto& kind) {
        if (set(kind, values, text)) return;
        const std::string why = problem(kind, text);
        const ordered_json standard = value_of(definition, Hyperparameters());
        const bool has_standard =
            !standard.empty() && !(standard.is_string() && standard.get<std::string>().empty());
        throw UserError(fmt::format(
            "Hyperparameter {} {}: found \"{}\", expected {}{}{}{} Correct the value, or leave it "
            "out{}.",
            definition.name, source, shown(text), expected(kind), why.empty() ? "" : ": ", why,
            why.ends_with('?') ? "" : ".",
            has_standard ? fmt::format(" for the default, {}", standard.dump()) : ""));
      },
      definition.kind);
}

template <typename AnyKind>
void check_problem(std::string_view name, std::string_view text, const AnyKind& kind,
                   const std::string& problem) {
  if (problem.empty()) return;
  throw UserError(fmt::format("{}: found \"{}\", expected {}: {}{} Correct the value.", name,
                              shown(text), expected(kind), problem,
                              problem.ends_with('?') ? "" : "."));
}

// All unknown names at once, since each start of a job costs time; as many and as much about them
// as there is room for.
std::string unknown_names_text(const std::vector<std::string>& unknown, std::string_view source,
                               std::string_view advice) {
  const std::vector<std::string> known = known_names();
  const auto text_with = [&](std::size_t shown_names, bool with_known) {
    std::vector<std::string> parts;
    bool has_stranger = unknown.size() > shown_names;
    for (const std::string& name : unknown) {
      if (parts.size() == shown_names) break;
      const std::string likely = likely_name(name, known);
      has_stranger = has_stranger || likely.empty();
      parts.push_back(
          fmt::format("\"{}\"{}", shown(name),
                      likely.empty() ? "" : fmt::format(" (did you mean {}?)", likely)));
    }
    if (unknown.size() > shown_names) {
      parts.push_back(fmt::format("{} more", unknown.size() - shown_names));
    }
    std::string known_text;
    if (has_stranger) {
      known_text = with_known ? fmt::format(" Known are {}.", fmt::join(known, ", "))
                              : fmt::format(" mlp --help shows the {} known ones.", known.size());
    }
    return fmt::format("Unknown hyperparameter{} {}: {}.{} {}", unknown.size() > 1 ? "s" : "",
                       source, fmt::join(parts, ", "), known_text, advice);
  };
  std::string text = text_with(kShownNames, true);
  if (text.size() > kMaxMessageBytes) text = text_with(kShownNames, false);
  return text.size() > kMaxMessageBytes ? text_with(1, false) : text;
}

// Notes on given values that change nothing, the first reason of each.
void note_without_effect(const std::set<std::string_view>& given, const Hyperparameters& values,
                         std::vector<std::string>& notes) {
  for (const Condition& condition : kConditions) {
    if (!given.contains(condition.name) || condition.is_met(values)) continue;
    notes.push_back(fmt::format("Hyperparameter {} is given, but has no effect without {}.",
                                condition.name, condition.needs));
  }
}

}  // namespace

std::optional<std::string> decoded_text(const json& value) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_string()) return value.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto content = [](std::string_view text) {
    return text == "\t" ? R"(\t)" : stripped(text);
  };
  std::string text(content(value.get_ref<const std::string&>()));
  if (text.starts_with('"')) {
    const json inner = json::parse(text, nullptr, false);
    if (inner.is_string()) text = content(inner.get_ref<const std::string&>());
  }
  if (text.empty() || text == "None" || text == "null") return std::nullopt;
  return text;
}

std::string normalized_name(std::string name) {
  std::ranges::replace(name, '-', '_');
  return name;
}

ClassWeights parse_class_weight(const std::string& text) {
  ReadMap<double> read = read_class_weights(text);
  check_problem("class_weight", text, ClassWeightText{}, read.problem);
  return {.balanced = is_balanced(text), .by_label = std::move(read.by_name)};
}

std::map<std::string, std::string> parse_column_types(const std::string& text) {
  ReadMap<std::string> read = read_column_types(text);
  check_problem("column_types", text, ColumnTypesText{}, read.problem);
  return std::move(read.by_name);
}

Hyperparameters parse_hyperparameters(const HyperparameterValues& file,
                                      const std::map<std::string, std::string>& flags,
                                      std::vector<std::string>& notes, bool strict) {
  constexpr std::string_view kInFile = "in hyperparameters.json";
  constexpr std::string_view kOnCommandLine = "on the command line";
  Hyperparameters values;
  std::set<std::string_view> given;
  const auto take = [&](const Definition& definition, const json& value, std::string_view source) {
    const std::optional<std::string> text = decoded_text(value);
    if (!text) return;
    set_value(values, definition, *text, source);
    given.insert(definition.name);
  };

  std::map<std::string, std::string> spelling;  // in the file, by the one name
  std::vector<std::string> unknown;
  for (const auto& [name, value] : file) {
    const std::string normalized = normalized_name(name);
    if (is_reserved(normalized)) continue;
    const Definition* definition = find(normalized);
    if (definition == nullptr) {
      unknown.push_back(name);
      continue;
    }
    const auto [other, is_new] = spelling.emplace(normalized, name);
    if (!is_new) {
      throw UserError(
          fmt::format("hyperparameters.json holds both \"{}\" and \"{}\", which are one "
                      "hyperparameter. Expected one spelling. Remove one of the two.",
                      shown(other->second), shown(name)));
    }
    // A flag takes the place of the file's value, which then need not be good.
    const auto flag = flags.find(normalized);
    if (flag != flags.end() && decoded_text(flag->second)) continue;
    take(*definition, value, kInFile);
  }
  if (!unknown.empty()) {
    if (strict) {
      throw UserError(unknown_names_text(unknown, kInFile,
                                         "Correct or remove what is unknown; the environment "
                                         "variable MLP_STRICT=false makes mlp ignore it."));
    }
    notes.push_back(unknown_names_text(unknown, kInFile, "Ignored, since MLP_STRICT is false."));
  }

  unknown.clear();
  for (const auto& [name, text] : flags) {
    const Definition* definition = find(normalized_name(name));
    if (definition == nullptr) {
      unknown.push_back(name);
    } else {
      take(*definition, text, kOnCommandLine);
    }
  }
  if (!unknown.empty()) {
    throw UserError(
        unknown_names_text(unknown, kOnCommandLine, "Correct or remove what is unknown."));
  }
  note_without_effect(given, values, notes);
  return values;
}

ordered_json describe_hyperparameters() {
  ordered_json all = ordered_json::array();
  for (const Group& group : table()) {
    for (const Definition& definition : group.definitions) {
      ordered_json entry;
      entry["name"] = definition.name;
      entry["group"] = group.name;
      entry["type"] = std::visit([](const auto& kind) { return type(kind); }, definition.kind);
      std::visit([&entry](const auto& kind) { add_range(kind, entry); }, definition.kind);
      entry["default"] = value_of(definition, Hyperparameters());
      entry["help"] = definition.help;
      entry["tunable"] = !std::holds_alternative<std::monostate>(definition.tuning);
      if (const auto* range = std::get_if<Tuning>(&definition.tuning)) {
        entry["tuning_range"] = {{"min", range->min}, {"max", range->max}};
        entry["scaling"] = range->scaling;
        if (range->only_with_labels) {
          entry["tuning_tasks"] = {"classification", "binary", "multilabel"};
        }
      } else if (const auto* values = std::get_if<TuningValues>(&definition.tuning)) {
        entry["tuning_range"] = {{"values", values->values}};
      }
      all.push_back(std::move(entry));
    }
  }
  return all;
}

ordered_json to_json(const Hyperparameters& values) {
  ordered_json all = ordered_json::object();
  for (const Group& group : table()) {
    for (const Definition& definition : group.definitions) {
      ordered_json value = value_of(definition, values);
      if (!value.is_null()) all[definition.name] = std::move(value);
    }
  }
  return all;
}

std::optional<std::string> tuning_objective(const HyperparameterValues& file) {
  const auto found = file.find(std::string(kObjectiveKey));
  return found == file.end() ? std::nullopt : decoded_text(found->second);
}

}  // namespace mlp
