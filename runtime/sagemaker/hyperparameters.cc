#include "runtime/sagemaker/hyperparameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include "model/error.h"
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
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What a hyperparameter may be, and the member that holds it.

struct Integer {
  std::int64_t Hyperparameters::*member;
  std::int64_t min;
  std::int64_t max;
};

struct OptionalInteger {
  std::optional<std::int64_t> Hyperparameters::*member;
  std::int64_t min;
  std::int64_t max;
};

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

struct Float {
  double Hyperparameters::*member;
  Bound min;
  Bound max;  // infinite: no upper bound
};

struct Choice {
  std::string Hyperparameters::*member;
  std::vector<std::string> choices;
};

struct Text {
  std::string Hyperparameters::*member;
};

struct Boolean {
  bool Hyperparameters::*member;
};

using Kind = std::variant<Integer, OptionalInteger, IntegerList, Float, Choice, Text, Boolean>;

// A range worth searching, and SageMaker's name for how to walk it.
struct Tuning {
  ordered_json min;
  ordered_json max;
  std::string_view scaling;  // Linear, Logarithmic
};

struct Definition {
  std::string name;
  Kind kind;
  std::string_view help;
  std::optional<Tuning> tuning;
};

const std::vector<Definition>& table() {
  using H = Hyperparameters;
  static const std::vector<Definition> definitions = {
      {"epochs", Integer{&H::epochs, 1, kMaxCount}, "Passes over the training rows.",
       Tuning{50, 200, "Linear"}},
      {"batch_size", Integer{&H::batch_size, 1, kMaxCount}, "Rows per update of the weights.",
       Tuning{32, 256, "Linear"}},
      {"learning_rate", Float{&H::learning_rate, {0, false}, {kInfinity, false}},
       "Step size of the Adam optimizer.", Tuning{0.0001, 0.1, "Logarithmic"}},
      {"drop_rate", Float{&H::drop_rate, {0, true}, {1, true}},
       "Share of each hidden layer's outputs that dropout sets to zero while training.",
       Tuning{0.0, 1.0, "Linear"}},
      {"dense_hidden", IntegerList{&H::dense_hidden, 1, 1'000'000, 100},
       "Width of the hidden layer, or a list of widths, one per hidden layer.",
       Tuning{32, 512, "Logarithmic"}},
      {"task", Choice{&H::task, {"auto", "classification", "regression"}},
       "What to learn; auto: text labels, or at most 20 distinct integral values, are classes.",
       std::nullopt},
      {"target", Text{&H::target},
       "Name of the column to predict, in a CSV file with a header; empty: the first column.",
       std::nullopt},
      {"header", Choice{&H::header, {"auto", "true", "false"}},
       "Whether the first line of a CSV file names its columns.", std::nullopt},
      {"scaling", Choice{&H::scaling, {"auto", "standard", "none"}},
       "Whether features are standardised; auto: those of text files are, arrays are not.",
       std::nullopt},
      {"scale_target", Boolean{&H::scale_target},
       "Whether a regression's target is standardised while training; the model predicts in "
       "original units either way.",
       std::nullopt},
      {"validation_split", Float{&H::validation_split, {0, true}, {1, false}},
       "Share of the training rows, drawn by the seed, that is kept for validation.", std::nullopt},
      {"seed", Integer{&H::seed, 0, kMaxSeed},
       "Start of all random numbers; equal seeds and num_threads give equal models.", std::nullopt},
      {"num_threads", OptionalInteger{&H::num_threads, 1, 1024},
       "Threads to compute with; not given: the CPUs that the process may use.", std::nullopt},
  };
  return definitions;
}

const Definition* find(std::string_view name) {
  const auto found =
      std::ranges::find_if(table(), [name](const Definition& d) { return d.name == name; });
  return found == table().end() ? nullptr : &*found;
}

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const Definition& definition : table()) names.push_back(definition.name);
  return names;
}

