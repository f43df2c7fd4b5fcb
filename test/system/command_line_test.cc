#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "test/system/made_data.h"
#include "test/system/mlp_program.h"

// What words and flags the program takes, and with which exit code it answers the others.

namespace mlp::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

ProgramEnd run_words(Arguments words) { return run_program(native("/", std::move(words))); }

}  // namespace

TEST_SUITE("system/command_line") {
  TEST_CASE("mlp: --help and --version answer on stdout and end with 0") {
    for (const Arguments& words : {Arguments{"--help"},
                                   {"-h"},
                                   {"train", "--help"},
                                   {"predict", "--help"},
                                   {"describe", "-h"}}) {
      const ProgramEnd help = run_words(words);
      CHECK(help.exit_code == 0);
      for (const char* word :
           {"mlp predict", "--model_dir", "--learning_rate", "SM_CHANNEL_TRAINING"}) {
        CHECK(contains(help.out, word));
      }
    }
    const ProgramEnd version = run_words({"--version"});
    CHECK(version.exit_code == 0);
    CHECK(version.out.starts_with("mlp " MLP_VERSION " ("));
  }

  TEST_CASE("mlp describe: prints every hyperparameter and metric definition as JSON") {
    const ProgramEnd end = run_words({"describe"});
    REQUIRE(end.exit_code == 0);
    const json description = json::parse(end.out);
    std::vector<std::string> names;
    for (const json& entry : description["hyperparameters"]) {
      names.push_back(entry["name"]);
      for (const char* key : {"type", "default", "help", "tunable"}) CHECK(entry.contains(key));
    }
    for (const char* name : {"dense_hidden", "activation", "task", "target", "loss", "optimizer",
                             "epochs", "eval_metrics", "seed", "num_threads"}) {
      CAPTURE(name);
      CHECK(std::find(names.begin(), names.end(), name) != names.end());
    }
    CHECK(description["metric_definitions"].size() == 15);
    for (const json& definition : description["metric_definitions"]) {
      CHECK(definition["Name"].is_string());
      CHECK(definition["Regex"].is_string());
    }
  }

  TEST_CASE("mlp describe: more metric definitions than SageMaker takes are not for pasting") {
    const std::string many =
        "auc,auc_pr,log_loss,brier,calibration_error,f1_micro,f1_macro,f1_weighted,recall_micro,"
        "recall_macro,recall_weighted,precision_micro,precision_macro";
    for (const char* format : {"v2", "v3", "tuner"}) {
      const ProgramEnd end = run_words(
          {"describe", "--format", format, "--task", "classification", "--eval_metrics", many});
      CHECK(end.exit_code == 2);
      CHECK(end.err.find("45 metric definitions, but SageMaker takes 40") != std::string::npos);
    }
    const ProgramEnd all = run_words({"describe", "--eval_metrics", many});
    CHECK(json::parse(all.out)["metric_definitions"].size() > 40);
  }

  TEST_CASE("mlp --help: shows each hyperparameter once, with its choices and default") {
    const std::vector<std::string> lines = lines_of(run_words({"--help"}).out);
    const json description = json::parse(run_words({"describe"}).out);
    const auto begins_with = [&lines](const std::string& start) {
      return std::count_if(lines.begin(), lines.end(),
                           [&](const std::string& line) { return line.starts_with(start); });
    };
    for (const json& entry : description["hyperparameters"]) {
      const std::string name = entry["name"];
      CAPTURE(name);
      // Other commands have options of these names.
      const bool is_shared = name == "header" || name == "delimiter" || name == "task" ||
                             name == "eval_metrics" || name == "metric_style";
      CHECK(begins_with("  --" + name + " ") == (is_shared ? 2 : 1));
      CHECK(begins_with("  " + entry["group"].get<std::string>() + ":") == 1);
    }
    CHECK(begins_with("  --check  ") == 1);
    CHECK(begins_with("  --optimizer                 Rule") == 1);
    const auto optimizer = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
      return line.starts_with("  --optimizer ");
    });
    CHECK(optimizer->ends_with(" adam|adamw|sgd [adam]"));
  }

  TEST_CASE("mlp describe: a task's ranges are those that make sense for it") {
    const auto tunable = [](const Arguments& words) {
      std::vector<std::string> names;
      Arguments all = {"describe"};
      all.insert(all.end(), words.begin(), words.end());
      const json description = json::parse(run_words(all).out);
      for (const json& entry : description["hyperparameters"]) {
        CHECK(entry.contains("tuning_range") == entry["tunable"].get<bool>());
        if (entry["tunable"]) names.push_back(entry["name"]);
      }
      return names;
    };
    std::vector<std::string> all = tunable({});
    CHECK(all == std::vector<std::string>{"dense_hidden", "activation", "drop_rate",
                                          "label_smoothing", "optimizer", "learning_rate",
                                          "batch_size", "momentum", "weight_decay", "schedule",
                                          "epochs"});
    for (const char* task : {"classification", "binary", "multilabel", "auto"}) {
      CHECK(tunable({"--task", task}) == all);
    }
    std::erase(all, "label_smoothing");
    CHECK(tunable({"--task", "regression"}) == all);
  }

  TEST_CASE("mlp describe --format v2 and v3: hold every range and metric definition") {
    const json description = json::parse(run_words({"describe"}).out);
    for (const char* version : {"v2", "v3"}) {
      const ProgramEnd end = run_words({"describe", "--format", version});
      REQUIRE(end.exit_code == 0);
      CHECK(contains(end.out, "\"epochs\": IntegerParameter(50, 200, scaling_type=\"Linear\"),"));
      CHECK(contains(end.out,
                     "\"learning_rate\": ContinuousParameter(0.0001, 0.1, "
                     "scaling_type=\"Logarithmic\"),"));
      CHECK(contains(end.out,
                     "\"optimizer\": CategoricalParameter([\"adam\", \"adamw\", \"sgd\"]),"));
      CHECK(contains(end.out, "objective_metric_name=\"validation:loss\""));
      for (const json& entry : description["hyperparameters"]) {
        CHECK(contains(end.out, "    " + entry["name"].dump() + ": ") == entry["tunable"]);
      }
      for (const json& definition : description["metric_definitions"]) {
        CHECK(contains(end.out, "{\"Name\": " + definition["Name"].dump() + ", \"Regex\": r\"" +
                                    definition["Regex"].get<std::string>() + "\"},"));
      }
    }
    CHECK(contains(run_words({"describe", "--format", "v2"}).out, "from sagemaker.tuner import"));
    CHECK(contains(run_words({"describe", "--format", "v3"}).out,
                   "from sagemaker.core.parameter import"));
  }

  TEST_CASE("mlp describe --format tuner: values are texts, as the service's API wants them") {
    const json job = json::parse(run_words({"describe", "--format", "tuner"}).out);
    const json& ranges = job["ParameterRanges"];
    CHECK(ranges["IntegerParameterRanges"][0] == json{{"Name", "dense_hidden"},
                                                      {"MinValue", "32"},
                                                      {"MaxValue", "512"},
                                                      {"ScalingType", "Logarithmic"}});
    CHECK(ranges["IntegerParameterRanges"].size() == 3);
    CHECK(ranges["ContinuousParameterRanges"][0] == json{{"Name", "drop_rate"},
                                                         {"MinValue", "0.0"},
                                                         {"MaxValue", "1.0"},
                                                         {"ScalingType", "Linear"}});
    CHECK(ranges["ContinuousParameterRanges"].size() == 5);
    CHECK(ranges["CategoricalParameterRanges"][1] ==
          json{{"Name", "optimizer"}, {"Values", {"adam", "adamw", "sgd"}}});
    CHECK(ranges["CategoricalParameterRanges"].size() == 3);
    CHECK(job["MetricDefinitions"] ==
          json::parse(run_words({"describe"}).out)["metric_definitions"]);
  }

  TEST_CASE("mlp describe --format markdown: is the page in docs, which make docs writes") {
    const ProgramEnd end = run_words({"describe", "--format", "markdown"});
    REQUIRE(end.exit_code == 0);
    CHECK(end.out == read_bytes(fs::path(MLP_SOURCE_DIR) / "docs/hyperparameters.md"));
    CHECK(run_words({"describe", "--format", "markdown", "--page", "hyperparameters"}).out ==
          end.out);
  }

  TEST_CASE("mlp: an unknown word ends with 2, on stderr and in the failure file") {
    BaseDirectory base;
    base.write("output/failure", "UserError: an earlier run's");
    const ProgramEnd end = run_program(in_base(base, {"trian"}));
    CHECK(end.exit_code == 2);
    CHECK(end.out.empty());
    for (const std::string& text : {end.err, base.failure().value_or("")}) {
      CHECK(contains(text, "\"trian\" is neither a command of mlp"));
      CHECK(contains(text, "mlp --help"));
    }
    CHECK(base.failure()->starts_with("UserError: "));
    CHECK(run_words({"trian"}).exit_code == 2);
  }

  TEST_CASE("mlp: a word that is a command on PATH becomes that command, with its arguments") {
    CHECK(run_words({"sh", "-c", "exit 7"}).exit_code == 7);
    const ProgramEnd echo = run_words({"printf", "%s|", "--epochs", "a  b", "-x-y", ""});
    CHECK(echo.exit_code == 0);
    CHECK(echo.out == "--epochs|a  b|-x-y||");

    // As SDK v3's local mode cleans up with the training image.
    const TempDirectory folder;
    const fs::path file = folder.write("delete/a", "");
    fs::permissions(file, fs::perms::none);
    CHECK(run_words({"chmod", "-R", "777", (folder / "delete").string()}).exit_code == 0);
    CHECK(fs::status(file).permissions() == fs::perms::all);
  }

  TEST_CASE("mlp train: a misspelt hyperparameter ends with 1 and names the closest") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", clouds_csv(40, {"0", "1"}, 1));
    for (const Arguments& words : {Arguments{"train", "--epohcs", "5"}, {"--epohcs=5"}}) {
      const ProgramEnd end = run_program(in_base(base, words));
      CHECK(end.exit_code == 1);
      CHECK(contains(end.err, "\"epohcs\" (did you mean epochs?)"));
      CHECK(contains(base.failure().value_or(""), "\"epohcs\" (did you mean epochs?)"));
    }
  }

  TEST_CASE("mlp train: in names of flags - and _ are alike, and = may stand before the value") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", clouds_csv(40, {"0", "1"}, 1));
    const auto model = [&](Arguments words) {
      words.insert(words.begin(), {"train", "--epochs=2"});
      CHECK(epoch_lines(run_well(in_base(base, std::move(words))).out) == 2);
      return read_bytes(base.model_dir() / "model.h5");
    };
    const std::string expected = model({"--batch_size", "16", "--dense_hidden", "8,4"});
    CHECK(model({"--batch-size=16", "--dense-hidden=[8, 4]"}) == expected);
    CHECK(model({"--dense_hidden", "8,4", "--batch-size", "16"}) == expected);
    CHECK(model({"--dense_hidden", "8,4", "--batch-size", "8"}) != expected);
  }

  TEST_CASE("mlp: words and flags that no command takes end with 2") {
    struct Case {
      Arguments words;
      const char* said;
    };
    for (const Case& c :
         {Case{{"train", "stray"}, "unexpected argument \"stray\""},
          {{"train", "--epochs", "2", "stray"}, "unexpected argument \"stray\""},
          {{"train", "-e", "2"}, "-e"},
          {{"train", "--epochs"}, "epochs"},
          {{"predict"}, "--input FILE is missing"},
          {{"predict", "rows.csv"}, "unexpected argument \"rows.csv\""},
          {{"predict", "--epochs", "2"}, "--epochs"},
          {{"predict", "--input", "rows.csv", "--label_size", "2"}, nullptr},
          {{"train", "--check=false"}, "--check takes no value"},
          {{"train", "--check", "true"}, "unexpected argument \"true\""},
          {{"train", "--check="}, "--check takes no value"},
          {{"predict", "--check"}, "unexpected argument \"--check\""},
          {{"describe", "all"}, "unexpected argument \"all\""},
          {{"describe", "--formt", "v2"}, "unexpected argument \"--formt\""},
          {{"describe", "--format"}, "format"},
          {{"describe", "--format", "v4"},
           "--format is one of json, v2, v3, tuner, markdown, but found \"v4\""},
          {{"describe", "--format", "markdown", "--page", "all"},
           "--page is one of hyperparameters, metrics, but found \"all\""},
          {{"describe", "--page", "metrics"}, "--format markdown only"},
          {{"describe", "--task", "clustering"},
           "found \"clustering\", expected one of auto, classification"},
          {{"describe", "--eval_metrics", "[auc"}, "expected a name, or a list"},
          {{"describe", "--eval_metrics", "auk"}, "there is no metric \"auk\""},
          {{"describe", "--format", "v3", "--eval_metrics",
            "auc,auc_pr,brier,log_loss,balanced_accuracy,f1_macro,f1_micro,f1_weighted,mse,r2"},
           "metric definitions, but SageMaker takes 40 at most. Give --task"},
          {{"describe", "--metric-style", "csv"},
           "found \"csv\", expected one of keras, xgboost, sagemaker"}}) {
      CAPTURE(c.words.back());
      // In a folder without data, so that nothing is trained by mistake.
      const TempDirectory folder;
      const ProgramEnd end = run_program(native(folder.path(), c.words));
      CHECK(end.out.empty());
      if (c.said == nullptr) {
        CHECK(end.exit_code == 1);  // there is no model, which comes first
        continue;
      }
      CHECK(end.exit_code == 2);
      CHECK(contains(end.err, c.said));
    }
    BaseDirectory base;
    base.write("output/failure", "UserError: an earlier run's");
    CHECK(run_program(in_base(base, {"train", "stray"})).exit_code == 2);
    CHECK(contains(base.failure().value_or(""),
                   "UserError: mlp train: unexpected argument \"stray\""));
  }
}

}  // namespace mlp::test
