#include "test/support/reference.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "model/kernels/vector.h"
#include "test/support/reference_kernels.h"

// Every kernel of every set that this CPU has, beside the scalar loops of test/support: over odd
// sizes and tails, with strides beyond the padding and with extreme values.

namespace mlp::kernels {
namespace {

constexpr float kUntouched = 77.0F;  // between the padding and the next row
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

constexpr Activation kActivations[] = {
    Activation::kRelu, Activation::kTanh, Activation::kSigmoid,   Activation::kGelu,
    Activation::kSelu, Activation::kElu,  Activation::kLeakyRelu, Activation::kSilu};

struct Shape {
  std::size_t rows;
  std::size_t columns;
};

std::vector<Shape> shapes() {
  std::vector<Shape> all;
  for (const std::size_t rows : {1U, 2U, 3U, 5U, 9U, 13U})
    for (const std::size_t columns : {1U, 2U, 7U, 15U, 16U, 17U, 31U, 33U, 64U, 130U})
      all.push_back({rows, columns});
  return all;
}

// What a kernel reads, drawn anew for each case and alike for each set.
class Inputs {
 public:
  // `extreme`: values that now and then take the place of ordinary ones.
  Inputs(const Shape& wanted, std::vector<float> extreme)
      : shape(wanted), stride(padded(wanted.columns) + kPad), extreme_(std::move(extreme)) {}

  std::vector<float> floats(std::size_t count, float size = 1) {
    std::vector<float> values = test::random_floats(count, ++seed_);
    for (std::size_t i = 0; i < count; ++i) {
      values[i] *= size;
      if (!extreme_.empty() && (i + seed_) % 5 == 0) values[i] = extreme_[i / 5 % extreme_.size()];
    }
    return values;
  }
  std::vector<float> padded_vector(float size = 1) {
    std::vector<float> values = floats(shape.columns, size);
    values.resize(padded(shape.columns));
    return values;
  }
  std::vector<float> matrix(float size = 1) {
    const std::vector<float> values = floats(shape.rows * shape.columns, size);
    std::vector<float> all(shape.rows * stride, kUntouched);
    for (std::size_t i = 0; i < shape.rows; ++i) {
      std::fill_n(&all[i * stride], padded(shape.columns), 0.0F);
      std::copy_n(&values[i * shape.columns], shape.columns, &all[i * stride]);
    }
    return all;
  }

  Shape shape;
  std::size_t stride;

 private:
  std::vector<float> extreme_;
  std::uint32_t seed_ = 0;
};

// What a kernel gives and changes, one after the other.
class Outputs {
 public:
  void add(const std::vector<float>& all) {
    for (const float value : all) values.push_back(static_cast<double>(value));
  }
  void add(double value) { values.push_back(value); }

