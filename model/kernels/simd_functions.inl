// Functions of vectors, over a type Simd that the including source defines: a vector of
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

// tanh(x): a polynomial below 0.625, (1 - e) / (1 + e) with e = exp(-2 |x|) above; within 3 ulp.
inline V tanh_of(V x) {
  const V zero = Simd::set(0.0F);
  const V one = Simd::set(1.0F);
  const V size = Simd::max(Simd::sub(zero, x), x);
  const V e = exp_nonpositive(Simd::mul(size, Simd::set(-2.0F)));
  const V tail = Simd::div(Simd::sub(one, e), Simd::add(one, e));
  const V s = Simd::mul(x, x);
  V p = Simd::set(-5.7170179665E-3F);
  p = Simd::fma(p, s, Simd::set(2.0650560793E-2F));
  p = Simd::fma(p, s, Simd::set(-5.3743489043E-2F));
  p = Simd::fma(p, s, Simd::set(1.3331491163E-1F));
  p = Simd::fma(p, s, Simd::set(-3.3333283920E-1F));
  const V centre = Simd::fma(Simd::mul(p, s), x, x);
  const V signed_tail = Simd::select(Simd::less(x, zero), Simd::sub(zero, tail), tail);
  return Simd::select(Simd::less(size, Simd::set(0.625F)), centre, signed_tail);
}

// erf(x): a polynomial below 0.93, 1 - exp(polynomial) above; within 1e-7.
inline V erf_of(V x) {
  const V zero = Simd::set(0.0F);
  const V size = Simd::max(Simd::sub(zero, x), x);
  const V t = Simd::sub(zero, Simd::max(Simd::set(-4.0F), Simd::sub(zero, size)));
  V q = Simd::set(1.9381287453E-4F);
  q = Simd::fma(q, t, Simd::set(-3.0224949899E-3F));
  q = Simd::fma(q, t, Simd::set(2.2144824849E-2F));
  q = Simd::fma(q, t, Simd::set(-1.0376242967E-1F));
  q = Simd::fma(q, t, Simd::set(-6.3737361728E-1F));
  q = Simd::fma(q, t, Simd::set(-1.1275628392F));
  q = Simd::fma(q, t, Simd::set(-2.2275978332E-4F));
  const V tail = Simd::sub(Simd::set(1.0F), exp_nonpositive(q));
  const V s = Simd::mul(x, x);
  V p = Simd::set(-5.9768885698E-4F);
  p = Simd::fma(p, s, Simd::set(4.9909791265E-3F));
  p = Simd::fma(p, s, Simd::set(-2.6765566151E-2F));
  p = Simd::fma(p, s, Simd::set(1.1281802746E-1F));
  p = Simd::fma(p, s, Simd::set(-3.7612494314E-1F));
  p = Simd::fma(p, s, Simd::set(1.2837915004E-1F));
  const V centre = Simd::fma(p, x, x);
  const V signed_tail = Simd::select(Simd::less(x, zero), Simd::sub(zero, tail), tail);
  return Simd::select(Simd::less(size, Simd::set(0.93F)), centre, signed_tail);
}

// sigmoid(x) and 1 - sigmoid(x), both without cancellation.
struct Sigmoids {
  V yes;
  V no;
};
inline Sigmoids sigmoids_of(V x) {
  const V zero = Simd::set(0.0F);
  const V one = Simd::set(1.0F);
  const V e = exp_nonpositive(Simd::sub(zero, Simd::max(Simd::sub(zero, x), x)));
  const V likely = Simd::div(one, Simd::add(one, e));
  const V unlikely = Simd::mul(e, likely);
  const M negative = Simd::less(x, zero);
  return {Simd::select(negative, unlikely, likely), Simd::select(negative, likely, unlikely)};
}

// Each function of kernels::Activation: its value and its slope at z.

struct Point {
  V value;
  V slope;
};

struct Relu {
  static Point at(V z) {
    const V zero = Simd::set(0.0F);
    return {Simd::max(zero, z), Simd::select(Simd::less(zero, z), Simd::set(1.0F), zero)};
  }
};

