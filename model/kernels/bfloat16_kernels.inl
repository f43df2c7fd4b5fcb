// The kernels of bfloat16.h over a type Tiles that the including source defines:
//
//   Tiles::Use               an object of it lives while products are made
//   Tiles::begin(), end()    likewise, for many
//   Tiles::multiply(strips, panels, stride, steps, accumulate, sums)
//       sums [32, 32] (+)= two strips times two panels, over 32 * steps inner values; `stride` lies
//       between the two, and is the same for strips and panels
//
// Everything here is internal to that source; see vector.h for why.

#include "model/kernels/simd_functions.inl"

namespace {

constexpr std::size_t kHalf = 16;
constexpr std::size_t kTileSums = kTile * kTile;

inline std::size_t tile_up(std::size_t size) { return (size + kTile - 1) / kTile * kTile; }
inline std::size_t least(std::size_t a, std::size_t b) { return a < b ? a : b; }

// The place of columns column..column + 15 in the panels of a matrix of `inner` rows.
inline std::size_t panel_at(std::size_t column, std::size_t inner) { return column * inner; }

inline __mmask16 first_lanes(std::size_t count) {
  return count >= kHalf ? __mmask16{0xFFFF} : static_cast<__mmask16>((1U << count) - 1U);
}

// 32 values as bfloat16: a first.
inline __m512i to_bfloat16(__m512 a, __m512 b) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a));
}

// The pairs (a[i], b[i]) side by side, for the lower or the upper 16 values.
inline __m512i pairs_low(__m512i a, __m512i b) {
  const __m512i index = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40,
                                         8, 39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  return _mm512_permutex2var_epi16(a, index, b);
}
inline __m512i pairs_high(__m512i a, __m512i b) {
  const __m512i index =
      _mm512_set_epi16(63, 31, 62, 30, 61, 29, 60, 28, 59, 27, 58, 26, 57, 25, 56, 24, 55, 23, 54,
                       22, 53, 21, 52, 20, 51, 19, 50, 18, 49, 17, 48, 16);
  return _mm512_permutex2var_epi16(a, index, b);
}

