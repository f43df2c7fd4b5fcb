#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "model/input_column.h"
#include "runtime/data/csv_block.h"
#include "runtime/data/csv_text.h"

namespace mlp {

// Which block of which file is read now, to say where something stands. Owns nothing.
struct CsvPlace {
  const std::string& file;
  const std::vector<std::string>& names;  // of the columns; empty without header
  std::string_view block;
  std::size_t line;  // in which the block begins
  const CsvRows& rows;
  bool predicts = false;  // with what was learned of missing values, instead of learning it

  std::size_t line_of(const char* record) const;
  // "FILE, line N", and with a column "FILE, line N, column M ("NAME")".
  std::string row(const char* record) const;
  std::string field(const char* record, std::size_t column) const;

  std::vector<CsvField> fields(const char* record) const;
  // Where row `number` of the block begins. Reads the block up to there.
  const char* record(std::size_t number) const;
};

// The sentences of errors.
std::string blank_line_text(const std::string& file, std::size_t line);
std::string problem_text(const CsvPlace& place, const CsvProblem& problem, bool is_target);
[[noreturn]] void throw_no_rows(const std::string& file);

// The fields of a file's first record, which is left where it is; blank lines before it are
// skipped, and counted in `line`. Throws UserError for a file without any, and for a quote that is
// not closed.
std::vector<std::string> first_record(CsvText& text, std::size_t& line);
void skip_first_record(CsvText& text, std::size_t& line);

// Adds the rows of a piece's Column `index` to `to`. `file_column` and `input` (what the model
// knows of the column; may be null) serve to refuse a text: throws UserError for one that is no
// UTF-8, or that `input` can't hold.
void merge_column(const CsvPiece& piece, std::size_t index, Column& to, const CsvPlace& place,
                  std::size_t file_column, const InputColumn* input);

}  // namespace mlp
