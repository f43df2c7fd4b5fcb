#include "entrypoint/load_data.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/runtime/data/made_files.h"
#include "test/support/messages.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

using Floats = std::vector<float>;
using Rows = std::vector<std::uint32_t>;
using Strings = std::vector<std::string>;
using test::bytes_of;
using test::check_contains;
using test::npy;
using test::TempDirectory;

// A job over files of one folder each; those without a name are not there.
struct Job {
  TempDirectory folder;
  Hyperparameters hyperparameters;
  Environment environment;

  Job() { hyperparameters.scaling = "none"; }

  void training(const std::string& name, const std::string& bytes) {
    environment.training = channel(name, bytes);
  }
  void validation(const std::string& name, const std::string& bytes) {
    environment.validation = channel(name, bytes);
  }
  void test(const std::string& name, const std::string& bytes) {
    environment.test = channel(name, bytes);
  }
  Channel channel(const std::string& name, const std::string& bytes) const {
    return {"channel", folder.write(name, bytes), ""};
  }
  TrainingData load(bool with_summary = false) const {
    return load_data(
        environment, hyperparameters, [] {}, with_summary);
  }
  std::string complaint() const {
    return test::user_error_of([&] { load(); });
  }
};

// Rows "y,w,a" with two of class "no" for each of class "yes"; row i weighs i + 1.
std::string weighed_csv(std::size_t rows) {
  std::string text = "y,w,a\n";
  for (std::size_t row = 0; row < rows; ++row) {
    text += fmt::format("{},{},{}\n", row % 3 == 0 ? "yes" : "no", row + 1, row);
  }
  return text;
}

}  // namespace

