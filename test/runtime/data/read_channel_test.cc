#include "runtime/data/read_channel.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"
#include "test/runtime/data/made_files.h"
#include "test/runtime/system/as_nobody.h"
#include "test/support/columns.h"
#include "test/support/messages.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;
using Doubles = std::vector<double>;
using Shape = std::vector<std::size_t>;
using test::bytes_of;
using test::MadeMember;
using test::npy;
using test::TempDirectory;

std::string shape_with(std::size_t rows, const std::string& rest) {
  return "(" + std::to_string(rows) + ", " + rest + ")";
}

// Pixels of shape (2, 2), all of `value`, and as many labels `value`.
std::string pixels(std::size_t rows, char value = 1) {
  return npy("|u1", shape_with(rows, "2, 2"), std::string(rows * 4, value));
}
std::string labels(std::size_t rows, char value = 1) {
  return npy("|u1", shape_with(rows, ""), std::string(rows, value));
}

ChannelRows read(const fs::path& path, ChannelRole role = ChannelRole::kTraining,
                 const std::string& content_type = "") {
  ReadOptions options;
  options.content_type = content_type;
  return read_channel(path, role, options);
}

// An .npz with these arrays, some of them deflated.
std::string npz(const std::vector<std::pair<std::string, std::string>>& arrays) {
  std::vector<MadeMember> members;
  for (const auto& [name, bytes] : arrays) {
    members.push_back({.name = name + ".npy", .bytes = bytes, .deflated = members.size() % 2 == 0});
  }
  return test::zip(members);
}

