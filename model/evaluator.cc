#include "model/evaluator.h"

#include <algorithm>
#include <atomic>
#include <vector>

namespace mlp {
namespace {

constexpr std::size_t kBlockRows = 192;  // a multiple of the row tiles of all instruction sets

// What one worker works in.
struct Workspace {
  InferenceNetwork::Workspace network;
  AlignedBuffer copy;  // of outputs, since the loss overwrites them
  std::vector<std::int32_t> classes;
  std::vector<float> values;
  std::vector<float> weights;
  std::vector<float> losses;
};

// The targets of the rows in `part`, in its order.
Targets gather_targets(const LossConfig& loss, const Targets& targets, std::size_t outputs,
                       std::span<const std::uint32_t> part, Workspace& workspace) {
  workspace.classes.clear();
  workspace.values.clear();
  workspace.weights.clear();
  for (const std::size_t row : part) {
    if (takes_classes(loss.loss)) {
      workspace.classes.push_back(targets.classes[row]);
    } else {
      const float* const values = targets.values + row * outputs;
      workspace.values.insert(workspace.values.end(), values, values + outputs);
    }
    if (targets.weights != nullptr) workspace.weights.push_back(targets.weights[row]);
  }
  return {workspace.classes.data(), workspace.values.data(),
          targets.weights == nullptr ? nullptr : workspace.weights.data()};
}

}  // namespace

std::optional<Predictions> evaluate(const InferenceNetwork& network, Task task,
                                    const LossConfig& loss, const FeatureView& features,
                                    std::span<const std::uint32_t> rows, const Targets& targets,
                                    Team& team, const std::function<bool()>& give_up) {
  const bool has_targets =
      takes_classes(loss.loss) ? targets.classes != nullptr : targets.values != nullptr;
  Predictions predictions;
  predictions.outputs = network.outputs();
  predictions.values.resize(rows.size() * predictions.outputs);

  const std::size_t blocks = (rows.size() + kBlockRows - 1) / kBlockRows;
  std::vector<LossSums> sums(blocks);
  std::vector<Workspace> workspaces(team.workers());
  std::atomic<bool> given_up{false};
  team.for_each(blocks, [&](std::size_t worker, std::size_t block) {
    if (given_up || give_up()) {
      given_up = true;
      return;
    }
    Workspace& workspace = workspaces[worker];
    const std::size_t first = block * kBlockRows;
    const auto part = rows.subspan(first, std::min(kBlockRows, rows.size() - first));
    const Matrix outputs = network.forward(features, part, workspace.network);
    if (has_targets) {
      const std::size_t size = outputs.rows * outputs.stride;
      if (workspace.copy.size() < size) workspace.copy = AlignedBuffer(size);
      std::copy_n(outputs.data, size, workspace.copy.data());
      const Matrix copy = {workspace.copy.data(), outputs.rows, outputs.columns, outputs.stride};
      workspace.losses.resize(part.size());
      loss_and_gradient(loss, copy, gather_targets(loss, targets, outputs.columns, part, workspace),
                        part.size(), workspace.losses.data(), sums[block]);
    }
    outputs_to_predictions(task, outputs);
    for (std::size_t row = 0; row < part.size(); ++row) {
      std::copy_n(outputs.row(row), outputs.columns,
                  predictions.values.data() + (first + row) * outputs.columns);
    }
  });
  if (given_up) return std::nullopt;
  LossSums total;
  for (const LossSums& block : sums) total.add(block);
  if (total.rows > 0) predictions.loss = total.loss / static_cast<double>(total.rows);
  return predictions;
}

}  // namespace mlp
