#pragma once

#include <filesystem>
#include <string>

#include "entrypoint/command_line.h"
#include "runtime/sagemaker/environment.h"

namespace mlp {

// What is left behind by a process that ends well, or fails by its user, by its command line, or by
// us.
inline constexpr int kSuccess = 0;
inline constexpr int kUserError = 1;
inline constexpr int kUsageError = 2;
inline constexpr int kInternalError = 3;

inline constexpr const char* kModelFile = "model.h5";

// Each carries out one command and returns. Relative paths start from `working_directory`; what
// goes wrong is thrown as UserError, PlatformError or UsageError.

// Contract -> data -> trainer -> model.h5, then prediction.csv, evaluation.json, metrics.json and
// history.csv. A stop signal or max_runtime_seconds ends it early and well, once a first step is
// done. With --check nothing is trained or written: what would be goes to stdout.
void train_command(const CommandLine& line, const Variables& variables,
                   const std::filesystem::path& working_directory);

// Predictions for the rows of one file, as CSV: labels and probabilities, or values.
void predict_command(const CommandLine& line, const Variables& variables,
                     const std::filesystem::path& working_directory);

// Answers requests for the model over HTTP, until a stop signal: then those on the way.
void serve_command(const CommandLine& line, const Variables& variables,
                   const std::filesystem::path& working_directory);

// Hyperparameters and metric definitions from the tables that the code uses, in the format asked
// for.
void describe_command(const CommandLine& line);

// "mlp 0.1.0 (oneDNN 2.6.3 avx512_core, HDF5 1.10.8, avx512)"
std::string version_text();

// "0.1.0"
std::string program_version();

}  // namespace mlp
