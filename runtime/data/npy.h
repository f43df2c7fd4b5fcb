#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/features.h"
#include "model/table.h"
#include "runtime/data/byte_source.h"

namespace mlp {

// What one value of an array is.
enum class ElementKind {
  kBool,
  kSigned,
  kUnsigned,
  kFloat,
  kBytes,    // fixed-width bytes, NumPy's S
  kText,     // fixed-width UCS-4, NumPy's U
  kUnknown,  // anything that is not read: objects, structures, dates, complex numbers
};

// The header of a .npy file, versions 1.0 to 3.0 (numpy.lib.format says the format).
struct ArrayHeader {
  ElementKind kind = ElementKind::kUnknown;
  std::size_t item_bytes = 0;  // of one value; 0 for kUnknown
  bool big_endian = false;
  bool fortran_order = false;  // the first index runs fastest, instead of the last
  std::vector<std::size_t> shape;
  std::string descr;             // the type as NumPy spells it, for messages
  std::size_t header_bytes = 0;  // from the file's start to the first value

  std::size_t values() const;  // product of the shape; it and its size in bytes fit into 63 bits
  std::size_t rows() const { return shape.empty() ? 0 : shape[0]; }
  std::vector<std::size_t> row_shape() const;
};

// Reads the header and leaves `source` at the first value. Throws UserError for what is no such
// header; a type that can't be read is only kUnknown.
ArrayHeader read_array_header(ByteSource& source);

// Throws UserError, beginning with `name`, unless header and values are `size_bytes` together. Of
// an unknown type nothing can be said.
void check_size(const ArrayHeader& header, const std::string& name, std::uint64_t size_bytes);

// How features of this type are held: uint8 stays, all else becomes float32. Throws UserError,
// beginning with `name`, for types that are no features.
FeatureType feature_type(const ArrayHeader& header, const std::string& name);

// Appends `bytes`, values in C order of which the first is number `first_value` of the array, to
// `features`, which has the type feature_type(). Throws UserError with row and position for NaN,
// infinity and values beyond float32.
void append_features(const ArrayHeader& header, const std::string& name,
                     std::span<const std::byte> bytes, std::size_t first_value, Features& features);

// Throws UserError as append_features() does for values that are floats of this machine already.
void check_finite(const ArrayHeader& header, const std::string& name, std::span<const float> values,
                  std::size_t first_value);

// Throws UserError, beginning with `name`, unless the array is (N) or (N, 1) of a type that labels
// can have, or (N, targets) of numbers.
void check_targets(const ArrayHeader& header, const std::string& name);

// All values of an array that passed check_targets(), in C order, by columns: numbers, or text in
// UTF-8 without trailing zeros. Throws UserError with the row for NaN, infinity, empty or malformed
// text, and integers beyond 2^53, which a double can't tell apart.
std::vector<Column> decode_targets(const ArrayHeader& header, const std::string& name,
                                   std::span<const std::byte> bytes);

// Throws UserError, beginning with `name`, unless the array is (N) or (N, 1) of numbers.
void check_weights(const ArrayHeader& header, const std::string& name);

// All values of an array that passed check_weights(). Throws UserError with the row for NaN,
// infinity, negative values and those beyond float32.
std::vector<float> decode_weights(const ArrayHeader& header, const std::string& name,
                                  std::span<const std::byte> bytes);

// `count` rows of an array in Fortran order, of which `bytes` are all values, put into C order.
std::vector<std::byte> to_c_order(const ArrayHeader& header, std::span<const std::byte> bytes,
                                  std::size_t first_row, std::size_t count);
// All of them.
std::vector<std::byte> to_c_order(const ArrayHeader& header, std::span<const std::byte> bytes);

}  // namespace mlp
