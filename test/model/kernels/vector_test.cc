#include "model/kernels/vector.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "model/activation.h"
#include "model/kernels/philox.h"
#include "test/support/reference.h"
#include "test/support/reference_kernels.h"

namespace mlp::kernels {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// A padded matrix with zeros in its padding.
struct Padded {
  Padded(std::size_t row_count, std::size_t column_count, std::uint32_t seed)
      : rows(row_count),
        columns(column_count),
        stride(padded(column_count) + kPad),
        values(row_count * stride) {
    const std::vector<float> random = test::random_floats(rows * columns, seed);
    for (std::size_t i = 0; i < rows; ++i)
      std::copy_n(&random[i * columns], columns, &values[i * stride]);
  }
  float& at(std::size_t i, std::size_t j) { return values[i * stride + j]; }
  bool padding_is_zero() const {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = columns; j < stride; ++j) {
        if (values[i * stride + j] != 0) return false;
      }
    }
    return true;
  }

  std::size_t rows, columns, stride;
  std::vector<float> values;
};

std::vector<float> padded_vector(std::size_t size, std::uint32_t seed) {
  std::vector<float> values = test::random_floats(size, seed);
  values.resize(padded(size));
  return values;
}

struct Shape {
  std::size_t rows, columns;
};
constexpr Shape kShapes[] = {{1, 1},  {1, 16},  {2, 10},   {3, 17}, {5, 31},
                             {8, 64}, {13, 97}, {32, 128}, {64, 10}};

}  // namespace

