#pragma once

#include <string_view>

namespace mlp {

// Decimal text to floating point, rounded correctly: the same bits as std::from_chars gives,
// several times faster for the numbers of everyday files. The form is
//
//   [+-] (digits [. [digits]] | . digits) [(e|E) [+-] digits]
//
// so hexadecimal numbers, "nan" and "inf" are no numbers here. What is too small becomes zero.
enum class NumberStatus { kNumber, kNoNumber, kTooLarge };

struct ScannedNumber {
  NumberStatus status = NumberStatus::kNoNumber;
  const char* end = nullptr;  // behind the number's last character, where there is one
};

// The longest number at the front of [first, last). `value` changes only for kNumber.
ScannedNumber scan_number(const char* first, const char* last, float& value);
ScannedNumber scan_number(const char* first, const char* last, double& value);

// The number that all of `text` is.
NumberStatus parse_number(std::string_view text, float& value);
NumberStatus parse_number(std::string_view text, double& value);

}  // namespace mlp
