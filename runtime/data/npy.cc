#include "runtime/data/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>

#include "model/error.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kLongestHeader = 1 << 20;
constexpr std::string_view kReadTypes =
    "Types that are read: bool, integers of 8 to 64 bits, and floats of 16 to 64 bits";

// A 16-bit float, as IEEE 754 lays it out.
struct Half {
  std::uint16_t bits;
};

float to_float(Half half) {
  const std::uint32_t sign = (half.bits & 0x8000U) << 16;
  const std::uint32_t exponent = (half.bits >> 10) & 0x1FU;
  const std::uint32_t fraction = half.bits & 0x3FFU;
  if (exponent == 0) {  // zero or subnormal: fraction x 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
  }
  const std::uint32_t float_exponent = exponent == 0x1F ? 0xFFU : exponent + 127 - 15;
  return std::bit_cast<float>(sign | (float_exponent << 23) | (fraction << 13));
}

// Reads the literal of a Python dictionary as numpy.lib.format writes it, and nothing more of
// Python.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  void parse(ArrayHeader& header) {
    bool has_descr = false;
    bool has_order = false;
    bool has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr") {
        has_descr = true;
        parse_descr(header);
      } else if (key == "fortran_order") {
        has_order = true;
        header.fortran_order = boolean();
      } else if (key == "shape") {
        has_shape = true;
        header.shape = tuple();
      } else {
        fail(fmt::format("it has the unknown key {}", in_quotes(key)));
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (position_ != text_.size()) fail("text follows it");
    if (!has_descr || !has_order || !has_shape) fail("it lacks descr, fortran_order or shape");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(fmt::format(
        "{}: the header of the array is damaged: {}. Write the file again with numpy.save or "
        "numpy.savez.",
        name_, what));
  }

  void skip_blanks() {
    position_ = std::min(text_.find_first_not_of(" \t\r\n", position_), text_.size());
  }

  bool accept(char c) {
    skip_blanks();
    if (position_ == text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail(fmt::format("expected '{}' at its byte {}", c, position_));
  }

  bool accept_word(std::string_view word) {
    skip_blanks();
    if (!text_.substr(position_).starts_with(word)) return false;
    position_ += word.size();
    return true;
  }

  std::string_view string() {
    skip_blanks();
    const char quote = position_ < text_.size() ? text_[position_] : '\0';
    if (quote != '\'' && quote != '"') {
      fail(fmt::format("expected a string at its byte {}", position_));
    }
    const std::size_t begin = ++position_;
    const std::size_t end = text_.find(quote, begin);
    if (end == std::string_view::npos) fail("a string in it does not end");
    position_ = end + 1;
    return text_.substr(begin, end - begin);
  }

  bool boolean() {
    if (accept_word("True")) return true;
    if (!accept_word("False")) fail("fortran_order is neither True nor False");
    return false;
  }

  std::vector<std::size_t> tuple() {
    std::vector<std::size_t> extents;
    expect('(');
    while (!accept(')')) {
      skip_blanks();
      std::size_t extent = 0;
      const char* const first = text_.data() + position_;
      const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), extent);
      if (error != std::errc{}) fail("shape is no tuple of sizes");
      position_ += static_cast<std::size_t>(end - first);
      accept_word("L");  // as Python 2 writes long integers
      extents.push_back(extent);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return extents;
  }

  // A structured type is a list, whose end is found by its brackets.
  void parse_descr(ArrayHeader& header) {
    skip_blanks();
    if (position_ < text_.size() && text_[position_] == '[') {
      const std::size_t begin = position_;
      std::size_t depth = 0;
      do {
        if (accept('[')) {
          ++depth;
        } else if (accept(']')) {
          --depth;
        } else if (position_ == text_.size()) {
          fail("descr does not end");
        } else if (text_[position_] == '\'' || text_[position_] == '"') {
          string();
        } else {
          ++position_;
        }
      } while (depth > 0);
      header.descr = text_.substr(begin, position_ - begin);
      return;
    }
    header.descr = string();
    parse_type(header);
  }

  static void parse_type(ArrayHeader& header) {
    std::string_view text = header.descr;
    if (!text.empty() && std::string_view("<>|=").find(text[0]) != std::string_view::npos) {
      header.big_endian = text[0] == '>';
      text.remove_prefix(1);
    }
    if (text.empty()) return;
    std::uint32_t size = 0;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data() + 1, last, size);
    if (error != std::errc{} || end != last) return;
    const auto set = [&](ElementKind kind, std::size_t bytes) {
      header.kind = kind;
      header.item_bytes = bytes;
    };
    const bool is_power = size == 1 || size == 2 || size == 4 || size == 8;
    switch (text[0]) {
      case 'b':
        if (size == 1) set(ElementKind::kBool, 1);
        break;
      case 'i':
        if (is_power) set(ElementKind::kSigned, size);
        break;
      case 'u':
        if (is_power) set(ElementKind::kUnsigned, size);
        break;
      case 'f':
        if (is_power && size > 1) set(ElementKind::kFloat, size);
        break;
      case 'S':
        set(ElementKind::kBytes, size);
        break;
      case 'U':
        set(ElementKind::kText, std::size_t{4} * size);
        break;
      default:
        break;
    }
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t position_ = 0;
};

