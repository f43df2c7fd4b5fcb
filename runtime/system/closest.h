#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mlp {

// The candidate that `name` is most likely a misspelling of: the one that the fewest insertions,
// deletions, replacements and swaps of neighbours lead to, the first of equals. Upper and lower
// case count as the same. Empty where none is closer than a third of the longer name's length.
std::string closest_name(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace mlp
