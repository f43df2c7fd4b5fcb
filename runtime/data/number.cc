#include "runtime/data/number.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <system_error>
#include <type_traits>

#include "runtime/data/short_number.h"

namespace mlp {
namespace {

// All powers of ten that a double holds exactly.
constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::int64_t kLargestPower = 22;
constexpr std::uint64_t kLargestExactInteger = std::uint64_t{1} << 53;  // as a double
constexpr std::ptrdiff_t kMantissaDigits = 19;  // as many as always fit into 64 bits

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Eight digits at once: their value into `value`, or false where one of the bytes is none.
bool eight_digits(const char* p, std::uint64_t& value) {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  std::uint64_t digits = 0;
  std::memcpy(&digits, p, sizeof(digits));
  digits ^= kOnes * '0';
  if ((((digits + kOnes * 6) | digits) & (kOnes * 0xF0)) != 0) return false;
  // Of pairs, of fours, and of all; the first digit is in the lowest byte.
  digits = (digits * 2561) >> 8;
  digits = ((digits & 0x00FF00FF00FF00FFU) * 6553601) >> 16;
  value = ((digits & 0x0000FFFF0000FFFFU) * 42949672960001U) >> 32;
  return true;
}

// mantissa x 10^power where that is known to be rounded correctly, else nothing.
//
// Where both numbers are doubles without error, one multiplication or division rounds once
// (Clinger, "How to Read Floating Point Numbers Accurately", 1990). For a float the double is
// rounded again, which goes wrong only where the double lies midway between two floats and the
// decimal number beside it. A mantissa of more than 53 bits is rounded too, so that the double may
// be two of its own steps away from the decimal number: for a float that is still enough, unless it
// lies so near to the middle of two. The result is 0 or between 1e-22 and 1e38, hence never a
// subnormal or infinite float.
template <typename T>
std::optional<T> quick_value(std::uint64_t mantissa, std::int64_t power) {
  constexpr bool is_float = std::is_same_v<T, float>;
  if ((!is_float && mantissa > kLargestExactInteger) || power < -kLargestPower ||
      power > kLargestPower)
    return {};
  auto value = static_cast<double>(mantissa);
  if (power < 0) {
    value /= kPowersOfTen[static_cast<std::size_t>(-power)];
  } else {
    value *= kPowersOfTen[static_cast<std::size_t>(power)];
  }
  if constexpr (is_float) {
    if (is_near_middle_of_floats(value) || value > 1e38) return {};
  }
  return static_cast<T>(value);
}

// Whether digits x 10^power, known to be out of range, is too large rather than too small.
bool is_large(std::string_view digits, std::int64_t power) {
  const std::size_t point = digits.find('.');
  const std::size_t lead = digits.find_first_not_of("0.");
  if (lead == std::string_view::npos) return false;
  const std::size_t integer_digits = point == std::string_view::npos ? digits.size() : point;
  return static_cast<std::int64_t>(integer_digits) - static_cast<std::int64_t>(lead) + power > 0;
}

template <typename T>
ScannedNumber scan(const char* first, const char* last, T& value) {
  const char* p = first;
  const bool negative = p != last && *p == '-';
  if (p != last && (*p == '-' || *p == '+')) ++p;

  const char* const digits = p;
  std::uint64_t mantissa = 0;
  for (; p != last && is_digit(*p); ++p) mantissa = mantissa * 10 + static_cast<unsigned>(*p - '0');
  std::ptrdiff_t digit_count = p - digits;
  std::int64_t power = 0;
  if (p != last && *p == '.') {
    const char* const fraction = ++p;
    std::uint64_t eight = 0;
    for (; last - p >= 8 && eight_digits(p, eight); p += 8) mantissa = mantissa * 100000000 + eight;
    for (; p != last && is_digit(*p); ++p) {
      mantissa = mantissa * 10 + static_cast<unsigned>(*p - '0');
    }
    digit_count += p - fraction;
    power = fraction - p;
  }
  if (digit_count == 0) return {};
  const char* const digits_end = p;

  std::int64_t exponent = 0;
  if (p != last && (*p == 'e' || *p == 'E')) {
    const char* e = p + 1;
    const bool negative_exponent = e != last && *e == '-';
    if (e != last && (*e == '-' || *e == '+')) ++e;
    if (e != last && is_digit(*e)) {
      constexpr std::int64_t kEnough = std::int64_t{1} << 50;  // beyond any count of digits
      for (; e != last && is_digit(*e); ++e) {
        if (exponent < kEnough) exponent = exponent * 10 + (*e - '0');
      }
      if (negative_exponent) exponent = -exponent;
      p = e;
    }
  }

  if (digit_count <= kMantissaDigits) {
    if (const std::optional<T> quick = quick_value<T>(mantissa, power + exponent)) {
      value = negative ? -*quick : *quick;
      return {NumberStatus::kNumber, p};
    }
  }
  T exact = 0;
  const std::from_chars_result result = std::from_chars(negative ? first : digits, p, exact);
  if (result.ec == std::errc::result_out_of_range) {
    const std::string_view text(digits, static_cast<std::size_t>(digits_end - digits));
    if (is_large(text, exponent)) return {NumberStatus::kTooLarge, p};
    exact = negative ? -T{0} : T{0};
  }
  value = exact;
  return {NumberStatus::kNumber, p};
}

template <typename T>
NumberStatus parse(std::string_view text, T& value) {
  T scanned = 0;
  const char* const last = text.data() + text.size();
  const ScannedNumber number = scan(text.data(), last, scanned);
  if (number.status == NumberStatus::kNoNumber || number.end != last) {
    return NumberStatus::kNoNumber;
  }
  if (number.status == NumberStatus::kNumber) value = scanned;
  return number.status;
}

}  // namespace

ScannedNumber scan_number(const char* first, const char* last, float& value) {
  return scan(first, last, value);
}
ScannedNumber scan_number(const char* first, const char* last, double& value) {
  return scan(first, last, value);
}
NumberStatus parse_number(std::string_view text, float& value) { return parse(text, value); }
NumberStatus parse_number(std::string_view text, double& value) { return parse(text, value); }

}  // namespace mlp
