#include "model/column_type.h"

#include <array>
#include <utility>

namespace mlp {
namespace {

constexpr std::array<std::pair<ColumnType, std::string_view>, 7> kNames = {{
    {ColumnType::kNumber, "number"},
    {ColumnType::kCategory, "category"},
    {ColumnType::kBoolean, "boolean"},
    {ColumnType::kDate, "date"},
    {ColumnType::kId, "id"},
    {ColumnType::kConstant, "constant"},
    {ColumnType::kIgnored, "ignored"},
}};

}  // namespace

std::string_view type_name(ColumnType type) {
  return kNames[static_cast<std::size_t>(type)].second;
}

std::optional<ColumnType> find_type(std::string_view name) {
  for (const auto& [type, known] : kNames) {
    if (known == name) return type;
  }
  return std::nullopt;
}

}  // namespace mlp
