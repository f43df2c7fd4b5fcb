#include "model/embedding.h"

#include <algorithm>
#include <stdexcept>

namespace mlp {
namespace {

std::uint32_t category(float number, std::size_t categories) {
  // What is no number fails the comparison.
  if (!(number >= 0 && static_cast<double>(number) < static_cast<double>(categories))) {
    throw std::logic_error("look_up: a category that its table does not have");
  }
  return static_cast<std::uint32_t>(number);
}

}  // namespace

void look_up(std::span<const ConstMatrix> tables, Matrix x, std::uint32_t* categories) {
  std::size_t others = x.columns;
  for (const ConstMatrix& table : tables) others -= table.columns;
  for (std::size_t row = 0; row < x.rows; ++row) {
    // From the last one on: a table's row ends at or behind its number, and never reaches the
    // numbers before it.
    float* const numbers = x.row(row) + others;
    float* end = x.row(row) + x.columns;
    for (std::size_t i = tables.size(); i-- > 0;) {
      const std::uint32_t found = category(numbers[i], tables[i].rows);
      if (categories != nullptr) categories[row * tables.size() + i] = found;
      end -= tables[i].columns;
      std::copy_n(tables[i].row(found), tables[i].columns, end);
    }
  }
}

void look_up_backward(std::span<const Matrix> gradients, ConstMatrix dx,
                      const std::uint32_t* categories) {
  for (const Matrix& table : gradients) {
    for (std::size_t row = 0; row < table.rows; ++row)
      std::fill_n(table.row(row), table.columns, 0.0F);
  }
  for (std::size_t row = 0; row < dx.rows; ++row) {
    const float* from = dx.row(row);
    for (const Matrix& table : gradients) {
      float* const to = table.row(*categories++);
      for (std::size_t j = 0; j < table.columns; ++j) to[j] += *from++;
    }
  }
}

}  // namespace mlp
