#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "runtime/data/array_bundle.h"
#include "runtime/data/compression.h"
#include "runtime/data/csv_reader.h"
#include "runtime/data/file_format.h"
#include "runtime/data/json_reader.h"
#include "runtime/data/read_channel.h"
#include "runtime/data/wording.h"
#include "runtime/system/files.h"

namespace mlp {
namespace {

std::shared_ptr<const ArrayFile> choose_array(const ArrayBundle& bundle,
                                              const std::string& wanted) {
  if (!wanted.empty()) {
    const auto found = bundle.arrays.find(wanted);
    if (found != bundle.arrays.end()) return found->second;
    throw UserError(
        fmt::format("{}: there is no array named {}. The arrays are: {}. Name one of these.",
                    bundle.name, in_quotes(wanted), bundle.contents()));
  }
  for (const char* name : {"x", "x_test"}) {
    const auto found = bundle.arrays.find(name);
    if (found != bundle.arrays.end()) return found->second;
  }
  if (bundle.arrays.size() == 1) return bundle.arrays.begin()->second;
  throw UserError(
      fmt::format("{}: expected rows to predict in an array named x or x_test, or in the only one. "
                  "The arrays are: {}. Rename the one that is meant.",
                  bundle.name, bundle.contents()));
}

// How many rows of `row_shape` the array's shape means: [N, row_shape...], [N, product], or one row
// as row_shape or [product].
std::size_t count_rows(const std::string& name, const std::vector<std::size_t>& shape,
                       const std::vector<std::size_t>& row_shape) {
  std::size_t width = 1;
  for (const std::size_t extent : row_shape) width *= extent;
  if (shape == row_shape || shape == std::vector{width}) return 1;
  if (!shape.empty() &&
      std::equal(shape.begin() + 1, shape.end(), row_shape.begin(), row_shape.end())) {
    return shape[0];
  }
  if (shape.size() == 2 && shape[1] == width) return shape[0];
  std::vector<std::string> extents = {"rows"};
  for (const std::size_t extent : row_shape) extents.push_back(fmt::to_string(extent));
  throw UserError(
      fmt::format("{}: the array has the shape {}. Expected rows as the model was trained on, "
                  "shape ({}), or (rows, {}). Reshape the array.",
                  name, shape_text(shape), fmt::join(extents, ", "), width));
}

// Whether the model's columns are those of rows without header, in their order.
bool in_order_of_places(const PredictInputOptions& options) {
  if (!options.preprocessor->named()) return true;
  TableLayout layout;
  layout.columns = options.file_columns;
  for (const InputColumn& input : options.preprocessor->columns())
    if (is_used(input.type)) layout.features.push_back(input.name);
  return layout.in_file_order();
}

}  // namespace

std::unique_ptr<RecordReader> open_records(const std::filesystem::path& file,
                                           const PredictInputOptions& options) {
  const std::string name = shortened_path(file.string());
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    throw UserError(fmt::format("{}: the file to predict does not exist. Check the path.", name));
  }
  if (std::filesystem::is_directory(file, error)) {
    throw UserError(
        fmt::format("{}: expected a file with rows to predict, found a folder. Name one .csv, "
                    ".json, .npy or .npz file.",
                    name));
  }
  const FileFormat format = record_format(file);
  if (format == FileFormat::kCsv) {
    return std::make_unique<CsvReader>(
        [file, name] { return decompressed(file_source(file, name)); }, options);
  }
  if (format == FileFormat::kJson) {
    return std::make_unique<JsonReader>(decompressed(file_source(file, name)), options);
  }
  if (format == FileFormat::kOther) {
    throw UserError(
        fmt::format("{}: the file's format is not supported yet. Expected CSV or JSON, compressed "
                    "by gzip or zstd or not, .npy or .npz.",
                    name));
  }
  if (!options.preprocessor->is_plain()) {
    throw UserError(
        fmt::format("{}: the model was trained on a table with columns of text, dates or gaps, "
                    "which an array can't hold. Give the rows as CSV, or as JSON records.",
                    name));
  }
  if (!in_order_of_places(options)) {
    throw UserError(fmt::format(
        "{}: the columns of an array have no names, and the model's stand in another order than in "
        "its training file. Give the rows as CSV, or as JSON records.",
        name));
  }
  std::shared_ptr<const ArrayFile> array;
  if (format == FileFormat::kNpz) {
    array = choose_array(open_npz(file, name), options.array);
  } else {
    ArrayBundle bundle{.name = name, .arrays = {}};
    add_npy(bundle, "x", file, name);
    array = bundle.arrays.begin()->second;
  }
  const ArrayHeader header = array->header();
  feature_type(header, array->name());
  const std::size_t rows = count_rows(array->name(), header.shape, options.row_shape);
  return stream_features(std::move(array), rows, options.row_shape, name);
}

}  // namespace mlp
