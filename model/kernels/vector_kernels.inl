// The loops behind VectorKernels, over a type Simd that the including source defines: a vector of
// kLanes floats (V) or 32-bit integers (I), with masks (M). max(a, b) gives b where either is no
// number; where that matters below, the operands stand so that what is no number stays so.
// Everything here is internal to that source; see vector.h for why.

namespace {

constexpr std::size_t kPanel = 16;
constexpr std::size_t kVectors = kPanel / Simd::kLanes;  // per panel

using V = Simd::V;
using I = Simd::I;
using M = Simd::M;

inline std::size_t round_up(std::size_t columns) {
  return (columns + kPanel - 1) / kPanel * kPanel;
}

// x with all lanes from `count` on replaced by `fill`.
inline V keep_first(V x, std::size_t count, float fill) {
  if (count >= Simd::kLanes) return x;
  return Simd::select(Simd::less(Simd::iota(), Simd::set_int(static_cast<int>(count))), x,
                      Simd::set(fill));
}

inline float reduce_max(V x) {
  alignas(64) float lanes[Simd::kLanes];
  Simd::store(lanes, x);
  float largest = lanes[0];
  for (std::size_t i = 1; i < Simd::kLanes; ++i) largest = lanes[i] > largest ? lanes[i] : largest;
  return largest;
}

// exp(x) for x <= 0; 0 below -87. Cephes' expf: x = n log 2 + r with log 2 in two parts, and a
// polynomial of degree 5 for exp(r); within 2 ulp.
inline V exp_nonpositive(V x) {
  const M vanishes = Simd::less(x, Simd::set(-87.0F));
  x = Simd::max(Simd::set(-87.0F), x);
  const I n = Simd::round_to_int(Simd::mul(x, Simd::set(1.44269504088896341F)));
  const V fn = Simd::to_float(n);
  V r = Simd::fma(fn, Simd::set(-0.693359375F), x);
  r = Simd::fma(fn, Simd::set(2.12194440e-4F), r);
  V p = Simd::set(1.9875691500E-4F);
  p = Simd::fma(p, r, Simd::set(1.3981999507E-3F));
  p = Simd::fma(p, r, Simd::set(8.3334519073E-3F));
  p = Simd::fma(p, r, Simd::set(4.1665795894E-2F));
  p = Simd::fma(p, r, Simd::set(1.6666665459E-1F));
  p = Simd::fma(p, r, Simd::set(5.0000001201E-1F));
  p = Simd::add(Simd::fma(p, Simd::mul(r, r), r), Simd::set(1.0F));
  const V power = Simd::as_float(Simd::shift_left(Simd::add(n, Simd::set_int(127)), 23));
  return Simd::select(vanishes, Simd::set(0.0F), Simd::mul(p, power));
}

// log(x) for one positive, normal x. Cephes' logf.
inline float log_scalar(float x) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  int exponent = static_cast<int>(bits >> 23) - 126;
  bits = (bits & 0x007FFFFFU) | 0x3F000000U;
  float m;
  __builtin_memcpy(&m, &bits, sizeof m);
  if (m < 0.707106781186547524F) {
    --exponent;
    m = m + m;
  }
  m -= 1.0F;
  const float z = m * m;
  float p = 7.0376836292E-2F;
  p = p * m - 1.1514610310E-1F;
  p = p * m + 1.1676998740E-1F;
  p = p * m - 1.2420140846E-1F;
  p = p * m + 1.4249322787E-1F;
  p = p * m - 1.6668057665E-1F;
  p = p * m + 2.0000714765E-1F;
  p = p * m - 2.4999993993E-1F;
  p = p * m + 3.3333331174E-1F;
  const float e = static_cast<float>(exponent);
  float y = m * z * p;
  y += -2.12194440e-4F * e;
  y += -0.5F * z;
  return m + y + 0.693359375F * e;
}

void pixels(const std::uint8_t* from, std::size_t count, float* to) {
  std::size_t i = 0;
  for (; i + Simd::kLanes <= count; i += Simd::kLanes) {
    Simd::store(to + i, Simd::over_255(Simd::load_bytes(from + i)));
  }
  for (; i < count; ++i) to[i] = static_cast<float>(from[i]) / 255.0F;
}

void add_bias(float* y, std::size_t rows, std::size_t columns, std::size_t stride,
              const float* bias) {
  const std::size_t width = round_up(columns);
  for (std::size_t row = 0; row < rows; ++row, y += stride) {
    for (std::size_t j = 0; j < width; j += Simd::kLanes) {
      Simd::store(y + j, Simd::add(Simd::load(y + j), Simd::load(bias + j)));
    }
  }
}

