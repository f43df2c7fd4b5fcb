#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "entrypoint/commands.h"
#include "entrypoint/load_model.h"
#include "entrypoint/stop_signal.h"
#include "model/error.h"
#include "model/gather.h"
#include "model/kernels/engine.h"
#include "model/predictor.h"
#include "runtime/data/read_channel.h"
#include "runtime/data/wording.h"
#include "runtime/system/files.h"
#include "runtime/training/reports.h"

namespace mlp {
namespace {

constexpr std::size_t kChunkRows = 4096;

// "prefix_name" for each label or target, as CSV fields with a comma in front.
std::string named_columns(std::string_view prefix, const std::vector<std::string>& names) {
  std::string line;
  for (const std::string& name : names)
    line += fmt::format(",{}", csv_field(fmt::format("{}_{}", prefix, name)));
  return line;
}

std::string header_line(const Schema& schema) {
  std::string line;
  switch (schema.task) {
    case Task::kClassification:
    case Task::kBinary:
      line = ",label" + named_columns("probability", schema.labels);
      break;
    case Task::kMultilabel:
      line = named_columns("label", schema.labels) + named_columns("probability", schema.labels);
      break;
    case Task::kRegression:
      if (schema.targets == 1) {
        line = ",prediction";
      } else if (!schema.target_names.empty()) {
        line = named_columns("prediction", schema.target_names);
      } else {
        for (std::size_t i = 0; i < schema.targets; ++i) line += fmt::format(",prediction_{}", i);
      }
  }
  return line.substr(1) + '\n';
}

void append_rows(std::string& text, const Schema& schema, const std::vector<float>& predictions) {
  const std::size_t outputs = schema.outputs();
  const auto out = std::back_inserter(text);
  for (std::size_t first = 0; first < predictions.size(); first += outputs) {
    const std::span row(predictions.data() + first, outputs);
    if (has_classes(schema.task)) {
      const auto best = predicted_class(schema.task, row.data(), outputs);
      fmt::format_to(out, "{},", csv_field(schema.labels[static_cast<std::size_t>(best)]));
    }
    if (schema.task == Task::kBinary) fmt::format_to(out, "{},", 1 - row[0]);
    if (schema.task == Task::kMultilabel) {
      for (const float probability : row) fmt::format_to(out, "{:d},", probability > 0.5F);
    }
    fmt::format_to(out, "{}\n", fmt::join(row, ","));
  }
}

// One row of names and one of numbers for each row of the table, as the network sees it.
std::string encoded_header(const Predictor& predictor) {
  const std::vector<std::string> names = predictor.preprocessor().encoded_names();
  std::string line;
  for (const std::string& name : names) line += fmt::format(",{}", csv_field(name));
  return line.substr(1) + '\n';
}

void append_encoded(std::string& text, const FeatureView& features) {
  std::vector<float> values(features.width);
  for (std::uint32_t row = 0; row < features.rows; ++row) {
    gather(features, std::span(&row, 1), {values.data(), 1, features.width, features.width});
    fmt::format_to(std::back_inserter(text), "{}\n", fmt::join(values, ","));
  }
}

// The value of an option that is one of a few words.
std::size_t choice(const CommandLine& line, const std::string& option,
                   const std::vector<std::string>& words) {
  const std::string value = line.option(option).value_or(words[0]);
  const auto found = std::find(words.begin(), words.end(), value);
  if (found == words.end()) {
    throw UsageError(fmt::format(
        "mlp predict: --{} is {}, but must be {} or {}. Correct it, or leave it out.", option,
        in_quotes(value), fmt::join(words.begin(), words.end() - 1, ", "), words.back()));
  }
  return static_cast<std::size_t>(found - words.begin());
}

PredictInputOptions input_options(const CommandLine& line, PredictInputOptions options) {
  options.array = line.option("array").value_or("");
  options.has_target = choice(line, "label_size", {"0", "1"}) == 1;
  constexpr Header kHeaders[] = {Header::kAuto, Header::kYes, Header::kNo};
  options.header = kHeaders[choice(line, "header", {"auto", "true", "false"})];
  constexpr std::string_view kDelimiters("\0,;\t|", 5);
  options.delimiter =
      kDelimiters[choice(line, "delimiter", {"auto", "comma", "semicolon", "tab", "pipe"})];
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
                                    shortened_path(*path), std::strerror(errno)));
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
  const LoadedModel model = load_model(model_directory(variables, flags, working_directory));
  if (!model.note.empty()) spdlog::info("{}", model.note);
  kernels::prepare_thread();
  const Predictor& predictor = *model.predictor;
  const std::unique_ptr<RecordReader> reader =
      open_records(*input, input_options(line, model.input));

  Output output(line.option("output"));
  const bool encoded = line.option("encoded").has_value();
  std::string text = encoded ? encoded_header(predictor) : header_line(predictor.schema());
  Predictor::Workspace workspace;
  std::size_t done = 0;
  while (true) {
    Table chunk;
    const std::size_t rows = reader->read(chunk, kChunkRows);
    if (rows > 0) {
      const Features features = predictor.encode(std::move(chunk), done);
      done += rows;
      if (encoded) {
        append_encoded(text, features.view());
      } else {
        append_rows(text, predictor.schema(), predictor.predict(features.view(), workspace));
      }
    }
    if (stop_requested()) {
      throw UserError("Stopped by a signal before all rows were predicted. Run it again.");
    }
    output.write(text);
    text.clear();
    if (rows == 0) break;
  }
  output.commit();
}

}  // namespace mlp
