#include "runtime/serving/request_rows.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/artifact.h"
#include "model/error.h"
#include "runtime/data/csv_reader.h"
#include "runtime/data/wording.h"
#include "test/runtime/data/made_files.h"
#include "test/runtime/data/made_tables.h"
#include "test/runtime/serving/mutated.h"
#include "test/support/messages.h"

namespace mlp {
namespace {

using Floats = std::vector<float>;
using Shape = std::vector<std::size_t>;
using Strings = std::vector<std::string>;
using test::bytes_of;
using test::npy;

constexpr RequestType kJson = {};
constexpr RequestType kLines = {.type = MediaType::kJsonLines};
constexpr RequestType kCsv = {.type = MediaType::kCsv};
constexpr RequestType kLabelled = {.type = MediaType::kCsv, .has_label = true};
constexpr RequestType kNpy = {.type = MediaType::kNpy};

// A model that rows are read for; its weights play no part.
struct Served {
  std::unique_ptr<test::Learned> learned;
  std::unique_ptr<Predictor> predictor;
  PredictInputOptions options;
  std::unique_ptr<RequestDecoder> decoder;
};

Served serve(Artifact artifact, PredictInputOptions options) {
  const std::size_t width = artifact.schema.width();
  artifact.schema.task = Task::kRegression;
  artifact.weights.layers = {{width, 1, Floats(width, 1), {0}}};
  Served served;
  served.predictor = std::make_unique<Predictor>(artifact);
  served.options = std::move(options);
  served.options.row_shape = artifact.schema.row_shape;
  served.options.preprocessor = &served.predictor->preprocessor();
  served.decoder = std::make_unique<RequestDecoder>(*served.predictor, served.options);
  return served;
}

Served serve_arrays(Shape row_shape) {
  Artifact artifact;
  artifact.schema.row_shape = std::move(row_shape);
  return serve(std::move(artifact), {});
}

Served serve_table(const std::string& text, const std::string& target = "") {
  auto learned = test::learn(text, target);
  Artifact artifact;
  artifact.preprocessor = learned->preprocessor;
  artifact.schema.row_shape = {learned->preprocessor.width()};
  return serve(std::move(artifact), learned->options);
}

// All rows of a body.
struct Read {
  FeatureType type = FeatureType::kFloat32;
  Floats floats;
  std::vector<std::uint8_t> bytes;
  std::vector<std::uint32_t> words;
  std::vector<std::size_t> chunks;  // rows of each
  std::string answer_key;

  std::size_t rows() const {
    std::size_t sum = 0;
    for (const std::size_t chunk : chunks) sum += chunk;
    return sum;
  }
};

Read read(const Served& served, RequestType type, std::string_view body) {
  const DecodedRequest request = served.decoder->decode(type, body);
  Read read;
  read.answer_key = request.answer_key;
  Features rows;
  while (request.rows->next(rows)) {
    CHECK(rows.width == served.predictor->preprocessor().width());
    read.type = rows.type;
    read.chunks.push_back(rows.rows());
    read.floats.insert(read.floats.end(), rows.floats.begin(), rows.floats.end());
    read.bytes.insert(read.bytes.end(), rows.bytes.begin(), rows.bytes.end());
    read.words.insert(read.words.end(), rows.words.begin(), rows.words.end());
  }
  CHECK_FALSE(request.rows->next(rows));
  return read;
}

std::string refusal(const Served& served, RequestType type, std::string_view body) {
  return test::user_error_of([&] {
    const DecodedRequest request = served.decoder->decode(type, body);
    Features rows;
    while (request.rows->next(rows)) {
    }
  });
}

void check_refused(const Served& served, RequestType type, const std::string& body,
                   const Strings& words) {
  CAPTURE(body.substr(0, 200));
  const std::string text = refusal(served, type, body);
  CHECK(text.starts_with("Request body"));
  for (const std::string& word : words) test::check_contains(text, {word});
}

// Nested lists of this shape, of the numbers 0, 1, 2, ...
std::string list_of(const Shape& shape, std::size_t level, std::size_t& next) {
  if (level == shape.size()) return fmt::to_string(next++);
  std::string text = "[";
  for (std::size_t i = 0; i < shape[level]; ++i) {
    if (i > 0) text += ',';
    text += list_of(shape, level + 1, next);
  }
  return text + ']';
}
std::string list_of(const Shape& shape) {
  std::size_t next = 0;
  return list_of(shape, 0, next);
}

Floats counting(std::size_t count) {
  Floats values;
  for (std::size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i));
  return values;
}

// Three numbers in the order c, a, b, and text.
const char* const kNumbers = "c,a,y,b\n1,2,3,4\n5,6,7,8\n9,10,11,13\n";
const char* const kMixed =
    "sex,age,y,when,gap\nmale,3,1,2020-01-02,1\nfemale,4.5,0,2021-05-06,\nmale,7,1,2020-03-04,2\n"
    "female,8,0,2022-01-01,4\n";

}  // namespace

