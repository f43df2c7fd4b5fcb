#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "model/evaluator.h"
#include "model/history.h"
#include "model/schema.h"
#include "runtime/data/dataset.h"

namespace mlp {

// history.csv: a header line, then a row an epoch, in the shortest decimals that read back as the
// same number.
std::string history_csv(const History& history);

// evaluation.json, in the shape of SageMaker's model quality reports, with "dataset" beside: the
// name of `data`.
nlohmann::ordered_json evaluation_report(const Schema& schema, const Dataset& data,
                                         const Predictions& predictions);

// prediction.csv, as NumPy's savetxt writes it in the TensorFlow demo: a line per row of `data`
// with truth and prediction, no header, numbers as "%.18e"; text labels as text. Written under a
// side name, then renamed. Returns false, and leaves no file, where `give_up` says so on the way.
bool write_prediction_csv(const std::filesystem::path& path, const Schema& schema,
                          const Dataset& data, const Predictions& predictions,
                          const std::function<bool()>& give_up);

// A field as RFC 4180 has it: quoted where it holds a comma, a quote or a line break.
std::string csv_field(std::string_view text);

}  // namespace mlp
