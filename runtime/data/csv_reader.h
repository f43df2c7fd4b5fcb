#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/table.h"
#include "runtime/data/byte_source.h"
#include "runtime/data/csv_block.h"
#include "runtime/data/csv_text.h"
#include "runtime/data/read_channel.h"
#include "runtime/data/record_reader.h"

namespace mlp {

// The columns of rows without names, in their order: those of the training file without its target
// and weight, unless options.has_target. Those that are no feature may be empty. Of a model whose
// columns have names that order is known only if options.file_columns is.
std::vector<std::string> columns_by_place(const PredictInputOptions& options);

// Rows to predict from CSV text, without targets. With a header, columns are found by name.
class CsvReader final : public RecordReader {
 public:
  CsvReader(const CsvOpener& file, PredictInputOptions options);

  std::size_t read(Table& table, std::size_t limit) override;

 private:
  void plan(const std::vector<std::string>& first_line);
  void plan_by_name(const std::vector<std::string>& names);
  void plan_by_place(const std::vector<std::string>& first_line);
  bool first_line_is_header(const std::vector<std::string>& first_line) const;
  bool can_be_row(const std::vector<std::string>& fields) const;
  CsvSlot slot_of(std::size_t used) const;

  PredictInputOptions options_;
  std::vector<const InputColumn*> used_;
  CsvText text_;
  std::vector<std::string> names_;  // of the file's columns; empty without header
  CsvRows rows_;
  std::string_view block_;                 // what is left of it
  std::size_t line_ = 1;                   // in which block_ begins
  std::optional<std::size_t> blank_line_;  // one that no row may follow
  bool has_rows_ = false;
};

}  // namespace mlp
