#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "runtime/sagemaker/environment.h"

namespace mlp {

// What the command line of mlp serve says; each goes before its variable.
struct ServingFlags {
  std::optional<std::string> model_dir = std::nullopt;
  std::optional<std::string> host = std::nullopt;
  std::optional<std::string> port = std::nullopt;
};

// Everything that a server learns from the place it runs in.
struct ServingEnvironment {
  std::filesystem::path model_dir;
  std::string host = "0.0.0.0";  // an address to listen on
  std::uint16_t port = 8080;     // 0: any that is free
  std::optional<std::size_t> workers;
  bool is_batch = false;                      // a batch transform job's container
  std::size_t most_body_bytes = 100U << 20U;  // of a request
  std::size_t transform_megabytes = 6;        // what a batch job is advised to send at once
  std::size_t most_waiting = 1024;            // requests that wait for a thread
  std::size_t most_buffered_bytes = std::size_t{2} << 30U;  // of all requests' bodies together
  std::string default_accept;    // the form of answers where no one asks for one
  std::string inference_output;  // a comma list of fields; empty: none
  double header_timeout_seconds = 60;
  double body_timeout_seconds = 60;
  double idle_timeout_seconds = 600;  // of a connection that is kept
  double summary_seconds = 60;        // between lines of the log that sum up the requests
  int log_level = 20;                 // Python's numbers
};

// Reads the flags and the variables SAGEMAKER_BIND_TO_PORT, SAGEMAKER_MODEL_SERVER_WORKERS,
// SAGEMAKER_BATCH, SAGEMAKER_MAX_PAYLOAD_IN_MB, SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT,
// SAGEMAKER_INFERENCE_OUTPUT, SM_LOG_LEVEL, else SAGEMAKER_CONTAINER_LOG_LEVEL (other levels than
// Python's are left aside), MLP_MOST_WAITING_REQUESTS, MLP_MOST_BUFFERED_MB,
// MLP_HEADER_TIMEOUT_SECONDS, MLP_BODY_TIMEOUT_SECONDS, MLP_IDLE_TIMEOUT_SECONDS and
// MLP_SUMMARY_SECONDS. Throws UserError, with the name of the flag or the variable, for any other
// value that can't be meant.
ServingEnvironment read_serving_environment(const Variables& variables, const ServingFlags& flags,
                                            const std::filesystem::path& working_directory);

}  // namespace mlp