TEST_SUITE("model/kernels") {
  TEST_CASE("vector: pixels are value / 255, correctly rounded, for every value and length") {
    std::vector<std::uint8_t> bytes(256);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const std::size_t count :
           {std::size_t{1}, std::size_t{15}, std::size_t{16}, std::size_t{37}, std::size_t{256}}) {
        std::vector<float> out(count + 1, 5.0F);
        kernels->pixels(bytes.data() + 256 - count, count, out.data());
        for (std::size_t i = 0; i < count; ++i)
          CHECK(out[i] == static_cast<float>(256 - count + i) / 255.0F);
        CHECK(out[count] == 5.0F);
      }
    }
  }

  TEST_CASE("vector: bias, relu and their way back agree with slow loops") {
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const Shape& shape : kShapes) {
        CAPTURE(std::string(name(kernels->instruction_set)));
        CAPTURE(shape.rows);
        CAPTURE(shape.columns);
        const std::vector<float> bias = padded_vector(shape.columns, 2);
        const Padded x(shape.rows, shape.columns, 1);

        Padded sum = x;
        kernels->add_bias(sum.values.data(), sum.rows, sum.columns, sum.stride, bias.data());
        Padded y = x;
        kernels->bias_relu(y.values.data(), y.rows, y.columns, y.stride, bias.data());
        Padded dy(shape.rows, shape.columns, 3);
        const Padded before = dy;
        std::vector<float> db(padded(shape.columns), 9.0F);
        kernels->relu_backward(y.values.data(), dy.values.data(), dy.rows, dy.columns, dy.stride,
                               1.25F, db.data());
        std::vector<float> sums(padded(shape.columns), 9.0F);
        kernels->column_sums(before.values.data(), dy.rows, dy.columns, dy.stride, sums.data());
        Padded twice = x;
        kernels->accumulate(twice.values.data(), before.values.data(), x.rows, x.columns, x.stride);

        bool same = true;
        for (std::size_t j = 0; j < shape.columns; ++j) {
          float wanted_db = 0;
          float wanted_sum = 0;
          for (std::size_t i = 0; i < shape.rows; ++i) {
            const float z = x.values[i * x.stride + j] + bias[j];
            const float d = before.values[i * x.stride + j];
            same = same && sum.at(i, j) == z && y.at(i, j) == std::max(z, 0.0F);
            same = same && dy.at(i, j) == (z > 0 ? d * 1.25F : 0.0F);
            same = same && twice.at(i, j) == x.values[i * x.stride + j] + d;
            wanted_db += dy.at(i, j);
            wanted_sum += d;
          }
          same = same && db[j] == wanted_db && sums[j] == wanted_sum;
        }
        CHECK(same);
        CHECK(sum.padding_is_zero());
        CHECK(y.padding_is_zero());
        CHECK(dy.padding_is_zero());
      }
    }
  }

  TEST_CASE(
      "vector: dropout keeps what philox says, whatever part of the batch or layer is asked for") {
    const DropoutStream stream = {
        {0x01234567, 0x89abcdef}, 3, 41, 1U << 22, 4.0F / 3};  // a rate of 1/4
    const std::size_t rows = 23;
    const std::size_t units = 80;
    const std::vector<float> bias(units, 1.0F);
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const std::size_t first_row : {std::size_t{0}, std::size_t{4}, std::size_t{12}}) {
        for (const std::size_t first_unit : {std::size_t{0}, std::size_t{16}, std::size_t{48}}) {
          Padded y(rows - first_row, units - first_unit, 1);
          std::fill(y.values.begin(), y.values.end(), 1.0F);
          kernels->bias_relu_dropout(y.values.data(), y.rows, y.columns, y.stride, bias.data(),
                                     &stream, first_row, first_unit);
          std::size_t kept = 0;
          bool same = true;
          for (std::size_t i = 0; i < y.rows; ++i) {
            for (std::size_t j = 0; j < y.columns; ++j) {
              const std::size_t row = first_row + i;
              const auto words =
                  philox({static_cast<std::uint32_t>(first_unit + j),
                          static_cast<std::uint32_t>(row / 4), stream.layer, stream.step},
                         {stream.seed[0], stream.seed[1]});
              const bool keep = words[row % 4] >> 8 >= stream.threshold;
              if (keep) ++kept;
              same = same && y.at(i, j) == (keep ? 2.0F * stream.scale : 0.0F);
            }
          }
          CHECK(same);
          CHECK(static_cast<double>(kept) / static_cast<double>(y.rows * y.columns) ==
                doctest::Approx(0.75).epsilon(0.1));
        }
      }
    }
  }

  TEST_CASE("vector: a drop rate of 1 drops all") {
    const DropoutStream stream = {{1, 2}, 0, 0, 1U << 24, 0.0F};
    const std::vector<float> bias(64, 1.0F);
    for (const VectorKernels* const kernels : test::all_sets()) {
      Padded y(8, 64, 1);
      kernels->bias_relu_dropout(y.values.data(), y.rows, y.columns, y.stride, bias.data(), &stream,
                                 0, 0);
      CHECK(std::all_of(y.values.begin(), y.values.end(), [](float value) { return value == 0; }));
    }
  }

  TEST_CASE("vector: softmax and its cross-entropy agree with double precision") {
    constexpr double kTolerance = 1e-6;  // a few roundings of float32
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const Shape& shape : kShapes) {
        for (const float smoothing : {0.0F, 0.1F}) {
          CAPTURE(std::string(name(kernels->instruction_set)));
          CAPTURE(shape.rows);
          CAPTURE(shape.columns);
          CAPTURE(smoothing);
          Padded logits(shape.rows, shape.columns, 7);
          for (float& value : logits.values) value *= 30;
          std::vector<std::int32_t> classes;
          for (std::size_t i = 0; i < shape.rows; ++i)
            classes.push_back(static_cast<std::int32_t>(i % shape.columns));
          Padded probabilities = logits;
          kernels->softmax(probabilities.values.data(), shape.rows, shape.columns, logits.stride);
          Padded gradient = logits;
          std::vector<float> losses(shape.rows);
          const std::size_t correct_rows = kernels->softmax_cross_entropy(
              gradient.values.data(), shape.rows, shape.columns, logits.stride, classes.data(),
              smoothing, 0.25F, losses.data());
          double worst = 0;
          double worst_loss = 0;
          std::size_t correct = 0;
          for (std::size_t i = 0; i < shape.rows; ++i) {
            const float* const row = &logits.values[i * logits.stride];
            const std::vector<double> outputs(row, row + shape.columns);
            const double loss =
                test::row_loss({Loss::kSoftmaxCrossEntropy, static_cast<double>(smoothing)},
                               outputs, {classes.data()}, i);
            worst_loss = std::max(
                worst_loss, std::abs(static_cast<double>(losses[i]) - loss) / (1 + std::abs(loss)));
            const double largest = *std::max_element(outputs.begin(), outputs.end());
            double sum = 0;
            for (const double output : outputs) sum += std::exp(output - largest);
            const auto truth = static_cast<std::size_t>(classes[i]);
            if (std::max_element(row, row + shape.columns) - row == classes[i]) ++correct;
            for (std::size_t j = 0; j < shape.columns; ++j) {
              const double p = std::exp(outputs[j] - largest) / sum;
              const double q = (j == truth ? 1.0 - static_cast<double>(smoothing) : 0.0) +
                               static_cast<double>(smoothing) / static_cast<double>(shape.columns);
              worst = std::max(worst, std::abs(static_cast<double>(probabilities.at(i, j)) - p));
              worst =
                  std::max(worst, std::abs(static_cast<double>(gradient.at(i, j)) - (p - q) / 4));
            }
          }
          CHECK(worst < kTolerance);
          CHECK(worst_loss < kTolerance);
          CHECK(correct_rows == correct);
          CHECK(gradient.padding_is_zero());
          CHECK(probabilities.padding_is_zero());
        }
      }
    }
  }

  TEST_CASE("vector: sigmoid's cross-entropy agrees with double precision, however far from 0") {
    constexpr double kTolerance = 1e-6;
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const Shape& shape : kShapes) {
        for (const float smoothing : {0.0F, 0.2F}) {
          CAPTURE(std::string(name(kernels->instruction_set)));
          CAPTURE(shape.columns);
          Padded logits(shape.rows, shape.columns, 7);
          for (float& value : logits.values) value *= 40;
          std::vector<float> targets = test::random_floats(shape.rows * shape.columns, 8);
          for (float& target : targets) target = target > 0 ? 1.0F : 0.0F;
          Padded gradient = logits;
          std::vector<float> losses(shape.rows);
          const std::size_t correct_outputs = kernels->sigmoid_cross_entropy(
              gradient.values.data(), shape.rows, shape.columns, logits.stride, targets.data(),
              smoothing, 0.25F, losses.data());
          double worst = 0;
          std::size_t correct = 0;
          for (std::size_t i = 0; i < shape.rows; ++i) {
            const float* const row = &logits.values[i * logits.stride];
            const std::vector<double> outputs(row, row + shape.columns);
            const double loss =
                test::row_loss({Loss::kSigmoidCrossEntropy, static_cast<double>(smoothing)},
                               outputs, {nullptr, targets.data()}, i);
            worst = std::max(worst, std::abs(static_cast<double>(losses[i]) - loss) / (1 + loss));
            for (std::size_t j = 0; j < shape.columns; ++j) {
              const double target = static_cast<double>(targets[i * shape.columns + j]);
              const double smooth = static_cast<double>(smoothing);
              const double q = (1 - smooth) * target + smooth / 2;
              const double p = 1 / (1 + std::exp(-outputs[j]));
              worst =
                  std::max(worst, std::abs(static_cast<double>(gradient.at(i, j)) - (p - q) / 4));
              if ((outputs[j] > 0) == (target > 0)) ++correct;
            }
          }
          CHECK(worst < kTolerance);
          CHECK(correct_outputs == correct);
          CHECK(gradient.padding_is_zero());
        }
      }
    }
  }

  TEST_CASE("vector: activations and their slopes agree with double precision from -100 to 100") {
    // Relative to the value where that is above 1, as absolute errors grow with z there.
    constexpr double kTolerance = 4e-7;
    constexpr double kStep = 1e-5;
    std::vector<float> points;
    for (int i = -4000; i <= 4000; ++i) points.push_back(static_cast<float>(i) / 500);
    for (int i = -100; i <= 100; ++i) points.push_back(static_cast<float>(i));
    for (const float tiny : {1e-3F, 1e-5F, 1e-8F, 1e-20F}) {
      points.push_back(tiny);
      points.push_back(-tiny);
    }
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const Activation f :
           {Activation::kRelu, Activation::kTanh, Activation::kSigmoid, Activation::kGelu,
            Activation::kSelu, Activation::kElu, Activation::kLeakyRelu, Activation::kSilu}) {
        CAPTURE(std::string(name(kernels->instruction_set)));
        CAPTURE(std::string(mlp::name(f)));
        const std::size_t stride = padded(points.size());
        std::vector<float> y = points;
        y.resize(stride);
        std::vector<float> slope(stride, 5.0F);
        const std::vector<float> bias(stride);
        std::vector<float> in_place = y;
        kernels->activate(f, y.data(), slope.data(), 1, points.size(), stride, bias.data(), nullptr,
                          0, 0);
        kernels->activate_in_place(f, in_place.data(), 1, points.size(), stride);
        CHECK(std::memcmp(y.data(), in_place.data(), stride * sizeof(float)) == 0);
        double worst = 0;
        double worst_slope = 0;
        for (std::size_t i = 0; i < points.size(); ++i) {
          const double z = static_cast<double>(points[i]);
          const double value = test::activation(f, z);
          worst = std::max(
              worst, std::abs(static_cast<double>(y[i]) - value) / std::max(1.0, std::abs(value)));
          if (std::abs(z) < 2 * kStep) continue;  // at a kink both slopes are right
          const double wanted =
              (test::activation(f, z + kStep) - test::activation(f, z - kStep)) / (2 * kStep);
          worst_slope = std::max(worst_slope, std::abs(static_cast<double>(slope[i]) - wanted));
        }
        CHECK(worst < kTolerance);
        CHECK(worst_slope < 2e-6);  // the differences' own error is part of it
        for (std::size_t i = points.size(); i < stride; ++i) {
          CHECK(y[i] == 0);
          CHECK(slope[i] == 0);
        }
      }
    }
  }

  TEST_CASE("vector: activations near 0 keep their relative precision") {
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const Activation f : {Activation::kTanh, Activation::kGelu, Activation::kSelu,
                                 Activation::kElu, Activation::kSilu}) {
        CAPTURE(std::string(mlp::name(f)));
        for (const float z : {1e-4F, -1e-4F, -0.01F, 0.01F, -1e-7F}) {
          std::vector<float> y(kPad);
          y[0] = z;
          kernels->activate_in_place(f, y.data(), 1, 1, kPad);
          CHECK(static_cast<double>(y[0]) ==
                doctest::Approx(test::activation(f, static_cast<double>(z))).epsilon(1e-6));
        }
      }
    }
  }

  TEST_CASE(
      "vector: dropout leaves out values and slopes alike, by the stream of every activation") {
    const DropoutStream stream = {{7, 8}, 1, 9, 1U << 22, 4.0F / 3.0F};
    constexpr std::size_t kRows = 13;
    constexpr std::size_t kUnits = 40;
    const std::vector<float> bias = padded_vector(kUnits, 3);
    for (const VectorKernels* const kernels : test::all_sets()) {
      Padded plain(kRows, kUnits, 1);
      Padded plain_slope = plain;
      Padded dropped = plain;
      Padded dropped_slope = plain;
      Padded relu = plain;
      kernels->activate(Activation::kElu, plain.values.data(), plain_slope.values.data(), kRows,
                        kUnits, plain.stride, bias.data(), nullptr, 4, 16);
      kernels->activate(Activation::kElu, dropped.values.data(), dropped_slope.values.data(), kRows,
                        kUnits, plain.stride, bias.data(), &stream, 4, 16);
      std::fill(relu.values.begin(), relu.values.end(), 5.0F);
      kernels->bias_relu_dropout(relu.values.data(), kRows, kUnits, relu.stride, bias.data(),
                                 &stream, 4, 16);
      bool same = true;
      for (std::size_t i = 0; i < kRows; ++i) {
        for (std::size_t j = 0; j < kUnits; ++j) {
          const float factor = relu.at(i, j) > 0 ? stream.scale : 0.0F;
          same = same && dropped.at(i, j) == plain.at(i, j) * factor &&
                 dropped_slope.at(i, j) == plain_slope.at(i, j) * factor;
        }
      }
      CHECK(same);
    }
  }

  TEST_CASE("vector: slope_backward multiplies by the slopes and sums over the rows") {
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const Shape& shape : kShapes) {
        const Padded slope(shape.rows, shape.columns, 1);
        Padded dy(shape.rows, shape.columns, 2);
        const Padded before = dy;
        std::vector<float> db(padded(shape.columns), 9.0F);
        kernels->slope_backward(slope.values.data(), dy.values.data(), shape.rows, shape.columns,
                                dy.stride, db.data());
        for (std::size_t j = 0; j < shape.columns; ++j) {
          float sum = 0;
          for (std::size_t i = 0; i < shape.rows; ++i) {
            const float d = before.values[i * dy.stride + j] * slope.values[i * dy.stride + j];
            CHECK_UNARY(dy.at(i, j) == d);
            sum += d;
          }
          CHECK_UNARY(db[j] == sum);
        }
        CHECK(dy.padding_is_zero());
      }
    }
  }

  TEST_CASE("vector: of equal logits the first is the prediction") {
    const std::vector<std::int32_t> classes = {0, 1};
    for (const VectorKernels* const kernels : test::all_sets()) {
      std::vector<float> logits(2 * kPad);
      std::vector<float> losses(2);
      CHECK(kernels->softmax_cross_entropy(logits.data(), 2, 2, kPad, classes.data(), 0.0F, 1.0F,
                                           losses.data()) == 1);
      CHECK(losses[0] == doctest::Approx(std::log(2.0)));
      CHECK(losses[1] == losses[0]);
    }
  }

  TEST_CASE("vector: what is no number stays so, and is not hidden by relu or softmax") {
    const std::vector<float> bias(kPad);
    const std::vector<std::int32_t> classes = {0};
    for (const VectorKernels* const kernels : test::all_sets()) {
      std::vector<float> y(kPad);
      y[0] = kNan;
      kernels->bias_relu(y.data(), 1, 3, kPad, bias.data());
      CHECK(std::isnan(y[0]));
      CHECK(y[1] == 0);
      float loss = 0;
      kernels->softmax_cross_entropy(y.data(), 1, 3, kPad, classes.data(), 0.0F, 1.0F, &loss);
      CHECK(std::isnan(loss));
      std::vector<float> logits(kPad);
      logits[2] = kNan;
      const std::vector<float> targets(3);
      kernels->sigmoid_cross_entropy(logits.data(), 1, 3, kPad, targets.data(), 0.0F, 1.0F, &loss);
      CHECK(std::isnan(loss));
      for (const Activation f :
           {Activation::kTanh, Activation::kSigmoid, Activation::kGelu, Activation::kSelu,
            Activation::kElu, Activation::kLeakyRelu, Activation::kSilu, Activation::kRelu}) {
        std::vector<float> z(kPad, kNan);
        kernels->activate_in_place(f, z.data(), 1, 3, kPad);
        CHECK(std::isnan(z[0]));
      }
      std::vector<float> wide(2 * kPad);
      wide[5] = kNan;  // neither the first lane nor the true class
      kernels->softmax_cross_entropy(wide.data(), 1, 30, 2 * kPad, classes.data(), 0.0F, 1.0F,
                                     &loss);
      CHECK(std::isnan(loss));
      const std::vector<float> x = {kNan, 1.0F};
      const std::vector<float> weight = {1, 1, 1, 1};
      kernels->dense(x.data(), 2, 1, pack_panels(weight.data(), 2, 2).data(), bias.data(), 2, 2,
                     y.data(), kPad, true);
      CHECK(std::isnan(y[0]));
    }
  }

  TEST_CASE("vector: sgd follows its formula, with velocity, look ahead and decay") {
    struct Case {
      float momentum;
      bool nesterov;
    };
    constexpr std::size_t kSize = 1600;
    const std::vector<float> g0 = test::random_floats(kSize, 4);
    const std::vector<float> g1 = test::random_floats(kSize, 5);
    const float* const gradients[] = {g0.data(), g1.data()};
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const Case& c : {Case{0.0F, false}, Case{0.9F, false}, Case{0.9F, true}}) {
        const SgdStep step = {0.1F, c.momentum, c.nesterov, 0.5F, 0.02F};
        std::vector<float> w = test::random_floats(kSize, 1);
        std::vector<float> m = test::random_floats(kSize, 2);
        const std::vector<float> w0 = w;
        const std::vector<float> m0 = m;
        kernels->sgd(w.data(), c.momentum > 0 ? m.data() : nullptr, gradients, 2, kSize, &step);
        double worst = 0;
        for (std::size_t i = 0; i < kSize; ++i) {
          const double momentum = static_cast<double>(c.momentum);
          const double down = 0.1 * 0.5 * (static_cast<double>(g0[i]) + static_cast<double>(g1[i]));
          const double wanted_m = c.momentum > 0 ? momentum * static_cast<double>(m0[i]) - down
                                                 : static_cast<double>(m0[i]);
          const double change = c.momentum == 0 ? -down
                                : c.nesterov    ? momentum * wanted_m - down
                                                : wanted_m;
          worst = std::max(
              {worst, std::abs(static_cast<double>(m[i]) - wanted_m),
               std::abs(static_cast<double>(w[i]) - (static_cast<double>(w0[i]) * 0.98 + change))});
        }
        CHECK(worst < 1e-6);
      }
    }
  }

  TEST_CASE("vector: sum_of_squares agrees with double precision") {
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const std::size_t size : {std::size_t{16}, std::size_t{1040}, std::size_t{100'000}}) {
        const std::vector<float> g0 = test::random_floats(size, 4);
        const std::vector<float> g1 = test::random_floats(size, 5);
        const float* const gradients[] = {g0.data(), g1.data()};
        double wanted = 0;
        for (std::size_t i = 0; i < size; ++i) {
          const double g = static_cast<double>(g0[i]) + static_cast<double>(g1[i]);
          wanted += g * g;
        }
        CHECK(kernels->sum_of_squares(gradients, 2, size) == doctest::Approx(wanted).epsilon(1e-6));
      }
    }
  }

  TEST_CASE("vector: adam follows its formula, and sums the shards' gradients") {
    const AdamStep step = {0.003F, 0.1F, 0.001F, 1e-7F, 0.5F, 0.02F};
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const std::size_t size : {std::size_t{16}, std::size_t{48}, std::size_t{1600}}) {
        std::vector<float> w = test::random_floats(size + 1, 1);
        std::vector<float> m = test::random_floats(size, 2);
        std::vector<float> v = test::random_floats(size, 3);
        for (float& value : v) value = std::fabs(value);
        const std::vector<float> w0 = w, m0 = m, v0 = v;
        const std::vector<float> g0 = test::random_floats(size, 4),
                                 g1 = test::random_floats(size, 5);
        const float* const gradients[] = {g0.data(), g1.data()};
        kernels->adam(w.data(), m.data(), v.data(), gradients, 2, size, &step);
        double worst = 0;
        for (std::size_t i = 0; i < size; ++i) {
          const double g = (static_cast<double>(g0[i]) + static_cast<double>(g1[i])) * 0.5;
          const double wanted_m = static_cast<double>(m0[i]) * 0.9 + g * 0.1;
          const double wanted_v = static_cast<double>(v0[i]) * 0.999 + g * g * 0.001;
          const double wanted_w =
              static_cast<double>(w0[i]) * 0.98 - wanted_m * 0.003 / (std::sqrt(wanted_v) + 1e-7);
          worst = std::max({worst, std::abs(static_cast<double>(m[i]) - wanted_m),
                            std::abs(static_cast<double>(v[i]) - wanted_v),
                            std::abs(static_cast<double>(w[i]) - wanted_w)});
        }
        CHECK(worst < 1e-6);
        CHECK(w[size] == w0[size]);
      }
    }
  }

  TEST_CASE(
      "vector: dense agrees with double precision, and a row has the same bits alone and among "
      "others") {
    struct Case {
      std::size_t rows, inputs, outputs;
    };
    for (const VectorKernels* const kernels : test::all_sets()) {
      for (const Case& c : {Case{1, 1, 1}, Case{3, 7, 5}, Case{13, 97, 17}, Case{50, 784, 128},
                            Case{23, 128, 10}, Case{7, 31, 130}, Case{12, 5, 300}}) {
        CAPTURE(std::string(name(kernels->instruction_set)));
        CAPTURE(c.inputs);
        CAPTURE(c.outputs);
        const std::vector<float> x = test::random_floats(c.rows * c.inputs, 1);
        const std::vector<float> w = test::random_floats(c.inputs * c.outputs, 2);
        const std::vector<float> bias = padded_vector(c.outputs, 3);
        const std::vector<float> panels = pack_panels(w.data(), c.inputs, c.outputs);
        const std::size_t stride = padded(c.outputs);
        std::vector<float> y(c.rows * stride, 5.0F);
        kernels->dense(x.data(), c.inputs, c.rows, panels.data(), bias.data(), c.inputs, c.outputs,
                       y.data(), stride, false);
        const std::vector<double> wanted = test::multiply(x, w, c.rows, c.outputs, c.inputs);
        double worst = 0;
        bool same_bits = true;
        for (std::size_t i = 0; i < c.rows; ++i) {
          for (std::size_t j = 0; j < c.outputs; ++j) {
            worst =
                std::max(worst, std::abs(static_cast<double>(y[i * stride + j]) -
                                         wanted[i * c.outputs + j] - static_cast<double>(bias[j])));
          }
          std::vector<float> alone(stride);
          kernels->dense(&x[i * c.inputs], c.inputs, 1, panels.data(), bias.data(), c.inputs,
                         c.outputs, alone.data(), stride, false);
          same_bits =
              same_bits && std::memcmp(alone.data(), &y[i * stride], stride * sizeof(float)) == 0;
        }
        CHECK(worst < 1e-6 * static_cast<double>(c.inputs) + 1e-6);
        CHECK(same_bits);
        kernels->dense(x.data(), c.inputs, c.rows, panels.data(), bias.data(), c.inputs, c.outputs,
                       y.data(), stride, true);
        CHECK(std::all_of(y.begin(), y.end(), [](float value) { return value >= 0; }));
      }
    }
  }
}

}  // namespace mlp::kernels
