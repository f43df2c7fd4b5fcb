#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/features.h"

namespace mlp {

// The values of a feature over some rows, in the units of the file.
struct FeatureSummary {
  std::string name;
  float min = 0;
  float max = 0;
  float mean = 0;
  bool constant = false;  // min equals max
};

// One summary for each feature over `rows`, of which there is at least one; for pixels a single one
// over all of them. `names` has one for each feature, or is empty: then they are numbered from 1.
std::vector<FeatureSummary> summarize(const FeatureView& features,
                                      std::span<const std::uint32_t> rows,
                                      std::span<const std::string> names);

}  // namespace mlp
