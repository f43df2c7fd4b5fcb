#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "model/kernels/activation.h"

namespace mlp::kernels {

// Our own inner loops, compiled once per instruction set and chosen at run time.
//
// Conventions: float32; matrices are row-major with a stride in floats. A matrix marked "padded"
// has a stride that is a multiple of kPad, and its columns up to the next multiple of kPad are the
// kernel's to read and write: they hold zeros before and after. A vector marked "padded" is
// readable up to the next multiple of kPad. Every value is computed by itself or summed in an order
// that follows from the shapes alone, so an instruction set always gives the same bits; two
// instruction sets may differ, since only some have fused multiply-add.
//
// The sources compiled for AVX2 and AVX-512 must not instantiate inline functions that other
// sources share: the linker keeps one copy of such a function, and it could be the one that an
// older CPU can't run. Hence the raw pointers and the plain structs of this interface.
inline constexpr std::size_t kPad = 16;

constexpr std::size_t padded(std::size_t columns) { return (columns + kPad - 1) / kPad * kPad; }

// kAvx512Bf16 adds the kernels of bfloat16.h to those of kAvx512.
enum class InstructionSet { kBaseline, kAvx2, kAvx512, kAvx512Bf16 };
inline constexpr InstructionSet kInstructionSets[] = {
    InstructionSet::kBaseline, InstructionSet::kAvx2, InstructionSet::kAvx512,
    InstructionSet::kAvx512Bf16};

// Dropout's random numbers are philox({unit, row / 4, layer, step}, seed)[row % 4] >> 8: a unit is
// kept where that is at least `threshold`, drop_rate * 2^24. Nothing of it depends on how a batch
// is cut.
struct DropoutStream {
  std::uint32_t seed[2];
  std::uint32_t layer;
  std::uint32_t step;
  std::uint32_t threshold;
  float scale;  // of the kept values: 1 / (1 - drop_rate), or 0 where nothing is kept
};

// One step of Adam as Keras writes it (Kingma & Ba 2014, section 2, last paragraph), after
// decoupled weight decay (Loshchilov & Hutter 2019): w -= w * decay, g *= gradient_scale, m += (g -
// m) * one_minus_beta1, v += (g * g - v) * one_minus_beta2, w -= m * alpha / (sqrt(v) + epsilon),
// with alpha = learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t).
struct AdamStep {
  float alpha;
  float one_minus_beta1;
  float one_minus_beta2;
  float epsilon;
  float gradient_scale;
  float decay;
};

// One step of gradient descent as Keras writes it: w -= w * decay, g *= gradient_scale, then w -=
// learning_rate * g; or with a velocity m = momentum * m - learning_rate * g, and w += m or, with
// Nesterov's look ahead, w += momentum * m - learning_rate * g.
struct SgdStep {
  float learning_rate;
  float momentum;
  bool nesterov;
  float gradient_scale;
  float decay;
};

struct VectorKernels {
  InstructionSet instruction_set;

  // to[i] = from[i] / 255, correctly rounded.
  void (*pixels)(const std::uint8_t* from, std::size_t count, float* to);

  // y[i][j] += bias[j]. y and bias padded.
  void (*add_bias)(float* y, std::size_t rows, std::size_t columns, std::size_t stride,
                   const float* bias);

  // y[i][j] = max(y[i][j] + bias[j], 0). y and bias padded.
  void (*bias_relu)(float* y, std::size_t rows, std::size_t columns, std::size_t stride,
                    const float* bias);

  // As bias_relu, followed by inverted dropout. first_row is the place of row 0 in the batch, a
  // multiple of 4; first_unit that of column 0 in the layer.
  void (*bias_relu_dropout)(float* y, std::size_t rows, std::size_t columns, std::size_t stride,
                            const float* bias, const DropoutStream* stream, std::size_t first_row,
                            std::size_t first_unit);

  // Through relu and dropout at once: dy[i][j] = y[i][j] > 0 ? dy[i][j] * scale : 0; db[j] = sum of
  // dy[i][j] over i in order. y, dy and db padded, y and dy with the same stride.
  void (*relu_backward)(const float* y, float* dy, std::size_t rows, std::size_t columns,
                        std::size_t stride, float scale, float* db);

  // z = y + bias becomes y = f(z), and slope = f'(z); with a stream, inverted dropout goes over
  // both (see bias_relu_dropout for first_row and first_unit). y, slope and bias padded, y and
  // slope with the same stride.
  void (*activate)(Activation f, float* y, float* slope, std::size_t rows, std::size_t columns,
                   std::size_t stride, const float* bias, const DropoutStream* stream,
                   std::size_t first_row, std::size_t first_unit);

