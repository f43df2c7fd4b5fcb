#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "model/column.h"
#include "model/column_type.h"
#include "model/input_column.h"
#include "model/number_scaler.h"

namespace mlp {

// Why a column is left out.
enum class LeftOut {
  kOneValue,  // in all training rows
  kNoValue,   // in the training rows
  kId,        // no text stands in two rows
  kRare,      // each text stands in too few training rows
};

struct ColumnFitConfig {
  std::optional<ColumnType> asked;       // kNumber, kCategory, kBoolean or kDate
  Scaling scaling = Scaling::kStandard;  // of years
  std::size_t max_one_hot = 64;
  std::size_t min_category_rows = 2;
};

struct ColumnFit {
  InputColumn column;
  std::optional<LeftOut> left_out;
  std::string note;  // what may surprise, as a sentence; or empty
};

// Finds a column's type from all of its rows, and what belongs to the type from `rows` alone, at
// least one. The scaler of a number stays as it is by default. Throws UserError where a type that
// was asked for does not fit.
ColumnFit fit_column(const Column& column, std::span<const std::uint32_t> rows,
                     const ColumnFitConfig& config);

// The scaler of a number that fit_column() fitted on the same rows.
NumberScaler fit_scaler(const Column& column, std::span<const std::uint32_t> rows, Scaling scaling,
                        double fill);

// A column of numbers as one of their shortest texts; one of texts as it is.
Column as_text(const Column& column);

}  // namespace mlp
