#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/kernels/activation.h"
#include "model/kernels/vector.h"

namespace mlp::kernels {

// The products of a training step in bfloat16, with sums in float32, and what is done to each
// block of sums while it is in the cache.
//
// The CPU's bfloat16 instructions add products of pairs that lie side by side in both operands, so
// a matrix is kept in the form that its next product takes. Forms, of bfloat16 values:
//
// strips      of 16 rows: [rows / 16][columns / 32][16][32], as the left operand of a sum over its
//             columns
// transposed  strips of the transpose, as the left operand of a sum over its rows
// panels      of 16 columns: [columns / 16][rows / 2][16][2], as the right operand of a sum over
//             its rows
//
// All dimensions are padded with zeros to multiples of kTile. Values are rounded to nearest, ties
// to even. Sums go over the inner dimension in an order that follows from the shapes alone, so one
// set gives the same bits on every thread; two sets may differ.
//
// Like those of vector.h: raw pointers and plain structs, no shared inline functions.
inline constexpr std::size_t kTile = 32;

constexpr std::size_t tiled(std::size_t size) { return (size + kTile - 1) / kTile * kTile; }

// AVX512-BF16, or AMX with tiles of bfloat16.
enum class Bfloat16Set { kAvx512, kAmx };

using Bfloat16 = std::uint16_t;  // the upper half of a float32

// left [rows, inner] times panels [inner, columns]. Either may be part of a larger matrix: whole
// strips, or whole panels. `scratch` holds product_scratch() floats.
struct Product {
  const Bfloat16* left;  // strips
  std::size_t rows;
  const Bfloat16* panels;
  std::size_t inner;  // more than 0
  std::size_t columns;
  float* scratch;
};

struct HiddenOutput {
  std::size_t columns;  // without padding
  const float* bias;    // padded as in vector.h
  Activation activation;
  const DropoutStream* dropout;  // null: none
  std::size_t first_row;         // of the product in the batch, a multiple of 4
  Bfloat16* strips;
  Bfloat16* transposed;
  Bfloat16* slopes;  // in strips; not used for relu
};

struct HiddenGradient {
  std::size_t columns;  // without padding
  Activation activation;
  float scale;              // relu: of what dropout kept
  const Bfloat16* outputs;  // relu: the layer's, in strips
  const Bfloat16* slopes;   // otherwise
  Bfloat16* strips;         // null: not wanted
  Bfloat16* panels;
  float* db;  // padded as in vector.h
};

struct Bfloat16Kernels {
  Bfloat16Set set;

  // Products of the calling thread begin sooner between the two. Pairs may be nested.
  void (*begin_products)();
  void (*end_products)();

  // from [rows, columns], rows first_row.. of a matrix of all_rows rows -> their part of its strips
  // and of the transposed form. first_row is a multiple of kTile, and rows too but for the last
  // ones.
  void (*pack_input)(const float* from, std::size_t first_row, std::size_t rows,
                     std::size_t columns, std::size_t stride, Bfloat16* strips,
                     Bfloat16* transposed, std::size_t all_rows);

  // from [rows, columns] -> strips and panels.
  void (*pack_gradient)(const float* from, std::size_t rows, std::size_t columns,
                        std::size_t stride, Bfloat16* strips, Bfloat16* panels);

  // A block of W [inputs, outputs], from `weight` on in rows of `outputs` floats, whose place in W
  // is at `row` and `column`, multiples of kTile -> its part of the panels of W. Blocks end at
  // multiples of kTile too, or where W ends.
  void (*pack_weight)(const float* weight, std::size_t row, std::size_t rows, std::size_t column,
                      std::size_t columns, std::size_t inputs, std::size_t outputs,
                      Bfloat16* panels);

  // Likewise -> its part of the panels of transpose(W) [outputs, inputs].
  void (*pack_transposed_weight)(const float* weight, std::size_t row, std::size_t rows,
                                 std::size_t column, std::size_t columns, std::size_t outputs,
                                 Bfloat16* panels);

  // y = f(x W + bias), with inverted dropout.
  void (*hidden)(const Product* product, const HiddenOutput* output);

  // dz = dy transpose(W) through f and dropout, from dy W^T's product; db its sums over the rows in
  // order.
  void (*hidden_gradient)(const Product* product, const HiddenGradient* gradient);

  // to [rows, columns], the product's without padding, = product + bias; `to` and bias padded as
  // in vector.h; bias null: none.
  void (*values)(const Product* product, const float* bias, std::size_t rows, std::size_t columns,
                 float* to, std::size_t stride);

  // to [rows, columns], the products' without padding, in rows of `stride` floats = the sum of
  // `count` products of equal rows and columns, in their order.
  void (*weight_gradient)(const Product* products, std::size_t count, std::size_t rows,
                          std::size_t columns, float* to, std::size_t stride);
};

// Floats that a product needs to work in.
std::size_t product_scratch();

// The best set that this CPU and this system have, under the cap of MLP_MAX_CPU_ISA (vector.h), or
// null. Threads: any.
const Bfloat16Kernels* bfloat16_kernels();

// One set, where this CPU and this system have it, else null.
const Bfloat16Kernels* bfloat16_kernels(Bfloat16Set set);

// Whether AVX512-BF16 adds up to twice as many products a cycle as float32's instructions. AMD's
// do: oneDNN 3.12 on one core of Zen 4 gives 155 to 176 GF/s against 100 to 113. Intel's gives
// half: 118 GF/s of one core against 233.
bool avx512_bfloat16_doubles();

std::string_view name(Bfloat16Set set);

}  // namespace mlp::kernels
