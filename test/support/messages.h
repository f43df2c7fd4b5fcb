#pragma once

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "model/error.h"

namespace mlp::test {

// What the UserError that `action` throws says.
template <typename Action>
std::string user_error_of(Action action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no UserError";
}

// Checks that a message holds all of these, and is short enough for a FailureReason.
inline void check_contains(const std::string& text, std::initializer_list<std::string_view> words) {
  CHECK(text.size() < 1024);
  for (const std::string_view word : words) {
    CAPTURE(text);
    CAPTURE(word);
    CHECK(text.find(word) != std::string::npos);
  }
}

}  // namespace mlp::test
