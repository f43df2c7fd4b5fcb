#include "test/support/reference_kernels.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "model/kernels/philox.h"
#include "test/support/reference.h"

namespace mlp::test {
namespace {

using kernels::AdamStep;
using kernels::DropoutStream;
using kernels::kPad;
using kernels::padded;
using kernels::SgdStep;

// Calls visit(i, j, place) for each value of a matrix.
template <typename Visit>
void each(std::size_t rows, std::size_t columns, std::size_t stride, Visit visit) {
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) visit(i, j, i * stride + j);
}

void zero(float* values, std::size_t columns) { std::fill_n(values, padded(columns), 0.0F); }

// Not a number where z is none.
float relu(float z) { return z < 0 ? 0.0F : z; }

bool is_kept(const DropoutStream& stream, std::size_t row, std::size_t unit) {
  const auto words =
      kernels::philox({static_cast<std::uint32_t>(unit), static_cast<std::uint32_t>(row / 4),
                       stream.layer, stream.step},
                      {stream.seed[0], stream.seed[1]});
  return words[row % 4] >> 8 >= stream.threshold;
}

double sigmoid(double z) { return 1 / (1 + std::exp(-z)); }

double slope_of(Activation f, double z) {
  constexpr double kSeluScale = 1.0507009873554804934193349852946;
  constexpr double kSeluAlpha = 1.6732632423543772848170429916717;
  switch (f) {
    case Activation::kRelu:
      return z > 0 ? 1 : 0;
    case Activation::kTanh:
      return 1 / (std::cosh(z) * std::cosh(z));
    case Activation::kSigmoid:
      return sigmoid(z) * sigmoid(-z);
    case Activation::kGelu:
      return std::erfc(-z / std::numbers::sqrt2) / 2 +
             z * std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
    case Activation::kSelu:
      return kSeluScale * (z > 0 ? 1 : kSeluAlpha * std::exp(z));
    case Activation::kElu:
      return z > 0 ? 1 : std::exp(z);
    case Activation::kLeakyRelu:
      return z > 0 ? 1 : 0.2;
    case Activation::kSilu:
      return sigmoid(z) * (1 + z * sigmoid(-z));
  }
  return 0;
}

void pixels(const std::uint8_t* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]) / 255.0F;
}

void add_bias(float* y, std::size_t rows, std::size_t columns, std::size_t stride,
              const float* bias) {
  each(rows, columns, stride,
       [&](std::size_t, std::size_t j, std::size_t at) { y[at] += bias[j]; });
}

void bias_relu(float* y, std::size_t rows, std::size_t columns, std::size_t stride,
               const float* bias) {
  each(rows, columns, stride,
       [&](std::size_t, std::size_t j, std::size_t at) { y[at] = relu(y[at] + bias[j]); });
}

void bias_relu_dropout(float* y, std::size_t rows, std::size_t columns, std::size_t stride,
                       const float* bias, const DropoutStream* stream, std::size_t first_row,
                       std::size_t first_unit) {
  each(rows, columns, stride, [&](std::size_t i, std::size_t j, std::size_t at) {
    y[at] = is_kept(*stream, first_row + i, first_unit + j) ? relu(y[at] + bias[j]) * stream->scale
                                                            : 0.0F;
  });
}

void column_sums(const float* dy, std::size_t rows, std::size_t columns, std::size_t stride,
                 float* db) {
  zero(db, columns);
  each(rows, columns, stride, [&](std::size_t, std::size_t j, std::size_t at) { db[j] += dy[at]; });
}

void relu_backward(const float* y, float* dy, std::size_t rows, std::size_t columns,
                   std::size_t stride, float scale, float* db) {
  each(rows, columns, stride, [&](std::size_t, std::size_t, std::size_t at) {
    dy[at] = y[at] > 0 ? dy[at] * scale : 0.0F;
  });
  column_sums(dy, rows, columns, stride, db);
}

