#include "entrypoint/load_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>

#include "model/error.h"
#include "model/number_scaler.h"
#include "model/target_encoder.h"
#include "runtime/data/batch_iterator.h"
#include "runtime/data/class_weight.h"
#include "runtime/data/overlap.h"
#include "runtime/data/wording.h"
#include "runtime/system/cpus.h"
#include "runtime/system/files.h"

namespace mlp {
namespace {

constexpr std::size_t kMostNamed = 10;  // columns or extents within a text

std::string extents_text(const std::vector<std::size_t>& shape) {
  const auto shown = static_cast<std::ptrdiff_t>(std::min(shape.size(), kMostNamed));
  return fmt::format("{}{}", fmt::join(shape.begin(), shape.begin() + shown, " x "),
                     shape.size() > kMostNamed ? " x ..." : "");
}

// A validation or test table must have the training rows' features, all of them encoded.
void require_same_features(const Table& table, const Table& training, std::string_view set) {
  const auto is_table = [](const Table& rows) {
    return !rows.columns.empty() || rows.features.type == FeatureType::kCoded;
  };
  if (is_table(table) != is_table(training)) {
    const auto kind = [&](const Table& rows) {
      return is_table(rows) ? "columns with text or gaps" : "rows of numbers";
    };
    throw UserError(
        fmt::format("{}: the {} rows are {}, but the training rows ({}) are {}. Both must have the "
                    "same columns.",
                    table.source, set, kind(table), training.source, kind(training)));
  }
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

char delimiter_choice(const std::string& delimiter) {
  if (delimiter == "comma") return ',';
  if (delimiter == "semicolon") return ';';
  if (delimiter == "tab") return '\t';
  return delimiter == "pipe" ? '|' : '\0';
}

Scaling scaling_choice(const std::string& scaling) {
  if (scaling == "none") return Scaling::kNone;
  if (scaling == "robust") return Scaling::kRobust;
  return scaling == "quantile" ? Scaling::kQuantile : Scaling::kStandard;
}

// Of arrays; `auto` takes them as they are.
Scaling array_scaling(const Hyperparameters& hyperparameters, const Table& training) {
  const std::string& scaling = hyperparameters.scaling;
  if (scaling == "auto" || scaling == "none") return Scaling::kNone;
  if (training.features.type == FeatureType::kUint8) {
    throw UserError(fmt::format(
        "scaling={}, but {} holds pixels (uint8), which are read as value / 255. Leave scaling "
        "out, or save the array as float32.",
        scaling, training.source));
  }
  if (scaling == "quantile") {
    throw UserError(fmt::format(
        "scaling=quantile, but {} holds arrays, for which there are standard and robust. Choose "
        "one of these, or give the rows as CSV.",
        training.source));
  }
  return scaling_choice(scaling);
}

ReadOptions read_options(const Hyperparameters& hyperparameters) {
  ReadOptions options;
  options.header = header_choice(hyperparameters.header);
  options.delimiter = delimiter_choice(hyperparameters.delimiter);
  options.choice = {hyperparameters.target, hyperparameters.weight_column, hyperparameters.features,
                    hyperparameters.ignore};
  if (!hyperparameters.missing_values.empty())
    options.missing_values = MissingValues(hyperparameters.missing_values);
  for (const auto& [column, type] : parse_column_types(hyperparameters.column_types))
    options.column_types[column] = find_type(type).value();
  options.drop_missing_target = hyperparameters.drop_missing_target;
  options.allow_plain = hyperparameters.scaling != "quantile";
  // Each thread has a MiB of text at hand.
  constexpr std::int64_t kMostThreads = 16;
  const auto threads =
      std::min<std::int64_t>(hyperparameters.num_threads.value_or(kMostThreads),
                             std::min(kMostThreads, static_cast<std::int64_t>(available_cpus())));
  options.threads = static_cast<std::size_t>(threads);
  return options;
}

PreprocessorConfig preprocessor_config(const Hyperparameters& hyperparameters,
                                       const ReadOptions& options, const TableLayout& layout) {
  PreprocessorConfig config;
  config.scaling = scaling_choice(hyperparameters.scaling);
  config.types = options.column_types;
  config.max_one_hot = static_cast<std::size_t>(hyperparameters.max_one_hot);
  config.min_category_rows = static_cast<std::size_t>(hyperparameters.min_category_rows);
  config.named = layout.named;
  config.ignored = layout.ignored;
  if (layout.named) return config;
  std::vector<std::string> aside = layout.targets;
  if (!layout.weight.empty()) aside.push_back(layout.weight);
  for (const std::string& column : aside) config.set_aside.push_back(layout.find(column) + 1);
  return config;
}

void encode(const Preprocessor& preprocessor, Table& table) {
  if (table.columns.empty() || preprocessor.empty()) return;
  table.features = preprocessor.encode(table.columns);
  table.columns = {};
  table.row_shape = {table.features.width};
}

// Learns the columns of a training table, summarises them if asked to, and encodes the table.
void fit_columns(const PreprocessorConfig& config, const TableLayout& layout,
                 std::span<const std::uint32_t> rows, bool with_summary, Table& table,
                 TrainingData& data) {
  if (table.columns.empty()) {
    data.preprocessor =
        Preprocessor::fit_plain(layout.features, table.features.view(), rows, config, data.notes);
    table.features = data.preprocessor.take_used(std::move(table.features));
    table.row_shape = {table.features.width};
  } else {
    data.preprocessor = Preprocessor::fit(table.columns, rows, config, data.notes);
    if (with_summary) data.summary = summarize(table.columns, data.preprocessor.columns(), rows);
    std::size_t column = 0;
    std::erase_if(table.columns, [&](const Column&) {
      return !is_used(data.preprocessor.columns()[column++].type);
    });
    encode(data.preprocessor, table);
  }
  const bool has_names = layout.named || !data.preprocessor.is_plain();
  if (has_names) data.schema.feature_names = data.preprocessor.encoded_names();
}

void fit_scaling(Scaling scaling, const Table& training, std::span<const std::uint32_t> rows,
                 Standardizer& standardizer) {
  if (scaling == Scaling::kNone) return;
  standardizer = scaling == Scaling::kRobust
                     ? Standardizer::fit_robust(training.features.view(), rows)
                     : Standardizer::fit(training.features.view(), rows);
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
  ReadOptions options = read_options(hyperparameters);
  options.allow_plain = options.allow_plain && !with_summary;
  options.poll = poll;
  const auto read = [&](const Channel& channel, ChannelRole role) {
    options.content_type = channel.content_type;
    ChannelRows rows = read_channel(channel.path, role, options);
    encode(data.preprocessor, rows.rows);  // empty while the training rows are read
    data.notes.insert(data.notes.end(), rows.notes.begin(), rows.notes.end());
    return rows;
  };
  ChannelRows training = read(*environment.training, ChannelRole::kTraining);
  const TableLayout layout = training.layout;

  data.schema.weight_name = training.rows.weight_name;
  fit_targets(training.rows, task_choice(hyperparameters, training.rows), data.schema);

  const double share = hyperparameters.validation_split;
  std::vector<std::uint32_t> training_rows = all_rows(training.rows);
  std::vector<std::uint32_t> validation_rows;
  if (share > 0) {
    if (environment.validation) {
      throw UserError(fmt::format(
          "validation_split is {}, but there are validation rows already, in {}. Leave out one of "
          "the two.",
          share, shortened_path(environment.validation->path.string())));
    }
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
  if (training.is_csv) {
    fit_columns(preprocessor_config(hyperparameters, options, layout), layout, training_rows,
                with_summary, training.rows, data);
    if (layout.named) data.file_columns = layout.columns;
    options.known.emplace(KnownTable{data.preprocessor, layout, data.schema.labels_are_text});
  }
  if (with_summary && !training.is_csv)
    data.summary = summarize(training.rows.features.view(), training_rows, {});
  data.schema.row_shape = training.rows.row_shape;
  if (!training.is_csv || data.preprocessor.is_plain()) {
    const Scaling scaling = training.is_csv ? scaling_choice(hyperparameters.scaling)
                                            : array_scaling(hyperparameters, training.rows);
    fit_scaling(scaling, training.rows, training_rows, data.standardizer);
    note_constant_features(data);
  }

  std::optional<Table> validation;
  std::optional<Table> test;
  const auto read_judge = [&](const Channel& channel, ChannelRole role) {
    ChannelRows rows = read(channel, role);
    if (training.is_csv && !rows.is_csv && layout.named && !layout.in_file_order()) {
      throw UserError(
          fmt::format("{}: the columns of arrays have no names, and those of the training rows "
                      "({}) are taken in the order of their names. Give these rows as CSV too.",
                      rows.rows.source, training.rows.source));
    }
    return std::move(rows.rows);
  };
  if (environment.validation)
    validation = read_judge(*environment.validation, ChannelRole::kValidation);
  if (environment.test) test = read_judge(*environment.test, ChannelRole::kTest);
  // As in the TensorFlow demo, the test arrays beside the training arrays serve as test and as
  // validation rows, where nothing else does.
  const bool arrays_test = training.test && !test;
  const bool arrays_validate = training.test && !validation && share == 0;
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
