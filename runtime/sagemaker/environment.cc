#include "runtime/sagemaker/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "model/error.h"
#include "runtime/sagemaker/hyperparameters.h"
#include "runtime/system/files.h"
#include "runtime/system/utf8.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kBaseVariable = "SAGEMAKER_BASE_DIR";
constexpr const char* kDefaultBase = "/opt/ml";
constexpr std::size_t kShownCharacters = 80;  // of a text from a file within a message
constexpr std::size_t kShownNames = 6;        // of a list within a message

using Names = std::vector<std::string_view>;

// What the run uses a channel for, and every name under which it may come.
struct Role {
  std::string_view name;
  Names channels;
  Names variables;
  std::string_view flag;
};

const Role kTraining = {
    "training", {"training", "train"}, {"SM_CHANNEL_TRAINING", "SM_CHANNEL_TRAIN"}, "--train"};
const Role kValidation = {"validation", {"validation"}, {"SM_CHANNEL_VALIDATION"}, "--validation"};
const Role kTest = {
    "test", {"test", "testing"}, {"SM_CHANNEL_TEST", "SM_CHANNEL_TESTING"}, "--test"};

// The platform and the SDKs put scripts, recipes and earlier models into channels of these names.
const Names kForeignChannels = {"code", "sm_drivers", "recipe", "model"};

