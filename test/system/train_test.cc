#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "test/system/made_data.h"
#include "test/system/mlp_program.h"

// What a training run prints and leaves behind.

namespace mlp::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// As the Keras script's users give them to their Estimator.
constexpr const char* kTrainError = R"(loss: ([0-9\.]+))";
constexpr const char* kValidationError = R"(val_loss: ([0-9\.]+))";
constexpr const char* kValidationAccuracy = R"(val_accuracy: ([0-9\.]+))";

// A job over CSV channels.
BaseDirectory& with_csv(BaseDirectory& base, const std::string& training,
                        const std::string& validation, json hyperparameters) {
  base.set_hyperparameters(hyperparameters);
  base.add_channel("training", "rows.csv", training);
  if (!validation.empty()) base.add_channel("validation", "rows.csv", validation);
  return base;
}

// The lines of a log that begin with a word.
std::vector<std::string> lines_with(const std::string& log, std::string_view word) {
  std::vector<std::string> lines = lines_of(log);
  std::erase_if(lines, [&](const std::string& line) { return !line.starts_with(word); });
  return lines;
}

// That stdout is a metric line of the given form for each epoch, lines of the final model's metrics
// and nothing else, and that nothing else looks like one.
void check_log(const ProgramEnd& end, const std::string& form, std::size_t epochs) {
  const std::vector<std::string> lines = lines_with(end.out, "Epoch ");
  CHECK(lines.size() == epochs);
  CHECK(lines_of(end.out).size() == epochs + lines_with(end.out, "Final - ").size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    CAPTURE(lines[i]);
    CHECK(std::regex_match(
        lines[i], std::regex(fmt::format("Epoch {}/{} - [0-9]+s{}", i + 1, epochs, form))));
  }
  CHECK(captures(end.err, "(loss: [0-9])").empty());
  const auto is_control = [](char c) { return c != '\n' && (c == '\x7f' || (c >= 0 && c < ' ')); };
  CHECK(std::ranges::none_of(end.out, is_control));
  CHECK(std::ranges::none_of(end.err, is_control));
}

// That each metric definition of mlp describe finds its own column of history.csv in the epochs'
// lines and its own value of metrics.json in those of the final model, or nothing where there is
// none.
void check_described_metrics(const ProgramEnd& end, const fs::path& output_dir) {
  const json description = json::parse(run_well(native("/", {"describe"})).out);
  const auto columns = history_columns(output_dir / "history.csv");
  const json metrics = json::parse(read_bytes(output_dir / "metrics.json"));
  const std::string epochs = fmt::format("{}\n", fmt::join(lines_with(end.out, "Epoch "), "\n"));
  const std::string final_lines =
      fmt::format("{}\n", fmt::join(lines_with(end.out, "Final "), "\n"));
  std::size_t found = 0;
  for (const json& definition : description["metric_definitions"]) {
    const std::string name = definition["Name"];
    CAPTURE(name);
    const std::string set = name.substr(0, name.find(':'));
    const std::string metric = name.substr(name.find(':') + 1);
    const std::string column = set == "validation" ? "val_" + metric : metric;
    const std::string expression = definition["Regex"];
    const std::vector<std::string> values = captures(epochs + end.err, expression);
    if (set != "test" && columns.contains(column)) {
      CHECK(values == columns.at(column));
      ++found;
    } else {
      CHECK(values.empty());
    }
    const std::string key = set == "train" ? "training" : set;
    const std::vector<std::string> last = captures(final_lines, expression);
    if (metrics.contains(key) && metrics[key].contains(metric)) {
      CHECK(last == std::vector{fmt::format("{:.6f}", metrics[key][metric].get<double>())});
    } else {
      CHECK(last.empty());
    }
  }
  CHECK(found + 1 == columns.size());  // "epoch" is no metric
}

json evaluation(const fs::path& output_dir) {
  return json::parse(read_bytes(output_dir / "evaluation.json"));
}

std::string bytes_of_results(const fs::path& model_dir, const fs::path& output_dir) {
  return read_bytes(model_dir / "model.h5") + read_bytes(output_dir / "history.csv") +
         read_bytes(output_dir / "prediction.csv");
}

