#include "runtime/data/array_bundle.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/error.h"
#include "test/runtime/data/made_files.h"
#include "test/support/columns.h"
#include "test/support/program.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

using test::bytes_of;
using test::npy;

const std::function<void()> kNoPoll = [] {};

// A file of 2 rows of 3 values, in one of the ways that arrays are held.
struct Case {
  const char* name;
  std::string bytes;
};

std::vector<Case> two_by_three() {
  const std::vector<double> doubles = {1, 2, 3, 4, 5, 6};
  const std::vector<float> floats = {1, 2, 3, 4, 5, 6};
  return {{"f4", npy("<f4", "(2, 3)", bytes_of(floats))},
          {"f4 Fortran", npy("<f4", "(2, 3)", bytes_of<float>({1, 4, 2, 5, 3, 6}), true)},
          {"f4 version 3", npy("<f4", "(2, 3)", bytes_of(floats), false, 3)},
          {"f4 after an odd header",
           test::npy_with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} ",
                                 bytes_of(floats))},
          {"f8", npy("<f8", "(2, 3)", bytes_of(doubles))},
          {"u1", npy("|u1", "(2, 3)", "\1\2\3\4\5\6")},
          {"u1 Fortran", npy("|u1", "(2, 3)", "\1\4\2\5\3\6", true)}};
}

std::vector<float> values(const Features& features) {
  if (features.type == FeatureType::kFloat32) return features.floats;
  return {features.bytes.begin(), features.bytes.end()};
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("read_features, stream_features: the same values from a file, stored and deflated") {
    const std::vector<float> expected = {1, 2, 3, 4, 5, 6};
    for (const Case& c : two_by_three()) {
      CAPTURE(c.name);
      const test::TempDirectory folder;
      ArrayBundle bundle = open_npz(
          folder.write("a.npz", test::zip({{.name = "s.npy", .bytes = c.bytes},
                                           {.name = "d.npy", .bytes = c.bytes, .deflated = true},
                                           {.name = "readme.txt", .bytes = "no array"}})),
          "a.npz");
      add_npy(bundle, "f", folder.write("f.npy", c.bytes), "f.npy");
      REQUIRE(bundle.arrays.size() == 3);
      CHECK(bundle.arrays.at("s")->name() == "a.npz, s");
      for (const auto& [name, file] : bundle.arrays) {
        CAPTURE(name);
        const Features features = read_features(file, file->header(), kNoPoll);
        CHECK(features.width == 3);
        CHECK(features.rows() == 2);
        CHECK(values(features) == expected);
        const auto reader = stream_features(file, 2, {3}, "a source");
        Table table;
        CHECK(reader->read(table, 1) == 1);
        CHECK(reader->read(table, 9) == 1);
        CHECK(reader->read(table, 9) == 0);
        CHECK(table.source == "a source");
        CHECK(values(table.features) == expected);
      }
    }
  }

  TEST_CASE("read_targets: labels of a deflated member") {
    const test::TempDirectory folder;
    const ArrayBundle bundle = open_npz(
        folder.write("a.npz",
                     test::zip({{.name = "y.npy",
                                 .bytes = npy("<U1", "(2,)", std::string("b\0\0\0a\0\0\0", 8)),
                                 .deflated = true}})),
        "a.npz");
    const ArrayFile& file = *bundle.arrays.at("y");
    CHECK(test::text_by_row(read_targets(file, file.header(), kNoPoll).at(0)) ==
          std::vector<std::string>{"b", "a"});
  }

  TEST_CASE("read_targets: several columns are the same in C and in Fortran order") {
    for (const Case& c : two_by_three()) {
      CAPTURE(c.name);
      const test::TempDirectory folder;
      ArrayBundle bundle;
      add_npy(bundle, "y", folder.write("y.npy", c.bytes), "y.npy");
      const ArrayFile& file = *bundle.arrays.at("y");
      const std::vector<Column> targets = read_targets(file, file.header(), kNoPoll);
      REQUIRE(targets.size() == 3);
      CHECK(targets[0].numbers == std::vector<double>{1, 4});
      CHECK(targets[1].numbers == std::vector<double>{2, 5});
      CHECK(targets[2].numbers == std::vector<double>{3, 6});
    }
  }

  TEST_CASE("ArrayFile: a shape that does not fit the file is refused before memory is taken") {
    const test::TempDirectory folder;
    ArrayBundle bundle;
    add_npy(bundle, "cut", folder.write("a.npy", npy("<f4", "(2, 3)", std::string(23, 'x'))),
            "a.npy");
    add_npy(bundle, "long", folder.write("b.npy", npy("<f4", "(2, 3)", std::string(25, 'x'))),
            "b.npy");
    add_npy(bundle, "huge", folder.write("c.npy", npy("|u1", "(1000000000000, 1000)", "abc")),
            "c.npy");
    for (const auto& [name, file] : bundle.arrays) {
      CAPTURE(name);
      CHECK_THROWS_WITH_AS(file->header(), doctest::Contains("damaged or cut short: its shape"),
                           UserError);
    }
    CHECK(bundle.contents() == "\"cut\" (damaged), \"huge\" (damaged), \"long\" (damaged)");
    CHECK(ArrayBundle().contents() == "none");
  }

  TEST_CASE("read_features: a file that becomes shorter while it is read is refused") {
    const test::TempDirectory folder;
    const std::string bytes = npy("<f4", "(100000, 2)", std::string(800'000, '\0'));
    const auto path = folder.write("x.npy", bytes);
    ArrayBundle bundle;
    add_npy(bundle, "x", path, "x.npy");
    const std::shared_ptr<const ArrayFile> file = bundle.arrays.at("x");
    const ArrayHeader header = file->header();
    const auto stream = stream_features(file, 100'000, {2}, "x.npy");
    std::filesystem::resize_file(path, bytes.size() - 1);
    CHECK_THROWS_WITH_AS(
        read_features(file, header, kNoPoll),
        doctest::Contains("x.npy: the file became shorter while it was read. Read it again"),
        UserError);
    Table table;
    CHECK_THROWS_WITH_AS(stream->read(table, 100'000),
                         doctest::Contains("x.npy: the array is cut short. Copy the file again"),
                         UserError);
  }

  // Sanitizers keep more of the address space than the program uses.
  TEST_CASE("read_features: an array that the memory can't hold is told with its size" *
            doctest::skip(test::kSlowdown > 1)) {
    const test::TempDirectory folder;
    constexpr std::uintmax_t kValues = 4'294'967'296;
    const auto path = folder.write("x.npy", npy("|u1", "(4294967296, 1)", ""));
    std::filesystem::resize_file(path, std::filesystem::file_size(path) + kValues);  // a hole
    ArrayBundle bundle;
    add_npy(bundle, "x", path, "x.npy");
    const std::shared_ptr<const ArrayFile> file = bundle.arrays.at("x");
    const ArrayHeader header = file->header();
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_AS, &before) == 0);
    const rlimit small = {std::min<rlim_t>(kValues, before.rlim_max), before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_AS, &small) == 0);
    CHECK_THROWS_WITH_AS(read_features(file, header, kNoPoll),
                         doctest::Contains("x.npy: the memory is too small for this array of 4096 "
                                           "MB. Use an instance with more memory, or fewer rows."),
                         UserError);
    REQUIRE(::setrlimit(RLIMIT_AS, &before) == 0);
  }
}

}  // namespace mlp