// 16 x 16 words of 32 bits become their transpose.
inline void transpose_words(__m512i (&x)[kHalf]) {
  __m512i t[kHalf];
  for (std::size_t i = 0; i < kHalf; i += 2) {
    t[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
  }
  for (std::size_t i = 0; i < kHalf; i += 4) {
    x[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    x[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    x[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    x[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0xDD);
    t[i + 8] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0xDD);
  }
  for (std::size_t i = 0; i < 4; ++i) {
    x[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    x[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xDD);
    x[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    x[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xDD);
  }
}

// The place of a block's upper 16 rows in strips of `inner` columns.
inline std::size_t strip_at(std::size_t row, std::size_t column, std::size_t inner) {
  return row * inner + column * kHalf;
}

// 32 rows of 32 bfloat16 values, to their place in strips of `inner` columns.
inline void store_strips(const __m512i (&rows)[kTile], Bfloat16* strips, std::size_t row,
                         std::size_t column, std::size_t inner) {
  Bfloat16* const upper = strips + strip_at(row, column, inner);
  Bfloat16* const lower = upper + strip_at(kHalf, 0, inner);
  for (std::size_t i = 0; i < kHalf; ++i) {
    _mm512_storeu_si512(upper + i * kTile, rows[i]);
    _mm512_storeu_si512(lower + i * kTile, rows[i + kHalf]);
  }
}

// Likewise, to strips of the transpose of a matrix of `inner` rows.
inline void store_transposed(const __m512i (&rows)[kTile], Bfloat16* strips, std::size_t row,
                             std::size_t column, std::size_t inner) {
  __m512i low[kHalf];
  __m512i high[kHalf];
  for (std::size_t i = 0; i < kHalf; ++i) {
    low[i] = pairs_low(rows[2 * i], rows[2 * i + 1]);
    high[i] = pairs_high(rows[2 * i], rows[2 * i + 1]);
  }
  transpose_words(low);
  transpose_words(high);
  Bfloat16* const upper = strips + strip_at(column, row, inner);
  Bfloat16* const lower = upper + strip_at(kHalf, 0, inner);
  for (std::size_t i = 0; i < kHalf; ++i) {
    _mm512_storeu_si512(upper + i * kTile, low[i]);
    _mm512_storeu_si512(lower + i * kTile, high[i]);
  }
}

// 32 rows of 32 bfloat16 values, to their place in panels of `inner` rows.
inline void store_panels(const __m512i (&rows)[kTile], Bfloat16* panels, std::size_t row,
                         std::size_t column, std::size_t inner) {
  Bfloat16* const to = panels + panel_at(column, inner) + row * kHalf;
  for (std::size_t i = 0; i < kHalf; ++i) {
    _mm512_storeu_si512(to + i * kTile, pairs_low(rows[2 * i], rows[2 * i + 1]));
    _mm512_storeu_si512(to + panel_at(kHalf, inner) + i * kTile,
                        pairs_high(rows[2 * i], rows[2 * i + 1]));
  }
}

// 32 columns of a row, of which `columns` are there.
inline __m512i load_row(const float* from, std::size_t columns) {
  const __m512 a = _mm512_maskz_loadu_ps(first_lanes(columns), from);
  const __m512 b = columns <= kHalf
                       ? _mm512_setzero_ps()
                       : _mm512_maskz_loadu_ps(first_lanes(columns - kHalf), from + kHalf);
  return to_bfloat16(a, b);
}

// A block of 32 x 32, of which `rows` x `columns` are there.
inline void load_block(const float* from, std::size_t stride, std::size_t rows, std::size_t columns,
                       __m512i (&block)[kTile]) {
  for (std::size_t i = 0; i < kTile; ++i) {
    block[i] = i < rows ? load_row(from + i * stride, columns) : _mm512_setzero_si512();
  }
}

void pack_input(const float* from, std::size_t first_row, std::size_t rows, std::size_t columns,
                std::size_t stride, Bfloat16* strips, Bfloat16* transposed, std::size_t all_rows) {
  for (std::size_t i = 0; i < rows; i += kTile) {
    for (std::size_t j = 0; j < columns; j += kTile) {
      __m512i block[kTile];
      load_block(from + i * stride + j, stride, rows - i, columns - j, block);
      store_strips(block, strips, first_row + i, j, tile_up(columns));
      store_transposed(block, transposed, first_row + i, j, tile_up(all_rows));
    }
  }
}

void pack_gradient(const float* from, std::size_t rows, std::size_t columns, std::size_t stride,
                   Bfloat16* strips, Bfloat16* panels) {
  for (std::size_t i = 0; i < rows; i += kTile) {
    for (std::size_t j = 0; j < columns; j += kTile) {
      __m512i block[kTile];
      load_block(from + i * stride + j, stride, rows - i, columns - j, block);
      store_strips(block, strips, i, j, tile_up(columns));
      store_panels(block, panels, i, j, tile_up(rows));
    }
  }
}

void pack_weight(const float* weight, std::size_t row, std::size_t rows, std::size_t column,
                 std::size_t columns, std::size_t inputs, std::size_t outputs, Bfloat16* panels) {
  for (std::size_t i = 0; i < rows; i += kTile) {
    for (std::size_t j = 0; j < columns; j += kTile) {
      __m512i block[kTile];
      load_block(weight + i * outputs + j, outputs, rows - i, columns - j, block);
      store_panels(block, panels, row + i, column + j, tile_up(inputs));
    }
  }
}

void pack_transposed_weight(const float* weight, std::size_t row, std::size_t rows,
                            std::size_t column, std::size_t columns, std::size_t outputs,
                            Bfloat16* panels) {
  const std::size_t inner = tile_up(outputs);
  for (std::size_t i = 0; i < tile_up(rows); i += kHalf) {
    for (std::size_t j = 0; j < columns; j += kTile) {
      __m512i block[kHalf];
      for (std::size_t k = 0; k < kHalf; ++k) {
        block[k] = i + k < rows ? load_row(weight + (i + k) * outputs + j, columns - j)
                                : _mm512_setzero_si512();
      }
      transpose_words(block);
      Bfloat16* const to = panels + panel_at(row + i, inner) + (column + j) * kHalf;
      for (std::size_t pair = 0; pair < kHalf; ++pair)
        _mm512_storeu_si512(to + pair * kTile, block[pair]);
    }
  }
}

// How the inner dimension of a product is cut.
struct InnerBlocks {
  std::size_t count;
  std::size_t size;
};

inline InnerBlocks inner_blocks(const Product& product) {
  const std::size_t count = (product.inner + kBlockInner - 1) / kBlockInner;
  return {count, (product.inner / kTile + count - 1) / count * kTile};
}

// Calls finish(sums, row, column) with each 32 x 32 block of the sum of the products, which have
// equal rows and columns; of one column's blocks, in the order of the rows.
template <typename Finish>
inline void multiply(const Product* products, std::size_t count, Finish finish) {
  const typename Tiles::Use use;
  const bool in_one = count == 1 && inner_blocks(products[0]).count == 1;
  const std::size_t rows = products[0].rows;
  const std::size_t columns = products[0].columns;
  alignas(64) float one[kTileSums];
  for (std::size_t row = 0; row < rows; row += kBlockRows) {
    const std::size_t end_row = least(row + kBlockRows, rows);
    for (std::size_t column = 0; column < columns; column += kBlockColumns) {
      const std::size_t end_column = least(column + kBlockColumns, columns);
      for (std::size_t p = 0; p < count; ++p) {
        const Product& product = products[p];
        const std::size_t block = inner_blocks(product).size;
        const std::size_t stride = panel_at(kHalf, product.inner);  // as that of strips
        for (std::size_t k = 0; k < product.inner; k += block) {
          const std::size_t steps = least(block, product.inner - k) / kTile;
          const bool is_last = p + 1 == count && k + block >= product.inner;
          float* sums = products[0].scratch;
          for (std::size_t j = column; j < end_column; j += kTile) {
            const Bfloat16* const panels = product.panels + panel_at(j, product.inner) + k * kHalf;
            for (std::size_t i = row; i < end_row; i += kTile, sums += kTileSums) {
              float* const here = in_one ? one : sums;
              Tiles::multiply(product.left + strip_at(i, k, product.inner), panels, stride, steps,
                              p + k > 0, here);
              if (is_last) finish(here, i, j);
            }
          }
        }
      }
    }
  }
}

// Both halves of a row's sums or of a padded vector, of which the second one may not be there.
struct Halves {
  V a;
  V b;
};

inline Halves load_halves(const float* from, std::size_t columns) {
  return {Simd::load(from), columns > kHalf ? Simd::load(from + kHalf) : Simd::set(0.0F)};
}

inline void store_halves(float* to, std::size_t columns, Halves x) {
  Simd::store(to, x.a);
  if (columns > kHalf) Simd::store(to + kHalf, x.b);
}

inline V drop(V x, I word, const DropoutStream& stream) {
  const M kept =
      Simd::less(Simd::set_int(static_cast<int>(stream.threshold) - 1), Simd::shift_right(word, 8));
  return Simd::select(kept, Simd::mul(x, Simd::set(stream.scale)), Simd::set(0.0F));
}

template <typename F>
inline void hidden_block(const float* sums, std::size_t row, std::size_t column,
                         const Product& product, const HiddenOutput& output) {
  constexpr bool kHasSlopes = !__is_same(F, Relu);
  const Halves bias = load_halves(output.bias + column, output.columns - column);
  __m512i block[kTile];
  __m512i slopes[kTile];
  for (std::size_t i = 0; i < kTile; i += 4) {
    I words_a[4];
    I words_b[4];
    if (output.dropout != nullptr) {
      const std::size_t batch_row = output.first_row + row + i;
      dropout_words(words_a, *output.dropout, batch_row, column);
      dropout_words(words_b, *output.dropout, batch_row, column + kHalf);
    }
    for (std::size_t r = 0; r < 4; ++r) {
      const float* const z = sums + (i + r) * kTile;
      Point a = F::at(Simd::add(Simd::load(z), bias.a));
      Point b = F::at(Simd::add(Simd::load(z + kHalf), bias.b));
      if (output.dropout != nullptr) {
        a = {drop(a.value, words_a[r], *output.dropout),
             drop(a.slope, words_a[r], *output.dropout)};
        b = {drop(b.value, words_b[r], *output.dropout),
             drop(b.slope, words_b[r], *output.dropout)};
      }
      block[i + r] = to_bfloat16(a.value, b.value);
      if constexpr (kHasSlopes) {
        slopes[i + r] = to_bfloat16(a.slope, b.slope);
      }
    }
  }
  store_strips(block, output.strips, row, column, product.columns);
  store_transposed(block, output.transposed, row, column, product.rows);
  if constexpr (kHasSlopes) store_strips(slopes, output.slopes, row, column, product.columns);
}

void hidden(const Product* product, const HiddenOutput* output) {
  with_activation(output->activation, [&](auto function) {
    multiply(product, 1, [&](const float* sums, std::size_t row, std::size_t column) {
      hidden_block<decltype(function)>(sums, row, column, *product, *output);
    });
  });
}

inline Halves as_floats(__m512i x) {
  return {
      _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(x)), 16)),
      _mm512_castsi512_ps(
          _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(x, 1)), 16))};
}

