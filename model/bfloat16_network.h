#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/aligned_buffer.h"
#include "model/kernels/bfloat16.h"
#include "model/matrix.h"
#include "model/mlp.h"
#include "model/parameters.h"
#include "model/plan.h"

namespace mlp {

// The layers of a network as a training step in bfloat16 goes through them: forward, backward to
// the gradients of activations, then, for parts of each layer, to those of its weights. Holds
// copies of the weights in the forms that the products take (kernels/bfloat16.h); the weights
// themselves are the caller's, in float32.
//
// Threads: any number may go forward and backward, each with a workspace of its own; then any may
// ask for gradients of weights; then any may pack, each other blocks.
class Bfloat16Network {
 public:
  // Throws std::logic_error where the CPU has no such instructions.
  Bfloat16Network(const MlpConfig& config, const ParameterLayout& layout);

  // Part of a layer's W. Begins at multiples of kernels::kTile, and ends so or where W ends.
  struct Block {
    std::size_t layer = 0;
    Range rows;
    Range columns;
  };

  // Copies a block of W as it stands in `parameters`.
  void pack(const float* parameters, const Block& block);

  // Small products of the calling thread cost less while it lives.
  class Products {
   public:
    explicit Products(const Bfloat16Network& network) : kernels_(network.kernels_) {
      kernels_.begin_products();
    }
    ~Products() { kernels_.end_products(); }
    Products(const Products&) = delete;
    Products& operator=(const Products&) = delete;

   private:
    const kernels::Bfloat16Kernels& kernels_;
  };

  // What one shard works in.
  class Workspace {
    friend class Bfloat16Network;
    using Values = kernels::Bfloat16*;

    std::size_t rows_ = 0;
    AlignedBuffer memory_;
    AlignedBuffer scratch_;
    std::vector<Values> strips_;           // the input of each layer
    std::vector<Values> transposed_;       // likewise
    std::vector<Values> slopes_;           // of the hidden layers' activations, except relu
    std::vector<Values> gradients_;        // by each layer's sums, in strips
    std::vector<Values> gradient_panels_;  // likewise
    std::vector<std::size_t> biases_;      // offsets in bias_gradients_
    AlignedBuffer bias_gradients_;
  };
  // For at most so many rows.
  Workspace make_workspace(std::size_t rows) const;

  // Rows first_row.. of a shard of all_rows rows, as the first layer takes them; at most
  // kernels::kTile, and fewer at the end only.
  void set_input(Workspace& workspace, ConstMatrix x, std::size_t first_row,
                 std::size_t all_rows) const;

  // Gives logits or values [logits.rows, outputs]. `dropout` has the stream of each hidden layer,
  // or is empty; first_row is the shard's place in the batch.
  void forward(Workspace& workspace, const float* parameters,
               const std::vector<kernels::DropoutStream>& dropout, std::size_t first_row,
               Matrix logits) const;

  // From the gradients by the logits down. The last columns of embedded
  // [logits.rows, embedded_columns()] receive those by what was looked up; it is padded as in
  // kernels/vector.h.
  void backward(Workspace& workspace, ConstMatrix logits, float dropout_scale,
                Matrix embedded) const;

  // The gradient of a layer's bias, of the rows of the workspace: padded.
  const float* bias_gradient(const Workspace& workspace, std::size_t layer) const;

  // Memory for one call at a time.
  class Scratch {
    friend class Bfloat16Network;
    std::vector<kernels::Product> products_;
    AlignedBuffer sums_{kernels::product_scratch()};
  };

  // The gradient of a block of W: `to` is [block.rows, block.columns], in rows of `stride` floats.
  // Those of the workspaces, which all have rows, are added in their order.
  void weight_gradient(std::span<const Workspace* const> workspaces, const Block& block, float* to,
                       std::size_t stride, Scratch& scratch) const;

  // 0 without embeddings, else at least as many as they give a row.
  std::size_t embedded_columns() const { return layers_[0].inputs - layers_[0].first_transposed; }

 private:
  struct Layer {
    std::size_t inputs;
    std::size_t outputs;
    std::size_t weight;  // offsets in floats
    std::size_t bias;
    AlignedBuffer memory;
    kernels::Bfloat16* panels;      // of W
    kernels::Bfloat16* transposed;  // panels of transpose(W), from row first_transposed of W on
    std::size_t first_transposed;   // `inputs`: none
  };

  static kernels::Product product(Workspace& workspace, const kernels::Bfloat16* left,
                                  std::size_t rows, const kernels::Bfloat16* panels,
                                  std::size_t inner, std::size_t columns);

  const kernels::Bfloat16Kernels& kernels_;
  Activation activation_;
  std::size_t embedded_;
  std::vector<Layer> layers_;
};

}  // namespace mlp
