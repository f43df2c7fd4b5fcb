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
