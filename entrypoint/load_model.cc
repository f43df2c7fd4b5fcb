#include "entrypoint/load_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "entrypoint/columns_file.h"
#include "entrypoint/commands.h"
#include "model/error.h"
#include "runtime/data/wording.h"
#include "runtime/system/files.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;

// What can't be looked at is taken to be there, so that reading it tells why it can't.
bool is_there(const fs::path& path) {
  std::error_code unknown;
  return fs::exists(path, unknown) || unknown;
}

// The names of what is in a folder, sorted; hidden ones left out.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (!name.starts_with(".")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

fs::path find_model(const fs::path& model_dir) {
  const fs::path expected = model_dir / kModelFile;
  if (is_there(expected)) return expected;
  const std::vector<std::string> names = names_in(model_dir);
  std::vector<std::string> folders;
  for (const std::string& name : names) {
    std::error_code error;
    if (fs::exists(model_dir / name / kModelFile, error)) folders.push_back(name);
  }
  if (folders.size() == 1) return model_dir / folders[0] / kModelFile;
  const std::string path = shortened_path(expected.string());
  if (!folders.empty()) {
    throw UserError(
        fmt::format("{} is not there, but several folders beside it hold one: {}. Name "
                    "the folder that is meant by --model_dir.",
                    path, listed(folders)));
  }
  std::error_code error;
  const std::string found = !fs::is_directory(model_dir, error) ? "there is no such folder"
                            : names.empty()                     ? "the folder is empty"
                                            : fmt::format("the folder holds {}", listed(names));
  throw UserError(
      fmt::format("{} is not there: {}. Train a model first (mlp train), or name its "
                  "folder by --model_dir.",
                  path, found));
}

}  // namespace

LoadedModel load_model(const fs::path& model_dir) {
  LoadedModel model;
  model.file = find_model(model_dir);
  const std::string name = shortened_path(model.file.string());
  const fs::path folder = model.file.parent_path();
  if (folder != model_dir)
    model.note = fmt::format("The model was found one folder down: {}.", name);
  const Artifact artifact = artifact_from_bytes(read_file(model.file), name);
  model.predictor = std::make_unique<const Predictor>(artifact);

  PredictInputOptions& input = model.input;
  input.row_shape = artifact.schema.row_shape;
  input.preprocessor = &model.predictor->preprocessor();
  // A model that is older than the file has its columns in the order of its training file.
  input.file_columns = artifact.preprocessor.empty()
                           ? artifact.schema.feature_names
                           : read_columns_file(folder, artifact.preprocessor);
  input.target_names = artifact.schema.target_names;
  input.weight_name = artifact.schema.weight_name;
  if (artifact.missing_values) input.missing_values = MissingValues(*artifact.missing_values);
  return model;
}

}  // namespace mlp
