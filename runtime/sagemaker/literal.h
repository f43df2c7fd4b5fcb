#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Values as text, in the forms that people and SageMaker's clients write: JSON, Python's literals,
// and the shorter ones of a command line. All functions are pure.

namespace mlp {

// Without white space at both ends.
std::string_view stripped(std::string_view text);

// The whole text as a number, infinities and NaN included; nothing for other text, hexadecimal and
// a comma among it, and for what a double can't hold.
std::optional<double> number_of(std::string_view text);

// The whole text as an integer: digits, or a number without a fraction such as 64.0, as clients
// write that compute with floats. What is far out of range comes out as +-9e18.
std::optional<std::int64_t> integer_of(std::string_view text);

// The items of a list: [64, 32] and ["a"] as JSON or Python write them, Python's (64, 32), or
// 64, 32 without brackets; one item is a list too. Within brackets, quotes keep commas, brackets
// and white space together, with JSON's and Python's escapes; elsewhere they are characters like
// others. Nothing where brackets or quotes don't match, and for a list within the list.
std::optional<std::vector<std::string>> list_items(std::string_view text);

// The keys and values of a map in the text's order: {"a": 1} as JSON, {'a': 1, 2: 0.5} as Python
// writes it, or a=1,b=2. A key without quotes that is an integer, 2.0 too, is given as its digits.
// Nothing for text of another form.
std::optional<std::vector<std::pair<std::string, std::string>>> map_items(std::string_view text);

}  // namespace mlp
