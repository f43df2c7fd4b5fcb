#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "model/features.h"
#include "model/predictor.h"
#include "runtime/data/read_channel.h"
#include "runtime/serving/media_type.h"

namespace mlp {

// The rows of one request's body, read once from start to end.
class RequestRows {
 public:
  virtual ~RequestRows() = default;

  // Replaces `rows` by the next ones, as the network sees them (Predictor::encode): all of a small
  // body, else a few thousand. False at the end. Throws UserError, with the row and the field, at
  // the first value that is wrong.
  virtual bool next(Features& rows) = 0;
};

struct DecodedRequest {
  std::unique_ptr<RequestRows> rows;
  // Under which key an answer in JSON holds its list: "outputs" for the column form
  // {"inputs": ...}, else "predictions".
  std::string_view answer_key = "predictions";
  // Whether the rows stand one behind the other, as in JSON Lines, whatever their type is called.
  bool is_sequence = false;
};

// Reads bodies for one model. Threads: decode() may run on many at once.
class RequestDecoder {
 public:
  // The predictor, and the preprocessor of `options`, outlive the decoder, which outlives what it
  // returns. `options` are those of a file to predict; its has_target and array play no part.
  RequestDecoder(const Predictor& predictor, const PredictInputOptions& options);
  ~RequestDecoder();

  // `body` has to live as long as the rows that come back, of which there is one at least. Throws
  // UserError for an empty body and
  // for one whose form is wrong.
  DecodedRequest decode(RequestType type, std::string_view body) const;

 private:
  struct Form;

  const Predictor& predictor_;
  std::unique_ptr<const Form> form_;  // what follows from the options
};

}  // namespace mlp
