#pragma once

#include <memory>
#include <string_view>

#include "model/predictor.h"
#include "runtime/data/read_channel.h"
#include "runtime/serving/positional_rows.h"
#include "runtime/serving/request_rows.h"

namespace mlp {

// What the rows of a request are read by. All of it outlives them.
struct RowReading {
  const Predictor& predictor;
  const PredictInputOptions& options;
  const PositionalRows& positions;
};

// Rows of a JSON body, in one of these forms:
//
//   X                                    rows alone
//   {"instances": X}                     TensorFlow Serving's row form, signature_name aside
//   {"inputs": X}, {"inputs": {"a": X}}  its column form
//   Y Y ...                              values with white space between, a row each
//
// X is a list of numbers, nested or not, as PositionalRows has it; a list of objects, a row each;
// or, where the model's columns are not all numbers, a list of lists of values. Y is an object or a
// list, of one row. An object is a record of the model's columns by name (JsonRecordParser), or has
// one key, with the list of a row's values, or is {"data": {"features": {"values": [...]}}}.
//
// Throws UserError where it is none of these.
DecodedRequest decode_json(const RowReading& reading, std::string_view body);

// The same for JSON Lines: one Y in each line, so that an answer has a line for each. The last line
// may be blank.
DecodedRequest decode_json_lines(const RowReading& reading, std::string_view body);

}  // namespace mlp
