#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/preprocessor.h"
#include "model/schema.h"
#include "model/standardizer.h"
#include "runtime/data/dataset.h"
#include "runtime/data/read_channel.h"
#include "runtime/data/summary.h"
#include "runtime/sagemaker/environment.h"
#include "runtime/sagemaker/hyperparameters.h"

namespace mlp {

// All rows of a job, ready to train on, with what was learned about them.
struct TrainingData {
  std::vector<Features> features;  // owns what the datasets view
  Schema schema;
  Preprocessor preprocessor;              // of tables; empty for arrays
  std::vector<std::string> file_columns;  // of a table with a header, in the order of its file
  Standardizer standardizer;
  Dataset training;
  std::optional<Dataset> validation;
  std::optional<Dataset> test;
  std::vector<FeatureSummary> summary;  // of the training rows as they came, if asked for
  std::vector<std::string> notes;       // worth a log line each
  std::vector<std::string> warnings;    // likewise, loudly: results will not be what they seem
};

// Reads the channels, fits schema, preprocessing and scaling on the training rows alone, and
// applies them to all. The types of a table's columns are found from all rows of the training
// channel. Validation rows are those of the validation channel, or else split off by
// validation_split, or else the test arrays of an .npz that holds both. Test rows are those of the
// test channel, or else these arrays.
//
// A weight column, or arrays of weights, weigh the rows of their own set. class_weight is for the
// training rows alone, as in Keras: rows that are split off to validate keep the weights that they
// came with. Rows to train on that serve to validate or test too are a warning.
//
// `poll` is called now and then, and may throw to stop. Throws UserError where rows can't be read,
// do not fit each other, are claimed twice, or all weigh nothing.
TrainingData load_data(const Environment& environment, const Hyperparameters& hyperparameters,
                       const std::function<void()>& poll, bool with_summary = false);

}  // namespace mlp
