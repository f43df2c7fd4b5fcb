#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "model/features.h"
#include "model/inference.h"
#include "model/predictions.h"
#include "model/schema.h"
#include "model/team.h"

namespace mlp {

// Runs the rows of `features` named by `rows` through `network` on all of the team. classes[r] or
// values[r] is the target of row r of `features`; both null: no loss. Sums are over fixed blocks of
// rows in their order, so that the result does not depend on the team's size.
//
// `give_up` is asked before each block, by any worker: where it says so, there is no result.
std::optional<Predictions> evaluate(
    const InferenceNetwork& network, Task task, const FeatureView& features,
    std::span<const std::uint32_t> rows, const std::int32_t* classes, const float* values,
    Team& team, const std::function<bool()>& give_up = [] { return false; });

}  // namespace mlp
