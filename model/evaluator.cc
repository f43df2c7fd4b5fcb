#include "model/evaluator.h"

#include <algorithm>
#include <atomic>
#include <vector>

#include "model/kernels/vector.h"
#include "model/loss.h"

namespace mlp {
namespace {

constexpr std::size_t kBlockRows = 192;  // a multiple of the row tiles of all instruction sets

}  // namespace

std::optional<Predictions> evaluate(const InferenceNetwork& network, Task task,
                                    const FeatureView& features,
                                    std::span<const std::uint32_t> rows,
                                    const std::int32_t* classes, const float* values, Team& team,
                                    const std::function<bool()>& give_up) {
  const bool classification = task == Task::kClassification;
  const bool has_targets = classification ? classes != nullptr : values != nullptr;
  Predictions predictions;
  predictions.outputs = network.outputs();
  predictions.values.resize(rows.size() * predictions.outputs);

  const std::size_t blocks = (rows.size() + kBlockRows - 1) / kBlockRows;
  std::vector<LossSums> sums(blocks);
  std::vector<InferenceNetwork::Workspace> workspaces(team.workers());
  std::vector<AlignedBuffer> copies(team.workers());  // of logits, since the loss overwrites them
  std::atomic<bool> given_up{false};
  team.for_each(blocks, [&](std::size_t worker, std::size_t block) {
    if (given_up || give_up()) {
      given_up = true;
      return;
    }
    const std::size_t first = block * kBlockRows;
    const auto part = rows.subspan(first, std::min(kBlockRows, rows.size() - first));
    const Matrix outputs = network.forward(features, part, workspaces[worker]);
    const auto keep = [&](Matrix kept) {
      for (std::size_t row = 0; row < part.size(); ++row) {
        std::copy_n(kept.row(row), kept.columns,
                    predictions.values.data() + (first + row) * kept.columns);
      }
    };
    if (classification) {
      AlignedBuffer& copy = copies[worker];
      if (copy.size() < part.size() * outputs.stride)
        copy = AlignedBuffer(kBlockRows * outputs.stride);
      std::copy_n(outputs.data, part.size() * outputs.stride, copy.data());
      const Matrix probabilities = {copy.data(), part.size(), outputs.columns, outputs.stride};
      kernels::vector_kernels().softmax(probabilities.data, part.size(), outputs.columns,
                                        outputs.stride);
      keep(probabilities);
    } else {
      keep(outputs);
    }
    if (!has_targets) return;
    std::vector<std::int32_t> true_classes;
    std::vector<float> true_values;
    for (const std::uint32_t row : part) {
      if (classification) {
        true_classes.push_back(classes[row]);
      } else {
        true_values.push_back(values[row]);
      }
    }
    const Loss loss = classification ? Loss::kSoftmaxCrossEntropy : Loss::kMeanSquaredError;
    sums[block] =
        loss_and_gradient(loss, outputs, true_classes.data(), true_values.data(), part.size());
  });
  if (given_up) return std::nullopt;
  LossSums total;
  for (const LossSums& block : sums) total.add(block);
  if (total.rows > 0) predictions.loss = total.loss / static_cast<double>(total.rows);
  return predictions;
}

}  // namespace mlp
