#include <immintrin.h>

#include "model/kernels/bfloat16.h"
#include "model/kernels/bfloat16_sets.h"

namespace mlp::kernels {

#include "model/kernels/simd_avx512.inl"

namespace {

struct Tiles {
  struct Use {
    Use() {}
  };

  static void begin() {}
  static void end() {}

  static constexpr std::size_t kRows = 8;  // at once, all their sums in registers

  static void multiply(const Bfloat16* strips, const Bfloat16* panels, std::size_t stride,
                       std::size_t steps, bool accumulate, float* sums) {
    for (std::size_t row = 0; row < kTile; row += kRows) {
      const Bfloat16* const strip = strips + row / 16 * stride + row % 16 * kTile;
      multiply_rows(strip, panels, panels + stride, steps, accumulate, sums + row * kTile);
    }
  }

 private:
  static void multiply_rows(const Bfloat16* strip, const Bfloat16* first, const Bfloat16* second,
                            std::size_t steps, bool accumulate, float* sums) {
    __m512 a[kRows];
    __m512 b[kRows];
    for (std::size_t i = 0; i < kRows; ++i) {
      a[i] = accumulate ? _mm512_load_ps(sums + i * kTile) : _mm512_setzero_ps();
      b[i] = accumulate ? _mm512_load_ps(sums + i * kTile + 16) : _mm512_setzero_ps();
    }
    for (std::size_t pair = 0; pair < steps * 16; ++pair) {
      const Bfloat16* const left = strip + pair / 16 * 16 * kTile + pair % 16 * 2;
      const auto w0 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(first + pair * kTile));
      const auto w1 = reinterpret_cast<__m512bh>(_mm512_loadu_si512(second + pair * kTile));
      for (std::size_t i = 0; i < kRows; ++i) {
        int two;
        __builtin_memcpy(&two, left + i * kTile, sizeof two);
        const auto x = reinterpret_cast<__m512bh>(_mm512_set1_epi32(two));
        a[i] = _mm512_dpbf16_ps(a[i], x, w0);
        b[i] = _mm512_dpbf16_ps(b[i], x, w1);
      }
    }
    for (std::size_t i = 0; i < kRows; ++i) {
      _mm512_store_ps(sums + i * kTile, a[i]);
      _mm512_store_ps(sums + i * kTile + 16, b[i]);
    }
  }
};

}  // namespace

#include "model/kernels/bfloat16_kernels.inl"

constinit const Bfloat16Kernels kAvx512Bfloat16Kernels =
    make_bfloat16_kernels(Bfloat16Set::kAvx512);

}  // namespace mlp::kernels
