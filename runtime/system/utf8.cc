#include "runtime/system/utf8.h"

namespace mlp {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Bytes of the well-formed character at the start of `text`, or 0 where there is none. The ranges
// of the second byte exclude overlong forms, surrogates and what is beyond U+10FFFF: Unicode 15,
// table 3-7.
std::size_t character_bytes(std::string_view text) {
  const auto in = [text](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && static_cast<unsigned char>(text[i]) >= low &&
           static_cast<unsigned char>(text[i]) <= high;
  };
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return in(1, 0x80, 0xBF) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    return in(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && in(2, 0x80, 0xBF) ? 3
                                                                                              : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    return in(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && in(2, 0x80, 0xBF) &&
                   in(3, 0x80, 0xBF)
               ? 4
               : 0;
  }
  return 0;
}

}  // namespace

std::string utf8_prefix(std::string_view text, std::size_t limit) {
  std::string prefix;
  for (std::size_t count = 0; count < limit && !text.empty(); ++count) {
    const std::size_t bytes = character_bytes(text);
    prefix += bytes == 0 ? kReplacement : text.substr(0, bytes);
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return prefix;
}

}  // namespace mlp
