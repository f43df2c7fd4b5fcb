#include "model/input_column.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "model/wording.h"

namespace mlp {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kMostEmbeddingWidth = 50;

// True, then false.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kWords = {
    {{"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"1", "0"}}};

void require(bool holds, const char* otherwise) {
  if (!holds) throw std::range_error(otherwise);
}

std::vector<std::pair<const char*, bool InputColumn::Parts::*>> part_names() {
  return {{"year", &InputColumn::Parts::year},
          {"month", &InputColumn::Parts::month},
          {"day", &InputColumn::Parts::day},
          {"weekday", &InputColumn::Parts::weekday},
          {"hour", &InputColumn::Parts::hour}};
}

double fill_from_json(const Json& json) {
  if (json.is_null()) return std::numeric_limits<double>::quiet_NaN();
  const auto fill = json.get<double>();
  require(std::isfinite(fill), "what stands for a missing value is no number");
  return fill;
}

Json fill_to_json(double fill) { return std::isnan(fill) ? Json() : Json(fill); }

}  // namespace

std::optional<BooleanWord> boolean_word(std::string_view text) {
  constexpr std::size_t kLongest = 5;
  text = category_text(text);
  if (text.size() > kLongest) return std::nullopt;
  const std::string word = lower_case(text);
  for (std::size_t pair = 0; pair < kWords.size(); ++pair) {
    if (word == kWords[pair].first) return BooleanWord{pair, true};
    if (word == kWords[pair].second) return BooleanWord{pair, false};
  }
  return std::nullopt;
}

std::string_view category_text(std::string_view text) {
  if (!text.ends_with(".0")) return text;
  const std::string_view integer = text.substr(0, text.size() - 2);
  const std::string_view digits = integer.substr(integer.starts_with('-') ? 1 : 0);
  const bool is_integer =
      !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
  return is_integer ? integer : text;
}

bool InputColumn::holds(std::string_view text) const {
  switch (type) {
    case ColumnType::kBoolean:
      return boolean_word(text).has_value();
    case ColumnType::kDate:
      return parse_date_time(text, format).has_value();
    default:
      return true;
  }
}

std::string InputColumn::expected() const {
  switch (type) {
    case ColumnType::kNumber:
      return "a number";
    case ColumnType::kBoolean:
      return "true or false, yes or no, y or n, t or f, 1 or 0";
    case ColumnType::kDate:
      return fmt::format("a {} like {}", format == DateFormat::kTime ? "time" : "date",
                         date_format_name(format));
    default:
      return "a text";
  }
}

Json InputColumn::to_json() const {
  Json json = {{"name", name}, {"type", type_name(type)}};
  if (!is_used(type)) return json;
  json["has_missing"] = has_missing;
  switch (type) {
    case ColumnType::kNumber:
      json["fill"] = fill_to_json(fill);
      json["scaler"] = scaler.to_json();
      break;
    case ColumnType::kBoolean:
      json["true_word"] = true_word;
      json["fill"] = fill_true;
      break;
    case ColumnType::kDate: {
      json["format"] = date_format_name(format);
      Json names = Json::array();
      for (const auto& [part, member] : part_names()) {
        if (parts.*member) names.push_back(part);
      }
      json["parts"] = std::move(names);
      json["fill"] = fill;
      json["scaler"] = scaler.to_json();
      break;
    }
    default:
      json["categories"] = categories;
      json["has_other"] = has_other;
      json["embedding_width"] = embedding_width;
      break;
  }
  return json;
}

InputColumn InputColumn::from_json(const Json& json) {
  InputColumn column;
  json.at("name").get_to(column.name);
  require(!column.name.empty(), "a column has no name");
  const std::optional<ColumnType> type = find_type(json.at("type").get<std::string>());
  require(type.has_value(), "a column's type is none that is known");
  column.type = *type;
  if (!is_used(column.type)) return column;
  json.at("has_missing").get_to(column.has_missing);
  switch (column.type) {
    case ColumnType::kNumber:
      column.fill = fill_from_json(json.at("fill"));
      column.scaler = NumberScaler::from_json(json.at("scaler"));
      break;
    case ColumnType::kBoolean: {
      json.at("true_word").get_to(column.true_word);
      const std::optional<BooleanWord> word = boolean_word(column.true_word);
      require(word && word->value, "a boolean's word is none for true");
      json.at("fill").get_to(column.fill_true);
      break;
    }
    case ColumnType::kDate: {
      const auto format = find_date_format(json.at("format").get<std::string>());
      require(format.has_value(), "a date's format is none that is known");
      column.format = *format;
      for (const Json& name : json.at("parts")) {
        bool known = false;
        for (const auto& [part, member] : part_names()) {
          if (name != part) continue;
          column.parts.*member = known = true;
        }
        require(known, "a part of a date is none that is known");
      }
      require(column.has_missing || column.parts != Parts{}, "a date has no part that varies");
      column.fill = fill_from_json(json.at("fill"));
      require(!std::isnan(column.fill), "a date has nothing that stands for a missing value");
      column.scaler = NumberScaler::from_json(json.at("scaler"));
      break;
    }
    default: {
      std::vector<std::string>& categories = column.categories;
      json.at("categories").get_to(categories);
      require(!categories.empty() && std::adjacent_find(categories.begin(), categories.end(),
                                                        std::greater_equal<>()) == categories.end(),
              "categories do not ascend");
      for (const std::string& category : categories)
        require(category_text(category) == category, "a category is written in a second way");
      json.at("has_other").get_to(column.has_other);
      require(json.at("embedding_width").is_number_unsigned(), "an embedding has no width");
      json.at("embedding_width").get_to(column.embedding_width);
      require(column.embedding_width <= kMostEmbeddingWidth, "an embedding is too wide");
      require(column.has_other || !column.embedded(), "an embedding has no class for others");
      require(column.classes() > 1, "a category has one class alone");
      break;
    }
  }
  return column;
}

}  // namespace mlp