void activate(Activation f, float* y, float* slope, std::size_t rows, std::size_t columns,
              std::size_t stride, const float* bias, const DropoutStream* stream,
              std::size_t first_row, std::size_t first_unit) {
  each(rows, padded(columns), stride, [&](std::size_t i, std::size_t j, std::size_t at) {
    const double z = static_cast<double>(y[at] + bias[j]);
    const bool keep =
        j < columns && (stream == nullptr || is_kept(*stream, first_row + i, first_unit + j));
    const double scale = stream == nullptr ? 1.0 : static_cast<double>(stream->scale);
    y[at] = keep ? static_cast<float>(activation(f, z) * scale) : 0.0F;
    slope[at] = keep ? static_cast<float>(slope_of(f, z) * scale) : 0.0F;
  });
}

void activate_in_place(Activation f, float* y, std::size_t rows, std::size_t columns,
                       std::size_t stride) {
  each(rows, columns, stride, [&](std::size_t, std::size_t, std::size_t at) {
    y[at] = static_cast<float>(activation(f, static_cast<double>(y[at])));
  });
}

void slope_backward(const float* slope, float* dy, std::size_t rows, std::size_t columns,
                    std::size_t stride, float* db) {
  each(rows, columns, stride,
       [&](std::size_t, std::size_t, std::size_t at) { dy[at] *= slope[at]; });
  column_sums(dy, rows, columns, stride, db);
}

void accumulate(float* to, const float* from, std::size_t rows, std::size_t columns,
                std::size_t stride) {
  each(rows, columns, stride,
       [&](std::size_t, std::size_t, std::size_t at) { to[at] += from[at]; });
}

std::vector<double> probabilities(const float* logits, std::size_t columns) {
  const double largest = static_cast<double>(*std::max_element(logits, logits + columns));
  std::vector<double> p(columns);
  double sum = 0;
  for (std::size_t j = 0; j < columns; ++j) {
    p[j] = std::exp(static_cast<double>(logits[j]) - largest);
    sum += p[j];
  }
  for (double& value : p) value /= sum;
  return p;
}

std::size_t softmax_cross_entropy(float* logits, std::size_t rows, std::size_t columns,
                                  std::size_t stride, const std::int32_t* classes, float smoothing,
                                  float scale, float* losses) {
  std::size_t correct = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    float* const row = logits + i * stride;
    const std::vector<double> p = probabilities(row, columns);
    losses[i] =
        static_cast<float>(row_loss({Loss::kSoftmaxCrossEntropy, static_cast<double>(smoothing)},
                                    {row, row + columns}, {classes}, i));
    if (std::max_element(row, row + columns) - row == classes[i]) ++correct;
    for (std::size_t j = 0; j < columns; ++j) {
      const bool is_class = static_cast<std::size_t>(classes[i]) == j;
      const double q = (is_class ? 1 - static_cast<double>(smoothing) : 0) +
                       static_cast<double>(smoothing) / static_cast<double>(columns);
      row[j] = static_cast<float>((p[j] - q) * static_cast<double>(scale));
    }
  }
  return correct;
}

std::size_t sigmoid_cross_entropy(float* logits, std::size_t rows, std::size_t columns,
                                  std::size_t stride, const float* targets, float smoothing,
                                  float scale, float* losses) {
  std::size_t correct = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    double loss = 0;
    for (std::size_t j = 0; j < columns; ++j) {
      float& logit = logits[i * stride + j];
      const double z = static_cast<double>(logit);
      const double t = static_cast<double>(targets[i * columns + j]);
      const double q =
          (1 - static_cast<double>(smoothing)) * t + static_cast<double>(smoothing) / 2;
      // log(1 + exp(z)) - q z, without overflow.
      loss += std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))) - q * z;
      if ((z > 0) == (t > 0.5)) ++correct;
      logit = static_cast<float>((sigmoid(z) - q) * static_cast<double>(scale));
    }
    losses[i] = static_cast<float>(loss / static_cast<double>(columns));
  }
  return correct;
}

void softmax(float* logits, std::size_t rows, std::size_t columns, std::size_t stride) {
  for (std::size_t i = 0; i < rows; ++i) {
    const std::vector<double> p = probabilities(logits + i * stride, columns);
    for (std::size_t j = 0; j < columns; ++j) logits[i * stride + j] = static_cast<float>(p[j]);
  }
}

double gradient_at(const float* const* gradients, std::size_t count, std::size_t at) {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(gradients[i][at]);
  return sum;
}

