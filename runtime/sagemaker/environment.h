#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace mlp {

// The process's environment variables by name. One that is empty counts as not set.
using Variables = std::map<std::string, std::string>;

// What the platform owes a job and did not give, such as its configuration.
class PlatformError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Folders as the command line names them.
struct DirectoryFlags {
  std::optional<std::string> train = std::nullopt;
  std::optional<std::string> validation = std::nullopt;
  std::optional<std::string> test = std::nullopt;
  std::optional<std::string> model_dir = std::nullopt;
  std::optional<std::string> output_dir = std::nullopt;
};

// Where some of the job's data is: a folder, or one regular file whose name may be lost.
struct Channel {
  std::string name;  // as configured, so that "train" stays "train"
  std::filesystem::path path;
  std::string content_type;  // as configured; empty: not told
};

// Where SageMaker's tree is, and where the job tells why it failed.
struct Base {
  std::optional<std::filesystem::path> directory;     // absolute; not in a native run
  std::optional<std::filesystem::path> failure_file;  // below it
};

// Everything that a training run learns from the place it runs in.
struct Environment {
  std::optional<std::filesystem::path> base;
  std::optional<std::filesystem::path> failure_file;
  bool configured = false;      // SageMaker or its SDK's local mode started this run
  std::string job_name;         // empty in a native run
  std::string host = "algo-1";  // this one's name among the job's
  std::map<std::string, nlohmann::json> hyperparameters;  // as the file holds them
  std::optional<Channel> training;                        // always there
  std::optional<Channel> validation;
  std::optional<Channel> test;
  std::filesystem::path model_dir;   // may not exist yet
  std::filesystem::path output_dir;  // may not exist yet
  int log_level = 20;  // Python's numbers: 10 debug, 20 info, 30 warning, 40 error, 50 critical
  std::vector<std::string> notes;     // worth a log line each
  std::vector<std::string> warnings;  // likewise: what the platform always gives, and what is taken
                                      // in its place
};

// The base directory is SAGEMAKER_BASE_DIR or else /opt/ml, where that exists. Takes nothing else
// into account, so that whatever goes wrong after it can be written to the failure file.
Base locate_base(const Variables& variables) noexcept;

// The folder of the model: from its flag, SM_MODEL_DIR, the base's "model", or ./model.
std::filesystem::path model_directory(const Variables& variables, const DirectoryFlags& flags,
                                      const std::filesystem::path& working_directory);

// Reads SageMaker's configuration below the base directory, and finds the data. A directory comes
// from its flag, then its SM_* variable (SM_CHANNEL_TRAINING or SM_CHANNEL_TRAIN,
// SM_CHANNEL_VALIDATION, SM_CHANNEL_TEST or SM_CHANNEL_TESTING, SM_MODEL_DIR, SM_OUTPUT_DATA_DIR),
// then the base; without a base, ./data, ./model and ./output of the working directory. Channels
// are what inputdataconfig.json names; where it is missing, the folders and files below input/data.
//
// Throws UserError for a file that can't be understood, for channels that are missing, ambiguous,
// empty or of a mode that can't be read, and for several hosts; PlatformError where the
// configuration can't be read, is missing in a job that the platform started, or contradicts
// itself.
Environment read_environment(const Variables& variables, const DirectoryFlags& flags,
                             const std::filesystem::path& working_directory);

}  // namespace mlp