// The value at `bytes`, of which T is the type, in this machine's byte order.
template <typename T>
T load(const std::byte* bytes, bool big_endian) {
  std::array<std::byte, sizeof(T)> copy;
  std::memcpy(copy.data(), bytes, sizeof(T));
  if (big_endian) std::reverse(copy.begin(), copy.end());
  return std::bit_cast<T>(copy);
}

// Calls `visit` with a value of the C++ type that the array's values have; bool counts as uint8.
template <typename Visit>
void visit_number_type(const ArrayHeader& header, Visit&& visit) {
  const std::size_t size = header.item_bytes;
  switch (header.kind) {
    case ElementKind::kBool:
      return visit(std::uint8_t{});
    case ElementKind::kSigned:
      if (size == 1) return visit(std::int8_t{});
      if (size == 2) return visit(std::int16_t{});
      if (size == 4) return visit(std::int32_t{});
      return visit(std::int64_t{});
    case ElementKind::kUnsigned:
      if (size == 1) return visit(std::uint8_t{});
      if (size == 2) return visit(std::uint16_t{});
      if (size == 4) return visit(std::uint32_t{});
      return visit(std::uint64_t{});
    case ElementKind::kFloat:
      if (size == 2) return visit(Half{});
      if (size == 4) return visit(float{});
      return visit(double{});
    default:
      return;
  }
}

template <typename T>
double to_double(const ArrayHeader& header, T value) {
  if constexpr (std::is_same_v<T, Half>) {
    return to_float(value);
  } else if (header.kind == ElementKind::kBool) {
    return value == T{} ? 0 : 1;
  } else {
    return static_cast<double>(value);
  }
}

bool is_text(const ArrayHeader& header) {
  return header.kind == ElementKind::kBytes || header.kind == ElementKind::kText;
}

// Where in the array the value number `index` (in C order) is: "row 12, column 5".
std::string place(const ArrayHeader& header, std::size_t index) {
  const std::vector<std::size_t> row_shape = header.row_shape();
  std::vector<std::size_t> position(row_shape.size());
  for (std::size_t axis = row_shape.size(); axis-- > 0;) {
    position[axis] = index % row_shape[axis];
    index /= row_shape[axis];
  }
  if (position.empty()) return fmt::format("row {} (counted from 0)", index);
  if (position.size() == 1) {
    return fmt::format("row {}, column {} (counted from 0)", index, position[0]);
  }
  return fmt::format("row {}, position {} (counted from 0)", index, shape_text(position));
}

[[noreturn]] void throw_not_finite(const ArrayHeader& header, const std::string& name,
                                   std::size_t index, double value) {
  if (std::isfinite(value)) {
    throw UserError(fmt::format(
        "{}, {}: {} is beyond the largest float32 value, 3.4e38. Scale the values down, or correct "
        "this one.",
        name, place(header, index), value));
  }
  throw UserError(fmt::format(
      "{}, {}: expected a finite number, found {}. Missing values are not supported yet: fill them "
      "(numpy.nan_to_num) or drop the row.",
      name, place(header, index), std::isnan(value) ? "NaN" : "infinity"));
}

bool is_finite(float value) {
  constexpr std::uint32_t kExponent = 0x7F800000;
  return (std::bit_cast<std::uint32_t>(value) & kExponent) != kExponent;
}

void append_code_point(std::uint32_t code, std::string& text) {
  const auto add = [&](std::uint32_t bits) { text += static_cast<char>(bits); };
  const auto add_tail = [&](int shift) { add(0x80U | ((code >> shift) & 0x3FU)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0U | (code >> 6));
    add_tail(0);
  } else if (code < 0x10000) {
    add(0xE0U | (code >> 12));
    add_tail(6);
    add_tail(0);
  } else {
    add(0xF0U | (code >> 18));
    add_tail(12);
    add_tail(6);
    add_tail(0);
  }
}

