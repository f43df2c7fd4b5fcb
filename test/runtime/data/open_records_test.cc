#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <vector>

#include "model/error.h"
#include "runtime/data/read_channel.h"
#include "test/runtime/data/made_files.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

using Shape = std::vector<std::size_t>;
using test::bytes_of;
using test::npy;
using test::TempDirectory;

PredictInputOptions model_of(Shape row_shape, std::string array = "") {
  static std::deque<Preprocessor> preprocessors;  // which have to outlive their readers
  std::size_t width = 1;
  for (const std::size_t extent : row_shape) width *= extent;
  PredictInputOptions options;
  options.preprocessor = &preprocessors.emplace_back(Preprocessor::plain({}, width));
  options.row_shape = std::move(row_shape);
  options.array = std::move(array);
  return options;
}

Table read_all(const std::filesystem::path& file, const PredictInputOptions& options) {
  const auto reader = open_records(file, options);
  Table table;
  while (reader->read(table, 2) > 0) {
  }
  return table;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("open_records: CSV, .npy and .npz, by suffix and by first bytes") {
    const TempDirectory folder;
    const std::string array = npy("<f4", "(3, 2)", bytes_of<float>({1, 2, 3, 4, 5, 6}));
    const std::string archive = test::zip({{.name = "x_test.npy", .bytes = array, .deflated = true},
                                           {.name = "y_test.npy", .bytes = array}});
    for (const auto& file :
         {folder.write("a.csv", "1,2\n3,4\n5,6\n"), folder.write("csv", "1,2\n3,4\n5,6\n"),
          folder.write("b.csv.gz", test::gzip("1,2\n3,4\n5,6\n")),
          folder.write("zstd", test::zstd("1,2\n3,4\n5,6\n")), folder.write("a.npy", array),
          folder.write("npy", array), folder.write("a.npz", archive),
          folder.write("npz", archive)}) {
      CAPTURE(file.string());
      const Table table = read_all(file, model_of({2}));
      CHECK(table.rows() == 3);
      CHECK(table.row_shape == Shape{2});
      CHECK(table.source == file.string());
      CHECK(table.features.floats == std::vector<float>{1, 2, 3, 4, 5, 6});
      CHECK(table.targets.empty());
    }
  }

  TEST_CASE("open_records: rows may be flat, and one row may stand without its dimension") {
    const TempDirectory folder;
    struct Case {
      const char* shape;
      std::size_t rows;
    };
    for (const Case& c : {Case{"(2, 2, 3)", 2}, Case{"(2, 6)", 2}, Case{"(1, 2, 3)", 1},
                          Case{"(2, 3)", 1}, Case{"(6,)", 1}, Case{"(0, 2, 3)", 0}}) {
      CAPTURE(c.shape);
      const auto file = folder.write("a.npy", npy("|u1", c.shape, std::string(c.rows * 6, 'a')));
      const Table table = read_all(file, model_of({2, 3}));
      CHECK(table.rows() == c.rows);
      CHECK(table.row_shape == Shape{2, 3});
      CHECK(table.features.type == FeatureType::kUint8);
    }
    for (const char* shape : {"(12,)", "(3, 4)", "(1, 3, 2)", "(1, 2, 3, 1)", "()"}) {
      CAPTURE(shape);
      const std::string text = shape;
      const std::size_t values = text == "()" ? 1 : text.starts_with("(1,") ? 6 : 12;
      const auto file = folder.write("a.npy", npy("|u1", shape, std::string(values, 'a')));
      CHECK_THROWS_WITH_AS(
          open_records(file, model_of({2, 3})),
          doctest::Contains("Expected rows as the model was trained on, shape (rows, 2, 3)"),
          UserError);
    }
  }

  TEST_CASE("open_records: an .npz gives x, else x_test, else its only array, or the one named") {
    const TempDirectory folder;
    const auto row = [](char value) { return npy("|u1", "(1, 1)", std::string(1, value)); };
    const auto file = folder.write("a.npz", test::zip({{.name = "a.npy", .bytes = row(1)},
                                                       {.name = "x_test.npy", .bytes = row(2)},
                                                       {.name = "x.npy", .bytes = row(3)}}));
    CHECK(read_all(file, model_of({1})).features.bytes.at(0) == 3);
    CHECK(read_all(file, model_of({1}, "a")).features.bytes.at(0) == 1);
    CHECK_THROWS_WITH_AS(open_records(file, model_of({1}, "b")),
                         doctest::Contains("no array named \"b\". The arrays are: \"a\" (1, 1)"),
                         UserError);
    folder.write("a.npz", test::zip({{.name = "a.npy", .bytes = row(1)},
                                     {.name = "b.npy", .bytes = row(2)}}));
    CHECK_THROWS_WITH_AS(open_records(file, model_of({1})),
                         doctest::Contains("an array named x or x_test, or in the only one"),
                         UserError);
    folder.write("a.npz", test::zip({{.name = "b.npy", .bytes = row(2)}}));
    CHECK(read_all(file, model_of({1})).features.bytes.at(0) == 2);
  }

  TEST_CASE("open_records: files that can't be predicted are named") {
    const TempDirectory folder;
    CHECK_THROWS_WITH_AS(open_records(folder / "none", model_of({1})),
                         doctest::Contains("does not exist"), UserError);
    CHECK_THROWS_WITH_AS(open_records(folder.path(), model_of({1})),
                         doctest::Contains("found a folder"), UserError);
    CHECK_THROWS_WITH_AS(open_records(folder.write("a", "PAR1"), model_of({1})),
                         doctest::Contains("not supported yet. Expected CSV"), UserError);
    CHECK_THROWS_WITH_AS(
        open_records(folder.write("t.npy", npy("<U1", "(1, 1)", std::string(4, 'a'))),
                     model_of({1})),
        doctest::Contains("Text categories are not supported yet"), UserError);
  }

  TEST_CASE("open_records: an array can't stand for a table with text or gaps") {
    const TempDirectory folder;
    Column column;
    column.name = "a";
    column.is_text = true;
    for (const char* text : {"x", "y", "x"}) column.codes.push_back(column.texts.add(text));
    std::vector<std::string> notes;
    const Preprocessor preprocessor =
        Preprocessor::fit(std::vector{column}, std::vector<std::uint32_t>{0, 1, 2}, {}, notes);
    PredictInputOptions options = model_of({2});
    options.preprocessor = &preprocessor;
    const auto file = folder.write("a.npy", npy("<f4", "(1, 2)", bytes_of<float>({1, 0})));
    CHECK_THROWS_WITH_AS(open_records(file, options),
                         doctest::Contains("a.npy: the model was trained on a table"), UserError);
  }

  TEST_CASE("open_records: NaN and a wrong checksum are found while rows stream") {
    const TempDirectory folder;
    const std::string array = npy("<f2", "(3, 1)", bytes_of<std::uint16_t>({0, 0, 0x7E00}));
    CHECK_THROWS_WITH_AS(read_all(folder.write("a.npy", array), model_of({1})),
                         doctest::Contains("row 2, column 0 (counted from 0)"), UserError);
    const std::string good = npy("<f2", "(3, 1)", std::string(6, '\0'));
    const auto file =
        folder.write("a.npz", test::zip({{.name = "x.npy", .bytes = good, .crc_change = 1}}));
    CHECK_THROWS_WITH_AS(read_all(file, model_of({1})), doctest::Contains("checksum"), UserError);
  }
}

}  // namespace mlp
