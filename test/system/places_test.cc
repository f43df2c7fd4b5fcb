#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "test/system/made_data.h"
#include "test/system/mlp_program.h"

// Where the program finds its data, its settings and the places for its results.

namespace mlp::test {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kReports = {"evaluation.json", "history.csv", "metrics.json",
                                           "prediction.csv"};
const std::vector<std::string> kModel = {"model.h5"};

// Not the ones that the tests run as.
constexpr uid_t kOwner = 1234;
constexpr gid_t kGroup = 2345;

// Three sets of rows that the log tells apart by their number.
std::string rows_csv(std::size_t rows) { return clouds_csv(rows, {"0", "1", "2"}, 7); }

void check_training_rows(const ProgramEnd& end, std::size_t rows) {
  INFO(end.err);
  CHECK(end.err.find(fmt::format("Rows: {} training", rows)) != std::string::npos);
}

}  // namespace

TEST_SUITE("system/places") {
  TEST_CASE(
      "mlp: the job of the Keras script runs in ./data, ./model and ./output, without flags") {
    const TempDirectory folder;
    folder.write("data/mnist.npz", small_mnist_npz());
    const ProgramEnd end = run_well(native(folder.path()));
    CHECK(epoch_lines(end.out) == 5);
    CHECK(content_of(folder / "model") == kModel);
    CHECK(content_of(folder / "output") == kReports);
    check_training_rows(end, 2000);
    CHECK(end.err.find("500 validation") != std::string::npos);
    // The patterns are easy: the Keras script's flags learn them.
    CHECK(std::stod(captures(end.out, "val_accuracy: ([0-9\\.]+)").back()) > 0.9);
  }

  TEST_CASE("mlp train: folders and files come from flags") {
    const TempDirectory folder;
    folder.write("rows/a.csv", rows_csv(40));
    const fs::path validation = folder.write("v/rows.csv", rows_csv(20));
    folder.write("t.csv", rows_csv(10));
    const ProgramEnd end = run_well(native(
        folder.path(), {"train", "--train", "rows", "--validation=" + validation.string(), "--test",
                        "t.csv", "--model-dir", "m/deep", "--output_dir", "o", "--epochs=1"}));
    CHECK(end.err.find("Rows: 40 training, 20 validation, 10 test") != std::string::npos);
    CHECK(content_of(folder / "m/deep") == kModel);
    CHECK(content_of(folder / "o") == kReports);
    CHECK(!fs::exists(folder / "model"));
    CHECK(!fs::exists(folder / "output"));
  }

  TEST_CASE("mlp train: folders come from the SM_ variables that the Keras script reads") {
    const TempDirectory folder;
    folder.write("in/a.csv", rows_csv(40));
    folder.write("testing/a.csv", rows_csv(10));
    const ProgramEnd end = run_well(native(folder.path(), {"--epochs", "1"},
                                           {{"SM_CHANNEL_TRAINING", (folder / "in").string()},
                                            {"SM_CHANNEL_TESTING", (folder / "testing").string()},
                                            {"SM_MODEL_DIR", (folder / "m").string()},
                                            {"SM_OUTPUT_DATA_DIR", (folder / "o").string()}}));
    CHECK(end.err.find("Rows: 40 training, 10 test") != std::string::npos);
    CHECK(content_of(folder / "m") == kModel);
    CHECK(content_of(folder / "o") == kReports);
  }

  TEST_CASE("mlp train: everything comes from the base directory, as SageMaker lays it out") {
    BaseDirectory base;
    base.set_hyperparameters({{"epochs", "2"}, {"batch-size", "\"32\""}, {"drop_rate", "0.1"}});
    base.add_channel("training", "mnist.npz", small_mnist_npz());
    const ProgramEnd end = run_well(in_base(base, {"train"}, {{"TRAINING_JOB_NAME", "job-1"}}));
    CHECK(epoch_lines(end.out) == 2);
    check_training_rows(end, 2000);
    CHECK(content_of(base.model_dir()) == kModel);
    CHECK(content_of(base.output_dir()) == kReports);
    CHECK(!base.failure());
  }

  TEST_CASE("mlp train: a flag wins over an SM_ variable, and that over the base directory") {
    BaseDirectory base;
    base.set_hyperparameters({{"epochs", "1"}});
    base.add_channel("training", "rows.csv", rows_csv(40));
    base.write("variable/rows.csv", rows_csv(50));
    base.write("flag/rows.csv", rows_csv(60));
    const VariableMap variables = {{"SM_CHANNEL_TRAINING", (base / "variable").string()},
                                   {"SM_MODEL_DIR", (base / "variable-model").string()},
                                   {"SM_OUTPUT_DATA_DIR", (base / "variable-output").string()}};

    check_training_rows(run_well(in_base(base)), 40);
    CHECK(content_of(base.model_dir()) == kModel);

    check_training_rows(run_well(in_base(base, {"train"}, variables)), 50);
    CHECK(content_of(base / "variable-model") == kModel);
    CHECK(!content_of(base / "variable-output").empty());

    const Arguments flags = {"--train",      (base / "flag").string(),
                             "--model_dir",  (base / "flag-model").string(),
                             "--output_dir", (base / "flag-output").string()};
    check_training_rows(run_well(in_base(base, flags, variables)), 60);
    CHECK(content_of(base / "flag-model") == kModel);
    CHECK(!content_of(base / "flag-output").empty());
  }

  TEST_CASE("mlp train: a hyperparameter comes from its flag, then the file, then the default") {
    BaseDirectory base;
    base.add_channel("train", "rows.csv", rows_csv(40));
    CHECK(epoch_lines(run_well(in_base(base)).out) == 5);
    base.set_hyperparameters({{"epochs", "3"}});
    CHECK(epoch_lines(run_well(in_base(base)).out) == 3);
    CHECK(epoch_lines(run_well(in_base(base, {"train", "--epochs", "2"})).out) == 2);
  }

  TEST_CASE("mlp train: a channel may be one file that has lost its name") {
    struct Case {
      const char* name;
      std::string bytes;
      std::size_t rows;
    };
    for (const Case& c : {Case{"npz", small_mnist_npz(), 2000}, Case{"csv", rows_csv(40), 40}}) {
      CAPTURE(c.name);
      BaseDirectory base;
      base.set_hyperparameters({{"epochs", "1"}});
      base.add_channel("training", "", c.bytes);
      REQUIRE(fs::is_regular_file(base / "input/data/training"));
      check_training_rows(run_well(in_base(base)), c.rows);
    }
  }

  TEST_CASE("mlp train: a base without configuration has the folders of input/data as channels") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", rows_csv(40));
    base.add_channel("validation", "rows.csv", rows_csv(20));
    fs::remove_all(base / "input/config");
    const ProgramEnd end = run_well(in_base(base, {}));
    CHECK(end.err.find("40 training, 20 validation") != std::string::npos);
    CHECK(captures(end.err, "(There is no .*input/config)").size() == 1);
    CHECK(epoch_lines(end.out) == 5);
  }

  TEST_CASE("mlp train: a model channel of an earlier job and a code channel are no data") {
    BaseDirectory base;
    base.set_hyperparameters({{"epochs", "1"}});
    base.add_channel("training", "rows.csv", rows_csv(40));
    base.add_channel("model", "model.tar.gz", "no archive");
    base.add_channel("code", "sourcedir.tar.gz", "no archive");
    check_training_rows(run_well(in_base(base)), 40);
  }

  TEST_CASE("mlp train: the working directory need not be writable") {
    BaseDirectory base;
    base.set_hyperparameters({{"epochs", "1"}});
    base.add_channel("training", "rows.csv", rows_csv(40));
    ProgramStart start = in_base(base);
    start.working_directory = "/proc";  // where not even root can make a file
    run_well(start);
    CHECK(content_of(base.model_dir()) == kModel);
  }

  TEST_CASE("mlp train: an unprivileged user can train where the folders are the user's") {
    if (::geteuid() != 0) {
      MESSAGE("skipped: needs root to become another user");
      return;
    }
    BaseDirectory base;
    base.set_hyperparameters({{"epochs", "1"}});
    base.add_channel("training", "rows.csv", rows_csv(40));
    REQUIRE(::chown(base.path().c_str(), kOwner, kGroup) == 0);
    ProgramStart start = in_base(base);
    start.uid = kOwner;
    // The failure file's folder is made by the program too, since the user owns the base.
    REQUIRE(!fs::exists(base / "output"));
    run_well(start);
    CHECK(content_of(base.model_dir()) == kModel);
  }

  TEST_CASE("mlp train: what root makes belongs to the owner of the folder it is put in") {
    if (::geteuid() != 0) {
      MESSAGE("skipped: needs root to give files away");
      return;
    }
    BaseDirectory base;
    base.set_hyperparameters({{"epochs", "1"}});
    base.add_channel("training", "rows.csv", rows_csv(40));
    REQUIRE(::chown(base.path().c_str(), kOwner, kGroup) == 0);
    const auto check_owner = [](const fs::path& path) {
      CAPTURE(path.string());
      struct stat status {};
      REQUIRE(::stat(path.c_str(), &status) == 0);
      CHECK(status.st_uid == kOwner);
      CHECK(status.st_gid == kGroup);
    };
    run_well(in_base(base));
    for (const char* name : {"model", "model/model.h5", "output", "output/data"}) {
      check_owner(base / name);
    }
    for (const std::string& name : content_of(base.output_dir())) {
      check_owner(base.output_dir() / name);
    }
    REQUIRE(run_program(in_base(base, {"train", "--epochs", "0"})).exit_code == 1);
    check_owner(base / "output/failure");
  }
}

}  // namespace mlp::test
