#pragma once

#include <cstddef>

#include "model/table.h"

namespace mlp {

// A source of rows in some format, read once from start to end.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // Appends rows to `table` until `limit` more of them are there or the source ends; returns how
  // many came. Fills in the table's names and row shape. Throws UserError, with file and place, at
  // the first malformed value.
  virtual std::size_t read(Table& table, std::size_t limit) = 0;
};

}  // namespace mlp
