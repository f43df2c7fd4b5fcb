#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace mlp {

// Values as Keras users call them. One table in hyperparameters.cc gives each its name, group,
// range and line of help; everything below reads that table, and the defaults from here. Texts of a
// choice are the table's own words, whichever way the user has spelt them.
struct Hyperparameters {
  // Network
  std::vector<std::int64_t> dense_hidden = {128};
  std::string activation = "relu";
  std::string kernel_initializer = "glorot_uniform";
  double drop_rate = 0.2;

  // Data
  std::string task = "auto";  // auto, classification, binary, multilabel, regression
  // Columns are named, or numbered from 1 in files without a header; -1 is the last. Each once.
  std::vector<std::string> target;          // empty: the first column
  std::vector<std::string> features;        // empty: all that are nothing else
  std::vector<std::string> ignore;          // no features
  std::string weight_column;                // empty: every row weighs 1
  std::string column_types;                 // what parse_column_types() takes
  std::string header = "auto";              // auto, true, false
  std::string delimiter = "auto";           // auto, comma, semicolon, tab, pipe
  std::vector<std::string> missing_values;  // empty: the usual words; "" may be among them
  bool drop_missing_target = false;
  // auto (standard for text files, none for arrays), standard, robust, quantile, none
  std::string scaling = "auto";
  std::int64_t max_one_hot = 64;
  std::int64_t min_category_rows = 2;
  bool scale_target = true;
  double validation_split = 0;

  // Loss
  std::string loss = "auto";
  double huber_delta = 1;
  double label_smoothing = 0;
  std::string class_weight;  // what parse_class_weight() takes; empty: every class weighs 1

  // Optimizer
  std::string optimizer = "adam";  // adam, adamw, sgd
  double learning_rate = 0.01;
  std::int64_t batch_size = 64;
  double momentum = 0;
  bool nesterov = false;
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-7;
  std::optional<double> weight_decay;     // not given: 0.004 of adamw, as in Keras, else 0
  std::optional<double> global_clipnorm;  // not given: gradients are not clipped
  std::string schedule = "constant";      // constant, cosine, step
  double warmup_epochs = 0;
  double cosine_alpha = 0;
  double decay_epochs = 10;
  double decay_rate = 0.1;

  // Stopping
  std::int64_t epochs = 5;
  std::optional<std::int64_t> early_stopping_patience;  // not given: no early stopping
  std::string early_stopping_metric = "val_loss";
  double early_stopping_min_delta = 0;
  std::optional<std::int64_t> max_runtime_seconds;  // not given: no limit

  // Metrics
  std::vector<std::string> eval_metrics;  // names as given, each once; whether they exist is open
  std::int64_t top_k = 5;
  std::string metric_style = "keras";  // keras, xgboost, sagemaker

  // Run
  std::int64_t seed = 0;
  std::string precision = "float32";        // float32, bfloat16, auto
  std::optional<std::int64_t> num_threads;  // not given: the CPUs this process may use
};

// What a class counts for in the loss.
struct ClassWeights {
  bool balanced = false;                   // each class as much as the others, by its rows
  std::map<std::string, double> by_label;  // finite and >= 0; other labels weigh 1
};

// Reads the hyperparameter class_weight: nothing, "balanced", or a map from label to weight as JSON
// ({"cat": 2, "1": 0.5}), as Python writes it ({'cat': 2.0, 1: 0.5}) or as cat=2,dog=1. Integers
// are labels by their digits, 2.0 without quotes too. Throws UserError for other text, for a weight
// that is no finite number >= 0, and for a label given twice.
ClassWeights parse_class_weight(const std::string& text);

// Reads the hyperparameter column_types: a type (number, category, boolean, date) by column, as
// nothing or a map in the forms of class_weight. Throws UserError for other text, for an unknown
// type, with the closest one, and for a column given twice.
std::map<std::string, std::string> parse_column_types(const std::string& text);

// The top level of hyperparameters.json, by the names in the file.
using HyperparameterValues = std::map<std::string, nlohmann::json>;

// Reads hyperparameters as every client writes them: SDK v2 by Python's str (True, ['relu']) or as
// JSON within a string ("\"256\""), SDK v3, tuning jobs, and JSON values by hand. Flags (name to
// text) win over the file's values, these over the defaults; "None", "null" and "" count as not
// given. In names `-` stands for `_`; a choice may be written in any case, with and without `_`, as
// Keras's classes are. Keys that SageMaker and its SDKs add are left aside.
//
// Throws UserError for a value that can't be read or is out of range, for a name given in two
// spellings, and for unknown names, with the closest known one. Where `strict` is false, unknown
// names in the file become a note instead. A value that has no effect beside the others, such as
// momentum without sgd, is a note: a tuning job gives all values to each of its jobs.
Hyperparameters parse_hyperparameters(const HyperparameterValues& file,
                                      const std::map<std::string, std::string>& flags,
                                      std::vector<std::string>& notes, bool strict = true);

// All hyperparameters in the table's order, an object each: name, group, type, range or choices
// (and aliases, a choice by each), default (null where there is none), help, tunable. A tunable one
// has tuning_range, either {min, max} beside scaling, in the words of HyperparameterTuner's ranges,
// or {values}; and tuning_tasks, where tuning makes sense for those tasks alone.
nlohmann::ordered_json describe_hyperparameters();

// The values in use by name, in the table's order; without those that have no default and are not
// given.
nlohmann::ordered_json to_json(const Hyperparameters& values);

// The name of the objective metric that a tuning job adds to each of its jobs; nothing elsewhere.
std::optional<std::string> tuning_objective(const HyperparameterValues& file);

// The text of a value in any client's spelling: JSON quotes around it and white space are removed.
// A tab alone is text too, and comes as \t. Nothing for a value that counts as not given.
std::optional<std::string> decoded_text(const nlohmann::json& value);

// A name in its one spelling: with `_` for `-`.
std::string normalized_name(std::string name);

}  // namespace mlp
