#include <immintrin.h>

#include "model/kernels/vector.h"
#include "model/kernels/vector_sets.h"

namespace mlp::kernels {
namespace {

struct Simd {
  using V = __m256;
  using I = __m256i;
  using M = __m256;
  static constexpr std::size_t kLanes = 8;
  // Of dense(): the panels of the tiles for many rows, and how many rows fit into the registers
  // beside 8, 4, 2 panels or 1.
  static constexpr std::size_t kTilePanels = 1;
  static constexpr std::size_t tile_rows(std::size_t panels) {
    return panels == 8 ? 0 : panels == 4 ? 1 : panels == 2 ? 2 : 6;
  }

  static V load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, V x) { _mm256_storeu_ps(to, x); }
  static V set(float x) { return _mm256_set1_ps(x); }
  static V add(V a, V b) { return _mm256_add_ps(a, b); }
  static V sub(V a, V b) { return _mm256_sub_ps(a, b); }
  static V mul(V a, V b) { return _mm256_mul_ps(a, b); }
  static V div(V a, V b) { return _mm256_div_ps(a, b); }
  static V fma(V a, V b, V c) { return _mm256_fmadd_ps(a, b, c); }
  static V max(V a, V b) { return _mm256_max_ps(a, b); }
  static V sqrt(V a) { return _mm256_sqrt_ps(a); }
  static M less(V a, V b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
  static V select(M mask, V yes, V no) { return _mm256_blendv_ps(no, yes, mask); }

  static I iota() { return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7); }
  static I set_int(int x) { return _mm256_set1_epi32(x); }
  static I add(I a, I b) { return _mm256_add_epi32(a, b); }
  static I exclusive_or(I a, I b) { return _mm256_xor_si256(a, b); }
  static M less(I a, I b) { return _mm256_castsi256_ps(_mm256_cmpgt_epi32(b, a)); }
  static I shift_left(I a, int bits) { return _mm256_slli_epi32(a, bits); }
  static I shift_right(I a, int bits) { return _mm256_srli_epi32(a, bits); }
  static I multiply_low(I a, I b) { return _mm256_mullo_epi32(a, b); }
  static I multiply_high(I a, I b) {
    const I even = _mm256_srli_epi64(_mm256_mul_epu32(a, b), 32);
    const I odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
    return _mm256_blend_epi32(even, odd, 0xAA);
  }
  static I round_to_int(V a) { return _mm256_cvtps_epi32(a); }
  static V to_float(I a) { return _mm256_cvtepi32_ps(a); }
  static V as_float(I a) { return _mm256_castsi256_ps(a); }
  static V load_bytes(const std::uint8_t* from) {
    return _mm256_cvtepi32_ps(
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
  }
  // A product with 1/255 and one correction, which is exact for 0..255.
  static V over_255(V a) {
    const V reciprocal = set(1.0F / 255.0F);
    const V quotient = mul(a, reciprocal);
    return fma(_mm256_fnmadd_ps(set(255.0F), quotient, a), reciprocal, quotient);
  }
};

}  // namespace

#include "model/kernels/vector_kernels.inl"

constinit const VectorKernels kAvx2Kernels = make_kernels(InstructionSet::kAvx2);

}  // namespace mlp::kernels
