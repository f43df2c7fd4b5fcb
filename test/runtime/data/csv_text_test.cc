#include "runtime/data/csv_text.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "model/error.h"

namespace mlp {
namespace {

using Strings = std::vector<std::string>;

// All records of `text`, by its blocks.
std::vector<Strings> records_of(const std::string& text, std::size_t count = 2,
                                bool is_exact = true) {
  CsvText reader(memory_source("a.csv", text), ',', is_exact);
  std::vector<Strings> records;
  std::vector<std::string_view> blocks = reader.next(count, 1);
  while (!blocks.empty()) {
    // Blocks stay until the call after the next.
    std::vector<std::string_view> next = reader.next(count, 1);
    for (const std::string_view block : blocks) {
      const char* p = block.data();
      const char* const last = p + block.size();
      while (p != last) {
        Strings record;
        for (CsvField& field : take_record(p, last, ',')) record.push_back(std::move(field.text));
        records.push_back(std::move(record));
      }
    }
    blocks = std::move(next);
  }
  return records;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("CsvText: records of all lengths stay whole, whatever is in their quotes") {
    std::string text;
    std::vector<Strings> expected;
    const Strings ends = {"\n", "\r\n", "\r"};
    for (std::size_t i = 0; text.size() < 5'000'000; ++i) {
      const std::string word(i * 97 % 3000 + 1, static_cast<char>('a' + i % 26));
      expected.push_back({word, "q\"" + word + ",\r\n\n\"", " x", "in\"side"});
      text += word + ",\"q\"\"" + word + ",\r\n\n\"\"\" ,\" x\", in\"side " + ends[i % 3];
    }
    expected.push_back({std::string(2'500'000, 'z')});
    text += expected.back()[0];
    CHECK(records_of(text, 1) == expected);
    CHECK(records_of(text, 3) == expected);
  }

  TEST_CASE("CsvText: where quotes stand around fields alone, counting them is enough") {
    std::string text;
    std::vector<Strings> expected;
    for (std::size_t i = 0; text.size() < 3'000'000; ++i) {
      const std::string word(i * 97 % 3000 + 1, static_cast<char>('a' + i % 26));
      expected.push_back({word, "q\"" + word + ",\r\n\n\"", " x"});
      text += word + ",\"q\"\"" + word + ",\r\n\n\"\"\" ,\" x\"" + (i % 2 == 0 ? "\n" : "\r\n");
    }
    CHECK(records_of(text, 2, false) == expected);
  }

  TEST_CASE("CsvText: quotes count from where they are first seen on") {
    std::string text;
    std::vector<Strings> expected;
    const auto add = [&](const std::string& first, const std::string& second) {
      expected.push_back({first, second});
      text += first + ',' + (second.find('\n') == std::string::npos ? second : '"' + second + '"') +
              '\n';
    };
    const auto add_plain = [&] {
      for (int i = 0; i < 100'000; ++i) add("a", "1234567890");
    };
    const auto add_quoted = [&] {
      for (std::size_t i = 0; i < 300; ++i) add("b", std::string(i * 97 % 3000, 'x') + "\nc,d");
    };
    add_plain();
    add_quoted();
    add_plain();
    add(std::string(300'000, 'z'), "e");  // for which a buffer is filled anew
    add_quoted();
    CHECK(records_of(text, 1) == expected);
    CHECK(records_of(text, 2, false) == expected);
  }

  TEST_CASE("CsvText: a line end of two bytes stays one where a buffer ends within") {
    // The buffer holds two blocks of 65,536 bytes: the second line's CR is the last of them.
    constexpr std::size_t kBuffer = 131'072;
    const Strings lines = {std::string(60'000, 'a'), std::string(kBuffer - 60'003, 'b')};
    std::string text;
    std::vector<Strings> expected;
    for (int i = 0; i < 20; ++i) {
      for (const std::string& line : lines) {
        text += line + "\r\n";
        expected.push_back({line});
      }
    }
    CHECK(records_of(text, 1) == expected);
  }

  TEST_CASE("CsvText: compressed and binary files are told by their first bytes") {
    struct Case {
      const char* name;
      std::string bytes;
      const char* words;
    };
    for (const Case& c :
         {Case{"bzip2", "BZh9", "compressed by bzip2"},
          Case{"xz", std::string("\xFD") + "7zXZ", "compressed by xz. Compress it by gzip or zstd"},
          Case{"zip", "PK\x03\x04xx", ".npz"}, Case{"npy", "\x93NUMPY", ".npy"},
          Case{"utf-16", std::string("\xFF\xFE") + "1", "UTF-16"},
          Case{"utf-16be", std::string("\xFE\xFF") + "1", "UTF-16"}}) {
      CAPTURE(c.name);
      CHECK_THROWS_WITH_AS(records_of(c.bytes), doctest::Contains(c.words), UserError);
    }
  }

  TEST_CASE("CsvText: a record without end is refused before it fills the memory") {
    const std::string open = "1,2\n3,\"" + std::string(200 << 20, '1');
    CsvText text(memory_source("a.csv", open), ',', true);
    CHECK_THROWS_WITH_AS(text.next(1, 7),
                         doctest::Contains("a.csv, line 7: a row that begins in this line or"),
                         UserError);
  }

  TEST_CASE("CsvText: line ends of all kinds count as one each") {
    CHECK(count_lines("") == 0);
    CHECK(count_lines("a\nb\r\nc\rd") == 3);
    CHECK(count_lines("\r\r\n\n\r") == 4);
  }

  TEST_CASE("CsvText: the delimiter is what parts the first records alike") {
    struct Case {
      const char* text;
      char delimiter;
    };
    for (const Case& c :
         {Case{"a,b\n1,2\n", ','}, Case{"a;b\n1,5;2,5\n", ';'}, Case{"a\tb\n1 2\t3\n", '\t'},
          Case{"a|b,c|d\n1|2|3\n", '|'}, Case{"\"a;b;c\",d\n1,2\n", ','}, Case{"a\n1\n", ','},
          Case{"", ','}, Case{"a;b;c\n1;2\n", ';'}, Case{"x;y\n1;2\n3;4,5,6,7", ';'},
          Case{"\n \t\r\n\ra;\"b,c\"\n\n1;2\n", ';'}}) {
      CAPTURE(c.text);
      CHECK(find_delimiter(c.text) == c.delimiter);
    }
  }
}

}  // namespace mlp