  // y[i][j] = f(y[i][j]), with the bits that activate() gives. y padded.
  void (*activate_in_place)(Activation f, float* y, std::size_t rows, std::size_t columns,
                            std::size_t stride);

  // Through what activate() did: dy[i][j] *= slope[i][j]; db[j] = sum of dy[i][j] over i in order.
  // slope, dy and db padded, slope and dy with the same stride.
  void (*slope_backward)(const float* slope, float* dy, std::size_t rows, std::size_t columns,
                         std::size_t stride, float* db);

  // db[j] = sum of dy[i][j] over i in order. dy and db padded.
  void (*column_sums)(const float* dy, std::size_t rows, std::size_t columns, std::size_t stride,
                      float* db);

  // to[i][j] += from[i][j]. Both padded, with the same stride.
  void (*accumulate)(float* to, const float* from, std::size_t rows, std::size_t columns,
                     std::size_t stride);

  // Softmax with cross-entropy. A row's target is q = (1 - smoothing) * one_hot(class) + smoothing
  // / columns; its loss goes to losses[row], and logits become (softmax - q) * scale. Gives the
  // number of rows whose largest logit, the first of equals, is the true class. logits padded.
  std::size_t (*softmax_cross_entropy)(float* logits, std::size_t rows, std::size_t columns,
                                       std::size_t stride, const std::int32_t* classes,
                                       float smoothing, float scale, float* losses);

  // Sigmoid with cross-entropy, each output by itself: the target t in 0..1 becomes q = (1 -
  // smoothing) * t + smoothing / 2; the mean loss of a row's outputs goes to losses[row], and
  // logits become (sigmoid - q) * scale. Gives the number of outputs that are on the target's side
  // of 1/2. logits padded; targets row-major without gaps.
  std::size_t (*sigmoid_cross_entropy)(float* logits, std::size_t rows, std::size_t columns,
                                       std::size_t stride, const float* targets, float smoothing,
                                       float scale, float* losses);

  // logits become softmax(logits), row by row. logits padded.
  void (*softmax)(float* logits, std::size_t rows, std::size_t columns, std::size_t stride);

  // words[w][i] = philox({counter[0] + i, counter[1], counter[2], counter[3]}, key)[w], for kPad
  // counters at once.
  void (*random_words)(const std::uint32_t* counter, const std::uint32_t* key,
                       std::uint32_t* words);

  // The sum of g * g over `size` values, a multiple of kPad, in double precision in blocks of fixed
  // size; g is the sum of gradients[0..count) in that order.
  double (*sum_of_squares)(const float* const* gradients, std::size_t count, std::size_t size);

  // Adam over `size` parameters, a multiple of kPad: g is the sum of gradients[0..count) in that
  // order.
  void (*adam)(float* w, float* m, float* v, const float* const* gradients, std::size_t count,
               std::size_t size, const AdamStep* step);

  // Gradient descent likewise; m null: without velocity.
  void (*sgd)(float* w, float* m, const float* const* gradients, std::size_t count,
              std::size_t size, const SgdStep* step);

  // Inference: y = x W + bias, then max(y, 0) if relu. W is packed by pack_panels(); y and bias
  // padded. Each y is summed over k in ascending order from zero, and the bias added last, whatever
  // `rows` is.
  void (*dense)(const float* x, std::size_t x_stride, std::size_t rows, const float* panels,
                const float* bias, std::size_t inputs, std::size_t outputs, float* y,
                std::size_t y_stride, bool relu);
};

// The environment variable that names the widest set to use, here and in oneDNN; empty counts as
// not set.
inline constexpr char kCapVariable[] = "MLP_MAX_CPU_ISA";

// The widest set that this CPU has and kCapVariable allows. Chosen at the first call, which has to
// come before oneDNN's first use. Throws std::runtime_error where the variable names no set, or
// oneDNN does not take the cap. Threads: any.
const VectorKernels& vector_kernels();

// What kCapVariable names, if anything. Throws std::runtime_error where it names no set.
std::optional<InstructionSet> instruction_set_cap();

// The kernels of one set, or nullptr where this CPU lacks it, or there are none.
const VectorKernels* vector_kernels(InstructionSet instruction_set);

std::string_view name(InstructionSet instruction_set);
std::optional<InstructionSet> instruction_set_named(std::string_view name);

// W [inputs, outputs] row-major -> panels of kPad columns, each [inputs, kPad], the last padded
// with zeros.
std::vector<float> pack_panels(const float* weight, std::size_t inputs, std::size_t outputs);

// The same into `panels`, room for inputs * padded(outputs) floats of zeros; on a cache line,
// dense() reads them fastest.
void pack_panels(const float* weight, std::size_t inputs, std::size_t outputs, float* panels);

}  // namespace mlp::kernels
