#include "runtime/serving/json_cursor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "model/error.h"
#include "runtime/data/wording.h"
#include "runtime/serving/request_error.h"

namespace mlp {
namespace {

constexpr std::size_t kDeepest = 64;  // levels, a bit each in value()

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Behind \u: the four digits' value; -1 where they are none.
int code_unit(const char* p, const char* last) {
  if (last - p < 4) return -1;
  int code = 0;
  for (int i = 0; i < 4; ++i) {
    const int digit = hex_value(p[i]);
    if (digit < 0) return -1;
    code = code * 16 + digit;
  }
  return code;
}

// Behind the backslash at `p`: where the escape ends; null where it is none.
const char* skip_escape(const char* p, const char* last) {
  ++p;
  if (p == last) return nullptr;
  if (*p != 'u')
    return std::string_view("\"\\/bfnrt").find(*p) != std::string_view::npos ? p + 1 : nullptr;
  const int code = code_unit(p + 1, last);
  if (code < 0 || (code >= 0xDC00 && code <= 0xDFFF)) return nullptr;
  p += 5;
  if (code < 0xD800 || code > 0xDBFF) return p;
  if (last - p < 6 || p[0] != '\\' || p[1] != 'u') return nullptr;
  const int low = code_unit(p + 2, last);
  return low >= 0xDC00 && low <= 0xDFFF ? p + 6 : nullptr;
}

}  // namespace

void JsonCursor::expect(char c) {
  if (!accept(c)) fail(fmt::format("'{}'", c));
}

std::string_view JsonCursor::value() {
  peek();
  const char* const begin = p_;
  std::uint64_t objects = 0;  // of each open bracket whether it is an object's, the last one lowest
  std::size_t depth = 0;
  const auto pass_key = [this] {
    string();
    expect(':');
  };
  while (true) {
    const char c = peek();
    if (c == '{' || c == '[') {
      if (depth == kDeepest)
        fail(fmt::format("at most {} brackets that are open at once", kDeepest));
      const bool is_object = c == '{';
      ++p_;
      ++depth;
      objects = objects << 1 | static_cast<std::uint64_t>(is_object);
      if (peek() != (is_object ? '}' : ']')) {
        if (is_object) pass_key();
        continue;
      }
    } else if (c == '"') {
      string();
    } else if (c == 't') {
      word("true");
    } else if (c == 'f') {
      word("false");
    } else if (c == 'n') {
      word("null");
    } else {
      number();
    }
    // Behind a value: out of the brackets that it is the last one in.
    while (true) {
      if (depth == 0) return {begin, static_cast<std::size_t>(p_ - begin)};
      const bool in_object = (objects & 1) != 0;
      if (accept(',')) {
        if (in_object) pass_key();
        break;
      }
      if (!accept(in_object ? '}' : ']'))
        fail(in_object ? "a comma or a closing brace" : "a comma or a closing bracket");
      objects >>= 1;
      --depth;
    }
  }
}

std::string JsonCursor::key() {
  const std::string_view text = string();
  expect(':');
  if (text.find('\\') != std::string_view::npos)
    return nlohmann::json::parse(text.begin(), text.end()).get<std::string>();
  return std::string(text.substr(1, text.size() - 2));
}

std::string_view JsonCursor::number() {
  peek();
  const char* p = p_;
  const auto digits = [&] {
    const char* const begin = p;
    while (p != last_ && is_digit(*p)) ++p;
    return p != begin;
  };
  if (p != last_ && *p == '-') ++p;
  if (p != last_ && *p == '0') {
    ++p;
  } else if (!digits()) {
    fail("a value");
  }
  if (p != last_ && *p == '.') {
    ++p;
    if (!digits()) fail("a number with digits behind its point");
  }
  if (p != last_ && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p != last_ && (*p == '+' || *p == '-')) ++p;
    if (!digits()) fail("a number with digits in its exponent");
  }
  const std::string_view text(p_, static_cast<std::size_t>(p - p_));
  p_ = p;
  return text;
}

std::string JsonCursor::place() const {
  if (place_.number == 0) return std::string(kBodyName);
  return fmt::format("{}, {} {}", kBodyName, place_.unit, place_.number);
}

// Passes a string and returns it as it stands, with its quotes.
std::string_view JsonCursor::string() {
  if (peek() != '"') fail("a key in double quotes");
  const char* p = p_ + 1;
  while (p != last_ && *p != '"') {
    if (static_cast<unsigned char>(*p) < 0x20) fail("a text without line ends, within its quotes");
    if (*p != '\\') {
      ++p;
      continue;
    }
    const char* const end = skip_escape(p, last_);
    if (end == nullptr) {
      p_ = p;
      fail("an escape that JSON has, such as \\n or \\u00e9");
    }
    p = end;
  }
  if (p == last_) fail("a text whose quotes are closed");
  ++p;
  const std::string_view text(p_, static_cast<std::size_t>(p - p_));
  if (!is_utf8(text)) fail("text in UTF-8");
  p_ = p;
  return text;
}

void JsonCursor::word(std::string_view text) {
  const std::string_view rest(p_, static_cast<std::size_t>(last_ - p_));
  if (!rest.starts_with(text)) fail("a value");
  p_ += text.size();
}

std::string JsonCursor::found() {
  const char c = peek();
  if (p_ == last_) return "the end of the text";
  if (c == '{') return "an object";
  if (c == '[') return "a list";
  const std::string_view rest(p_, std::min<std::size_t>(static_cast<std::size_t>(last_ - p_), 60));
  const std::size_t end = c == '"' ? rest.find('"', 1) : rest.find_first_of(",:]} \t\r\n");
  const std::string_view token = rest.substr(
      0, c == '"' && end != std::string_view::npos ? end + 1 : std::max<std::size_t>(end, 1));
  if (token == "null") return "null";
  return c == '"' ? fmt::format(
                        "the text {}",
                        in_quotes(token.substr(
                            1, token.size() - (token.size() > 1 && token.ends_with('"') ? 2 : 1))))
                  : in_quotes(token);
}

void JsonCursor::fail(std::string_view expected) {
  const std::string what = found();
  const char c = p_ == last_ ? '\0' : *p_;
  const bool is_python = c == 'N' || c == 'I' || c == 'T' || c == 'F' || c == '\'' ||
                         (c == '-' && last_ - p_ > 1 && p_[1] == 'I');
  throw UserError(fmt::format(
      "{}: this is no JSON at its byte {}: found {}, expected {}.{} Correct the text.", place(),
      p_ - first_ + 1, what, expected,
      is_python
          ? " NaN, Infinity, True, False, None and single quotes are Python's: use json.dumps, "
            "and leave out rows with NaN or infinity."
          : ""));
}

}  // namespace mlp
