#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "model/matrix.h"

namespace mlp {

// Embeddings: each of the last inputs of a row is the number of a category, which stands for a row
// of that input's table [categories, width]. Threads: any.

// A row of `x` comes as it is gathered: other inputs, then the number of a category for each of
// `tables`, as floats. It leaves as the first layer takes it, x.columns wide: the other inputs,
// then the tables' rows. `categories` [x.rows, tables.size()] receives the numbers, where it is not
// null. Tables have at least one row and one column. Throws std::logic_error at a number that no
// row of its table has.
void look_up(std::span<const ConstMatrix> tables, Matrix x, std::uint32_t* categories);

// The reverse: `gradients`, of the shapes of the tables, become the sums of the parts of dx [rows,
// sum of the widths] that belong to each category, over the rows in their order.
void look_up_backward(std::span<const Matrix> gradients, ConstMatrix dx,
                      const std::uint32_t* categories);

}  // namespace mlp