TEST_SUITE("runtime/serving") {
  TEST_CASE("RequestDecoder: a body that is only a byte order mark is empty") {
    const Served served = serve_arrays({3});
    for (const RequestType type : {kJson, kLines, kCsv})
      check_refused(served, type, "\xEF\xBB\xBF\r\n", {"it is empty"});
    CHECK(read(served, kLines, "\xEF\xBB\xBF[1,2,3]\n").rows() == 1);
  }

  TEST_CASE("RequestDecoder: a number that means a missing value does so in any form") {
    Served served = serve_table("a,b,y\n1,10,0\n2,20,1\n3,30,0\n", "y");
    served.options.missing_values = MissingValues({"-999"});
    served.decoder = std::make_unique<RequestDecoder>(*served.predictor, served.options);
    REQUIRE(served.predictor->preprocessor().is_plain());
    const Floats expected = {0.5F, 20};  // the median
    CHECK(read(served, kCsv, "0.5,-999\n").floats == expected);
    CHECK(read(served, kJson, R"([{"a": 0.5, "b": -999}])").floats == expected);
    CHECK(read(served, kJson, "[[0.5,-999]]").floats == expected);
    CHECK(read(served, kJson, "[0.5,-999]").floats == expected);
    CHECK(read(served, kJson, R"({"instances": [[0.5,-999]]})").floats == expected);
    CHECK(read(served, kLines, "[0.5,-999]\n").floats == expected);
  }

  TEST_CASE("RequestDecoder: a row may hold the training file's columns where one is used") {
    const Served served = serve_table("a,k,m,y\n1,5,7,0\n2,5,7,1\n3,5,7,0\n", "y");
    REQUIRE(served.predictor->preprocessor().width() == 1);
    const Floats expected = {0.5F};
    CHECK(read(served, kCsv, "0.5,5,7\n").floats == expected);
    CHECK(read(served, kLines, "[0.5,5,7]\n").floats == expected);
    CHECK(read(served, kJson, R"([{"features": [0.5,5,7]}])").floats == expected);
    check_refused(served, kCsv, "0.5\n", {"other columns of the training file"});
  }

  TEST_CASE("RequestDecoder: a number too large for what it is scaled to is named by its row") {
    const Served served = serve_table("a,t,y\n1,u,0\n2,v,1\n3,u,0\n4,v,1\n", "y");
    REQUIRE_FALSE(served.predictor->preprocessor().is_plain());
    check_refused(served, kCsv, "1,u\n1e39,v\n", {"row 2, column \"a\": 1e+39"});
    check_refused(served, kJson, R"([[1,"u"],[1e39,"v"]])", {"row 2, column \"a\": 1e+39"});
    std::string long_body;
    for (int i = 0; i < 5000; ++i) long_body += "1,u\n";
    check_refused(served, kCsv, long_body + "1e39,v\n", {"row 5001, column \"a\""});
  }

  TEST_CASE("RequestDecoder: what a list's shape means") {
    struct Case {
      Shape model;
      Shape list;
      std::size_t rows;  // 0: refused
    };
    for (const Case& c : {
             Case{{4, 3}, {4, 3}, 1},
             Case{{4, 3}, {12}, 1},
             Case{{4, 3}, {2, 4, 3}, 2},
             Case{{4, 3}, {5, 12}, 5},
             Case{{4, 3}, {2, 1, 4, 3}, 2},
             Case{{4, 3}, {4, 3, 1}, 1},
             Case{{4, 3}, {2, 4, 3, 1}, 2},
             Case{{4, 3}, {1, 4, 3}, 1},
             Case{{4, 3}, {1, 12}, 1},
             Case{{4, 3}, {12, 1}, 1},
             Case{{4, 3}, {3, 4}, 0},
             Case{{4, 3}, {2, 3, 4}, 0},
             Case{{4, 3}, {2, 6}, 0},
             Case{{4, 3}, {13}, 0},
             Case{{4, 3}, {2, 2, 12}, 0},
             Case{{4, 3}, {2, 4, 3, 2}, 0},
             Case{{28, 28}, {28, 28}, 1},
             Case{{28, 28}, {3, 28, 28}, 3},
             Case{{28, 28}, {784}, 1},
             Case{{5}, {5, 5}, 5},
             Case{{5}, {5}, 1},
             Case{{5}, {1, 5}, 1},
             Case{{5}, {5, 1}, 1},
             Case{{5}, {2, 1, 5}, 2},
             Case{{5}, {2}, 0},
             Case{{1}, {3}, 3},
             Case{{1}, {3, 1}, 3},
             Case{{1}, {1}, 1},
             Case{{1}, {1, 3}, 0},
             Case{{4, 1}, {2, 4}, 2},
             Case{{4, 1}, {4, 1}, 1},
         }) {
      const Served served = serve_arrays(c.model);
      const std::string list = list_of(c.list);
      CAPTURE(shape_text(c.model));
      CAPTURE(shape_text(c.list));
      std::size_t values = 1;
      for (const std::size_t extent : c.list) values *= extent;
      const std::string bytes = npy("<f4", shape_text(c.list), bytes_of(counting(values)));
      if (c.rows == 0) {
        check_refused(served, kJson, list, {"found values of shape " + shape_text(c.list)});
        check_refused(served, kNpy, bytes, {"found values of shape " + shape_text(c.list)});
        continue;
      }
      for (const std::string& body :
           {list, "{\"instances\": " + list + "}", "{\"inputs\":" + list + "}"}) {
        const Read found = read(served, kJson, body);
        CHECK(found.rows() == c.rows);
        CHECK(found.floats == counting(values));
      }
      CHECK(read(served, kNpy, bytes).rows() == c.rows);
      CHECK(read(served, kNpy, bytes).floats == counting(values));
    }
  }

  TEST_CASE("RequestDecoder: TensorFlow Serving's envelopes") {
    const Served served = serve_arrays({2});
    struct Case {
      const char* body;
      const char* key;
    };
    for (const Case& c :
         {Case{"{\"instances\": [[1,2],[3,4]]}", "predictions"},
          Case{"{\"signature_name\": \"serving_default\", \"instances\": [[1,2],[3,4]]}",
               "predictions"},
          Case{"{\"instances\": [[1,2],[3,4]], \"signature_name\": null}", "predictions"},
          Case{"\xEF\xBB\xBF {\"instances\":[[1,2],[3,4]]}\n", "predictions"},
          Case{"{\"inputs\": [[1,2],[3,4]]}", "outputs"},
          Case{"{\"inputs\": {\"dense_input\": [[1,2],[3,4]]}}", "outputs"},
          Case{"[[1,2],[3,4]]", "predictions"}}) {
      CAPTURE(c.body);
      const Read found = read(served, kJson, c.body);
      CHECK(found.floats == Floats{1, 2, 3, 4});
      CHECK(found.chunks == std::vector<std::size_t>{2});
      CHECK(found.answer_key == c.key);
    }
    struct Bad {
      const char* body;
      Strings words;
    };
    for (const Bad& c : {
             Bad{"{\"instances\": [[1,2]], \"id\": 7}", {"found the key \"id\"", "Remove the key"}},
             Bad{"{\"instances\": [[1,2]], \"inputs\": [[1,2]]}", {"found the key \"inputs\""}},
             Bad{"{\"instances\": [[1,2]], \"instances\": [[1,2]]}", {"one of them and once"}},
             Bad{"{\"signature_name\": \"x\"}", {"no key \"instances\""}},
             Bad{"{\"instances\": {\"a\": [1,2]}}", {"expected a list of rows, found an object"}},
             Bad{"{\"instances\": 5}", {"found \"5\""}},
             Bad{"{\"inputs\": {\"a\": [1,2], \"b\": [1,2]}}", {"other than one key"}},
             Bad{"{\"inputs\": {}}", {"other than one key"}},
             Bad{"{\"inputs\": {\"a\": {}}}", {"expected a list of rows"}},
             Bad{"{\"instances\": []}", {"the rows are empty"}},
             Bad{"{\"instances\": [[]]}", {"the rows are empty", "(1, 0)"}},
             Bad{"[]", {"the rows are empty", "rows of 2 values"}},
             Bad{"{\"instances\": [[1,2]]", {"byte 22: found the end of the text"}},
             Bad{"{\"instances\": [[1,2]]} x", {"found \"x\", expected the end of the text"}},
             Bad{"[[1,2]]]", {"found \"]\", expected the end of the text"}},
             Bad{"[[1,2],null]", {"row 2: expected a number, found null"}},
             Bad{"[[1,NaN]]", {"row 1, value 2", "found \"NaN\""}},
             Bad{"5", {"found \"5\", expected a list or an object"}},
             Bad{"null", {"found null"}},
             Bad{"x", {"expected a list or an object"}},
             Bad{"{", {"expected a key in double quotes"}},
         }) {
      check_refused(served, kJson, c.body, c.words);
    }
  }

  TEST_CASE("RequestDecoder: objects that hold a row's list") {
    const Served served = serve_arrays({2});
    for (const char* const body :
         {"{\"instances\": [{\"features\": [1,2]}, {\"x\": [[3,4]]}]}",
          "[{\"data\": {\"features\": {\"values\": [1,2]}}}, {\"features\": [3,4]}]",
          "{\"features\": [1,2]}\n{\"features\": [3,4]}"}) {
      CAPTURE(body);
      CHECK(read(served, kJson, body).floats == Floats{1, 2, 3, 4});
    }
    CHECK(read(served, kJson, "{\"features\": [1,2]}").floats == Floats{1, 2});
    struct Bad {
      const char* body;
      Strings words;
    };
    for (const Bad& c : {
             Bad{"{\"features\": [[1,2],[3,4]]}", {"row 1", "are 2 rows", "Expected one row here"}},
             Bad{"[{\"features\": [1,2]}, {\"features\": [1]}]",
                 {"row 2: found values of shape (1,)"}},
             Bad{"[{\"features\": [1,2]}, [3,4]]",
                 {"row 2: found a list", "before it are objects"}},
             Bad{"[[1,2], {\"features\": [3,4]}]", {"row 2: found an object"}},
             Bad{"[{\"features\": [1,\"a\"]}]", {"row 1, value 2: expected a number"}},
             Bad{"{\"a\": 1, \"b\": 2}", {"row 1: expected an object with a list", "no names"}},
             Bad{"{\"features\": [1,2], \"id\": 3}", {"expected an object with a list of values"}},
             Bad{"{\"data\": {\"values\": [1,2]}}", {"expected an object with a list"}},
             Bad{"{}", {"expected an object with a list"}},
         }) {
      check_refused(served, kJson, c.body, c.words);
    }
  }

  TEST_CASE("RequestDecoder: records by name, in every place where rows can be") {
    const Served served = serve_table(kNumbers, "y");
    const std::string one = "{\"a\": 1, \"b\": 2, \"c\": 3}";
    const std::string two = "{\"c\": 6, \"y\": \"x\", \"a\": 4, \"b\": \"5\"}";
    for (const std::string& body :
         {"[" + one + "," + two + "]", "{\"instances\": [" + one + ", " + two + "]}",
          "{\"inputs\": [" + one + ", " + two + "]}", one + "\n" + two}) {
      CAPTURE(body);
      CHECK(read(served, kJson, body).floats == Floats{1, 2, 3, 4, 5, 6});
    }
    CHECK(read(served, kJson, one).floats == Floats{1, 2, 3});
    CHECK(read(served, kLines, one + "\n" + two + "\n").floats == Floats{1, 2, 3, 4, 5, 6});
    check_refused(served, kJson, "[" + one + ",{\"a\": 1}]", {"row 2: the key \"b\" is missing"});
    check_refused(served, kLines, one + "\n{\"d\": 1}",
                  {"line 2: the model knows no column \"d\""});
    check_refused(served, kJson, "{\"a\": 1, \"b\": NaN, \"c\": 3}", {"Python's"});
    check_refused(served, kJson, "[" + one + ",[1,2,3]]", {"row 2: found a list"});
    check_refused(served, kJson, "[" + one + "," + one + "\xFF]", {"byte"});
  }

  TEST_CASE("RequestDecoder: a column may be called like a key of other forms") {
    const Served served = serve_table("instances,features,y\n1,2,3\n4,5,6\n7,9,9\n", "y");
    CHECK(read(served, kJson, "{\"instances\": 1, \"features\": 2}").floats == Floats{2, 1});
    CHECK(read(served, kJson, "[{\"features\": 2, \"instances\": 1}]").floats == Floats{2, 1});
    check_refused(served, kJson, "{\"features\": [1, 2]}", {"key \"features\"", "an array"});
  }

  TEST_CASE("RequestDecoder: values without names are put from the file's order into the model's") {
    const Served served = serve_table(kNumbers, "y");  // c, a, b: the model has a, b, c
    CHECK(read(served, kJson, "[[3,1,2],[6,4,5]]").floats == Floats{1, 2, 3, 4, 5, 6});
    CHECK(read(served, kLines, "[3,1,2]\n{\"features\": [6,4,5]}").floats ==
          Floats{1, 2, 3, 4, 5, 6});
    CHECK(read(served, kCsv, "3,1,2\n6,4,5\n").floats == Floats{1, 2, 3, 4, 5, 6});
    const auto array = npy("<f8", "(2, 3)", bytes_of<double>({3, 1, 2, 6, 4, 5}));
    CHECK(read(served, kNpy, array).floats == Floats{1, 2, 3, 4, 5, 6});
    const auto pixels = npy("|u1", "(3,)", std::string("\3\1\2"));
    CHECK(read(served, kNpy, pixels).bytes == std::vector<std::uint8_t>{1, 2, 3});

    // The second column is constant, and so no feature.
    const Served fewer = serve_table("b,k,a,y\n1,5,3,0\n4,5,6,1\n7,5,9,1\n", "y");
    CHECK(read(fewer, kJson, "[[2,1]]").floats == Floats{1, 2});
    CHECK(read(fewer, kJson, "[[2,5,1],[4,5,3]]").floats == Floats{1, 2, 3, 4});
    check_refused(fewer, kJson, "[[1,2,3,4]]", {"rows of 2 values (the columns", "or of 3"});

    PredictInputOptions options = served.options;
    options.file_columns.clear();
    const RequestDecoder lost(*served.predictor, options);
    test::check_contains(test::user_error_of([&] { lost.decode(kJson, "[[3,1,2]]"); }),
                         {"columns.json is not beside the model", "JSON records by name"});
  }

  TEST_CASE("RequestDecoder: tables with text and gaps give the same rows in each form") {
    const Served served = serve_table(kMixed, "y");
    const Read expected =
        read(served, kCsv, "sex,age,when,gap\nmale,3,2020-01-02,1\nfemale,4.5,2021-05-06,\n");
    CHECK(expected.type == FeatureType::kCoded);
    CHECK(expected.rows() == 2);
    const std::string records[] = {
        R"({"sex": "male", "age": 3, "when": "2020-01-02", "gap": 1})",
        R"({"age": 4.5, "gap": null, "sex": "female", "when": "2021-05-06"})"};
    const std::string lists[] = {R"(["male", 3, "2020-01-02", 1])",
                                 R"(["female", "4.5", "2021-05-06", null])"};
    for (const std::string& body :
         {"[" + records[0] + "," + records[1] + "]", "[" + lists[0] + "," + lists[1] + "]",
          "{\"instances\": [" + lists[0] + "," + lists[1] + "]}",
          "[{\"features\":" + lists[0] + "}, " + records[1] + "]", lists[0] + "\n" + lists[1]}) {
      CAPTURE(body);
      CHECK(read(served, kJson, body).words == expected.words);
    }
    CHECK(read(served, kLines, records[0] + "\r\n" + lists[1] + "\r\n").words == expected.words);
    CHECK(read(served, kJson, lists[0]).rows() == 1);
    CHECK(read(served, kCsv, "male,3,2020-01-02,1\n").rows() == 1);
    check_refused(served, kJson, R"([["male", 3, "2020-01-02"]])",
                  {"row 1: found 3 values", "rows of 4 values"});
    check_refused(served, kJson, R"([["male", "x", "2020-01-02", 1]])",
                  {"row 1, key \"age\": expected a number, found \"x\""});
    check_refused(served, kJson, R"([["male", 3, "then", 1]])", {"key \"when\": expected a date"});
    check_refused(served, kJson, R"([["male", [3], "2020-01-02", 1]])", {"found an array"});
    check_refused(served, kJson, R"([["male", 3, "2020-01-02", 1], {}])",
                  {"row 2: found an object"});
    check_refused(served, kJson, "[]", {"is empty"});
    check_refused(served, kCsv, "male,3,then,1\n",
                  {"line 1, column 3", "leave the field empty if its value is missing"});
    check_refused(served, kNpy, npy("<f4", "(1, 4)", std::string(16, '\0')),
                  {"text, dates or gaps", "JSON records"});
  }

  TEST_CASE("RequestDecoder: values of a table without names may be text too") {
    const Served served = serve_table("0,male,3\n1,female,4\n1,male,5\n0,female,6\n");
    CHECK(read(served, kJson, R"([["male", 3]])").words == read(served, kCsv, "male,3\n").words);
    check_refused(served, kJson, R"([{"2": "male", "3": 3}])", {"row 1", "no names"});
  }

  TEST_CASE("RequestDecoder: JSON Lines are a row each") {
    const Served served = serve_arrays({2});
    CHECK(read(served, kLines, "[1,2]\n[[3,4]]\r\n {\"features\":[5,6]} \n\n").floats ==
          Floats{1, 2, 3, 4, 5, 6});
    CHECK(read(served, kLines, "{\"instances\": [[1,2]]}").floats == Floats{1, 2});
    CHECK(read(served, kLines, "[1,2]").rows() == 1);
    struct Bad {
      const char* body;
      Strings words;
    };
    for (const Bad& c : {
             Bad{"[1,2]\n\n[3,4]\n", {"line 2: the line is blank, but rows follow"}},
             Bad{"\n[3,4]\n", {"line 1: the line is blank"}},
             Bad{"[1,2]\n[3]\n", {"line 2: found values of shape (1,)"}},
             Bad{"[1,2]\n[[1,2],[3,4]]\n", {"line 2", "are 2 rows"}},
             Bad{"[1,2] [3,4]\n", {"line 1", "expected the end of the row"}},
             Bad{"[1,2]\n5\n", {"line 2", "a list or an object for each row"}},
             Bad{"[1,\n2]\n", {"line 1", "the end of the text"}},
             Bad{"[1,2]\n[]\n", {"line 2: the rows are empty"}},
             Bad{"[1,2]\n[1,null]\n", {"line 2, value 2: expected a number, found null"}},
         }) {
      check_refused(served, kLines, c.body, c.words);
    }
  }

  TEST_CASE("RequestDecoder: JSON that is JSON Lines is a row for each value") {
    const Served served = serve_arrays({2});
    CHECK(read(served, kJson, "[1,2]\n[3,4]\n").floats == Floats{1, 2, 3, 4});
    CHECK(read(served, kJson, "[1,\n2] [3,4]").floats == Floats{1, 2, 3, 4});
    CHECK(read(served, kJson, "{\"instances\": [[1,2]]}\n{\"instances\": [[3,4]]}").floats ==
          Floats{1, 2, 3, 4});
    check_refused(served, kJson, "[1,2]\n[3,4]\n5", {"found \"5\", expected a list or an object"});
    check_refused(served, kJson, "[1,2]\n[3]", {"row 2: found values of shape (1,)"});
  }

  TEST_CASE("RequestDecoder: lists and brackets may not be nested without end") {
    const Served arrays = serve_arrays({2});
    const Served table = serve_table(kMixed, "y");
    const std::string lists(100'000, '[');
    std::string objects;
    for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
    check_refused(arrays, kJson, lists, {"deeper than 16"});
    check_refused(table, kJson, lists, {"at most 64"});
    for (const Served* const served : {&arrays, &table}) {
      check_refused(*served, kJson, objects, {"at most 64"});
      check_refused(*served, kLines, objects, {});
      check_refused(*served, kLines, lists, {});
      check_refused(*served, kJson, "{\"inputs\":" + objects, {"expected a list of rows"});
    }
  }

  TEST_CASE("RequestDecoder: an empty or compressed body says so") {
    const Served served = serve_arrays({2});
    for (const RequestType type : {kJson, kLines, kCsv}) {
      check_refused(served, type, "", {"it is empty"});
      check_refused(served, type, " \r\n", {"it is empty"});
      check_refused(served, type, test::gzip("[1,2]"), {"it is compressed", "without gzip"});
      check_refused(served, type, test::zstd("[1,2]"), {"it is compressed"});
    }
    check_refused(served, kNpy, "", {"empty"});
    check_refused(served, kNpy, test::gzip("x"), {"it is compressed"});
  }

  TEST_CASE("RequestDecoder: CSV with and without header, label and line end") {
    const Served served = serve_table("a,b,y\n1,2,3\n4,5,6\n7,9,9\n", "y");
    const Floats expected = {1, 2.5F, 3, 4};
    for (const char* const body :
         {"1,2.5\n3,4\n", "1,2.5\r\n3,4\r\n", "1,2.5\n3,4", "1,2.5\n3,4\n\n", "a,b\n1,2.5\n3,4\n",
          "b,a\n2.5,1\n4,3\n", "y,b,a\n0,2.5,1\n0,4,3\n", " 1 , 2.5 \n3,4", "\"1\",2.5\n3,4\n",
          "1;2.5\n3;4\n",
          "\xEF\xBB\xBF"
          "1,2.5\n3,4\n",
          "\n1,2.5\n3,4\n"}) {
      CAPTURE(body);
      CHECK(read(served, kCsv, body).floats == expected);
    }
    CHECK(read(served, kLabelled, "1,2.5,9\n3,4,9\n").floats == expected);  // y stood last
    const RequestType absent = {MediaType::kCsv, false, Header::kNo};
    CHECK(read(served, absent, "1,2.5\n3,4\n").floats == expected);
    check_refused(served, absent, "a,b\n1,2.5\n", {"line 1, column 1", "expected a number"});
    const RequestType present = {MediaType::kCsv, false, Header::kYes};
    check_refused(served, present, "1,2.5\n3,4\n", {"the model knows no column \"1\""});
    struct Bad {
      const char* body;
      Strings words;
    };
    for (const Bad& c : {
             Bad{"1,2,3\n",
                 {"found 3 fields", "the Content-Type text/csv; label_size=1 to drop it"}},
             Bad{"1\n", {"found 1 field, expected 2"}},
             Bad{"1,2\n3\n", {"line 2: found 1 field, expected 2"}},
             Bad{"1,2\n\n3,4\n", {"line 2: the line is blank"}},
             Bad{"1,2\n3,x\n", {"line 2, column 2", "found \"x\""}},
             Bad{"1,2\n3,1e39\n", {"line 2, column 2", "largest float32"}},
             Bad{"1,2\n3,inf\n", {"line 2, column 2: expected a finite number"}},
             Bad{"a,b\n", {"a header but no rows"}},
             Bad{"a,c\n1,2\n", {"the model knows no column \"c\""}},
         }) {
      check_refused(served, kCsv, c.body, c.words);
    }
    const std::string with_names = refusal(served, kCsv, "a,b\n1,x\n");
    CHECK(with_names.find("column 2 (\"b\")") != std::string::npos);
  }

  TEST_CASE("RequestDecoder: a picture is one line of CSV") {
    const Served served = serve_arrays({3, 2});
    CHECK(read(served, kCsv, "0,1,2,3,4,5\n").floats == counting(6));
    check_refused(served, kCsv, "0,1\n2,3\n4,5",
                  {"line 1: found 2 fields, expected 6", "x.reshape(-1, 6)"});
  }

  TEST_CASE("RequestDecoder: plain CSV gives what CsvReader gives, or fails as it does") {
    const Served models[] = {serve_arrays({3}),
                             serve_table("a,b,c,y\n1,2,3,0\n4,5,6,1\n7,9,9,1\n", "y")};
    const std::string base = "1,2.5,-3e2\n0,0.125,70\r\n10,20,30\n";
    Rng random = test::mutations(3);
    std::size_t accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
      const Served& served = models[i % 2];
      const std::string body =
          test::mutated(base, ",;\r\n.-+eE0123456789 \"na", random, 1 + random.below(2));
      CAPTURE(body);
      std::optional<Floats> expected;
      std::string expected_error;
      try {
        PredictInputOptions options = served.options;
        options.label_advice = "send the Content-Type text/csv; label_size=1";
        CsvReader reader(test::opener("Request body", body), options);
        Table table;
        while (reader.read(table, 2) > 0) {
        }
        expected = table.features.floats;
      } catch (const UserError& error) {
        expected_error = error.what();
      }
      std::optional<Floats> found;
      std::string error_text;
      try {
        found = read(served, kCsv, body).floats;
      } catch (const UserError& error) {
        error_text = error.what();
      }
      REQUIRE(found == expected);
      CHECK(error_text == expected_error);
      accepted += found ? 1U : 0U;
    }
    CHECK(accepted > 3000);
  }

  TEST_CASE("RequestDecoder: large bodies come in chunks, and errors behind the first one too") {
    const Served arrays = serve_arrays({2});
    const Served mixed = serve_table(kMixed, "y");
    std::string csv;
    std::string lines;
    std::string records = "[";
    Floats expected;
    for (std::size_t i = 0; i < 10'000; ++i) {
      csv += fmt::format("{},1\n", i);
      lines += fmt::format("[{},1]\n", i);
      records += fmt::format(R"({}{{"sex": "male", "age": {}, "when": "2020-01-02", "gap": 1}})",
                             i == 0 ? "" : ",", i);
      expected.push_back(static_cast<float>(i));
      expected.push_back(1);
    }
    const std::vector<std::size_t> chunks = {4096, 4096, 1808};
    for (const Read& found : {read(arrays, kCsv, csv), read(arrays, kLines, lines),
                              read(arrays, kNpy, npy("<f4", "(10000, 2)", bytes_of(expected)))}) {
      CHECK(found.chunks == chunks);
      CHECK(found.floats == expected);
    }
    CHECK(read(arrays, kCsv, csv + "\"1\",2\n").rows() == 10'001);
    CHECK(read(arrays, kCsv, csv + "\"1\",2\n").floats[19'998] == 9999);
    CHECK(read(mixed, kJson, records + "]").chunks == chunks);
    check_refused(arrays, kCsv, csv + "1,x\n", {"line 10001, column 2"});
    check_refused(arrays, kLines, lines + "[1,\"x\"]\n", {"line 10001, value 2"});
    check_refused(mixed, kJson, records + ",{\"age\": 1}]", {"row 10001: the key"});
  }

  TEST_CASE("RequestDecoder: arrays of each type, byte order and layout") {
    const Served served = serve_arrays({2, 2});
    const Floats expected = {1, 2, 3, 4, 5, 6, 7, 8};
    const auto check = [&](const std::string& bytes) {
      const Read found = read(served, kNpy, bytes);
      CHECK(found.floats == expected);
      CHECK(found.type == FeatureType::kFloat32);
    };
    for (const int version : {1, 2, 3})
      check(npy("<f4", "(2, 2, 2)", bytes_of(expected), false, version));
    check(npy("<f8", "(2, 4)", bytes_of<double>({1, 2, 3, 4, 5, 6, 7, 8})));
    check(npy("|i1", "(2, 4)", bytes_of<std::int8_t>({1, 2, 3, 4, 5, 6, 7, 8})));
    check(npy("<i2", "(2, 4)", bytes_of<std::int16_t>({1, 2, 3, 4, 5, 6, 7, 8})));
    check(npy("<i4", "(2, 4)", bytes_of<std::int32_t>({1, 2, 3, 4, 5, 6, 7, 8})));
    check(npy("<i8", "(2, 4)", bytes_of<std::int64_t>({1, 2, 3, 4, 5, 6, 7, 8})));
    check(npy(">i2", "(2, 4)",
              bytes_of<std::int16_t>({256, 512, 768, 1024, 1280, 1536, 1792, 2048})));
    // In Fortran order the first index runs fastest.
    check(npy("<f4", "(2, 4)", bytes_of<float>({1, 5, 2, 6, 3, 7, 4, 8}), true));
    check(npy("<f4", "(2, 2, 2)", bytes_of<float>({1, 5, 3, 7, 2, 6, 4, 8}), true));
    CHECK(read(served, kNpy, npy("<f4", "(2, 2)", bytes_of<float>({1, 3, 2, 4}), true)).floats ==
          Floats{1, 2, 3, 4});
    const Read pixels = read(served, kNpy, npy("|u1", "(4,)", "\1\2\3\4"));
    CHECK(pixels.type == FeatureType::kUint8);
    CHECK(pixels.bytes == std::vector<std::uint8_t>{1, 2, 3, 4});

    // In chunks, too.
    constexpr std::size_t kRows = 5000;
    Floats columns(4 * kRows);
    Floats rows(4 * kRows);
    for (std::size_t i = 0; i < kRows; ++i) {
      for (std::size_t k = 0; k < 4; ++k) {
        rows[i * 4 + k] = static_cast<float>(i * 4 + k);
        columns[k * kRows + i] = rows[i * 4 + k];
      }
    }
    const Read many = read(served, kNpy, npy("<f4", "(5000, 4)", bytes_of(columns), true));
    CHECK(many.chunks == std::vector<std::size_t>{4096, 904});
    CHECK(many.floats == rows);
  }

  TEST_CASE("RequestDecoder: arrays that can't be read are named") {
    const Served served = serve_arrays({2});
    const std::string good = npy("<f4", "(1, 2)", bytes_of<float>({1, 2}));
    check_refused(served, kNpy, good.substr(0, good.size() - 1), {"damaged or cut short"});
    check_refused(served, kNpy, good + "x", {"damaged or cut short"});
    check_refused(served, kNpy, good.substr(0, 30), {"cut short"});
    check_refused(served, kNpy, "1,2\n", {"numpy.save"});
    check_refused(served, kNpy, npy("|O", "(1, 2)", "xxxxxxxxxxxxxxxx"), {"Python objects"});
    check_refused(served, kNpy, npy("<U1", "(1, 2)", std::string(8, 'a')), {"text"});
    check_refused(served, kNpy, npy("<f4", "(4000000000, 2)", ""), {"damaged or cut short"});
    check_refused(served, kNpy, npy("<f4", "(4000000000000, 4000000000000)", ""), {"too large"});
    check_refused(served, kNpy, npy("<f4", "(0, 2)", ""), {"the rows are empty"});
    check_refused(served, kNpy, npy("<f4", "(0, 4000000000000)", ""), {"the rows are empty"});
    check_refused(served, kNpy, npy("<f4", "()", "\1\1\1\1"), {"found values of shape ()"});
    check_refused(served, kNpy, npy("<f8", "(1, 2)", bytes_of<double>({1, 1e300})),
                  {"row 0, column 1", "largest float32"});
  }
}

}  // namespace mlp
