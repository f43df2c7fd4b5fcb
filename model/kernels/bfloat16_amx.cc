#include <immintrin.h>

#include "model/kernels/bfloat16.h"
#include "model/kernels/bfloat16_sets.h"

namespace mlp::kernels {

#include "model/kernels/simd_avx512.inl"

namespace {

// Palette 1, eight tiles of 16 rows of 64 bytes.
struct alignas(64) Configuration {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

constexpr Configuration kConfiguration = {};

constinit thread_local unsigned uses = 0;

struct Tiles {
  // Tiles that are released need not be saved when the system switches threads; but to configure
  // and release them takes as long as two small products.
  struct Use {
    Use() { begin(); }
    ~Use() { end(); }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
  };

  static void begin() {
    if (uses++ == 0) _tile_loadconfig(&kConfiguration);
  }
  static void end() {
    if (--uses == 0) _tile_release();
  }

  // Tiles 0 to 3 hold the sums, 4 and 5 the strips, 6 and 7 the panels.
  static void multiply(const Bfloat16* strips, const Bfloat16* panels, std::size_t stride,
                       std::size_t steps, bool accumulate, float* sums) {
    constexpr std::size_t kRowBytes = 64;
    constexpr std::size_t kTileValues = 16 * kTile;
    constexpr std::size_t kSumsBytes = kTile * sizeof(float);
    float* const lower = sums + 16 * kTile;
    if (accumulate) {
      _tile_loadd(0, sums, kSumsBytes);
      _tile_loadd(1, sums + 16, kSumsBytes);
      _tile_loadd(2, lower, kSumsBytes);
      _tile_loadd(3, lower + 16, kSumsBytes);
    } else {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    }
    for (std::size_t step = 0; step < steps; ++step, strips += kTileValues, panels += kTileValues) {
      _tile_loadd(6, panels, kRowBytes);
      _tile_loadd(4, strips, kRowBytes);
      _tile_loadd(7, panels + stride, kRowBytes);
      _tile_loadd(5, strips + stride, kRowBytes);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, kSumsBytes);
    _tile_stored(1, sums + 16, kSumsBytes);
    _tile_stored(2, lower, kSumsBytes);
    _tile_stored(3, lower + 16, kSumsBytes);
  }
};

}  // namespace

#include "model/kernels/bfloat16_kernels.inl"

constinit const Bfloat16Kernels kAmxBfloat16Kernels = make_bfloat16_kernels(Bfloat16Set::kAmx);

}  // namespace mlp::kernels
