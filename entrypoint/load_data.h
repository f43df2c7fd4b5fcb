#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/schema.h"
#include "model/standardizer.h"
#include "runtime/data/dataset.h"
#include "runtime/data/read_channel.h"
#include "runtime/sagemaker/environment.h"
#include "runtime/sagemaker/hyperparameters.h"

namespace mlp {

// All rows of a job, ready to train on, with what was learned about them.
struct TrainingData {
  std::vector<Features> features;  // owns what the datasets view
  Schema schema;
  Standardizer standardizer;
  Dataset training;
  std::optional<Dataset> validation;
  std::optional<Dataset> test;
  std::vector<std::string> notes;  // worth a log line each
};

// Reads the channels, fits schema and scaling on the training rows alone, and applies them to all.
// Validation rows are those of the validation channel, or else split off by validation_split, or
// else the test arrays of an .npz that holds both. Test rows are those of the test channel, or else
// these arrays.
//
// `poll` is called now and then, and may throw to stop. Throws UserError where rows can't be read,
// do not fit each other, or are claimed twice.
TrainingData load_data(const Environment& environment, const Hyperparameters& hyperparameters,
                       const std::function<void()>& poll);

}  // namespace mlp
