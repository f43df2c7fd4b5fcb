#include "runtime/sagemaker/failure.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "test/runtime/system/as_nobody.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;
using test::read_bytes;
using test::TempDirectory;

TEST_SUITE("runtime/sagemaker") {
  TEST_CASE("write_failure: makes the folder, and the first cause wins") {
    const TempDirectory folder;
    const fs::path file = folder / "output/failure";
    CHECK(write_failure(file, "UserError: first"));
    CHECK_FALSE(write_failure(file, "UserError: second"));
    CHECK(read_bytes(file) == "UserError: first");
  }

  TEST_CASE("clear_failure: removes what an earlier run left, and minds nothing else") {
    const TempDirectory folder;
    const fs::path file = folder.write("output/failure", "old");
    clear_failure(file);
    CHECK_FALSE(fs::exists(file));
    clear_failure(file);
    clear_failure(folder / "no/folder/failure");
    CHECK(write_failure(file, "new"));
    CHECK(read_bytes(file) == "new");
  }

  TEST_CASE("write_failure: 1,024 characters at most, cut between characters") {
    const TempDirectory folder;
    std::string euros;
    for (int i = 0; i < 1030; ++i) euros += "\u20ac";
    CHECK(write_failure(folder / "euros", euros));
    CHECK(read_bytes(folder / "euros") == euros.substr(0, std::size_t{3} * 1024));
    const std::string exact(1024, 'x');
    CHECK(write_failure(folder / "exact", exact));
    CHECK(read_bytes(folder / "exact") == exact);
  }

  TEST_CASE("write_failure: bytes of another encoding do not make the file unreadable") {
    const TempDirectory folder;
    CHECK(write_failure(folder / "f", "caf\xE9"));
    CHECK(read_bytes(folder / "f") == "caf\uFFFD");
  }

  TEST_CASE("write_failure: where nothing can be written it says so and does not throw") {
    const TempDirectory folder;
    const fs::path blocked = folder.write("output", "a file in the folder's place");
    CHECK_FALSE(write_failure(blocked / "failure", "x"));
    fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec |
                                       fs::perms::others_read | fs::perms::others_exec);
    {
      const test::AsNobody nobody;
      CHECK_FALSE(write_failure(folder / "failure", "x"));
    }
    fs::permissions(folder.path(), fs::perms::owner_all);
  }
}

}  // namespace
}  // namespace mlp
