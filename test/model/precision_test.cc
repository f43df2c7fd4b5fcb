#include "model/precision.h"

#include <doctest/doctest.h>

#include "model/kernels/bfloat16.h"

namespace mlp {

TEST_SUITE("model") {
  TEST_CASE(
      "fastest_precision: bfloat16 with AMX, in steps that are large enough, and its reason") {
    const MlpConfig large = {784, {128}, 10};
    const MlpConfig tiny = {10, {16}, 2};
    const bool amx = kernels::bfloat16_kernels() != nullptr &&
                     kernels::bfloat16_kernels()->set == kernels::Bfloat16Set::kAmx;
    CHECK(fastest_precision(large, 64).precision ==
          (amx ? Precision::kBfloat16 : Precision::kFloat32));
    CHECK(fastest_precision(tiny, 32).precision == Precision::kFloat32);
    // 2 * 100 * (2 * 100 * w + 3 * w * 2) operations: 4 million with w = 97.1.
    CHECK(fastest_precision({100, {97}, 2}, 100).precision == Precision::kFloat32);
    CHECK(fastest_precision({100, {98}, 2}, 100).precision ==
          (amx ? Precision::kBfloat16 : Precision::kFloat32));
    CHECK_FALSE(fastest_precision(large, 64).reason.empty());
    CHECK_FALSE(fastest_precision(tiny, 32).reason.empty());
  }
}

}  // namespace mlp
