#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "runtime/serving/json_cursor.h"
#include "runtime/serving/positional_rows.h"

namespace mlp {

// The shape of nested lists of equal lengths, like an array's.
struct ListShape {
  static constexpr std::size_t kMost = 16;  // levels

  std::array<std::size_t, kMost> extents = {};
  std::size_t levels = 0;

  std::span<const std::size_t> view() const { return {extents.data(), levels}; }
};

// Passes the list that begins at the cursor, of numbers or of such lists, and adds its numbers to
// `values`, in their order: the same floats as from CSV. Throws UserError, with the place in the
// list, for lists of different lengths, deeper than 16 levels, for what is no number, and for
// numbers beyond float32; `expected` is for its advice.
ListShape read_numbers(JsonCursor& cursor, std::vector<float>& values,
                       const PositionalRows& expected);

}  // namespace mlp
