#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "model/features.h"

namespace mlp {

// Calls `take(column, values)` for each column of kFloat32 rows, in order, with a copy of its
// values over `rows`, in their order, which `take` may change.
void for_each_column(const FeatureView& features, std::span<const std::uint32_t> rows,
                     const std::function<void(std::size_t, std::span<const float>)>& take);

}  // namespace mlp