// Of SageMaker, its SDKs and their framework containers. The environment looks after model_dir.
bool is_reserved(std::string_view name) {
  return name.starts_with("sagemaker_") || name == kObjectiveKey ||
         name == "default_user_module_name" || name == "model_dir";
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// The whole text as a number, infinities and NaN included; nothing for other text, hexadecimal and
// a comma among it, and for what a double can't hold.
std::optional<double> number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The whole text as an integer: digits, or a number without a fraction such as 64.0, as clients
// write that compute with floats.
std::optional<std::int64_t> integer(std::string_view text) {
  const std::optional<double> value = number(text);
  if (!value || !std::isfinite(*value) || *value != std::trunc(*value)) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t exact = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exact);
  if (error == std::errc() && end == text.data() + text.size()) return exact;
  constexpr double kTooLarge = 9e18;
  return static_cast<std::int64_t>(std::clamp(*value, -kTooLarge, kTooLarge));
}

// The items of a list: [64, 32] and ["a"] as JSON or Python write them, Python's (64, 32), or 64,
// 32 without brackets; one item is a list too. Nothing where brackets or quotes don't match.
std::optional<std::vector<std::string>> list_items(std::string_view text) {
  const bool bracketed = !text.empty() && (text.front() == '[' || text.front() == '(');
  if (bracketed) {
    const char closing = text.front() == '[' ? ']' : ')';
    if (text.size() < 2 || text.back() != closing) return std::nullopt;
    text = trimmed(text.substr(1, text.size() - 2));
    if (text.ends_with(',')) text.remove_suffix(1);
  }
  std::vector<std::string> items;
  if (trimmed(text).empty()) return items;
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view item = trimmed(text.substr(0, comma));
    if (!item.empty() && (item.front() == '"' || item.front() == '\'')) {
      if (item.size() < 2 || item.back() != item.front()) return std::nullopt;
      item = trimmed(item.substr(1, item.size() - 2));
    }
    items.emplace_back(item);
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
}

// For each kind: set() stores a text and tells whether it could; expected() ends the sentence
// "expected ..."; type() and add_range() describe it; value() is the member as JSON.

template <typename AnyInteger>
bool set_integer(const AnyInteger& kind, Hyperparameters& values, std::string_view text) {
  const std::optional<std::int64_t> value = integer(text);
  if (!value || *value < kind.min || *value > kind.max) return false;
  values.*kind.member = *value;
  return true;
}

bool set(const Integer& kind, Hyperparameters& values, std::string_view text) {
  return set_integer(kind, values, text);
}

bool set(const OptionalInteger& kind, Hyperparameters& values, std::string_view text) {
  return set_integer(kind, values, text);
}

bool set(const IntegerList& kind, Hyperparameters& values, std::string_view text) {
  const std::optional<std::vector<std::string>> items = list_items(text);
  if (!items || items->empty() || items->size() > kind.max_count) return false;
  std::vector<std::int64_t> list;
  for (const std::string& item : *items) {
    const std::optional<std::int64_t> value = integer(item);
    if (!value || *value < kind.min || *value > kind.max) return false;
    list.push_back(*value);
  }
  values.*kind.member = std::move(list);
  return true;
}

bool set(const Float& kind, Hyperparameters& values, std::string_view text) {
  const std::optional<double> value = number(text);
  if (!value || !std::isfinite(*value)) return false;
  const bool above = kind.min.included ? *value >= kind.min.value : *value > kind.min.value;
  const bool below = kind.max.included ? *value <= kind.max.value : *value < kind.max.value;
  if (!above || !below) return false;
  values.*kind.member = *value;
  return true;
}

bool set(const Choice& kind, Hyperparameters& values, std::string_view text) {
  const std::string choice = lower(text);
  if (std::ranges::find(kind.choices, choice) == kind.choices.end()) return false;
  values.*kind.member = choice;
  return true;
}

