#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <string>
#include <vector>

#include "model/kernels/vector.h"
#include "test/support/reference.h"
#include "test/support/reference_kernels.h"

namespace mlp::kernels {
namespace {

using Sizes = std::initializer_list<std::size_t>;

struct Shape {
  std::size_t rows, inputs, outputs;
};

// One product after the other in the inputs' order, each fused where the set has it; the bias last.
float in_order(InstructionSet set, const float* x, const float* w, std::size_t inputs,
               std::size_t outputs, float bias) {
  float sum = 0;
  for (std::size_t k = 0; k < inputs; ++k) {
    if (set == InstructionSet::kBaseline) {
      const float product = x[k] * w[k * outputs];
      sum += product;
    } else {
      sum = std::fma(x[k], w[k * outputs], sum);
    }
  }
  return sum + bias;
}

constexpr float kUntouched = 7.5F;

// The outputs of dense() that differ from in_order() in any bit, or lie where they should not.
std::size_t differences(const VectorKernels& kernels, const Shape& shape, bool relu) {
  const std::size_t width = padded(shape.outputs);
  const std::size_t x_stride = shape.inputs + 3;
  const std::size_t y_stride = width + kPad;
  const std::vector<float> x = test::random_floats(shape.rows * x_stride, 1);
  const std::vector<float> w = test::random_floats(shape.inputs * shape.outputs, 2);
  std::vector<float> bias = test::random_floats(shape.outputs, 3);
  bias.resize(width);
  const std::vector<float> panels = pack_panels(w.data(), shape.inputs, shape.outputs);
  std::vector<float> y(shape.rows * y_stride, kUntouched);
  kernels.dense(x.data(), x_stride, shape.rows, panels.data(), bias.data(), shape.inputs,
                shape.outputs, y.data(), y_stride, relu);
  std::size_t different = 0;
  for (std::size_t i = 0; i < shape.rows; ++i) {
    for (std::size_t j = 0; j < y_stride; ++j) {
      float wanted = j < width ? 0.0F : kUntouched;
      if (j < shape.outputs) {
        wanted = in_order(kernels.instruction_set, &x[i * x_stride], &w[j], shape.inputs,
                          shape.outputs, bias[j]);
        if (relu) wanted = std::max(wanted, 0.0F);
      }
      if (std::memcmp(&wanted, &y[i * y_stride + j], sizeof wanted) != 0) ++different;
    }
  }
  return different;
}

void check(const VectorKernels& kernels, const Shape& shape) {
  CAPTURE(std::string(name(kernels.instruction_set)));
  CAPTURE(shape.rows);
  CAPTURE(shape.inputs);
  CAPTURE(shape.outputs);
  CHECK(differences(kernels, shape, false) == 0);
  CHECK(differences(kernels, shape, true) == 0);
}

}  // namespace

TEST_SUITE("model/kernels") {
  TEST_CASE("dense: each output is summed over the inputs in their order, bit by bit") {
    for (const VectorKernels* const kernels : test::all_sets()) {
      // Rows and panels in all the ways in which tiles share them, and inputs around the unrolling.
      for (std::size_t rows = 1; rows <= 40; ++rows) {
        for (const std::size_t outputs : Sizes{1, 10, 16, 32, 48, 64, 112, 130, 240}) {
          check(*kernels, {rows, 1 + (rows * 7 + outputs) % 11, outputs});
        }
      }
      for (const Shape& shape : {Shape{192, 784, 128}, Shape{192, 128, 10}, Shape{97, 30, 64}}) {
        check(*kernels, shape);
      }
    }
  }

  TEST_CASE("dense: sums that are put down between blocks of many inputs keep their bits") {
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const std::size_t inputs : Sizes{2047, 2048, 2049, 4100}) {
        for (const std::size_t rows : Sizes{1, 2, 5, 9, 30}) check(*kernels, {rows, inputs, 70});
      }
    }
  }

  TEST_CASE("dense: what is no number stays so, in its row and output alone") {
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const std::size_t rows : Sizes{1, 4, 9, 12}) {
        for (const std::size_t outputs : Sizes{1, 20, 64, 128}) {
          std::vector<float> x = test::random_floats(rows * 5, 1);
          std::vector<float> w = test::random_floats(5 * outputs, 2);
          x[(rows - 1) * 5 + 4] = std::numeric_limits<float>::quiet_NaN();
          w[outputs - 1] = std::numeric_limits<float>::quiet_NaN();
          const std::vector<float> bias(padded(outputs));
          std::vector<float> y(rows * padded(outputs));
          kernels->dense(x.data(), 5, rows, pack_panels(w.data(), 5, outputs).data(), bias.data(),
                         5, outputs, y.data(), padded(outputs), true);
          for (std::size_t i = 0; i < rows; ++i) {
            for (std::size_t j = 0; j < outputs; ++j) {
              CHECK_UNARY(std::isnan(y[i * padded(outputs) + j]) ==
                          (i + 1 == rows || j + 1 == outputs));
            }
          }
        }
      }
    }
  }
}

}  // namespace mlp::kernels
