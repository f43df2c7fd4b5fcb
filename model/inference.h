#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/activation.h"
#include "model/aligned_buffer.h"
#include "model/features.h"
#include "model/matrix.h"
#include "model/weights.h"

namespace mlp {

// A trained network, laid out for prediction. Each output is summed over its inputs in one fixed
// order, whatever the number of rows, so that a row gets the same bits alone and among others.
//
// Threads: forward() may run on many at once, each with a workspace of its own, after
// kernels::prepare_thread(). It allocates nothing once its workspace has grown to the calls made.
class InferenceNetwork {
 public:
  // Copies the weights into its own layout. At least one layer; each takes what the one before
  // gives, the first one what the embeddings and the other inputs are together. `activation` stands
  // between them.
  InferenceNetwork(const Weights& weights, Activation activation);

  std::size_t inputs() const { return inputs_; }  // of a row, numbers of categories included
  std::size_t outputs() const { return layers_.back().outputs; }
  std::size_t multiplications() const;  // for one row

  // Memory for the outputs of one call, and for the layers of a block of its rows; it grows to what
  // was needed most.
  class Workspace {
    friend class InferenceNetwork;
    AlignedBuffer x_;
    AlignedBuffer even_;
    AlignedBuffer odd_;
    AlignedBuffer outputs_;
  };

  // x: rows of inputs() values, the last of which are numbers of categories where there are
  // embeddings. Gives logits or values [x.rows, outputs], in the workspace until its next use: a
  // padded matrix (kernels/vector.h), so that softmax can go over it in place. Throws
  // std::logic_error at a number of a category that its embedding does not have.
  Matrix forward(ConstMatrix x, Workspace& workspace) const;

  // The same for rows of `features`, by index; pixels as value / 255.
  Matrix forward(const FeatureView& features, std::span<const std::uint32_t> rows,
                 Workspace& workspace) const;

 private:
  // From the first layer's input on; `y` has a row for each of x.
  void run_layers(ConstMatrix x, Matrix y, Workspace& workspace) const;
  // Calls run(first, rows, outputs) block by block, for the outputs of rows from `first` on; gives
  // those of all rows.
  template <typename Run>
  Matrix in_blocks(std::size_t rows, Workspace& workspace, Run&& run) const;

  struct Layer {
    std::size_t inputs;
    std::size_t outputs;
    AlignedBuffer panels;
    AlignedBuffer bias;  // padded
  };
  std::size_t inputs_;
  std::vector<EmbeddingWeights> embeddings_;
  std::vector<ConstMatrix> tables_;  // views of embeddings_
  std::vector<Layer> layers_;
  Activation activation_;
};

}  // namespace mlp
