#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace mlp {

// Pieces of the sentences that users read. All of them keep a message short and printable, whatever
// the file holds.

// The text between double quotes, cut after about 40 bytes; control characters and bytes that are
// no UTF-8 become \xNN.
std::string in_quotes(std::string_view text);

// The first names, each quoted, and how many more there are: `"a", "b" and 3 more`.
std::string listed(std::span<const std::string> names, std::size_t limit = 20);

// What messages call several files together: "first and 2 more files".
std::string source_name(const std::string& first, std::size_t count);

// The shape as NumPy prints it: (60000, 28, 28), (5,), (); cut after eight extents.
std::string shape_text(std::span<const std::size_t> shape);

// The name among `names` that takes the fewest edits to get from `name`; empty where none is close.
std::string closest_name(std::string_view name, std::span<const std::string> names);

// A hint to that name, as a sentence with a blank in front; empty where none is close.
std::string did_you_mean(std::string_view name, std::span<const std::string> names);

bool is_utf8(std::string_view text);

// Only the letters A to Z change.
std::string lower_case(std::string_view text);

// Without the blanks (spaces and tabs) at both ends.
std::string_view trimmed(std::string_view text);

}  // namespace mlp
