#include "runtime/serving/npy_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "runtime/data/byte_source.h"
#include "runtime/data/npy.h"

namespace mlp {
namespace {

class NpyRows final : public RequestRows {
 public:
  NpyRows(const RowReading& reading, std::string_view body)
      : positions_(reading.positions), name_(kBodyName) {
    header_ = read_array_header(*view_source(name_, body));
    check_size(header_, name_, body.size());
    type_ = feature_type(header_, name_);
    found_ = positions_.read(name_, header_.shape);
    values_ = std::as_bytes(std::span(body)).subspan(header_.header_bytes);
  }

  bool next(Features& rows) override {
    if (done_ == found_.rows) return false;
    const std::size_t count = std::min(found_.rows - done_, kChunkRows);
    const std::size_t width = found_.order->used.size();
    const std::size_t row_bytes = width * header_.item_bytes;
    rows = {};
    rows.type = type_;
    rows.width = positions_.used();
    std::span<const std::byte> values = values_.subspan(done_ * row_bytes, count * row_bytes);
    std::vector<std::byte> in_order;
    if (header_.fortran_order && header_.shape.size() > 1) {
      // One row may be an array of many.
      const bool is_one = found_.rows == 1;
      in_order = is_one ? to_c_order(header_, values_) : to_c_order(header_, values_, done_, count);
      values = in_order;
    }
    append_features(header_, name_, values, done_ * width, rows);
    if (type_ == FeatureType::kUint8) {
      positions_.put_in_order(*found_.order, rows.bytes, 0);
    } else {
      positions_.put_in_order(*found_.order, rows.floats, 0);
    }
    done_ += count;
    return true;
  }

 private:
  const PositionalRows& positions_;
  std::string name_;
  ArrayHeader header_;
  FeatureType type_ = FeatureType::kFloat32;
  PositionalRows::Reading found_;
  std::span<const std::byte> values_;
  std::size_t done_ = 0;  // rows
};

}  // namespace

std::unique_ptr<RequestRows> npy_rows(const RowReading& reading, std::string_view body) {
  if (!reading.options.preprocessor->is_plain()) {
    throw UserError(fmt::format(
        "{}: the model was trained on a table with columns of text, dates or gaps, which an array "
        "can't hold. Send the rows as CSV, or as JSON records.",
        kBodyName));
  }
  return std::make_unique<NpyRows>(reading, body);
}

}  // namespace mlp
