#include <doctest/doctest.h>
#include <fmt/format.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "test/runtime/data/made_files.h"
#include "test/support/messages.h"
#include "test/system/made_data.h"
#include "test/system/mlp_program.h"

// What mlp predict makes of a file, with a model that mlp train has left behind.

namespace mlp::test {
namespace {

namespace fs = std::filesystem;

// A folder with a model, trained on rows with their label in front.
class Trained {
 public:
  Trained(const std::string& file, const std::string& bytes, Arguments arguments) {
    folder_.write("data/" + file, bytes);
    run_well(native(folder_.path(), std::move(arguments)));
  }

  fs::path operator/(const fs::path& name) const { return folder_ / name; }

  // What is printed for a file of the given content.
  std::string predict(const std::string& file, const std::string& bytes,
                      const Arguments& more = {}) const {
    folder_.write(file, bytes);
    return run_well(native(folder_.path(), arguments(file, more))).out;
  }

  // What the log says of a file that can't be predicted.
  std::string refuse(const std::string& file, const std::string& bytes, const Arguments& more = {},
                     int exit_code = 1) const {
    folder_.write(file, bytes);
    const ProgramEnd end = run_program(native(folder_.path(), arguments(file, more)));
    CHECK(end.exit_code == exit_code);
    return end.err;
  }

  const fs::path& path() const { return folder_.path(); }

