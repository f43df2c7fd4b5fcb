#include "model/activation.h"

#include <stdexcept>

namespace mlp {
namespace {

struct Entry {
  Activation activation;
  std::string_view name;
  std::string_view keras_name;
};

constexpr Entry kActivations[] = {
    {Activation::kRelu, "relu", "relu"},
    {Activation::kTanh, "tanh", "tanh"},
    {Activation::kSigmoid, "sigmoid", "sigmoid"},
    {Activation::kGelu, "gelu", "gelu"},
    {Activation::kSelu, "selu", "selu"},
    {Activation::kElu, "elu", "elu"},
    {Activation::kLeakyRelu, "leaky_relu", "leaky_relu"},
    {Activation::kSilu, "silu", "swish"},
};

const Entry& entry(Activation activation) {
  for (const Entry& candidate : kActivations) {
    if (candidate.activation == activation) return candidate;
  }
  throw std::logic_error("activation without a name");
}

}  // namespace

std::string_view name(Activation activation) { return entry(activation).name; }

std::optional<Activation> find_activation(std::string_view name) {
  for (const Entry& candidate : kActivations) {
    if (candidate.name == name) return candidate.activation;
  }
  return std::nullopt;
}

std::string_view keras_name(Activation activation) { return entry(activation).keras_name; }

}  // namespace mlp
