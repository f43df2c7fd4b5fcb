#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model/column.h"
#include "model/features.h"

namespace mlp {

// A chunk of rows, the same for every format. Its features are either rows of numbers without gaps,
// in `features`, or columns of any kind, in `columns`.
struct Table {
  std::string source;                      // what messages call it: a file, or several
  std::vector<std::size_t> row_shape;      // {28, 28} for images, {8} for eight columns
  std::vector<std::string> feature_names;  // one per feature, or empty where the format names none
  std::vector<std::string> target_names;   // one per target column, or empty like feature_names
  std::string weight_name;                 // of the column of weights; empty where there is no name
  Features features;                       // product of row_shape wide; empty beside columns
  std::vector<Column> columns;             // of the same length each; empty beside features
  // One per target column, each with a value per row, or none. Text as soon as one field is no
  // number, each field as it stood.
  std::vector<Column> targets;
  std::vector<float> weights;  // one per row, finite and not negative; or none

  std::size_t rows() const { return columns.empty() ? features.rows() : columns[0].rows(); }
};

}  // namespace mlp
