#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/preprocessor.h"
#include "model/table.h"
#include "runtime/data/byte_source.h"
#include "runtime/data/json_records.h"
#include "runtime/data/read_channel.h"
#include "runtime/data/record_reader.h"

namespace mlp {

// Where a record stands, for messages: "record 3".
struct RecordPlace {
  std::string_view unit = "record";
  std::size_t number = 0;  // from 1
};

// Reads JSON records, an object each, whose keys are the names of the model's columns, in any
// order. Each column that the model uses has to be there; keys of others that the training file had
// are left aside, whatever they hold.
//
// A missing value is null or a text or number that is among the missing values. A number may be
// given as text too, as CSV has it. A number in a text column is its shortest text, 3 for 3.0; true
// and false are these words, and in a category those of its classes that are spelt True or TRUE.
class JsonRecordParser {
 public:
  // `name` is what messages call the text that the records are from. Columns without names are
  // called by their numbers, as Preprocessor has them. `options` has to outlive the parser.
  JsonRecordParser(std::string name, const PredictInputOptions& options);

  // Whether a record may have this key.
  bool knows(const std::string& key) const { return keys_.contains(key); }

  // Says in an empty table what its rows are: features where the preprocessor is plain, else
  // columns.
  void describe(Table& table) const;

  // Adds the row of one record to a table that describe() has filled in. Throws UserError, with
  // the place and the key, for what is wrong with it.
  void add(std::string_view record, const RecordPlace& place, Table& table);

 private:
  class Handler;

  // What a record's key means.
  struct Key {
    const InputColumn* input = nullptr;  // null: its value is left aside
    std::size_t index = 0;               // of the used column
    std::size_t last_row = 0;            // the last row that had it, from 1
  };

  [[noreturn]] void throw_missing_key(const std::string& key, const RecordPlace& place) const;

  std::string name_;
  const PredictInputOptions& options_;
  bool plain_ = false;
  std::vector<const InputColumn*> used_;
  std::vector<std::string> names_;  // of all columns
  std::unordered_map<std::string, Key> keys_;
  std::size_t row_ = 0;  // from 1
};

// Rows to predict from JSON records (runtime/data/json_records.h), as JsonRecordParser reads them.
class JsonReader final : public RecordReader {
 public:
  // Throws UserError where the model's columns have no names.
  JsonReader(std::unique_ptr<ByteSource> source, PredictInputOptions options);

  // As RecordReader says. Fills in the features where the preprocessor is plain, else the columns.
  std::size_t read(Table& table, std::size_t limit) override;

 private:
  JsonRecords records_;
  PredictInputOptions options_;
  JsonRecordParser parser_;
};

}  // namespace mlp
