#include "runtime/serving/json_numbers.h"

#include <fmt/format.h>

#include <limits>
#include <string>

#include "model/error.h"
#include "runtime/data/number.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class NumberReader {
 public:
  NumberReader(JsonCursor& cursor, std::vector<float>& values, const PositionalRows& expected)
      : cursor_(cursor),
        values_(values),
        expected_(expected),
        p_(cursor.position()),
        last_(cursor.last()) {
    shape_.extents.fill(kUnknown);
  }

  ListShape read() {
    while (true) {
      skip_space();
      if (p_ != last_ && *p_ == '[') {
        if (open()) continue;  // to the first value in it
      } else {
        if (depth_ == 0) throw_no_number();
        const std::size_t before = counts_[depth_ - 1];
        read_numbers();
        if (shape_.levels == 0) shape_.levels = depth_;
        if (shape_.levels != depth_) {
          counts_[depth_ - 1] = before;
          throw_mixed("a number");
        }
        skip_space();
      }
      // Behind a value, or at an empty list's end.
      while (p_ != last_ && *p_ == ']') {
        close();
        if (depth_ == 0) {
          cursor_.move_to(p_);
          return shape_;
        }
        skip_space();
      }
      if (p_ == last_ || *p_ != ',') {
        cursor_.move_to(p_);
        cursor_.fail("a comma or a closing bracket");
      }
      ++p_;
    }
  }

 private:
  void skip_space() {
    while (p_ != last_ && is_space(*p_)) ++p_;
  }

  // False where the list is empty.
  bool open() {
    if (depth_ == ListShape::kMost) {
      throw UserError(
          fmt::format("{}: the lists are nested deeper than {} levels. Expected {}. "
                      "Reshape the values.",
                      cursor_.place(), ListShape::kMost, expected_.expected()));
    }
    if (shape_.levels != 0 && depth_ == shape_.levels) throw_mixed("a list");
    counts_[depth_++] = 0;
    ++p_;
    skip_space();
    if (p_ == last_ || *p_ != ']') return true;
    if (shape_.levels == 0) shape_.levels = depth_;
    if (shape_.levels != depth_) {
      --depth_;
      throw_mixed("an empty list");
    }
    return false;
  }

  void close() {
    ++p_;
    --depth_;
    std::size_t& extent = shape_.extents[depth_];
    if (extent == kUnknown) extent = counts_[depth_];
    if (extent != counts_[depth_]) {
      throw UserError(fmt::format(
          "{}: found {} values, but the lists before it have {}. Expected {}, all of the same "
          "length. Correct the row.",
          place(depth_), counts_[depth_], extent, expected_.expected()));
    }
    if (depth_ > 0) ++counts_[depth_ - 1];
  }

  // Passes the numbers that stand here, at least one, as far as they are parted in the usual ways.
  void read_numbers() {
    std::array<float, 64> some;
    std::size_t count = 0;  // of those in `some`
    const auto keep = [&] {
      values_.insert(values_.end(), some.data(), some.data() + count);
      counts_[depth_ - 1] += count;
      count = 0;
    };
    const char* p = p_;
    while (true) {
      const ScannedNumber number = scan(p, some[count]);
      if (number.status != NumberStatus::kNumber) {
        keep();
        p_ = p;
        if (number.status == NumberStatus::kTooLarge) throw_too_large(number.end);
        throw_no_number();
      }
      p = number.end;
      if (++count == some.size()) keep();
      if (last_ - p < 3 || *p != ',') break;
      const char* next = p + 1;
      if (*next == ' ') ++next;
      if (!is_digit(*next) && *next != '-') break;
      p = next;
    }
    keep();
    p_ = p;
  }

  // The number at `begin`. JSON's numbers are fewer than those of scan_number(): none begins with
  // +, a point or a zero before other digits, and none has a point without digits behind it.
  ScannedNumber scan(const char* const begin, float& value) const {
    const char* p = begin;
    if (p != last_ && *p == '-') ++p;
    if (p == last_ || !is_digit(*p)) return {};
    const char first = *p++;
    if (first != '0') {
      while (p != last_ && is_digit(*p)) ++p;
    } else if (p != last_ && is_digit(*p)) {
      return {};
    }
    // Pictures are full of 0 and 0.0.
    const auto ends = [](char c) { return c == ',' || c == ']'; };
    if (p == begin + 1 && last_ - p > 2) {
      if (ends(*p)) {
        value = static_cast<float>(first - '0');
        return {NumberStatus::kNumber, p};
      }
      if (*p == '.' && p[1] == '0' && ends(p[2])) {
        value = static_cast<float>(first - '0');
        return {NumberStatus::kNumber, p + 2};
      }
    }
    if (p != last_ && *p == '.' && (p + 1 == last_ || !is_digit(p[1]))) return {};
    return scan_number(begin, last_, value);
  }

  [[noreturn]] void throw_too_large(const char* end) const {
    throw UserError(fmt::format(
        "{}: the value {} is beyond the largest float32 value, 3.4e38. Correct the value.",
        place(depth_), in_quotes({p_, static_cast<std::size_t>(end - p_)})));
  }

  // Of the value at hand, which is in `levels` lists: "Request body, row 3, value (2, 5)".
  std::string place(std::size_t levels) const {
    std::string text = cursor_.place();
    if (levels == 1 && shape_.levels < 2) return fmt::format("{}, value {}", text, counts_[0] + 1);
    if (levels > 0) text += fmt::format(", row {}", counts_[0] + 1);
    if (levels == 2) return fmt::format("{}, value {}", text, counts_[1] + 1);
    if (levels > 2) {
      std::array<std::size_t, ListShape::kMost> numbers = {};
      for (std::size_t i = 1; i < levels; ++i) numbers[i - 1] = counts_[i] + 1;
      text += fmt::format(", value {}", shape_text(std::span(numbers).first(levels - 1)));
    }
    return text;
  }

  [[noreturn]] void throw_no_number() {
    cursor_.move_to(p_);
    const std::string found = cursor_.found();
    if (p_ == last_) cursor_.fail("a number");
    if (*p_ == '{') throw_mixed("an object");
    throw UserError(fmt::format(
        "{}: expected a number, found {}. Send numbers as JSON has them, {}: no text, no null, no "
        "NaN or infinity.",
        place(depth_), found, expected_.expected()));
  }

  [[noreturn]] void throw_mixed(std::string_view found) const {
    throw UserError(fmt::format(
        "{}: found {} where the values before it are of another kind. Expected {}. Send all rows "
        "in one form.",
        place(depth_), found, expected_.expected()));
  }

  JsonCursor& cursor_;
  std::vector<float>& values_;
  const PositionalRows& expected_;
  const char* p_;
  const char* const last_;
  ListShape shape_;  // `levels` is 0 until the first number, or empty list, has been seen
  std::array<std::size_t, ListShape::kMost> counts_ = {};  // of values in each open list so far
  std::size_t depth_ = 0;                                  // open lists
};

}  // namespace

ListShape read_numbers(JsonCursor& cursor, std::vector<float>& values,
                       const PositionalRows& expected) {
  cursor.peek();
  return NumberReader(cursor, values, expected).read();
}

}  // namespace mlp