void bias_relu(float* y, std::size_t rows, std::size_t columns, std::size_t stride,
               const float* bias) {
  const std::size_t width = round_up(columns);
  const V zero = Simd::set(0.0F);
  for (std::size_t row = 0; row < rows; ++row, y += stride) {
    for (std::size_t j = 0; j < width; j += Simd::kLanes) {
      Simd::store(y + j, Simd::max(zero, Simd::add(Simd::load(y + j), Simd::load(bias + j))));
    }
  }
}

// Philox for kLanes units at once; x becomes the four words of each.
inline void philox_lanes(I (&x)[4], std::uint32_t key0, std::uint32_t key1) {
  const I multiplier0 = Simd::set_int(static_cast<int>(0xD2511F53U));
  const I multiplier1 = Simd::set_int(static_cast<int>(0xCD9E8D57U));
  for (int round = 0; round < 10; ++round) {
    const I high0 = Simd::multiply_high(x[0], multiplier0);
    const I low0 = Simd::multiply_low(x[0], multiplier0);
    const I high1 = Simd::multiply_high(x[2], multiplier1);
    const I low1 = Simd::multiply_low(x[2], multiplier1);
    x[0] =
        Simd::exclusive_or(Simd::exclusive_or(high1, x[1]), Simd::set_int(static_cast<int>(key0)));
    x[1] = low1;
    x[2] =
        Simd::exclusive_or(Simd::exclusive_or(high0, x[3]), Simd::set_int(static_cast<int>(key1)));
    x[3] = low0;
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
}

void bias_relu_dropout(float* y, std::size_t rows, std::size_t columns, std::size_t stride,
                       const float* bias, const DropoutStream* stream, std::size_t first_row,
                       std::size_t first_unit) {
  const std::size_t width = round_up(columns);
  const V zero = Simd::set(0.0F);
  const V scale = Simd::set(stream->scale);
  const I last_dropped = Simd::set_int(static_cast<int>(stream->threshold) - 1);
  for (std::size_t row = 0; row < rows; row += 4) {
    const std::size_t group = rows - row < 4 ? rows - row : 4;
    for (std::size_t j = 0; j < width; j += Simd::kLanes) {
      I words[4] = {Simd::add(Simd::iota(), Simd::set_int(static_cast<int>(first_unit + j))),
                    Simd::set_int(static_cast<int>((first_row + row) / 4)),
                    Simd::set_int(static_cast<int>(stream->layer)),
                    Simd::set_int(static_cast<int>(stream->step))};
      philox_lanes(words, stream->seed[0], stream->seed[1]);
      const V b = Simd::load(bias + j);
      for (std::size_t i = 0; i < group; ++i) {
        float* const place = y + (row + i) * stride + j;
        const V value = Simd::mul(Simd::max(zero, Simd::add(Simd::load(place), b)), scale);
        const M kept = Simd::less(last_dropped, Simd::shift_right(words[i], 8));
        Simd::store(place, Simd::select(kept, value, zero));
      }
    }
  }
}

void relu_backward(const float* y, float* dy, std::size_t rows, std::size_t columns,
                   std::size_t stride, float scale, float* db) {
  const std::size_t width = round_up(columns);
  const V zero = Simd::set(0.0F);
  const V factor = Simd::set(scale);
  for (std::size_t j = 0; j < width; j += Simd::kLanes) Simd::store(db + j, zero);
  for (std::size_t row = 0; row < rows; ++row, y += stride, dy += stride) {
    for (std::size_t j = 0; j < width; j += Simd::kLanes) {
      const M passes = Simd::less(zero, Simd::load(y + j));
      const V d = Simd::select(passes, Simd::mul(Simd::load(dy + j), factor), zero);
      Simd::store(dy + j, d);
      Simd::store(db + j, Simd::add(Simd::load(db + j), d));
    }
  }
}

void column_sums(const float* dy, std::size_t rows, std::size_t columns, std::size_t stride,
                 float* db) {
  const std::size_t width = round_up(columns);
  for (std::size_t j = 0; j < width; j += Simd::kLanes) {
    V sum = Simd::set(0.0F);
    for (std::size_t row = 0; row < rows; ++row)
      sum = Simd::add(sum, Simd::load(dy + row * stride + j));
    Simd::store(db + j, sum);
  }
}

void accumulate(float* to, const float* from, std::size_t rows, std::size_t columns,
                std::size_t stride) {
  const std::size_t width = round_up(columns);
  for (std::size_t row = 0; row < rows; ++row, to += stride, from += stride) {
    for (std::size_t j = 0; j < width; j += Simd::kLanes) {
      Simd::store(to + j, Simd::add(Simd::load(to + j), Simd::load(from + j)));
    }
  }
}

inline std::size_t left_in(std::size_t columns, std::size_t j) {
  return columns > j ? columns - j : 0;
}

inline float row_max(const float* logits, std::size_t columns) {
  V largest = Simd::set(-3.4028234663852886e38F);
  for (std::size_t j = 0; j < columns; j += Simd::kLanes) {
    largest = Simd::max(
        largest, keep_first(Simd::load(logits + j), left_in(columns, j), -3.4028234663852886e38F));
  }
  return reduce_max(largest);
}

// logits become exp(logits - largest), zeros in the padding; gives their sum, lane by lane and then
// across lanes.
inline float exponentials(float* logits, std::size_t columns, float largest) {
  const std::size_t width = round_up(columns);
  const V shift = Simd::set(largest);
  float lanes[kPanel] = {};
  for (std::size_t j = 0; j < width; j += kPanel) {
    for (std::size_t part = 0; part < kPanel; part += Simd::kLanes) {
      const std::size_t at = j + part;
      const V e = keep_first(exp_nonpositive(Simd::sub(Simd::load(logits + at), shift)),
                             left_in(columns, at), 0.0F);
      Simd::store(logits + at, e);
      Simd::store(lanes + part, Simd::add(Simd::load(lanes + part), e));
    }
  }
  float sum = 0.0F;
  for (const float lane : lanes) sum += lane;
  return sum;
}

SoftmaxSums softmax_cross_entropy(float* logits, std::size_t rows, std::size_t columns,
                                  std::size_t stride, const std::int32_t* classes, float scale) {
  const std::size_t width = round_up(columns);
  SoftmaxSums sums = {0.0, 0};
  for (std::size_t row = 0; row < rows; ++row, logits += stride) {
    const float largest = row_max(logits, columns);
    const std::size_t truth = static_cast<std::size_t>(classes[row]);
    const float true_logit = logits[truth];
    std::size_t first = 0;
    while (first + 1 < columns && logits[first] != largest) ++first;
    sums.correct += first == truth ? 1 : 0;
    const float sum = exponentials(logits, columns, largest);
    // One logit that is no number makes the sum none, which log_scalar() would not pass on.
    sums.loss += static_cast<double>(sum > 0.0F ? (largest - true_logit) + log_scalar(sum) : sum);
    const V factor = Simd::set(scale / sum);
    for (std::size_t j = 0; j < width; j += Simd::kLanes) {
      Simd::store(logits + j, Simd::mul(Simd::load(logits + j), factor));
    }
    logits[truth] -= scale;
  }
  return sums;
}

void softmax(float* logits, std::size_t rows, std::size_t columns, std::size_t stride) {
  const std::size_t width = round_up(columns);
  for (std::size_t row = 0; row < rows; ++row, logits += stride) {
    const V sum = Simd::set(exponentials(logits, columns, row_max(logits, columns)));
    for (std::size_t j = 0; j < width; j += Simd::kLanes) {
      Simd::store(logits + j, Simd::div(Simd::load(logits + j), sum));
    }
  }
}

void adam(float* w, float* m, float* v, const float* const* gradients, std::size_t count,
          std::size_t size, const AdamStep* step) {
  const V alpha = Simd::set(step->alpha);
  const V one_minus_beta1 = Simd::set(step->one_minus_beta1);
  const V one_minus_beta2 = Simd::set(step->one_minus_beta2);
  const V epsilon = Simd::set(step->epsilon);
  for (std::size_t j = 0; j < size; j += Simd::kLanes) {
    V g = Simd::load(gradients[0] + j);
    for (std::size_t i = 1; i < count; ++i) g = Simd::add(g, Simd::load(gradients[i] + j));
    V mj = Simd::load(m + j);
    V vj = Simd::load(v + j);
    mj = Simd::fma(Simd::sub(g, mj), one_minus_beta1, mj);
    vj = Simd::fma(Simd::sub(Simd::mul(g, g), vj), one_minus_beta2, vj);
    Simd::store(m + j, mj);
    Simd::store(v + j, vj);
    const V change = Simd::div(Simd::mul(mj, alpha), Simd::add(Simd::sqrt(vj), epsilon));
    Simd::store(w + j, Simd::sub(Simd::load(w + j), change));
  }
}

// kRows rows times kPanels panels of outputs, all sums in registers.
template <std::size_t kRows, std::size_t kPanels>
inline void dense_tile(const float* x, std::size_t x_stride, const float* panels, const float* bias,
                       std::size_t inputs, float* y, std::size_t y_stride, bool relu) {
  constexpr std::size_t kColumns = kPanels * kVectors;
  V sums[kRows][kColumns];
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t column = 0; column < kColumns; ++column) sums[row][column] = Simd::set(0.0F);
  }
  const std::size_t panel_size = inputs * kPanel;
  for (std::size_t k = 0; k < inputs; ++k) {
    V w[kColumns];
    for (std::size_t column = 0; column < kColumns; ++column) {
      const std::size_t panel = column / kVectors;
      const std::size_t part = column % kVectors;
      w[column] = Simd::load(panels + panel * panel_size + k * kPanel + part * Simd::kLanes);
    }
    for (std::size_t row = 0; row < kRows; ++row) {
      const V xk = Simd::set(x[row * x_stride + k]);
      for (std::size_t column = 0; column < kColumns; ++column) {
        sums[row][column] = Simd::fma(xk, w[column], sums[row][column]);
      }
    }
  }
  const V floor = Simd::set(relu ? 0.0F : -__builtin_inff());
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t column = 0; column < kColumns; ++column) {
      const std::size_t at = column * Simd::kLanes;
      Simd::store(y + row * y_stride + at,
                  Simd::max(floor, Simd::add(sums[row][column], Simd::load(bias + at))));
    }
  }
}