  std::vector<double> values;
};

using Kernels = VectorKernels;

const DropoutStream kStream = {{0x01234567, 0x89abcdef}, 3, 41, 1U << 22, 4.0F / 3};

Outputs pixels(const Kernels& kernels, Inputs in) {
  std::vector<std::uint8_t> bytes(in.shape.rows * in.shape.columns);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37);
  std::vector<float> to(bytes.size() + 1, kUntouched);
  kernels.pixels(bytes.data(), bytes.size(), to.data());
  Outputs out;
  out.add(to);
  return out;
}

Outputs add_bias(const Kernels& kernels, Inputs in) {
  std::vector<float> y = in.matrix();
  kernels.add_bias(y.data(), in.shape.rows, in.shape.columns, in.stride, in.padded_vector().data());
  Outputs out;
  out.add(y);
  return out;
}

Outputs bias_relu(const Kernels& kernels, Inputs in) {
  std::vector<float> y = in.matrix();
  kernels.bias_relu(y.data(), in.shape.rows, in.shape.columns, in.stride,
                    in.padded_vector().data());
  Outputs out;
  out.add(y);
  return out;
}

Outputs bias_relu_dropout(const Kernels& kernels, Inputs in) {
  Outputs out;
  for (const std::size_t first_unit : {0U, 32U}) {
    std::vector<float> y = in.matrix();
    kernels.bias_relu_dropout(y.data(), in.shape.rows, in.shape.columns, in.stride,
                              in.padded_vector().data(), &kStream, 8, first_unit);
    out.add(y);
  }
  return out;
}

Outputs relu_backward(const Kernels& kernels, Inputs in) {
  const std::vector<float> y = in.matrix();
  std::vector<float> dy = in.matrix();
  std::vector<float> db(padded(in.shape.columns), kUntouched);
  kernels.relu_backward(y.data(), dy.data(), in.shape.rows, in.shape.columns, in.stride, 1.25F,
                        db.data());
  Outputs out;
  out.add(dy);
  out.add(db);
  return out;
}

Outputs activate(const Kernels& kernels, Inputs in) {
  Outputs out;
  for (const Activation f : kActivations) {
    for (const DropoutStream* const stream :
         {static_cast<const DropoutStream*>(nullptr), &kStream}) {
      std::vector<float> y = in.matrix(9);
      std::vector<float> slope = in.matrix();
      kernels.activate(f, y.data(), slope.data(), in.shape.rows, in.shape.columns, in.stride,
                       in.padded_vector().data(), stream, 4, 16);
      out.add(y);
      out.add(slope);
    }
  }
  return out;
}

Outputs activate_in_place(const Kernels& kernels, Inputs in) {
  Outputs out;
  for (const Activation f : kActivations) {
    std::vector<float> y = in.matrix(9);
    kernels.activate_in_place(f, y.data(), in.shape.rows, in.shape.columns, in.stride);
    out.add(y);
  }
  return out;
}

Outputs slope_backward(const Kernels& kernels, Inputs in) {
  const std::vector<float> slope = in.matrix();
  std::vector<float> dy = in.matrix();
  std::vector<float> db(padded(in.shape.columns), kUntouched);
  kernels.slope_backward(slope.data(), dy.data(), in.shape.rows, in.shape.columns, in.stride,
                         db.data());
  Outputs out;
  out.add(dy);
  out.add(db);
  return out;
}

Outputs column_sums(const Kernels& kernels, Inputs in) {
  std::vector<float> db(padded(in.shape.columns), kUntouched);
  kernels.column_sums(in.matrix().data(), in.shape.rows, in.shape.columns, in.stride, db.data());
  Outputs out;
  out.add(db);
  return out;
}

Outputs accumulate(const Kernels& kernels, Inputs in) {
  std::vector<float> to = in.matrix();
  const std::vector<float> from = in.matrix();
  kernels.accumulate(to.data(), from.data(), in.shape.rows, in.shape.columns, in.stride);
  Outputs out;
  out.add(to);
  return out;
}

Outputs softmax_cross_entropy(const Kernels& kernels, Inputs in) {
  Outputs out;
  std::vector<std::int32_t> classes;
  for (std::size_t i = 0; i < in.shape.rows; ++i)
    classes.push_back(static_cast<std::int32_t>((i * 5 + 1) % in.shape.columns));
  for (const float smoothing : {0.0F, 0.1F}) {
    std::vector<float> logits = in.matrix(20);
    std::vector<float> losses(in.shape.rows + 1, kUntouched);
    out.add(static_cast<double>(
        kernels.softmax_cross_entropy(logits.data(), in.shape.rows, in.shape.columns, in.stride,
                                      classes.data(), smoothing, 0.5F, losses.data())));
    out.add(logits);
    out.add(losses);
  }
  return out;
}

Outputs sigmoid_cross_entropy(const Kernels& kernels, Inputs in) {
  Outputs out;
  std::vector<float> targets = test::random_floats(in.shape.rows * in.shape.columns, 99);
  for (float& target : targets) target = target > 0 ? 1.0F : 0.0F;
  for (const float smoothing : {0.0F, 0.2F}) {
    std::vector<float> logits = in.matrix(20);
    std::vector<float> losses(in.shape.rows + 1, kUntouched);
    out.add(static_cast<double>(
        kernels.sigmoid_cross_entropy(logits.data(), in.shape.rows, in.shape.columns, in.stride,
                                      targets.data(), smoothing, 0.5F, losses.data())));
    out.add(logits);
    out.add(losses);
  }
  return out;
}

Outputs softmax(const Kernels& kernels, Inputs in) {
  std::vector<float> logits = in.matrix(20);
  kernels.softmax(logits.data(), in.shape.rows, in.shape.columns, in.stride);
  Outputs out;
  out.add(logits);
  return out;
}

// As many floats as the optimizers take at once, of one, two or three shards.
struct Shards {
  explicit Shards(Inputs& in) : size(in.shape.columns * kPad) {
    for (std::size_t i = 0; i < in.shape.rows % 3 + 1; ++i) values.push_back(in.floats(size));
    for (const std::vector<float>& shard : values) pointers.push_back(shard.data());
  }
  std::size_t size;
  std::vector<std::vector<float>> values;
  std::vector<const float*> pointers;
};

Outputs random_words(const Kernels& kernels, Inputs in) {
  const auto number = [&] { return std::bit_cast<std::uint32_t>(in.floats(1)[0]); };
  const std::uint32_t counter[] = {number(), number(), number(), number()};
  const std::uint32_t key[] = {number(), number()};
  std::vector<std::uint32_t> words(4 * kPad);
  kernels.random_words(counter, key, words.data());
  Outputs out;
  for (const std::uint32_t word : words) out.add(static_cast<double>(word));
  return out;
}

Outputs sum_of_squares(const Kernels& kernels, Inputs in) {
  const Shards shards(in);
  Outputs out;
  out.add(kernels.sum_of_squares(shards.pointers.data(), shards.pointers.size(), shards.size));
  return out;
}

Outputs adam(const Kernels& kernels, Inputs in) {
  const AdamStep step = {0.003F, 0.1F, 0.001F, 1e-7F, 0.5F, 0.02F};
  const Shards shards(in);
  std::vector<float> w = in.floats(shards.size + 1);
  std::vector<float> m = in.floats(shards.size + 1);
  std::vector<float> v = in.floats(shards.size + 1);
  for (float& value : v) value = std::fabs(value);
  kernels.adam(w.data(), m.data(), v.data(), shards.pointers.data(), shards.pointers.size(),
               shards.size, &step);
  Outputs out;
  out.add(w);
  out.add(m);
  out.add(v);
  return out;
}

Outputs sgd(const Kernels& kernels, Inputs in) {
  const Shards shards(in);
  Outputs out;
  for (const SgdStep& step : {SgdStep{0.1F, 0, false, 0.5F, 0.02F},
                              {0.1F, 0.9F, false, 0.5F, 0},
                              {0.1F, 0.9F, true, 1, 0.02F}}) {
    std::vector<float> w = in.floats(shards.size + 1);
    std::vector<float> m = in.floats(shards.size + 1);
    kernels.sgd(w.data(), step.momentum > 0 ? m.data() : nullptr, shards.pointers.data(),
                shards.pointers.size(), shards.size, &step);
    out.add(w);
    out.add(m);
  }
  return out;
}

Outputs dense(const Kernels& kernels, Inputs in) {
  Outputs out;
  for (const std::size_t inputs : {1U, 2U, 31U, 64U}) {
    const std::size_t x_stride = inputs + 3;
    const std::vector<float> x = in.floats(in.shape.rows * x_stride);
    const std::vector<float> panels =
        pack_panels(in.floats(inputs * in.shape.columns).data(), inputs, in.shape.columns);
    const std::vector<float> bias = in.padded_vector();
    for (const bool relu : {false, true}) {
      std::vector<float> y(in.shape.rows * in.stride, kUntouched);
      kernels.dense(x.data(), x_stride, in.shape.rows, panels.data(), bias.data(), inputs,
                    in.shape.columns, y.data(), in.stride, relu);
      out.add(y);
    }
  }
  return out;
}

const std::vector<float> kAnyValue = {0.0F,   -0.0F, 1e-40F, -1e-40F,   1e30F,
                                      -1e30F, kNan,  1.0F,   kInfinity, -kInfinity};
// Where more is asked for than that what is no number stays so.
const std::vector<float> kFinite = {0.0F, -0.0F, 1e-40F, -1e-40F, 100.0F, -100.0F, 1e4F, -1e4F};
// Whose squares are finite.
const std::vector<float> kMiddling = {0.0F, -0.0F, 1e-20F, -1e-20F, 1e10F, -1e10F, kNan};
// That no sum can cancel.
const std::vector<float> kUnmixed = {0.0F, -0.0F, 1e-40F, -1e-40F, kNan, kInfinity, -kInfinity};

struct Case {
  const char* name;
  // |found - wanted| / max(1, |wanted|); 0: the bits that float32 gives.
  double tolerance;
  Outputs (*run)(const Kernels& kernels, Inputs in);
  const std::vector<float>* extreme;
};

// One for each member of VectorKernels.
const Case kCases[] = {
    {"pixels", 0, pixels, &kAnyValue},
    {"add_bias", 0, add_bias, &kAnyValue},
    {"bias_relu", 0, bias_relu, &kAnyValue},
    {"bias_relu_dropout", 0, bias_relu_dropout, &kAnyValue},
    {"relu_backward", 0, relu_backward, &kAnyValue},
    {"activate", 1e-6, activate, &kFinite},
    {"activate_in_place", 1e-6, activate_in_place, &kFinite},
    {"slope_backward", 0, slope_backward, &kAnyValue},
    {"column_sums", 0, column_sums, &kAnyValue},
    {"accumulate", 0, accumulate, &kAnyValue},
    {"softmax_cross_entropy", 2e-6, softmax_cross_entropy, &kFinite},
    {"sigmoid_cross_entropy", 2e-6, sigmoid_cross_entropy, &kFinite},
    {"softmax", 2e-6, softmax, &kFinite},
    {"random_words", 0, random_words, &kAnyValue},
    {"sum_of_squares", 1e-6, sum_of_squares, &kMiddling},
    {"adam", 1e-6, adam, &kMiddling},
    {"sgd", 1e-6, sgd, &kMiddling},
    {"dense", 1e-5, dense, &kUnmixed},  // a sum of 64
};

// The farthest of the values, by Case::tolerance's measure; infinity where only one is no number.
double distance(const Outputs& found, const Outputs& wanted) {
  if (found.values.size() != wanted.values.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < found.values.size(); ++i) {
    const double a = found.values[i];
    const double b = wanted.values[i];
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double gap = std::abs(a - b) / std::max(1.0, std::abs(b));
    worst = std::max(worst, std::isnan(gap) ? std::numeric_limits<double>::infinity() : gap);
  }
  return worst;
}

}  // namespace

TEST_SUITE("model/kernels") {
  TEST_CASE("vector: every kernel of every set agrees with its scalar reference") {
    // The set's name comes first, and a pointer for each kernel follows.
    static_assert(sizeof(VectorKernels) % sizeof(void*) == 0);
    CHECK(std::size(kCases) == sizeof(VectorKernels) / sizeof(void*) - 1);
    for (const InstructionSet set : kInstructionSets) {
      const VectorKernels* const kernels = vector_kernels(set);
      if (kernels == nullptr) continue;
      CHECK(kernels->instruction_set == set);
      CAPTURE(std::string(name(set)));
      for (const Case& c : kCases) {
        CAPTURE(std::string(c.name));
        for (const Shape& shape : shapes()) {
          CAPTURE(shape.rows);
          CAPTURE(shape.columns);
          for (const std::vector<float>& extreme : {std::vector<float>(), *c.extreme}) {
            CAPTURE(extreme.size());
            const Inputs in(shape, extreme);
            CHECK(distance(c.run(*kernels, in), c.run(test::kReferenceKernels, in)) <= c.tolerance);
          }
        }
      }
    }
  }
}

}  // namespace mlp::kernels
