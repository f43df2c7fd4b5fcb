#include <smmintrin.h>

#include "model/kernels/vector.h"
#include "model/kernels/vector_sets.h"

namespace mlp::kernels {
namespace {

struct Simd {
  using V = __m128;
  using I = __m128i;
  using M = __m128;
  static constexpr std::size_t kLanes = 4;
  // Of dense(): the panels of the tiles for many rows, and how many rows fit into the registers
  // beside 8, 4, 2 panels or 1.
  static constexpr std::size_t kTilePanels = 1;
  static constexpr std::size_t tile_rows(std::size_t panels) {
    return panels > 2 ? 0 : panels == 2 ? 1 : 2;
  }

  static V load(const float* from) { return _mm_loadu_ps(from); }
  static void store(float* to, V x) { _mm_storeu_ps(to, x); }
  static V set(float x) { return _mm_set1_ps(x); }
  static V add(V a, V b) { return _mm_add_ps(a, b); }
  static V sub(V a, V b) { return _mm_sub_ps(a, b); }
  static V mul(V a, V b) { return _mm_mul_ps(a, b); }
  static V div(V a, V b) { return _mm_div_ps(a, b); }
  static V fma(V a, V b, V c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
  static V max(V a, V b) { return _mm_max_ps(a, b); }
  static V sqrt(V a) { return _mm_sqrt_ps(a); }
  static M less(V a, V b) { return _mm_cmplt_ps(a, b); }
  static V select(M mask, V yes, V no) { return _mm_blendv_ps(no, yes, mask); }

  static I iota() { return _mm_setr_epi32(0, 1, 2, 3); }
  static I set_int(int x) { return _mm_set1_epi32(x); }
  static I add(I a, I b) { return _mm_add_epi32(a, b); }
  static I exclusive_or(I a, I b) { return _mm_xor_si128(a, b); }
  static M less(I a, I b) { return _mm_castsi128_ps(_mm_cmplt_epi32(a, b)); }
  static I shift_left(I a, int bits) { return _mm_slli_epi32(a, bits); }
  static I shift_right(I a, int bits) { return _mm_srli_epi32(a, bits); }
  static I multiply_low(I a, I b) { return _mm_mullo_epi32(a, b); }
  static I multiply_high(I a, I b) {
    const I even = _mm_srli_epi64(_mm_mul_epu32(a, b), 32);
    const I odd = _mm_mul_epu32(_mm_srli_epi64(a, 32), _mm_srli_epi64(b, 32));
    return _mm_blend_epi16(even, odd, 0xCC);
  }
  static I round_to_int(V a) { return _mm_cvtps_epi32(a); }
  static V to_float(I a) { return _mm_cvtepi32_ps(a); }
  static V as_float(I a) { return _mm_castsi128_ps(a); }
  static V load_bytes(const std::uint8_t* from) {
    int four;
    __builtin_memcpy(&four, from, sizeof four);
    return _mm_cvtepi32_ps(_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four)));
  }
  static V over_255(V a) { return _mm_div_ps(a, set(255.0F)); }
};

}  // namespace

#include "model/kernels/vector_kernels.inl"

constinit const VectorKernels kBaselineKernels = make_kernels(InstructionSet::kBaseline);

}  // namespace mlp::kernels
