#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "model/random.h"

namespace mlp {

// What weights start from, by the names and formulas of Keras. With fan_in inputs and fan_out
// outputs of a layer:
//
// glorot_uniform     uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010, eq. 16)
// glorot_normal      variance 2 / (fan_in + fan_out)
// he_uniform         uniform in +-sqrt(6 / fan_in) (He et al. 2015)
// he_normal          variance 2 / fan_in
// lecun_uniform      uniform in +-sqrt(3 / fan_in)
// lecun_normal       variance 1 / fan_in (LeCun et al. 1998; what selu asks for)
// random_uniform     uniform in +-0.05
// random_normal      deviation 0.05
// truncated_normal   deviation 0.05, drawn again beyond two deviations
//
// glorot_normal, he_normal and lecun_normal draw again beyond two deviations as well, and are
// widened so that the variance after that is as above.
enum class Initializer {
  kGlorotUniform,
  kGlorotNormal,
  kHeUniform,
  kHeNormal,
  kLecunUniform,
  kLecunNormal,
  kRandomUniform,
  kRandomNormal,
  kTruncatedNormal,
};

// Throws std::logic_error where no initializer has that name.
Initializer initializer_named(std::string_view name);

// W [fan_in, fan_out] of one layer.
std::vector<float> initial_kernel(Initializer initializer, std::size_t fan_in, std::size_t fan_out,
                                  Rng& rng);

}  // namespace mlp