 private:
  static Arguments arguments(const std::string& file, const Arguments& more) {
    Arguments all = {"predict", "--input", file};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  TempDirectory folder_;
};

double number(const std::string& text) { return std::strtod(text.c_str(), nullptr); }

std::string first_field(const std::string& line) { return line.substr(0, line.find(',')); }

std::string second_field(const std::string& line) { return line.substr(line.find(',') + 1); }

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("system/predict") {
  TEST_CASE("mlp predict: the test rows get the labels that prediction.csv has") {
    const Trained model("mnist.npz", small_mnist_npz(), {"--epochs", "1"});
    const Pictures test = make_pictures(500, 3);
    const std::vector<std::string> lines = lines_of(model.predict("x.npy", pictures_npy(test)));
    REQUIRE(lines.size() == 501);
    CHECK(lines[0] ==
          "label,probability_0,probability_1,probability_2,probability_3,probability_4,"
          "probability_5,probability_6,probability_7,probability_8,probability_9");
    const std::vector<std::string> trained = lines_of(read_bytes(model / "output/prediction.csv"));
    for (std::size_t row = 0; row < trained.size(); ++row) {
      CHECK(number(lines[row + 1]) == number(second_field(trained[row])));
    }

    // The same rows out of an .npz, by either of its usual names or by any other.
    const std::string all = model.predict("x.npy", pictures_npy(test));
    CHECK(model.predict("mnist.npz", small_mnist_npz()) == all);
    CHECK(model.predict("pair.npz", pair_npz(test)) == all);
    CHECK(model.predict("mnist.npz", small_mnist_npz(), {"--array", "x_train"}) != all);
  }

  TEST_CASE("mlp predict: --output holds what standard output would") {
    const Trained model("rows.csv", clouds_csv(100, {"0", "1"}, 1), {"--epochs", "1"});
    const std::string rows = without_first_column(clouds_csv(10, {"0", "1"}, 2));
    const std::string printed = model.predict("rows.csv", rows);
    CHECK(model.predict("rows.csv", rows, {"--output", "predictions.csv"}).empty());
    CHECK(read_bytes(model / "predictions.csv") == printed);
    CHECK(model.predict("rows.csv", rows, {"--model-dir", (model / "model").string()}) == printed);
  }

  TEST_CASE("mlp predict: a row gets the same text alone and among 1,000 others") {
    SUBCASE("of pictures") {
      const Trained model("mnist.npz", small_mnist_npz(), {"--epochs", "1"});
      const Pictures many = make_pictures(1001, 9);
      const std::vector<std::string> all = lines_of(model.predict("x.npy", pictures_npy(many)));
      for (const std::size_t row : {std::size_t{0}, std::size_t{499}, std::size_t{1000}}) {
        Pictures one = {1, many.pixels.substr(row * 784, 784), {many.labels[row]}};
        CHECK(lines_of(model.predict("x.npy", pictures_npy(one)))[1] == all[row + 1]);
      }
    }
    SUBCASE("of CSV, for classes and for numbers") {
      const Trained classes("rows.csv", clouds_csv(200, {"a", "b", "c"}, 1), {"--epochs", "1"});
      const Trained numbers("rows.csv", prices_csv(200, 1), {"--epochs", "1"});
      const std::string points = without_first_column(clouds_csv(1001, {"a", "b", "c"}, 2));
      const std::string houses = without_first_column(prices_csv(1001, 2));
      for (const auto& [model, rows] : {std::pair{&classes, &points}, {&numbers, &houses}}) {
        const std::vector<std::string> all = lines_of(model->predict("rows.csv", *rows));
        for (const std::size_t row : {std::size_t{0}, std::size_t{500}, std::size_t{1000}}) {
          CHECK(lines_of(model->predict("rows.csv", lines_of(*rows)[row] + "\n"))[1] ==
                all[row + 1]);
        }
      }
    }
  }

  TEST_CASE("mlp predict: a regression's values are those of prediction.csv") {
    const Trained model("rows.csv", prices_csv(400, 1),
                        {"--epochs", "3", "--validation_split", "0.9", "--drop_rate", "0"});
    const std::vector<std::string> lines =
        lines_of(model.predict("rows.csv", prices_csv(400, 1), {"--label_size", "1"}));
    REQUIRE(lines.size() == 401);
    CHECK(lines[0] == "prediction");
    // The rows that were drawn for validation are found by their truth.
    std::map<float, std::string> predicted;
    const std::vector<std::string> rows = lines_of(prices_csv(400, 1));
    for (std::size_t row = 0; row < rows.size(); ++row) {
      predicted[static_cast<float>(number(first_field(rows[row])))] = lines[row + 1];
    }
    const std::vector<std::string> reported = lines_of(read_bytes(model / "output/prediction.csv"));
    CHECK(reported.size() == 360);
    for (const std::string& line : reported) {
      const auto found = predicted.find(static_cast<float>(number(line)));
      REQUIRE(found != predicted.end());
      CHECK(static_cast<float>(number(found->second)) ==
            static_cast<float>(number(second_field(line))));
    }
  }

  TEST_CASE("mlp predict: a label in the first column is left out by --label_size 1") {
    const Trained model("rows.csv", clouds_csv(100, {"0", "1"}, 1), {"--epochs", "1"});
    const std::string labelled = clouds_csv(10, {"0", "1"}, 2);
    const std::string expected = model.predict("rows.csv", without_first_column(labelled));
    CHECK(model.predict("rows.csv", labelled, {"--label_size", "1"}) == expected);
    CHECK(contains(model.refuse("rows.csv", labelled), "--label_size 1"));
  }

  TEST_CASE("mlp predict: columns are found by the names in a header, in any order") {
    const Trained model("rows.csv", "b,y,a\n1,no,0\n2,yes,9\n1,no,1\n2,yes,8\n",
                        {"--epochs", "1", "--target", "y"});
    const std::string expected = model.predict("rows.csv", "b,a\n1,2\n3,4\n");
    CHECK(lines_of(expected).size() == 3);
    CHECK(lines_of(expected)[0] == "label,probability_no,probability_yes");
    CHECK(model.predict("rows.csv", "a,b\n2,1\n4,3\n") == expected);
    CHECK(model.predict("rows.csv", "a,y,b\n2,no,1\n4,yes,3\n") == expected);
    CHECK(model.predict("rows.csv", "1,2\n3,4\n") == expected);
    CHECK(model.predict("rows.csv", "1,2\n3,4\n", {"--header=false"}) == expected);
    CHECK(contains(model.refuse("rows.csv", "a,c\n1,2\n"), "the model knows no column \"c\""));
  }

  TEST_CASE("mlp predict: without a model or with a bad file it ends with 1 and no failure file") {
    BaseDirectory base;
    const fs::path rows = base.write("rows.csv", "1,2,3,4\n");
    const ProgramEnd without = run_program(in_base(base, {"predict", "--input", rows.string()}));
    CHECK(without.exit_code == 1);
    CHECK(contains(without.err, "model.h5 is not there"));
    CHECK(!base.failure());

    const Trained model("rows.csv", clouds_csv(100, {"0", "1"}, 1), {"--epochs", "1"});
    CHECK(contains(model.refuse("rows.csv", "1,2,3,4\n1,2,3\n"), "line 2"));
    CHECK(contains(model.refuse("rows.csv", "1,2,3,inf\n"), "line 1, column 4"));
    CHECK(contains(model.refuse("rows.npy", npy("<f4", "(2, 3)", std::string(24, '\0'))),
                   "Expected rows as the model was trained on"));
    // A file of predictions is there whole or not at all.
    model.refuse("rows.csv", "1,2,3,4\n1,2,3\n", {"--output", "predictions/of.csv"});
    CHECK(!fs::exists(model / "predictions"));
    model.refuse("rows.csv", "1,2,3,4\n1,2,3\n", {"--output", "predictions.csv"});
    CHECK(!fs::exists(model / "predictions.csv"));
  }

  TEST_CASE("mlp predict: a flag's value, a place or a model that will not do is told") {
    const Trained model("rows.csv", clouds_csv(100, {"0", "1"}, 1), {"--epochs", "1"});
    const std::string row = "1,2,3,4\n";
    check_contains(model.refuse("rows.csv", row, {"--label_size", "2"}, 2),
                   {"--label_size is \"2\", but must be 0 or 1", "leave it out"});
    check_contains(model.refuse("rows.csv", row, {"--header", "yes"}, 2),
                   {"--header is \"yes\", but must be auto, true or false", "leave it out"});
    check_contains(model.refuse("rows.csv", row, {"--output", "/dev/full"}),
                   {"Predictions can't be written: No space left", "Is the disk full"});
    check_contains(model.refuse("rows.csv", row, {"--output", model.path().string()}),
                   {model.path().string() + " can't be written: Is a directory", "--output"});
    check_contains(model.refuse("rows.csv", row, {"--model_dir", "elsewhere"}),
                   {"elsewhere/model.h5 is not there", "mlp train", "--model_dir"});
    std::string longest = "/";
    for (int i = 0; i < 19; ++i) longest += std::string(200, 'd') + '/';
    check_contains(model.refuse("rows.csv", row, {"--model_dir", longest}),
                   {"ddd/model.h5 is not there", "--model_dir"});
    check_contains(model.refuse("rows.csv", row, {"--output", longest + "p.csv"}),
                   {"Cannot write ...", "ddd/p.csv: its folder does not exist"});
    check_contains(model.refuse("rows.csv", row, {"--header", longest}, 2), {"--header is \"/ddd"});

    const std::string whole = read_bytes(model / "model/model.h5");
    std::ofstream(model / "model/model.h5") << whole.substr(0, whole.size() / 2);
    check_contains(model.refuse("rows.csv", row),
                   {"model.h5 is not a whole model file", "copy it again"});
  }

  TEST_CASE("mlp predict: a stop signal ends it with 1, and without a file of some predictions") {
    const Trained model("rows.csv", clouds_csv(100, {"0", "1"}, 1), {"--epochs", "1"});
    std::string rows;
    for (int i = 0; i < 100'000; ++i) rows += "1,2,3,4\n";
    std::ofstream(model / "rows.csv") << rows;
    Program program(native(model.path(), {"predict", "--input", "rows.csv"}));
    // What is printed next waits for its reader, longer than the signal takes.
    REQUIRE(program.wait_for_line(Stream::kOut, "0."));
    program.send(SIGTERM);
    const ProgramEnd end = program.wait();
    CHECK(end.exit_code == 1);
    check_contains(end.err, {"Stopped by a signal before all rows were predicted", "again"});
    CHECK(lines_of(end.out).size() < 100'001);
  }
}

}  // namespace mlp::test
