#pragma once

#include <optional>
#include <string_view>

namespace mlp {

// What a column of a table is taken as.
enum class ColumnType {
  kNumber,
  kCategory,
  kBoolean,
  kDate,
  kId,        // left out: texts of which no two rows have the same
  kConstant,  // left out: the same in all training rows
  kIgnored,   // left out: asked for
};

// What users and files call it: "number", "category", "boolean", "date", "id", "constant",
// "ignored".
std::string_view type_name(ColumnType type);
std::optional<ColumnType> find_type(std::string_view name);

// Whether predictions depend on such a column.
constexpr bool is_used(ColumnType type) {
  return type != ColumnType::kId && type != ColumnType::kConstant && type != ColumnType::kIgnored;
}

// Whether such a column is read as texts, if it is used.
constexpr bool is_text_type(ColumnType type) { return type != ColumnType::kNumber; }

}  // namespace mlp