bool set(const Text& kind, Hyperparameters& values, std::string_view text) {
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

std::string expected(const Integer& kind) {
  return fmt::format("an integer from {} to {}", kind.min, kind.max);
}

std::string expected(const OptionalInteger& kind) {
  return fmt::format("an integer from {} to {}", kind.min, kind.max);
}

std::string expected(const IntegerList& kind) {
  return fmt::format("an integer from {} to {}, or a list of 1 to {} of them such as [64, 32]",
                     kind.min, kind.max, kind.max_count);
}

std::string expected(const Float& kind) {
  const std::string low = fmt::format("{} {}", kind.min.included ? ">=" : ">", kind.min.value);
  if (std::isinf(kind.max.value)) return fmt::format("a finite number {}", low);
  return fmt::format("a number {} and {} {}", low, kind.max.included ? "<=" : "<", kind.max.value);
}

std::string expected(const Choice& kind) {
  return fmt::format("one of {}", fmt::join(kind.choices, ", "));
}

std::string expected(const Text&) { return "text"; }

std::string expected(const Boolean&) { return "true or false"; }

std::string_view type(const Integer&) { return "integer"; }
std::string_view type(const OptionalInteger&) { return "integer"; }
std::string_view type(const IntegerList&) { return "integer or list of integers"; }
std::string_view type(const Float&) { return "float"; }
std::string_view type(const Choice&) { return "choice"; }
std::string_view type(const Text&) { return "text"; }
std::string_view type(const Boolean&) { return "boolean"; }

void add_range(const Integer& kind, ordered_json& entry) {
  entry["range"] = {{"min", kind.min}, {"max", kind.max}};
}

void add_range(const OptionalInteger& kind, ordered_json& entry) {
  entry["range"] = {{"min", kind.min}, {"max", kind.max}};
}

void add_range(const IntegerList& kind, ordered_json& entry) {
  entry["range"] = {{"min", kind.min}, {"max", kind.max}, {"max_count", kind.max_count}};
}

void add_range(const Float& kind, ordered_json& entry) {
  ordered_json& range = entry["range"];
  range[kind.min.included ? "min" : "exclusive_min"] = kind.min.value;
  if (std::isfinite(kind.max.value)) {
    range[kind.max.included ? "max" : "exclusive_max"] = kind.max.value;
  }
}

void add_range(const Choice& kind, ordered_json& entry) { entry["choices"] = kind.choices; }
void add_range(const Text&, ordered_json&) {}
void add_range(const Boolean&, ordered_json&) {}

template <typename AnyKind>
ordered_json value(const AnyKind& kind, const Hyperparameters& values) {
  return values.*kind.member;
}

ordered_json value(const OptionalInteger& kind, const Hyperparameters& values) {
  const std::optional<std::int64_t>& given = values.*kind.member;
  return given ? ordered_json(*given) : ordered_json(nullptr);
}

ordered_json value_of(const Definition& definition, const Hyperparameters& values) {
  return std::visit([&values](const auto& kind) { return value(kind, values); }, definition.kind);
}

// As it was given, for a message.
std::string shown(const json& value) {
  const std::string text = value.is_string()
                               ? value.get<std::string>()
                               : value.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string prefix = utf8_prefix(text, kShownCharacters);
  if (prefix.size() < text.size()) prefix += "...";
  return prefix;
}

void set_value(Hyperparameters& values, const Definition& definition, const json& given,
               std::string_view source) {
  const std::optional<std::string> text = decoded_text(given);
  if (!text) return;
  std::visit(
      [&](const auto& kind) {
        if (set(kind, values, *text)) return;
        const ordered_json standard = value_of(definition, Hyperparameters());
        throw UserError(fmt::format(
            "Hyperparameter {} {}: found \"{}\", expected {}. Correct the value, or leave it "
            "out{}.",
            definition.name, source, shown(given), expected(kind),
            standard.is_null() ? "" : fmt::format(" for the default, {}", standard.dump())));
      },
      definition.kind);
}

// All unknown names at once, since each start of a job costs time.
std::string unknown_names_text(const std::vector<std::string>& unknown, std::string_view source) {
  const std::vector<std::string> known = known_names();
  std::vector<std::string> parts;
  bool has_stranger = unknown.size() > kShownNames;
  for (const std::string& name : unknown) {
    if (parts.size() == kShownNames) break;
    const std::string closest = closest_name(normalized_name(name), known);
    has_stranger = has_stranger || closest.empty();
    parts.push_back(
        fmt::format("\"{}\"{}", shown(name),
                    closest.empty() ? "" : fmt::format(" (did you mean {}?)", closest)));
  }
  if (unknown.size() > kShownNames) {
    parts.push_back(fmt::format("{} more", unknown.size() - kShownNames));
  }
  return fmt::format("Unknown hyperparameter{} {}: {}.{}", unknown.size() > 1 ? "s" : "", source,
                     fmt::join(parts, ", "),
                     has_stranger ? fmt::format(" Known are {}.", fmt::join(known, ", ")) : "");
}

}  // namespace