// What a native run over some data leaves behind, in a folder of its own.
std::string results(const std::string& file, const std::string& bytes, Arguments arguments,
                    std::optional<std::size_t> cpu = std::nullopt) {
  const TempDirectory folder;
  folder.write("data/" + file, bytes);
  ProgramStart start = native(folder.path(), std::move(arguments));
  start.cpu = cpu;
  run_well(start);
  return bytes_of_results(folder / "model", folder / "output");
}

}  // namespace

TEST_SUITE("system/train") {
  TEST_CASE("Metric lines: one an epoch, alone on stdout, which the usual expressions can read") {
    const TempDirectory folder;
    folder.write("data/mnist.npz", small_mnist_npz());
    const ProgramEnd end = run_well(native(folder.path()));
    check_log(
        end,
        R"( - loss: \d+\.\d{6} - accuracy: \d\.\d{6} - val_loss: \d+\.\d{6} - val_accuracy: \d\.\d{6})",
        5);
    const fs::path history = folder / "output/history.csv";
    CHECK(lines_of(read_bytes(history))[0] == "epoch,loss,accuracy,val_loss,val_accuracy");
    auto columns = history_columns(history);
    const std::string log = end.err + end.out;
    CHECK(captures(log, kTrainError) == columns["loss"]);
    CHECK(captures(log, kValidationError) == columns["val_loss"]);
    CHECK(captures(log, kValidationAccuracy) == columns["val_accuracy"]);
    check_described_metrics(end, history.parent_path());
  }

  TEST_CASE("mlp train: a log line tells when the first step was done") {
    const TempDirectory folder;
    folder.write("data/rows.csv", clouds_csv(60, {"0", "1"}, 1));
    const ProgramEnd end = run_well(native(folder.path(), {"--epochs", "2"}));
    CHECK(captures(end.err, R"(info: Training: first step after (\d+) ms$)").size() == 1);
    const ProgramEnd check = run_well(native(folder.path(), {"--check"}));
    CHECK(check.err.find("first step") == std::string::npos);
  }

  TEST_CASE("Metric lines: without validation rows only the training values are there") {
    const TempDirectory folder;
    folder.write("data/rows.csv", clouds_csv(60, {"0", "1"}, 1));
    const ProgramEnd end = run_well(native(folder.path(), {"--epochs", "3"}));
    check_log(end, R"( - loss: \d+\.\d{6} - accuracy: \d\.\d{6})", 3);
    CHECK(lines_of(read_bytes(folder / "output/history.csv"))[0] == "epoch,loss,accuracy");
  }

  TEST_CASE("Metric lines: a regression has loss, rmse, mae and r2 in original units") {
    BaseDirectory base;
    // The unit of the target is far from 1, so the first epoch's r2 tells of scale_target.
    with_csv(base, prices_csv(400, 1), prices_csv(100, 2), {{"epochs", "20"}, {"drop_rate", "0"}});
    const ProgramEnd end = run_well(in_base(base));
    check_log(
        end,
        R"( - loss: \d+\.\d{6} - rmse: \d+\.\d{6} - mae: \d+\.\d{6} - r2: -?\d+\.\d{6})"
        R"( - val_loss: \d+\.\d{6} - val_rmse: \d+\.\d{6} - val_mae: \d+\.\d{6} - val_r2: -?\d+\.\d{6})",
        20);
    const fs::path history = base.output_dir() / "history.csv";
    CHECK(lines_of(read_bytes(history))[0] ==
          "epoch,loss,rmse,mae,r2,val_loss,val_rmse,val_mae,val_r2");
    check_described_metrics(end, history.parent_path());

    auto columns = history_columns(history);
    const double rmse = std::stod(columns["val_rmse"].back());
    CHECK(rmse > 1);
    CHECK(std::stod(columns["val_loss"].back()) == doctest::Approx(rmse * rmse).epsilon(1e-5));
    CHECK(std::stod(columns["val_r2"].back()) > 0.98);

    const json report = evaluation(base.output_dir());
    CHECK(report["dataset"] == "validation");
    for (const char* name : {"rmse", "mae", "mse", "r2"}) {
      CHECK(report["regression_metrics"][name]["value"].is_number());
      CHECK(report["regression_metrics"][name]["standard_deviation"] == "NaN");
    }
    CHECK(report["regression_metrics"]["rmse"]["value"].get<double>() ==
          doctest::Approx(rmse).epsilon(1e-5));
  }

  TEST_CASE("mlp train: a regression without scale_target is another one") {
    BaseDirectory base;
    with_csv(base, prices_csv(200, 1), "", {{"epochs", "5"}, {"scale_target", "False"}});
    const ProgramEnd end = run_well(in_base(base));
    // Steps of the optimizer's size never get near 50,000 in five epochs.
    CHECK(captures(end.out, "r2: (-[0-9.]+)").size() == 5);
  }

  TEST_CASE("prediction.csv: truth and prediction of each test row, as numpy.savetxt writes them") {
    const TempDirectory folder;
    const Pictures test = make_pictures(500, 3);
    folder.write("data/mnist.npz", small_mnist_npz());
    const ProgramEnd end = run_well(native(folder.path(), {"--epochs", "2"}));
    const std::vector<std::string> lines = lines_of(read_bytes(folder / "output/prediction.csv"));
    REQUIRE(lines.size() == test.rows);
    std::size_t correct = 0;
    const std::regex form(R"((\d\.\d{18}e[+]\d\d),(\d\.\d{18}e[+]\d\d))");
    for (std::size_t row = 0; row < lines.size(); ++row) {
      std::smatch match;
      REQUIRE(std::regex_match(lines[row], match, form));
      CHECK(std::stod(match[1]) == static_cast<double>(test.labels[row]));
      if (match[1] == match[2]) ++correct;
    }
    // The test rows are validation rows too, and these are the last weights.
    const double accuracy = static_cast<double>(correct) / 500;
    CHECK(captures(end.out, kValidationAccuracy).back() == fmt::format("{:.6f}", accuracy));
    const json report = evaluation(folder / "output");
    CHECK(report["dataset"] == "test");
    const json& metrics = report["multiclass_classification_metrics"];
    CHECK(metrics["accuracy"]["value"].get<double>() == accuracy);
    CHECK(metrics["confusion_matrix"].size() == 10);
  }

  TEST_CASE("prediction.csv: text labels stay text") {
    BaseDirectory base;
    with_csv(base, clouds_csv(200, {"cat", "dog", "\"a, b\""}, 1),
             clouds_csv(30, {"cat", "dog", "\"a, b\""}, 2), {{"epochs", "20"}});
    run_well(in_base(base));
    const std::vector<std::string> lines =
        lines_of(read_bytes(base.output_dir() / "prediction.csv"));
    REQUIRE(lines.size() == 30);
    CHECK(lines[0] == "cat,cat");
    CHECK(lines[1] == "dog,dog");
    CHECK(lines[2] == "\"a, b\",\"a, b\"");
  }

  TEST_CASE("evaluation.json: two classes are binary and have an auc") {
    BaseDirectory base;
    with_csv(base, clouds_csv(200, {"0", "1"}, 1), clouds_csv(50, {"0", "1"}, 2),
             {{"epochs", "10"}});
    run_well(in_base(base));
    const json report = evaluation(base.output_dir());
    const json& metrics = report.at("binary_classification_metrics");
    CHECK(metrics["auc"]["value"].get<double>() > 0.99);
    for (const char* name : {"accuracy", "precision", "recall", "f1"}) {
      CHECK(metrics[name]["value"].get<double>() > 0.9);
    }
    CHECK(metrics["confusion_matrix"]["0"].contains("1"));
  }

  TEST_CASE("mlp train: the reports are about the test rows, else the validation rows, else none") {
    BaseDirectory base;
    with_csv(base, clouds_csv(100, {"0", "1"}, 1), "", {{"epochs", "1"}});
    run_well(in_base(base));
    CHECK(content_of(base.output_dir()) == std::vector<std::string>{"history.csv", "metrics.json"});

    const ProgramEnd split = run_well(in_base(base, {"train", "--validation_split", "0.25"}));
    CHECK(split.err.find("Rows: 75 training, 25 validation") != std::string::npos);
    CHECK(evaluation(base.output_dir())["dataset"] == "validation");
    CHECK(lines_of(read_bytes(base.output_dir() / "prediction.csv")).size() == 25);

    base.add_channel("validation", "rows.csv", clouds_csv(20, {"0", "1"}, 2));
    base.add_channel("testing", "rows.csv", clouds_csv(10, {"0", "1"}, 3));
    const ProgramEnd all = run_well(in_base(base));
    CHECK(all.err.find("Rows: 100 training, 20 validation, 10 test") != std::string::npos);
    CHECK(evaluation(base.output_dir())["dataset"] == "test");
    CHECK(lines_of(read_bytes(base.output_dir() / "prediction.csv")).size() == 10);
  }

  TEST_CASE(
      "mlp train: equal seed and num_threads give equal bytes, in any folder, on one core or two") {
    // Large enough for a plan of two shards.
    const Arguments two_threads = {"--epochs",       "2",   "--batch_size",  "64",
                                   "--dense_hidden", "128", "--num_threads", "2",
                                   "--seed",         "5"};
    const std::string npz = mnist_npz(make_pictures(640, 2), make_pictures(100, 3));
    const std::string first = results("mnist.npz", npz, two_threads);
    CHECK(results("mnist.npz", npz, two_threads) == first);
    CHECK(results("mnist.npz", npz, two_threads, 0) == first);

    Arguments other_seed = two_threads;
    other_seed.back() = "6";
    CHECK(results("mnist.npz", npz, other_seed) != first);
  }

  TEST_CASE("mlp train: equal seeds give equal bytes for CSV rows too") {
    const Arguments arguments = {"--epochs",      "3", "--validation_split", "0.2",
                                 "--num_threads", "2"};
    const std::string classes = clouds_csv(300, {"a", "b", "c"}, 1);
    const std::string first = results("rows.csv", classes, arguments);
    CHECK(results("rows.csv", classes, arguments) == first);
    CHECK(results("rows.csv", classes, arguments, 0) == first);
    Arguments other_seed = arguments;
    other_seed.insert(other_seed.end(), {"--seed", "1"});
    CHECK(results("rows.csv", classes, other_seed) != first);

    const std::string numbers = prices_csv(300, 1);
    CHECK(results("rows.csv", numbers, arguments) == results("rows.csv", numbers, arguments, 0));
  }

  TEST_CASE("mlp train: a drop_rate of 1 trains on and reports its metrics") {
    BaseDirectory base;
    base.add_channel("training", "mnist.npz", small_mnist_npz());
    base.set_hyperparameters({{"epochs", "2"}, {"drop_rate", "1.0"}});
    const ProgramEnd end = run_well(in_base(base));
    CHECK(captures(end.out, kTrainError).size() == 2);
    CHECK(captures(end.out, kValidationError).size() == 2);
    CHECK(captures(end.out, kValidationAccuracy).size() == 2);
  }

  TEST_CASE("mlp train: left-overs of earlier runs in its folders do no harm") {
    BaseDirectory base;
    with_csv(base, clouds_csv(100, {"0", "1"}, 1), "", {{"epochs", "1"}});
    const fs::path elsewhere = base.write("elsewhere.h5", "not to be touched");
    fs::create_directories(base.model_dir());
    fs::create_symlink(elsewhere, base.model_dir() / "model.h5");
    base.write("model/notes.txt", "the user's");
    base.write("output/data/prediction.csv", "0,0\n");
    base.write("output/data/evaluation.json", "{}");
    base.write("output/data/metrics.json", "{}");
    base.write("output/data/history.csv", "old");
    base.write("output/failure", "UserError: an earlier run's");

    run_well(in_base(base));
    CHECK(!base.failure());
    CHECK(fs::symlink_status(base.model_dir() / "model.h5").type() == fs::file_type::regular);
    CHECK(read_bytes(elsewhere) == "not to be touched");
    CHECK(read_bytes(base.model_dir() / "notes.txt") == "the user's");
    // This run has no test and no validation rows.
    CHECK(content_of(base.output_dir()) == std::vector<std::string>{"history.csv", "metrics.json"});
    CHECK(read_bytes(base.output_dir() / "history.csv") != "old");
  }

  TEST_CASE("mlp train: a standard output that is closed or that no one reads costs nothing") {
    // More metric lines than a stream's buffer holds.
    for (const StandardOutput output : {StandardOutput::kClosed, StandardOutput::kBroken}) {
      BaseDirectory base;
      with_csv(base, clouds_csv(64, {"0", "1"}, 1), clouds_csv(20, {"0", "1"}, 2),
               {{"epochs", "200"}});
      ProgramStart start = in_base(base);
      start.standard_output = output;
      run_well(start);
      CHECK(history_columns(base.output_dir() / "history.csv")["epoch"].size() == 200);
      CHECK(read_bytes(base.model_dir() / "model.h5").starts_with("\x89HDF"));
      CHECK(!base.failure());
    }
  }
}

}  // namespace mlp::test