template <std::size_t kRows, std::size_t kPanels>
inline void dense_columns(const float* x, std::size_t x_stride, const float*& panels,
                          const float*& bias, std::size_t inputs, float*& y, std::size_t y_stride,
                          bool relu, std::size_t& left) {
  while (left >= kPanels) {
    dense_tile<kRows, kPanels>(x, x_stride, panels, bias, inputs, y, y_stride, relu);
    panels += kPanels * inputs * kPanel;
    bias += kPanels * kPanel;
    y += kPanels * kPanel;
    left -= kPanels;
  }
}

// All outputs of kRows rows, in tiles of at most kPanels panels.
template <std::size_t kRows, std::size_t kPanels>
void dense_rows(const float* x, std::size_t x_stride, const float* panels, const float* bias,
                std::size_t inputs, std::size_t outputs, float* y, std::size_t y_stride,
                bool relu) {
  std::size_t left = round_up(outputs) / kPanel;
  dense_columns<kRows, kPanels>(x, x_stride, panels, bias, inputs, y, y_stride, relu, left);
  if constexpr (kPanels > 2)
    dense_columns<kRows, 2>(x, x_stride, panels, bias, inputs, y, y_stride, relu, left);
  if constexpr (kPanels > 1)
    dense_columns<kRows, 1>(x, x_stride, panels, bias, inputs, y, y_stride, relu, left);
}

