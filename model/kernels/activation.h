#pragma once

namespace mlp::kernels {

// What a hidden layer makes of its sums z. Slopes and constants are those of Keras's functions of
// these names.
enum class Activation {
  kRelu,       // max(z, 0)
  kTanh,       // tanh(z)
  kSigmoid,    // 1 / (1 + exp(-z))
  kGelu,       // z * normal_cdf(z), by the error function (Hendrycks & Gimpel 2016, section 2)
  kSelu,       // scale * z above 0, scale * alpha * (exp(z) - 1) below (Klambauer et al. 2017)
  kElu,        // z above 0, exp(z) - 1 below (Clevert et al. 2015)
  kLeakyRelu,  // z above 0, 0.2 * z below
  kSilu,       // z * sigmoid(z), also called swish
};

}  // namespace mlp::kernels
