#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "model/features.h"
#include "model/inference.h"
#include "model/preprocessor.h"
#include "model/schema.h"
#include "model/standardizer.h"
#include "model/table.h"

namespace mlp {

struct Artifact;

// An artifact, ready to answer for rows as they come from a file or a request. A row gets the same
// bits alone and among others. Threads: predict() may run on many at once, each with a workspace of
// its own, after kernels::prepare_thread().
class Predictor {
 public:
  explicit Predictor(const Artifact& artifact);

  const Schema& schema() const { return schema_; }
  // Of the rows of a table. Where the model was trained on arrays, or is older than preprocessing:
  // as many numbers as a row has values.
  const Preprocessor& preprocessor() const { return preprocessor_; }

  // What one row costs the network.
  std::size_t multiplications() const { return network_.multiplications(); }

  struct Workspace {
    InferenceNetwork::Workspace network;
    std::vector<float> rows;
    std::vector<std::uint32_t> indices;
  };

  // What the network sees of a table's rows: its columns, encoded by preprocessor(), or its
  // features as they are. `first_row` rows of the table's source came before these.
  Features encode(Table table, std::size_t first_row = 0) const;

  // For each row of `features`, schema().width() wide, what Predictions::values holds: row-major,
  // schema().outputs() to a row.
  std::vector<float> predict(const FeatureView& features, Workspace& workspace) const;

  // Rows that came together, and where what is said of them goes: row-major, schema().outputs() to
  // a row.
  struct Job {
    FeatureView features;
    float* predictions = nullptr;  // as Predictions::values
    float* logits = nullptr;       // the network's outputs; null: not wanted
  };

  // Does several jobs as one, in which each row gets the bits that it gets alone.
  void predict(std::span<const Job> jobs, Workspace& workspace) const;

 private:
  Schema schema_;
  Preprocessor preprocessor_;
  Standardizer standardizer_;
  InferenceNetwork network_;
};

}  // namespace mlp
