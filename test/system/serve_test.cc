#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "test/runtime/data/made_files.h"
#include "test/support/messages.h"
#include "test/system/made_data.h"
#include "test/system/mlp_server.h"

// The bodies that mlp serve reads and writes: sections 7.3 to 7.6 of SageMaker's contract, row by
// row, against what mlp predict says of the same rows.

namespace mlp::test {
namespace {

using Rows = std::vector<std::vector<float>>;

const Ask kLines = {.content_type = "application/jsonlines"};
const Ask kNpy = {.content_type = "application/x-npy"};

constexpr std::size_t kSide = 28;
constexpr std::size_t kPixels = kSide * kSide;

// A picture's pixels as the network sees them.
std::vector<float> picture(std::size_t which) {
  static const Pictures pictures = make_pictures(8, 5);
  std::vector<float> values;
  for (std::size_t i = 0; i < kPixels; ++i) {
    const auto byte = static_cast<std::uint8_t>(pictures.pixels[which * kPixels + i]);
    values.push_back(static_cast<float>(byte) / 255);
  }
  return values;
}

// A picture as nested lists. `open` and `close` go around each pixel.
std::string image(std::size_t which, const char* open = "", const char* close = "") {
  const std::vector<float> values = picture(which);
  std::string text = "[";
  for (std::size_t i = 0; i < kPixels; ++i) {
    text += i % kSide == 0 ? (i == 0 ? "[" : "],[") : ",";
    text += fmt::format("{}{}{}", open, values[i], close);
  }
  return text + "]]";
}

std::string flat(std::size_t which) { return fmt::format("[{}]", fmt::join(picture(which), ",")); }

std::string csv_line(std::size_t which) {
  return fmt::format("{}", fmt::join(picture(which), ","));
}

// What mlp predict gives for the first pictures.
Rows pictures_predicted(std::size_t count) {
  static const Rows all = [] {
    std::string bytes;
    for (std::size_t i = 0; i < 3; ++i) bytes += bytes_of(picture(i));
    return picture_model().predict("x.npy", npy("<f4", "(3, 28, 28)", bytes));
  }();
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)};
}

struct NpyAnswer {
  std::string header;
  Rows rows;
};

// The bytes of a .npy of version 1.0 with float32 of the given width.
NpyAnswer read_npy(const std::string& bytes, std::size_t width) {
  REQUIRE(bytes.starts_with(std::string("\x93NUMPY\x01\x00", 8)));
  std::uint16_t length = 0;
  std::memcpy(&length, bytes.data() + 8, sizeof(length));
  NpyAnswer answer{bytes.substr(10, length), {}};
  const std::string values = bytes.substr(10U + length);
  CHECK((10U + length) % 64 == 0);
  REQUIRE(values.size() % (width * sizeof(float)) == 0);
  for (std::size_t at = 0; at < values.size(); at += width * sizeof(float)) {
    std::vector<float>& row = answer.rows.emplace_back(width);
    std::memcpy(row.data(), values.data() + at, width * sizeof(float));
  }
  return answer;
}

template <typename T>
std::string big_endian(const std::vector<T>& values) {
  std::string bytes = bytes_of(values);
  for (std::size_t i = 0; i < bytes.size(); i += sizeof(T)) {
    std::reverse(bytes.begin() + static_cast<std::ptrdiff_t>(i),
                 bytes.begin() + static_cast<std::ptrdiff_t>(i + sizeof(T)));
  }
  return bytes;
}

std::string lines(const std::vector<std::string>& texts) {
  return fmt::format("{}\n", fmt::join(texts, "\n"));
}

// Rows of an answer in CSV that holds numbers only.
Rows rows_of_csv(const std::string& body) {
  Rows rows;
  CHECK(body.ends_with('\n'));
  for (const std::string& line : lines_of(body)) {
    rows.push_back(nlohmann::json::parse('[' + line + ']').get<std::vector<float>>());
  }
  return rows;
}

}  // namespace

