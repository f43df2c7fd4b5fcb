#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "test/runtime/data/made_files.h"
#include "test/support/messages.h"
#include "test/system/made_data.h"
#include "test/system/mlp_program.h"

// What the settings of a job do, from hyperparameters to what it leaves behind.

namespace mlp::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

struct Results {
  std::string model;
  std::string all;  // every file that a run leaves
};

// What a native run over one file leaves behind, in a folder of its own.
Results results(const std::string& file, const std::string& bytes, Arguments arguments,
                std::optional<std::size_t> cpu = std::nullopt) {
  const TempDirectory folder;
  folder.write("data/" + file, bytes);
  ProgramStart start = native(folder.path(), std::move(arguments));
  start.cpu = cpu;
  run_well(start);
  Results found = {read_bytes(folder / "model/model.h5"), ""};
  for (const std::string& name : content_of(folder / "output"))
    found.all += name + read_bytes(folder / "output" / name);
  found.all += found.model;
  return found;
}

// Labels with a comma between them, beside the features of clouds_csv().
std::string multilabel_csv(std::size_t rows) {
  std::string text = "big,round,f1,f2,f3,f4\n";
  const std::string clouds = clouds_csv(rows, {"0,0", "1,0", "0,1", "1,1"}, 4);
  return text + clouds;
}

// prices_csv() with a second target at the end: the first feature.
std::string two_targets_csv(std::size_t rows) {
  std::string text = "price,f1,f2,f3,tax\n";
  for (const std::string& line : lines_of(prices_csv(rows, 1))) {
    const std::size_t first = line.find(',') + 1;
    text += fmt::format("{},{}\n", line, line.substr(first, line.find(',', first) - first));
  }
  return text;
}

}  // namespace

