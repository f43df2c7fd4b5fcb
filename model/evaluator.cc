#include "model/evaluator.h"

#include <algorithm>
#include <atomic>

#include "model/kernels/vector.h"
#include "model/loss.h"

namespace mlp {
namespace {

constexpr std::size_t kBlockRows = 192;  // a multiple of the row tiles of all instruction sets

std::int32_t largest(const float* logits, std::size_t classes) {
  return static_cast<std::int32_t>(std::max_element(logits, logits + classes) - logits);
}

}  // namespace

std::optional<Predictions> evaluate(const InferenceNetwork& network, Task task,
                                    const FeatureView& features,
                                    std::span<const std::uint32_t> rows,
                                    const std::int32_t* classes, const float* values, Team& team,
                                    const std::function<bool()>& give_up) {
  const bool classification = task == Task::kClassification;
  const bool has_targets = classification ? classes != nullptr : values != nullptr;
  Predictions predictions;
  if (classification) predictions.classes.resize(rows.size());
  if (classification && network.outputs() == 2) predictions.scores.resize(rows.size());
  if (!classification) predictions.values.resize(rows.size());

  const std::size_t blocks = (rows.size() + kBlockRows - 1) / kBlockRows;
  std::vector<LossSums> sums(blocks);
  std::vector<InferenceNetwork::Workspace> workspaces(team.workers());
  std::atomic<bool> given_up{false};
  team.for_each(blocks, [&](std::size_t worker, std::size_t block) {
    if (given_up || give_up()) {
      given_up = true;
      return;
    }
    const std::size_t first = block * kBlockRows;
    const auto part = rows.subspan(first, std::min(kBlockRows, rows.size() - first));
    const Matrix outputs = network.forward(features, part, workspaces[worker]);
    std::vector<std::int32_t> true_classes;
    std::vector<float> true_values;
    for (std::size_t row = 0; row < part.size(); ++row) {
      if (classification) {
        predictions.classes[first + row] = largest(outputs.row(row), outputs.columns);
        if (has_targets) true_classes.push_back(classes[part[row]]);
      } else {
        predictions.values[first + row] = *outputs.row(row);
        if (has_targets) true_values.push_back(values[part[row]]);
      }
    }
    // The loss turns the logits into gradients, so the probability of two classes comes from a
    // second pass.
    if (!predictions.scores.empty()) {
      for (std::size_t row = 0; row < part.size(); ++row) {
        alignas(64) float probabilities[kernels::kPad] = {};
        std::copy_n(outputs.row(row), outputs.columns, probabilities);
        kernels::vector_kernels().softmax(probabilities, 1, outputs.columns, kernels::kPad);
        predictions.scores[first + row] = probabilities[1];
      }
    }
    if (has_targets) {
      const Loss loss = classification ? Loss::kSoftmaxCrossEntropy : Loss::kMeanSquaredError;
      sums[block] =
          loss_and_gradient(loss, outputs, true_classes.data(), true_values.data(), part.size());
    }
  });
  if (given_up) return std::nullopt;
  LossSums total;
  for (const LossSums& block : sums) total.add(block);
  if (total.rows > 0) predictions.loss = total.loss / static_cast<double>(total.rows);
  return predictions;
}

}  // namespace mlp