struct Tanh {
  static Point at(V z) {
    const V y = tanh_of(z);
    const V one = Simd::set(1.0F);
    return {y, Simd::mul(Simd::sub(one, y), Simd::add(one, y))};
  }
};

struct Sigmoid {
  static Point at(V z) {
    const Sigmoids s = sigmoids_of(z);
    return {s.yes, Simd::mul(s.yes, s.no)};
  }
};

struct Gelu {
  static Point at(V z) {
    const V half = Simd::set(0.5F);
    const V cdf = Simd::fma(half, erf_of(Simd::mul(z, Simd::set(0.70710678118654752F))), half);
    const V density = Simd::mul(exp_nonpositive(Simd::mul(Simd::mul(z, z), Simd::set(-0.5F))),
                                Simd::set(0.39894228040143268F));
    return {Simd::mul(z, cdf), Simd::fma(z, density, cdf)};
  }
};

// scale * z above 0, bend * (exp(z) - 1) below.
inline Point bent_exponential(V z, float scale, float bend) {
  const V zero = Simd::set(0.0F);
  const V below = Simd::sub(zero, Simd::max(zero, Simd::sub(zero, z)));
  const V e = exp_nonpositive(below);
  // exp(z) - 1 = tanh(z / 2) * (exp(z) + 1), which loses no digits near 0.
  const V less_one =
      Simd::mul(tanh_of(Simd::mul(below, Simd::set(0.5F))), Simd::add(e, Simd::set(1.0F)));
  const M positive = Simd::less(zero, z);
  return {
      Simd::select(positive, Simd::mul(z, Simd::set(scale)), Simd::mul(less_one, Simd::set(bend))),
      Simd::select(positive, Simd::set(scale), Simd::mul(e, Simd::set(bend)))};
}

struct Selu {
  static Point at(V z) {
    constexpr float kScale = 1.05070098735548049F;
    constexpr float kAlpha = 1.67326324235437728F;
    return bent_exponential(z, kScale, kScale * kAlpha);
  }
};

struct Elu {
  static Point at(V z) { return bent_exponential(z, 1.0F, 1.0F); }
};

struct LeakyRelu {
  static Point at(V z) {
    const V below = Simd::set(0.2F);
    const M positive = Simd::less(Simd::set(0.0F), z);
    return {Simd::select(positive, z, Simd::mul(z, below)),
            Simd::select(positive, Simd::set(1.0F), below)};
  }
};

struct Silu {
  static Point at(V z) {
    const Sigmoids s = sigmoids_of(z);
    const V y = Simd::mul(z, s.yes);
    return {y, Simd::fma(y, s.no, s.yes)};
  }
};

// Calls visit(function) with the type of the activation.
template <typename Visit>
inline void with_activation(Activation f, Visit visit) {
  switch (f) {
    case Activation::kRelu:
      return visit(Relu());
    case Activation::kTanh:
      return visit(Tanh());
    case Activation::kSigmoid:
      return visit(Sigmoid());
    case Activation::kGelu:
      return visit(Gelu());
    case Activation::kSelu:
      return visit(Selu());
    case Activation::kElu:
      return visit(Elu());
    case Activation::kLeakyRelu:
      return visit(LeakyRelu());
    case Activation::kSilu:
      return visit(Silu());
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

// The words of dropout's stream for four rows from first_row on, and kLanes units from first_unit
// on: words[i] belongs to row first_row + i.
inline void dropout_words(I (&words)[4], const DropoutStream& stream, std::size_t first_row,
                          std::size_t first_unit) {
  words[0] = Simd::add(Simd::iota(), Simd::set_int(static_cast<int>(first_unit)));
  words[1] = Simd::set_int(static_cast<int>(first_row / 4));
  words[2] = Simd::set_int(static_cast<int>(stream.layer));
  words[3] = Simd::set_int(static_cast<int>(stream.step));
  philox_lanes(words, stream.seed[0], stream.seed[1]);
}

template <typename F>
inline Point activation_at(F, V z, std::size_t columns, std::size_t j) {
  const Point point = F::at(z);
  // The padding stays zero, though f(0) need not be.
  const std::size_t left = columns > j ? columns - j : 0;
  return {keep_first(point.value, left, 0.0F), keep_first(point.slope, left, 0.0F)};
}

}  // namespace
