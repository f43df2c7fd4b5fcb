#include "model/hdf5_file.h"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "model/error.h"

namespace mlp {
namespace {

const std::vector<float> kValues = {1.5F, -2, 0, 3, std::numeric_limits<float>::denorm_min(), 7};

std::string small_file() {
  Hdf5Writer file;
  file.add_group("/a");
  file.add_attribute("/", "text", "caf\xC3\xA9");
  file.add_attribute("/a", "texts", std::vector<std::string>{"one", "", "three"});
  file.add_attribute("/a", "number", std::int64_t{-3});
  file.add_floats("/a/b/values", std::array<std::size_t, 2>{2, 3}, kValues);
  file.add_integer("/a/count", 0);
  file.add_text("/a/story", "It was.\n");
  return file.finish();
}

// The message of the UserError that `action` throws.
std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  FAIL("no UserError");
  return {};
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("Hdf5: what is written is read again") {
    const Hdf5Reader file(small_file(), "model.h5");
    CHECK(file.integer_attribute("/a", "number") == -3);
    CHECK(file.shape("/a/b/values") == std::vector<std::size_t>{2, 3});
    CHECK(file.floats("/a/b/values") == kValues);
    CHECK(file.shape("/a/count").empty());
    CHECK(file.text("/a/story") == "It was.\n");
  }

  TEST_CASE("Hdf5: contains() tells which objects are there, at any depth") {
    const Hdf5Reader file(small_file(), "model.h5");
    CHECK(file.contains("/a"));
    CHECK(file.contains("/a/b/values"));
    CHECK_FALSE(file.contains("/b"));
    CHECK_FALSE(file.contains("/b/a/values"));
    CHECK_FALSE(file.contains("/a/b/value"));
  }

  TEST_CASE("Hdf5: empty text and an array without values can be stored") {
    Hdf5Writer out;
    out.add_attribute("/", "nothing", "");
    out.add_attribute("/", "none", std::vector<std::string>{});
    out.add_text("/empty", "");
    out.add_floats("/zero", std::array<std::size_t, 1>{0}, {});
    const Hdf5Reader file(out.finish(), "model.h5");
    CHECK(file.text("/empty").empty());
    CHECK(file.floats("/zero").empty());
  }

  TEST_CASE("Hdf5: an attribute may be larger than the 64 KB of HDF5's first format") {
    Hdf5Writer out;
    out.add_attribute("/", "long", std::string(1'000'000, 'x'));
    out.add_attribute("/", "many", std::vector<std::string>(10'000, "some_layer_name"));
    out.add_attribute("/", "number", std::int64_t{7});
    const std::string bytes = out.finish();
    CHECK(bytes.size() > 1'150'000);
    CHECK(Hdf5Reader(bytes, "model.h5").integer_attribute("/", "number") == 7);
  }

  TEST_CASE("Hdf5: equal content gives equal bytes, also a second later") {
    const std::string first = small_file();
    // HDF5's time stamps count seconds.
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    CHECK(small_file() == first);
  }

  TEST_CASE("Hdf5: files that are open at the same time don't meet") {
    Hdf5Writer a;
    Hdf5Writer b;
    a.add_text("/x", "of a");
    b.add_text("/x", "of b");
    const std::string a_bytes = a.finish();
    const Hdf5Reader from_a(a_bytes, "a.h5");
    const Hdf5Reader from_b(b.finish(), "b.h5");
    CHECK(from_a.text("/x") == "of a");
    CHECK(from_b.text("/x") == "of b");
  }

  TEST_CASE("Hdf5: the writer refuses a path that is taken, and says which") {
    Hdf5Writer file;
    file.add_text("/a", "a");
    CHECK_THROWS_WITH_AS(file.add_text("/a", "b"), doctest::Contains("writing /a: "),
                         std::runtime_error);
    CHECK_THROWS_AS(file.add_attribute("/none", "name", "text"), std::runtime_error);
  }

  TEST_CASE("Hdf5: an empty file is refused") {
    const std::string error = error_of([] { Hdf5Reader("", "dir/model.h5"); });
    CHECK_MESSAGE(error.starts_with("dir/model.h5 is not a whole model file"), error);
    CHECK_MESSAGE(error.find("The file is empty.") != std::string::npos, error);
  }

  TEST_CASE("Hdf5: a file of another format is refused") {
    const std::string error = error_of([] { Hdf5Reader("PK\x03\x04 and so on", "model.h5"); });
    CHECK_MESSAGE(error.find("model.h5 is not an HDF5 file") != std::string::npos, error);
  }

  TEST_CASE("Hdf5: a file that is cut short can't be opened, and the reason is HDF5's own") {
    const std::string bytes = small_file();
    const std::string error =
        error_of([&] { Hdf5Reader(bytes.substr(0, bytes.size() - 1), "model.h5"); });
    CHECK_MESSAGE(error.find("can't be opened (HDF5: ") != std::string::npos, error);
    CHECK_MESSAGE(error.find("truncated") != std::string::npos, error);
    CHECK_MESSAGE(error.find("copy it again") != std::string::npos, error);
  }

  TEST_CASE("Hdf5: what is missing or of another kind is named by its path") {
    const Hdf5Reader file(small_file(), "model.h5");
    struct Case {
      std::string name;
      std::function<void()> action;
      std::string expected;
    };
    const std::vector<Case> cases = {
        {"no dataset", [&] { file.floats("/a/none"); }, "/a/none can't be read"},
        {"a group", [&] { file.floats("/a"); }, "/a can't be read"},
        {"no attribute", [&] { file.integer_attribute("/a", "none"); },
         "Attribute none of /a can't be read"},
        {"a text attribute", [&] { file.integer_attribute("/", "text"); },
         "Attribute text of / is not one 64-bit integer"},
        {"text for floats", [&] { file.floats("/a/story"); }, "/a/story does not hold float32"},
        {"integer for floats", [&] { file.floats("/a/count"); }, "/a/count does not hold float32"},
        {"floats for text", [&] { file.text("/a/b/values"); },
         "/a/b/values does not hold one text"},
    };
    for (const Case& c : cases) {
      CAPTURE(c.name);
      const std::string error = error_of(c.action);
      CHECK_MESSAGE(error.find(c.expected) != std::string::npos, error);
    }
  }
}

}  // namespace mlp
