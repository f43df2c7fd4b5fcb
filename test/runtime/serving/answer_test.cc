#include "runtime/serving/answer.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "model/error.h"
#include "runtime/data/byte_source.h"
#include "runtime/data/npy.h"
#include "runtime/serving/request_error.h"
#include "test/support/messages.h"

namespace mlp {
namespace {

using Floats = std::vector<float>;
using Fields = std::vector<OutputField>;
using nlohmann::json;

Schema classes(std::vector<std::string> labels, Task task = Task::kClassification,
               bool is_text = false) {
  Schema schema;
  schema.row_shape = {2};
  schema.task = task;
  schema.targets = task == Task::kMultilabel ? labels.size() : 1;
  schema.labels = std::move(labels);
  schema.labels_are_text = is_text;
  return schema;
}

Schema regression(std::size_t targets = 1) {
  Schema schema;
  schema.row_shape = {2};
  schema.task = Task::kRegression;
  schema.targets = targets;
  return schema;
}

std::string write(const Schema& schema, const char* fields, MediaType type,
                  const Floats& predictions, const Floats& logits = {}) {
  const AnswerWriter writer(schema, output_fields(fields, schema));
  return writer.write(type, "predictions", predictions, logits);
}

}  // namespace

TEST_SUITE("runtime/serving") {
  TEST_CASE("AnswerWriter: without fields it gives the network's outputs") {
    const Schema schema = classes({"0", "1", "2"});
    const Floats rows = {0.1F, 0.2F, 0.7F, 1, 0, 1e-8F};
    CHECK(write(schema, "", MediaType::kJson, rows) ==
          R"({"predictions":[[0.1,0.2,0.7],[1,0,1e-08]]})");
    CHECK(write(schema, "", MediaType::kJsonLines, rows) ==
          "{\"predictions\":[0.1,0.2,0.7]}\n{\"predictions\":[1,0,1e-08]}\n");
    CHECK(write(schema, "", MediaType::kCsv, rows) == "0.1,0.2,0.7\n1,0,1e-08\n");
    CHECK(AnswerWriter(schema, {}).write(MediaType::kJson, "outputs", rows, {}) ==
          R"({"outputs":[[0.1,0.2,0.7],[1,0,1e-08]]})");
    CHECK(write(regression(), "", MediaType::kJson, {2.5F, -3}) ==
          R"({"predictions":[[2.5],[-3]]})");
    CHECK(write(schema, "", MediaType::kJson, {}) == R"({"predictions":[]})");
    CHECK(write(schema, "", MediaType::kCsv, {}).empty());
  }

  TEST_CASE("AnswerWriter: numbers read back as the same bits, and none is NaN in JSON") {
    Floats rows;
    std::uint32_t bits = 1;
    for (int i = 0; i < 20'000; ++i) {
      bits = bits * 1664525 + 1013904223;
      const auto value = std::bit_cast<float>(bits);
      if (std::isfinite(value)) rows.push_back(value);
    }
    const json answer = json::parse(write(regression(), "", MediaType::kJson, rows));
    const json& list = answer.at("predictions");
    REQUIRE(list.size() == rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) CHECK(list[i][0].get<float>() == rows[i]);

    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const Floats odd = {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity};
    CHECK(write(regression(3), "", MediaType::kJson, odd) ==
          R"({"predictions":[[null,null,null]]})");
    CHECK(write(regression(3), "", MediaType::kCsv, odd) == "null,null,null\n");
  }

  TEST_CASE("AnswerWriter: .npy is little-endian float32 in C order") {
    const Schema schema = classes({"0", "1"});
    const Floats rows = {0.25F, 0.75F, 1, 0, 0.5F, 0.5F};
    const std::string bytes = write(schema, "", MediaType::kNpy, rows);
    const auto source = memory_source("answer", bytes);
    const ArrayHeader header = read_array_header(*source);
    CHECK(header.descr == "<f4");
    CHECK_FALSE(header.fortran_order);
    CHECK(header.shape == std::vector<std::size_t>{3, 2});
    CHECK(header.header_bytes % 64 == 0);
    Features values{.width = 2, .floats = {}, .bytes = {}};
    append_features(header, "answer", std::as_bytes(std::span(bytes)).subspan(header.header_bytes),
                    0, values);
    CHECK(values.floats == rows);
    CHECK(bytes[6] == 1);
    CHECK(bytes[7] == 0);
  }

  TEST_CASE("AnswerWriter: .npy has no room for fields") {
    const Schema schema = classes({"0", "1"});
    try {
      write(schema, "predicted_label", MediaType::kNpy, {0.5F, 0.5F});
      FAIL("no RequestError");
    } catch (const RequestError& error) {
      CHECK(error.status() == 406);
      CHECK(std::string(error.what()).find("Ask for application/json") != std::string::npos);
    }
  }

  TEST_CASE("AnswerWriter: fields of several classes") {
    const Schema schema = classes({"3", "5", "8"});
    const Floats rows = {0.1F, 0.2F, 0.7F, 0.5F, 0.25F, 0.25F};
    const Floats logits = {-1, 0, 1, 2, 1, 1};
    const char* const all = "predicted_label,probability,probabilities,labels,raw_score,raw_scores";
    const json answer = json::parse(write(schema, all, MediaType::kJson, rows, logits));
    CHECK(answer == json::parse(R"({"predictions": [
        {"predicted_label": 8, "probability": 0.7, "probabilities": [0.1, 0.2, 0.7],
         "labels": [3, 5, 8], "raw_score": 1, "raw_scores": [-1, 0, 1]},
        {"predicted_label": 3, "probability": 0.5, "probabilities": [0.5, 0.25, 0.25],
         "labels": [3, 5, 8], "raw_score": 2, "raw_scores": [2, 1, 1]}]})"));
    CHECK(write(schema, "probability, Predicted_Label", MediaType::kJsonLines, rows) ==
          "{\"probability\":0.7,\"predicted_label\":8}\n"
          "{\"probability\":0.5,\"predicted_label\":3}\n");
    CHECK(write(schema, "probabilities,predicted_label,labels", MediaType::kCsv, rows) ==
          "\"[0.1, 0.2, 0.7]\",8,\"[3, 5, 8]\"\n\"[0.5, 0.25, 0.25]\",3,\"[3, 5, 8]\"\n");
  }