void dense(const float* x, std::size_t x_stride, std::size_t rows, const float* panels,
           const float* bias, std::size_t inputs, std::size_t outputs, float* y,
           std::size_t y_stride, bool relu) {
  std::size_t row = 0;
  for (; row + Simd::kTileRows <= rows; row += Simd::kTileRows) {
    dense_rows<Simd::kTileRows, Simd::kTilePanels>(x + row * x_stride, x_stride, panels, bias,
                                                   inputs, outputs, y + row * y_stride, y_stride,
                                                   relu);
  }
  for (; row + 2 <= rows; row += 2) {
    dense_rows<2, Simd::kTilePanels>(x + row * x_stride, x_stride, panels, bias, inputs, outputs,
                                     y + row * y_stride, y_stride, relu);
  }
  if (row < rows) {
    dense_rows<1, Simd::kRowPanels>(x + row * x_stride, x_stride, panels, bias, inputs, outputs,
                                    y + row * y_stride, y_stride, relu);
  }
}

constexpr VectorKernels make_kernels(InstructionSet instruction_set) {
  return {instruction_set,       pixels,        add_bias,    bias_relu,
          bias_relu_dropout,     relu_backward, column_sums, accumulate,
          softmax_cross_entropy, softmax,       adam,        dense};
}

}  // namespace