TEST_SUITE("entrypoint") {
  TEST_CASE("load_data: several targets and weights reach schema and sets") {
    Job job;
    job.hyperparameters.target = {"b", "a"};
    job.hyperparameters.weight_column = "w";
    job.training("a.csv", "a,b,w,x\n1,2.5,1,7\n3,4,0,8\n");
    job.validation("b.csv", "a,b,w,x\n5,6,2,9\n");
    const TrainingData data = job.load();
    CHECK(data.schema.task == Task::kRegression);
    CHECK(data.schema.targets == 2);
    CHECK(data.schema.target_names == Strings{"b", "a"});
    CHECK(data.schema.weight_name == "w");
    CHECK(data.schema.feature_names == Strings{"x"});
    CHECK(data.training.values == Floats{2.5F, 1, 4, 3});
    CHECK(data.training.weights == Floats{1, 0});
    REQUIRE(data.validation);
    CHECK(data.validation->values == Floats{6, 5});
    CHECK(data.validation->weights == Floats{2});
    CHECK(data.notes.empty());
    CHECK(data.warnings.empty());
  }

  TEST_CASE("load_data: each task that can be asked for is the schema's") {
    const std::string csv = "0,7\n1,8\n";
    for (const auto& [name, task] :
         std::vector<std::pair<std::string, Task>>{{"auto", Task::kClassification},
                                                   {"classification", Task::kClassification},
                                                   {"binary", Task::kBinary},
                                                   {"multilabel", Task::kMultilabel},
                                                   {"regression", Task::kRegression}}) {
      CAPTURE(name);
      Job job;
      job.hyperparameters.task = name;
      job.training("a.csv", csv);
      CHECK(job.load().schema.task == task);
    }
  }

  TEST_CASE("load_data: class weights multiply the training rows' own, and no other rows'") {
    Job job;
    job.hyperparameters.target = {"y"};
    job.hyperparameters.weight_column = "w";
    job.hyperparameters.class_weight = R"({"yes": 10})";
    job.hyperparameters.validation_split = 0.25;
    job.training("a.csv", weighed_csv(40));
    job.test("b.csv", weighed_csv(3));
    const TrainingData data = job.load();
    REQUIRE(data.validation);
    REQUIRE(data.validation->rows.size() == 10);
    REQUIRE(data.training.rows.size() == 30);
    for (const std::uint32_t row : data.training.rows) {
      CAPTURE(row);
      CHECK(data.training.weights[row] == static_cast<float>((row + 1) * (row % 3 == 0 ? 10 : 1)));
    }
    for (const std::uint32_t row : data.validation->rows) {
      CAPTURE(row);
      CHECK(data.validation->weights[row] == static_cast<float>(row + 1));
    }
    CHECK(data.test->weights == Floats{1, 2, 3});
  }

  TEST_CASE("load_data: balanced class weights are those of the rows left for training") {
    Job job;
    job.hyperparameters.target = {"y"};
    job.hyperparameters.class_weight = "balanced";
    job.hyperparameters.validation_split = 0.5;
    job.training("a.csv", "y,a\n0,1\n0,2\n0,3\n1,4\n0,5\n1,6\n0,7\n1,8\n");
    const TrainingData data = job.load();
    REQUIRE(data.training.rows.size() == 4);
    CHECK(data.validation->weights.empty());
    // Balanced, the classes weigh alike in sum, and all rows as many as they are.
    double sums[2] = {0, 0};
    for (const std::uint32_t row : data.training.rows) {
      sums[data.training.classes[row]] += data.training.weights[row];
    }
    CHECK(sums[0] + sums[1] == doctest::Approx(4));
    REQUIRE(sums[1] > 0);
    CHECK(sums[0] == doctest::Approx(sums[1]));
  }

  TEST_CASE("load_data: class weights need classes, and labels that there are") {
    Job job;
    job.training("a.csv", "0.5,1\n1.5,2\n");
    job.hyperparameters.class_weight = "balanced";
    check_contains(job.complaint(), {"class_weight is set, but the task is regression"});
    job.training("a.csv", "cat,1\ndog,2\n");
    job.hyperparameters.class_weight = R"({"cats": 2})";
    check_contains(job.complaint(), {"the label \"cats\"", "The closest is \"cat\""});
  }

  TEST_CASE("load_data: weights that leave nothing to learn from, or no number, are refused") {
    Job job;
    job.hyperparameters.target = {"y"};
    job.hyperparameters.weight_column = "w";
    job.training("a.csv", "y,w,a\n0,0,1\n1,0,2\n");
    check_contains(job.complaint(), {"a.csv: the weights of all 2 training rows are 0, so that"});
    job.training("a.csv", "y,w,a\n0,3,1\n1,0,2\n");
    job.hyperparameters.class_weight = R"({"0": 0})";
    check_contains(job.complaint(), {"all 2 training rows are 0, multiplied by class_weight"});
    job.hyperparameters.class_weight = R"({"0": 1e38})";
    job.training("a.csv", "y,w,a\n1,0,2\n0,4,1\n");
    check_contains(job.complaint(), {"the weight of row 2 is 4",
                                     "class_weight gives 1e+38 to its "
                                     "label \"0\"",
                                     "beyond 3.4e38"});
    job.hyperparameters.class_weight = "";
    job.validation("b.csv", "y,w,a\n1,0,2\n");
    check_contains(job.complaint(), {"b.csv: the weights of all 1 validation rows are 0"});
    job.environment.validation.reset();
    job.test("c.csv", "y,w,a\n1,0,2\n");
    check_contains(job.complaint(), {"c.csv: the weights of all 1 test rows are 0"});
    job.environment.test.reset();
    job.hyperparameters.validation_split = 0.5;
    job.training("a.csv", "y,w,a\n0,0,1\n1,0,2\n0,0,3\n1,0,4\n");
    check_contains(job.complaint(), {"a.csv: the weights of all 2 validation rows are 0"});
  }

  TEST_CASE("load_data: rows of other features than the training rows' are refused") {
    const auto arrays = [](std::string_view descr, std::string_view shape,
                           const std::string& values) {
      return test::zip({{.name = "x.npy", .bytes = npy(descr, shape, values)},
                        {.name = "y.npy", .bytes = npy("|u1", "(2,)", "01")}});
    };
    Job job;
    job.training("a.npz", arrays("|u1", "(2, 2, 1)", "abcd"));
    job.validation("b.npz", arrays("|u1", "(2, 1, 2)", "efgh"));
    check_contains(job.complaint(), {"b.npz: the validation rows have 1 x 2 features each",
                                     "a.npz) have 2 x 1", "Both must have the same columns"});
    job.validation("b.npz", arrays("<f4", "(2, 2, 1)", bytes_of<float>({1, 2, 3, 4})));
    check_contains(job.complaint(), {"b.npz: the validation rows hold other numbers",
                                     "a.npz) hold pixels (uint8)", "both must be of one type"});

    // However many the extents are, and however long the names.
    std::string ones = "(2, 2";
    for (int i = 0; i < 1000; ++i) ones += ", 1";
    job.validation("b.npz", arrays("|u1", ones + ")", "efgh"));
    check_contains(job.complaint(), {"2 x 1 x 1", "1 x ... features", "the same columns"});
    const std::string longer(5000, 'n');
    job.environment.validation.reset();
    job.hyperparameters.target = {"y"};
    job.training("a.csv", "y," + longer + "a\n0,1\n1,2\n");
    job.test("b.csv", "y," + longer + "b\n0,1\n1,2\n");
    check_contains(job.complaint(),
                   {"b.csv, line 1, column 2: found the name \"nnn", "have no such column"});
  }

  TEST_CASE("load_data: a split needs two rows, and no validation rows beside it") {
    Job job;
    job.hyperparameters.validation_split = 0.25;
    job.training("a.csv", "0,1\n1,2\n");
    job.validation("b.csv", "0,1\n");
    check_contains(job.complaint(), {"validation_split is 0.25", "validation rows already, in ",
                                     ". Leave out one of the two"});
    job.environment.validation.reset();
    job.hyperparameters.task = "regression";
    job.training("a.csv", "0,1\n");
    check_contains(job.complaint(),
                   {"validation_split is 0.25", "a.csv has only one row", "Add rows"});
  }

  TEST_CASE("load_data: pixels are not standardised") {
    Job job;
    job.hyperparameters.scaling = "standard";
    job.training("a.npz", test::zip({{.name = "x.npy", .bytes = npy("|u1", "(2, 1)", "ab")},
                                     {.name = "y.npy", .bytes = npy("|u1", "(2,)", "01")}}));
    check_contains(job.complaint(),
                   {"scaling=standard", "a.npz holds pixels", "value / 255", "Leave scaling out"});
  }

  TEST_CASE("load_data: training rows among the validation and test rows are a warning") {
    Job job;
    job.training("a.csv", "0,1,2\n1,3,4\n0,5,6\n");
    job.validation("b.csv", "1,9,9\n0,5,6\n1,5,6\n0,1,2\n");
    job.test("c.csv", "0,7,7\n1,3,4\n");
    job.hyperparameters.scaling = "standard";
    const TrainingData data = job.load();
    REQUIRE(data.warnings.size() == 2);
    check_contains(data.warnings[0], {"2 of 4 validation rows (50.0 %) are training rows too",
                                      "The first is row 2 of ", "b.csv, which equals row 3 of ",
                                      "a.csv. The validation metrics will be too "
                                      "good"});
    check_contains(data.warnings[1],
                   {"1 of 2 test rows (50.0 %)", "row 2 of ", "The test metrics"});
  }

  TEST_CASE("load_data: repeated rows that a split parts are a warning") {
    Job job;
    job.hyperparameters.validation_split = 0.5;
    job.training("a.csv", "0,1\n0,1\n0,1\n0,1\n1,2\n1,2\n1,2\n1,2\n");
    const TrainingData data = job.load();
    REQUIRE(data.warnings.size() == 1);
    check_contains(data.warnings[0], {"of 4 validation rows", "are training rows too"});
    job.training("a.csv", "0,1\n0,2\n0,3\n0,4\n1,1\n1,2\n1,3\n1,4\n");
    CHECK(job.load().warnings.empty());
  }

  TEST_CASE("load_data: test arrays that serve twice are no overlap of their own") {
    const auto arrays = [](const std::string& x_test, const std::string& y_test) {
      return test::zip({{.name = "x_train.npy", .bytes = npy("|u1", "(3, 2)", "aabbcc")},
                        {.name = "y_train.npy", .bytes = npy("|u1", "(3,)", "010")},
                        {.name = "x_test.npy", .bytes = npy("|u1", "(2, 2)", x_test)},
                        {.name = "y_test.npy", .bytes = npy("|u1", "(2,)", y_test)}});
    };
    Job job;
    job.training("a.npz", arrays("ddbb", "00"));
    const TrainingData data = job.load();
    CHECK(data.validation->features.data == data.test->features.data);
    CHECK(data.warnings.empty());
    job.training("a.npz", arrays("ddbb", "01"));
    REQUIRE(job.load().warnings.size() == 1);
    check_contains(job.load().warnings[0],
                   {"1 of 2 validation and test rows", "which equals row 2"});
  }

  TEST_CASE("load_data: labels that never vary in training are a note") {
    Job job;
    job.hyperparameters.target = {"sports", "politics", "weather"};
    job.training("a.csv", "sports,politics,weather,x\n1,0,1,7\n1,0,0,8\n");
    const TrainingData data = job.load();
    CHECK(data.schema.task == Task::kMultilabel);
    CHECK(data.training.values == Floats{1, 0, 1, 1, 0, 0});
    REQUIRE(data.notes.size() == 1);
    check_contains(data.notes[0], {"2 of 3 labels are the same in all training rows",
                                   "\"sports\" (always 1), \"politics\" (always 0)"});
  }

  TEST_CASE("load_data: a set without weights beside one with weights is a note") {
    Job job;
    const std::string x = npy("<f4", "(2, 1)", bytes_of<float>({1, 2}));
    const std::string z = npy("<f4", "(2, 1)", bytes_of<float>({3, 4}));
    const std::string y = npy("|u1", "(2,)", "01");
    const std::string bare =
        test::zip({{.name = "x.npy", .bytes = z}, {.name = "y.npy", .bytes = y}});
    const std::string weighed = test::zip({{.name = "x.npy", .bytes = x},
                                           {.name = "y.npy", .bytes = y},
                                           {.name = "w.npy", .bytes = y}});
    job.training("a.npz", weighed);
    job.validation("b.npz", bare);
    REQUIRE(job.load().notes.size() == 1);
    check_contains(job.load().notes[0], {"a.npz have weights, those of", "b.npz have none",
                                         "validation rows count alike"});
    job.training("a.npz", bare);
    job.environment.test = job.channel("b.npz", weighed);
    job.environment.validation.reset();
    REQUIRE(job.load().notes.size() == 1);
    check_contains(job.load().notes[0], {"b.npz have weights", "test rows count by their weights"});
  }

  TEST_CASE("load_data: the summary is of the training rows before scaling, where asked for") {
    Job job;
    job.hyperparameters.scaling = "standard";
    job.hyperparameters.target = {"y"};
    job.training("a.csv", "y,size,age\n0,10,1\n1,30,1\n");
    CHECK(job.load().summary.empty());
    const TrainingData data = job.load(true);
    REQUIRE(data.summary.size() == 2);
    CHECK(data.summary[0].name == "age");
    CHECK(data.summary[0].type == "constant");
    CHECK(data.summary[1].name == "size");
    CHECK(data.summary[1].type == "number");
    CHECK(data.summary[1].min == 10);
    CHECK(data.summary[1].max == 30);
    CHECK(data.summary[1].mean == 20);
    CHECK(data.notes == std::vector<std::string>{
                            "Left out: column \"age\" has the same value in all training rows."});
    CHECK(*data.training.features.float_row(0) == doctest::Approx(-1));
  }
}

}  // namespace mlp
