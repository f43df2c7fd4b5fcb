#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace mlp {

// Where the delimiters, line ends (LF and CR) and double quotes of `text` are, from its begin,
// which has less than 4 GiB: in the first entries of `places`, which grows if need be and never
// shrinks. Returns how many there are. Looks at 64 bytes at once, whatever they are.
std::size_t find_separators(std::string_view text, char delimiter,
                            std::vector<std::uint32_t>& places);

}  // namespace mlp