  TEST_CASE("AnswerWriter: of two labels, probability and score are the second one's") {
    const char* const all = "predicted_label,probability,probabilities,raw_score,raw_scores";
    const json expected = json::parse(
        R"({"predictions": [{"predicted_label": 0, "probability": 0.25,
            "probabilities": [0.75, 0.25], "raw_score": -1, "raw_scores": [1, -1]}]})");
    const Schema binary = classes({"0", "1"}, Task::kBinary);
    CHECK(json::parse(write(binary, all, MediaType::kJson, {0.25F}, {-1})) == expected);
    const Schema softmax = classes({"0", "1"});
    CHECK(json::parse(write(softmax, all, MediaType::kJson, {0.75F, 0.25F}, {1, -1})) == expected);
    CHECK(write(binary, "predicted_label", MediaType::kCsv, {0.75F}) == "1\n");
  }

  TEST_CASE("AnswerWriter: a label with line ends stays on its row's line of CSV") {
    const Schema schema = classes({"new\nline", "other\r"}, Task::kBinary, true);
    CHECK(write(schema, "predicted_label", MediaType::kCsv, {0.25F, 0.75F}) ==
          "\"new\\nline\"\n\"other\\r\"\n");
  }

  TEST_CASE("AnswerWriter: labels that are text stand in quotes") {
    const Schema schema = classes({"a \"b\"", "c,\xC3\xA9"}, Task::kBinary, true);
    CHECK(write(schema, "predicted_label,labels", MediaType::kJson, {0.25F}) ==
          "{\"predictions\":[{\"predicted_label\":\"a \\\"b\\\"\","
          "\"labels\":[\"a \\\"b\\\"\",\"c,\xC3\xA9\"]}]}");
    CHECK(write(schema, "predicted_label", MediaType::kCsv, {0.25F}) == "\"a \"\"b\"\"\"\n");
    CHECK(write(schema, "labels", MediaType::kCsv, {0.25F}) ==
          "\"[\"\"a \\\"\"b\\\"\"\"\", \"\"c,\xC3\xA9\"\"]\"\n");
  }

  TEST_CASE("AnswerWriter: fields of regressions and of labels that a row may have any number of") {
    CHECK(write(regression(), "predicted_score", MediaType::kJson, {2.5F}) ==
          R"({"predictions":[{"predicted_score":2.5}]})");
    CHECK(write(regression(2), "predicted_score", MediaType::kJson, {2.5F, 1}) ==
          R"({"predictions":[{"predicted_score":[2.5,1]}]})");
    CHECK(write(regression(2), "predicted_score", MediaType::kCsv, {2.5F, 1}) == "\"[2.5, 1]\"\n");
    const Schema multilabel = classes({"red", "round"}, Task::kMultilabel);
    CHECK(write(multilabel, "labels,probabilities,raw_scores", MediaType::kJsonLines,
                {0.25F, 0.75F}, {-1, 1}) ==
          "{\"labels\":[\"red\",\"round\"],\"probabilities\":[0.25,0.75],"
          "\"raw_scores\":[-1,1]}\n");
  }

  TEST_CASE("AnswerWriter: wants logits for raw scores alone") {
    const Schema schema = classes({"0", "1"});
    CHECK_FALSE(AnswerWriter(schema, {}).needs_logits());
    CHECK_FALSE(AnswerWriter(schema, {OutputField::kProbabilities}).needs_logits());
    CHECK(AnswerWriter(schema, {OutputField::kLabels, OutputField::kRawScore}).needs_logits());
    CHECK(AnswerWriter(schema, {OutputField::kRawScores}).needs_logits());
  }

  TEST_CASE("output_fields: a comma list, in its order") {
    CHECK(output_fields(" labels ,PROBABILITY", classes({"0", "1"})) ==
          Fields{OutputField::kLabels, OutputField::kProbability});
    CHECK(output_fields("", classes({"0", "1"})).empty());
    CHECK(output_fields(" ", classes({"0", "1"})).empty());
  }

  TEST_CASE("output_fields: what the model does not have is refused") {
    struct Case {
      Schema schema;
      const char* list;
      std::vector<std::string> words;
    };
    for (const Case& c :
         {Case{classes({"0", "1"}),
               "label",
               {"\"label\"", "classification", "predicted_label, pro"}},
          Case{classes({"0", "1"}), "labels,", {"asks for \"\""}},
          Case{classes({"0", "1"}), "predicted_score", {"\"predicted_score\"", "raw_scores."}},
          Case{classes({"a", "b"}, Task::kMultilabel),
               "predicted_label",
               {"multilabel", "can tell: probabilities, labels, raw_scores."}},
          Case{regression(), "labels", {"regression can tell: predicted_score."}},
          Case{classes({"0", "1"}), "labels,labels", {"names \"labels\" twice"}}}) {
      const std::string text = test::user_error_of([&] { output_fields(c.list, c.schema); });
      for (const std::string& word : c.words) test::check_contains(text, {word});
    }
  }
}

}  // namespace mlp
