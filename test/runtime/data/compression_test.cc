#include "runtime/data/compression.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "test/runtime/data/made_files.h"
#include "test/support/messages.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

using test::check_contains;
using test::gzip;
using test::zstd;

std::string read_all(ByteSource& source, std::size_t piece = 1 << 16) {
  std::string bytes;
  std::size_t count = 0;
  do {
    const std::size_t size = bytes.size();
    bytes.resize(size + piece);
    count = source.read(bytes.data() + size, piece);
    bytes.resize(size + count);
  } while (count == piece);
  return bytes;
}

std::string decompress(std::string_view bytes, std::size_t piece = 1 << 16) {
  return read_all(*decompressed(memory_source("a.csv", std::string(bytes))), piece);
}

std::string problem_of(std::string_view bytes) {
  return test::user_error_of([&] { decompress(bytes); });
}

// Rows that don't compress to nothing.
std::string made_text(std::size_t rows) {
  std::string text;
  unsigned state = 1;
  for (std::size_t i = 0; i < rows; ++i) {
    state = state * 1664525U + 1013904223U;
    text += std::to_string(state >> 8) + "," + std::to_string(i) + "\n";
  }
  return text;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("decompressed: what is not compressed comes as it is") {
    for (const std::string text : {"", "1", "1,2", "1,2\n", "1,2\n3,4\n"}) {
      for (const std::size_t piece : {1U, 3U, 100U}) CHECK(decompress(text, piece) == text);
    }
    CHECK(decompressed(memory_source("a.csv", ""))->name() == "a.csv");
  }

  TEST_CASE("decompressed: gzip and zstd give the text that was compressed") {
    for (const std::size_t rows : {0U, 1U, 1000U, 400'000U}) {
      const std::string text = made_text(rows);
      CHECK(decompress(gzip(text)) == text);
      CHECK(decompress(zstd(text)) == text);
      CHECK(decompress(gzip(text), 1'000'003) == text);
    }
    CHECK(decompress(gzip("1,2\n"), 1) == "1,2\n");
  }

  TEST_CASE("decompressed: a file is known by its first bytes, whatever its name") {
    const test::TempDirectory folder;
    CHECK(read_all(*decompressed(file_source(folder.write("a", gzip("1,2")), "a"))) == "1,2");
  }

  TEST_CASE("decompressed: what the tools gzip, zstd and pzstd write is read") {
    using namespace std::string_view_literals;
    // printf '1,2\n', piped into gzip -n, zstd -c and pzstd -c
    CHECK(
        decompress(
            "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x33\xd4\x31\xe2\x02\x00\x33\x42\x21\x55\x04\x00\x00\x00"sv) ==
        "1,2\n");
    CHECK(decompress("\x28\xb5\x2f\xfd\x04\x58\x21\x00\x00\x31\x2c\x32\x0a\xbf\x93\x13\x60"sv) ==
          "1,2\n");
    CHECK(
        decompress(
            "\x50\x2a\x4d\x18\x04\x00\x00\x00\x11\x00\x00\x00\x28\xb5\x2f\xfd\x04\x58\x21\x00\x00\x31\x2c\x32\x0a\xbf\x93\x13\x60"sv) ==
        "1,2\n");
  }

  TEST_CASE("decompressed: members and frames on end are one text") {
    const std::string long_text = made_text(300'000);
    for (const auto& compress : {gzip, zstd}) {
      CHECK(decompress(compress("1,2\n") + compress("") + compress("3,4\n") + compress("")) ==
            "1,2\n3,4\n");
      CHECK(decompress(compress(long_text) + compress(long_text)) == long_text + long_text);
    }
    const std::string padding(3000, '\0');
    CHECK(decompress(gzip("1,2\n") + padding + gzip("3,4\n") + padding) == "1,2\n3,4\n");
    using namespace std::string_literals;
    const std::string skippable = "\x5F\x2A\x4D\x18\x03\x00\x00\x00xyz"s;
    CHECK(decompress(skippable + zstd("1,2\n") + skippable + zstd("3")) == "1,2\n3");
  }

  TEST_CASE("decompressed: data cut short anywhere is told, with how far it goes") {
    const std::string text = made_text(20);
    for (const auto& compress : {gzip, zstd}) {
      const std::string bytes = compress("1,2\n") + compress(text);
      const std::size_t first = compress("1,2\n").size();
      for (std::size_t size = kCompressionMarkBytes; size < bytes.size(); ++size) {
        CAPTURE(size);
        if (size == first) continue;
        check_contains(problem_of(std::string_view(bytes).substr(0, size)),
                       {"a.csv: the ", "data is cut short",
                        "the file ends after " + std::to_string(size) + " bytes", "Copy the file"});
      }
    }
    const std::string cut = gzip(made_text(1000)).substr(0, 5000);
    check_contains(problem_of(cut), {"the gzip data is cut short", "; gzip -t tests it."});
  }

  TEST_CASE("decompressed: damaged data is an error or does no harm, at each byte") {
    const std::string text = made_text(20);
    for (const auto& compress : {gzip, zstd}) {
      const std::string good = compress(text);
      int harmless = 0;
      for (std::size_t i = kCompressionMarkBytes; i < good.size(); ++i) {
        CAPTURE(i);
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x10);
        std::string read = text;
        const std::string problem = test::user_error_of([&] { read = decompress(bad); });
        CHECK(read == text);
        if (problem == "no UserError") ++harmless;  // the time in gzip's header, bits without use
      }
      CHECK(harmless < 10);
    }
  }

  TEST_CASE("decompressed: damaged data is told with its place") {
    std::string bytes = gzip("1,2\n");
    bytes[bytes.size() - 8] = static_cast<char>(bytes[bytes.size() - 8] ^ 1);
    check_contains(problem_of(bytes), {"a.csv: expected gzip data, but after ",
                                       "give 4 bytes of text, it can't be decompressed: "
                                       "incorrect data check.",
                                       "Copy the file again", "; gzip -t tests it."});
    check_contains(problem_of(gzip("1,2\n") + "more"), {"incorrect header check"});
    check_contains(problem_of(zstd("1,2\n") + "more"),
                   {"expected zstd data", "Unknown frame descriptor", "; zstd -t tests it."});
  }

  TEST_CASE("decompressed: a zstd frame that asks for more than 128 MiB is refused") {
    using namespace std::string_view_literals;
    check_contains(problem_of("\x28\xB5\x2F\xFD\x00\x90\x01\x00\x00"sv),
                   {"too much memory", "without an unusually large window"});
    CHECK(decompress("\x28\xB5\x2F\xFD\x00\x88\x01\x00\x00"sv).empty());  // 128 MiB
  }

  TEST_CASE("decompressed: a file that grows a thousandfold comes piece by piece") {
    constexpr std::size_t kSize = 200 << 20;
    std::string bytes;
    {
      const std::string zeros(1 << 20, '0');
      const std::string member = gzip(zeros);
      for (std::size_t size = 0; size < kSize; size += zeros.size()) bytes += member;
    }
    CHECK(bytes.size() < kSize / 500);
    const auto source = decompressed(memory_source("a.csv", bytes));
    std::string piece(1 << 16, '\0');
    std::size_t total = 0;
    for (std::size_t count = piece.size(); count == piece.size(); total += count) {
      count = source->read(piece.data(), piece.size());
    }
    CHECK(total == kSize);
  }
}

}  // namespace mlp
