#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace mlp {

// Values as Keras users call them. One table in hyperparameters.cc gives each its name, range and
// line of help; everything below reads that table, and the defaults from here.
struct Hyperparameters {
  std::int64_t epochs = 5;
  std::int64_t batch_size = 64;
  double learning_rate = 0.01;
  double drop_rate = 0.2;
  std::vector<std::int64_t> dense_hidden = {128};
  std::string task = "auto";     // auto, classification, regression
  std::string target;            // column name; empty: the first column
  std::string header = "auto";   // auto, true, false
  std::string scaling = "auto";  // auto (standard for text files, none for arrays), standard, none
  bool scale_target = true;
  double validation_split = 0;
  std::int64_t seed = 0;
  std::optional<std::int64_t> num_threads;  // not given: the CPUs this process may use
};

// The top level of hyperparameters.json, by the names in the file.
using HyperparameterValues = std::map<std::string, nlohmann::json>;

// Reads hyperparameters as every client writes them: SDK v2 by Python's str (True, ['relu']) or as
// JSON within a string ("\"256\""), SDK v3, tuning jobs, and JSON values by hand. Flags (name to
// text) win over the file's values, these over the defaults; "None", "null" and "" count as not
// given. In names `-` stands for `_`. Keys that SageMaker and its SDKs add are left aside.
//
// Throws UserError for a value that can't be read or is out of range, for a name given in two
// spellings, and for unknown names, with the closest known one. Where `strict` is false, unknown
// names in the file become a note instead.
Hyperparameters parse_hyperparameters(const HyperparameterValues& file,
                                      const std::map<std::string, std::string>& flags,
                                      std::vector<std::string>& notes, bool strict = true);

// All hyperparameters in the table's order, an object each: name, type, range or choices, default,
// help, tunable, and for tunable ones tuning_range and scaling, in the words of
// HyperParameterTuner's ranges.
nlohmann::ordered_json describe_hyperparameters();

// The values in use by name, in the table's order; without num_threads where it is not given.
nlohmann::ordered_json to_json(const Hyperparameters& values);

// The name of the objective metric that a tuning job adds to each of its jobs; nothing elsewhere.
std::optional<std::string> tuning_objective(const HyperparameterValues& file);

// The text of a value in any client's spelling: JSON quotes around it and white space are removed.
// Nothing for a value that counts as not given.
std::optional<std::string> decoded_text(const nlohmann::json& value);

// A name in its one spelling: with `_` for `-`.
std::string normalized_name(std::string name);

}  // namespace mlp
