#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <thread>

#include "entrypoint/columns_file.h"
#include "entrypoint/commands.h"
#include "entrypoint/console.h"
#include "entrypoint/load_data.h"
#include "entrypoint/settings.h"
#include "entrypoint/stop_signal.h"
#include "model/artifact.h"
#include "model/error.h"
#include "model/hdf5_file.h"
#include "model/kernels/engine.h"
#include "model/kernels/gemm.h"
#include "model/kernels/vector.h"
#include "model/parameters.h"
#include "model/plan.h"
#include "runtime/system/cpus.h"
#include "runtime/system/files.h"
#include "runtime/training/metric_log.h"
#include "runtime/training/reports.h"
#include "runtime/training/trainer.h"

namespace mlp {
namespace {

// After a stop signal, for all that is not the model itself. The SDKs' local mode kills after 10.
constexpr double kReportSecondsAfterStop = 5;

// Said of a target where at least this share of the rows has a label of its own.
constexpr std::size_t kRowsPerDoubtfulLabel = 2;

bool out_of_time() { return seconds_since_stop() > kReportSecondsAfterStop; }

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

// When the process started, seen from the beginning of its work: what it did until then is to load
// its libraries, which takes CPU time and, once they are in memory, hardly any other.
Clock::time_point process_start() {
  const double seconds = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  return Clock::now() -
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

DirectoryFlags directory_flags(const CommandLine& line) {
  return {line.option("train"), line.option("validation"), line.option("test"),
          line.option("model_dir"), line.option("output_dir")};
}

// At its first matrix product, of whatever shape, oneDNN compiles those of every shape: some 30 ms,
// which a thread of its own spends while the rows are read. To be joined.
std::jthread warm_up_engine() {
  try {
    return std::jthread([] {
      try {
        kernels::prepare_thread();
        constexpr std::size_t kSize = kernels::kPad;
        std::array<float, kSize * kSize> factor{};
        std::array<float, kSize * kSize> product{};
        const Matrix x = {factor.data(), kSize, kSize, kSize};
        kernels::multiply(x, x, {product.data(), kSize, kSize, kSize});
      } catch (const std::exception&) {  // the first step meets it too
      }
    });
  } catch (const std::system_error&) {  // a limit on threads: the first step compiles
    return {};
  }
}

void throw_if_stopped() {
  if (stop_requested()) {
    throw PlatformError(
        "Stopped by a signal before the first training step was done, so there is no model. Start "
        "the job again.");
  }
}

void warn_of_objective(const Environment& environment, bool validates) {
  const std::optional<std::string> objective = tuning_objective(environment.hyperparameters);
  if (!objective) return;
  if (objective->starts_with("validation:") && !validates) {
    spdlog::warn(
        "The tuning job's objective is \"{}\", but there are no validation rows: it will never be "
        "printed. Give a validation channel or validation_split.",
        *objective);
  } else if (!is_known_metric(*objective)) {
    spdlog::warn(
        "The tuning job's objective is \"{}\", which is none of the metrics that mlp describe "
        "lists: it may never be printed.",
        *objective);
  }
}

std::string rows_text(const TrainingData& data) {
  std::string text = fmt::format("{} training", data.training.rows.size());
  if (data.validation) text += fmt::format(", {} validation", data.validation->rows.size());
  if (data.test) text += fmt::format(", {} test", data.test->rows.size());
  return text;
}

std::string task_text(const Schema& schema) {
  switch (schema.task) {
    case Task::kClassification:
      return fmt::format("classification, {} classes", schema.labels.size());
    case Task::kBinary:
      return fmt::format("binary, \"{}\" against \"{}\"", schema.labels[1], schema.labels[0]);
    case Task::kMultilabel:
      return fmt::format("multilabel, {} labels", schema.labels.size());
    case Task::kRegression:
      break;
  }
  return schema.targets == 1 ? "regression" : fmt::format("regression, {} targets", schema.targets);
}

std::string feature_text(const TrainingData& data) {
  const std::vector<InputColumn>& columns = data.preprocessor.columns();
  if (!columns.empty() && !data.preprocessor.is_plain()) {
    const auto used = std::count_if(columns.begin(), columns.end(),
                                    [](const InputColumn& column) { return is_used(column.type); });
    return fmt::format("{} columns, encoded as {} values", used, data.schema.width());
  }
  return fmt::format("{} {}{}", fmt::join(data.schema.row_shape, " x "),
                     data.training.features.type == FeatureType::kUint8 ? "pixels" : "features",
                     data.standardizer.empty() ? "" : ", standardised");
}

std::string network_text(const TrainerConfig& config) {
  const MlpConfig& network = config.network;
  return fmt::format("{}-{}-{}, {}, {} parameters", network.inputs, fmt::join(network.hidden, "-"),
                     network.outputs, name(network.activation), ParameterLayout(network).count());
}

void log_job(const TrainingData& data, const TrainerConfig& config, std::size_t workers) {
  spdlog::info("Rows: {}, of {}", rows_text(data), feature_text(data));
  spdlog::info("Task: {}", task_text(data.schema));
  spdlog::info("Network: {}; num_threads {}, {} workers, {}", network_text(config),
               config.num_threads, workers,
               kernels::name(kernels::vector_kernels().instruction_set));
  const std::string& set = config.precision.instruction_set;
  spdlog::info("Precision: {}{}, {}", name(config.precision.precision),
               set.empty() ? "" : fmt::format(" ({})", set), config.precision.reason);
}

void log_first_step(Clock::time_point start) {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  spdlog::info("Training: first step after {} ms", passed.count());
}

void warn_of_labels(const TrainingData& data) {
  const std::size_t labels = has_classes(data.schema.task) ? data.schema.labels.size() : 0;
  if (labels * kRowsPerDoubtfulLabel > data.training.rows.size()) {
    spdlog::warn("There are {} labels in {} rows. Is the target an identifier?", labels,
                 data.training.rows.size());
  }
}

Artifact make_artifact(const TrainingData& data, const TrainerConfig& config,
                       const Hyperparameters& hyperparameters, const TrainingResult& result) {
  Artifact artifact;
  artifact.schema = data.schema;
  artifact.preprocessor = data.preprocessor;
  if (!hyperparameters.missing_values.empty())
    artifact.missing_values = hyperparameters.missing_values;
  artifact.mean = data.standardizer.mean();
  artifact.variance = data.standardizer.variance();
  artifact.drop_rate = config.network.drop_rate;
  artifact.activation = config.network.activation;
  artifact.weights = result.candidate.weights;
  artifact.hyperparameters = to_json(hyperparameters);
  artifact.num_threads = config.num_threads;
  artifact.precision = config.precision;
  artifact.history = result.history;
  artifact.versions = {
      {"mlp", MLP_VERSION},
      {"onednn", kernels::onednn_version()},
      {"hdf5", hdf5_version()},
      {"instruction_set", std::string(kernels::name(kernels::vector_kernels().instruction_set))}};
  return artifact;
}

// Of an earlier run, since they would not be about this run's model.
void remove_left_overs(const std::filesystem::path& folder) {
  for (const char* const name :
       {"evaluation.json", "history.csv", "metrics.json", "prediction.csv"}) {
    std::error_code ignored;
    std::filesystem::remove(folder / name, ignored);
  }
}

// Whether `b` is about the rows of `a`, as the test arrays of an .npz are about both sets.
bool same_rows(const Dataset& a, const Dataset& b) {
  return a.features.data == b.features.data && a.rows == b.rows;
}

// Judges an epoch that a stop kept from it, for one more line of metrics and one more row.
void report_unfinished(const TrainingData& data, const TrainerConfig& config,
                       TrainingResult& result, const MetricPrinter& printer, Team& team) {
  if (!result.unfinished) return;
  EpochMetrics& metrics = *result.unfinished;
  if (data.validation) {
    result.validation = judge(result.candidate, *data.validation, team, out_of_time);
    if (!result.validation) return;
    add_validation(metrics, config, *data.validation, *result.validation);
  }
  printer.print(metrics);
  add_row(result.history, metrics);
}

// What the final model says of every set of rows.
class Judgement {
 public:
  Judgement(const TrainingData& data, TrainingResult& result, Team& team)
      : data_(data), result_(result), team_(team) {}

  // Nothing where there is no such set, or no time to judge it.
  const Predictions* training() { return of(training_, &data_.training); }
  const Predictions* validation() {
    if (!result_.validation && data_.validation) {
      if (test_ && same_rows(*data_.validation, *data_.test)) return &*test_;
      result_.validation = judge(result_.candidate, *data_.validation, team_, out_of_time);
    }
    return result_.validation ? &*result_.validation : nullptr;
  }
  const Predictions* test() {
    if (!data_.test) return nullptr;
    if (data_.validation && same_rows(*data_.validation, *data_.test)) return validation();
    return of(test_, &*data_.test);
  }

 private:
  const Predictions* of(std::optional<Predictions>& known, const Dataset* dataset) {
    if (!known) known = judge(result_.candidate, *dataset, team_, out_of_time);
    return known ? &*known : nullptr;
  }

  const TrainingData& data_;
  TrainingResult& result_;
  Team& team_;
  std::optional<Predictions> training_;
  std::optional<Predictions> test_;
};

void write_json(const std::filesystem::path& path, const Json& report) {
  write_file(path, report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

// evaluation.json and prediction.csv, about the test rows, else the validation rows.
void write_reports(const std::filesystem::path& folder, const TrainingData& data,
                   Judgement& judgement) {
  const std::optional<Dataset>& dataset = data.test ? data.test : data.validation;
  if (!dataset) return;
  const Predictions* const predictions = data.test ? judgement.test() : judgement.validation();
  const std::filesystem::path prediction = folder / "prediction.csv";
  if (predictions != nullptr) {
    write_json(folder / "evaluation.json", evaluation_report(data.schema, *dataset, *predictions));
    if (write_prediction_csv(prediction, data.schema, *dataset, *predictions, out_of_time)) {
      spdlog::info("Wrote {} and evaluation.json, about the {} rows", prediction.string(),
                   dataset->name);
      return;
    }
  }
  spdlog::warn("The time after the stop signal is up: {} is left out", prediction.string());
}

// metrics.json and the last lines of metrics, about every set of rows.
void write_metrics(const std::filesystem::path& folder, const TrainingData& data,
                   const TrainerConfig& config, std::size_t epoch, Judgement& judgement,
                   const MetricPrinter& printer) {
  std::vector<JudgedRows> sets;
  const auto add = [&](const Dataset& dataset, const Predictions* predictions) {
    if (predictions != nullptr && !out_of_time()) sets.push_back({dataset, *predictions});
  };
  // Of the three, these matter least and take the longest, and a stop signal leaves little time.
  if (!stop_requested()) add(data.training, judgement.training());
  if (data.validation) add(*data.validation, judgement.validation());
  if (data.test) add(*data.test, judgement.test());
  if (out_of_time()) {
    spdlog::warn("The time after the stop signal is up: metrics.json is left out");
    return;
  }
  const Json report = metrics_report(data.schema, sets, config.top_k);
  write_json(folder / "metrics.json", report);
  // A line for each set of rows.
  for (const auto& [set, prefix] :
       {std::pair{"training", ""}, std::pair{"validation", "val_"}, std::pair{"test", "test_"}}) {
    if (!report.contains(set)) continue;
    EpochMetrics metrics = metrics_of_epoch(config, epoch);
    for (const auto& [metric, value] : report[set].items()) {
      if (value.is_number()) metrics.values.emplace_back(prefix + metric, value.get<double>());
    }
    printer.print_final(metrics);
  }
}

void log_ending(const TrainingResult& result, const TrainerConfig& config) {
  switch (result.ending) {
    case Ending::kAllEpochs:
      if (result.epoch != config.epochs) {
        spdlog::info("Of all {} epochs, {} was best in epoch {}, whose weights are kept",
                     config.epochs, config.early_stopping->metric, result.epoch);
      }
      break;
    case Ending::kEarlyStopping:
      spdlog::info("Early stopping: {} was best in epoch {}, whose weights are kept",
                   config.early_stopping->metric, result.epoch);
      break;
    case Ending::kStopRequested:
      if (stop_requested()) {
        spdlog::info("Stopped by a signal; saving what was learned so far, epoch {}", result.epoch);
      } else {
        spdlog::info("max_runtime_seconds is over; saving what was learned so far, epoch {}",
                     result.epoch);
      }
      break;
    case Ending::kDiverged:
      spdlog::error("{} Training ends here; the weights of epoch {}, the best so far, are kept.",
                    result.advice, result.epoch);
      break;
  }
}

// Each label with its training rows.
std::string label_counts(const TrainingData& data) {
  constexpr std::size_t kMostShown = 20;
  const Schema& schema = data.schema;
  std::vector<std::size_t> counts(schema.labels.size());
  for (const std::size_t row : data.training.rows) {
    if (has_classes(schema.task)) {
      ++counts[static_cast<std::size_t>(data.training.classes[row])];
      continue;
    }
    for (std::size_t label = 0; label < counts.size(); ++label)
      if (data.training.values[row * counts.size() + label] > 0.5F) ++counts[label];
  }
  std::string text;
  for (std::size_t label = 0; label < std::min(counts.size(), kMostShown); ++label) {
    text += fmt::format("{}\"{}\" {}", label == 0 ? "" : ", ", schema.labels[label], counts[label]);
  }
  if (counts.size() > kMostShown) text += fmt::format(" and {} more", counts.size() - kMostShown);
  return text;
}

// What `mlp train --check` prints.
void print_check(const TrainingData& data, const TrainerConfig& config,
                 const Hyperparameters& hyperparameters) {
  print_line(fmt::format("rows:       {}", rows_text(data)));
  print_line(fmt::format("features:   {}", feature_text(data)));
  for (const std::string& line : summary_lines(data.summary)) print_line("  " + line);
  const Schema& schema = data.schema;
  print_line(
      fmt::format("target:     {}", schema.target_names.empty()
                                        ? std::string("(not named)")
                                        : fmt::format("{}", fmt::join(schema.target_names, ", "))));
  if (!schema.weight_name.empty()) print_line(fmt::format("weights:    {}", schema.weight_name));
  print_line(fmt::format("task:       {}", task_text(schema)));
  if (!schema.labels.empty()) {
    print_line(fmt::format("labels:     {}", label_counts(data)));
  }
  print_line(fmt::format("network:    {}", network_text(config)));
  const std::size_t batch = std::min(config.batch_size, data.training.rows.size());
  const std::size_t steps = (data.training.rows.size() + batch - 1) / batch;
  print_line(fmt::format("training:   {} epochs of {} steps of {} rows, {}, loss {}", config.epochs,
                         steps, batch, hyperparameters.optimizer, loss_name(config.loss)));
  print_line("The configuration and the data are good. Nothing was trained.");
}

}  // namespace

void train_command(const CommandLine& line, const Variables& variables,
                   const std::filesystem::path& working_directory) {
  const Clock::time_point start = process_start();
  std::signal(SIGPIPE, SIG_IGN);  // a reader of stdout that goes away must not cost the model
  std::vector<std::string> notes;
  // A slip on the command line is told of before all else.
  parse_hyperparameters({}, line.hyperparameters, notes);
  const Environment environment =
      read_environment(variables, directory_flags(line), working_directory);
  set_log_level(environment.log_level);
  for (const std::string& warning : environment.warnings) spdlog::warn("{}", warning);
  notes = environment.notes;
  const auto strict = variables.find("MLP_STRICT");
  const Hyperparameters hyperparameters =
      parse_hyperparameters(environment.hyperparameters, line.hyperparameters, notes,
                            strict == variables.end() || strict->second != "false");
  check_metric_names(hyperparameters.eval_metrics);
  check_precision(hyperparameters);
  for (const std::string& note : notes) spdlog::info("{}", note);
  const auto deadline = hyperparameters.max_runtime_seconds
                            ? start + std::chrono::seconds(*hyperparameters.max_runtime_seconds)
                            : Clock::time_point::max();

  const bool checks = line.option("check").has_value();
  if (!checks) {
    require_writable(environment.model_dir);
    require_writable(environment.output_dir);
  }

  const bool needs_engine = hyperparameters.precision != name(Precision::kBfloat16);
  const std::jthread warm_up = needs_engine && !checks ? warm_up_engine() : std::jthread();
  ProgressReporter progress(isatty(STDERR_FILENO) != 0 && !environment.configured);
  const TrainingData data = load_data(
      environment, hyperparameters,
      [&] {
        throw_if_stopped();
        progress.reading();
      },
      checks);
  notes = data.notes;
  const std::size_t cpus = available_cpus();
  const std::size_t num_threads =
      hyperparameters.num_threads ? static_cast<std::size_t>(*hyperparameters.num_threads) : cpus;
  const TrainerConfig config =
      trainer_config(hyperparameters, data.schema, data.preprocessor.embeddings(),
                     data.training.rows.size(), data.validation.has_value(), num_threads, notes);
  for (const std::string& note : notes) spdlog::info("{}", note);
  for (const std::string& warning : data.warnings) spdlog::warn("{}", warning);
  warn_of_objective(environment, data.validation.has_value());
  warn_of_labels(data);
  if (checks) {
    print_check(data, config, hyperparameters);
    return;
  }
  Team team(std::min(num_threads, cpus));
  log_job(data, config, team.workers());

  const MetricPrinter printer(metric_style(hyperparameters), environment.host);
  TrainerCallbacks callbacks;
  callbacks.stop_requested = [&] { return stop_requested() || Clock::now() >= deadline; };
  callbacks.step_done = [&](const Progress& now) {
    if (now.epoch == 1 && now.step == 1) log_first_step(start);
    progress.step_done(now);
  };
  callbacks.epoch_done = [&](const EpochMetrics& metrics) {
    progress.clear();
    printer.print(metrics);
    for (const std::string& name : non_finite(metrics)) {
      spdlog::warn("Epoch {}: {} is no finite number", metrics.epoch, name);
    }
  };
  throw_if_stopped();
  TrainingResult result =
      train(config, data.training, data.validation ? &*data.validation : nullptr, callbacks, team);
  progress.clear();
  log_ending(result, config);

  // The model comes first: a stop signal may leave little time.
  const std::filesystem::path model = environment.model_dir / kModelFile;
  write_file(model, to_bytes(make_artifact(data, config, hyperparameters, result)));
  write_columns_file(environment.model_dir, data.file_columns);
  spdlog::info("Wrote {}", model.string());
  remove_left_overs(environment.output_dir);
  report_unfinished(data, config, result, printer, team);
  write_file(environment.output_dir / "history.csv", history_csv(result.history));
  Judgement judgement(data, result, team);
  write_reports(environment.output_dir, data, judgement);
  write_metrics(environment.output_dir, data, config, result.epoch, judgement, printer);
}

}  // namespace mlp