void hidden_gradient(const Product* product, const HiddenGradient* gradient) {
  const std::size_t stride = product->columns;
  const bool is_relu = gradient->activation == Activation::kRelu;
  const V scale = Simd::set(gradient->scale);
  multiply(product, 1, [&](const float* sums, std::size_t row, std::size_t column) {
    float* const db = gradient->db + column;
    Halves total = {Simd::set(0.0F), Simd::set(0.0F)};
    if (row > 0) total = load_halves(db, gradient->columns - column);
    __m512i block[kTile];
    for (std::size_t i = 0; i < kTile; ++i) {
      const std::size_t place =
          strip_at(row + i / kHalf * kHalf, column, stride) + i % kHalf * kTile;
      Halves d = load_halves(sums + i * kTile, kTile);
      if (is_relu) {
        const __mmask32 passes = _mm512_cmpgt_epi16_mask(
            _mm512_loadu_si512(gradient->outputs + place), _mm512_setzero_si512());
        d.a = _mm512_maskz_mul_ps(static_cast<__mmask16>(passes), d.a, scale);
        d.b = _mm512_maskz_mul_ps(static_cast<__mmask16>(passes >> kHalf), d.b, scale);
      } else {
        const Halves slope = as_floats(_mm512_loadu_si512(gradient->slopes + place));
        d = {Simd::mul(d.a, slope.a), Simd::mul(d.b, slope.b)};
      }
      total = {Simd::add(total.a, d.a), Simd::add(total.b, d.b)};
      block[i] = to_bfloat16(d.a, d.b);
    }
    store_halves(db, gradient->columns - column, total);
    if (gradient->strips != nullptr) store_strips(block, gradient->strips, row, column, stride);
    store_panels(block, gradient->panels, row, column, product->rows);
  });
}