// The text of one item; nothing where it is no text.
bool decode_text(const ArrayHeader& header, const std::byte* item, std::string& text) {
  text.clear();
  if (header.kind == ElementKind::kBytes) {
    text.assign(reinterpret_cast<const char*>(item), header.item_bytes);
    text.resize(text.find_last_not_of('\0') + 1);
  } else {
    std::size_t length = header.item_bytes / 4;
    const auto code_at = [&](std::size_t i) {
      return load<std::uint32_t>(item + 4 * i, header.big_endian);
    };
    while (length > 0 && code_at(length - 1) == 0) --length;
    for (std::size_t i = 0; i < length; ++i) {
      const std::uint32_t code = code_at(i);
      if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
      append_code_point(code, text);
    }
  }
  return is_utf8(text) && text.find('\0') == std::string::npos;
}

[[noreturn]] void throw_unknown_type(const ArrayHeader& header, const std::string& name) {
  if (header.descr.find('O') != std::string::npos && !header.descr.starts_with('[')) {
    throw UserError(
        fmt::format("{}: the array holds Python objects, which are not read. Save it with a type "
                    "of its own, for example a.astype(\"float32\").",
                    name));
  }
  if (header.descr.starts_with('[')) {
    throw UserError(
        fmt::format("{}: the array has named fields ({}), which are not read. Save its columns as "
                    "one plain array of numbers.",
                    name, in_quotes(header.descr)));
  }
  throw UserError(fmt::format("{}: the array has the type {}, which is not read. {}.", name,
                              in_quotes(header.descr), kReadTypes));
}

}  // namespace

std::size_t ArrayHeader::values() const {
  std::size_t product = 1;
  for (const std::size_t extent : shape) product *= extent;
  return product;
}

std::vector<std::size_t> ArrayHeader::row_shape() const {
  if (shape.empty()) return {};
  return {shape.begin() + 1, shape.end()};
}

ArrayHeader read_array_header(ByteSource& source) {
  const auto read = [&](std::size_t size) {
    std::string bytes(size, '\0');
    if (source.read(bytes.data(), size) != size) {
      throw UserError(fmt::format(
          "{}: the header of the array is cut short. Copy or send it again, or write it anew with "
          "numpy.save or numpy.savez.",
          source.name()));
    }
    return bytes;
  };
  const std::string start = read(kMagic.size() + 2);
  if (!start.starts_with(kMagic)) {
    throw UserError(fmt::format(
        "{}: expected an array as numpy.save writes it, but the file begins with {}. Write it with "
        "numpy.save or numpy.savez.",
        source.name(), in_quotes(std::string_view(start).substr(0, kMagic.size()))));
  }
  const auto major = static_cast<std::uint8_t>(start[kMagic.size()]);
  if (major < 1 || major > 3) {
    throw UserError(fmt::format(
        "{}: the array's format has version {}, but 1 to 3 are read. Write the file again with "
        "numpy.save or numpy.savez.",
        source.name(), major));
  }
  const std::string length_bytes = read(major == 1 ? 2 : 4);
  std::size_t length = 0;
  for (std::size_t i = length_bytes.size(); i-- > 0;) {
    length = length << 8 | static_cast<std::uint8_t>(length_bytes[i]);
  }
  if (length > kLongestHeader) {
    throw UserError(fmt::format(
        "{}: the header of the array is damaged: it claims {} bytes. Write the file again with "
        "numpy.save or numpy.savez.",
        source.name(), length));
  }
  ArrayHeader header;
  const std::string text = read(length);
  HeaderParser(text, source.name()).parse(header);
  header.header_bytes = start.size() + length_bytes.size() + length;

  // Extents of zero don't excuse the others: their product must fit, whichever is taken first.
  std::size_t bytes = std::max<std::size_t>(header.item_bytes, 1);
  for (const std::size_t extent : header.shape) {
    const std::size_t factor = std::max<std::size_t>(extent, 1);
    if (factor > (std::numeric_limits<std::size_t>::max() >> 1) / bytes) {
      throw UserError(
          fmt::format("{}: the header of the array is damaged: the shape {} is too large for any "
                      "file. Write the file again with numpy.save or numpy.savez.",
                      source.name(), shape_text(header.shape)));
    }
    bytes *= factor;
  }
  return header;
}

void check_size(const ArrayHeader& header, const std::string& name, std::uint64_t size_bytes) {
  if (header.kind == ElementKind::kUnknown) return;
  const std::uint64_t expected = header.header_bytes + header.values() * header.item_bytes;
  if (size_bytes == expected) return;
  throw UserError(fmt::format(
      "{}: the array is damaged or cut short: its shape {} and type {} take {} bytes, but {} are "
      "there. Copy or send it again, or write it anew with numpy.save or numpy.savez.",
      name, shape_text(header.shape), in_quotes(header.descr), expected, size_bytes));
}

