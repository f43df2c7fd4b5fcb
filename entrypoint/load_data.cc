#include "entrypoint/load_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

#include "model/error.h"
#include "model/target_encoder.h"
#include "runtime/data/batch_iterator.h"
#include "runtime/data/class_weight.h"
#include "runtime/data/overlap.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

constexpr std::size_t kMostNamed = 10;  // columns or extents within a text

std::string extents_text(const std::vector<std::size_t>& shape) {
  const auto shown = static_cast<std::ptrdiff_t>(std::min(shape.size(), kMostNamed));
  return fmt::format("{}{}", fmt::join(shape.begin(), shape.begin() + shown, " x "),
                     shape.size() > kMostNamed ? " x ..." : "");
}

// A validation or test table must have the training rows' features.
void require_same_features(const Table& table, const Table& training, std::string_view set) {
  if (table.row_shape != training.row_shape) {
    throw UserError(fmt::format(
        "{}: the {} rows have {} features each, but the training rows ({}) have {}. Both must "
        "have the same columns.",
        table.source, set, extents_text(table.row_shape), training.source,
        extents_text(training.row_shape)));
  }
  if (table.features.type != training.features.type) {
    const auto kind = [](FeatureType type) {
      return type == FeatureType::kUint8 ? "pixels (uint8)" : "other numbers";
    };
    throw UserError(fmt::format(
        "{}: the {} rows hold {}, but the training rows ({}) hold {}. Pixels are read as value / "
        "255 and other numbers as they are, so both must be of one type.",
        table.source, set, kind(table.features.type), training.source,
        kind(training.features.type)));
  }
  if (table.feature_names.empty() || training.feature_names.empty()) return;
  for (std::size_t i = 0; i < table.feature_names.size(); ++i) {
    if (table.feature_names[i] == training.feature_names[i]) continue;
    throw UserError(fmt::format(
        "{}: feature {} of the {} rows is {}, but of the training rows ({}) it is {}. Both must "
        "have the same columns in the same order.",
        table.source, i + 1, set, in_quotes(table.feature_names[i]), training.source,
        in_quotes(training.feature_names[i])));
  }
}

std::vector<std::uint32_t> all_rows(const Table& table) {
  if (table.rows() > std::numeric_limits<std::uint32_t>::max()) {
    throw UserError(fmt::format(
        "{}: {} rows are more than the 4,294,967,295 that one job can hold. Use fewer rows.",
        table.source, table.rows()));
  }
  std::vector<std::uint32_t> rows(table.rows());
  std::iota(rows.begin(), rows.end(), 0U);
  return rows;
}

// A loss tells what is to be learned where the task does not.
TaskChoice task_choice(const Hyperparameters& hyperparameters, const Table& training) {
  const std::string& task = hyperparameters.task;
  if (task == "classification") return TaskChoice::kClassification;
  if (task == "binary") return TaskChoice::kBinary;
  if (task == "multilabel") return TaskChoice::kMultilabel;
  if (task == "regression") return TaskChoice::kRegression;
  const std::string& loss = hyperparameters.loss;
  if (loss == "auto") return TaskChoice::kAuto;
  if (loss == "categorical_crossentropy") return TaskChoice::kClassification;
  if (loss != "binary_crossentropy") return TaskChoice::kRegression;
  return training.targets.size() == 1 ? TaskChoice::kBinary : TaskChoice::kMultilabel;
}

Header header_choice(const std::string& header) {
  if (header == "true") return Header::kYes;
  return header == "false" ? Header::kNo : Header::kAuto;
}

bool should_standardize(const Hyperparameters& hyperparameters, const ChannelRows& training) {
  if (hyperparameters.scaling == "none") return false;
  if (training.rows.features.type == FeatureType::kFloat32) {
    return hyperparameters.scaling == "standard" || training.is_csv;
  }
  if (hyperparameters.scaling == "standard") {
    throw UserError(fmt::format(
        "scaling=standard, but {} holds pixels (uint8), which are read as value / 255. Leave "
        "scaling out, or save the array as float32.",
        training.rows.source));
  }
  return false;
}

void note_constant_features(TrainingData& data) {
  const std::vector<std::size_t>& constant = data.standardizer.constant();
  if (constant.empty()) return;
  std::string names;
  for (std::size_t i = 0; i < std::min(constant.size(), kMostNamed); ++i) {
    if (i > 0) names += ", ";
    names += data.schema.feature_names.empty() ? fmt::format("number {}", constant[i] + 1)
                                               : in_quotes(data.schema.feature_names[constant[i]]);
  }
  if (constant.size() > kMostNamed) names += ", ...";
  data.notes.push_back(
      fmt::format("{} of {} features hardly vary (by less than 1e-7) in the training rows and are "
                  "not scaled: {}",
                  constant.size(), data.schema.width(), names));
}

