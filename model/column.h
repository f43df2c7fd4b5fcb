#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlp {

// Distinct texts, numbered from 0 in the order of their first appearance. Not for more than
// 4,294,967,294 of them.
class TextPool {
 public:
  // The number of `text`, which is new or known.
  std::uint32_t add(std::string_view text);

  std::size_t size() const { return ends_.size(); }
  // Valid until the next add().
  std::string_view operator[](std::size_t number) const;

 private:
  void grow();

  std::string bytes_;
  std::vector<std::size_t> ends_;
  std::vector<std::uint32_t> slots_;  // open addressing: a number + 1, or 0
};

// One column of a table as it was read: numbers, or texts of which each distinct one is kept once.
struct Column {
  static constexpr std::uint32_t kMissing = 0xFFFFFFFF;

  std::string name;  // of the header, or the column's number from 1 in files without one
  bool is_text = false;
  std::vector<double> numbers;       // one per row, NaN: missing; unless is_text
  std::vector<std::uint32_t> codes;  // one per row, into `texts`, or kMissing; if is_text
  TextPool texts;

  std::size_t rows() const { return is_text ? codes.size() : numbers.size(); }
};

}  // namespace mlp
