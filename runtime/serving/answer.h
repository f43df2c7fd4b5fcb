#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/schema.h"
#include "runtime/serving/media_type.h"

namespace mlp {

// What an answer may tell of a row, by the names of SageMaker's XGBoost image and with their
// meaning.
enum class OutputField {
  kPredictedLabel,
  kProbability,    // of two labels, of the second; of more, of the predicted one
  kProbabilities,  // of each label
  kLabels,
  kRawScore,        // the logit, of the label that kProbability tells of
  kRawScores,       // of each label; of a binary task, -z and z
  kPredictedScore,  // of a regression: its value, or a list where it has several targets
};

// The fields of a comma list such as "predicted_label,probability", of which case and blanks don't
// matter; none of an empty one. Throws UserError for a name that stands there twice, that is none,
// or that a model of this task does not have, naming those that it has.
std::vector<OutputField> output_fields(std::string_view list, const Schema& schema);

// Writes the bodies of answers for one model. Threads: write() may run on many at once.
class AnswerWriter {
 public:
  // Without `fields`, an answer holds the network's outputs: schema.outputs() numbers for each row.
  AnswerWriter(Schema schema, std::vector<OutputField> fields);

  // Whether write() wants logits.
  bool needs_logits() const;

  // A body for rows of schema.outputs() values each, row-major: `predictions` as
  // Predictor::predict() gives them, and `logits` (empty where not needed).
  //
  // JSON is one line without an end: {"<key>": [[0.1,0.9],...]}, or with fields
  // {"<key>": [{"predicted_label": 1,...},...]}. JSON Lines, CSV: a line for each row, ended by \n:
  // {"<key>": [0.1,0.9]} or {"predicted_label": 1,...}; 0.1,0.9 or the fields in their order, a
  // list in quotes: 1,"[0.1, 0.9]". Numbers are the shortest decimals that read back as the same
  // float32; what is not finite is null, in CSV too. Labels are numbers, or texts in quotes.
  // .npy: <f4, C order, shape (rows, outputs); with fields it throws RequestError 406.
  std::string write(MediaType type, std::string_view key, std::span<const float> predictions,
                    std::span<const float> logits) const;

 private:
  Schema schema_;
  std::vector<OutputField> fields_;
};

}  // namespace mlp
