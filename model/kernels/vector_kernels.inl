// The loops behind VectorKernels, over a type Simd that the including source defines. Everything
// here is internal to that source; see vector.h for why.

#include "model/kernels/simd_functions.inl"

namespace {

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
      I words[4];
      dropout_words(words, *stream, first_row + row, first_unit + j);
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

void activate(Activation f, float* y, float* slope, std::size_t rows, std::size_t columns,
              std::size_t stride, const float* bias, const DropoutStream* stream,
              std::size_t first_row, std::size_t first_unit) {
  const std::size_t width = round_up(columns);
  const V zero = Simd::set(0.0F);
  with_activation(f, [&](auto function) {
    for (std::size_t row = 0; row < rows; row += 4) {
      const std::size_t group = rows - row < 4 ? rows - row : 4;
      for (std::size_t j = 0; j < width; j += Simd::kLanes) {
        I words[4];
        if (stream != nullptr) dropout_words(words, *stream, first_row + row, first_unit + j);
        const V b = Simd::load(bias + j);
        for (std::size_t i = 0; i < group; ++i) {
          const std::size_t place = (row + i) * stride + j;
          Point point = activation_at(function, Simd::add(Simd::load(y + place), b), columns, j);
          if (stream != nullptr) {
            const V scale = Simd::set(stream->scale);
            const M kept = Simd::less(Simd::set_int(static_cast<int>(stream->threshold) - 1),
                                      Simd::shift_right(words[i], 8));
            point = {Simd::select(kept, Simd::mul(point.value, scale), zero),
                     Simd::select(kept, Simd::mul(point.slope, scale), zero)};
          }
          Simd::store(y + place, point.value);
          Simd::store(slope + place, point.slope);
        }
      }
    }
  });
}

void activate_in_place(Activation f, float* y, std::size_t rows, std::size_t columns,
                       std::size_t stride) {
  const std::size_t width = round_up(columns);
  with_activation(f, [&](auto function) {
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t j = 0; j < width; j += Simd::kLanes) {
        float* const place = y + row * stride + j;
        Simd::store(place, activation_at(function, Simd::load(place), columns, j).value);
      }
    }
  });
}

