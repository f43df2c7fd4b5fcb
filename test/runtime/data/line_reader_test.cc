#include "runtime/data/line_reader.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "model/error.h"

namespace mlp {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  LineReader reader(memory_source("a.csv", text));
  std::vector<std::string> lines;
  std::string_view line;
  while (reader.next(line)) lines.emplace_back(line);
  return lines;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE(
      "LineReader: LF, CRLF, a byte order mark and a missing last line end make no difference") {
    const std::vector<std::string> expected = {"a,b", "1,2"};
    for (const char* text : {"a,b\n1,2\n", "a,b\n1,2", "a,b\r\n1,2\r\n",
                             "\xEF\xBB\xBF"
                             "a,b\n1,2\n",
                             "a,b\n1,2\n\n \r\n\n"}) {
      CAPTURE(text);
      CHECK(lines_of(text) == expected);
    }
    CHECK(lines_of("").empty());
    CHECK(lines_of("\n\n").empty());
  }

  TEST_CASE("LineReader: lines of all lengths pass the buffer's end whole") {
    std::string text;
    std::vector<std::string> expected;
    for (std::size_t i = 0; text.size() < 3'000'000; ++i) {
      expected.emplace_back(i * 97 % 2000 + 1, static_cast<char>('a' + i % 26));
      text += expected.back() + "\n";
    }
    expected.emplace_back(2'500'000, 'z');
    text += expected.back();
    CHECK(lines_of(text) == expected);
  }

  TEST_CASE("LineReader: a blank line between rows is named") {
    CHECK_THROWS_WITH_AS(lines_of("1,2\n \n\n3,4\n"),
                         doctest::Contains("a.csv, line 2: the line is blank"), UserError);
  }

  TEST_CASE("LineReader: compressed and binary files are told by their first bytes") {
    struct Case {
      const char* name;
      std::string bytes;
      const char* words;
    };
    for (const Case& c : {Case{"gzip", "\x1F\x8B\x08", "compressed by gzip"},
                          Case{"zstd", "\x28\xB5\x2F\xFDxx", "decompress it"},
                          Case{"bzip2", "BZh9", "compressed by bzip2"},
                          Case{"xz",
                               "\xFD"
                               "7zXZ",
                               "compressed by xz"},
                          Case{"zip", "PK\x03\x04xx", ".npz"}, Case{"npy", "\x93NUMPY", ".npy"},
                          Case{"utf-16",
                               "\xFF\xFE"
                               "1",
                               "UTF-16"},
                          Case{"utf-16be",
                               "\xFE\xFF"
                               "1",
                               "UTF-16"}}) {
      CAPTURE(c.name);
      CHECK_THROWS_WITH_AS(lines_of(c.bytes), doctest::Contains(c.words), UserError);
    }
  }

  TEST_CASE("LineReader: a line without end is refused before it fills the memory") {
    CHECK_THROWS_WITH_AS(lines_of(std::string((64 << 20) + 1, '1')),
                         doctest::Contains("line 1: the line is longer than 64 MiB"), UserError);
  }
}

}  // namespace mlp
