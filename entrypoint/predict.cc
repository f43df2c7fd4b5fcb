#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>

#include "entrypoint/commands.h"
#include "entrypoint/stop_signal.h"
#include "model/artifact.h"
#include "model/error.h"
#include "model/kernels/engine.h"
#include "model/predictor.h"
#include "runtime/data/read_channel.h"
#include "runtime/system/files.h"
#include "runtime/training/reports.h"

namespace mlp {
namespace {

constexpr std::size_t kChunkRows = 4096;

std::string header_line(const Schema& schema) {
  if (schema.task == Task::kRegression) return "prediction\n";
  std::string line = "label";
  for (const std::string& label : schema.labels)
    line += fmt::format(",{}", csv_field("probability_" + label));
  line += '\n';
  return line;
}

void append_rows(std::string& text, const Schema& schema, const std::vector<float>& predictions) {
  const std::size_t outputs = schema.outputs();
  for (auto row = predictions.begin(); row != predictions.end();
       row += static_cast<std::ptrdiff_t>(outputs)) {
    const auto end = row + static_cast<std::ptrdiff_t>(outputs);
    if (schema.task == Task::kClassification) {
      const auto best = std::max_element(row, end) - row;
      text += csv_field(schema.labels[static_cast<std::size_t>(best)]);
      text += ',';
    }
    fmt::format_to(std::back_inserter(text), "{}\n", fmt::join(row, end, ","));
  }
}

PredictInputOptions input_options(const CommandLine& line, const Schema& schema) {
  PredictInputOptions options;
  options.row_shape = schema.row_shape;
  options.feature_names = schema.feature_names;
  options.target_names = schema.target_names;
  options.weight_name = schema.weight_name;
  options.array = line.option("array").value_or("");
  const std::string label_size = line.option("label_size").value_or("0");
  if (label_size != "0" && label_size != "1") {
    throw UsageError(
        fmt::format("mlp predict: --label_size is \"{}\", but must be 0 or 1.", label_size));
  }
  options.first_column_is_target = label_size == "1";
  const std::string header = line.option("header").value_or("auto");
  if (header == "true") {
    options.header = Header::kYes;
  } else if (header == "false") {
    options.header = Header::kNo;
  } else if (header != "auto") {
    throw UsageError(
        fmt::format("mlp predict: --header is \"{}\", but must be auto, true or false.", header));
  }
  return options;
}

// Where predictions go: a file that appears when it is complete, or else a stream, such as standard
// output, a pipe or a device.
class Output {
 public:
  explicit Output(const std::optional<std::string>& path) {
    if (!path) return;
    std::error_code error;
    const std::filesystem::file_status status = std::filesystem::status(*path, error);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
      opened_.reset(std::fopen(path->c_str(), "w"));
      if (!opened_) {
        throw UserError(fmt::format("{} can't be written: {}. Name another place by --output.",
                                    *path, std::strerror(errno)));
      }
      stream_ = opened_.get();
      return;
    }
    // A symbolic link stays one: the file that it leads to is replaced.
    const std::filesystem::path place = std::filesystem::weakly_canonical(*path, error);
    file_ = std::make_unique<FileWriter>(error ? std::filesystem::path(*path) : place);
  }

  void write(const std::string& text) {
    if (file_) {
      file_->write(text);
    } else if (std::fwrite(text.data(), 1, text.size(), stream_) != text.size() ||
               std::fflush(stream_) != 0) {
      throw UserError(
          fmt::format("Predictions can't be written: {}. Is the disk full, or their reader gone?",
                      std::strerror(errno)));
    }
  }

  void commit() {
    if (file_) file_->commit();
  }

 private:
  struct Close {
    void operator()(std::FILE* stream) const { std::fclose(stream); }
  };
  std::unique_ptr<FileWriter> file_;
  std::unique_ptr<std::FILE, Close> opened_;
  std::FILE* stream_ = stdout;
};

}  // namespace

void predict_command(const CommandLine& line, const Variables& variables,
                     const std::filesystem::path& working_directory) {
  const std::optional<std::string> input = line.option("input");
  if (!input) throw UsageError("mlp predict: --input FILE is missing. See mlp --help.");
  DirectoryFlags flags;
  flags.model_dir = line.option("model_dir");
  const std::filesystem::path model =
      model_directory(variables, flags, working_directory) / kModelFile;
  std::error_code unknown;
  if (!std::filesystem::exists(model, unknown) && !unknown) {
    throw UserError(fmt::format(
        "{} is not there. Train a model first (mlp train), or name its folder by --model_dir.",
        model.string()));
  }
  const Artifact artifact = artifact_from_bytes(read_file(model), model.string());
  kernels::prepare_thread();
  const Predictor predictor(artifact);
  const std::unique_ptr<RecordReader> reader =
      open_records(*input, input_options(line, predictor.schema()));

  Output output(line.option("output"));
  std::string text = header_line(predictor.schema());
  Predictor::Workspace workspace;
  while (true) {
    Table chunk;
    const std::size_t rows = reader->read(chunk, kChunkRows);
    if (rows > 0)
      append_rows(text, predictor.schema(), predictor.predict(chunk.features.view(), workspace));
    if (stop_requested()) throw UserError("Stopped by a signal before all rows were predicted.");
    output.write(text);
    text.clear();
    if (rows == 0) break;
  }
  output.commit();
}

}  // namespace mlp
