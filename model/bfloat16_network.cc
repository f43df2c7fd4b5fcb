#include "model/bfloat16_network.h"

#include <algorithm>
#include <stdexcept>

namespace mlp {
namespace {

using kernels::Bfloat16;
using kernels::tiled;

AlignedBuffer values_buffer(std::size_t values) {
  return AlignedBuffer((values * sizeof(Bfloat16) + sizeof(float) - 1) / sizeof(float));
}

Bfloat16* values_of(AlignedBuffer& buffer) { return reinterpret_cast<Bfloat16*>(buffer.data()); }

const kernels::Bfloat16Kernels& required_kernels() {
  const kernels::Bfloat16Kernels* const found = kernels::bfloat16_kernels();
  if (found == nullptr) throw std::logic_error("Bfloat16Network: this CPU has no bfloat16");
  return *found;
}

}  // namespace

Bfloat16Network::Bfloat16Network(const MlpConfig& config, const ParameterLayout& layout)
    : kernels_(required_kernels()), activation_(config.activation), embedded_(config.embedded()) {
  for (const ParameterLayout::Layer& slots : layout.layers()) {
    // The first layer's inputs get no gradients but for what was looked up, which is last.
    const std::size_t first_transposed =
        layers_.empty() ? (slots.inputs - embedded_) / kernels::kTile * kernels::kTile : 0;
    const bool has_transposed = !layers_.empty() || embedded_ > 0;
    const std::size_t transposed_rows = has_transposed ? slots.inputs - first_transposed : 0;
    const std::size_t panels_size = tiled(slots.inputs) * tiled(slots.outputs);
    Layer layer = {slots.inputs, slots.outputs,
                   slots.weight, slots.bias,
                   {},           nullptr,
                   nullptr,      has_transposed ? first_transposed : slots.inputs};
    layer.memory = values_buffer(panels_size + tiled(transposed_rows) * tiled(slots.outputs));
    layer.panels = values_of(layer.memory);
    layer.transposed = layer.panels + panels_size;
    layers_.push_back(std::move(layer));
  }
}

void Bfloat16Network::pack(const float* parameters, const Block& block) {
  const Layer& to = layers_[block.layer];
  const auto at = [&](std::size_t row) {
    return parameters + to.weight + row * to.outputs + block.columns.begin;
  };
  kernels_.pack_weight(at(block.rows.begin), block.rows.begin, block.rows.size(),
                       block.columns.begin, block.columns.size(), to.inputs, to.outputs, to.panels);
  const std::size_t first = std::max(block.rows.begin, to.first_transposed);
  if (first >= block.rows.end) return;
  kernels_.pack_transposed_weight(at(first), first - to.first_transposed, block.rows.end - first,
                                  block.columns.begin, block.columns.size(), to.outputs,
                                  to.transposed);
}

Bfloat16Network::Workspace Bfloat16Network::make_workspace(std::size_t rows) const {
  Workspace workspace;
  const bool has_slopes = activation_ != Activation::kRelu;
  std::size_t size = 0;
  for (const Layer& layer : layers_) {
    size += tiled(rows) * (2 * tiled(layer.inputs) + (has_slopes ? 3 : 2) * tiled(layer.outputs));
  }
  workspace.memory_ = values_buffer(size);
  workspace.scratch_ = AlignedBuffer(kernels::product_scratch());
  Bfloat16* free = values_of(workspace.memory_);
  const auto take = [&](std::size_t width) {
    Bfloat16* const taken = free;
    free += tiled(rows) * tiled(width);
    return taken;
  };
  std::size_t biases = 0;
  for (const Layer& layer : layers_) {
    workspace.strips_.push_back(take(layer.inputs));
    workspace.transposed_.push_back(take(layer.inputs));
    workspace.gradients_.push_back(take(layer.outputs));
    workspace.gradient_panels_.push_back(take(layer.outputs));
    if (has_slopes) workspace.slopes_.push_back(take(layer.outputs));
    workspace.biases_.push_back(biases);
    biases += kernels::padded(layer.outputs);
  }
  workspace.bias_gradients_ = AlignedBuffer(biases);
  return workspace;
}

void Bfloat16Network::set_input(Workspace& workspace, ConstMatrix x, std::size_t first_row,
                                std::size_t all_rows) const {
  kernels_.pack_input(x.data, first_row, x.rows, x.columns, x.stride, workspace.strips_[0],
                      workspace.transposed_[0], all_rows);
}

kernels::Product Bfloat16Network::product(Workspace& workspace, const Bfloat16* left,
                                          std::size_t rows, const Bfloat16* panels,
                                          std::size_t inner, std::size_t columns) {
  return {left, tiled(rows), panels, tiled(inner), tiled(columns), workspace.scratch_.data()};
}

void Bfloat16Network::forward(Workspace& workspace, const float* parameters,
                              const std::vector<kernels::DropoutStream>& dropout,
                              std::size_t first_row, Matrix logits) const {
  const std::size_t last = layers_.size() - 1;
  for (std::size_t index = 0; index <= last; ++index) {
    const Layer& layer = layers_[index];
    const kernels::Product sums = product(workspace, workspace.strips_[index], logits.rows,
                                          layer.panels, layer.inputs, layer.outputs);
    if (index == last) {
      kernels_.values(&sums, parameters + layer.bias, logits.rows, logits.columns, logits.data,
                      logits.stride);
      return;
    }
    const kernels::HiddenOutput output = {
        .columns = layer.outputs,
        .bias = parameters + layer.bias,
        .activation = activation_,
        .dropout = dropout.empty() ? nullptr : &dropout[index],
        .first_row = first_row,
        .strips = workspace.strips_[index + 1],
        .transposed = workspace.transposed_[index + 1],
        .slopes = workspace.slopes_.empty() ? nullptr : workspace.slopes_[index]};
    kernels_.hidden(&sums, &output);
  }
}

void Bfloat16Network::backward(Workspace& workspace, ConstMatrix logits, float dropout_scale,
                               Matrix embedded) const {
  const std::size_t rows = logits.rows;
  const std::size_t last = layers_.size() - 1;
  float* const biases = workspace.bias_gradients_.data();
  workspace.rows_ = rows;
  kernels_.pack_gradient(logits.data, rows, logits.columns, logits.stride,
                         workspace.gradients_[last], workspace.gradient_panels_[last]);
  kernels::vector_kernels().column_sums(logits.data, rows, logits.columns, logits.stride,
                                        biases + workspace.biases_[last]);
  for (std::size_t index = last + 1; index-- > 0;) {
    const Layer& layer = layers_[index];
    const std::size_t wanted = layer.inputs - layer.first_transposed;
    if (wanted == 0) return;
    const kernels::Product below = product(workspace, workspace.gradients_[index], rows,
                                           layer.transposed, layer.outputs, wanted);
    if (index == 0) {
      kernels_.values(&below, nullptr, rows, wanted, embedded.data, embedded.stride);
      return;
    }
    const kernels::HiddenGradient gradient = {
        .columns = layers_[index - 1].outputs,
        .activation = activation_,
        .scale = dropout_scale,
        .outputs = workspace.strips_[index],
        .slopes = workspace.slopes_.empty() ? nullptr : workspace.slopes_[index - 1],
        .strips = index > 1 || embedded_ > 0 ? workspace.gradients_[index - 1] : nullptr,
        .panels = workspace.gradient_panels_[index - 1],
        .db = biases + workspace.biases_[index - 1]};
    kernels_.hidden_gradient(&below, &gradient);
  }
}

const float* Bfloat16Network::bias_gradient(const Workspace& workspace, std::size_t layer) const {
  return workspace.bias_gradients_.data() + workspace.biases_[layer];
}

void Bfloat16Network::weight_gradient(std::span<const Workspace* const> workspaces,
                                      const Block& block, float* to, std::size_t stride,
                                      Scratch& scratch) const {
  std::vector<kernels::Product>& products = scratch.products_;
  products.clear();
  for (const Workspace* const workspace : workspaces) {
    const std::size_t inner = tiled(workspace->rows_);
    products.push_back({workspace->transposed_[block.layer] + block.rows.begin * inner,
                        tiled(block.rows.size()),
                        workspace->gradient_panels_[block.layer] + block.columns.begin * inner,
                        inner, tiled(block.columns.size()), scratch.sums_.data()});
  }
  kernels_.weight_gradient(products.data(), products.size(), block.rows.size(),
                           block.columns.size(), to, stride);
}

}  // namespace mlp
