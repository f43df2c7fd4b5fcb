#include "runtime/data/array_bundle.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "model/error.h"
#include "test/runtime/data/made_files.h"
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
    CHECK(read_targets(file, file.header(), kNoPoll).at(0).text ==
          std::vector<std::string>{"b", "a"});
  }

  TEST_CASE("read_targets: several columns are the same in C and in Fortran order") {
    for (const Case& c : two_by_three()) {
      CAPTURE(c.name);
      const test::TempDirectory folder;
      ArrayBundle bundle;
      add_npy(bundle, "y", folder.write("y.npy", c.bytes), "y.npy");
      const ArrayFile& file = *bundle.arrays.at("y");
      const std::vector<RawTargets> targets = read_targets(file, file.header(), kNoPoll);
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
}

}  // namespace mlp
