#include "runtime/sagemaker/literal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <system_error>

namespace mlp {
namespace {

bool is_quote(char c) { return c == '"' || c == '\''; }

// The character that an escape at the front of `text` stands for, which is taken off: \n, \x41,
// \u00e9, or two of the latter for a character beyond them. Nothing for other escapes.
std::optional<std::string> take_escape(std::string_view& text) {
  constexpr std::string_view kNames = R"(\/"'ntrbf)";
  constexpr std::string_view kCharacters = "\\/\"'\n\t\r\b\f";
  if (text.size() < 2) return std::nullopt;
  const std::size_t named = kNames.find(text[1]);
  if (named != std::string_view::npos) {
    text.remove_prefix(2);
    return std::string(1, kCharacters[named]);
  }
  std::string escape;
  if (text[1] == 'x') {
    escape = fmt::format("\\u00{}", text.substr(2, 2));
    text.remove_prefix(std::min<std::size_t>(4, text.size()));
  } else {
    constexpr std::string_view kHighSurrogates = "89abAB";
    const bool is_high = text.size() > 3 && (text[2] == 'd' || text[2] == 'D') &&
                         kHighSurrogates.find(text[3]) != std::string_view::npos;
    escape = text.substr(0, is_high ? 12 : 6);
    text.remove_prefix(escape.size());
  }
  const auto character = nlohmann::json::parse(fmt::format("\"{}\"", escape), nullptr, false);
  if (!character.is_string()) return std::nullopt;
  return character.get<std::string>();
}

// The content of the quotes that `text` begins with, which are taken off.
std::optional<std::string> take_quoted(std::string_view& text) {
  const char quote = text.front();
  text.remove_prefix(1);
  std::string content;
  while (!text.empty()) {
    if (text.front() == quote) {
      text = stripped(text.substr(1));
      return content;
    }
    if (text.front() == '\\') {
      const std::optional<std::string> character = take_escape(text);
      if (!character) return std::nullopt;
      content += *character;
    } else {
      content += text.front();
      text.remove_prefix(1);
    }
  }
  return std::nullopt;
}

// Quoted text, or all up to one of `ends`; it is taken off, so that one of `ends` or nothing is in
// front. Nothing where that is not so, and for what begins a list or map.
std::optional<std::string> take_item(std::string_view& text, std::string_view ends) {
  constexpr std::string_view kOpening = "[({";
  text = stripped(text);
  std::optional<std::string> item;
  if (!text.empty() && is_quote(text.front())) {
    item = take_quoted(text);
  } else if (text.empty() || kOpening.find(text.front()) == std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(ends), text.size());
    item = stripped(text.substr(0, end));
    text.remove_prefix(end);
  }
  if (!text.empty() && ends.find(text.front()) == std::string_view::npos) return std::nullopt;
  return item;
}

// What is between brackets, which the text begins with; a comma at its end, as Python's tuples have
// it, is left out.
std::optional<std::string_view> within_brackets(std::string_view text, char closing) {
  if (text.size() < 2 || text.back() != closing) return std::nullopt;
  text = stripped(text.substr(1, text.size() - 2));
  if (text.ends_with(',')) text.remove_suffix(1);
  return stripped(text);
}

std::vector<std::string_view> split_at_commas(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t comma = text.find(',');
    parts.push_back(stripped(text.substr(0, comma)));
    if (comma == std::string_view::npos) return parts;
    text.remove_prefix(comma + 1);
  }
}

std::string key_without_quotes(std::string_view key) {
  const std::optional<std::int64_t> integer = integer_of(key);
  return integer ? std::to_string(*integer) : std::string(key);
}

}  // namespace

std::string_view stripped(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\n\v\f\r";
  const std::size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> integer_of(std::string_view text) {
  const std::optional<double> value = number_of(text);
  if (!value || !std::isfinite(*value) || *value != std::trunc(*value)) return std::nullopt;
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t exact = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exact);
  if (error == std::errc() && end == text.data() + text.size()) return exact;
  constexpr double kTooLarge = 9e18;
  return static_cast<std::int64_t>(std::clamp(*value, -kTooLarge, kTooLarge));
}

std::optional<std::vector<std::string>> list_items(std::string_view text) {
  text = stripped(text);
  std::vector<std::string> items;
  if (!text.starts_with('[') && !text.starts_with('(')) {
    if (text.empty()) return items;
    for (const std::string_view part : split_at_commas(text)) items.emplace_back(part);
    return items;
  }
  std::optional<std::string_view> content = within_brackets(text, text.front() == '[' ? ']' : ')');
  if (!content) return std::nullopt;
  if (content->empty()) return items;
  while (true) {
    std::optional<std::string> item = take_item(*content, ",");
    if (!item) return std::nullopt;
    items.push_back(std::move(*item));
    if (content->empty()) return items;
    content->remove_prefix(1);
  }
}

std::optional<std::vector<std::pair<std::string, std::string>>> map_items(std::string_view text) {
  text = stripped(text);
  std::vector<std::pair<std::string, std::string>> items;
  if (!text.starts_with('{')) {
    for (const std::string_view part : split_at_commas(text)) {
      const std::size_t equals = part.rfind('=');
      if (equals == std::string_view::npos) return std::nullopt;
      items.emplace_back(key_without_quotes(stripped(part.substr(0, equals))),
                         stripped(part.substr(equals + 1)));
    }
    return items;
  }
  std::optional<std::string_view> content = within_brackets(text, '}');
  if (!content) return std::nullopt;
  while (!content->empty()) {
    const bool is_quoted = is_quote(content->front());
    std::optional<std::string> key = take_item(*content, ":");
    if (!key || content->empty()) return std::nullopt;
    content->remove_prefix(1);
    std::optional<std::string> value = take_item(*content, ",");
    if (!value) return std::nullopt;
    items.emplace_back(is_quoted ? *key : key_without_quotes(*key), *value);
    if (content->empty()) break;
    *content = stripped(content->substr(1));
  }
  return items;
}

}  // namespace mlp
