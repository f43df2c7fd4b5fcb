#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "model/features.h"
#include "model/inference.h"
#include "model/loss.h"
#include "model/predictions.h"
#include "model/schema.h"
#include "model/team.h"

namespace mlp {

// Runs the rows of `features` named by `rows` through `network` on all of the team, and gives their
// predictions, with the mean of `loss` over them by the targets of all rows of `features`; where
// there are no targets of the kind that `loss` takes, without a loss. Sums are over fixed blocks of
// rows in their order, so that the result does not depend on the team's size.
//
// `give_up` is asked before each block, by any worker: where it says so, there is no result.
std::optional<Predictions> evaluate(
    const InferenceNetwork& network, Task task, const LossConfig& loss, const FeatureView& features,
    std::span<const std::uint32_t> rows, const Targets& targets, Team& team,
    const std::function<bool()>& give_up = [] { return false; });

}  // namespace mlp
