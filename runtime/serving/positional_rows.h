#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/read_channel.h"
#include "runtime/serving/request_error.h"

namespace mlp {

// The rows of a large body that are in memory at once.
inline constexpr std::size_t kChunkRows = 4096;

// Which value of a row without names belongs to which of the model's used columns.
struct PositionOrder {
  static constexpr std::size_t kLeftOut = std::numeric_limits<std::size_t>::max();

  std::vector<std::size_t> used;  // of each value, the number of its column, or kLeftOut
  bool is_identity = true;
};

// What the rows of a model are like where their values have no names: lists in JSON, and arrays.
//
// A row has the model's shape, or is flat. A table's row is flat and has a value for each column
// that the model uses, or for each column of the training file but target and weight, in the order
// of that file.
class PositionalRows {
 public:
  explicit PositionalRows(const PredictInputOptions& options);

  std::size_t used() const { return used_; }

  struct Reading {
    std::size_t rows = 0;
    const PositionOrder* order = nullptr;  // of each row's values
  };

  // What a list or array of this shape means: rows of the shape S or of F values, or one of them;
  // extents of 1 don't matter, beside the first. Where it can be both it is several rows. Throws
  // UserError, which begins with `place`, for an empty shape, for any other, and where the order of
  // the columns is not known.
  Reading read(std::string_view place, std::span<const std::size_t> shape) const;

  // The order of a flat row of `width` values; null where it is none.
  const PositionOrder* order_of(std::string_view place, std::size_t width) const;

  // Puts rows that begin at `first` of `values` into the model's order.
  template <typename T>
  void put_in_order(const PositionOrder& order, std::vector<T>& values, std::size_t first) const {
    if (order.is_identity) return;
    const std::size_t width = order.used.size();
    const std::size_t rows = (values.size() - first) / width;
    std::vector<T> row(used_);
    for (std::size_t i = 0; i < rows; ++i) {
      const T* const from = values.data() + first + i * width;
      for (std::size_t position = 0; position < width; ++position) {
        if (order.used[position] != PositionOrder::kLeftOut)
          row[order.used[position]] = from[position];
      }
      std::copy(row.begin(), row.end(),
                values.begin() + static_cast<std::ptrdiff_t>(first + i * used_));
    }
    values.resize(first + rows * used_);
  }

  // What read() takes, for messages: "rows of shape (28, 28) or of 784 numbers".
  std::string expected() const;

 private:
  void check_known(std::string_view place) const;

  std::size_t used_ = 0;                // columns, or values of an array's row
  std::vector<std::size_t> row_shape_;  // of a table {used_}
  std::vector<std::size_t> packed_;     // the same without extents of 1
  PositionOrder of_used_;
  PositionOrder of_file_;
  bool is_order_known_ = true;
};

}  // namespace mlp
