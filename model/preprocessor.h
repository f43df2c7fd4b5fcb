#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/column.h"
#include "model/column_type.h"
#include "model/features.h"
#include "model/input_column.h"
#include "model/number_scaler.h"
#include "model/weights.h"

namespace mlp {

struct PreprocessorConfig {
  Scaling scaling = Scaling::kStandard;
  std::map<std::string, ColumnType> types;  // asked for, by column: kNumber, kCategory, kBoolean or
                                            // kDate
  std::size_t max_one_hot = 64;        // classes of a category; one with more of them is embedded
  std::size_t min_category_rows = 2;   // training rows, at least 1; with fewer a category is rare
  bool named = true;                   // columns are named by a header, else numbered from 1
  std::vector<std::string> ignored;    // columns that were not read, to be remembered as kIgnored
  std::vector<std::size_t> set_aside;  // numbers from 1 of the target and weight columns in a file
                                       // without header
};

// Where rows come from, for messages.
struct RowsPlace {
  std::string_view source;    // of the rows; may be empty
  std::size_t first_row = 0;  // how many rows of it came before these
};

// What has been learned about the columns of a table, and turns rows into what the network sees:
// fitted on training rows, saved with the model, and applied to all others.
//
// The encoded row, in this order, where "in order" is that of columns():
//
//   numbers  of each number and date in order: a number, scaled; of a date the year, scaled, then
//            the sine and cosine of month, day, weekday and hour, as parts of 12, 31, 7 and 24.
//            The angle of January, the 1st, Monday and midnight is 0.
//   ones     0 or 1, in order: of a number or date its indicator; of a boolean its indicator, then
//            whether it is true; of a category that is not embedded each of its classes
//   indices  of each embedded category in order: the number of its class
//
// A missing number or year becomes the median of the training rows, and is scaled like others; a
// missing date's sines and cosines are 0; a missing boolean becomes the more frequent value. So
// does scikit-learn's ColumnTransformer of SimpleImputer(strategy="median", add_indicator=True) and
// a scaler, and of OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=...).
//
// Const members may be called by many threads at once.
class Preprocessor {
 public:
  // Without columns: for arrays, whose values have no types.
  Preprocessor() = default;

  // Finds the type of each column from all of its rows, and fits what it takes to encode it on
  // `rows`, the training rows, at least one. Adds to `notes` a sentence for each kind of column
  // that is left out, and for what else may surprise. Throws UserError for types that were asked
  // for and don't fit, and where no column is left.
  static Preprocessor fit(std::span<const Column> columns, std::span<const std::uint32_t> rows,
                          const PreprocessorConfig& config, std::vector<std::string>& notes);

  // The same for columns of numbers of which none is missing, as rows of kFloat32. Requires a
  // scaling other than kQuantile, and no other type than kNumber asked for.
  static Preprocessor fit_plain(const std::vector<std::string>& names, const FeatureView& floats,
                                std::span<const std::uint32_t> rows,
                                const PreprocessorConfig& config, std::vector<std::string>& notes);

  // For `width` columns of numbers, of which nothing is known and none may be missing. They are
  // numbered from 1 where there are no names.
  static Preprocessor plain(std::vector<std::string> names, std::size_t width);

  bool empty() const { return columns_.empty(); }
  bool named() const { return named_; }
  const std::vector<std::size_t>& set_aside() const { return set_aside_; }

  // All columns: those given to fit(), in their order, then the ignored ones.
  const std::vector<InputColumn>& columns() const { return columns_; }

  // Whether encoded rows are kFloat32 rows of the used columns as they stand: numbers, none missing
  // in the training rows, to be scaled by a Standardizer behind it if at all.
  bool is_plain() const { return plain_; }

  // Of the encoded row.
  std::size_t width() const { return width_; }
  // One for each column of the encoded row: "NAME" of numbers and indices, "NAME=year",
  // "NAME=month_sin", "NAME=month_cos", ... of dates, "NAME=yes" of a boolean, whose word it is,
  // "NAME=value" and "NAME=other" of categories, and "NAME=missing".
  std::vector<std::string> encoded_names() const;
  // One for each of the indices.
  std::vector<EmbeddingConfig> embeddings() const;

  // Encodes the used columns of a table: one for each of columns() that is_used(), in that order,
  // of the same length each; texts for categories, booleans and dates. Gives kFloat32 rows where
  // is_plain(), else kCoded ones. Throws UserError for a text that its column can't hold, a
  // missing value where that is an error, and a number that float32 can't hold; the latter two by
  // their row.
  Features encode(std::span<const Column> columns, const RowsPlace& place = {}) const;

  // kFloat32 rows with a value for each column that was given to fit_plain(), without those of the
  // columns that are left out.
  Features take_used(Features all) const;

  nlohmann::ordered_json to_json() const;
  // Throws nlohmann::json::exception or std::range_error where `json` is none that to_json() gives.
  static Preprocessor from_json(const nlohmann::ordered_json& json);

 private:
  void finish();

  std::vector<InputColumn> columns_;
  Scaling scaling_ = Scaling::kNone;
  bool named_ = false;
  std::vector<std::size_t> set_aside_;
  // What follows from these:
  bool plain_ = false;
  std::size_t width_ = 0;
  CodedLayout layout_;
};

}  // namespace mlp
