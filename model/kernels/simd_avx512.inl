// Vectors of AVX-512, as simd_functions.inl takes them. Internal to the source that includes it;
// see vector.h for why.

namespace {

struct Simd {
  using V = __m512;
  using I = __m512i;
  using M = __mmask16;
  static constexpr std::size_t kLanes = 16;
  // Of dense(): the panels of the tiles for many rows, and how many rows fit into the registers
  // beside 8, 4, 2 panels or 1.
  static constexpr std::size_t kTilePanels = 4;
  static constexpr std::size_t tile_rows(std::size_t panels) {
    return panels == 8 ? 3 : panels == 4 ? 6 : 12;
  }

  static V load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, V x) { _mm512_storeu_ps(to, x); }
  static V set(float x) { return _mm512_set1_ps(x); }
  static V add(V a, V b) { return _mm512_add_ps(a, b); }
  static V sub(V a, V b) { return _mm512_sub_ps(a, b); }
  static V mul(V a, V b) { return _mm512_mul_ps(a, b); }
  static V div(V a, V b) { return _mm512_div_ps(a, b); }
  static V fma(V a, V b, V c) { return _mm512_fmadd_ps(a, b, c); }
  static V max(V a, V b) { return _mm512_max_ps(a, b); }
  static V sqrt(V a) { return _mm512_sqrt_ps(a); }
  static M less(V a, V b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
  static V select(M mask, V yes, V no) { return _mm512_mask_blend_ps(mask, no, yes); }

  static I iota() {
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  }
  static I set_int(int x) { return _mm512_set1_epi32(x); }
  static I add(I a, I b) { return _mm512_add_epi32(a, b); }
  static I exclusive_or(I a, I b) { return _mm512_xor_si512(a, b); }
  static M less(I a, I b) { return _mm512_cmplt_epi32_mask(a, b); }
  static I shift_left(I a, unsigned bits) { return _mm512_slli_epi32(a, bits); }
  static I shift_right(I a, unsigned bits) { return _mm512_srli_epi32(a, bits); }
  static I multiply_low(I a, I b) { return _mm512_mullo_epi32(a, b); }
  static I multiply_high(I a, I b) {
    const I even = _mm512_srli_epi64(_mm512_mul_epu32(a, b), 32);
    const I odd = _mm512_mul_epu32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32));
    return _mm512_mask_blend_epi32(0xAAAA, even, odd);
  }
  static I round_to_int(V a) { return _mm512_cvtps_epi32(a); }
  static V to_float(I a) { return _mm512_cvtepi32_ps(a); }
  static V as_float(I a) { return _mm512_castsi512_ps(a); }
  static V load_bytes(const std::uint8_t* from) {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
  }
  // A product with 1/255 and one correction, which is exact for 0..255.
  static V over_255(V a) {
    const V reciprocal = set(1.0F / 255.0F);
    const V quotient = mul(a, reciprocal);
    return fma(_mm512_fnmadd_ps(set(255.0F), quotient, a), reciprocal, quotient);
  }
};

}  // namespace
