#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "model/artifact.h"
#include "model/predictor.h"
#include "runtime/data/read_channel.h"

namespace mlp {

// A model, ready to predict, and how rows for it are read.
struct LoadedModel {
  std::filesystem::path file;
  std::string note;  // worth a log line: the file was found one folder down; may be empty
  std::unique_ptr<const Predictor> predictor;
  // Of a file to predict, with all that follows from the model; its preprocessor is the
  // predictor's.
  PredictInputOptions input;
};

// Reads model.h5 of the folder, or of its only folder that has one: archives are often unpacked
// one level too deep. Throws UserError where there is none, or several, or one that is broken.
LoadedModel load_model(const std::filesystem::path& model_dir);

}  // namespace mlp
