#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/history.h"
#include "model/predictions.h"
#include "model/schema.h"
#include "runtime/data/dataset.h"

namespace mlp {

// history.csv: a header line, then a row an epoch, in the shortest decimals that read back as the
// same number.
std::string history_csv(const History& history);

// compute_metrics() of what a network says of the rows of `data`. `top_k` is that of
// top_k_accuracy.
std::vector<double> metrics_of_rows(std::span<const std::string> names, Task task,
                                    const Dataset& data, const Predictions& predictions,
                                    std::size_t top_k = 5);

// evaluation.json, in the shape of SageMaker's model quality reports, with "dataset" beside: the
// name of `data`. Two classes are binary, with one output or two. SageMaker has no group for a
// multilabel task; it is called and filled like that for several classes. What is no finite number
// is the text "NaN". There is no confusion matrix beyond kMostConfusedClasses classes.
nlohmann::ordered_json evaluation_report(const Schema& schema, const Dataset& data,
                                         const Predictions& predictions);

// Some rows, and what the network that was learned says of them.
struct JudgedRows {
  const Dataset& data;
  const Predictions& predictions;
};

// metrics.json: for each of `sets` by its name, the loss and every metric of the task by name,
// "NaN" where there is no finite number; and the confusion matrix as evaluation.json has it.
nlohmann::ordered_json metrics_report(const Schema& schema, std::span<const JudgedRows> sets,
                                      std::size_t top_k = 5);

// prediction.csv, as NumPy's savetxt writes it in the TensorFlow demo: a line per row of `data`
// with truth, then prediction, no header, numbers as "%.18e"; text labels as text. A multilabel
// task, or a regression with several targets, has a column of truth for each, then as many of
// prediction; predicted labels are 1 above a probability of 0.5, else 0. Written under a side name,
// then renamed. Returns false, and leaves no file, where `give_up` says so on the way.
bool write_prediction_csv(const std::filesystem::path& path, const Schema& schema,
                          const Dataset& data, const Predictions& predictions,
                          const std::function<bool()>& give_up);

// A field as RFC 4180 has it: quoted where it holds a comma, a quote or a line break.
std::string csv_field(std::string_view text);

}  // namespace mlp
