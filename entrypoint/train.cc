#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <optional>
#include <system_error>

#include "entrypoint/commands.h"
#include "entrypoint/console.h"
#include "entrypoint/load_data.h"
#include "entrypoint/stop_signal.h"
#include "model/artifact.h"
#include "model/error.h"
#include "model/hdf5_file.h"
#include "model/kernels/engine.h"
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

DirectoryFlags directory_flags(const CommandLine& line) {
  return {line.option("train"), line.option("validation"), line.option("test"),
          line.option("model_dir"), line.option("output_dir")};
}

void throw_if_stopped() {
  if (stop_requested()) {
    throw PlatformError(
        "Stopped by a signal before the first training step was done, so there is no model.");
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

void log_job(const TrainingData& data, const TrainerConfig& config, std::size_t workers) {
  const Schema& schema = data.schema;
  spdlog::info("Rows: {}, of {} {}{}", rows_text(data), fmt::join(schema.row_shape, " x "),
               data.training.features.type == FeatureType::kUint8 ? "pixels" : "features",
               data.standardizer.empty() ? "" : ", standardised");
  spdlog::info("Task: {}", schema.task == Task::kRegression
                               ? std::string("regression")
                               : fmt::format("classification, {} classes", schema.labels.size()));
  if (schema.labels.size() * kRowsPerDoubtfulLabel > data.training.rows.size()) {
    spdlog::warn("There are {} labels in {} rows. Is the target an identifier?",
                 schema.labels.size(), data.training.rows.size());
  }
  const ParameterLayout layout(config.network);
  spdlog::info("Network: {}-{}-{}, {} parameters; num_threads {}, {} workers, {}",
               config.network.inputs, fmt::join(config.network.hidden, "-"), config.network.outputs,
               layout.count(), config.num_threads, workers,
               kernels::name(kernels::vector_kernels().instruction_set));
}

TrainerConfig trainer_config(const Hyperparameters& hyperparameters, const Schema& schema,
                             std::size_t num_threads) {
  TrainerConfig config;
  config.network.inputs = schema.width();
  for (const std::int64_t width : hyperparameters.dense_hidden) {
    config.network.hidden.push_back(static_cast<std::size_t>(width));
  }
  config.network.outputs = schema.outputs();
  config.network.drop_rate = hyperparameters.drop_rate;
  config.task = schema.task;
  config.adam.learning_rate = hyperparameters.learning_rate;
  config.epochs = static_cast<std::size_t>(hyperparameters.epochs);
  config.batch_size = static_cast<std::size_t>(hyperparameters.batch_size);
  config.seed = static_cast<std::uint64_t>(hyperparameters.seed);
  config.num_threads = num_threads;
  config.scale_target = hyperparameters.scale_target;
  return config;
}

Artifact make_artifact(const TrainingData& data, const TrainerConfig& config,
                       const Hyperparameters& hyperparameters, const TrainingResult& result) {
  Artifact artifact;
  artifact.schema = data.schema;
  artifact.mean = data.standardizer.mean();
  artifact.variance = data.standardizer.variance();
  artifact.drop_rate = config.network.drop_rate;
  artifact.layers = result.layers;
  artifact.hyperparameters = to_json(hyperparameters);
  artifact.num_threads = config.num_threads;
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
  for (const char* const name : {"evaluation.json", "history.csv", "prediction.csv"}) {
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
                       TrainingResult& result, Team& team) {
  if (!result.unfinished) return;
  EpochMetrics& metrics = *result.unfinished;
  if (data.validation) {
    result.validation = judge(result.layers, config.task, *data.validation, team, out_of_time);
    if (!result.validation) return;
    add_validation(metrics, config.task, *data.validation, *result.validation);
  }
  print_line(epoch_line(metrics));
  add_row(result.history, metrics);
}

// evaluation.json and prediction.csv, about the test rows, else the validation rows.
void write_reports(const std::filesystem::path& folder, const TrainingData& data,
                   const TrainingResult& result, Team& team) {
  const std::optional<Dataset>& dataset = data.test ? data.test : data.validation;
  if (!dataset) return;
  const bool known = result.validation && same_rows(*data.validation, *dataset);
  const std::optional<Predictions> predictions =
      known ? result.validation
            : judge(result.layers, data.schema.task, *dataset, team, out_of_time);
  const std::filesystem::path prediction = folder / "prediction.csv";
  if (predictions) {
    using Json = nlohmann::ordered_json;
    const Json report = evaluation_report(data.schema, *dataset, *predictions);
    write_file(folder / "evaluation.json",
               report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    if (write_prediction_csv(prediction, data.schema, *dataset, *predictions, out_of_time)) {
      spdlog::info("Wrote {} and evaluation.json, about the {} rows", prediction.string(),
                   dataset->name);
      return;
    }
  }
  spdlog::warn("The time after the stop signal is up: {} is left out", prediction.string());
}

}  // namespace

void train_command(const CommandLine& line, const Variables& variables,
                   const std::filesystem::path& working_directory) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader of stdout that goes away must not cost the model
  std::vector<std::string> notes;
  // A slip on the command line is told of before all else.
  parse_hyperparameters({}, line.hyperparameters, notes);
  const Environment environment =
      read_environment(variables, directory_flags(line), working_directory);
  set_up_logging(environment.log_level);
  notes = environment.notes;
  const auto strict = variables.find("MLP_STRICT");
  const Hyperparameters hyperparameters =
      parse_hyperparameters(environment.hyperparameters, line.hyperparameters, notes,
                            strict == variables.end() || strict->second != "false");
  for (const std::string& note : notes) spdlog::info("{}", note);
  require_writable(environment.model_dir);
  require_writable(environment.output_dir);

  ProgressReporter progress(isatty(STDERR_FILENO) != 0 && !environment.configured);
  const TrainingData data = load_data(environment, hyperparameters, [&] {
    throw_if_stopped();
    progress.reading();
  });
  for (const std::string& note : data.notes) spdlog::info("{}", note);
  for (const std::string& warning : data.warnings) spdlog::warn("{}", warning);
  warn_of_objective(environment, data.validation.has_value());

  const std::size_t cpus = available_cpus();
  const std::size_t num_threads =
      hyperparameters.num_threads ? static_cast<std::size_t>(*hyperparameters.num_threads) : cpus;
  const TrainerConfig config = trainer_config(hyperparameters, data.schema, num_threads);
  Team team(std::min(num_threads, cpus));
  log_job(data, config, team.workers());

  TrainerCallbacks callbacks;
  callbacks.stop_requested = stop_requested;
  callbacks.step_done = [&](const Progress& now) { progress.step_done(now); };
  callbacks.epoch_done = [&](const EpochMetrics& metrics) {
    progress.clear();
    print_line(epoch_line(metrics));
    for (const std::string& name : non_finite(metrics)) {
      spdlog::warn("Epoch {}: {} is no finite number", metrics.epoch, name);
    }
  };
  throw_if_stopped();
  TrainingResult result =
      train(config, data.training, data.validation ? &*data.validation : nullptr, callbacks, team);
  progress.clear();
  if (result.unfinished) {
    spdlog::info("Stopped by a signal in epoch {}; saving what was learned so far",
                 result.unfinished->epoch);
  }

  // The model comes first: a stop signal may leave little time.
  const std::filesystem::path model = environment.model_dir / kModelFile;
  write_file(model, to_bytes(make_artifact(data, config, hyperparameters, result)));
  spdlog::info("Wrote {}", model.string());
  remove_left_overs(environment.output_dir);
  report_unfinished(data, config, result, team);
  write_file(environment.output_dir / "history.csv", history_csv(result.history));
  write_reports(environment.output_dir, data, result, team);
}

}  // namespace mlp
