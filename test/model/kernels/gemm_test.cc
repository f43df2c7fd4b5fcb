#include "model/kernels/gemm.h"

#include <doctest/doctest.h>

#include <vector>

#include "model/kernels/engine.h"
#include "test/support/reference.h"

namespace mlp::kernels {
namespace {

struct Shape {
  std::size_t m, n, k;
};

constexpr Shape kShapes[] = {{1, 1, 1},     {1, 10, 784}, {7, 13, 3}, {32, 128, 784},
                             {64, 10, 128}, {5, 1, 31},   {17, 97, 2}};
constexpr double kTolerance = 1e-6;  // relative to k: float32 sums of k products of values below 1

std::vector<float> transposed(const std::vector<float>& a, std::size_t rows, std::size_t columns) {
  std::vector<float> result(a.size());
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < columns; ++j) result[j * rows + i] = a[i * columns + j];
  }
  return result;
}

void check_close(const std::vector<float>& got, const std::vector<double>& wanted, std::size_t k) {
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - wanted[i]));
  CHECK(worst <= kTolerance * static_cast<double>(k));
}

}  // namespace

TEST_SUITE("model/kernels") {
  TEST_CASE("gemm: the three products agree with slow loops") {
    prepare_thread();
    for (const Shape& s : kShapes) {
      CAPTURE(s.m);
      CAPTURE(s.n);
      CAPTURE(s.k);
      const std::vector<float> a = test::random_floats(s.m * s.k, 1);
      const std::vector<float> b = test::random_floats(s.k * s.n, 2);
      const std::vector<double> wanted = test::multiply(a, b, s.m, s.n, s.k);
      std::vector<float> c(s.m * s.n, 9.0F);
      const Matrix out = {c.data(), s.m, s.n, s.n};
      multiply({a.data(), s.m, s.k, s.k}, {b.data(), s.k, s.n, s.n}, out);
      check_close(c, wanted, s.k);
      const std::vector<float> at = transposed(a, s.m, s.k);
      multiply_transposed_left({at.data(), s.k, s.m, s.m}, {b.data(), s.k, s.n, s.n}, out);
      check_close(c, wanted, s.k);
      const std::vector<float> bt = transposed(b, s.k, s.n);
      multiply_transposed_right({a.data(), s.m, s.k, s.k}, {bt.data(), s.n, s.k, s.k}, out);
      check_close(c, wanted, s.k);
    }
  }

  TEST_CASE("gemm: strides are kept to, and nothing beside the result is written") {
    prepare_thread();
    const std::vector<float> a = test::random_floats(3 * 8, 3);
    const std::vector<float> b = test::random_floats(5 * 9, 4);
    std::vector<float> c(3 * 16, 7.0F);
    multiply({a.data(), 3, 5, 8}, {b.data(), 5, 4, 9}, {c.data(), 3, 4, 16});
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 16; ++j) {
        double wanted = 0;
        for (std::size_t k = 0; k < 5; ++k)
          wanted += static_cast<double>(a[i * 8 + k]) * static_cast<double>(b[k * 9 + j % 4]);
        if (j < 4)
          CHECK(static_cast<double>(c[i * 16 + j]) == doctest::Approx(wanted).epsilon(1e-5));
        if (j >= 4) CHECK(c[i * 16 + j] == 7.0F);
      }
    }
  }
}

}  // namespace mlp::kernels