void values(const Product* product, const float* bias, std::size_t rows, std::size_t columns,
            float* to, std::size_t stride) {
  multiply(product, 1, [&](const float* sums, std::size_t row, std::size_t column) {
    Halves b = {Simd::set(0.0F), Simd::set(0.0F)};
    if (bias != nullptr) b = load_halves(bias + column, columns - column);
    for (std::size_t i = 0; i < least(kTile, rows - row); ++i) {
      const Halves z = load_halves(sums + i * kTile, kTile);
      store_halves(to + (row + i) * stride + column, columns - column,
                   {Simd::add(z.a, b.a), Simd::add(z.b, b.b)});
    }
  });
}

void weight_gradient(const Product* products, std::size_t count, std::size_t rows,
                     std::size_t columns, float* to, std::size_t stride) {
  multiply(products, count, [&](const float* sums, std::size_t row, std::size_t column) {
    const std::size_t left = columns - column;
    const __mmask16 a = first_lanes(left);
    const __mmask16 b = left <= kHalf ? __mmask16{0} : first_lanes(left - kHalf);
    for (std::size_t i = 0; i < least(kTile, rows - row); ++i) {
      float* const place = to + (row + i) * stride + column;
      _mm512_mask_storeu_ps(place, a, Simd::load(sums + i * kTile));
      _mm512_mask_storeu_ps(place + kHalf, b, Simd::load(sums + i * kTile + kHalf));
    }
  });
}

constexpr Bfloat16Kernels make_bfloat16_kernels(Bfloat16Set set) {
  return {
      .set = set,
      .begin_products = Tiles::begin,
      .end_products = Tiles::end,
      .pack_input = pack_input,
      .pack_gradient = pack_gradient,
      .pack_weight = pack_weight,
      .pack_transposed_weight = pack_transposed_weight,
      .hidden = hidden,
      .hidden_gradient = hidden_gradient,
      .values = values,
      .weight_gradient = weight_gradient,
  };
}

}  // namespace
