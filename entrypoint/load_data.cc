#include "entrypoint/load_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "model/error.h"
#include "model/target_encoder.h"
#include "runtime/data/batch_iterator.h"

namespace mlp {
namespace {

std::string shape_text(const std::vector<std::size_t>& shape) {
  return fmt::format("{}", fmt::join(shape, " x "));
}

// A validation or test table must have the training rows' features.
void require_same_features(const Table& table, const Table& training, std::string_view set) {
  if (table.row_shape != training.row_shape) {
    throw UserError(fmt::format(
        "{}: the {} rows have {} features each, but the training rows ({}) have {}. Both must "
        "have the same columns.",
        table.source, set, shape_text(table.row_shape), training.source,
        shape_text(training.row_shape)));
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
        "{}: feature {} of the {} rows is \"{}\", but of the training rows ({}) it is \"{}\". Both "
        "must have the same columns in the same order.",
        table.source, i + 1, set, table.feature_names[i], training.source,
        training.feature_names[i]));
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

TaskChoice task_choice(const std::string& task) {
  if (task == "classification") return TaskChoice::kClassification;
  return task == "regression" ? TaskChoice::kRegression : TaskChoice::kAuto;
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
  constexpr std::size_t kMostNamed = 10;
  const std::vector<std::size_t>& constant = data.standardizer.constant();
  if (constant.empty()) return;
  std::string names;
  for (std::size_t i = 0; i < std::min(constant.size(), kMostNamed); ++i) {
    if (i > 0) names += ", ";
    names += data.schema.feature_names.empty()
                 ? fmt::format("number {}", constant[i] + 1)
                 : fmt::format("\"{}\"", data.schema.feature_names[constant[i]]);
  }
  if (constant.size() > kMostNamed) names += ", ...";
  data.notes.push_back(
      fmt::format("{} of {} features hardly vary (by less than 1e-7) in the training rows and are "
                  "not scaled: {}",
                  constant.size(), data.schema.width(), names));
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
                       const std::function<void()>& poll) {
  TrainingData data;
  ReadOptions options;
  options.header = header_choice(hyperparameters.header);
  options.targets = hyperparameters.target;
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
  if (validation) require_same_features(*validation, training.rows, "validation");
  if (test) require_same_features(*test, training.rows, "test");

  const double share = hyperparameters.validation_split;
  if (share > 0 && validation) {
    throw UserError(
        fmt::format("validation_split is {}, but there are validation rows already, in {}. Leave "
                    "out one of the "
                    "two.",
                    share, environment.validation->path.string()));
  }

  data.schema.row_shape = training.rows.row_shape;
  data.schema.feature_names = training.rows.feature_names;
  fit_targets(training.rows, task_choice(hyperparameters.task), data.schema);

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
  if (should_standardize(hyperparameters, training)) {
    data.standardizer = Standardizer::fit(training.rows.features.view(), training_rows);
    note_constant_features(data);
  }

  DatasetMaker maker(data);
  data.training = maker.make("training", std::move(training.rows), std::move(training_rows));
  if (!validation_rows.empty()) {
    data.validation = data.training;
    data.validation->name = "validation";
    data.validation->rows = std::move(validation_rows);
  }
  if (validation) {
    std::vector<std::uint32_t> rows = all_rows(*validation);
    data.validation = maker.make("validation", std::move(*validation), std::move(rows));
  }
  if (test) {
    std::vector<std::uint32_t> rows = all_rows(*test);
    data.test = maker.make("test", std::move(*test), std::move(rows));
    if (arrays_test && arrays_validate) {
      data.validation = data.test;
      data.validation->name = "validation";
    }
  }
  return data;
}

}  // namespace mlp
