#include "runtime/serving/positional_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "model/error.h"
#include "runtime/data/csv_reader.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

std::vector<std::size_t> without_ones(std::span<const std::size_t> shape) {
  std::vector<std::size_t> result;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(result),
               [](std::size_t extent) { return extent != 1; });
  return result;
}

// Whether `shape`, extents of 1 aside, is `packed` or `width` values in a row.
bool is_row(std::span<const std::size_t> shape, std::span<const std::size_t> packed,
            std::size_t width) {
  const auto is_one = [](std::size_t extent) { return extent == 1; };
  if (std::count_if(shape.begin(), shape.end(), std::not_fn(is_one)) == 1 &&
      *std::find_if_not(shape.begin(), shape.end(), is_one) == width) {
    return true;
  }
  std::size_t at = 0;
  for (const std::size_t extent : shape) {
    if (extent == 1) continue;
    if (at == packed.size() || packed[at] != extent) return false;
    ++at;
  }
  return at == packed.size();
}

}  // namespace

PositionalRows::PositionalRows(const PredictInputOptions& options) {
  const Preprocessor& preprocessor = *options.preprocessor;
  std::unordered_map<std::string, std::size_t> used;
  for (const InputColumn& input : preprocessor.columns())
    if (is_used(input.type)) used.emplace(input.name, used_++);
  row_shape_ = options.row_shape;
  std::size_t width = 1;
  for (const std::size_t extent : row_shape_) width *= extent;
  if (width != used_ || !preprocessor.is_plain()) row_shape_ = {used_};
  packed_ = without_ones(row_shape_);
  is_order_known_ = !preprocessor.named() || !options.file_columns.empty();

  PredictInputOptions unlabelled = options;
  unlabelled.has_target = false;
  for (const std::string& column : columns_by_place(unlabelled)) {
    const auto found = used.find(column);
    of_file_.used.push_back(found == used.end() ? PositionOrder::kLeftOut : found->second);
    if (found != used.end()) of_used_.used.push_back(found->second);
  }
  // A column that the file doesn't name can't be placed.
  is_order_known_ = is_order_known_ && of_used_.used.size() == used_;
  for (PositionOrder* const order : {&of_used_, &of_file_}) {
    order->is_identity =
        order->used.size() == used_ && std::is_sorted(order->used.begin(), order->used.end());
  }
}

PositionalRows::Reading PositionalRows::read(std::string_view place,
                                             std::span<const std::size_t> shape) const {
  if (std::find(shape.begin(), shape.end(), 0U) != shape.end()) {
    throw UserError(
        fmt::format("{}: the rows are empty: found the shape {}. Expected {}. Send at "
                    "least one row.",
                    place, shape_text(shape), expected()));
  }
  const auto reading = [&](std::span<const std::size_t> packed, const PositionOrder& order) {
    const std::size_t width = order.used.size();
    Reading found;
    if (shape.empty()) return found;
    if (is_row(shape.subspan(1), packed, width)) {
      found = {shape[0], &order};
    } else if (is_row(shape, packed, width)) {
      found = {1, &order};
    }
    return found;
  };
  Reading found = reading(packed_, of_used_);
  if (found.order == nullptr && of_file_.used.size() != used_)
    found = reading(without_ones(std::vector{of_file_.used.size()}), of_file_);
  if (found.order == nullptr) {
    throw UserError(
        fmt::format("{}: found values of shape {}. Expected {}, one or a list of them. "
                    "Reshape the values.",
                    place, shape_text(shape), expected()));
  }
  check_known(place);
  return found;
}

const PositionOrder* PositionalRows::order_of(std::string_view place, std::size_t width) const {
  check_known(place);
  if (width == used_) return &of_used_;
  return width == of_file_.used.size() ? &of_file_ : nullptr;
}

void PositionalRows::check_known(std::string_view place) const {
  if (is_order_known_) return;
  throw UserError(
      fmt::format("{}: the values have no names, and the order of the model's columns is not "
                  "known, since columns.json is not beside the model. Send JSON records by name, "
                  "or CSV with a header.",
                  place));
}

std::string PositionalRows::expected() const {
  if (row_shape_.size() > 1)
    return fmt::format("rows of shape {} or of {} values", shape_text(row_shape_), used_);
  if (of_file_.used.size() == used_) return fmt::format("rows of {} values", used_);
  return fmt::format(
      "rows of {} values (the columns that the model uses) or of {} (those of its "
      "training file, without the target)",
      used_, of_file_.used.size());
}

}  // namespace mlp
