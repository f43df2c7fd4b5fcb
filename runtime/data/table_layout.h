#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/missing_values.h"

namespace mlp {

// Whether the first line of a CSV file names its columns. kAuto: has_header() finds out.
enum class Header { kAuto, kYes, kNo };

// Which column of a table is what, as the user says it: by the header's names, or by numbers from 1
// (from -1 backwards) in files without header.
struct ColumnChoice {
  std::vector<std::string> targets = {};   // empty: the first column of files without header
  std::string weight = {};                 // empty: none
  std::vector<std::string> features = {};  // empty: all others
  std::vector<std::string> ignored = {};   // besides
};

// Which column of a table is what, in the table's own words: the names in its header, or "1", "2",
// ... in a file without one.
struct TableLayout {
  bool named = false;
  std::vector<std::string> columns;   // all, in the order of the (first) file
  std::vector<std::string> targets;   // in the order asked for
  std::string weight;                 // empty: none
  std::vector<std::string> features;  // of a header: in the order of their names
  std::vector<std::string> ignored;

  // The place of a column in `columns`; columns.size() where there is none.
  std::size_t find(std::string_view name) const;
  // Whether the features stand in the order of the file.
  bool in_file_order() const;
};

// "1" to "count".
std::vector<std::string> numbered_columns(std::size_t count);

// Whether `first_line` is a header. Under kAuto it is one if a column is asked for by a name; if
// none of its fields is a number or one of the words for a missing value, and none stands there
// twice; or if it counts 0, 1, 2, ... and a column is asked for.
bool has_header(const std::vector<std::string>& first_line, Header header,
                const ColumnChoice& choice, const MissingValues& missing);

// Names for a header's fields: those without one get pandas's "Unnamed: 0", by their place. Throws
// UserError, with `file`, for names that are no UTF-8 text and for one that stands there twice.
std::vector<std::string> header_names(const std::string& file, std::vector<std::string> fields);

// What the columns are. Features that have names are put into the order of their names, numbers in
// them by value ("x2" before "x10"), so that the order of a file's columns makes no difference.
// Throws UserError, with `file`, where a column that is asked for is not there, is to be two
// things, or no feature is left.
TableLayout choose_columns(const std::string& file, bool named, std::vector<std::string> columns,
                           const ColumnChoice& choice);

}  // namespace mlp
