#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "model/column.h"
#include "runtime/data/missing_values.h"

namespace mlp {

// What becomes of the fields of one column of a file.
struct CsvSlot {
  enum class Kind : std::uint8_t {
    kSkipped,
    kFloat,   // a float of a row without gaps
    kNumber,  // of a Column of numbers; a missing value becomes NaN
    kText,    // of a Column of texts, missing values among them
  };

  Kind kind = Kind::kSkipped;
  std::size_t index = 0;  // of the float in its row, or of the Column
  // Whether a field that does not fit is a problem. If not it is a surprise: the column is of
  // another kind than it seemed.
  bool strict = false;
  float fill = std::numeric_limits<float>::quiet_NaN();  // kFloat: instead of a missing value
};

// What the rows of a file are like.
struct CsvRows {
  std::vector<CsvSlot> slots;  // one per column of the file
  std::size_t floats = 0;      // in a row
  std::size_t columns = 0;     // Columns
  char delimiter = ',';
  MissingValues missing = {};
  bool skip_blank_lines = true;  // else a blank line between rows is a problem
};

// What is wrong with a field or row.
struct CsvProblem {
  enum class Kind : std::uint8_t {
    kNone,
    kRagged,
    kOpenQuote,
    kBlankLine,
    kMissing,
    kNoNumber,
    kInfinite,
    kTooLarge,
  };

  Kind kind = Kind::kNone;
  const char* record = nullptr;  // where the row begins
  std::size_t column = 0;        // of the file, from 0
};

// The distinct texts of each Column that one worker has met, and their numbers in the table, from
// block to block.
struct CsvTexts {
  static constexpr std::uint32_t kUnknown = Column::kMissing - 1;  // not merged yet

  std::vector<TextPool> pools;
  std::vector<std::vector<std::uint32_t>> merged;  // may be shorter than the pools

  // Forgets the texts of columns that have very many, between blocks.
  void trim();
};

// The rows of a block. Kept from block to block, for its memory.
struct CsvPiece {
  // Of a Column: numbers, or codes into the pool of `texts`.
  struct Values {
    bool is_text = false;
    std::vector<double> numbers;
    std::vector<std::uint32_t> codes;
  };

  // The first `rows` rows and values are the block's; others are of no use.
  std::vector<float> floats;  // row-major
  std::vector<Values> columns;
  CsvTexts* texts = nullptr;
  std::size_t rows = 0;
  std::size_t lines = 0;  // of the text that was read, where there is no surprise
  // Of each column of the file, whether it is of another kind than it seemed: its values are of no
  // use then. A gap is a missing value in a row of floats.
  enum class Surprise : std::uint8_t { kNone, kGap, kText };
  std::vector<Surprise> surprises;
  CsvProblem problem;  // the first one, behind which nothing was read
  // Infinite and too large numbers, the first of each column: problems, unless the column turns out
  // to be texts.
  std::vector<CsvProblem> doubts;
  const char* end = nullptr;  // behind the last record that was read, and blank lines at the end
  const char* blank_line = nullptr;       // the first of these
  std::vector<std::uint32_t> separators;  // for read_csv_block() alone
};

// Reads at most `limit` rows of `block`, which begins with a record, into `piece`, whatever is in
// it, and `texts`, which has to outlive it. A problem in a field of a surprising column is none.
void read_csv_block(std::string_view block, const CsvRows& rows, std::size_t limit, CsvTexts& texts,
                    CsvPiece& piece);

// Whether the text says that a number is infinite.
bool is_infinity(std::string_view text);

}  // namespace mlp
