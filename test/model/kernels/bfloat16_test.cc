#include "model/kernels/bfloat16.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "model/activation.h"
#include "model/aligned_buffer.h"
#include "test/support/reference.h"

namespace mlp::kernels {
namespace {

// All sets that this CPU has, each judged by the same slow loops.
std::vector<const Bfloat16Kernels*> all_sets() {
  std::vector<const Bfloat16Kernels*> sets;
  for (const Bfloat16Set set : {Bfloat16Set::kAvx512, Bfloat16Set::kAmx}) {
    if (const Bfloat16Kernels* const kernels = bfloat16_kernels(set)) sets.push_back(kernels);
  }
  return sets;
}

// To nearest, ties to even.
Bfloat16 rounded(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<Bfloat16>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

float value(Bfloat16 x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

// The places of the forms, by the definitions in the header.
std::size_t strip_place(std::size_t row, std::size_t column, std::size_t columns) {
  return row / 16 * 16 * tiled(columns) + column / 32 * 16 * 32 + row % 16 * 32 + column % 32;
}
std::size_t panel_place(std::size_t row, std::size_t column, std::size_t rows) {
  return column / 16 * 16 * tiled(rows) + row / 2 * 32 + column % 16 * 2 + row % 2;
}

// Memory on cache lines, with a mark behind it that must stay.
class Values {
 public:
  explicit Values(std::size_t size)
      : size_(size), buffer_((size + kMarks) * sizeof(Bfloat16) / sizeof(float) + 1) {
    std::fill_n(data() + size, kMarks, kMark);
  }
  Bfloat16* data() { return reinterpret_cast<Bfloat16*>(buffer_.data()); }
  Bfloat16 operator[](std::size_t i) { return data()[i]; }
  bool is_whole() {
    return std::all_of(data() + size_, data() + size_ + kMarks,
                       [](Bfloat16 x) { return x == kMark; });
  }

 private:
  static constexpr std::size_t kMarks = 64;
  static constexpr Bfloat16 kMark = 0xABCD;
  std::size_t size_;
  AlignedBuffer buffer_;
};

struct Shape {
  std::size_t rows, inner, columns;
};

// Single blocks, several in each dimension, and inner dimensions that are cut.
constexpr Shape kShapes[] = {{1, 1, 1},     {5, 7, 3},      {32, 32, 32},   {33, 48, 49},
                             {64, 784, 17}, {100, 600, 70}, {520, 40, 300}, {40, 300, 290}};

struct Operands {
  explicit Operands(const Shape& s)
      : shape(s),
        left(test::random_floats(s.rows * s.inner, 1)),
        right(test::random_floats(s.inner * s.columns, 2)),
        bias(test::random_floats(s.columns, 3)),
        strips(tiled(s.rows) * tiled(s.inner)),
        panels(tiled(s.inner) * tiled(s.columns)),
        scratch(product_scratch()) {
    bias.resize(padded(s.columns));
    for (std::size_t i = 0; i < s.rows; ++i) {
      for (std::size_t k = 0; k < s.inner; ++k)
        strips.data()[strip_place(i, k, s.inner)] = rounded(left[i * s.inner + k]);
    }
    for (std::size_t k = 0; k < s.inner; ++k) {
      for (std::size_t j = 0; j < s.columns; ++j)
        panels.data()[panel_place(k, j, s.inner)] = rounded(right[k * s.columns + j]);
    }
    product = {strips.data(),  tiled(s.rows),    panels.data(),
               tiled(s.inner), tiled(s.columns), scratch.data()};
  }
  double sum(std::size_t i, std::size_t j) const {
    double total = 0;
    for (std::size_t k = 0; k < shape.inner; ++k) {
      total += static_cast<double>(value(rounded(left[i * shape.inner + k]))) *
               static_cast<double>(value(rounded(right[k * shape.columns + j])));
    }
    return total;
  }
  // Of float32 sums of values below 1.
  double tolerance() const { return 1e-6 * std::sqrt(static_cast<double>(shape.inner)) + 1e-6; }

  Shape shape;
  std::vector<float> left, right, bias;
  Values strips, panels;
  AlignedBuffer scratch;
  Product product;
};

}  // namespace

TEST_SUITE("kernels") {
  TEST_CASE("Bfloat16Kernels: both sets are tried where the CPU has AMX") {
    if (all_sets().empty()) MESSAGE("This CPU has no bfloat16: its kernels are not tested.");
    if (bfloat16_kernels(Bfloat16Set::kAmx) != nullptr) CHECK(all_sets().size() == 2);
  }

  TEST_CASE("Bfloat16Kernels: inputs and gradients are rounded into their forms") {
    for (const Bfloat16Kernels* const kernels : all_sets()) {
      CAPTURE(std::string(name(kernels->set)));
      for (const Shape& shape : kShapes) {
        const std::size_t rows = shape.rows;
        const std::size_t columns = shape.columns;
        CAPTURE(rows);
        CAPTURE(columns);
        const std::size_t stride = columns + 3;
        const std::vector<float> from = test::random_floats(rows * stride, 4);
        const std::size_t size = tiled(rows) * tiled(columns);
        Values strips(size);
        Values transposed(size);
        for (std::size_t first = 0; first < rows; first += kTile) {
          kernels->pack_input(&from[first * stride], first, std::min(kTile, rows - first), columns,
                              stride, strips.data(), transposed.data(), rows);
        }
        Values gradient_strips(size);
        Values panels(size);
        kernels->pack_gradient(from.data(), rows, columns, stride, gradient_strips.data(),
                               panels.data());
        bool same = true;
        for (std::size_t i = 0; i < tiled(rows); ++i) {
          for (std::size_t j = 0; j < tiled(columns); ++j) {
            const bool inside = i < rows && j < columns;
            const Bfloat16 expected = inside ? rounded(from[i * stride + j]) : Bfloat16{0};
            same = same && strips[strip_place(i, j, columns)] == expected &&
                   transposed[strip_place(j, i, rows)] == expected &&
                   gradient_strips[strip_place(i, j, columns)] == expected &&
                   panels[panel_place(i, j, rows)] == expected;
          }
        }
        CHECK(same);
        CHECK((strips.is_whole() && transposed.is_whole() && panels.is_whole()));
      }
    }
  }

  TEST_CASE("Bfloat16Kernels: weights are rounded into their forms, block by block") {
    for (const Bfloat16Kernels* const kernels : all_sets()) {
      for (const Shape& shape : kShapes) {
        const std::size_t inputs = shape.inner;
        const std::size_t outputs = shape.columns;
        CAPTURE(inputs);
        CAPTURE(outputs);
        const std::vector<float> w = test::random_floats(inputs * outputs, 5);
        const std::size_t size = tiled(inputs) * tiled(outputs);
        Values panels(size);
        Values transposed(size);
        for (std::size_t row = 0; row < inputs; row += 2 * kTile) {
          for (std::size_t column = 0; column < outputs; column += kTile) {
            const std::size_t rows = std::min(2 * kTile, inputs - row);
            const std::size_t columns = std::min(kTile, outputs - column);
            const float* const block = &w[row * outputs + column];
            kernels->pack_weight(block, row, rows, column, columns, inputs, outputs, panels.data());
            kernels->pack_transposed_weight(block, row, rows, column, columns, outputs,
                                            transposed.data());
          }
        }
        bool same = true;
        for (std::size_t i = 0; i < tiled(inputs); ++i) {
          for (std::size_t j = 0; j < tiled(outputs); ++j) {
            const bool inside = i < inputs && j < outputs;
            const Bfloat16 expected = inside ? rounded(w[i * outputs + j]) : Bfloat16{0};
            same = same && panels[panel_place(i, j, inputs)] == expected &&
                   transposed[panel_place(j, i, outputs)] == expected;
          }
        }
        CHECK(same);
        CHECK((panels.is_whole() && transposed.is_whole()));
      }
    }
  }

  TEST_CASE("Bfloat16Kernels: products are those of the rounded operands") {
    for (const Bfloat16Kernels* const kernels : all_sets()) {
      CAPTURE(std::string(name(kernels->set)));
      for (const Shape& shape : kShapes) {
        CAPTURE(shape.rows);
        CAPTURE(shape.inner);
        CAPTURE(shape.columns);
        Operands with(shape);
        const std::size_t stride = padded(shape.columns) + kPad;
        std::vector<float> values(shape.rows * stride, 7.0F);
        kernels->values(&with.product, with.bias.data(), shape.rows, shape.columns, values.data(),
                        stride);
        // Twice the same, added.
        const std::size_t to_stride = shape.columns + 1;
        std::vector<float> gradient(shape.rows * to_stride, 7.0F);
        const Product both[] = {with.product, with.product};
        kernels->weight_gradient(both, 2, shape.rows, shape.columns, gradient.data(), to_stride);
        double worst = 0;
        bool padding_is_kept = true;
        for (std::size_t i = 0; i < shape.rows; ++i) {
          for (std::size_t j = 0; j < shape.columns; ++j) {
            const double sum = with.sum(i, j);
            const double bias = static_cast<double>(with.bias[j]);
            worst =
                std::max({worst, std::abs(sum + bias - static_cast<double>(values[i * stride + j])),
                          std::abs(2 * sum - static_cast<double>(gradient[i * to_stride + j]))});
          }
          for (std::size_t j = shape.columns; j < padded(shape.columns); ++j)
            padding_is_kept = padding_is_kept && values[i * stride + j] == 0;
          for (std::size_t j = padded(shape.columns); j < stride; ++j)
            padding_is_kept = padding_is_kept && values[i * stride + j] == 7.0F;
          padding_is_kept = padding_is_kept && gradient[i * to_stride + shape.columns] == 7.0F;
        }
        CHECK(worst < 4 * with.tolerance());
        CHECK(padding_is_kept);
      }
    }
  }

  TEST_CASE("Bfloat16Kernels: hidden layers are those of VectorKernels, rounded") {
    const VectorKernels& vector = *vector_kernels(InstructionSet::kBaseline);
    constexpr std::size_t kFirstRow = 8;
    const DropoutStream stream = {{1, 2}, 3, 4, 1 << 22, 1.0F / 0.75F};
    for (const Bfloat16Kernels* const kernels : all_sets()) {
      CAPTURE(std::string(name(kernels->set)));
      for (const Activation activation :
           {Activation::kRelu, Activation::kTanh, Activation::kSigmoid, Activation::kGelu}) {
        for (const DropoutStream* const dropout :
             {&stream, static_cast<const DropoutStream*>(nullptr)}) {
          const Shape shape = {70, 45, 50};
          Operands with(shape);
          const std::size_t size = tiled(shape.rows) * tiled(shape.columns);
          Values strips(size);
          Values transposed(size);
          Values slopes(size);
          const HiddenOutput output = {shape.columns,     with.bias.data(), activation,
                                       dropout,           kFirstRow,        strips.data(),
                                       transposed.data(), slopes.data()};
          kernels->hidden(&with.product, &output);
          const std::size_t stride = padded(shape.columns);
          std::vector<float> y(shape.rows * stride);
          std::vector<float> slope(y.size());
          for (std::size_t i = 0; i < shape.rows; ++i) {
            for (std::size_t j = 0; j < shape.columns; ++j)
              y[i * stride + j] = static_cast<float>(with.sum(i, j));
          }
          vector.activate(activation, y.data(), slope.data(), shape.rows, shape.columns, stride,
                          with.bias.data(), dropout, kFirstRow, 0);
          double worst = 0;
          const auto compare = [&](Bfloat16 ours, float theirs) {
            // Half a unit in the last of 8 places, and what float32 sums differ by.
            const double size_here = std::abs(static_cast<double>(theirs));
            worst = std::max(
                worst, std::abs(static_cast<double>(value(ours)) - static_cast<double>(theirs)) /
                           (size_here / 256 + 1e-4));
          };
          bool same = true;
          for (std::size_t i = 0; i < shape.rows; ++i) {
            for (std::size_t j = 0; j < shape.columns; ++j) {
              const Bfloat16 ours = strips[strip_place(i, j, shape.columns)];
              compare(ours, y[i * stride + j]);
              same = same && transposed[strip_place(j, i, shape.rows)] == ours;
              if (activation == Activation::kRelu) continue;
              compare(slopes[strip_place(i, j, shape.columns)], slope[i * stride + j]);
            }
          }
          CHECK(worst < 1);
          CHECK(same);
          CHECK((strips.is_whole() && transposed.is_whole() && slopes.is_whole()));

          // Back through the same: dy is the product again.
          Values gradient_strips(size);
          Values panels(size);
          std::vector<float> db(padded(shape.columns) + 1, 7.0F);
          constexpr float kScale = 1.0F / 0.75F;
          const HiddenGradient gradient = {shape.columns, activation,    kScale,
                                           strips.data(), slopes.data(), gradient_strips.data(),
                                           panels.data(), db.data()};
          kernels->hidden_gradient(&with.product, &gradient);
          double worst_gradient = 0;
          double worst_bias = 0;
          for (std::size_t j = 0; j < shape.columns; ++j) {
            double total = 0;
            for (std::size_t i = 0; i < shape.rows; ++i) {
              const float kept = value(strips[strip_place(i, j, shape.columns)]);
              const double factor =
                  activation == Activation::kRelu
                      ? (kept > 0 ? static_cast<double>(kScale) : 0.0)
                      : static_cast<double>(value(slopes[strip_place(i, j, shape.columns)]));
              const double expected = with.sum(i, j) * factor;
              total += expected;
              const Bfloat16 ours = gradient_strips[strip_place(i, j, shape.columns)];
              worst_gradient =
                  std::max(worst_gradient, std::abs(static_cast<double>(value(ours)) - expected) /
                                               (std::abs(expected) / 256 + 1e-4));
              same = same && panels[panel_place(i, j, shape.rows)] == ours;
            }
            worst_bias = std::max(worst_bias, std::abs(total - static_cast<double>(db[j])));
          }
          CHECK(worst_gradient < 1);
          CHECK(worst_bias < 1e-3);
          CHECK(same);
          CHECK(db.back() == 7.0F);
          CHECK((gradient_strips.is_whole() && panels.is_whole()));
        }
      }
    }
  }

  TEST_CASE("Bfloat16Kernels: equal products give equal bits, wherever they lie") {
    for (const Bfloat16Kernels* const kernels : all_sets()) {
      const Shape shape = {100, 600, 70};
      Operands a(shape);
      Operands b(shape);
      const std::size_t stride = padded(shape.columns);
      std::vector<float> first(shape.rows * stride);
      std::vector<float> second(first.size());
      kernels->values(&a.product, nullptr, shape.rows, shape.columns, first.data(), stride);
      kernels->values(&b.product, nullptr, shape.rows, shape.columns, second.data(), stride);
      CHECK(std::memcmp(first.data(), second.data(), first.size() * sizeof(float)) == 0);
    }
  }
}

}  // namespace mlp::kernels
