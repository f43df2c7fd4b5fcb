#pragma once

#include <optional>
#include <string_view>

#include "model/kernels/activation.h"

namespace mlp {

using kernels::Activation;

// "relu", "leaky_relu" and so on: what users and files call it.
std::string_view name(Activation activation);

// The function of that name, where there is one.
std::optional<Activation> find_activation(std::string_view name);

// Keras's name, as both Keras 3 and tf.keras 2 know it.
std::string_view keras_name(Activation activation);

}  // namespace mlp
