#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <string>

#include "model/error.h"
#include "runtime/data/read_channel.h"
#include "test/support/temp_directory.h"
#include "tools/demo/draw.h"
#include "tools/demo/show.h"

namespace mlp {
namespace {

using demo::draw_digits;
using demo::show_predictions;
using test::TempDirectory;

// FNV-1a.
std::uint64_t hash(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const std::uint8_t byte : bytes) value = (value ^ byte) * 0x100000001b3;
  return value;
}

TEST_SUITE("tools/demo") {
  TEST_CASE("draw_digits: an .npz of MNIST's shape and names") {
    const TempDirectory folder;
    draw_digits(folder / "digits.npz", 300, 20);
    const ChannelRows digits =
        read_channel(folder / "digits.npz", ChannelRole::kTraining, ReadOptions());
    REQUIRE(digits.test.has_value());
    CHECK(digits.rows.rows() == 300);
    CHECK(digits.test->rows() == 20);
    CHECK(digits.rows.row_shape == std::vector<std::size_t>{28, 28});
    CHECK(digits.rows.features.type == FeatureType::kUint8);
    std::array<int, 10> counts = {};
    for (const double label : digits.rows.targets.at(0).numbers) {
      ++counts.at(static_cast<std::size_t>(label));
    }
    CHECK(std::ranges::min(counts) > 10);
  }

  TEST_CASE("draw_digits: the same pixels with every compiler and library") {
    const TempDirectory folder;
    draw_digits(folder / "digits.npz", 100, 1);
    const Table rows =
        read_channel(folder / "digits.npz", ChannelRole::kTraining, ReadOptions()).rows;
    CHECK(hash(rows.features.bytes) == 0xba7eb562676a1555);
  }

  TEST_CASE("draw_digits: a folder that is not there is named") {
    CHECK_THROWS_WITH_AS(draw_digits("/no/such/folder/digits.npz", 1, 1),
                         doctest::Contains("/no/such/folder/digits.npz"), UserError);
  }

  TEST_CASE("show_predictions: files that don't belong together are refused") {
    const TempDirectory folder;
    draw_digits(folder / "digits.npz", 1, 3);
    const auto show = [&folder](const std::string& predictions) {
      show_predictions(folder / "digits.npz", folder.write("prediction.csv", predictions));
    };
    CHECK_THROWS_WITH_AS(show("1,1\n2,2\n"), doctest::Contains("3 test pictures"), UserError);
    CHECK_THROWS_WITH_AS(show("1,1\nx,2\n"), doctest::Contains("line 2"), UserError);
    CHECK_THROWS_WITH_AS(show_predictions(folder / "digits.npz", folder / "none.csv"),
                         doctest::Contains("none.csv"), UserError);
    CHECK_THROWS_WITH_AS(show_predictions(folder.write("rows.csv", "1,2\n3,4\n5,6\n"),
                                          folder.write("p.csv", "1,1\n3,3\n5,5\n")),
                         doctest::Contains("expected pictures"), UserError);
  }
}

}  // namespace
}  // namespace mlp