std::string message_of(const fs::path& path, ChannelRole role = ChannelRole::kTraining) {
  try {
    read(path, role);
  } catch (const UserError& error) {
    CHECK(std::string(error.what()).size() < 1024);
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  const bool found = text.find(part) != std::string::npos;
  CHECK(found);
  return found;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("read_channel: CSV files in a folder are joined in the order of their names") {
    const TempDirectory folder;
    folder.write("b.csv", "2,20\n");
    folder.write("a.csv", "1,10\n");
    folder.write("sub/deeper/c.csv", "3,30\n");
    folder.write(".hidden.csv", "no,data\n");
    folder.write("_SUCCESS", "");
    folder.write(".git/x.csv", "no,data\n");
    const ChannelRows channel = read(folder.path());
    CHECK(channel.is_csv);
    CHECK(channel.rows.targets.at(0).numbers == Doubles{1, 2, 3});
    CHECK(channel.rows.features.floats == std::vector<float>{10, 20, 30});
    CHECK(channel.rows.source == (folder / "a.csv").string() + " and 2 more files");
    CHECK(channel.notes.empty());
    CHECK_FALSE(channel.test);
  }

  TEST_CASE("read_channel: compressed files are read beside plain ones") {
    const TempDirectory folder;
    folder.write("a.csv.gz", test::gzip("1,10\n"));
    folder.write("b.csv", "2,20\n");
    folder.write("c.csv.zst", test::zstd("3,30\n"));
    folder.write("d", test::gzip("4,40\n"));
    folder.write("e.npz.gz", test::gzip("PK"));
    const ChannelRows channel = read(folder.path());
    CHECK(channel.rows.targets.at(0).numbers == Doubles{1, 2, 3, 4});
    CHECK(channel.rows.features.floats == std::vector<float>{10, 20, 30, 40});
    REQUIRE(channel.notes.size() == 1);
    has(channel.notes[0], "\"e.npz.gz\"");
    folder.write("f.csv.gz", test::gzip("5,50\n").substr(0, 12));
    has(message_of(folder.path()), (folder / "f.csv.gz").string() + ": the gzip data is cut short");
  }

  TEST_CASE("read_channel: header, target and weight column reach the reader") {
    const TempDirectory folder;
    folder.write("a.csv", "a,b,c\n1,10,3\n");
    ReadOptions options;
    options.choice.targets = {"b"};
    options.choice.weight = "c";
    const ChannelRows channel = read_channel(folder.path(), ChannelRole::kTraining, options);
    CHECK(channel.rows.targets.at(0).numbers == Doubles{10});
    CHECK(channel.rows.weights == std::vector<float>{3});
    CHECK(channel.rows.target_names == std::vector<std::string>{"b"});
    CHECK(channel.rows.source == (folder / "a.csv").string());
  }

  TEST_CASE("read_channel: the channel may be one file that lost its name") {
    const TempDirectory folder;
    CHECK(read(folder.write("train", "1,2\n")).rows.targets.at(0).numbers == Doubles{1});
    const ChannelRows arrays =
        read(folder.write("training", npz({{"x", pixels(2)}, {"y", labels(2)}})));
    CHECK(arrays.rows.rows() == 2);
    CHECK(arrays.rows.source == (folder / "training").string());
    CHECK(read(folder.write("v.1", "1,2\n"), ChannelRole::kTest, "text/csv; label_size=1").is_csv);
    CHECK_THROWS_WITH_AS(read(folder / "train", ChannelRole::kTraining, "text/csv;label_size=0"),
                         doctest::Contains("each row needs one label"), UserError);
    CHECK_THROWS_WITH_AS(read(folder / "train", ChannelRole::kTraining, "text/libsvm"),
                         doctest::Contains("not supported yet"), UserError);
    has(message_of(folder.write("r", "\x0A\x23\xD7\xCE")), "no file that can be read");
    has(message_of(folder.write("a.json", "[1, 2]")), "found \"" + (folder / "a.json").string());
    CHECK(read(folder.write("z", test::gzip("1,2\n"))).rows.targets.at(0).numbers == Doubles{1});
  }

  TEST_CASE("read_channel: files of other kinds are ignored with one note") {
    const TempDirectory folder;
    folder.write("a.csv", "1,2\n");
    folder.write("README.md", "text");
    folder.write("sub/image.png", "text");
    fs::create_symlink(folder / "nowhere", folder / "broken.csv");
    const ChannelRows channel = read(folder.path());
    REQUIRE(channel.notes.size() == 1);
    has(channel.notes[0], "Ignored 2 files");
    has(channel.notes[0], "\"README.md\", \"sub/image.png\"");
  }

  TEST_CASE("read_channel: content type text/csv makes text of files whose names tell nothing") {
    const TempDirectory folder;
    folder.write("digits.tra", "1,2\n");
    has(message_of(folder.path()), "set the channel's content type to text/csv");
    CHECK(read(folder.path(), ChannelRole::kTraining, "text/csv").rows.rows() == 1);
    folder.write("digits.csv", "1,2\n3,4\n");
    CHECK(read(folder.path(), ChannelRole::kTraining, "text/csv").rows.rows() == 2);
  }

  TEST_CASE("read_channel: links to files and folders are followed, loops are not") {
    const TempDirectory data;
    const TempDirectory folder;
    fs::create_directory_symlink(data.path(), folder / "linked");
    fs::create_directory_symlink(folder.path(), data / "back");
    fs::create_symlink(data.write("a.csv", "1,2\n"), folder / "b.csv");
    CHECK(read(folder.path()).rows.rows() == 2);
  }

  TEST_CASE("read_channel: a channel that is absent, empty or mixed is named") {
    const TempDirectory folder;
    has(message_of(folder / "absent"),
        (folder / "absent").string() + ": the channel's path does not exist");
    has(message_of(folder.path()), "no file that can be read: found none");
    folder.write("notes.md", "x");
    has(message_of(folder.path()), "found \"notes.md\". Expected .csv, .npz or .npy files");
    folder.write("a.csv", "1,2\n");
    CHECK_THROWS_WITH_AS(read(folder.path(), ChannelRole::kTraining, "application/x-npz"),
                         doctest::Contains("Expected .npz or .npy files"), UserError);
    folder.write("b.npz", npz({{"x", pixels(2)}, {"y", labels(2)}}));
    has(message_of(folder.path()),
        "mixes text and arrays: \"" + (folder / "a.csv").string() + "\" and");
    CHECK(read(folder.path(), ChannelRole::kTraining, "text/csv").is_csv);
    CHECK_FALSE(read(folder.path(), ChannelRole::kTraining, "application/x-npz").is_csv);
    const fs::path pipe = folder / "pipe";
    REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
    has(message_of(pipe), "neither a folder nor a regular file");
  }

  TEST_CASE("read_channel: an empty file is named, of each kind") {
    for (const char* name : {"a.csv", "a.npz", "x.npy"}) {
      CAPTURE(name);
      const TempDirectory folder;
      folder.write(name, "");
      if (std::string(name) == "x.npy") folder.write("y.npy", labels(1));
      has(message_of(folder.path()), name);
    }
  }

  TEST_CASE("read_channel: the arrays of the seed give training and test rows") {
    const TempDirectory folder;
    folder.write("mnist.npz", npz({{"x_test", pixels(3, 8)},
                                   {"x_train", pixels(5, 7)},
                                   {"y_train", labels(5, 2)},
                                   {"y_test", labels(3, 4)},
                                   {"unused", npy("|O", "(1,)", "pickle")}}));
    const ChannelRows channel = read(folder.path());
    CHECK_FALSE(channel.is_csv);
    CHECK(channel.rows.source == (folder / "mnist.npz").string());
    CHECK(channel.rows.row_shape == Shape{2, 2});
    CHECK(channel.rows.features.type == FeatureType::kUint8);
    CHECK(channel.rows.features.bytes == std::vector<std::uint8_t>(20, 7));
    CHECK(channel.rows.targets.at(0).numbers == Doubles(5, 2));
    REQUIRE(channel.test);
    CHECK(channel.test->features.bytes == std::vector<std::uint8_t>(12, 8));
    CHECK(channel.test->targets.at(0).numbers == Doubles(3, 4));
    CHECK(channel.test->source == (folder / "mnist.npz").string());
  }

  TEST_CASE("read_channel: two threads read the training and the test arrays that one reads") {
    const TempDirectory folder;
    folder.write("mnist.npz", npz({{"x_train", pixels(5, 7)},
                                   {"y_train", labels(5, 2)},
                                   {"x_test", pixels(3, 8)},
                                   {"y_test", labels(3, 4)}}));
    ReadOptions options;
    options.threads = 2;
    const ChannelRows channel = read_channel(folder.path(), ChannelRole::kTraining, options);
    CHECK(channel.rows.features.bytes == std::vector<std::uint8_t>(20, 7));
    CHECK(channel.rows.targets.at(0).numbers == Doubles(5, 2));
    REQUIRE(channel.test);
    CHECK(channel.test->features.bytes == std::vector<std::uint8_t>(12, 8));
    CHECK(channel.test->targets.at(0).numbers == Doubles(3, 4));
  }

  TEST_CASE("read_channel: a long CSV file, read by parts, gives each row in its place") {
    constexpr std::size_t kRows = 300'000;
    std::string text;
    std::vector<float> expected;
    for (std::size_t row = 0; row < kRows; ++row) {
      text += std::to_string(row % 10) + "," + std::to_string(row) + "\n";
      expected.push_back(static_cast<float>(row));
    }
    const TempDirectory folder;
    folder.write("rows.csv", text);
    for (const std::size_t threads : {1U, 2U}) {
      ReadOptions options;
      options.threads = threads;
      const ChannelRows channel = read_channel(folder.path(), ChannelRole::kTraining, options);
      const bool is_same = channel.rows.features.floats == expected;
      CHECK(is_same);
    }
  }

  TEST_CASE("read_channel: what a channel is for decides which arrays are its own") {
    const TempDirectory folder;
    folder.write("a.npz", npz({{"x", pixels(1)},
                               {"y", labels(1)},
                               {"x_train", pixels(2)},
                               {"y_train", labels(2)},
                               {"x_test", pixels(3)},
                               {"y_test", labels(3)}}));
    CHECK(read(folder.path(), ChannelRole::kTraining).rows.rows() == 2);
    CHECK(read(folder.path(), ChannelRole::kValidation).rows.rows() == 1);
    CHECK(read(folder.path(), ChannelRole::kTest).rows.rows() == 3);
    CHECK_FALSE(read(folder.path(), ChannelRole::kValidation).test);
    folder.write("a.npz", npz({{"x_train", pixels(2)}, {"y_train", labels(2)}}));
    CHECK(read(folder.path(), ChannelRole::kValidation).rows.rows() == 2);
    CHECK_FALSE(read(folder.path(), ChannelRole::kTraining).test);
    has(message_of(folder.path(), ChannelRole::kTest),
        "a.npz: expected arrays named x_test and y_test, or x and y. The arrays found are: "
        "\"x_train\" "
        "(2, 2, 2), \"y_train\" (2,)");
    folder.write(
        "a.npz",
        npz({{"x", pixels(1)}, {"y", labels(1)}, {"x_test", pixels(3)}, {"y_test", labels(3)}}));
    CHECK(read(folder.path(), ChannelRole::kTraining).rows.rows() == 1);
    CHECK_FALSE(read(folder.path(), ChannelRole::kTraining).test);
  }

  TEST_CASE("read_channel: .npy files of a folder are an unpacked .npz") {
    const TempDirectory folder;
    folder.write("one/x_train.npy", npy("<f8", "(2, 3)", bytes_of<double>({1, 2, 3, 4, 5, 6})));
    folder.write("one/y_train.npy", npy("|S1", "(2,)", "ab"));
    folder.write("one/middle/x.npy", npy("<f8", "(1, 3)", bytes_of<double>({7, 8, 9})));
    folder.write("one/middle/y.npy", npy("|S1", "(1,)", "c"));
    const ChannelRows channel = read(folder.path());
    CHECK(test::text_by_row(channel.rows.targets.at(0)) == std::vector<std::string>{"c", "a", "b"});
    CHECK(channel.rows.features.floats == std::vector<float>{7, 8, 9, 1, 2, 3, 4, 5, 6});
    CHECK(channel.rows.source == "one/middle and 1 more file");
  }

  TEST_CASE("read_channel: several .npz files are joined, with their test arrays") {
    const TempDirectory folder;
    folder.write("b.npz", npz({{"x_train", pixels(1, 2)},
                               {"y_train", labels(1, 2)},
                               {"x_test", pixels(1, 5)},
                               {"y_test", labels(1, 5)}}));
    folder.write("a.npz", npz({{"x_train", pixels(1, 1)},
                               {"y_train", labels(1, 1)},
                               {"x_test", pixels(1, 4)},
                               {"y_test", labels(1, 4)}}));
    folder.write("c.npz", npz({{"x", pixels(1, 3)}, {"y", labels(1, 3)}}));
    const ChannelRows channel = read(folder.path());
    CHECK(channel.rows.targets.at(0).numbers == Doubles{1, 2, 3});
    REQUIRE(channel.test);
    CHECK(channel.test->targets.at(0).numbers == Doubles{4, 5});
    CHECK(channel.test->features.bytes.size() == 8);
    CHECK(channel.test->source == (folder / "a.npz").string() + " and 1 more file");
    folder.write("d.npz", npz({{"x", npy("|u1", "(1, 4)", "abcd")}, {"y", labels(1)}}));
    has(message_of(folder.path()), "d.npz: the rows are uint8 of shape (4,), but those of " +
                                       (folder / "a.npz").string() + " are uint8 of shape (2, 2)");
    folder.write("d.npz", npz({{"x", npy("|i1", "(1, 2, 2)", "abcd")}, {"y", labels(1)}}));
    has(message_of(folder.path()), "d.npz: the rows are float");
    folder.write("d.npz", npz({{"x", pixels(1)}, {"y", npy("|S1", "(1,)", "a")}}));
    has(message_of(folder.path()),
        "d.npz: the labels are text, but those of " + (folder / "a.npz").string() + " are numbers");
  }

  TEST_CASE("read_channel: weights stand in w, w_train and w_test, each beside its x") {
    const TempDirectory folder;
    folder.write("a.npz", npz({{"x", pixels(1)},
                               {"y", labels(1)},
                               {"w", labels(1, 7)},
                               {"x_train", pixels(2)},
                               {"y_train", npy("|u1", "(2, 2)", "abcd")},
                               {"w_train", labels(2, 8)},
                               {"x_test", pixels(3)},
                               {"y_test", labels(3)},
                               {"w_test", labels(3, 9)}}));
    const ChannelRows channel = read(folder.path());
    CHECK(channel.rows.targets.size() == 2);
    CHECK(channel.rows.weights == std::vector<float>{8, 8});
    CHECK(channel.rows.weight_name.empty());
    REQUIRE(channel.test);
    CHECK(channel.test->weights == std::vector<float>{9, 9, 9});
    CHECK(read(folder.path(), ChannelRole::kValidation).rows.weights == std::vector<float>{7});
    CHECK(channel.notes.empty());
    folder.write("a.npz", npz({{"x_train", pixels(2)}, {"y_train", labels(2)}, {"w", labels(2)}}));
    const ChannelRows unweighted = read(folder.path());
    CHECK(unweighted.rows.weights.empty());
    REQUIRE(unweighted.notes.size() == 1);
    has(unweighted.notes[0], "a.npz: the array w is not read. The weights of the rows in x_train");
  }

  TEST_CASE("read_channel: all bundles have as many targets, and weights, or none has") {
    const TempDirectory folder;
    folder.write("a.npz", npz({{"x", pixels(1)}, {"y", labels(1)}, {"w", labels(1, 3)}}));
    folder.write("b.npz", npz({{"x", pixels(1)}, {"y", labels(1)}, {"w", labels(1, 4)}}));
    CHECK(read(folder.path()).rows.weights == std::vector<float>{3, 4});
    folder.write("b.npz", npz({{"x", pixels(1)}, {"y", labels(1)}}));
    has(message_of(folder.path()), "b.npz: the rows have no weights, but those of " +
                                       (folder / "a.npz").string() + " have some");
    folder.write("b.npz", npz({{"x", pixels(1)}, {"y", npy("|u1", "(1, 2)", "ab")}}));
    has(message_of(folder.path()), "b.npz: the rows have 2 targets each, but those of " +
                                       (folder / "a.npz").string() + " have 1");
    folder.write("a.npz", npz({{"x", pixels(1)}, {"y", npy("|u1", "(1, 2)", "cd")}}));
    const Table rows = read(folder.path()).rows;
    REQUIRE(rows.targets.size() == 2);
    CHECK(rows.targets[0].numbers == Doubles{'c', 'a'});
    CHECK(rows.targets[1].numbers == Doubles{'d', 'b'});
  }

  TEST_CASE("read_channel: weight_column names a column, which arrays don't have") {
    const TempDirectory folder;
    folder.write("a.npz", npz({{"x", pixels(1)}, {"y", labels(1)}}));
    ReadOptions options;
    options.choice.weight = "weight";
    CHECK_THROWS_WITH_AS(read_channel(folder.path(), ChannelRole::kTraining, options),
                         doctest::Contains("weight_column is \"weight\", but the channel holds "
                                           "arrays, which have no named columns. Save the weights "
                                           "as an array w"),
                         UserError);
  }

  TEST_CASE("read_channel: arrays that don't make rows with labels are explained") {
    struct Case {
      std::vector<std::pair<std::string, std::string>> arrays;
      const char* words;
    };
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const Case& c : {
             Case{{{"images", pixels(2)}}, "expected arrays named x_train and y_train, or x and y"},
             Case{{{"x_train", pixels(2)}, {"x", pixels(2)}, {"y", labels(2)}},
                  "y_train is missing"},
             Case{{{"y", labels(2)}}, "but x is missing"},
             Case{{{"x_train", pixels(2)}, {"y_train", labels(2)}, {"x_test", pixels(2)}},
                  "y_test is missing"},
             Case{{{"x", pixels(2)}, {"y", labels(3)}}, "x has 2 rows, but y has 3"},
             Case{{{"x", labels(2)}, {"y", labels(2)}}, "Expected rows x features"},
             Case{{{"x", pixels(0)}, {"y", labels(0)}}, "there are no rows"},
             Case{{{"x", npy("<f4", "(2, 0)", "")}, {"y", labels(2)}}, "there are no features"},
             Case{{{"x", npy("<f4", "(2, 1)", bytes_of<float>({0, nan}))}, {"y", labels(2)}},
                  "a.npz, x, row 1, column 0"},
             Case{{{"x", npy("|O", "(2, 1)", "pickle")}, {"y", labels(2)}},
                  "a.npz, x: the array holds Python objects"},
             Case{{{"x", pixels(2)}, {"y", npy("|u1", "(2, 3, 1)", "abcdef")}},
                  "a.npz, y: the labels have the shape (2, 3, 1)"},
             Case{{{"x", pixels(2)}, {"y", labels(2)}, {"w", labels(3)}},
                  "x has 2 rows, but w has 3"},
             Case{{{"x", pixels(2)}, {"y", labels(2)}, {"w", npy("|i1", "(2,)", "\1\377")}},
                  "a.npz, w, row 1 (counted from 0): the row's weight is -1"},
             Case{{{"x_train", pixels(2)},
                   {"y_train", labels(2)},
                   {"x_test", pixels(2)},
                   {"y_test", labels(2)},
                   {"w_test", pixels(2)}},
                  "w_test: the weights are numbers of the shape (2, 2, 2)"},
         }) {
      CAPTURE(c.words);
      const TempDirectory folder;
      folder.write("a.npz", npz(c.arrays));
      has(message_of(folder.path()), c.words);
    }
    const TempDirectory folder;
    folder.write("a.npz", test::zip({{.name = "readme.txt", .bytes = "no array"}}));
    has(message_of(folder.path()), "The arrays found are: none");
  }

  TEST_CASE("read_channel: poll may stop the reading") {
    const TempDirectory folder;
    folder.write("a/a.csv", "1,2\n3,4\n");
    folder.write("b/b.npz", npz({{"x", pixels(2)}, {"y", labels(2)}}));
    ReadOptions options;
    options.poll = [] { throw 1; };
    CHECK_THROWS_AS(read_channel(folder / "a", ChannelRole::kTraining, options), int);
    CHECK_THROWS_AS(read_channel(folder / "b", ChannelRole::kTraining, options), int);
  }

  TEST_CASE("read_channel: a folder or path that can't be followed is named with the reason") {
    const TempDirectory folder;
    fs::create_symlink("loop", folder / "loop");
    test::check_contains(message_of(folder / "loop"),
                         {"loop: the channel can't be read: Too many levels of symbolic links",
                          "Check who may read the path"});
    const fs::path closed = folder.write("channel/closed/a.csv", "0,1\n").parent_path();
    fs::permissions(folder.path(), fs::perms::all);
    fs::permissions(closed, fs::perms::none);
    std::string message;
    {
      const test::AsNobody nobody;
      message = message_of(folder / "channel");
    }
    fs::permissions(closed, fs::perms::owner_all);
    test::check_contains(message, {"channel/closed: the channel can't be read: Permission denied"});
  }

  TEST_CASE("read_channel: .npy files of folders with long names make rows folder by folder") {
    const TempDirectory folder;
    const std::string deep = std::string(200, 'd') + '/' + std::string(200, 'e');
    for (const char* const parent : {"a", "b"}) {
      folder.write(fs::path(parent) / deep / "x.npy", pixels(2));
      folder.write(fs::path(parent) / deep / "y.npy", labels(2));
    }
    CHECK(read(folder.path()).rows.rows() == 4);
    fs::remove(folder / "b" / deep / "y.npy");
    test::check_contains(message_of(folder.path()), {"eee: expected both", "y is missing"});
  }

  TEST_CASE("read_channel: an .npz that is cut anywhere gives a UserError") {
    std::mt19937 random(4);
    std::string noise(150 * 28 * 28, '\0');
    for (char& c : noise) c = static_cast<char>(random() % 256);
    const std::string whole =
        npz({{"x_train", npy("|u1", "(150, 28, 28)", noise)},
             {"y_train", labels(150)},
             {"y_test", labels(50)},
             {"x_test", npy("|u1", "(50, 28, 28)", noise.substr(0, 50 * 28 * 28))}});
    REQUIRE(whole.size() > 100'000);
    REQUIRE(whole.size() < 200'000);
    const TempDirectory folder;
    REQUIRE(read(folder.write("a.npz", whole)).rows.rows() == 150);
    std::size_t refused = 0;
    std::size_t cuts = 0;
    for (std::size_t size = 0; size < whole.size(); size += 100) {
      ++cuts;
      const fs::path path = folder.write("a.npz", whole.substr(0, size));
      if (message_of(path).find("a.npz") != std::string::npos) ++refused;
    }
    CHECK(refused == cuts);
  }

  TEST_CASE("read_channel: damaged bytes in an .npz give rows or a UserError, nothing else") {
    const std::string whole = npz({{"x_train", pixels(5)},
                                   {"y_train", labels(5)},
                                   {"x_test", pixels(3)},
                                   {"y_test", labels(3)}});
    const TempDirectory folder;
    std::mt19937 random(5);
    std::size_t read_well = 0;
    for (int i = 0; i < 4000; ++i) {
      std::string bytes = whole;
      const std::size_t changes = 1 + random() % 4;
      for (std::size_t change = 0; change < changes; ++change) {
        bytes[random() % bytes.size()] = static_cast<char>(random() % 256);
      }
      try {
        if (read(folder.write("a.npz", bytes)).rows.rows() > 0) ++read_well;
      } catch (const UserError& error) {
        CHECK(std::string(error.what()).size() < 1024);
      }
    }
    CHECK(read_well > 0);
  }

  TEST_CASE("read_channel: damaged headers of .npy files give rows or a UserError, nothing else") {
    const std::string whole = npy("<f4", "(4, 3)", std::string(48, '\0'));
    const TempDirectory folder;
    folder.write("y.npy", labels(4));
    std::mt19937 random(6);
    const std::string likely = "0123456789()[]{}',:<>|=-\"LOSUfiub ";
    for (int i = 0; i < 4000; ++i) {
      std::string bytes = whole;
      const std::size_t changes = 1 + random() % 3;
      for (std::size_t change = 0; change < changes; ++change) {
        const std::size_t place = random() % 80;
        bytes[place] = random() % 4 == 0 ? static_cast<char>(random() % 256)
                                         : likely[random() % likely.size()];
      }
      folder.write("x.npy", bytes);
      try {
        read(folder.path());
      } catch (const UserError& error) {
        CHECK(std::string(error.what()).size() < 1024);
      }
    }
  }
}

}  // namespace mlp