void random_words(const std::uint32_t* counter, const std::uint32_t* key, std::uint32_t* words) {
  for (std::uint32_t i = 0; i < kPad; ++i) {
    const auto found =
        kernels::philox({counter[0] + i, counter[1], counter[2], counter[3]}, {key[0], key[1]});
    for (std::size_t word = 0; word < found.size(); ++word) words[word * kPad + i] = found[word];
  }
}

double sum_of_squares(const float* const* gradients, std::size_t count, std::size_t size) {
  double sum = 0;
  for (std::size_t at = 0; at < size; ++at) {
    const double g = gradient_at(gradients, count, at);
    sum += g * g;
  }
  return sum;
}

void adam(float* w, float* m, float* v, const float* const* gradients, std::size_t count,
          std::size_t size, const AdamStep* step) {
  for (std::size_t at = 0; at < size; ++at) {
    const double g = gradient_at(gradients, count, at) * static_cast<double>(step->gradient_scale);
    const double old_w = static_cast<double>(w[at]);
    const double old_m = static_cast<double>(m[at]);
    const double old_v = static_cast<double>(v[at]);
    const double new_m = old_m + (g - old_m) * static_cast<double>(step->one_minus_beta1);
    const double new_v = old_v + (g * g - old_v) * static_cast<double>(step->one_minus_beta2);
    m[at] = static_cast<float>(new_m);
    v[at] = static_cast<float>(new_v);
    w[at] = static_cast<float>(old_w - old_w * static_cast<double>(step->decay) -
                               new_m * static_cast<double>(step->alpha) /
                                   (std::sqrt(new_v) + static_cast<double>(step->epsilon)));
  }
}

void sgd(float* w, float* m, const float* const* gradients, std::size_t count, std::size_t size,
         const SgdStep* step) {
  const double momentum = static_cast<double>(step->momentum);
  for (std::size_t at = 0; at < size; ++at) {
    const double down = gradient_at(gradients, count, at) *
                        static_cast<double>(step->gradient_scale) *
                        static_cast<double>(step->learning_rate);
    double change = -down;
    if (m != nullptr) {
      const double new_m = momentum * static_cast<double>(m[at]) - down;
      m[at] = static_cast<float>(new_m);
      change = step->nesterov ? momentum * new_m - down : new_m;
    }
    const double old_w = static_cast<double>(w[at]);
    w[at] = static_cast<float>(old_w - old_w * static_cast<double>(step->decay) + change);
  }
}

void dense(const float* x, std::size_t x_stride, std::size_t rows, const float* panels,
           const float* bias, std::size_t inputs, std::size_t outputs, float* y,
           std::size_t y_stride, bool relu_follows) {
  each(rows, padded(outputs), y_stride, [&](std::size_t i, std::size_t j, std::size_t at) {
    double sum = 0;
    for (std::size_t k = 0; k < inputs; ++k) {
      const std::size_t place = j / kPad * inputs * kPad + k * kPad + j % kPad;
      sum += static_cast<double>(x[i * x_stride + k]) * static_cast<double>(panels[place]);
    }
    const auto z = static_cast<float>(sum + static_cast<double>(bias[j]));
    y[at] = relu_follows ? relu(z) : z;
  });
}

}  // namespace

const kernels::VectorKernels kReferenceKernels = {
    .instruction_set = kernels::InstructionSet::kBaseline,
    .pixels = pixels,
    .add_bias = add_bias,
    .bias_relu = bias_relu,
    .bias_relu_dropout = bias_relu_dropout,
    .relu_backward = relu_backward,
    .activate = activate,
    .activate_in_place = activate_in_place,
    .slope_backward = slope_backward,
    .column_sums = column_sums,
    .accumulate = accumulate,
    .softmax_cross_entropy = softmax_cross_entropy,
    .sigmoid_cross_entropy = sigmoid_cross_entropy,
    .softmax = softmax,
    .random_words = random_words,
    .sum_of_squares = sum_of_squares,
    .adam = adam,
    .sgd = sgd,
    .dense = dense,
};

std::vector<const kernels::VectorKernels*> all_sets() {
  std::vector<const kernels::VectorKernels*> sets;
  for (const kernels::InstructionSet set : kernels::kInstructionSets) {
    if (const kernels::VectorKernels* const found = kernels::vector_kernels(set))
      sets.push_back(found);
  }
  return sets;
}

}  // namespace mlp::test
