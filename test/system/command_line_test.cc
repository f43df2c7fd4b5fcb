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
    for (const Arguments& words :
         {Arguments{"--help"}, {"-h"}, {"train", "--help"}, {"predict", "--help"}}) {
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
    CHECK(description["metric_definitions"].size() == 10);
    for (const json& definition : description["metric_definitions"]) {
      CHECK(definition["Name"].is_string());
      CHECK(definition["Regex"].is_string());
    }
  }

  TEST_CASE("mlp serve: ends with 2 and says that it is still to come") {
    const ProgramEnd end = run_words({"serve"});
    CHECK(end.exit_code == 2);
    CHECK(contains(end.err, "can't serve yet"));
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
    for (const Case& c : {Case{{"train", "stray"}, "unexpected argument \"stray\""},
                          {{"train", "--epochs", "2", "stray"}, "unexpected argument \"stray\""},
                          {{"train", "-e", "2"}, "-e"},
                          {{"train", "--epochs"}, "epochs"},
                          {{"predict"}, "--input FILE is missing"},
                          {{"predict", "rows.csv"}, "unexpected argument \"rows.csv\""},
                          {{"predict", "--epochs", "2"}, "--epochs"},
                          {{"predict", "--input", "rows.csv", "--label_size", "2"}, nullptr},
                          {{"describe", "all"}, "unexpected argument \"all\""}}) {
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
