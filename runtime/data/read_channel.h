#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/table.h"
#include "runtime/data/record_reader.h"

namespace mlp {

// Whether the first line of a CSV file names its columns. kAuto: it does if a target or the weight
// column is given by name, or if no field of it is a number.
enum class Header { kAuto, kYes, kNo };

struct ReadOptions {
  Header header = Header::kAuto;
  std::vector<std::string>
      targets;                // column names; empty: the first column of files without header
  std::string weight_column;  // column name; empty: none
  std::string content_type;   // of the channel; empty: decide by name, then by first bytes
  // Called between chunks, at least every few MB; may throw to stop reading.
  std::function<void()> poll = [] {};
};

// What a channel is for decides which arrays of an .npz are its own.
enum class ChannelRole { kTraining, kValidation, kTest };

struct ChannelRows {
  Table rows;
  // x_test, y_test (and w_test) beside x_train, y_train (training channels only).
  std::optional<Table> test;
  bool is_csv = false;             // text, whose features are standardised by default
  std::vector<std::string> notes;  // worth a log line each: files that were ignored, and the like
};

// Reads all rows of a channel with their targets. `path` is a folder or one regular file.
ChannelRows read_channel(const std::filesystem::path& path, ChannelRole role,
                         const ReadOptions& options);

// How rows to predict are picked out of a file.
struct PredictInputOptions {
  std::vector<std::size_t> row_shape;      // what the model expects
  std::vector<std::string> feature_names;  // as above; may be empty
  std::vector<std::string> target_names;   // dropped where a header names them; may be empty
  std::string weight_name;                 // likewise
  bool first_column_is_target = false;     // CSV without header that still has its label in front
  Header header = Header::kAuto;
  std::string array;  // of an .npz; empty: x, else x_test, else the only one
};

// Opens one CSV, .npy or .npz file for prediction. Rows stream: memory does not grow with the file.
std::unique_ptr<RecordReader> open_records(const std::filesystem::path& file,
                                           const PredictInputOptions& options);

}  // namespace mlp