bool contains(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::optional<std::string> variable(const Variables& variables, std::string_view name) {
  const auto found = variables.find(std::string(name));
  if (found == variables.end() || found->second.empty()) return std::nullopt;
  return found->second;
}

// What can't be looked at is taken to be there, so that using it tells why it can't.
bool present(const fs::path& path) {
  std::error_code ignored;
  return fs::status(path, ignored).type() != fs::file_type::not_found;
}

std::string shown(std::string_view text) {
  std::string prefix = utf8_prefix(text, kShownCharacters);
  if (prefix.size() < text.size()) prefix += "...";
  return prefix;
}

std::string shown_json(const json& value) {
  return shown(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

std::string shown_path(const fs::path& path) { return shortened_path(path.string()); }

// Names in a sentence: "a, b" or, of many, the first ones.
std::string shown_names(const std::vector<std::string>& names) {
  std::vector<std::string> parts;
  for (const std::string& name : names) {
    if (parts.size() == kShownNames) {
      parts.push_back(fmt::format("{} more", names.size() - kShownNames));
      break;
    }
    parts.push_back(shown(name));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

// JSON whose objects hold each key once: parsers keep the last of equal keys, which guesses.
json parse_json(const std::string& text, const fs::path& file) {
  std::vector<std::set<std::string>> keys;  // of each object that is open
  const auto check_keys = [&](int, json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) {
        throw UserError(fmt::format(
            "{} holds the key \"{}\" twice. Expected each key once. Remove one of the two.",
            shown_path(file), shown(key)));
      }
    }
    return true;
  };
  try {
    return json::parse(text, check_keys);
  } catch (const json::parse_error& error) {
    throw UserError(fmt::format(
        "{} is not valid JSON: the error is at byte {} of {}. Expected one JSON object. "
        "Correct the file there.",
        shown_path(file), std::min(error.byte, text.size()), text.size()));
  } catch (const json::exception&) {
    throw UserError(fmt::format(
        "{} holds a number that is too large to be read. Expected one JSON object of ordinary "
        "numbers and texts. Correct the number.",
        shown_path(file)));
  }
}

// The object that a configuration file holds; nothing where there is no such file.
std::optional<json> read_config(const fs::path& file) {
  if (!present(file)) return std::nullopt;
  std::string text;
  try {
    text = read_file(file);
  } catch (const UserError& error) {
    throw PlatformError(error.what());  // The platform writes it, and for this process.
  }
  json object = parse_json(text, file);
  if (!object.is_object()) {
    throw UserError(fmt::format("{} holds {}. Expected one JSON object, as {{}}. Correct the file.",
                                shown_path(file), shown_json(object)));
  }
  return object;
}

// The text under a key, where there is one that is not null.
std::optional<std::string> text_member(const json& object, const char* key,
                                       std::string_view where) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return std::nullopt;
  if (!found->is_string()) {
    throw UserError(fmt::format("{}: {} is {}. Expected a text. Correct the file.", where, key,
                                shown_json(*found)));
  }
  return found->get<std::string>();
}

// One host is all there may be.
void check_hosts(const json& config, const fs::path& file) {
  const auto hosts = config.find("hosts");
  if (hosts == config.end() || hosts->is_null()) return;
  const auto is_text = [](const json& host) { return host.is_string(); };
  if (!hosts->is_array() || !std::ranges::all_of(*hosts, is_text)) {
    throw UserError(fmt::format("{}: hosts is {}. Expected a list of host names. Correct the file.",
                                shown_path(file), shown_json(*hosts)));
  }
  const std::optional<std::string> current = text_member(config, "current_host", shown_path(file));
  if (current && std::ranges::find(*hosts, json(*current)) == hosts->end()) {
    throw PlatformError(fmt::format(
        "{}: current_host is \"{}\", which is not one of the hosts: {}. Expected one of "
        "them. Start the job again.",
        shown_path(file), shown(*current), shown_json(*hosts)));
  }
  if (hosts->size() > 1) {
    throw UserError(
        fmt::format("{} names {} hosts. Training on several instances is not supported yet. Start "
                    "the job with instance_count=1.",
                    shown_path(file), hosts->size()));
  }
}

// A channel as configured or found, before it is known to be used.
struct Candidate {
  fs::path path;
  json config = json::object();
  std::string source;  // where it is told of, for messages
};

using Candidates = std::map<std::string, Candidate>;

Candidates configured_channels(const json& config, const fs::path& file, const fs::path& data) {
  Candidates channels;
  for (const auto& [name, settings] : config.items()) {
    // A name is one part of a path, so that it can't lead elsewhere.
    if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos) {
      throw UserError(
          fmt::format("{} names a channel \"{}\". Expected a name of letters, digits and . - _ as "
                      "SageMaker asks for. Rename the channel.",
                      shown_path(file), shown(name)));
    }
    if (!settings.is_object()) {
      throw UserError(
          fmt::format("{}: the channel {} is {}. Expected an object, as {{\"TrainingInputMode\": "
                      "\"File\"}}. Correct the file.",
                      shown_path(file), shown(name), shown_json(settings)));
    }
    channels[name] = {data / name, settings, shown_path(file)};
  }
  return channels;
}

// What lies below input/data, for want of a configuration: folders and regular files, without
// hidden ones and without the list of objects, "<channel>-manifest", that the platform puts beside
// a channel.
Candidates found_channels(const fs::path& data) {
  Candidates channels;
  std::error_code error;
  for (fs::directory_iterator entry(data, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    const fs::file_status status = entry->status(ignored);
    if (name.starts_with('.') || (!fs::is_directory(status) && !fs::is_regular_file(status))) {
      continue;
    }
    channels[name] = {entry->path(), json::object(), "the content of " + shown_path(data)};
  }
  if (error && present(data)) {
    throw UserError(fmt::format(
        "Cannot list {} with uid {}: {}. Expected a folder with a folder per channel. Run as root, "
        "as SageMaker does, or make it readable.",
        shown_path(data), ::geteuid(), error.message()));
  }
  std::erase_if(channels, [&channels](const auto& channel) {
    constexpr std::string_view kSuffix = "-manifest";
    const std::string& name = channel.first;
    return name.ends_with(kSuffix) &&
           channels.contains(name.substr(0, name.size() - kSuffix.size())) &&
           !fs::is_directory(channel.second.path);
  });
  return channels;
}

// Whether a folder holds anything that may be data at any depth; names that start with . or _ are
// not.
bool holds_files(const fs::path& folder, std::error_code& error) {
  fs::recursive_directory_iterator entry(folder, error);
  for (const fs::recursive_directory_iterator end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool is_folder = entry->symlink_status(error).type() == fs::file_type::directory;
    if (name.starts_with('.') || name.starts_with('_')) {
      entry.disable_recursion_pending();
    } else if (!is_folder) {
      return true;
    }
  }
  return false;
}

// That there is something at `path` which can be read as data.
void check_data(const Role& role, const fs::path& path, std::string_view source) {
  std::string found;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    found = "does not exist";
  } else {
    if (fs::is_directory(status)) {
      if (!holds_files(path, error)) found = "is a folder without data files";
    } else if (!fs::is_regular_file(status)) {
      found = "is neither a folder nor a regular file";
    }
    if (error) {
      found = fmt::format("can't be read with uid {} ({})", ::geteuid(), error.message());
    }
  }
  if (found.empty()) return;
  throw UserError(fmt::format(
      "The {} data {} {}; its place comes from {}. Expected a folder with data files, or one file. "
      "Put the data there, or {}.",
      role.name, shown_path(path), found, source,
      role.name == kTraining.name ? "name another place by --train or SM_CHANNEL_TRAINING"
                                  : "leave this channel out"));
}

// That the channel is given as files.
void check_mode(const std::string& name, const Candidate& candidate) {
  const std::string where = fmt::format("{}, channel {}", candidate.source, shown(name));
  const std::string mode =
      text_member(candidate.config, "TrainingInputMode", where).value_or("File");
  if (mode != "File" && mode != "FastFile") {
    throw UserError(
        fmt::format("The channel {} has the input mode {}. Expected File or FastFile. Set "
                    "input_mode=\"File\" or \"FastFile\" for this channel.",
                    shown(name), shown(mode)));
  }
  const std::string wrapper =
      text_member(candidate.config, "RecordWrapperType", where).value_or("None");
  if (wrapper != "None") {
    throw UserError(
        fmt::format("The channel {} has the record wrapping {}. Expected None. Leave out "
                    "record_wrapping for this channel.",
                    shown(name), shown(wrapper)));
  }
}

// The one of the role's names that `is_given` tells of; an error if two are.
template <typename IsGiven>
std::optional<std::string_view> only_name(const Names& names, std::string_view what,
                                          IsGiven is_given) {
  std::optional<std::string_view> given;
  for (const std::string_view name : names) {
    if (!is_given(name)) continue;
    if (given) {
      throw UserError(
          fmt::format("The {} {} and {} are both given, and both mean the same data. Expected one "
                      "of them. Leave the other out.",
                      what, *given, name));
    }
    given = name;
  }
  return given;
}

// The place of a role's data by its flag or variable, and which it was.
struct Override {
  fs::path path;
  std::string source;
};

std::optional<Override> find_override(const Role& role, const std::optional<std::string>& flag,
                                      const Variables& variables,
                                      const fs::path& working_directory) {
  if (flag) return Override{working_directory / *flag, fmt::format("the flag {}", role.flag)};
  const auto name = only_name(role.variables, "variables", [&](std::string_view candidate) {
    return variable(variables, candidate).has_value();
  });
  if (!name) return std::nullopt;
  return Override{working_directory / *variable(variables, *name),
                  fmt::format("the variable {}", *name)};
}

Channel make_channel(const Role& role, const std::string& name, const Candidate& candidate) {
  check_mode(name, candidate);
  check_data(role, candidate.path, candidate.source);
  const std::string where = fmt::format("{}, channel {}", candidate.source, shown(name));
  return {name, candidate.path, text_member(candidate.config, "ContentType", where).value_or("")};
}

// The data of a role from its flag, its variable or a channel, the first that is given.
std::optional<Channel> select_channel(const Role& role, const std::optional<std::string>& flag,
                                      const Variables& variables, const Candidates& candidates,
                                      const fs::path& working_directory) {
  if (const auto given = find_override(role, flag, variables, working_directory)) {
    // SM_CHANNEL_TRAINING may just repeat where the channel is, whose settings then hold.
    for (const std::string_view name : role.channels) {
      const auto same = candidates.find(std::string(name));
      if (same != candidates.end() &&
          same->second.path.lexically_normal() == given->path.lexically_normal()) {
        return make_channel(role, same->first, same->second);
      }
    }
    check_data(role, given->path, given->source);
    return Channel{std::string(role.name), given->path, ""};
  }
  const auto name = only_name(role.channels, "channels", [&](std::string_view candidate) {
    return candidates.contains(std::string(candidate));
  });
  if (!name) return std::nullopt;
  return make_channel(role, std::string(*name), candidates.at(std::string(*name)));
}

// The training data of a run without a base directory that names none.
Channel native_training_channel(const fs::path& working_directory) {
  const fs::path path = working_directory / "data";
  check_data(kTraining, path, "the default outside SageMaker");
  return {std::string(kTraining.name), path, ""};
}

[[noreturn]] void fail_without_training(const Candidates& candidates, const fs::path& data,
                                        std::string_view source) {
  std::vector<std::string> names;
  for (const auto& [name, candidate] : candidates) names.push_back(name);
  throw UserError(fmt::format(
      "There is no training channel: {} has {}. Expected a channel called training or train. Pass "
      "the data as the channel \"training\", by fit({{\"training\": ...}}) in the SDK, by -v "
      "DATA:{}/training in docker run, or by --train.",
      source, names.empty() ? "no channels" : "the channels " + shown_names(names),
      shown_path(data)));
}

// One line about the channels that no role takes.
void note_unused(const Candidates& candidates, std::vector<std::string>& notes) {
  std::vector<std::string> unused;
  for (const auto& [name, candidate] : candidates) {
    const bool known = contains(kTraining.channels, name) || contains(kValidation.channels, name) ||
                       contains(kTest.channels, name);
    if (!known && !contains(kForeignChannels, name)) unused.push_back(name);
  }
  if (unused.empty()) return;
  notes.push_back(
      fmt::format("These channels are not used: {}. Those that are: training or train, validation, "
                  "test or testing.",
                  shown_names(unused)));
}

std::optional<json> hyperparameter(const HyperparameterValues& values, std::string_view name) {
  for (const auto& [key, value] : values) {
    if (normalized_name(key) == name) return value;
  }
  return std::nullopt;
}

// A folder from its flag, its variable, the base, or the working directory.
fs::path select_folder(const std::optional<std::string>& flag,
                       const std::optional<std::string>& from_variable,
                       const std::optional<fs::path>& base, const char* below_base,
                       const fs::path& working_directory, const char* native) {
  if (flag) return working_directory / *flag;
  if (from_variable) return working_directory / *from_variable;
  return base ? *base / below_base : working_directory / native;
}

// The hyperparameter model_dir, which SDK v2 adds for TensorFlow and which is often an s3://
// address. Nothing, and a note, unless it is a path below the base.
std::optional<fs::path> model_dir_hyperparameter(const HyperparameterValues& values,
                                                 const fs::path& base, const fs::path& standard,
                                                 std::vector<std::string>& notes) {
  const std::optional<json> value = hyperparameter(values, "model_dir");
  const std::optional<std::string> text = value ? decoded_text(*value) : std::nullopt;
  if (!text) return std::nullopt;
  const fs::path path = fs::path(*text).lexically_normal();
  const fs::path inside = path.lexically_relative(base.lexically_normal());
  if (path.is_absolute() && !inside.empty() && inside != "." && *inside.begin() != "..") {
    return path;
  }
  notes.push_back(fmt::format(
      "The hyperparameter model_dir is \"{}\", which is no folder below {}: ignored, the "
      "model goes to {}.",
      shown(*text), base.string(), standard.string()));
  return std::nullopt;
}

std::optional<int> level_number(const std::optional<std::string>& text) {
  for (const int level : {10, 20, 30, 40, 50}) {
    if (text == std::to_string(level)) return level;
  }
  return std::nullopt;
}

int select_log_level(const Variables& variables, const HyperparameterValues& values) {
  constexpr int kInfo = 20;
  if (const auto level = level_number(variable(variables, "SM_LOG_LEVEL"))) return *level;
  const auto value = hyperparameter(values, "sagemaker_container_log_level");
  return level_number(value ? decoded_text(*value) : std::nullopt).value_or(kInfo);
}

// Whether there is a configuration; an error where there has to be one.
bool has_configuration(const std::optional<fs::path>& base, const Variables& variables) {
  const bool by_platform = variable(variables, "TRAINING_JOB_NAME").has_value();
  if (!base && !by_platform) return false;
  const fs::path folder =
      base.value_or(variable(variables, kBaseVariable).value_or(kDefaultBase)) / "input/config";
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (fs::is_directory(status)) return true;
  if (status.type() == fs::file_type::not_found && !by_platform) return false;
  throw PlatformError(
      fmt::format("The configuration {} can't be read with uid {}: {}. Expected the folder that "
                  "SageMaker mounts "
                  "into a training job. Check the mount and its permissions{}.",
                  shown_path(folder), ::geteuid(), error ? error.message() : "it is no folder",
                  by_platform ? ", or unset TRAINING_JOB_NAME to run without SageMaker" : ""));
}

}  // namespace

