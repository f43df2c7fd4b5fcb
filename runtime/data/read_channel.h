#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/column_type.h"
#include "model/preprocessor.h"
#include "model/table.h"
#include "runtime/data/missing_values.h"
#include "runtime/data/record_reader.h"
#include "runtime/data/table_layout.h"

namespace mlp {

// What is known of a table from its training rows: others are read alike.
struct KnownTable {
  const Preprocessor& preprocessor;
  const TableLayout& layout;
  bool target_is_text = false;
};

struct ReadOptions {
  std::string content_type;  // of the channel; empty: decide by name, then by first bytes

  // Of CSV files.
  Header header = Header::kAuto;
  char delimiter = 0;   // 0: to be found
  ColumnChoice choice;  // also where there are arrays: they have no columns to choose
  MissingValues missing_values;
  // Asked for, by column: kNumber, kCategory, kBoolean or kDate.
  std::map<std::string, ColumnType> column_types;
  bool drop_missing_target = false;  // leave out rows without target; else they are an error
  // Whether a table of nothing but numbers, none missing, may be read as rows of float32.
  bool allow_plain = true;
  std::optional<KnownTable> known;  // of the training rows, where these are others
  std::size_t threads = 1;
  std::size_t size_bytes =
      0;  // of all files' text, as far as it is known, to make room for its rows

  // Called between chunks, at least every few MB; may throw to stop reading.
  std::function<void()> poll = [] {};
};

// What a channel is for decides which arrays of an .npz are its own.
enum class ChannelRole { kTraining, kValidation, kTest };

struct ChannelRows {
  Table rows;
  TableLayout layout;  // of CSV files
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
  std::vector<std::size_t> row_shape;          // what the model expects of arrays
  const Preprocessor* preprocessor = nullptr;  // of tables; not empty, outlives the reader
  // All columns of the training file, in its order, where that had a header: the order of rows
  // without one, which are refused where it is not known (empty) and columns have names.
  std::vector<std::string> file_columns;
  std::vector<std::string> target_names;  // dropped where a file names them; may be empty
  std::string weight_name;                // likewise
  // CSV without header that still has its target (and weight) where the training file had them, or
  // in front where that is not known.
  bool has_target = false;
  // How to ask for has_target, for messages.
  std::string label_advice = "add --label_size 1";
  Header header = Header::kAuto;
  char delimiter = 0;  // 0: to be found
  MissingValues missing_values;
  std::string array;  // of an .npz; empty: x, else x_test, else the only one
};

// Opens one CSV, JSON, .npy or .npz file for prediction. Rows stream: memory does not grow with the
// file. Of a table, rows hold the preprocessor's used columns, in its order: as features where it
// is plain, else as columns.
std::unique_ptr<RecordReader> open_records(const std::filesystem::path& file,
                                           const PredictInputOptions& options);

}  // namespace mlp