TEST_SUITE("system/serve") {
  TEST_CASE("mlp serve: JSON lists of each shape that 7.4 has are the rows that they mean") {
    Server server(picture_model());
    const std::string i0 = image(0);
    const std::string i1 = image(1);
    const std::string c0 = image(0, "[", "]");
    const std::string c1 = image(1, "[", "]");
    const struct {
      const char* name;
      std::string list;
      std::size_t rows;
    } cases[] = {
        {"a bare 28x28 list is one image", i0, 1},          {"a list of 784", flat(0), 1},
        {"[N] + S", '[' + i0 + ',' + i1 + ']', 2},          {"[1] + S", '[' + i0 + ']', 1},
        {"[N, F]", '[' + flat(0) + ',' + flat(1) + ']', 2}, {"[1, F]", '[' + flat(0) + ']', 1},
        {"[N, 1] + S", "[[" + i0 + "],[" + i1 + "]]", 2},   {"S + [1]", c0, 1},
        {"[N] + S + [1]", '[' + c0 + ',' + c1 + ']', 2},
    };
    for (const auto& c : cases) {
      CAPTURE(c.name);
      const Rows expected = pictures_predicted(c.rows);
      CHECK(server.rows(c.list) == expected);
      CHECK(server.rows("{\"instances\": " + c.list + '}') == expected);
      CHECK(server.rows("{\"inputs\":" + c.list + '}', {}, "outputs") == expected);
      CHECK(server.rows(" \r\n\t" + c.list + "\n") == expected);
    }
    CHECK(server.rows("{\"signature_name\": \"serving_default\", \"instances\": [" + i0 + "]}") ==
          pictures_predicted(1));
    CHECK(server.rows("{\"inputs\": {\"flatten_input\": [" + i0 + ',' + i1 + "]}}", {},
                      "outputs") == pictures_predicted(2));
    CHECK(server.answer(i0).starts_with("{\"predictions\":"));
    CHECK(server.answer(i0).find('\n') == std::string::npos);
  }

  TEST_CASE("mlp serve: a list of k lists of k numbers is k instances") {
    Server server(clouds_model());
    const Rows expected =
        clouds_model().predict("rows.csv", "1,2,3,4\n5,6,7,8\n0,0,0,1\n2,2,2,2\n");
    CHECK(server.rows("[[1,2,3,4],[5,6,7,8],[0,0,0,1],[2,2,2,2]]") == expected);
    CHECK(server.rows("[1,2,3,4]") == Rows{expected[0]});
    CHECK(server.rows("[[1],[2],[3],[4]]") == Rows{expected[0]});
    // One whole number may be written in many ways.
    CHECK(server.rows("[[1e0, 2.0, 0.3E+1, 400e-2], [5, 6, 7, 8]]") ==
          Rows{expected[0], expected[1]});
  }

  TEST_CASE("mlp serve: instances as objects are rows by what their one list is called") {
    Server server(clouds_model());
    const Rows expected = clouds_model().predict("rows.csv", "1,2,3,4\n5,6,7,8\n");
    for (const char* form :
         {"{{\"features\": [{}]}}", "{{\"x\": [{}]}}", "{{\"dense_input\":[{}]}}",
          "{{\"data\": {{\"features\": {{\"values\": [{}]}}}}}}"}) {
      CAPTURE(form);
      const std::string one = fmt::format(fmt::runtime(form), "1,2,3,4");
      const std::string two = fmt::format(fmt::runtime(form), "5,6,7,8");
      CHECK(server.rows("{\"instances\": [" + one + ", " + two + "]}") == expected);
      CHECK(server.rows('[' + one + ',' + two + ']') == expected);
      CHECK(rows_of_csv(server.answer(one + '\n' + two, {"application/jsonlines", "text/csv"})) ==
            expected);
    }
  }

  TEST_CASE("mlp serve: records by column name are rows of a table, with their gaps") {
    Server server(people_model());
    const Rows expected =
        people_model().predict("rows.csv", "age,job,member\n30,clerk,yes\n,\"cook, chief\",no\n");
    const std::string a = R"({"age": 30, "job": "clerk", "member": "yes"})";
    const std::string b = R"({"member": "no", "age": null, "job": "cook, chief"})";
    CHECK(server.rows("{\"instances\": [" + a + ", " + b + "]}") == expected);
    CHECK(server.rows('[' + a + ',' + b + ']') == expected);
    CHECK(server.rows(a) == Rows{expected[0]});
    CHECK(server.rows(a + "\n" + b) == expected);
    CHECK(rows_of_csv(server.answer(lines({a, b}), {"application/jsonlines", "text/csv"})) ==
          expected);
    CHECK(rows_of_csv(server.answer("30,clerk,yes\n,\"cook, chief\",no", kCsv)) == expected);
    CHECK(rows_of_csv(server.answer("job,member,age\nclerk,yes,30\n\"cook, chief\",no,\n", kCsv)) ==
          expected);
  }

  TEST_CASE("mlp serve: JSON that is no list of rows is refused by its row, field and shape") {
    Server pictures(picture_model());
    const std::string wide = '[' + flat(0) + ',' + flat(1).insert(1, "0.5,") + ']';
    std::string short_image = image(0);
    short_image.erase(1, short_image.find("],") + 1);
    check_contains(pictures.refusal(400, short_image), {"27", "28"});
    check_contains(pictures.refusal(400, "[[1,2],[3,4],[5,6]]"), {"3", "2", "28", "784"});
    check_contains(pictures.refusal(400, "[1,2,3]"), {"3", "784"});
    check_contains(pictures.refusal(400, "[" + flat(0).insert(1, "1,") + ']'), {"785", "784"});
    check_contains(pictures.refusal(400, wide), {"785", "784", "row 2"});
    check_contains(pictures.refusal(400, "7"), {"\"7\"", "list"});
    for (const char* empty : {"[]", "{\"instances\": []}", "{\"inputs\":[]}", "[[]]"}) {
      CAPTURE(empty);
      check_contains(pictures.refusal(400, empty), {"empty"});
    }

    Server clouds(clouds_model());
    const struct {
      const char* body;
      std::vector<std::string_view> words;
    } cases[] = {
        {"[[1,2,3,4],[1,2,3]]", {"row 2", "3", "4"}},
        {"[[1,2,3,4],5]", {"row 2"}},
        {"[[1,2,[3],4]]", {"row 1"}},
        {"[[1,2,3,4],[1,null,3,4]]", {"row 2", "null"}},
        {"[[1,2,3,4],[1,2,\"x\",4]]", {"row 2", "\"x\""}},
        {"[[1,2,3,true]]", {"row 1", "true"}},
        {"[[1,2,3,4],[1,2,NaN,4]]", {"row 2", "NaN"}},
        {"[[1,2,3,Infinity]]", {"Infinity"}},
        {"[[1,2,3,-Infinity]]", {"-Infinity"}},
        {"[[1,2,3,4],[1,2,3,1e39]]", {"row 2", "1e39"}},
        {"[[1,2,3,1e999]]", {"row 1", "1e999"}},
        {"[[1,2,3,+4]]", {}},
        {"[[1,2,3,.5]]", {}},
        {"[[1,2,3,5.]]", {}},
        {"[[1,2,3,01]]", {}},
        {"[[1,2,3,0x1]]", {}},
        {"[[1,2,3,4]", {}},
        {"[[1,2,3,4]]]", {}},
        {"[[1,2,3,4],]", {}},
        {"[[1,2,,4]]", {}},
        {"[1,2,3,4", {}},
        {"{\"instances\": [[1,2,3,4]]", {}},
        {"{\"instances\": [[1,2,3,4]], \"depth\": 1}", {"depth"}},
        {"{\"instances\": [[1,2,3,4]], \"inputs\": [[1,2,3,4]]}", {}},
        {"{}", {}},
        {"{\"instances\": null}", {}},
        {"{\"instances\": 3}", {}},
        {"{\"instances\": [{\"features\": [1,2,3,4]}, [1,2,3,4]]}", {"row 2"}},
        {"{\"instances\": [{\"features\": [1,2,3,4]}, {\"features\": [1,2,3]}]}", {"row 2"}},
        {"{\"instances\": [{\"features\": [1,2,3,4], \"more\": 1}]}", {}},
        {"{\"instances\": [{\"a\": 1}]}", {}},
        {"\"text\"", {}},
        {"null", {}},
        {"hello", {}},
        {"1,2,3,4", {}},
        {"   ", {}},
        {"\xff\xfe", {}},
        {"[[1,2,3,\"\xff\"]]", {}},
        {"\x1f\x8b\x08\x00\x00\x00\x00\x00", {"gzip"}},
    };
    for (const auto& c : cases) {
      CAPTURE(c.body);
      const std::string text = clouds.refusal(400, c.body);
      CAPTURE(text);
      for (const std::string_view word : c.words) CHECK(text.find(word) != std::string::npos);
    }
    for (const char* deep : {"[", "{\"instances\":", "{\"a\":[", "{\"a\":"}) {
      std::string body;
      for (int i = 0; i < 100'000; ++i) body += deep;
      CAPTURE(deep);
      clouds.refusal(400, body);
    }
    CHECK(clouds.rows("[1,2,3,4]").size() == 1);
  }

  TEST_CASE("mlp serve: a record that does not suit the model's columns is refused by name") {
    Server server(people_model());
    check_contains(server.refusal(400, R"([{"age": 30, "job": "clerk", "member": "yes"},
                                          {"age": "old", "job": "clerk", "member": "yes"}])"),
                   {"row 2", "age", "old"});
    check_contains(server.refusal(400, R"([{"age": 30, "member": "yes"}])"), {"job"});
    check_contains(
        server.refusal(400, R"([{"age": 30, "job": "clerk", "member": "yes", "size": 1}])"),
        {"size"});
    check_contains(server.refusal(400, R"([{"age": [30], "job": "clerk", "member": "yes"}])"),
                   {"age"});
    check_contains(server.refusal(400, "30,clerk,yes\nold,clerk,yes\n", kCsv),
                   {"line 2", "column 1", "old"});
    const std::string text = server.refusal(
        400, "{\"age\": \"" + std::string(100'000, 'x') + R"(", "job": "", "member": "yes"})");
    check_contains(text, {"age", "xxx"});
  }

  TEST_CASE("mlp serve: CSV is one instance a line, in all its spellings") {
    Server server(clouds_model());
    const Rows expected = clouds_model().predict("rows.csv", "1,2,3,4\n5,6,7,8.5\n");
    for (const char* body :
         {"1,2,3,4\n5,6,7,8.5", "1,2,3,4\n5,6,7,8.5\n", "1,2,3,4\n5,6,7,8.5\n\n",
          "1,2,3,4\r\n5,6,7,8.5\r\n", "1,2,3,4\r\n5,6,7,8.5", "\"1\",2,3,4\n5,6,7,\"8.5\"\n",
          " 1, 2, 3, 4\n5,6,7,8.5\n", "1e0,+2,3.,4\n5,6,7,85e-1\n"}) {
      CAPTURE(body);
      CHECK(rows_of_csv(server.answer(body, kCsv)) == expected);
    }
    for (const char* type : {"text/csv;label_size=0", "text/csv; charset=utf-8", "TEXT/CSV",
                             "text/csv; label_size=0; charset=UTF-8", "text/csv;header=absent",
                             "text/csv ; charset=\"utf-8\""}) {
      CAPTURE(type);
      CHECK(rows_of_csv(server.answer("1,2,3,4\n5,6,7,8.5", {type, "text/csv"})) == expected);
    }
    CHECK(rows_of_csv(server.answer("1,1,2,3,4\n0,5,6,7,8.5",
                                    {"text/csv; label_size=1", "text/csv"})) == expected);
    CHECK(server.rows("1,2,3,4\n5,6,7,8.5", {"text/csv", "application/json"}) == expected);
    // A gap is filled as in a file.
    CHECK(rows_of_csv(server.answer("1,2,3,nan\n1,,3,4\n", kCsv)) ==
          clouds_model().predict("rows.csv", "1,2,3,nan\n1,,3,4\n"));

    check_contains(server.refusal(400, "1,2,3,4\n1,2,x,4\n", kCsv),
                   {"line 2", "column 3", "\"x\""});
    check_contains(server.refusal(400, "1,2,3,4\n1,2,3\n", kCsv), {"line 2", "3", "4"});
    check_contains(server.refusal(400, "1,2,3,4,5\n", kCsv), {"5", "4"});
    check_contains(server.refusal(400, "1,2,3,4\n\n5,6,7,8\n", kCsv), {"line 2"});
    check_contains(server.refusal(400, "1,2,3,1e39\n", kCsv), {"line 1", "1e39"});
    check_contains(server.refusal(400, "1,2,3,inf\n", kCsv), {"line 1", "inf"});
    check_contains(server.refusal(400, "1,2,3,\"4\n", kCsv), {"line 1"});
    check_contains(server.refusal(400, std::string("1,2,\0,4\n", 8), kCsv), {"line 1"});
    server.refusal(400, "\n", kCsv);
    server.refusal(415, "1,2,3,4\n", {"text/csv; charset=utf-16"});
    // A flag of the command line helps no one who calls an endpoint.
    CHECK(server.refusal(400, "1,2,3,4,5\n", kCsv).find("--") == std::string::npos);
  }

  TEST_CASE("mlp serve: a picture's 28 lines of 28 get an answer that says what to do instead") {
    Server server(picture_model());
    std::string body;
    const std::vector<float> values = picture(0);
    for (std::size_t i = 0; i < kPixels; ++i) {
      body += fmt::format("{}{}", values[i], i % kSide == kSide - 1 ? '\n' : ',');
    }
    check_contains(server.refusal(400, body, kCsv), {"28", "784"});
    CHECK(rows_of_csv(server.answer(csv_line(0) + '\n' + csv_line(1), kCsv)) ==
          pictures_predicted(2));
  }

  TEST_CASE("mlp serve: JSON Lines are one instance a line, answered by one line each") {
    Server server(clouds_model());
    const Rows expected = clouds_model().predict("rows.csv", "1,2,3,4\n5,6,7,8\n");
    for (const char* type :
         {"application/jsonlines", "application/jsons", "application/x-jsonlines"}) {
      CAPTURE(type);
      for (const char* body :
           {"[1,2,3,4]\n[5,6,7,8]", "[1, 2, 3, 4]\n[5, 6, 7, 8]\n", "[1,2,3,4]\r\n[5,6,7,8]\r\n",
            "[1,2,3,4]\n[5,6,7,8]\n\n", "{\"features\":[1,2,3,4]}\n{\"features\":[5,6,7,8]}\n"}) {
        CAPTURE(body);
        const HttpAnswer answer = server.post(body, {type, type});
        CHECK(answer.status == 200);
        CHECK(answer.header("content-type") == "application/jsonlines");
        CHECK(answer.body.ends_with('\n'));
        Rows found;
        for (const std::string& line : lines_of(answer.body)) {
          const nlohmann::json object = nlohmann::json::parse(line);
          found.push_back(object.at("predictions").get<std::vector<float>>());
        }
        CHECK(found == expected);
      }
    }
    // Lines under the name of JSON are rows too, as the TensorFlow container has them.
    CHECK(server.rows("[1,2,3,4]\n[5,6,7,8]") == expected);
    CHECK(server.rows("{\"features\": [1,2,3,4]} {\"features\": [5,6,7,8]}") == expected);
    check_contains(server.refusal(400, "[1,2,3,4]\n[1,2,3]\n", kLines), {"2", "3", "4"});
    check_contains(server.refusal(400, "[1,2,3,4]\n[1,2,3,null]\n", kLines), {"2", "null"});
    check_contains(server.refusal(400, "[1,2,3,4]\n\n[1,2,3,4]\n", kLines), {"line 2"});
    check_contains(server.refusal(400, "[1,2,3,4]\n[1,2,\n", kLines), {"line 2"});
    server.refusal(400, "[[1,2,3,4],[1,2,3,4]]\n", kLines);
  }

  TEST_CASE("mlp serve: .npy of every kind of number, order and version is read") {
    Server server(clouds_model());
    const Rows expected = clouds_model().predict("rows.csv", "1,2,3,4\n5,6,7,8\n");
    const std::vector<std::int64_t> whole = {1, 2, 3, 4, 5, 6, 7, 8};
    const auto as = [&]<typename T>(T) { return std::vector<T>(whole.begin(), whole.end()); };
    const std::vector<double> columns = {1, 5, 2, 6, 3, 7, 4, 8};
    const struct {
      const char* name;
      std::string body;
    } cases[] = {
        {"<f4", npy("<f4", "(2, 4)", bytes_of(as(0.0F)))},
        {">f4", npy(">f4", "(2, 4)", big_endian(as(0.0F)))},
        {"<f8", npy("<f8", "(2, 4)", bytes_of(as(0.0)))},
        {">f8", npy(">f8", "(2, 4)", big_endian(as(0.0)))},
        {"<i4", npy("<i4", "(2, 4)", bytes_of(as(std::int32_t{})))},
        {">i4", npy(">i4", "(2, 4)", big_endian(as(std::int32_t{})))},
        {"<i8", npy("<i8", "(2, 4)", bytes_of(as(std::int64_t{})))},
        {">i8", npy(">i8", "(2, 4)", big_endian(as(std::int64_t{})))},
        {"Fortran", npy("<f8", "(2, 4)", bytes_of(columns), true)},
        {"version 2", npy("<f4", "(2, 4)", bytes_of(as(0.0F)), false, 2)},
        {"version 3", npy("<f4", "(2, 4)", bytes_of(as(0.0F)), false, 3)},
        {"with 1s", npy("<f4", "(2, 1, 4)", bytes_of(as(0.0F)))},
    };
    for (const auto& c : cases) {
      CAPTURE(c.name);
      CHECK(server.rows(c.body, {"application/x-npy", "application/json"}) == expected);
    }
    CHECK(server.rows(npy("<f4", "(4,)", bytes_of(std::vector<float>{1, 2, 3, 4})),
                      {"application/x-npy", "application/json"}) == Rows{expected[0]});

    const HttpAnswer answer =
        server.post(cases[0].body, {"application/x-npy", "application/x-npy"});
    CHECK(answer.status == 200);
    CHECK(answer.header("content-type") == "application/x-npy");
    const NpyAnswer read = read_npy(answer.body, 3);
    check_contains(read.header, {"'descr': '<f4'", "'fortran_order': False", "'shape': (2, 3)"});
    CHECK(read.rows == expected);

    const auto refused = [&](const std::string& body,
                             std::initializer_list<std::string_view> words) {
      check_contains(server.refusal(400, body, kNpy), words);
    };
    refused(npy("|O", "(2, 4)", std::string(64, '\x80')), {"object"});
    refused(npy("<f4", "(2, 3)", std::string(24, '\0')), {"(2, 3)", "4"});
    refused(npy("<f4", "(0, 4)", ""), {"empty"});
    refused(npy("<f4", "(2, 4)", std::string(31, '\0')), {});
    refused(npy("<f4", "(2, 4)", std::string(33, '\0')), {});
    refused(npy("<f4", "(4000000000000, 4)", "1234"), {});
    refused(npy("<f4", "(4611686018427387904, 4)", ""), {});
    refused(npy("<c8", "(2, 4)", std::string(64, '\0')), {"c8"});
    refused(npy("<f4", "(1, 4)", bytes_of(std::vector<float>{1, 2, 3, std::stof("nan")})),
            {"column 3"});
    refused(npy("<f8", "(1, 4)", bytes_of(std::vector<double>{1, 2, 3, 1e300})), {"column 3"});
    refused(npy_with_header("{'descr': '<f4'", "1234"), {});
    refused(npy_with_header(std::string(60000, '('), "1234"), {});
    refused("\x93NUMPY", {});
    refused("1,2,3,4", {"array"});
  }

  TEST_CASE("mlp serve: bytes in .npy are pixels, and no other number is rescaled") {
    Server server(picture_model());
    const Pictures pixels = make_pictures(3, 5);
    const Ask ask = {"application/x-npy", "application/json"};
    CHECK(server.rows(pictures_npy(pixels), ask) == pictures_predicted(3));
    CHECK(server.rows(npy("|u1", "(28, 28)", pixels.pixels.substr(0, kPixels)), ask) ==
          pictures_predicted(1));
    CHECK(server.rows(npy("|u1", "(3, 784)", pixels.pixels), ask) == pictures_predicted(3));
    CHECK(server.rows(npy("|u1", "(3, 28, 28, 1)", pixels.pixels), ask) == pictures_predicted(3));

    std::vector<float> raw;
    for (const char c : pixels.pixels)
      raw.push_back(static_cast<float>(static_cast<unsigned char>(c)));
    const Rows unscaled =
        picture_model().predict("x.npy", npy("<f4", "(3, 28, 28)", bytes_of(raw)));
    CHECK(unscaled != pictures_predicted(3));
    raw.resize(kPixels);
    CHECK(server.rows(fmt::format("[{}]", fmt::join(raw, ","))) == Rows{unscaled[0]});
    CHECK(rows_of_csv(server.answer(fmt::format("{}", fmt::join(raw, ",")), kCsv)) ==
          Rows{unscaled[0]});
  }

  TEST_CASE("mlp serve: octet-stream is told by its first bytes, a missing type is JSON") {
    Server server(clouds_model());
    const Rows expected = clouds_model().predict("rows.csv", "1,2,3,4\n");
    const Ask any = {"application/octet-stream", "*/*"};
    CHECK(server.rows(npy("<f4", "(1, 4)", bytes_of(std::vector<float>{1, 2, 3, 4})), any) ==
          expected);
    CHECK(server.rows("[[1,2,3,4]]", any) == expected);
    CHECK(server.rows(" {\"instances\": [[1,2,3,4]]}", any) == expected);
    CHECK(server.rows("1,2,3,4\n", any) == expected);
    CHECK(server.rows("[[1,2,3,4]]", {""}) == expected);
    CHECK(server.rows("[[1,2,3,4]]", {"", "", {{"Content-type", "application/json"}}}) == expected);
    CHECK(server.rows("[[1,2,3,4]]", {"application/json; charset=utf-8"}) == expected);
    CHECK(server.rows("[[1,2,3,4]]", {"Application/JSON"}) == expected);
    for (const char* type : {"application/xml", "text/plain", "image/png", "text/libsvm", "json",
                             "/", "application/x-www-form-urlencoded", "text/csvs", "\xff\xfe"}) {
      CAPTURE(type);
      check_contains(
          server.refusal(415, "[[1,2,3,4]]", {type}),
          {"application/json", "application/jsonlines", "text/csv", "application/x-npy"});
    }
  }

  TEST_CASE("mlp serve: Accept picks the form of the answer") {
    const char* body = "[[1,2,3,4]]";
    {
      Server server(clouds_model());
      const struct {
        const char* accept;
        const char* type;
      } cases[] = {
          {"", "application/json"},
          {"*/*", "application/json"},
          {"application/json", "application/json"},
          {"application/*", "application/json"},
          {"text/csv", "text/csv"},
          {"text/csv; charset=utf-8", "text/csv"},
          {"TEXT/CSV", "text/csv"},
          {"application/jsonlines", "application/jsonlines"},
          {"application/x-npy", "application/x-npy"},
          {"image/png, text/csv", "text/csv"},
          {"application/json;q=0.5, text/csv", "text/csv"},
          {"text/csv;q=0.1, application/x-npy;q=0.9, */*;q=0.01", "application/x-npy"},
          {"text/html, application/xhtml+xml, */*;q=0.8", "application/json"},
      };
      for (const auto& c : cases) {
        CAPTURE(c.accept);
        const HttpAnswer answer = server.post(body, {"application/json", c.accept});
        CHECK(answer.status == 200);
        CHECK(answer.header("content-type").starts_with(c.type));
      }
      for (const char* accept : {"image/png", "application/xml, text/html", "text/plain"}) {
        CAPTURE(accept);
        check_contains(
            server.refusal(406, body, {"application/json", accept}),
            {"application/json", "application/jsonlines", "text/csv", "application/x-npy"});
      }
    }
    Server csv(clouds_model(), {{"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv"}});
    for (const char* accept : {"", "*/*"}) {
      CAPTURE(accept);
      CHECK(csv.post(body, {"application/json", accept})
                .header("content-type")
                .starts_with("text/csv"));
    }
    CHECK(csv.rows(body, {"application/json", "application/json"}).size() == 1);
  }

  TEST_CASE("mlp serve: headers of SageMaker's runtime, and unknown ones, change nothing") {
    Server server(clouds_model());
    const HttpAnswer plain = server.post("[[1,2,3,4]]");
    const HttpAnswer more = server.post(
        "[[1,2,3,4]]",
        {.more = {{"X-Amzn-SageMaker-Custom-Attributes", "tfs-model-name=m,tfs-method=predict"},
                  {"X-Amzn-SageMaker-Target-Model", "m.tar.gz"},
                  {"X-Amzn-SageMaker-Target-Variant", "v"},
                  {"X-Amzn-SageMaker-Inference-Id", "1"},
                  {"X-Amzn-SageMaker-Session-Id", "2"},
                  {"Accept-Encoding", "gzip, deflate"},
                  {"User-Agent", "Boto3/1"},
                  {"X-Unknown", ""}}});
    CHECK(more.status == 200);
    CHECK(more.body == plain.body);
    for (const auto& [name, value] : more.headers) {
      CHECK(value.find("tfs-model-name") == std::string::npos);
    }
  }

  TEST_CASE("mlp serve: each task is answered by its outputs, as mlp predict has them") {
    {
      Server server(binary_model());
      const Rows predicted = binary_model().predict("rows.csv", "1,2,3,4\n3,0,0,0\n");
      CHECK(server.rows("[[1,2,3,4],[3,0,0,0]]") == Rows{{predicted[0][1]}, {predicted[1][1]}});
    }
    {
      Server server(price_model());
      CHECK(server.rows("[[100,0.5,0.0001],[-10,1,0]]") ==
            price_model().predict("rows.csv", "100,0.5,0.0001\n-10,1,0\n"));
    }
    Server server(text_model());
    CHECK(server.rows("[[1,2,3,4],[3,0,0,0]]") ==
          text_model().predict("rows.csv", "1,2,3,4\n3,0,0,0\n"));
  }

  TEST_CASE("mlp serve: SAGEMAKER_INFERENCE_OUTPUT picks what is told of a row") {
    const char* body = "3,0,0,0\n0,0,3,0\n";
    const auto json = [&](Server& server) {
      return nlohmann::json::parse(server.answer(body, {"text/csv", "application/json"}))
          .at("predictions");
    };
    {
      const Rows predicted = text_model().predict("rows.csv", body);
      const auto label = [&](std::size_t row) {
        const std::string line = text_model().predicted_lines("rows.csv", body)[row];
        return line.starts_with('"') ? std::string("cow, calf") : line.substr(0, line.find(','));
      };
      Server server(text_model(), {{"SAGEMAKER_INFERENCE_OUTPUT",
                                    "predicted_label,probability,probabilities,labels"}});
      const nlohmann::json rows = json(server);
      REQUIRE(rows.size() == 2);
      for (std::size_t row = 0; row < 2; ++row) {
        CHECK(rows[row].size() == 4);
        CHECK(rows[row]["predicted_label"] == label(row));
        CHECK(rows[row]["probability"].get<float>() == std::ranges::max(predicted[row]));
        CHECK(rows[row]["probabilities"].get<std::vector<float>>() == predicted[row]);
        std::vector<std::string> labels = rows[row]["labels"];
        std::ranges::sort(labels);
        CHECK(labels == std::vector<std::string>{"cat", "cow, calf", "dog"});
      }
      const std::vector<std::string> csv = lines_of(server.answer(body, {"text/csv", "text/csv"}));
      REQUIRE(csv.size() == 2);
      CHECK(csv[0].find(fmt::format(",{},\"[", std::ranges::max(predicted[0]))) !=
            std::string::npos);
      const std::vector<std::string> json_lines =
          lines_of(server.answer(body, {"text/csv", "application/jsonlines"}));
      REQUIRE(json_lines.size() == 2);
      CHECK(nlohmann::json::parse(json_lines[1]) == rows[1]);
      server.refusal(406, body, {"text/csv", "application/x-npy"});
    }
    {
      Server server(clouds_model(),
                    {{"SAGEMAKER_INFERENCE_OUTPUT", "probability,predicted_label"}});
      const std::vector<std::string> csv = lines_of(server.answer(body, {"text/csv", "text/csv"}));
      const Rows predicted = clouds_model().predict("rows.csv", body);
      REQUIRE(csv.size() == 2);
      for (std::size_t row = 0; row < 2; ++row) {
        const auto best = std::ranges::max_element(predicted[row]);
        CHECK(csv[row] == fmt::format("{},{}", *best, best - predicted[row].begin()));
      }
      CHECK(json(server)[0]["predicted_label"].is_number_integer());
    }
    {
      Server server(binary_model(), {{"SAGEMAKER_INFERENCE_OUTPUT", "probabilities,raw_score"}});
      const Rows predicted = binary_model().predict("rows.csv", body);
      const nlohmann::json rows = json(server);
      CHECK(rows[0]["probabilities"].get<std::vector<float>>() == predicted[0]);
      CHECK(rows[0]["raw_score"].is_number());
    }
    {
      Server server(price_model(), {{"SAGEMAKER_INFERENCE_OUTPUT", "predicted_score"}});
      const nlohmann::json rows =
          nlohmann::json::parse(server.answer("[[100,0.5,0.0001]]")).at("predictions");
      CHECK(rows[0]["predicted_score"].get<float>() ==
            price_model().predict("rows.csv", "100,0.5,0.0001\n")[0][0]);
    }
    for (const char* bad : {"colour", "predicted_score", "predicted_label,,"}) {
      CAPTURE(bad);
      const ProgramEnd end = run_program(
          serve_start(clouds_model().model_dir(), {{"SAGEMAKER_INFERENCE_OUTPUT", bad}}));
      CHECK(end.exit_code == 1);
      check_contains(end.err, {"SAGEMAKER_INFERENCE_OUTPUT", "predicted_label"});
    }
  }

  TEST_CASE("mlp serve: an empty body is refused, but in a batch job its answer is empty") {
    const Ask kinds[] = {{}, kCsv, kLines, kNpy, {"application/octet-stream"}};
    {
      Server server(clouds_model());
      for (const Ask& ask : kinds) {
        CAPTURE(ask.content_type);
        check_contains(server.refusal(400, "", ask), {"empty"});
      }
    }
    for (const char* word : {"true", "True"}) {
      Server server(clouds_model(), {{"SAGEMAKER_BATCH", word}});
      for (const Ask& ask : kinds) {
        CAPTURE(ask.content_type);
        const HttpAnswer answer = server.post("", ask);
        CHECK(answer.status == 200);
        CHECK(answer.body.empty());
      }
      server.refusal(400, "1,2,3\n", kCsv);
    }
  }

  TEST_CASE("mlp serve: a batch job gets one line for each line, in order, each ended") {
    Server server(clouds_model(), {{"SAGEMAKER_BATCH", "true"}});
    std::string body;
    std::string json_lines;
    for (int i = 0; i < 5000; ++i) {
      const std::string row = fmt::format("{},{},{},{}", i % 17, i % 13, i % 11, i / 5000.0);
      body += row + '\n';
      json_lines += '[' + row + "]\n";
    }
    const Rows expected = clouds_model().predict("rows.csv", body);
    CHECK(rows_of_csv(server.answer(body, {"text/csv", "text/csv"})) == expected);
    body.pop_back();
    CHECK(rows_of_csv(server.answer(body, {"text/csv", "text/csv"})) == expected);
    CHECK(rows_of_csv(server.answer(json_lines, {"application/jsonlines", "text/csv"})) ==
          expected);
    const std::string answered =
        server.answer(json_lines, {"application/jsonlines", "application/jsonlines"});
    CHECK(answered.ends_with('\n'));
    CHECK(lines_of(answered).size() == 5000);
    // The last record counts as much as the first.
    check_contains(server.refusal(400, body + "\n1,2,3,x", kCsv), {"line 5001"});
  }

  TEST_CASE("mlp serve: /execution-parameters keeps within what a batch job may ask for") {
    for (const VariableMap& variables :
         {VariableMap{}, VariableMap{{"SAGEMAKER_MAX_PAYLOAD_IN_MB", "60"}},
          VariableMap{{"SAGEMAKER_BATCH", "true"},
                      {"SAGEMAKER_MAX_PAYLOAD_IN_MB", "6"},
                      {"SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", "1"},
                      {"SAGEMAKER_BATCH_STRATEGY", "MULTI_RECORD"}}}) {
      Server server(clouds_model(), variables);
      const HttpAnswer answer = server.get("/execution-parameters");
      CHECK(answer.status == 200);
      CHECK(answer.header("content-type") == "application/json");
      const nlohmann::json values = nlohmann::json::parse(answer.body);
      CHECK(values.size() == 2);
      const int transforms = values.at("MaxConcurrentTransforms").get<int>();
      const int megabytes = values.at("MaxPayloadInMB").get<int>();
      CHECK(transforms >= 1);
      CHECK(megabytes >= 1);
      CHECK(transforms * megabytes <= 100);
      if (variables.contains("SAGEMAKER_MAX_PAYLOAD_IN_MB")) {
        CHECK(megabytes <= std::stoi(variables.at("SAGEMAKER_MAX_PAYLOAD_IN_MB")));
      }
    }
  }

  TEST_CASE("mlp serve: a row gets mlp predict's bits alone, among 1,024 and in joined batches") {
    Server server(picture_model());
    const Pictures pixels = make_pictures(1024, 9);
    const Rows expected = picture_model().predict("x.npy", pictures_npy(pixels));
    const Ask from_npy = {"application/x-npy", "application/json"};
    CHECK(server.rows(pictures_npy(pixels), from_npy) == expected);
    std::string csv;
    std::vector<std::string> bodies;
    for (std::size_t row = 0; row < 1024; ++row) {
      std::string line;
      for (std::size_t i = 0; i < kPixels; ++i) {
        line += pixels.pixels[row * kPixels + i] == 0 ? "0," : "0.78431374,";
      }
      line.pop_back();
      csv += line + '\n';
      bodies.push_back('[' + line + ']');
    }
    CHECK(rows_of_csv(server.answer(csv, {"text/csv", "text/csv"})) == expected);
    CHECK(server.rows(fmt::format("[{}]", fmt::join(bodies, ","))) == expected);

    constexpr std::size_t kConnections = 16;
    std::vector<Rows> found(kConnections);
    std::vector<std::string> failures(kConnections);
    std::vector<std::thread> clients;
    for (std::size_t client = 0; client < kConnections; ++client) {
      clients.emplace_back([&, client] {
        try {
          HttpConnection connection = server.connect();
          for (std::size_t row = client; row < 1024; row += kConnections) {
            connection.send(invocation(bodies[row]));
            const HttpAnswer answer = connection.receive();
            if (answer.status != 200) throw std::runtime_error(answer.body);
            found[client].push_back(nlohmann::json::parse(answer.body)
                                        .at("predictions")
                                        .at(0)
                                        .get<std::vector<float>>());
          }
        } catch (const std::exception& error) {
          failures[client] = error.what();
        }
      });
    }
    for (std::thread& client : clients) client.join();
    for (std::size_t client = 0; client < kConnections; ++client) {
      CAPTURE(client);
      CHECK(failures[client] == "");
      Rows wanted;
      for (std::size_t row = client; row < 1024; row += kConnections) {
        wanted.push_back(expected[row]);
      }
      CHECK(found[client] == wanted);
    }
  }
}

}  // namespace mlp::test