std::optional<std::string> decoded_text(const json& value) {
  if (value.is_null()) return std::nullopt;
  if (!value.is_string()) return value.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string text(trimmed(value.get_ref<const std::string&>()));
  if (text.starts_with('"')) {
    const json inner = json::parse(text, nullptr, false);
    if (inner.is_string()) text = trimmed(inner.get_ref<const std::string&>());
  }
  if (text.empty() || text == "None" || text == "null") return std::nullopt;
  return text;
}

std::string normalized_name(std::string name) {
  std::ranges::replace(name, '-', '_');
  return name;
}

Hyperparameters parse_hyperparameters(const HyperparameterValues& file,
                                      const std::map<std::string, std::string>& flags,
                                      std::vector<std::string>& notes, bool strict) {
  constexpr std::string_view kInFile = "in hyperparameters.json";
  constexpr std::string_view kOnCommandLine = "on the command line";
  Hyperparameters values;

  std::map<std::string, std::string> spelling;  // in the file, by the one name
  std::vector<std::string> unknown;
  for (const auto& [name, given] : file) {
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
                      other->second, name));
    }
    // A flag takes the place of the file's value, which then need not be good.
    const auto flag = flags.find(normalized);
    if (flag != flags.end() && decoded_text(flag->second)) continue;
    set_value(values, *definition, given, kInFile);
  }
  if (!unknown.empty()) {
    const std::string text = unknown_names_text(unknown, kInFile);
    if (strict) {
      throw UserError(text +
                      " Correct or remove what is unknown; the environment variable "
                      "MLP_STRICT=false makes mlp ignore it.");
    }
    notes.push_back(text + " Ignored, since MLP_STRICT is false.");
  }

  unknown.clear();
  for (const auto& [name, text] : flags) {
    const Definition* definition = find(normalized_name(name));
    if (definition == nullptr) {
      unknown.push_back(name);
    } else {
      set_value(values, *definition, text, kOnCommandLine);
    }
  }
  if (!unknown.empty()) {
    throw UserError(unknown_names_text(unknown, kOnCommandLine) +
                    " Correct or remove what is unknown.");
  }
  return values;
}

ordered_json describe_hyperparameters() {
  ordered_json all = ordered_json::array();
  for (const Definition& definition : table()) {
    ordered_json entry;
    entry["name"] = definition.name;
    entry["type"] = std::visit([](const auto& kind) { return type(kind); }, definition.kind);
    std::visit([&entry](const auto& kind) { add_range(kind, entry); }, definition.kind);
    entry["default"] = value_of(definition, Hyperparameters());
    entry["help"] = definition.help;
    entry["tunable"] = definition.tuning.has_value();
    if (definition.tuning) {
      entry["tuning_range"] = {{"min", definition.tuning->min}, {"max", definition.tuning->max}};
      entry["scaling"] = definition.tuning->scaling;
    }
    all.push_back(std::move(entry));
  }
  return all;
}

ordered_json to_json(const Hyperparameters& values) {
  ordered_json all = ordered_json::object();
  for (const Definition& definition : table()) {
    ordered_json value = value_of(definition, values);
    if (!value.is_null()) all[definition.name] = std::move(value);
  }
  return all;
}

std::optional<std::string> tuning_objective(const HyperparameterValues& file) {
  const auto found = file.find(std::string(kObjectiveKey));
  return found == file.end() ? std::nullopt : decoded_text(found->second);
}

}  // namespace mlp
