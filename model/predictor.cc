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

Features Predictor::encode(Table table) const {
  if (table.columns.empty()) return std::move(table.features);
  return preprocessor_.encode(table.columns);
}

std::vector<float> Predictor::predict(const FeatureView& features, Workspace& workspace) const {
  if (features.width != network_.inputs()) throw std::logic_error("Predictor: width");
  const std::size_t outputs = network_.outputs();
  std::vector<float> predictions(features.rows * outputs);
  std::vector<std::uint32_t> indices(kBlockRows);
  for (std::size_t first = 0; first < features.rows; first += kBlockRows) {
    const std::size_t rows = std::min(kBlockRows, features.rows - first);
    std::iota(indices.begin(), indices.end(), static_cast<std::uint32_t>(first));
    workspace.rows.resize(rows * features.width);
    const Matrix x = {workspace.rows.data(), rows, features.width, features.width};
    gather(features, std::span(indices).first(rows), x);
    if (!standardizer_.empty()) standardizer_.apply(x.data, rows);
    const Matrix y = network_.forward(x, workspace.network);
    outputs_to_predictions(schema_.task, y);
    for (std::size_t row = 0; row < rows; ++row) {
      std::copy_n(y.row(row), outputs, predictions.data() + (first + row) * outputs);
    }
  }
  return predictions;
}

}  // namespace mlp
