#include "model/predictor.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "model/artifact.h"
#include "model/gather.h"
#include "model/predictions.h"

namespace mlp {
namespace {

constexpr std::size_t kBlockRows = 192;

}  // namespace

Predictor::Predictor(const Artifact& artifact)
    : schema_(artifact.schema),
      preprocessor_(artifact.preprocessor.empty()
                        ? Preprocessor::plain(schema_.feature_names, schema_.width())
                        : artifact.preprocessor),
      standardizer_(artifact.mean, artifact.variance),
      network_(artifact.weights, artifact.activation) {}

Features Predictor::encode(Table table, std::size_t first_row) const {
  if (table.columns.empty()) return std::move(table.features);
  return preprocessor_.encode(table.columns, {table.source, first_row});
}

std::vector<float> Predictor::predict(const FeatureView& features, Workspace& workspace) const {
  std::vector<float> predictions(features.rows * network_.outputs());
  const Job job = {features, predictions.data()};
  predict(std::span(&job, 1), workspace);
  return predictions;
}

void Predictor::predict(std::span<const Job> jobs, Workspace& workspace) const {
  const std::size_t width = network_.inputs();
  std::size_t rows = 0;
  for (const Job& job : jobs) {
    if (job.features.width != width) throw std::logic_error("Predictor: width");
    rows += job.features.rows;
  }
  workspace.rows.resize(std::min(rows, kBlockRows) * width);
  workspace.indices.resize(std::min(rows, kBlockRows));

  std::size_t next = 0;        // of jobs
  std::size_t next_first = 0;  // of its rows
  for (std::size_t done = 0; done < rows; done += kBlockRows) {
    const std::size_t block = std::min(kBlockRows, rows - done);
    std::size_t job = next;
    std::size_t first = next_first;
    for (std::size_t filled = 0; filled < block;) {
      const std::size_t taken = std::min(block - filled, jobs[next].features.rows - next_first);
      const std::span indices = std::span(workspace.indices).first(taken);
      std::iota(indices.begin(), indices.end(), static_cast<std::uint32_t>(next_first));
      gather(jobs[next].features, indices,
             {workspace.rows.data() + filled * width, taken, width, width});
      filled += taken;
      next_first += taken;
      if (next_first == jobs[next].features.rows) {
        ++next;
        next_first = 0;
      }
    }
    if (!standardizer_.empty()) standardizer_.apply(workspace.rows.data(), block);
    const Matrix y =
        network_.forward({workspace.rows.data(), block, width, width}, workspace.network);

    // Logits and predictions go to the jobs that their rows came from.
    const auto give = [&](float* Job::*place) {
      std::size_t to = job;
      std::size_t to_first = first;
      for (std::size_t row = 0; row < block; ++row, ++to_first) {
        for (; to_first == jobs[to].features.rows; ++to) to_first = 0;
        float* const values = jobs[to].*place;
        if (values != nullptr) std::copy_n(y.row(row), y.columns, values + to_first * y.columns);
      }
    };
    give(&Job::logits);
    outputs_to_predictions(schema_.task, y);
    give(&Job::predictions);
  }
}

}  // namespace mlp
