#include "runtime/data/npy.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "model/error.h"
#include "test/runtime/data/made_files.h"
#include "test/support/columns.h"

namespace mlp {
namespace {

using Shape = std::vector<std::size_t>;
using test::bytes_of;
using test::npy;
using test::npy_with_header;

ArrayHeader header_of(const std::string& bytes) {
  const auto source = memory_source("a.npy", bytes);
  return read_array_header(*source);
}

std::vector<std::byte> values_of(const std::string& bytes, const ArrayHeader& header) {
  const auto* const first = reinterpret_cast<const std::byte*>(bytes.data());
  return {first + header.header_bytes, first + bytes.size()};
}

std::vector<float> features_of(const std::string& bytes) {
  const ArrayHeader header = header_of(bytes);
  std::vector<std::byte> values = values_of(bytes, header);
  if (header.fortran_order) values = to_c_order(header, values);
  Features features;
  features.type = feature_type(header, "a.npy");
  append_features(header, "a.npy", values, 0, features);
  if (features.type == FeatureType::kUint8) {
    return {features.bytes.begin(), features.bytes.end()};
  }
  return features.floats;
}

std::vector<Column> columns_of(const std::string& bytes) {
  const ArrayHeader header = header_of(bytes);
  check_targets(header, "a.npy");
  return decode_targets(header, "a.npy", values_of(bytes, header));
}

Column targets_of(const std::string& bytes) {
  const std::vector<Column> columns = columns_of(bytes);
  REQUIRE(columns.size() == 1);
  return columns[0];
}

std::vector<float> weights_of(const std::string& bytes) {
  const ArrayHeader header = header_of(bytes);
  check_weights(header, "w.npy");
  return decode_weights(header, "w.npy", values_of(bytes, header));
}

std::string reversed(std::string bytes, std::size_t item) {
  for (std::size_t i = 0; i < bytes.size(); i += item) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + item));
  }
  return bytes;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("read_array_header: versions 1, 2 and 3, any order of keys, any blanks") {
    for (const int version : {1, 2, 3}) {
      CAPTURE(version);
      const ArrayHeader header =
          header_of(npy("<f4", "(2, 3)", std::string(24, '\0'), true, version));
      CHECK(header.kind == ElementKind::kFloat);
      CHECK(header.item_bytes == 4);
      CHECK(header.fortran_order);
      CHECK(header.shape == Shape{2, 3});
      CHECK(header.header_bytes % 64 == 0);
    }
    const ArrayHeader header =
        header_of(npy_with_header("{ \"shape\":(7 ,),'fortran_order' :False,'descr':\">i8\"}", ""));
    CHECK(header.shape == Shape{7});
    CHECK(header.big_endian);
    CHECK(header.item_bytes == 8);
    CHECK(header_of(npy("<f4", "()", "1234")).shape.empty());
    CHECK(header_of(npy("<f4", "(10L, 2L)", "")).shape == Shape{10, 2});
  }

  TEST_CASE("read_array_header: what is no header is refused") {
    struct Case {
      std::string bytes;
      const char* words;
    };
    for (const Case& c : {
             Case{"", "cut short"},
             Case{"\x93NUMPY", "cut short"},
             Case{"hello, world", "begins with \"hello,\""},
             Case{std::string("\x93NUMPY\x04\x00\x01\x00", 10), "version 4"},
             Case{std::string("\x93NUMPY\x01\x00\xFF\x00{", 11), "cut short"},
             Case{std::string("\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF", 12), "claims 4294967295 bytes"},
             Case{npy_with_header("", ""), "expected '{'"},
             Case{npy_with_header("{'descr': '<f4'}", ""), "lacks descr, fortran_order or shape"},
             Case{npy_with_header("{'descr': '<f4", ""), "does not end"},
             Case{npy_with_header("{'descr': [('a', '<f4'", ""), "does not end"},
             Case{npy_with_header("{descr: 1}", ""), "expected a string"},
             Case{npy_with_header("{'more': 1}", ""), "unknown key \"more\""},
             Case{npy("<f4", "(2, -3)", ""), "no tuple of sizes"},
             Case{npy("<f4", "(2 3)", ""), "expected ')'"},
             Case{npy_with_header("{'descr': '<f4', 'fortran_order': 0, 'shape': ()}", ""),
                  "neither True"},
             Case{npy_with_header("{'descr': '<f4', 'fortran_order': True, 'shape': ()} x", ""),
                  "text follows"},
             Case{npy("<f4", "(99999999999999999999999,)", ""), "no tuple of sizes"},
             Case{npy("<f4", "(9999999999999, 9999999999999)", ""), "too large for any file"},
             Case{npy("<f4", "(0, 9999999999999, 9999999999999)", ""), "too large for any file"},
         }) {
      CAPTURE(c.bytes);
      CHECK_THROWS_WITH_AS(header_of(c.bytes), doctest::Contains(c.words), UserError);
    }
  }

  TEST_CASE("append_features: every number type and byte order gives its values") {
    const std::vector<float> expected = {0, 1, 100};
    const auto check = [&](const char* descr, const std::string& bytes, std::size_t item) {
      CAPTURE(descr);
      CHECK(features_of(npy(std::string("<") + descr, "(1, 3)", bytes)) == expected);
      CHECK(features_of(npy(std::string(">") + descr, "(1, 3)", reversed(bytes, item))) ==
            expected);
    };
    check("i1", bytes_of<std::int8_t>({0, 1, 100}), 1);
    check("u1", bytes_of<std::uint8_t>({0, 1, 100}), 1);
    check("i2", bytes_of<std::int16_t>({0, 1, 100}), 2);
    check("u2", bytes_of<std::uint16_t>({0, 1, 100}), 2);
    check("i4", bytes_of<std::int32_t>({0, 1, 100}), 4);
    check("u4", bytes_of<std::uint32_t>({0, 1, 100}), 4);
    check("i8", bytes_of<std::int64_t>({0, 1, 100}), 8);
    check("u8", bytes_of<std::uint64_t>({0, 1, 100}), 8);
    check("f2", bytes_of<std::uint16_t>({0, 0x3C00, 0x5640}), 2);
    check("f4", bytes_of<float>({0, 1, 100}), 4);
    check("f8", bytes_of<double>({0, 1, 100}), 8);
    CHECK(features_of(npy("|b1", "(1, 3)", std::string("\0\1\2", 3))) ==
          std::vector<float>{0, 1, 1});
    CHECK(features_of(npy("=i2", "(1, 1)", bytes_of<std::int16_t>({-7}))) ==
          std::vector<float>{-7});
  }

  TEST_CASE("append_features: half floats, subnormal ones too, are exact") {
    CHECK(features_of(
              npy("<f2", "(1, 6)",
                  bytes_of<std::uint16_t>({0x0001, 0x8001, 0x03FF, 0x0400, 0x7BFF, 0xC000}))) ==
          std::vector<float>{0x1p-24F, -0x1p-24F, 0x3FFp-24F, 0x1p-14F, 65504, -2});
  }

  TEST_CASE("append_features: only uint8 stays as it is") {
    CHECK(feature_type(header_of(npy("|u1", "(1, 1)", "a")), "") == FeatureType::kUint8);
    CHECK(feature_type(header_of(npy("|i1", "(1, 1)", "a")), "") == FeatureType::kFloat32);
    CHECK(feature_type(header_of(npy("|b1", "(1, 1)", "a")), "") == FeatureType::kFloat32);
  }

  TEST_CASE("append_features: NaN, infinity and what is beyond float32 are named by their place") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const double infinity = std::numeric_limits<double>::infinity();
    CHECK_THROWS_WITH_AS(
        features_of(npy("<f4", "(2, 3)", bytes_of<float>({0, 0, 0, 0, 0, nan}))),
        doctest::Contains("a.npy, row 1, column 2 (counted from 0): expected a finite "
                          "number, found NaN"),
        UserError);
    CHECK_THROWS_WITH_AS(
        features_of(npy("<f8", "(1, 2, 2)", bytes_of<double>({0, 0, -infinity, 0}))),
        doctest::Contains("row 0, position (1, 0) (counted from 0)"), UserError);
    CHECK_THROWS_WITH_AS(
        features_of(npy("<f8", "(1, 2)", bytes_of<double>({0, 1e39}))),
        doctest::Contains("column 1 (counted from 0): 1e+39 is beyond the largest float32"),
        UserError);
    CHECK_THROWS_WITH_AS(features_of(npy("<f2", "(1, 2)", bytes_of<std::uint16_t>({0, 0x7C00}))),
                         doctest::Contains("found infinity"), UserError);
    CHECK_THROWS_WITH_AS(features_of(npy("<f4", "(2, 2)", bytes_of<float>({0, nan, 0, 0}), true)),
                         doctest::Contains("row 1, column 0"), UserError);
  }

  TEST_CASE("to_c_order: is the transposition, for two and three dimensions") {
    CHECK(features_of(npy("|u1", "(2, 3)", "\1\4\2\5\3\6", true)) ==
          std::vector<float>{1, 2, 3, 4, 5, 6});
    // Value 100 i + 10 j + k at [i, j, k], for more rows than one block holds.
    std::vector<std::int16_t> values;
    for (int k = 0; k < 3; ++k) {
      for (int j = 0; j < 4; ++j) {
        for (int i = 0; i < 70; ++i)
          values.push_back(static_cast<std::int16_t>(100 * i + 10 * j + k));
      }
    }
    std::vector<float> expected;
    for (int i = 0; i < 70; ++i) {
      for (int j = 0; j < 4; ++j) {
        for (int k = 0; k < 3; ++k) expected.push_back(static_cast<float>(100 * i + 10 * j + k));
      }
    }
    CHECK(features_of(npy("<i2", "(70, 4, 3)", bytes_of(values), true)) == expected);
  }

  TEST_CASE("feature_type: what is no number is refused with its reason") {
    struct Case {
      std::string bytes;
      const char* words;
    };
    for (const Case& c : {
             Case{npy("|O", "(1, 1)", ""), "Python objects"},
             Case{npy("<U5", "(1, 1)", ""), "Text categories are not supported yet"},
             Case{npy("|S3", "(1, 1)", ""), "Text categories are not supported yet"},
             Case{npy("<c8", "(1, 1)", ""), "type \"<c8\", which is not read"},
             Case{npy("<M8[ns]", "(1, 1)", ""), "which is not read"},
             Case{npy("<f16", "(1, 1)", ""), "which is not read"},
             Case{npy("<i3", "(1, 1)", ""), "which is not read"},
             Case{npy("", "(1, 1)", ""), "which is not read"},
             Case{npy_with_header("{'descr': [('a', '<f4'), ('b', '|O')], 'fortran_order': False, "
                                  "'shape': (1,)}",
                                  ""),
                  "named fields"},
         }) {
      CAPTURE(c.bytes);
      CHECK_THROWS_WITH_AS(feature_type(header_of(c.bytes), "x"), doctest::Contains(c.words),
                           UserError);
    }
  }

  TEST_CASE("decode_targets: numbers of every kind, one or two dimensions") {
    CHECK(targets_of(npy("|u1", "(3,)", "\1\2\377")).numbers == std::vector<double>{1, 2, 255});
    CHECK(targets_of(npy(">i2", "(2, 1)", std::string("\377\376\0\5", 4))).numbers ==
          std::vector<double>{-2, 5});
    CHECK(targets_of(npy("|b1", "(2,)", std::string("\0\1", 2))).numbers ==
          std::vector<double>{0, 1});
    CHECK(targets_of(npy("<f8", "(2,)", bytes_of<double>({0.1, 1e300}))).numbers ==
          std::vector<double>{0.1, 1e300});
    CHECK(targets_of(npy("<f2", "(1,)", bytes_of<std::uint16_t>({0x3E00}))).numbers ==
          std::vector<double>{1.5});
    CHECK(
        targets_of(npy("<i8", "(2,)", bytes_of<std::int64_t>({1LL << 53, -(1LL << 53)}))).numbers ==
        std::vector<double>{0x1p53, -0x1p53});
  }

  TEST_CASE("decode_targets: text of both kinds becomes UTF-8 without trailing zeros") {
    CHECK(test::text_by_row(targets_of(npy("|S3", "(2,)", std::string("ab\0xyz", 6)))) ==
          std::vector<std::string>{"ab", "xyz"});
    const std::string text = bytes_of<char32_t>({U'a', 0, 0, U'\u00E9', U'\u20AC', U'\U0001F600'});
    const std::vector<std::string> expected = {"a", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"};
    CHECK(test::text_by_row(targets_of(npy("<U3", "(2,)", text))) == expected);
    CHECK(test::text_by_row(targets_of(npy(">U3", "(2, 1)", reversed(text, 4)))) == expected);
  }

  TEST_CASE("decode_targets: a second dimension makes columns, whatever the type of number") {
    for (const std::string& bytes :
         {npy("|b1", "(3, 2)", std::string("\0\1\1\1\0\0", 6)),
          npy("<f4", "(3, 2)", bytes_of<float>({0, 1, 1, 1, 0, 0})),
          npy(">i8", "(3, 2)", reversed(bytes_of<std::int64_t>({0, 1, 1, 1, 0, 0}), 8))}) {
      const std::vector<Column> columns = columns_of(bytes);
      REQUIRE(columns.size() == 2);
      CHECK(columns[0].numbers == std::vector<double>{0, 1, 0});
      CHECK(columns[1].numbers == std::vector<double>{1, 1, 0});
    }
  }

  TEST_CASE("decode_weights: numbers of every kind become floats") {
    CHECK(weights_of(npy("|u1", "(3,)", "\1\2\377")) == std::vector<float>{1, 2, 255});
    CHECK(weights_of(npy("|b1", "(2, 1)", std::string("\0\2", 2))) == std::vector<float>{0, 1});
    CHECK(weights_of(npy("<f8", "(2,)", bytes_of<double>({0.1, 0}))) ==
          std::vector<float>{0.1F, 0});
    CHECK(weights_of(npy("<f2", "(1,)", bytes_of<std::uint16_t>({0x3E00}))) ==
          std::vector<float>{1.5F});
    CHECK(weights_of(npy("<u8", "(1,)", bytes_of<std::uint64_t>({1ULL << 60}))) ==
          std::vector<float>{0x1p60F});
  }

  TEST_CASE("decode_weights: what is no weight is named by its row") {
    const double infinity = std::numeric_limits<double>::infinity();
    struct Case {
      std::string bytes;
      const char* words;
    };
    for (const Case& c : {
             Case{npy("<f8", "(2,)", bytes_of<double>({0, std::nan("")})),
                  "w.npy, row 1 (counted from 0): the row's weight is nan"},
             Case{npy("<f8", "(1,)", bytes_of<double>({infinity})), "weight is inf"},
             Case{npy("<f8", "(1,)", bytes_of<double>({1e300})), "weight is 1e+300"},
             Case{npy("<f4", "(1, 1)", bytes_of<float>({-0.5F})),
                  "row 0, column 0 (counted from 0): the row's weight is -0.5"},
             Case{npy("<i4", "(1,)", bytes_of<std::int32_t>({-1})), "weight is -1"},
             Case{npy("<U1", "(1,)", bytes_of<char32_t>({U'1'})), "the weights are text"},
             Case{npy("<f4", "(1, 2)", bytes_of<float>({1, 2})), "of the shape (1, 2)"},
             Case{npy("<f4", "()", bytes_of<float>({1})), "Expected one number per row"},
             Case{npy("|O", "(1,)", ""), "Python objects"},
         }) {
      CAPTURE(c.bytes);
      CHECK_THROWS_WITH_AS(weights_of(c.bytes), doctest::Contains(c.words), UserError);
    }
  }

  TEST_CASE("decode_targets: labels that can't be used are named by row") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    struct Case {
      std::string bytes;
      const char* words;
    };
    for (const Case& c : {
             Case{npy("<f8", "(2,)", bytes_of<double>({0, nan})),
                  "row 1 (counted from 0): expected a label or a finite number, found NaN"},
             Case{npy("<i8", "(1,)", bytes_of<std::int64_t>({(1LL << 53) + 1})),
                  "label 9007199254740993 is beyond 2^53"},
             Case{npy("<i8", "(1,)", bytes_of<std::int64_t>({-(1LL << 53) - 1})), "beyond 2^53"},
             Case{npy("<i8", "(1,)",
                      bytes_of<std::int64_t>({std::numeric_limits<std::int64_t>::min()})),
                  "beyond 2^53"},
             Case{npy("<u8", "(1,)", bytes_of<std::uint64_t>({~0ULL})), "beyond 2^53"},
             Case{npy("<U1", "(2,)", bytes_of<char32_t>({U'a', 0})),
                  "row 1 (counted from 0): the label is empty"},
             Case{npy("<U1", "(1,)", bytes_of<std::uint32_t>({0xD800})), "no valid Unicode"},
             Case{npy("<U1", "(1,)", bytes_of<std::uint32_t>({0x110000})), "no valid Unicode"},
             Case{npy("<U2", "(1,)", bytes_of<std::uint32_t>({0, 65})), "no valid Unicode"},
             Case{npy("|S1", "(1,)", "\xFF"), "no valid Unicode"},
             Case{npy("<f4", "(1, 3)",
                      bytes_of<float>({0, std::numeric_limits<float>::infinity(), 0})),
                  "row 0, column 1 (counted from 0): expected a label or a finite number, found "
                  "inf"},
             Case{npy("<i4", "(2, 3, 1)", ""), "the shape (2, 3, 1)"},
             Case{npy("<i4", "(2, 0)", ""), "several numbers per row, shape (rows, targets)"},
             Case{npy("<i4", "()", ""), "one label per row"},
             Case{npy("<U1", "(1, 2)", bytes_of<char32_t>({U'a', U'b'})), "need numbers"},
             Case{npy("|O", "(2,)", ""), "Python objects"},
         }) {
      CAPTURE(c.bytes);
      CHECK_THROWS_WITH_AS(targets_of(c.bytes), doctest::Contains(c.words), UserError);
    }
  }
}

}  // namespace mlp