TEST_SUITE("system/settings") {
  TEST_CASE("mlp train: equal runs give equal bytes with every setting, on one core or two") {
    const std::string csv = clouds_csv(240, {"a", "b", "c"}, 1);
    // Wide enough for a plan of two shards.
    const Arguments common = {"--epochs",       "2",      "--validation_split", "0.2",
                              "--dense_hidden", "128,64", "--num_threads",      "2",
                              "--batch_size",   "80"};
    const std::string standard = results("rows.csv", csv, common).model;
    const std::vector<Arguments> cases = {
        {"--optimizer", "adamw"},
        {"--optimizer", "sgd"},
        {"--optimizer", "sgd", "--momentum", "0.9", "--nesterov", "true"},
        {"--weight_decay", "0.1"},
        {"--global_clipnorm", "0.01"},
        {"--schedule", "cosine", "--warmup_epochs", "1"},
        {"--schedule", "step", "--decay_epochs", "1"},
        {"--class_weight", "balanced"},
        {"--class_weight", "a=3,b=0.5"},
        {"--label_smoothing", "0.1"},
        {"--activation", "gelu"},
        {"--kernel_initializer", "he_normal"},
        {"--early_stopping_patience", "0", "--early_stopping_metric", "val_f1_macro"},
        {"--eval_metrics", "auc,brier"},
    };
    for (const Arguments& extra : cases) {
      CAPTURE(fmt::format("{}", fmt::join(extra, " ")));
      Arguments arguments = common;
      arguments.insert(arguments.end(), extra.begin(), extra.end());
      const Results first = results("rows.csv", csv, arguments);
      CHECK(first.model != standard);
      CHECK(results("rows.csv", csv, arguments).all == first.all);
      CHECK(results("rows.csv", csv, arguments, 0).all == first.all);
    }
  }

  TEST_CASE("mlp train: binary, multilabel and several targets end in predictions and reports") {
    struct Case {
      const char* name;
      std::string csv;
      Arguments arguments;
      const char* group;
      const char* header;
      const char* first_truth;
    };
    const std::vector<Case> cases = {
        {"binary",
         "kind,f1,f2,f3,f4\n" + clouds_csv(200, {"no", "yes"}, 1),
         {"--target", "kind", "--task", "binary"},
         "binary_classification_metrics",
         "label,probability_no,probability_yes",
         "no,"},
        {"multilabel",
         multilabel_csv(200),
         {"--target", "big,round"},
         "multilabel_classification_metrics",
         "label_big,label_round,probability_big,probability_round",
         "0.000000000000000000e+00,0.000000000000000000e+00,"},
        {"several targets",
         two_targets_csv(200),
         {"--target", "[\"tax\", \"price\"]", "--loss", "huber"},
         "regression_metrics",
         "prediction_tax,prediction_price",
         ""},
    };
    for (const Case& c : cases) {
      CAPTURE(std::string(c.name));
      const TempDirectory folder;
      folder.write("data/rows.csv", c.csv);
      Arguments arguments = {"--epochs", "60", "--validation_split", "0.2", "--drop_rate", "0"};
      arguments.insert(arguments.end(), c.arguments.begin(), c.arguments.end());
      const ProgramEnd end = run_well(native(folder.path(), arguments));
      CHECK(epoch_lines(end.out) == 60);
      const json report = json::parse(read_bytes(folder / "output/evaluation.json"));
      CHECK(report.contains(c.group));
      const json metrics = json::parse(read_bytes(folder / "output/metrics.json"));
      const char* const score = std::string(c.name) == "several targets" ? "r2" : "accuracy";
      CHECK(metrics["validation"][score].get<double>() > 0.9);
      CHECK(metrics["training"][score].get<double>() > 0.9);
      CHECK(fs::exists(folder / "output/prediction.csv"));

      const ProgramEnd predicted = run_well(
          native(folder.path(), {"predict", "--input", (folder / "data/rows.csv").string()}));
      const std::vector<std::string> lines = lines_of(predicted.out);
      REQUIRE(lines.size() == 201);
      CHECK(lines[0] == c.header);
    }
  }

  TEST_CASE("mlp train: a loss tells the task where that is left open") {
    struct Case {
      const char* loss;
      const char* task;
    };
    for (const Case& c : {Case{"mae", "Task: regression"},
                          Case{"binary_crossentropy", "Task: binary, \"1\" against \"0\""},
                          Case{"sparse_categorical_crossentropy", "Task: classification, 2"}}) {
      CAPTURE(std::string(c.loss));
      const TempDirectory folder;
      folder.write("data/rows.csv", clouds_csv(40, {"0", "1"}, 1));
      const ProgramEnd end = run_well(native(folder.path(), {"--epochs", "1", "--loss", c.loss}));
      check_contains(end.err, {c.task});
    }
  }

  TEST_CASE("mlp train: metrics of the final model are printed and written, for each set of rows") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", clouds_csv(100, {"0", "1"}, 1));
    base.add_channel("validation", "rows.csv", clouds_csv(40, {"0", "1"}, 2));
    base.add_channel("test", "rows.csv", clouds_csv(30, {"0", "1"}, 3));
    base.set_hyperparameters({{"epochs", "4"}});
    const ProgramEnd end = run_well(in_base(base));
    const json metrics = json::parse(read_bytes(base.output_dir() / "metrics.json"));
    for (const auto& [set, prefix] :
         {std::pair{"training", ""}, std::pair{"validation", "val_"}, std::pair{"test", "test_"}}) {
      CAPTURE(std::string(set));
      CHECK(metrics[set].contains("calibration_error"));
      const std::vector<std::string> printed =
          captures(end.out, fmt::format("^Final.* - {}auc=([0-9.]+)", prefix));
      REQUIRE(printed.size() == 1);
      CHECK(printed[0] == fmt::format("{:.6f}", metrics[set]["auc"].get<double>()));
    }
    // Nothing of it is taken for an epoch's loss.
    CHECK(captures(end.out, R"(loss: ([0-9\.]+))").size() == 4);
  }

  TEST_CASE("mlp train: early stopping keeps the best epoch, which the reports are about") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", clouds_csv(60, {"0", "1"}, 1));
    // Labels that contradict the training rows, so that more training is worse.
    base.add_channel("validation", "rows.csv", "1,3,0,0,0\n0,0,3,0,0\n0,3,0,0,0\n");
    base.set_hyperparameters({{"epochs", "500"}, {"early_stopping_patience", "3"}});
    const ProgramEnd end = run_well(in_base(base));
    auto columns = history_columns(base.output_dir() / "history.csv");
    const std::vector<std::string>& losses = columns["val_loss"];
    REQUIRE(losses.size() < 500);
    REQUIRE(losses.size() > 3);
    const std::size_t best = losses.size() - 4;
    CHECK(end.err.find(fmt::format("Early stopping: val_loss was best in epoch {}", best + 1)) !=
          std::string::npos);
    const json metrics = json::parse(read_bytes(base.output_dir() / "metrics.json"));
    CHECK(fmt::format("{:.6f}", metrics["validation"]["loss"].get<double>()) == losses[best]);
  }

  TEST_CASE("mlp train: early stopping by what no epoch will have is refused") {
    struct Case {
      json hyperparameters;
      bool validates;
      std::vector<std::string_view> words;
    };
    const std::vector<Case> cases = {
        {{{"early_stopping_patience", "2"}},
         false,
         {"watch val_loss", "no validation rows", "validation_split"}},
        {{{"early_stopping_patience", "2"}, {"early_stopping_metric", "val_acuracy"}},
         true,
         {"\"val_acuracy\"", "Did you mean accuracy?"}},
        {{{"early_stopping_patience", "2"}, {"early_stopping_metric", "rmse"}},
         true,
         {"\"rmse\"", "task classification does not have"}},
        {{{"loss", "huber"}, {"task", "classification"}},
         true,
         {"loss is huber", "categorical_crossentropy"}},
        {{{"eval_metrics", "auk"}}, true, {"\"auk\"", "auc"}},
        {{{"eval_metrics", "rmse"}}, true, {"rmse", "classification"}},
        {{{"class_weight", "a=2"}}, true, {"\"a\""}},
    };
    for (const Case& c : cases) {
      CAPTURE(c.hyperparameters.dump());
      BaseDirectory base;
      base.add_channel("training", "rows.csv", clouds_csv(40, {"0", "1"}, 1));
      if (c.validates) base.add_channel("validation", "rows.csv", clouds_csv(40, {"0", "1"}, 2));
      base.set_hyperparameters(c.hyperparameters);
      const ProgramEnd end = run_program(in_base(base));
      CHECK(end.exit_code == 1);
      for (const std::string_view word : c.words) {
        CAPTURE(word);
        CHECK(base.failure().value_or("").find(word) != std::string::npos);
      }
      CHECK(content_of(base.model_dir()).empty());
    }
  }

  TEST_CASE(
      "mlp train: early stopping watches a metric by a tuning job's name, without validation") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", clouds_csv(40, {"0", "1"}, 1));
    base.set_hyperparameters({{"epochs", "300"},
                              {"early_stopping_patience", "2"},
                              {"early_stopping_metric", "train:balanced_accuracy"}});
    const ProgramEnd end = run_well(in_base(base));
    CHECK(end.err.find("Early stopping: balanced_accuracy was best") != std::string::npos);
    CHECK(history_columns(base.output_dir() / "history.csv").contains("balanced_accuracy"));
  }

  TEST_CASE("mlp train: max_runtime_seconds ends it with a model and all reports") {
    BaseDirectory base;
    base.add_channel("training", "mnist.npz", small_mnist_npz());
    base.set_hyperparameters({{"epochs", "1000000"}, {"max_runtime_seconds", "1"}});
    const Clock::time_point start = Clock::now();
    const ProgramEnd end = run_well(in_base(base));
    CHECK(Clock::now() - start >= std::chrono::seconds(1));
    CHECK(end.err.find("max_runtime_seconds is over") != std::string::npos);
    CHECK(content_of(base.model_dir()) == std::vector<std::string>{"model.h5"});
    CHECK(content_of(base.output_dir()) == std::vector<std::string>{"evaluation.json",
                                                                    "history.csv", "metrics.json",
                                                                    "prediction.csv"});
    CHECK(history_columns(base.output_dir() / "history.csv")["epoch"].size() ==
          epoch_lines(end.out));
  }

  TEST_CASE("mlp train: a loss that is no number after good epochs keeps the best weights") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", clouds_csv(64, {"0", "1"}, 1));
    // One step an epoch: the first is of size 0, the second of size 10^34.
    base.set_hyperparameters(
        {{"epochs", "50"}, {"learning_rate", "1e38"}, {"warmup_epochs", "10000"}});
    const ProgramEnd end = run_well(in_base(base));
    const std::size_t epochs = epoch_lines(end.out);
    CHECK(epochs >= 1);
    CHECK(epochs < 5);
    check_contains(end.err, {"error: ", "no longer a finite number", "Lower learning_rate",
                             "the best so far, are kept"});
    CHECK(!base.failure());
    CHECK(read_bytes(base.model_dir() / "model.h5").starts_with("\x89HDF"));
    CHECK(history_columns(base.output_dir() / "history.csv")["epoch"].size() == epochs);
  }

  TEST_CASE("mlp train --check: tells what would be trained, and writes nothing") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv",
                     "kind,size,w,same\ncat,1.5,1,7\ndog,2.5,2,7\ncat,0.5,1,7\n");
    base.add_channel("validation", "rows.csv", "kind,size,w,same\ndog,2.5,2,7\n");
    base.set_hyperparameters(
        {{"target", "kind"}, {"weight_column", "w"}, {"dense_hidden", "[8, 4]"}});
    const ProgramEnd end = run_well(in_base(base, {"train", "--check"}));
    check_contains(end.out, {"3 training, 1 validation", "1 features, standardised", "size",
                             "0.5 to 2.5", "same", "constant", "target:     kind", "weights:    w",
                             "classification, 2 classes", "\"cat\" 2, \"dog\" 1",
                             "1-8-4-2, relu, 62 parameters", "5 epochs of 1 steps of 3 rows, adam",
                             "Nothing was trained"});
    // The validation row is a training row.
    check_contains(end.err, {"1 of 1 validation rows (100.0 %)"});
    CHECK(content_of(base.model_dir()).empty());
    CHECK(content_of(base.output_dir()).empty());
    CHECK(!base.failure());

    base.set_hyperparameters({{"target", "knid"}});
    const ProgramEnd bad = run_program(in_base(base, {"train", "--check"}));
    CHECK(bad.exit_code == 1);
    CHECK(bad.err.find("The closest is \"kind\"") != std::string::npos);
  }

  TEST_CASE("mlp train: metric_style writes the lines of XGBoost and of SageMaker's algorithms") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", prices_csv(64, 1));
    base.add_channel("validation", "rows.csv", prices_csv(20, 2));
    base.write("input/config/resourceconfig.json",
               R"({"current_host": "algo-7", "hosts": ["algo-7"]})");
    base.set_hyperparameters({{"epochs", "2"}, {"metric_style", "xgboost"}});
    const ProgramEnd xgboost = run_well(in_base(base));
    CHECK(captures(xgboost.out, "^\\[([0-9]+)\\]\t.*train-rmse:[0-9.]+\t.*validation-rmse:[0-9.]+")
              .size() >= 2);
    CHECK(epoch_lines(xgboost.out) == 0);
    base.set_hyperparameters({{"epochs", "2"}, {"metric_style", "sagemaker"}});
    const ProgramEnd sagemaker = run_well(in_base(base));
    CHECK(captures(sagemaker.out,
                   R"(#quality_metric: host=algo-7, epoch=\S+, train rmse <loss>=(\S+))")
              .size() >= 2);
    CHECK(captures(sagemaker.out, "#progress_metric: host=algo-7, completed ([0-9]+) %").back() ==
          "100");
    CHECK(epoch_lines(sagemaker.out) == 0);
  }

  TEST_CASE("mlp train: epohcs is told to be epochs, on the command line and in the file") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", clouds_csv(40, {"0", "1"}, 1));
    const ProgramEnd flag = run_program(in_base(base, {"train", "--epohcs", "5"}));
    CHECK(flag.exit_code == 1);
    check_contains(flag.err, {"\"epohcs\" (did you mean epochs?)"});
    base.set_hyperparameters({{"epohcs", "5"}});
    const ProgramEnd file = run_program(in_base(base));
    CHECK(file.exit_code == 1);
    check_contains(base.failure().value_or(""), {"\"epohcs\" (did you mean epochs?)"});
  }
}

}  // namespace mlp::test
