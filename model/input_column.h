#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/column_type.h"
#include "model/date_time.h"
#include "model/number_scaler.h"

namespace mlp {

// What was learned about one column. Members that are not of its type keep their defaults.
struct InputColumn {
  std::string name;
  ColumnType type = ColumnType::kNumber;

  // Whether a training row misses it. Such a number, boolean or date has an indicator, a column
  // that is 1 where the value is missing; such a category has a class for it.
  bool has_missing = false;

  // kNumber: what stands for a missing value, the median of the training rows; NaN where a missing
  // value is an error. kDate: likewise for the year.
  double fill = 0;
  NumberScaler scaler;  // of numbers and years, once missing ones are filled

  // kBoolean
  std::string true_word;   // as the file writes it
  bool fill_true = false;  // what stands for a missing value

  // kDate: the format, and which parts vary over the training rows; the others are left out.
  DateFormat format = DateFormat::kYearMonthDayDashes;
  struct Parts {
    bool year = false;
    bool month = false;
    bool day = false;
    bool weekday = false;
    bool hour = false;

    bool operator==(const Parts&) const = default;
  } parts;

  // kCategory: its classes are `categories`, then missing where has_missing, then other (rare and
  // unseen ones) where has_other. Without a class for it, a value is no class at all.
  std::vector<std::string> categories;  // ascending by bytes
  bool has_other = false;               // some training row is rare; always, where embedded
  std::size_t embedding_width = 0;      // 0: one-hot

  bool embedded() const { return embedding_width > 0; }
  std::size_t classes() const {
    return categories.size() + (has_missing ? 1 : 0) + (has_other ? 1 : 0);
  }

  // Whether `text` can stand in this column: any of yes, no, true, false, y, n, t, f, 1 and 0 (in
  // any case) in a boolean, a date of its format in a date, and any text in a category.
  bool holds(std::string_view text) const;
  // What holds() takes, for messages: "a date like YYYY-MM-DD".
  std::string expected() const;

  nlohmann::ordered_json to_json() const;
  // Throws nlohmann::json::exception or std::range_error where `json` is none that to_json() gives.
  static InputColumn from_json(const nlohmann::ordered_json& json);
};

// A word of a boolean column: which of the pairs it belongs to, and which of the two it is.
struct BooleanWord {
  std::size_t pair = 0;
  bool value = false;
};

// Nothing where `text` is none of the words that holds() takes.
std::optional<BooleanWord> boolean_word(std::string_view text);

// The text that stands for `text` among categories: pandas writes integers with gaps between them
// as 3.0, which is the same as 3. Other texts stand for themselves.
std::string_view category_text(std::string_view text);

}  // namespace mlp
