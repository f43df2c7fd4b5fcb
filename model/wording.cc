#include "model/wording.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace mlp {
namespace {

// The length of the UTF-8 character at the front of `text`, 0 where there is none. The bounds of
// the second byte exclude overlong forms, surrogates and what lies beyond U+10FFFF (RFC 3629,
// section 4).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (byte(i) < 0x80 || byte(i) > 0xBF) return 0;
  }
  return length;
}

// How many insertions, deletions and replacements lead from `a` to `b` (Levenshtein).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLimit = 40;
  std::string result = "\"";
  while (!text.empty()) {
    if (result.size() > kLimit) {
      result += "...";
      break;
    }
    const std::size_t length = utf8_length(text);
    const auto lead = static_cast<std::uint8_t>(text[0]);
    if (length == 0 || lead < 0x20 || lead == 0x7F) {
      result += fmt::format("\\x{:02X}", lead);
      text.remove_prefix(1);
    } else {
      result += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return result + "\"";
}

std::string listed(std::span<const std::string> names, std::size_t limit) {
  constexpr std::size_t kLimitBytes = 400;
  std::string result;
  std::size_t count = 0;
  while (count < names.size() && count < limit && result.size() < kLimitBytes) {
    if (count > 0) result += ", ";
    result += in_quotes(names[count++]);
  }
  if (count < names.size()) result += fmt::format(", ... and {} more", names.size() - count);
  return result;
}

std::string source_name(const std::string& first, std::size_t count) {
  if (count == 1) return first;
  return fmt::format("{} and {} more file{}", first, count - 1, count == 2 ? "" : "s");
}

std::string shape_text(std::span<const std::size_t> shape) {
  constexpr std::size_t kLimit = 8;
  if (shape.size() == 1) return fmt::format("({},)", shape[0]);
  if (shape.size() > kLimit) {
    return fmt::format("({}, ...)", fmt::join(shape.begin(), shape.begin() + kLimit, ", "));
  }
  return fmt::format("({})", fmt::join(shape.begin(), shape.end(), ", "));
}

std::string closest_name(std::string_view name, std::span<const std::string> names) {
  constexpr std::size_t kLimit = 100;  // bytes; longer names are not compared
  if (name.size() > kLimit) return "";
  const std::string wanted = lower_case(name);
  std::size_t best = std::max<std::size_t>(2, name.size() / 3) + 1;
  std::string result;
  for (const std::string& candidate : names) {
    if (candidate.empty() || candidate.size() > kLimit) continue;
    const std::size_t distance = edit_distance(wanted, lower_case(candidate));
    if (distance < best && distance < candidate.size()) {
      best = distance;
      result = candidate;
    }
  }
  return result;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> names) {
  const std::string closest = closest_name(name, names);
  return closest.empty() ? "" : fmt::format(" The closest is {}.", in_quotes(closest));
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace mlp
