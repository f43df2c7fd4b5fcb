#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "runtime/data/json_reader.h"

namespace mlp {

// Walks through JSON text (RFC 8259), value by value, without a copy. Every member throws
// UserError, with the place, for what is no JSON, and for more than 64 levels.
class JsonCursor {
 public:
  // `text` outlives the cursor. `place` is that of the text within the body; a number of 0 means
  // the body itself.
  explicit JsonCursor(std::string_view text, RecordPlace place = {})
      : first_(text.data()), p_(text.data()), last_(text.data() + text.size()), place_(place) {}

  // Both pass white space. The next character; 0 at the end.
  char peek() {
    while (p_ != last_ && is_space(*p_)) ++p_;
    return p_ == last_ ? '\0' : *p_;
  }
  bool at_end() {
    peek();
    return p_ == last_;
  }

  // Passes the next character if it is `c`.
  bool accept(char c) {
    if (peek() != c || p_ == last_) return false;
    ++p_;
    return true;
  }
  void expect(char c);

  // Passes a value of any kind, and returns its text.
  std::string_view value();

  // Passes an object's key and the colon behind it.
  std::string key();

  // Passes a number, which is no more than its form.
  std::string_view number();

  // The text from here on, and a step within it.
  const char* position() const { return p_; }
  const char* last() const { return last_; }
  void move_to(const char* p) { p_ = p; }

  RecordPlace record() const { return place_; }
  std::string place() const;  // for messages: "Request body, line 3"

  // What stands here, for messages: null, "abc", an object.
  std::string found();

  [[noreturn]] void fail(std::string_view expected);

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

  std::string_view string();
  void word(std::string_view text);

  const char* first_;
  const char* p_;
  const char* last_;
  RecordPlace place_;
};

}  // namespace mlp