Base locate_base(const Variables& variables) noexcept {
  const fs::path named = variable(variables, kBaseVariable).value_or(kDefaultBase);
  if (!present(named)) return {};
  std::error_code error;
  fs::path directory = fs::absolute(named, error);
  if (error) directory = named;
  const fs::path failure_file = directory / "output/failure";
  return {directory, failure_file};
}

fs::path model_directory(const Variables& variables, const DirectoryFlags& flags,
                         const fs::path& working_directory) {
  return select_folder(flags.model_dir, variable(variables, "SM_MODEL_DIR"),
                       locate_base(variables).directory, "model", working_directory, "model");
}

Environment read_environment(const Variables& variables, const DirectoryFlags& flags,
                             const fs::path& working_directory) {
  Environment environment;
  std::vector<std::string>& notes = environment.notes;
  const Base base = locate_base(variables);
  environment.base = base.directory;
  environment.failure_file = base.failure_file;
  environment.job_name = variable(variables, "TRAINING_JOB_NAME").value_or("");
  environment.configured = has_configuration(environment.base, variables);
  if (const auto named = variable(variables, kBaseVariable); named && !environment.base) {
    notes.push_back(fmt::format("{} is {}, which does not exist: running without SageMaker's tree.",
                                kBaseVariable, *named));
  }

  const fs::path data = environment.base.value_or(fs::path()) / "input/data";
  std::string channel_source = shown_path(data);
  std::optional<Candidates> channels;
  if (environment.configured) {
    const fs::path config = *environment.base / "input/config";
    const fs::path hyperparameter_file = config / "hyperparameters.json";
    if (const auto values = read_config(hyperparameter_file)) {
      environment.hyperparameters = values->get<HyperparameterValues>();
    } else {
      environment.warnings.push_back(
          fmt::format("{} is missing: hyperparameters that no flag gives have their "
                      "defaults.",
                      hyperparameter_file.string()));
    }
    const fs::path resource_file = config / "resourceconfig.json";
    if (const auto resources = read_config(resource_file)) {
      check_hosts(*resources, resource_file);
      environment.host = text_member(*resources, "current_host", shown_path(resource_file))
                             .value_or(environment.host);
    } else {
      environment.warnings.push_back(
          fmt::format("{} is missing: taken as a run on one host.", resource_file.string()));
    }
    const fs::path channel_file = config / "inputdataconfig.json";
    if (const auto configured = read_config(channel_file)) {
      channels = configured_channels(*configured, channel_file, data);
      channel_source = shown_path(channel_file);
    } else {
      environment.warnings.push_back(
          fmt::format("{} is missing: channels are the folders and files below {}.",
                      channel_file.string(), data.string()));
    }
  } else if (environment.base) {
    notes.push_back(
        fmt::format("There is no {}: hyperparameters that no flag gives have their defaults, and "
                    "channels are the folders and files below {}.",
                    (*environment.base / "input/config").string(), data.string()));
  }
  if (!channels) channels = environment.base ? found_channels(data) : Candidates();
  note_unused(*channels, notes);

  const auto select = [&](const Role& role, const std::optional<std::string>& flag) {
    return select_channel(role, flag, variables, *channels, working_directory);
  };
  environment.training = select(kTraining, flags.train);
  environment.validation = select(kValidation, flags.validation);
  environment.test = select(kTest, flags.test);
  if (!environment.training) {
    if (environment.base) fail_without_training(*channels, data, channel_source);
    environment.training = native_training_channel(working_directory);
  }

  environment.model_dir = model_directory(variables, flags, working_directory);
  if (environment.base && !flags.model_dir && !variable(variables, "SM_MODEL_DIR")) {
    environment.model_dir = model_dir_hyperparameter(environment.hyperparameters, *environment.base,
                                                     environment.model_dir, notes)
                                .value_or(environment.model_dir);
  }
  environment.output_dir =
      select_folder(flags.output_dir, variable(variables, "SM_OUTPUT_DATA_DIR"), environment.base,
                    "output/data", working_directory, "output");
  environment.log_level = select_log_level(variables, environment.hyperparameters);
  return environment;
}

}  // namespace mlp
