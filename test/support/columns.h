#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/column.h"

namespace mlp::test {

Column numbers(std::string name, std::vector<double> values);

// An empty text is a missing one.
Column texts(std::string name, const std::vector<std::string>& values);

// The distinct texts of a column by their numbers.
std::vector<std::string> texts_of(const Column& column);

// The text of each row; a missing one is empty.
std::vector<std::string> text_by_row(const Column& column);

// 0, 1, ..., rows - 1.
std::vector<std::uint32_t> first(std::size_t rows);

}  // namespace mlp::test
