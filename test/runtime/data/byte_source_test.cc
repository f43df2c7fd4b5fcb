#include "runtime/data/byte_source.h"

#include <doctest/doctest.h>

#include <string>

#include "model/error.h"
#include "test/support/temp_directory.h"

namespace mlp {

TEST_SUITE("runtime/data") {
  TEST_CASE("ByteSource: a file and memory give the same bytes, and fewer only at the end") {
    const test::TempDirectory folder;
    const std::string bytes = "0123456789";
    for (const auto& source :
         {std::shared_ptr<ByteSource>(file_source(folder.write("a.txt", bytes), "a.txt")),
          std::shared_ptr<ByteSource>(memory_source("a.txt", bytes))}) {
      CHECK(source->name() == "a.txt");
      std::string buffer(4, '\0');
      CHECK(source->read(buffer.data(), 4) == 4);
      CHECK(buffer == "0123");
      CHECK(source->read(buffer.data(), 4) == 4);
      CHECK(source->read(buffer.data(), 4) == 2);
      CHECK(buffer.substr(0, 2) == "89");
      CHECK(source->read(buffer.data(), 4) == 0);
    }
  }

  TEST_CASE("File: reads at any place and knows its size") {
    const test::TempDirectory folder;
    const File file(folder.write("a.txt", "0123456789"), "a.txt");
    CHECK(file.size_bytes() == 10);
    std::string buffer(4, '\0');
    CHECK(file.read_at(3, buffer.data(), 4) == 4);
    CHECK(buffer == "3456");
    CHECK(file.read_at(8, buffer.data(), 4) == 2);
    CHECK(file.read_at(99, buffer.data(), 4) == 0);
  }

  TEST_CASE("File: one that is absent or a folder is named") {
    const test::TempDirectory folder;
    CHECK_THROWS_WITH_AS(File(folder / "none", "none"),
                         doctest::Contains("none: the file can't be opened: No such file"),
                         UserError);
    File directory(folder.path(), "folder");
    char byte = 0;
    CHECK_THROWS_WITH_AS(directory.read(&byte, 1),
                         doctest::Contains("folder: the file can't be read"), UserError);
  }
}

}  // namespace mlp
