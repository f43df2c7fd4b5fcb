#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mlp {

// The texts of a field that mean that its value is missing. The empty text is always one of them.
class MissingValues {
 public:
  // The usual ones: what pandas takes for missing, and the question mark.
  MissingValues();
  explicit MissingValues(std::vector<std::string> words);

  // `text` is a whole field, without quotes around it. Upper and lower case differ.
  bool contains(std::string_view text) const;
  // Whether a number is among them, such as 999.
  bool has_numbers() const { return has_numbers_; }

 private:
  std::vector<std::string> words_;
  std::size_t longest_ = 0;
  bool has_numbers_ = false;
};

}  // namespace mlp