FeatureType feature_type(const ArrayHeader& header, const std::string& name) {
  if (header.kind == ElementKind::kUnknown) throw_unknown_type(header, name);
  if (is_text(header)) {
    throw UserError(fmt::format(
        "{}: the features are text ({}). Text categories are not supported yet: replace them by "
        "numbers.",
        name, header.descr));
  }
  const bool is_pixel = header.kind == ElementKind::kUnsigned && header.item_bytes == 1;
  return is_pixel ? FeatureType::kUint8 : FeatureType::kFloat32;
}

void append_features(const ArrayHeader& header, const std::string& name,
                     std::span<const std::byte> bytes, std::size_t first_value,
                     Features& features) {
  const std::size_t count = bytes.size() / header.item_bytes;
  if (features.type == FeatureType::kUint8) {
    const auto* const pixels = reinterpret_cast<const std::uint8_t*>(bytes.data());
    features.bytes.insert(features.bytes.end(), pixels, pixels + count);
    return;
  }
  const std::size_t before = features.floats.size();
  features.floats.resize(before + count);
  float* const out = features.floats.data() + before;
  visit_number_type(header, [&]<typename T>(T) {
    for (std::size_t i = 0; i < count; ++i) {
      const T value = load<T>(bytes.data() + i * sizeof(T), header.big_endian);
      if constexpr (std::is_same_v<T, Half>) {
        out[i] = to_float(value);
      } else if constexpr (std::is_same_v<T, double>) {
        out[i] = static_cast<float>(value);
        if (!is_finite(out[i])) throw_not_finite(header, name, first_value + i, value);
      } else if (header.kind == ElementKind::kBool) {
        out[i] = value == T{} ? 0.0F : 1.0F;
      } else {
        out[i] = static_cast<float>(value);
      }
    }
  });
  if (header.kind == ElementKind::kFloat) check_finite(header, name, {out, count}, first_value);
}

void check_finite(const ArrayHeader& header, const std::string& name, std::span<const float> values,
                  std::size_t first_value) {
  constexpr std::size_t kBlock =
      4096;  // values that are looked at together, so that it takes no branch each
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, values.size());
    bool finite = true;
    for (std::size_t i = begin; i < end; ++i) finite &= is_finite(values[i]);
    if (finite) continue;
    for (std::size_t i = begin; i < end; ++i) {
      if (!is_finite(values[i])) throw_not_finite(header, name, first_value + i, values[i]);
    }
  }
}

void check_targets(const ArrayHeader& header, const std::string& name) {
  const bool is_flat = header.shape.size() == 1;
  if (!is_flat && (header.shape.size() != 2 || header.shape[1] == 0)) {
    throw UserError(
        fmt::format("{}: the labels have the shape {}. Expected one label per row, shape (rows,) "
                    "or (rows, 1), or several numbers per row, shape (rows, targets).",
                    name, shape_text(header.shape)));
  }
  if (header.kind == ElementKind::kUnknown) throw_unknown_type(header, name);
  if (is_text(header) && !is_flat && header.shape[1] > 1) {
    throw UserError(
        fmt::format("{}: the labels are text ({}) of the shape {}. Several targets per row need "
                    "numbers: save one column of labels, shape (rows,), or an array of 0 and 1.",
                    name, header.descr, shape_text(header.shape)));
  }
}

std::vector<Column> decode_targets(const ArrayHeader& header, const std::string& name,
                                   std::span<const std::byte> bytes) {
  const std::size_t rows = header.rows();
  const std::size_t columns = header.shape.size() == 2 ? header.shape[1] : 1;
  std::vector<Column> targets(columns);
  if (is_text(header)) {
    targets[0].is_text = true;
    targets[0].codes.reserve(rows);
    std::string text;
    for (std::size_t row = 0; row < rows; ++row) {
      if (!decode_text(header, bytes.data() + row * header.item_bytes, text)) {
        throw UserError(
            fmt::format("{}, row {} (counted from 0): the label {} is no valid Unicode text. Save "
                        "labels as str, or as bytes in UTF-8.",
                        name, row, in_quotes(text)));
      }
      if (text.empty()) {
        throw UserError(
            fmt::format("{}, row {} (counted from 0): the label is empty. Expected a label in each "
                        "row: fill it in or drop the row.",
                        name, row));
      }
      targets[0].codes.push_back(targets[0].texts.add(text));
    }
    return targets;
  }
  for (Column& target : targets) target.numbers.resize(rows);
  visit_number_type(header, [&]<typename T>(T) {
    for (std::size_t i = 0; i < rows * columns; ++i) {
      const T value = load<T>(bytes.data() + i * sizeof(T), header.big_endian);
      const double number = to_double(header, value);
      if (!std::isfinite(number)) {
        throw UserError(fmt::format(
            "{}, {}: expected a label or a finite number, found {}. Correct it or drop the row.",
            name, place(header, i), std::isnan(number) ? "NaN" : "infinity"));
      }
      if constexpr (std::is_integral_v<T> && sizeof(T) == 8) {
        constexpr auto kLargest = static_cast<T>(std::int64_t{1} << 53);
        if (value > kLargest || (std::is_signed_v<T> && value < T{0} - kLargest)) {
          throw UserError(
              fmt::format("{}, {}: the label {} is beyond 2^53, where numbers are no longer told "
                          "apart. Use smaller integers, or text, as labels.",
                          name, place(header, i), value));
        }
      }
      targets[i % columns].numbers[i / columns] = number;
    }
  });
  return targets;
}

