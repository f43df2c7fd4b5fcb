#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/activation.h"
#include "model/history.h"
#include "model/precision.h"
#include "model/preprocessor.h"
#include "model/schema.h"
#include "model/weights.h"

namespace mlp {

// Everything needed to predict, and what tells where it came from. It holds no path, host, time or
// count of workers, so that equal runs give equal bytes.
struct Artifact {
  Schema schema;
  Preprocessor preprocessor;  // of tables: what it encodes has the schema's width; else empty
  // The texts that mean a missing value in the files of a table, where they are not the usual ones.
  std::optional<std::vector<std::string>> missing_values;
  // Of each feature over the training rows; both empty where features are taken as they are,
  // as they have to be with embeddings.
  std::vector<float> mean;
  std::vector<float> variance;  // 1 for a constant feature
  double drop_rate = 0;  // after each hidden layer while training; for Keras's description only
  Activation activation = Activation::kRelu;
  // Where there are embeddings, rows have one dimension and end in the numbers of categories.
  // Hidden layers end in the activation; the last one gives logits, or values in original units.
  Weights weights;
  nlohmann::ordered_json hyperparameters = nlohmann::ordered_json::object();  // as used, by name
  std::size_t num_threads = 1;
  PrecisionChoice precision;  // of training; prediction is in float32
  History history;
  // Of this program and its libraries, by name.
  nlohmann::ordered_json versions = nlohmann::ordered_json::object();
};

// The version of the group "mlp" in the files that this program writes, and the newest it reads.
inline constexpr std::int64_t kArtifactFormatVersion = 3;

// The bytes of model.h5, as docs/artifact.md describes them. Equal artifacts give equal bytes.
std::string to_bytes(const Artifact& artifact);

// The reverse. `name` is what messages call the file. Throws UserError for bytes that are no such
// file, are cut short or inconsistent, or have a newer format version (naming both versions).
Artifact artifact_from_bytes(std::string_view bytes, std::string_view name);

}  // namespace mlp
