#pragma once

#include <cstdint>
#include <span>

#include "model/features.h"
#include "model/matrix.h"

namespace mlp {

// Row i of `to` becomes row rows[i] of `features` as the network sees it: pixels as value / 255,
// coded rows expanded. `to` has a row per index, features.width columns.
void gather(const FeatureView& features, std::span<const std::uint32_t> rows, Matrix to);

}  // namespace mlp
