#include "runtime/data/missing_values.h"

#include <algorithm>
#include <utility>

#include "runtime/data/number.h"

namespace mlp {

MissingValues::MissingValues()
    : MissingValues({"#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND",
                     "1.#QNAN", "<NA>", "?", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan",
                     "null"}) {}

MissingValues::MissingValues(std::vector<std::string> words) : words_(std::move(words)) {
  for (const std::string& word : words_) {
    longest_ = std::max(longest_, word.size());
    double value = 0;
    has_numbers_ = has_numbers_ || parse_number(word, value) != NumberStatus::kNoNumber;
  }
}

bool MissingValues::contains(std::string_view text) const {
  if (text.empty()) return true;
  if (text.size() > longest_) return false;
  return std::find(words_.begin(), words_.end(), text) != words_.end();
}

}  // namespace mlp
