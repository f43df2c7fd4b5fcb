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

  TEST_CASE("fastest_precision: AVX512-BF16 alone serves where it outruns float32") {
    using kernels::Bfloat16Set;
    struct Case {
      double operations;
      std::optional<Bfloat16Set> set;
      bool avx512_doubles;
      const char* instruction_set;  // of bfloat16; empty: float32
      const char* reason;
    };
    for (const Case& c : {
             Case{1e12, std::nullopt, true, "", "no bfloat16 instructions"},
             Case{3.9e6, Bfloat16Set::kAmx, false, "", "too small for AMX"},
             Case{4e6, Bfloat16Set::kAmx, false, "amx", "AMX makes"},
             Case{1e12, Bfloat16Set::kAvx512, false, "", "AVX512-BF16 is no faster"},
             Case{4.9e8, Bfloat16Set::kAvx512, true, "", "too small for AVX512-BF16"},
             Case{5e8, Bfloat16Set::kAvx512, true, "avx512_bf16", "AVX512-BF16 makes"},
         }) {
      CAPTURE(std::string(c.reason));
      const PrecisionChoice found = fastest_precision(c.operations, c.set, c.avx512_doubles);
      CHECK(found.instruction_set == c.instruction_set);
      CHECK((found.precision == Precision::kBfloat16) == !found.instruction_set.empty());
      CHECK(found.reason.find(c.reason) != std::string::npos);
    }
  }
}

}  // namespace mlp
