#include "runtime/data/json_records.h"

#include <doctest/doctest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "test/support/messages.h"

namespace mlp {
namespace {

using test::check_contains;
using Records = std::vector<std::string>;

Records records_of(const std::string& text) {
  JsonRecords records(memory_source("a.json", text));
  Records all;
  std::string_view record;
  while (records.next(record)) all.emplace_back(record);
  CHECK_FALSE(records.next(record));
  return all;
}

std::string problem_of(const std::string& text) {
  return test::user_error_of([&] { records_of(text); });
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("JsonRecords: brackets, quotes and escapes within a record don't end it") {
    const Records records = {R"({})", R"({"a": "}"})", R"({"a": "\"}{[", "b\\": "]"})",
                             R"({"a": {"b": [1, {"c": []}]}})", "{\n  \"a\": 1\n}"};
    for (const std::string separator : {"", " ", "\n", "\r\n\t\n"}) {
      std::string lines;
      std::string array = "[";
      for (const std::string& record : records) {
        array += (array.size() > 1 ? "," : "") + separator + record + separator;
        lines += record + separator;
      }
      CHECK(records_of(lines) == records);
      CHECK(records_of(array + "]" + separator) == records);
    }
  }

  TEST_CASE("JsonRecords: records reach over the pieces that the source is read in") {
    Records records;
    std::string array = "[";
    for (std::size_t i = 0; i < 300; ++i) {
      records.push_back("{\"" + std::string(i * 97, 'z') + "\\\\\": [1]}");
      array += (i == 0 ? "" : ",") + records.back();
    }
    records.push_back("{\"" + std::string(5 << 20, 'w') + "\"}");
    array += ",\n" + records.back() + "]";
    CHECK(array.size() > (8 << 20));
    CHECK(records_of(array) == records);
  }

  TEST_CASE("JsonRecords: what is not of the forms that are read is told") {
    struct Case {
      std::string text;
      std::vector<std::string> words;
    };
    std::string deep = "{\"a\": ";
    for (int i = 0; i < 64; ++i) deep += "[";
    for (const Case& c : {
             Case{"", {"a.json: the file is empty. Expected an array of objects", "copied"}},
             Case{" \n", {"the file is empty"}},
             Case{"1,2\n", {"a.json, record 1: found \"1,2\", which is no JSON object"}},
             Case{"[1, 2]", {"record 1: found \"1, 2]\", which is no JSON object. Expected"}},
             Case{"[[1, 2]]", {"record 1: found \"[1, 2]]\", which is no JSON object"}},
             Case{"[", {"record 1: found the end of the file"}},
             Case{"[{},]", {"record 2: found \"]\", which is no JSON object"}},
             Case{"[,{}]", {"record 1: found \",{}]\""}},
             Case{"[{}{}]", {"a.json: found \"{}]\" behind record 1. Expected a comma"}},
             Case{"[{}", {"found the end of the file behind record 1"}},
             Case{"[{}] {}", {"found \"{}\" behind the array's closing bracket"}},
             Case{"{},{}", {"record 2: found \",{}\", which is no JSON object"}},
             Case{"{}\n{\"a\": 1", {"record 2: the text ends within the record"}},
             Case{"{\"a\": \"b", {"record 1: the text ends within"}},
             Case{"{\"a\": \"\\", {"record 1: the text ends within"}},
             Case{"{\"a\": \"b}\n{\"c\": 1}", {"record 1: a text's quotes are not closed"}},
             Case{deep, {"record 1: more than 64 brackets are open at once"}},
         }) {
      CAPTURE(c.text);
      const std::string problem = problem_of(c.text);
      for (const std::string& word : c.words) check_contains(problem, {word});
    }
    check_contains(problem_of("[" + std::string(500, '\x01')), {"\\x01"});
  }

  TEST_CASE("JsonRecords: a record that never ends is refused at 64 MiB") {
    class Endless final : public ByteSource {
     public:
      Endless() : ByteSource("a.json") {}
      std::size_t read(void* buffer, std::size_t size) override {
        std::memset(buffer, started_ ? ' ' : '{', 1);
        std::memset(static_cast<char*>(buffer) + 1, ' ', size - 1);
        started_ = true;
        total_ += size;
        CHECK(total_ <= (128 << 20));
        return size;
      }

     private:
      bool started_ = false;
      std::size_t total_ = 0;
    };
    JsonRecords records(std::make_unique<Endless>());
    std::string_view record;
    check_contains(test::user_error_of([&] { records.next(record); }),
                   {"a.json, record 1: the record is longer than 64 MiB"});
  }
}

}  // namespace mlp