// Tells of labels of a multilabel task that the training rows can't teach.
void note_constant_labels(TrainingData& data) {
  if (data.schema.task != Task::kMultilabel) return;
  const Dataset& training = data.training;
  const std::size_t labels = data.schema.targets;
  std::size_t count = 0;
  std::string names;
  for (std::size_t label = 0; label < labels; ++label) {
    const float first = training.values[training.rows[0] * labels + label];
    const bool varies = std::any_of(
        training.rows.begin(), training.rows.end(),
        [&](std::uint32_t row) { return training.values[row * labels + label] != first; });
    if (varies || ++count > kMostNamed) continue;
    names += fmt::format("{}{} (always {})", count == 1 ? "" : ", ",
                         in_quotes(data.schema.labels[label]), first);
  }
  if (count == 0) return;
  data.notes.push_back(
      fmt::format("{} of {} labels are the same in all training rows, so nothing is learned about "
                  "them: {}{}",
                  count, labels, names, count > kMostNamed ? ", ..." : ""));
}

void note_missing_weights(const Table& table, const Table& training, std::string_view set,
                          std::vector<std::string>& notes) {
  if (table.weights.empty() == training.weights.empty()) return;
  notes.push_back(fmt::format("The rows of {} have weights, those of {} have none: {} rows {}",
                              table.weights.empty() ? training.source : table.source,
                              table.weights.empty() ? table.source : training.source, set,
                              table.weights.empty() ? "count alike" : "count by their weights"));
}

// Multiplies the weights of the training rows by those of their classes.
void weigh_classes(const ClassWeightChoice& choice, const Schema& schema, const std::string& source,
                   Dataset& training) {
  if (choice.empty()) return;
  const std::vector<double> of_class =
      class_weights(choice, schema, training.classes, training.rows);
  if (training.weights.empty()) training.weights.assign(training.features.rows, 1.0F);
  for (const std::uint32_t row : training.rows) {
    const auto label = static_cast<std::size_t>(training.classes[row]);
    const float weight = static_cast<float>(training.weights[row] * of_class[label]);
    if (!std::isfinite(weight)) {
      throw UserError(fmt::format(
          "{}: the weight of row {} is {}, and class_weight gives {} to its label {}: the product "
          "is beyond 3.4e38. Use smaller weights.",
          source, row + 1, training.weights[row], of_class[label],
          in_quotes(schema.labels[label])));
    }
    training.weights[row] = weight;
  }
}

void require_weight(const Dataset& dataset, const std::string& source, bool of_classes = false) {
  if (dataset.weights.empty()) return;
  const auto counts = [&](std::uint32_t row) { return dataset.weights[row] > 0; };
  if (std::any_of(dataset.rows.begin(), dataset.rows.end(), counts)) return;
  throw UserError(fmt::format(
      "{}: the weights of all {} {} rows are 0{}, so that none counts. Expected at least one "
      "above 0: correct the weights, or leave them out.",
      source, dataset.rows.size(), dataset.name, of_classes ? ", multiplied by class_weight" : ""));
}

// `sets`: what `other` serves as.
void warn_of_overlap(TrainingData& data, const std::string& training_source, const Dataset& other,
                     const std::string& source, std::string_view sets) {
  const Overlap overlap = find_overlap(data.training, other);
  if (overlap.rows == 0) return;
  const double percent =
      100 * static_cast<double>(overlap.rows) / static_cast<double>(other.rows.size());
  data.warnings.push_back(fmt::format(
      "{} of {} {} rows ({:.1f} %) are training rows too, with the same features and target. The "
      "first is row {} of {}, which equals row {} of {}. The {} metrics will be too good: remove "
      "the repeated rows, unless they are different cases that happen to be equal.",
      overlap.rows, other.rows.size(), sets, percent, overlap.first + std::size_t{1}, source,
      overlap.first_training + std::size_t{1}, training_source, sets));
}

// Turns tables into datasets that share the schema and the scaling.
class DatasetMaker {
 public:
  explicit DatasetMaker(TrainingData& data) : data_(data) {}

  Dataset make(std::string name, Table table, std::vector<std::uint32_t> rows) {
    Dataset dataset;
    dataset.name = std::move(name);
    EncodedTargets targets = encode_targets(table, data_.schema);
    dataset.classes = std::move(targets.classes);
    dataset.values = std::move(targets.values);
    dataset.weights = std::move(table.weights);
    Features features = std::move(table.features);
    if (!data_.standardizer.empty())
      data_.standardizer.apply(features.floats.data(), features.rows());
    dataset.features = features.view();  // a vector's memory stays where it is when it moves
    data_.features.push_back(std::move(features));
    dataset.rows = std::move(rows);
    return dataset;
  }

