#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mlp {

// The first `limit` characters (code points) of a text, as well-formed UTF-8: a byte that belongs
// to no well-formed character becomes U+FFFD and counts as one.
std::string utf8_prefix(std::string_view text, std::size_t limit);

}  // namespace mlp
