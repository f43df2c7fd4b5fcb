#include "runtime/data/number.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <type_traits>

#include "runtime/data/short_number.h"

namespace mlp {
namespace {

// Compares with std::from_chars; false, and the text in the log, where the bits differ.
template <typename T>
bool agrees(const std::string& text) {
  T expected = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, expected);
  T value = 0;
  const NumberStatus status = parse_number(text, value);
  if (error == std::errc::result_out_of_range) {
    return status == NumberStatus::kTooLarge || (status == NumberStatus::kNumber && value == 0);
  }
  const bool is_number = error == std::errc{} && end == last;
  if (!is_number) return status == NumberStatus::kNoNumber;
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return status == NumberStatus::kNumber &&
         std::bit_cast<Bits>(value) == std::bit_cast<Bits>(expected);
}

bool agrees_in_both(const std::string& text) { return agrees<float>(text) && agrees<double>(text); }

// Whether read_short_number() gives the bits of std::from_chars where it gives a number, for the
// text that begins `begin` bytes into `padded`; counts how often it does.
template <typename T>
bool short_number_agrees(const std::string& padded, std::size_t begin, std::size_t& read) {
  const char* const first = padded.data() + begin;
  const char* const last = padded.data() + padded.size();
  T value = 0;
  if (!read_short_number(first, last, value)) return true;
  ++read;
  T expected = 0;
  const auto [end, error] = std::from_chars(first, last, expected);
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  return error == std::errc{} && end == last &&
         std::bit_cast<Bits>(value) == std::bit_cast<Bits>(expected);
}

std::string digits(std::mt19937_64& random, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += static_cast<char>('0' + random() % 10);
  return text;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("parse_number: random decimal numbers give the bits of std::from_chars") {
    std::mt19937_64 random(20240607);
    std::size_t different = 0;
    std::string example;
    for (int i = 0; i < 300'000; ++i) {
      std::string text = random() % 2 == 0 ? "-" : "";
      text += digits(random, random() % 12);
      if (random() % 4 != 0) text.append(".").append(digits(random, random() % 14));
      if (random() % 3 == 0) {
        text += fmt::format("e{}", static_cast<int>(random() % 100) - 50);
      }
      if (!agrees_in_both(text)) {
        ++different;
        example = text;
      }
    }
    CAPTURE(example);
    CHECK(different == 0);
  }

  TEST_CASE("read_short_number: ten million decimal numbers give the bits of std::from_chars") {
    std::mt19937_64 random(20250301);
    constexpr std::size_t kCount = 10'000'000;
    const std::string before = "12.5,-7.25,99999";  // none of it is the number's
    std::size_t different = 0;
    std::size_t floats = 0;
    std::size_t doubles = 0;
    std::string text;
    std::string example;
    for (std::size_t i = 0; i < kCount; ++i) {
      const std::uint64_t draw = random();
      const std::size_t length = 1 + draw % 16;
      const std::size_t point = (draw >> 8) % 18;  // beyond the digits: none
      text = before;
      if ((draw >> 16) % 2 == 0) text += '-';
      std::uint64_t mantissa = random();
      for (std::size_t digit = 0; digit < length; ++digit) {
        if (digit == point) text += '.';
        text += static_cast<char>('0' + mantissa % 10);
        mantissa /= 10;
      }
      if (!short_number_agrees<float>(text, before.size(), floats) ||
          !short_number_agrees<double>(text, before.size(), doubles)) {
        ++different;
        example = text;
      }
    }
    CAPTURE(example);
    CHECK(different == 0);
    // What is not left to others is most of them.
    CHECK(floats > kCount * 8 / 10);
    CHECK(doubles > kCount * 8 / 10);
  }

  TEST_CASE("read_short_number: chosen texts agree with std::from_chars, or are left to it") {
    // Also the middles of two floats, and numbers beside them, that 16 bytes hold.
    for (const char* text : {"0",
                             "-0",
                             "-0.000000",
                             "7",
                             "1.",
                             ".5",
                             "-.5",
                             "-1.",
                             "16777217",
                             "16777216.5",
                             "16777215.5",
                             "-33554434.0",
                             "8388608.5",
                             "8388609.5",
                             "8388608.4999999",
                             "8388608.50000001",
                             "1.00000005960464",
                             "9007199254740991",
                             "9007199254740992",
                             "9007199254740993",
                             "9007199791611905",
                             "9999999999999999",
                             ".000000000000001",
                             "0.30000001192092",
                             "0000000000000001",
                             "123456.789012345"}) {
      CAPTURE(text);
      std::size_t read = 0;
      const std::string padded = std::string(16, '9') + text;
      CHECK(short_number_agrees<float>(padded, 16, read));
      CHECK(short_number_agrees<double>(padded, 16, read));
      CHECK(read > 0);
    }
    for (const char* text : {"", "-", ".", "-.", "--1", "1-", "1.2.3", "+1", "1e5", " 1", "1 ", "a",
                             "1,2", "nan", "\xFF", "12345678901234567"}) {
      CAPTURE(text);
      const std::string padded = std::string(16, '9') + text;
      float value = 3;
      CHECK_FALSE(read_short_number(padded.data() + 16, padded.data() + padded.size(), value));
      CHECK(value == 3);
    }
  }

  TEST_CASE("read_short_number: numbers next to the middle of two floats are rounded right") {
    // The double next to one of them is often the middle itself, and the number on its other side
    // than the even float.
    std::mt19937_64 random(3);
    std::size_t different = 0;
    std::size_t read = 0;
    std::string example;
    for (int i = 0; i < 300'000; ++i) {
      const std::uint64_t exponent = 1023 + random() % 16;
      const std::uint64_t high = random() & ((std::uint64_t{1} << 23) - 1);
      const auto middle =
          std::bit_cast<double>(exponent << 52 | high << 29 | std::uint64_t{1} << 28);
      const std::string text = fmt::format("{:.14f}", middle).substr(0, 16);
      for (const char last :
           {text.back(), text.back() == '9' ? '0' : static_cast<char>(text.back() + 1)}) {
        const std::string padded = std::string(16, '9') + text.substr(0, 15) + last;
        if (short_number_agrees<float>(padded, 16, read)) continue;
        ++different;
        example = padded.substr(16);
      }
    }
    CAPTURE(example);
    CHECK(different == 0);
    CHECK(read > 300'000);
  }

  TEST_CASE("parse_number: numbers at and beside the middle of two floats are rounded right") {
    std::mt19937_64 random(1);
    std::size_t different = 0;
    std::string example;
    for (int i = 0; i < 100'000; ++i) {
      // A double between 1e-5 and 1e5 whose last 29 bits are just those of a middle, in full and
      // cut.
      const auto exponent = static_cast<std::uint64_t>(1023 - 16 + static_cast<int>(random() % 32));
      const std::uint64_t high = random() & ((std::uint64_t{1} << 23) - 1);
      const std::uint64_t bits = exponent << 52 | high << 29 | std::uint64_t{1} << 28;
      const auto middle = std::bit_cast<double>(bits);
      const int places = 1 + static_cast<int>(random() % 40);
      const auto beside = std::bit_cast<double>(bits + random() % 9 - 4);
      for (const std::string& text : {fmt::format("{:.{}f}", middle, places),
                                      fmt::format("{}", middle), fmt::format("{:.40f}1", middle),
                                      fmt::format("{}", beside), fmt::format("{:.18e}", beside)}) {
        if (!agrees_in_both(text)) {
          ++different;
          example = text;
        }
      }
    }
    CAPTURE(example);
    CHECK(different == 0);
  }

  TEST_CASE("parse_number: shortest texts of random floats give these floats back") {
    std::mt19937_64 random(2);
    std::size_t different = 0;
    for (int i = 0; i < 200'000; ++i) {
      const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
      if (!std::isfinite(value)) continue;
      float back = 0;
      if (parse_number(fmt::format("{}", value), back) != NumberStatus::kNumber) ++different;
      if (std::bit_cast<std::uint32_t>(back) != std::bit_cast<std::uint32_t>(value)) ++different;
    }
    CHECK(different == 0);
  }

  TEST_CASE("parse_number: chosen texts agree with std::from_chars") {
    for (const char* text : {"0",
                             "-0",
                             "0.0",
                             "-0.0e5",
                             "1",
                             "1.",
                             ".5",
                             "-.5",
                             "5e-1",
                             "1E5",
                             "1e+5",
                             "007",
                             "0.1",
                             "16777217",
                             "16777216.5",
                             "16777217.0000000000000000000001",
                             "9007199254740993",
                             "18446744073709551615",
                             "18446744073709551616",
                             "99999999999999999999999",
                             "1e22",
                             "1e23",
                             "1e-22",
                             "1e-23",
                             "3.4028234e38",
                             "3.4028235e38",
                             "3.4028236e38",
                             "1.17549435e-38",
                             "1.17549428e-38",
                             "1e-45",
                             "1.4e-45",
                             "7e-46",
                             "2.2250738585072014e-308",
                             "0.000000000000000000000000000000000000000000001",
                             "1.00000005960464477539062500",
                             "1.00000005960464477539062501",
                             "1.000000059604644775390625",
                             "",
                             ".",
                             "-",
                             "-.",
                             "e5",
                             "1e",
                             "1e+",
                             "1e5.",
                             "1.2.3",
                             "0x10",
                             "1 ",
                             " 1",
                             "1,5",
                             "--1",
                             "1_000"}) {
      CAPTURE(text);
      CHECK(agrees_in_both(text));
    }
  }

  TEST_CASE("parse_number: one plus sign is fine, nan, inf and hexadecimal are no numbers") {
    float value = 0;
    CHECK(parse_number("+1.5", value) == NumberStatus::kNumber);
    CHECK(value == 1.5F);
    for (const char* text : {"+-1", "++1", "+", "nan", "inf", "-inf", "infinity", "0x1p3", "NaN"}) {
      CAPTURE(text);
      CHECK(parse_number(text, value) == NumberStatus::kNoNumber);
    }
  }

  TEST_CASE("parse_number: what is too large is told, what is too small becomes zero") {
    float value = 0;
    for (const char* text :
         {"1e39", "-1e99", "340282357000000000000000000000000000000", "1e999999999999"}) {
      CAPTURE(text);
      CHECK(parse_number(text, value) == NumberStatus::kTooLarge);
    }
    value = 1;
    CHECK(parse_number("-1e-60", value) == NumberStatus::kNumber);
    CHECK(value == 0);
    CHECK(std::signbit(value));
    double number = 1;
    CHECK(parse_number("1e-999999999999999999999", number) == NumberStatus::kNumber);
    CHECK(number == 0);
  }

  TEST_CASE("scan_number: stops behind the number, also before an exponent that is none") {
    const std::string text = "12.5ex";
    float value = 0;
    const ScannedNumber number = scan_number(text.data(), text.data() + text.size(), value);
    CHECK(number.status == NumberStatus::kNumber);
    CHECK(number.end == text.data() + 4);
    CHECK(value == 12.5F);
  }
}

}  // namespace mlp
