#include "model/float_columns.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace mlp {

void for_each_column(const FeatureView& features, std::span<const std::uint32_t> rows,
                     const std::function<void(std::size_t, std::span<const float>)>& take) {
  if (features.type != FeatureType::kFloat32) throw std::logic_error("for_each_column");
  // As many columns are copied in one pass over the rows as share a line of the cache.
  constexpr std::size_t kTogether = 16;
  std::vector<float> columns(std::min(kTogether, features.width) * rows.size());
  for (std::size_t begin = 0; begin < features.width; begin += kTogether) {
    const std::size_t count = std::min(kTogether, features.width - begin);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float* const values = features.float_row(rows[i]) + begin;
      for (std::size_t j = 0; j < count; ++j) columns[j * rows.size() + i] = values[j];
    }
    for (std::size_t j = 0; j < count; ++j)
      take(begin + j, {columns.data() + j * rows.size(), rows.size()});
  }
}

}  // namespace mlp
