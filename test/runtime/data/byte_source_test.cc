#include "runtime/data/byte_source.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>

#include "model/error.h"
#include "test/support/temp_directory.h"

namespace mlp {

TEST_SUITE("runtime/data") {
  TEST_CASE("view_source: gives the bytes, and says how many are to come") {
    const std::string bytes = "abcde";
    const auto source = view_source("text", bytes);
    CHECK(source->name() == "text");
    CHECK(source->bytes_left() == 5U);
    std::string buffer(3, ' ');
    CHECK(source->read(buffer.data(), 3) == 3);
    CHECK(buffer == "abc");
    CHECK(source->bytes_left() == 2U);
    CHECK(source->read(buffer.data(), 3) == 2);
    CHECK(buffer == "dec");
    CHECK(source->bytes_left() == 0U);
    CHECK(source->read(buffer.data(), 3) == 0);
  }

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

  TEST_CASE("read_ahead: gives the source's bytes, in pieces of any size") {
    for (const std::size_t size : {0UL, 1UL, 1UL << 20, (3UL << 20) + 1, 10UL << 20}) {
      std::string bytes(size, '\0');
      for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
      for (const std::size_t piece : {100'003UL, 1UL << 20, 20UL << 20}) {
        CAPTURE(size);
        CAPTURE(piece);
        const auto source = read_ahead(memory_source("a.txt", bytes));
        CHECK(source->name() == "a.txt");
        std::string read(size + piece, '\0');
        std::size_t done = 0;
        std::size_t count = piece;
        for (; count == piece; done += count) count = source->read(read.data() + done, piece);
        read.resize(done);
        CHECK(read == bytes);
        CHECK(source->read(read.data(), 1) == 0);
      }
    }
  }

  TEST_CASE("read_ahead: an error of the source comes behind the bytes before it, each time") {
    class Broken final : public ByteSource {
     public:
      Broken() : ByteSource("broken") {}
      std::size_t read(void* buffer, std::size_t size) override {
        if (pieces_++ == 5) throw UserError("out of bytes");
        std::memset(buffer, 'x', size);
        return size;
      }

     private:
      int pieces_ = 0;
    };
    const auto source = read_ahead(std::make_unique<Broken>());
    std::string piece(1 << 20, '\0');
    for (int i = 0; i < 5; ++i) CHECK(source->read(piece.data(), piece.size()) == piece.size());
    for (int i = 0; i < 2; ++i) {
      CHECK_THROWS_WITH_AS(source->read(piece.data(), 1), "out of bytes", UserError);
    }
  }

  TEST_CASE("read_ahead: may be dropped before its end, and reads no further than it may") {
    class Endless final : public ByteSource {
     public:
      explicit Endless(std::atomic<std::size_t>& total) : ByteSource("endless"), total_(total) {}
      std::size_t read(void* buffer, std::size_t size) override {
        std::memset(buffer, 'x', size);
        total_ += size;
        return size;
      }

     private:
      std::atomic<std::size_t>& total_;
    };
    std::atomic<std::size_t> total = 0;
    for (int i = 0; i < 20; ++i) {
      const auto source = read_ahead(std::make_unique<Endless>(total));
      char byte = 0;
      if (i % 2 == 0) CHECK(source->read(&byte, 1) == 1);
    }
    CHECK(total <= 20 * (3 << 20));
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