void check_weights(const ArrayHeader& header, const std::string& name) {
  if (header.kind == ElementKind::kUnknown) throw_unknown_type(header, name);
  const bool is_column = header.shape.size() == 2 && header.shape[1] == 1;
  if (is_text(header) || (header.shape.size() != 1 && !is_column)) {
    throw UserError(fmt::format(
        "{}: the weights are {} of the shape {}. Expected one number per row, shape (rows,) or "
        "(rows, 1).",
        name, is_text(header) ? "text" : "numbers", shape_text(header.shape)));
  }
}

std::vector<float> decode_weights(const ArrayHeader& header, const std::string& name,
                                  std::span<const std::byte> bytes) {
  std::vector<float> weights(header.rows());
  visit_number_type(header, [&]<typename T>(T) {
    for (std::size_t row = 0; row < weights.size(); ++row) {
      const T value = load<T>(bytes.data() + row * sizeof(T), header.big_endian);
      const double number = to_double(header, value);
      weights[row] = static_cast<float>(number);
      if (!is_finite(weights[row]) || weights[row] < 0) {
        throw UserError(
            fmt::format("{}, {}: the row's weight is {}. Expected a number from 0 to 3.4e38 in "
                        "each row: correct it or drop the row.",
                        name, place(header, row), number));
      }
    }
  });
  return weights;
}

std::vector<std::byte> to_c_order(const ArrayHeader& header, std::span<const std::byte> bytes) {
  return to_c_order(header, bytes, 0, header.rows());
}

std::vector<std::byte> to_c_order(const ArrayHeader& header, std::span<const std::byte> bytes,
                                  std::size_t first_row, std::size_t count) {
  // With the rows fastest, a row's values lie rows() items apart, in Fortran order of the row's own
  // index; `places` says at which of these steps the values of a row in C order are.
  const std::vector<std::size_t> row_shape = header.row_shape();
  const std::size_t rows = header.rows();
  const std::size_t item = header.item_bytes;
  std::size_t width = 1;
  for (const std::size_t extent : row_shape) width *= extent;
  std::vector<std::size_t> places(width);
  std::vector<std::size_t> index(row_shape.size(), 0);
  for (std::size_t& step : places) {
    step = 0;
    for (std::size_t axis = row_shape.size(); axis-- > 0;) {
      step = step * row_shape[axis] + index[axis];
    }
    for (std::size_t axis = row_shape.size(); axis-- > 0;) {
      if (++index[axis] < row_shape[axis]) break;
      index[axis] = 0;
    }
  }
  std::vector<std::byte> result(count * width * item);
  constexpr std::size_t kBlock = 64;  // rows that are filled together, so that reads are contiguous
  const auto copy = [&](auto item_size) {
    for (std::size_t begin = 0; begin < count; begin += kBlock) {
      const std::size_t end = std::min(begin + kBlock, count);
      for (std::size_t column = 0; column < width; ++column) {
        const std::byte* const from = bytes.data() + (places[column] * rows + first_row) * item;
        for (std::size_t row = begin; row < end; ++row) {
          std::memcpy(result.data() + (row * width + column) * item, from + row * item, item_size);
        }
      }
    }
  };
  if (item == 1)
    copy(std::integral_constant<std::size_t, 1>{});
  else if (item == 2)
    copy(std::integral_constant<std::size_t, 2>{});
  else if (item == 4)
    copy(std::integral_constant<std::size_t, 4>{});
  else if (item == 8)
    copy(std::integral_constant<std::size_t, 8>{});
  else
    copy(item);
  return result;
}

}  // namespace mlp
