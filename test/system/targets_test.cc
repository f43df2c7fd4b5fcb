#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "test/runtime/data/made_files.h"
#include "test/support/messages.h"
#include "test/system/made_data.h"
#include "test/system/mlp_program.h"

// Jobs whose targets, weights or classes can't be learned from, and what they say.

namespace mlp::test {
namespace {

using nlohmann::json;

// x of 2 rows and 2 features, y as given, and other arrays.
std::string npz_with(std::string_view y_type, std::string_view y_shape, std::string_view y,
                     std::vector<MadeMember> more = {}) {
  more.push_back({.name = "x.npy", .bytes = npy("|u1", "(2, 2)", "abcd")});
  more.push_back({.name = "y.npy", .bytes = npy(y_type, y_shape, y)});
  return zip(more);
}

}  // namespace

TEST_SUITE("system/targets") {
  TEST_CASE("mlp train: targets and weights that can't be learned from have their sentence") {
    struct Case {
      const char* name;
      std::string file;
      std::string bytes;
      json hyperparameters;
      std::vector<std::string_view> words;
    };
    const std::string csv = "price,age,w,x\n1.5,2,1,7\n2.5,3,2,8\n";
    const std::string one_hot("\0\1\1\0", 4);
    const std::vector<Case> cases = {
        {"an unknown one of several targets",
         "rows.csv",
         csv,
         {{"target", "age,prize"}},
         {"\"prize\"", "The closest is \"price\""}},
        {"an unknown weight column",
         "rows.csv",
         csv,
         {{"target", "price"}, {"weight_column", "aeg"}},
         {"\"aeg\"", "weight_column asks", "The closest is \"age\""}},
        {"one column as target and weight",
         "rows.csv",
         csv,
         {{"target", "[\"price\", \"w\"]"}, {"weight_column", "w"}},
         {"both name the column \"w\""}},
        {"a weight column without header",
         "rows.csv",
         "1,2,3\n",
         {{"weight_column", "w"}, {"header", "false"}},
         {"weight_column", "header is false"}},
        {"a negative weight",
         "rows.csv",
         csv + "3,4,-1,9\n",
         {{"target", "price"}, {"weight_column", "w"}},
         {"rows.csv, line 4, column 3 (\"w\")", "\"-1\""}},
        {"weights of 0",
         "rows.csv",
         "y,w,x\n0,0,1\n1,0,2\n",
         {{"target", "y"}, {"weight_column", "w"}},
         {"all 2 training rows are 0"}},
        {"text in one of several targets",
         "rows.csv",
         csv + "3,old,1,9\n",
         {{"target", "price,age"}},
         {"line 4, column 2 (\"age\")", "Several targets need numbers"}},
        {"three labels for a binary task",
         "rows.csv",
         clouds_csv(40, {"a", "b", "c"}, 1),
         {{"task", "binary"}},
         {"has 3 distinct labels", "task=classification"}},
        {"a multilabel value that is neither 0 nor 1",
         "rows.csv",
         csv,
         {{"task", "multilabel"}, {"target", "price,age"}},
         {"the target \"price\" is 1.5 in row 1"}},
        {"several columns of classes",
         "rows.csv",
         csv,
         {{"task", "classification"}, {"target", "price,age"}},
         {"2 target columns", "task=classification learns one label per row"}},
        {"one-hot labels",
         "rows.npz",
         npz_with("|u1", "(2, 2)", one_hot),
         {},
         {"exactly one 1", "numpy.argmax(y, axis=1)", "task=multilabel"}},
        {"text labels in two columns",
         "rows.npz",
         npz_with("|S1", "(2, 2)", "abcd"),
         {},
         {"rows.npz, y", "text", "need numbers"}},
        {"fewer weights than rows",
         "rows.npz",
         npz_with("|u1", "(2,)", "ab", {{.name = "w.npy", .bytes = npy("|u1", "(1,)", "a")}}),
         {},
         {"x has 2 rows, but w has 1"}},
        {"a weight column beside arrays",
         "rows.npz",
         npz_with("|u1", "(2,)", "ab"),
         {{"weight_column", "w"}},
         {"input/data/training", "an array w beside x and y"}},
        {"class weights of a regression",
         "rows.csv",
         csv,
         {{"target", "price"}, {"class_weight", "balanced"}},
         {"class_weight", "the task is regression"}},
        {"the weight of an unknown class",
         "rows.csv",
         clouds_csv(40, {"good", "bad"}, 1),
         {{"class_weight", R"({"goood": 2})"}},
         {"\"goood\"", "The closest is \"good\""}},
    };
    for (const Case& c : cases) {
      CAPTURE(c.name);
      BaseDirectory base;
      base.add_channel("training", c.file, c.bytes);
      if (!c.hyperparameters.is_null()) base.set_hyperparameters(c.hyperparameters);
      const ProgramEnd end = run_program(in_base(base));
      CHECK(end.exit_code == 1);
      const std::string failure = base.failure().value_or("");
      CHECK(failure.starts_with("UserError: "));
      for (const std::string_view word : c.words) check_contains(failure, {word});
      CHECK(content_of(base.model_dir()).empty());
    }
  }

  TEST_CASE("mlp train: validation rows need as many targets as the training rows") {
    BaseDirectory base;
    base.add_channel("training", "a.npz", npz_with("<f4", "(2, 2)", bytes_of<float>({1, 2, 3, 4})));
    base.add_channel("validation", "b.npz", npz_with("<f4", "(2,)", bytes_of<float>({1, 2})));
    const ProgramEnd end = run_program(in_base(base));
    CHECK(end.exit_code == 1);
    check_contains(base.failure().value_or(""),
                   {"b.npz: the rows have 1 target column, but the training rows have 2"});
  }

  TEST_CASE("mlp train: rows in training and validation are a warning, and no more") {
    BaseDirectory base;
    const std::string rows = clouds_csv(40, {"0", "1"}, 1);
    base.add_channel("training", "a.csv", rows);
    base.add_channel("validation", "b.csv", rows + clouds_csv(60, {"0", "1"}, 2));
    base.set_hyperparameters({{"epochs", "1"}});
    const ProgramEnd end = run_well(in_base(base));
    check_contains(end.err, {"40 of 100 validation rows (40.0 %) are training rows too",
                             "The validation metrics will be too good"});
  }
}

}  // namespace mlp::test