 private:
  TrainingData& data_;
};

}  // namespace

TrainingData load_data(const Environment& environment, const Hyperparameters& hyperparameters,
                       const std::function<void()>& poll, bool with_summary) {
  TrainingData data;
  const ClassWeights wanted = parse_class_weight(hyperparameters.class_weight);
  ReadOptions options;
  options.header = header_choice(hyperparameters.header);
  options.targets = hyperparameters.target;
  options.weight_column = hyperparameters.weight_column;
  options.poll = poll;
  const auto read = [&](const Channel& channel, ChannelRole role) {
    options.content_type = channel.content_type;
    ChannelRows rows = read_channel(channel.path, role, options);
    data.notes.insert(data.notes.end(), rows.notes.begin(), rows.notes.end());
    return rows;
  };
  ChannelRows training = read(*environment.training, ChannelRole::kTraining);
  std::optional<Table> validation;
  std::optional<Table> test;
  if (environment.validation)
    validation = read(*environment.validation, ChannelRole::kValidation).rows;
  if (environment.test) test = read(*environment.test, ChannelRole::kTest).rows;
  // As in the TensorFlow demo, the test arrays beside the training arrays serve as test and as
  // validation rows, where nothing else does.
  const bool arrays_test = training.test && !test;
  const bool arrays_validate =
      training.test && !validation && hyperparameters.validation_split == 0;
  if (arrays_test) {
    test = std::move(training.test);
  } else if (arrays_validate) {
    validation = std::move(training.test);
  }
  if (validation) {
    require_same_features(*validation, training.rows, "validation");
    note_missing_weights(*validation, training.rows, "validation", data.notes);
  }
  if (test) {
    require_same_features(*test, training.rows, "test");
    note_missing_weights(*test, training.rows, "test", data.notes);
  }

  const double share = hyperparameters.validation_split;
  if (share > 0 && validation) {
    throw UserError(
        fmt::format("validation_split is {}, but there are validation rows already, in {}. Leave "
                    "out one of the two.",
                    share, validation->source));
  }

  data.schema.row_shape = training.rows.row_shape;
  data.schema.feature_names = training.rows.feature_names;
  data.schema.weight_name = training.rows.weight_name;
  fit_targets(training.rows, task_choice(hyperparameters, training.rows), data.schema);

  std::vector<std::uint32_t> training_rows = all_rows(training.rows);
  std::vector<std::uint32_t> validation_rows;
  if (share > 0) {
    if (training_rows.size() < 2) {
      throw UserError(
          fmt::format("validation_split is {}, but {} has only one row. Add rows, or leave it out.",
                      share, training.rows.source));
    }
    ValidationSplit split =
        split_validation(training_rows, share, static_cast<std::uint64_t>(hyperparameters.seed));
    training_rows = std::move(split.training);
    validation_rows = std::move(split.validation);
  }
  if (with_summary) {
    data.summary =
        summarize(training.rows.features.view(), training_rows, data.schema.feature_names);
  }
  if (should_standardize(hyperparameters, training)) {
    data.standardizer = Standardizer::fit(training.rows.features.view(), training_rows);
    note_constant_features(data);
  }

  DatasetMaker maker(data);
  const std::string source = training.rows.source;
  data.training = maker.make("training", std::move(training.rows), std::move(training_rows));
  note_constant_labels(data);
  if (!validation_rows.empty()) {
    data.validation = data.training;
    data.validation->name = "validation";
    data.validation->rows = std::move(validation_rows);
    require_weight(*data.validation, source);
    warn_of_overlap(data, source, *data.validation, source, "validation");
  }
  // Rows to judge by, from a table of their own; `sets` is what they serve as.
  const auto make_judge = [&](std::string name, Table table, std::string_view sets) {
    const std::string table_source = table.source;
    std::vector<std::uint32_t> rows = all_rows(table);
    Dataset dataset = maker.make(std::move(name), std::move(table), std::move(rows));
    require_weight(dataset, table_source);
    warn_of_overlap(data, source, dataset, table_source, sets);
    return dataset;
  };
  if (validation) data.validation = make_judge("validation", std::move(*validation), "validation");
  if (test) {
    const bool validates = arrays_test && arrays_validate;
    data.test = make_judge("test", std::move(*test), validates ? "validation and test" : "test");
    if (validates) {
      data.validation = data.test;
      data.validation->name = "validation";
    }
  }
  const ClassWeightChoice choice = {wanted.balanced, wanted.by_label};
  weigh_classes(choice, data.schema, source, data.training);
  require_weight(data.training, source, !choice.empty());
  return data;
}

}  // namespace mlp