void slope_backward(const float* slope, float* dy, std::size_t rows, std::size_t columns,
                    std::size_t stride, float* db) {
  const std::size_t width = round_up(columns);
  for (std::size_t j = 0; j < width; j += Simd::kLanes) Simd::store(db + j, Simd::set(0.0F));
  for (std::size_t row = 0; row < rows; ++row, slope += stride, dy += stride) {
    for (std::size_t j = 0; j < width; j += Simd::kLanes) {
      const V d = Simd::mul(Simd::load(dy + j), Simd::load(slope + j));
      Simd::store(dy + j, d);
      Simd::store(db + j, Simd::add(Simd::load(db + j), d));
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

std::size_t softmax_cross_entropy(float* logits, std::size_t rows, std::size_t columns,
                                  std::size_t stride, const std::int32_t* classes, float smoothing,
                                  float scale, float* losses) {
  const std::size_t width = round_up(columns);
  const float share = smoothing / static_cast<float>(columns);  // of every class in the target
  std::size_t correct = 0;
  for (std::size_t row = 0; row < rows; ++row, logits += stride) {
    const float largest = row_max(logits, columns);
    const std::size_t truth = static_cast<std::size_t>(classes[row]);
    const float true_logit = logits[truth];
    std::size_t first = 0;
    while (first + 1 < columns && logits[first] != largest) ++first;
    correct += first == truth ? 1 : 0;
    float distance = largest - true_logit;  // of the target's mean logit from the largest
    if (smoothing > 0.0F) {
      distance *= 1.0F - smoothing;
      for (std::size_t j = 0; j < columns; ++j) distance += share * (largest - logits[j]);
    }
    const float sum = exponentials(logits, columns, largest);
    // One logit that is no number makes the sum none, which log_scalar() would not pass on.
    losses[row] = sum > 0.0F ? distance + log_scalar(sum) : sum;
    const V factor = Simd::set(scale / sum);
    for (std::size_t j = 0; j < width; j += Simd::kLanes) {
      Simd::store(logits + j, Simd::mul(Simd::load(logits + j), factor));
    }
    if (smoothing > 0.0F) {
      for (std::size_t j = 0; j < columns; ++j) logits[j] -= share * scale;
    }
    logits[truth] -= (1.0F - smoothing) * scale;
  }
  return correct;
}

// log(x) for x in [1/2, 1], as log_scalar() computes it.
inline V log_of_half_to_one(V x) {
  const V one = Simd::set(1.0F);
  const M is_low = Simd::less(x, Simd::set(0.707106781186547524F));
  const V e = Simd::select(is_low, Simd::set(-1.0F), Simd::set(0.0F));
  const V m = Simd::sub(Simd::select(is_low, Simd::add(x, x), x), one);
  const V z = Simd::mul(m, m);
  V p = Simd::set(7.0376836292E-2F);
  p = Simd::fma(p, m, Simd::set(-1.1514610310E-1F));
  p = Simd::fma(p, m, Simd::set(1.1676998740E-1F));
  p = Simd::fma(p, m, Simd::set(-1.2420140846E-1F));
  p = Simd::fma(p, m, Simd::set(1.4249322787E-1F));
  p = Simd::fma(p, m, Simd::set(-1.6668057665E-1F));
  p = Simd::fma(p, m, Simd::set(2.0000714765E-1F));
  p = Simd::fma(p, m, Simd::set(-2.4999993993E-1F));
  p = Simd::fma(p, m, Simd::set(3.3333331174E-1F));
  V y = Simd::mul(Simd::mul(m, z), p);
  y = Simd::fma(e, Simd::set(-2.12194440e-4F), y);
  y = Simd::fma(z, Simd::set(-0.5F), y);
  return Simd::fma(e, Simd::set(0.693359375F), Simd::add(m, y));
}

// Outputs z by their targets.
struct SigmoidLoss {
  V gradient;
  V loss;
  V correct;  // 1 where z is on the target's side, else 0
};
inline SigmoidLoss sigmoid_loss(V z, V target, float smoothing, float scale) {
  const V zero = Simd::set(0.0F);
  const V one = Simd::set(1.0F);
  const V q = Simd::fma(target, Simd::set(1.0F - smoothing), Simd::set(smoothing * 0.5F));
  const Sigmoids s = sigmoids_of(z);
  const M is_negative = Simd::less(z, zero);
  // -q log(p) - (1 - q) log(1 - p), of which the likelier side p' >= 1/2 has log(1 + e) with
  // e <= 1, and the other |z| more.
  const V likelier = Simd::select(is_negative, s.no, s.yes);
  const V gap = Simd::mul(z, Simd::select(is_negative, Simd::sub(zero, q), Simd::sub(one, q)));
  const V is_yes = Simd::select(Simd::less(Simd::set(0.5F), target), one, zero);
  return {Simd::mul(Simd::sub(s.yes, q), Simd::set(scale)),
          Simd::sub(gap, log_of_half_to_one(likelier)),
          Simd::select(Simd::less(zero, z), is_yes, Simd::sub(one, is_yes))};
}

std::size_t sigmoid_cross_entropy(float* logits, std::size_t rows, std::size_t columns,
                                  std::size_t stride, const float* targets, float smoothing,
                                  float scale, float* losses) {
  // Of one output a row, the next kLanes rows are taken at once, else outputs of one row.
  const bool across_rows = columns == 1;
  const std::size_t step = across_rows ? stride : 1;
  const std::size_t lines = across_rows ? 1 : rows;
  const std::size_t length = across_rows ? rows : columns;
  V correct = Simd::set(0.0F);
  for (std::size_t line = 0; line < lines; ++line, logits += stride, targets += columns) {
    float sum = 0.0F;
    for (std::size_t j = 0; j < length; j += Simd::kLanes) {
      const std::size_t count =
          left_in(length, j) < Simd::kLanes ? left_in(length, j) : Simd::kLanes;
      float outputs[kPanel] = {};
      float wanted[kPanel] = {};
      float found[kPanel];
      for (std::size_t i = 0; i < count; ++i) {
        outputs[i] = logits[(j + i) * step];
        wanted[i] = targets[j + i];
      }
      const SigmoidLoss loss =
          sigmoid_loss(Simd::load(outputs), Simd::load(wanted), smoothing, scale);
      Simd::store(outputs, loss.gradient);
      Simd::store(found, loss.loss);
      correct = Simd::add(correct, keep_first(loss.correct, count, 0.0F));
      for (std::size_t i = 0; i < count; ++i) {
        logits[(j + i) * step] = outputs[i];
        if (across_rows) {
          losses[j + i] = found[i];
        } else {
          sum += found[i];
        }
      }
    }
    if (!across_rows) losses[line] = sum / static_cast<float>(columns);
  }
  float counts[Simd::kLanes];
  Simd::store(counts, correct);
  std::size_t total = 0;
  for (const float lane : counts) total += static_cast<std::size_t>(lane);
  return total;
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

void random_words(const std::uint32_t* counter, const std::uint32_t* key, std::uint32_t* words) {
  for (std::size_t first = 0; first < kPanel; first += Simd::kLanes) {
    I x[4];
    for (std::size_t word = 0; word < 4; ++word)
      x[word] = Simd::set_int(static_cast<int>(counter[word]));
    x[0] = Simd::add(x[0], Simd::add(Simd::iota(), Simd::set_int(static_cast<int>(first))));
    philox_lanes(x, key[0], key[1]);
    for (std::size_t word = 0; word < 4; ++word)
      __builtin_memcpy(words + word * kPanel + first, &x[word], sizeof x[word]);
  }
}

double sum_of_squares(const float* const* gradients, std::size_t count, std::size_t size) {
  constexpr std::size_t kBlock = 1024;  // so short that float lanes lose nothing
  double total = 0.0;
  for (std::size_t begin = 0; begin < size; begin += kBlock) {
    const std::size_t end = size - begin < kBlock ? size : begin + kBlock;
    float lanes[kPanel] = {};
    for (std::size_t j = begin; j < end; j += kPanel) {
      for (std::size_t part = 0; part < kPanel; part += Simd::kLanes) {
        V g = Simd::load(gradients[0] + j + part);
        for (std::size_t i = 1; i < count; ++i) {
          g = Simd::add(g, Simd::load(gradients[i] + j + part));
        }
        Simd::store(lanes + part, Simd::fma(g, g, Simd::load(lanes + part)));
      }
    }
    for (const float lane : lanes) total += static_cast<double>(lane);
  }
  return total;
}

void adam(float* w, float* m, float* v, const float* const* gradients, std::size_t count,
          std::size_t size, const AdamStep* step) {
  const V alpha = Simd::set(step->alpha);
  const V one_minus_beta1 = Simd::set(step->one_minus_beta1);
  const V one_minus_beta2 = Simd::set(step->one_minus_beta2);
  const V epsilon = Simd::set(step->epsilon);
  const V gradient_scale = Simd::set(step->gradient_scale);
  const V decay = Simd::set(step->decay);
  for (std::size_t j = 0; j < size; j += Simd::kLanes) {
    V g = Simd::load(gradients[0] + j);
    for (std::size_t i = 1; i < count; ++i) g = Simd::add(g, Simd::load(gradients[i] + j));
    g = Simd::mul(g, gradient_scale);
    V mj = Simd::load(m + j);
    V vj = Simd::load(v + j);
    mj = Simd::fma(Simd::sub(g, mj), one_minus_beta1, mj);
    vj = Simd::fma(Simd::sub(Simd::mul(g, g), vj), one_minus_beta2, vj);
    Simd::store(m + j, mj);
    Simd::store(v + j, vj);
    const V change = Simd::div(Simd::mul(mj, alpha), Simd::add(Simd::sqrt(vj), epsilon));
    const V wj = Simd::load(w + j);
    Simd::store(w + j, Simd::sub(Simd::sub(wj, Simd::mul(wj, decay)), change));
  }
}

void sgd(float* w, float* m, const float* const* gradients, std::size_t count, std::size_t size,
         const SgdStep* step) {
  const V learning_rate = Simd::set(step->learning_rate);
  const V momentum = Simd::set(step->momentum);
  const V gradient_scale = Simd::set(step->gradient_scale);
  const V decay = Simd::set(step->decay);
  for (std::size_t j = 0; j < size; j += Simd::kLanes) {
    V g = Simd::load(gradients[0] + j);
    for (std::size_t i = 1; i < count; ++i) g = Simd::add(g, Simd::load(gradients[i] + j));
    const V down = Simd::mul(Simd::mul(g, gradient_scale), learning_rate);
    V change = Simd::sub(Simd::set(0.0F), down);
    if (m != nullptr) {
      const V mj = Simd::sub(Simd::mul(Simd::load(m + j), momentum), down);
      Simd::store(m + j, mj);
      change = step->nesterov ? Simd::sub(Simd::mul(mj, momentum), down) : mj;
    }
    const V wj = Simd::load(w + j);
    Simd::store(w + j, Simd::add(Simd::sub(wj, Simd::mul(wj, decay)), change));
  }
}

// dense() of some rows, panels and inputs.
struct DensePart {
  const float* x;
  std::size_t x_stride;
  const float* panels;
  std::size_t panel_size;
  const float* bias;
  std::size_t begin;  // of the inputs; unless it is 0, y holds the sums of those before it
  std::size_t end;
  bool is_last;  // bias and floor follow
  float floor;
  float* y;
  std::size_t y_stride;
};

// kRows rows times kPanels panels of outputs, all sums in registers.
template <std::size_t kRows, std::size_t kPanels>
void dense_tile(const DensePart& part) {
  constexpr std::size_t kColumns = kPanels * kVectors;
  // Local, since a store of a vector may alias anything.
  const float* const x = part.x;
  const float* const panels = part.panels;
  const float* const bias = part.bias;
  float* const y = part.y;
  const std::size_t x_stride = part.x_stride;
  const std::size_t panel_size = part.panel_size;
  const std::size_t y_stride = part.y_stride;
  const std::size_t end = part.end;
  std::size_t k = part.begin;

  V sums[kRows][kColumns];
  if (k == 0) {
    for (std::size_t row = 0; row < kRows; ++row) {
      for (std::size_t column = 0; column < kColumns; ++column) sums[row][column] = Simd::set(0.0F);
    }
  } else {
    for (std::size_t row = 0; row < kRows; ++row) {
      for (std::size_t column = 0; column < kColumns; ++column) {
        sums[row][column] = Simd::load(y + row * y_stride + column * Simd::kLanes);
      }
    }
  }

  const auto add_input = [&](std::size_t input) __attribute__((always_inline)) {
    V w[kColumns];
    for (std::size_t column = 0; column < kColumns; ++column) {
      const std::size_t panel = column / kVectors;
      const std::size_t lanes = column % kVectors * Simd::kLanes;
      w[column] = Simd::load(panels + panel * panel_size + input * kPanel + lanes);
    }
    for (std::size_t row = 0; row < kRows; ++row) {
      const V xk = Simd::set(x[row * x_stride + input]);
      for (std::size_t column = 0; column < kColumns; ++column) {
        sums[row][column] = Simd::fma(xk, w[column], sums[row][column]);
      }
    }
  };
  for (; k + 4 <= end; k += 4) {
    add_input(k);
    add_input(k + 1);
    add_input(k + 2);
    add_input(k + 3);
  }
  for (; k < end; ++k) add_input(k);

  if (part.is_last) {
    const V floor = Simd::set(part.floor);
    for (std::size_t column = 0; column < kColumns; ++column) {
      const V b = Simd::load(bias + column * Simd::kLanes);
      for (std::size_t row = 0; row < kRows; ++row) {
        sums[row][column] = Simd::max(floor, Simd::add(sums[row][column], b));
      }
    }
  }
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t column = 0; column < kColumns; ++column) {
      Simd::store(y + row * y_stride + column * Simd::kLanes, sums[row][column]);
    }
  }
}

// Calls dense_tile<rows, kPanels>.
template <std::size_t kPanels, std::size_t kRows = 1>
inline void dense_rows(const DensePart& part, std::size_t rows) {
  if constexpr (kRows == Simd::tile_rows(kPanels)) {
    dense_tile<kRows, kPanels>(part);
  } else if (rows == kRows) {
    dense_tile<kRows, kPanels>(part);
  } else {
    dense_rows<kPanels, kRows + 1>(part, rows);
  }
}

// Whether tiles of kPanels panels are the ones for `rows` rows. Low tiles have too few sums at once
// to hide what each takes, hence wider tiles for the last few rows, and higher ones where two tiles
// would share too few.
template <std::size_t kPanels>
inline bool suits(std::size_t rows) {
  constexpr std::size_t kMost = Simd::tile_rows(kPanels);
  if constexpr (kPanels < Simd::kTilePanels) return true;
  return rows <= kMost || (kPanels == Simd::kTilePanels && rows >= 2 * kMost);
}

// All rows of the first panels, in tiles of nearly equal heights; gives how many panels.
template <std::size_t kPanels>
inline std::size_t dense_panels(DensePart& part, std::size_t rows, std::size_t panels) {
  if constexpr (kPanels > 1) {
    if (panels < kPanels || !suits<kPanels>(rows)) {
      return dense_panels<kPanels / 2>(part, rows, panels);
    }
  }
  constexpr std::size_t kMost = Simd::tile_rows(kPanels);
  if constexpr (kMost > 0) {
    const std::size_t tiles = (rows + kMost - 1) / kMost;
    std::size_t row = 0;
    for (std::size_t tile = 1; tile <= tiles; ++tile) {
      const std::size_t height = rows * tile / tiles - row;
      dense_rows<kPanels>(part, height);
      part.x += height * part.x_stride;
      part.y += height * part.y_stride;
      row += height;
    }
  }
  return kPanels;
}

void dense(const float* x, std::size_t x_stride, std::size_t rows, const float* panels,
           const float* bias, std::size_t inputs, std::size_t outputs, float* y,
           std::size_t y_stride, bool relu) {
  constexpr std::size_t kMostInputs = 2048;  // at once, so that a tile's weights stay in L2 cache
  const std::size_t panel_size = inputs * kPanel;
  const std::size_t count = round_up(outputs) / kPanel;
  const float floor = relu ? 0.0F : -__builtin_inff();
  std::size_t begin = 0;
  do {
    const std::size_t end = inputs - begin > kMostInputs ? begin + kMostInputs : inputs;
    for (std::size_t panel = 0; panel < count;) {
      DensePart part = {x,
                        x_stride,
                        panels + panel * panel_size,
                        panel_size,
                        bias + panel * kPanel,
                        begin,
                        end,
                        end == inputs,
                        floor,
                        y + panel * kPanel,
                        y_stride};
      panel += dense_panels<8>(part, rows, count - panel);
    }
    begin = end;
  } while (begin < inputs);
}

constexpr VectorKernels make_kernels(InstructionSet instruction_set) {
  return {
      .instruction_set = instruction_set,
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
}

}  // namespace
