#include "runtime/serving/invocations.h"

#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/artifact.h"
#include "model/error.h"
#include "test/support/messages.h"
#include "test/support/reference.h"

namespace mlp {
namespace {

using nlohmann::json;

constexpr std::size_t kFeatures = 3;

Artifact classifier() {
  Artifact artifact;
  artifact.schema.row_shape = {kFeatures};
  artifact.schema.task = Task::kClassification;
  artifact.schema.labels = {"0", "1"};
  artifact.weights.layers = {
      {kFeatures, 8, test::random_floats(kFeatures * 8, 1), test::random_floats(8, 2)},
      {8, 2, test::random_floats(16, 3), test::random_floats(2, 4)}};
  return artifact;
}

// Invocations for a small model.
class Served {
 public:
  explicit Served(InvocationsOptions options = {})
      : predictor_(classifier()), invocations_(std::move(options)) {
    input_.row_shape = predictor_.schema().row_shape;
    input_.preprocessor = &predictor_.preprocessor();
  }

  void load() { invocations_.set_model(predictor_, input_); }
  Invocations& operator*() { return invocations_; }
  Invocations* operator->() { return &invocations_; }

 private:
  Predictor predictor_;
  PredictInputOptions input_;
  Invocations invocations_;
};

Exchange request(std::string_view method, std::string_view path, std::string_view body = "",
                 std::string_view content_type = "", std::string_view accept = "") {
  Exchange exchange;
  exchange.request.method = method;
  exchange.request.path = path;
  exchange.request.content_type = content_type;
  exchange.request.accept = accept;
  exchange.request.body.append(body.data(), body.size());
  return exchange;
}

Exchange csv(std::string_view body, std::string_view accept = "") {
  return request("POST", "/invocations", body, "text/csv", accept);
}

HttpResponse at_once(Served& served, std::string_view method, std::string_view path) {
  Exchange exchange = request(method, path);
  REQUIRE(served->answer_at_once(exchange, 1, 0));
  return exchange.response;
}

HttpResponse predict(Served& served, Exchange exchange) {
  Exchange* const pointer = &exchange;
  Invocations::Workspace workspace;
  served->predict(std::span(&pointer, 1), workspace);
  return std::move(exchange.response);
}

std::string error_of(const HttpResponse& response) {
  CHECK(response.content_type == "application/json");
  return json::parse(response.body).at("error");
}

}  // namespace

TEST_SUITE("runtime/serving") {
  TEST_CASE("Invocations: /ping is 503 until there is a model, and when the server stops") {
    Served served;
    CHECK(at_once(served, "GET", "/ping").status == 503);
    Exchange early = csv("1,2,3\n");
    REQUIRE(served->answer_at_once(early, 1, 0));
    CHECK(early.response.status == 503);
    CHECK(early.response.retry_after);
    served.load();
    CHECK(at_once(served, "GET", "/ping").status == 200);
    CHECK(at_once(served, "HEAD", "/ping").status == 200);
    served->set_draining();
    CHECK(at_once(served, "GET", "/ping").status == 503);
    Exchange late = csv("1,2,3\n");
    CHECK(!served->answer_at_once(late, 1, 0));
  }

  TEST_CASE("Invocations: other paths are 404, other methods 405 with those that are right") {
    Served served;
    served.load();
    CHECK(at_once(served, "GET", "/models").status == 404);
    CHECK(error_of(at_once(served, "GET", "/")) == "Not Found");
    const struct {
      const char* path;
      const char* allow;
    } kPaths[] = {{"/ping", "GET, HEAD"},
                  {"/invocations", "POST"},
                  {"/execution-parameters", "GET"},
                  {"/metrics", "GET"}};
    for (const auto& path : kPaths) {
      CAPTURE(path.path);
      const HttpResponse response = at_once(served, "PUT", path.path);
      CHECK(response.status == 405);
      CHECK(response.allow == path.allow);
      test::check_contains(error_of(response), {path.path, path.allow});
    }
  }

  TEST_CASE("Invocations: what a batch transform job is advised") {
    InvocationsOptions options;
    options.concurrent_transforms = 4;
    options.transform_megabytes = 20;
    Served served(options);
    const HttpResponse response = at_once(served, "GET", "/execution-parameters");
    CHECK(json::parse(response.body) ==
          json{{"MaxConcurrentTransforms", 4}, {"MaxPayloadInMB", 20}});
  }

  TEST_CASE("Invocations: requests that are joined get what each gets alone, errors too") {
    Served served;
    served.load();
    const std::vector<std::string> bodies = {"1,2,3\n",   "1,2\n",      "4,5,6\n7,8,9\n", "",
                                             "0.5,x,1\n", "-1,-2,-3\n", "\xEF\xBB\xBF"};
    std::vector<Exchange> exchanges;
    for (const std::string& body : bodies) exchanges.push_back(csv(body));
    std::vector<Exchange*> pointers;
    for (Exchange& exchange : exchanges) pointers.push_back(&exchange);
    Invocations::Workspace workspace;
    served->predict(pointers, workspace);
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      CAPTURE(bodies[i]);
      const HttpResponse alone = predict(served, csv(bodies[i]));
      CHECK(exchanges[i].response.status == alone.status);
      CHECK(exchanges[i].response.body == alone.body);
    }
    CHECK(served->statistics().snapshot().passes == 1 + 3);  // joined, and three that were alone
    CHECK(exchanges[0].rows == 1);
    CHECK(exchanges[1].response.status == 400);
    CHECK(exchanges[2].rows == 2);
    CHECK(exchanges[3].response.status == 400);
    CHECK(exchanges[4].response.status == 400);
    CHECK(exchanges[5].response.status == 200);
    CHECK(exchanges[6].response.status == 400);
  }

  TEST_CASE("Invocations: a body of many chunks has the rows of its lines, one by one") {
    Served served;
    served.load();
    std::string body;
    std::string expected;
    for (int i = 0; i < 20'000; ++i) {
      const std::string line = std::to_string(i % 83) + ",0.25," + std::to_string(i % 7) + "\n";
      body += line;
      if (i % 4999 == 0) expected += predict(served, csv(line, "text/csv")).body;
    }
    const HttpResponse response = predict(served, csv(body, "text/csv"));
    REQUIRE(response.status == 200);
    std::string found;
    std::size_t row = 0;
    for (std::size_t begin = 0; begin < response.body.size(); ++row) {
      const std::size_t end = response.body.find('\n', begin) + 1;
      if (row % 4999 == 0) found += response.body.substr(begin, end - begin);
      begin = end;
    }
    CHECK(row == 20'000);
    CHECK(found == expected);
  }

  TEST_CASE("Invocations: an empty body is refused, but not in a batch transform job") {
    Served served;
    served.load();
    CHECK(predict(served, csv("")).status == 400);
    InvocationsOptions options;
    options.is_batch = true;
    Served batch(options);
    batch.load();
    const HttpResponse response = predict(batch, csv(""));
    CHECK(response.status == 200);
    CHECK(response.body.empty());
  }

  TEST_CASE("Invocations: the form of an answer, by Accept, by the default, by the job") {
    const auto type = [](InvocationsOptions options, Exchange exchange) {
      Served served(std::move(options));
      served.load();
      return predict(served, std::move(exchange)).content_type;
    };
    InvocationsOptions by_default;
    by_default.default_accept = "text/csv";
    InvocationsOptions batch;
    batch.is_batch = true;
    CHECK(type({}, csv("1,2,3")) == "application/json");
    CHECK(type({}, csv("1,2,3", "*/*")) == "application/json");
    CHECK(type({}, csv("1,2,3", "application/x-npy")) == "application/x-npy");
    CHECK(type(by_default, csv("1,2,3")) == "text/csv");
    CHECK(type(by_default, csv("1,2,3", "application/json")) == "application/json");
    CHECK(type(batch, csv("1,2,3")) == "text/csv");
    CHECK(type(batch, csv("1,2,3", "application/json")) == "application/json");
    const auto json = [](std::string_view body) {
      return request("POST", "/invocations", body, "application/json");
    };
    CHECK(type({}, json("[1,2,3]\n[1,2,3]\n")) == "application/json");
    CHECK(type(batch, json("[1,2,3]\n[1,2,3]\n")) == "application/jsonlines");
    CHECK(type(batch, json("[[1,2,3],[1,2,3]]")) == "application/json");
    Served served(batch);
    served.load();
    CHECK(predict(served, request("POST", "/invocations", "[1,2,3]")).body.back() == '\n');
  }

  TEST_CASE("Invocations: a batch transform job's CSV has no line without an answer") {
    InvocationsOptions options;
    for (const bool is_batch : {false, true}) {
      options.is_batch = is_batch;
      Served served(options);
      served.load();
      for (const char* const body : {"\n1,2,3\n", "\xEF\xBB\xBF \r\n1,2,3\n"}) {
        const HttpResponse response = predict(served, csv(body));
        CHECK(response.status == (is_batch ? 400 : 200));
        if (is_batch) test::check_contains(error_of(response), {"line 1", "blank"});
      }
    }
  }

  TEST_CASE("Invocations: options that can't be meant are refused before any request") {
    InvocationsOptions options;
    options.default_accept = "image/png";
    CHECK_THROWS_WITH_AS(Invocations{options},
                         doctest::Contains("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"), UserError);
    InvocationsOptions fields;
    fields.inference_output = "predicted_lable";
    Served served(fields);
    CHECK_THROWS_WITH_AS(served.load(), doctest::Contains("predicted_lable"), UserError);
  }

  TEST_CASE("Invocations: what is light has a small body and asks little of the network") {
    Served served;
    CHECK(!served->is_light(csv("1,2,3\n").request));
    served.load();
    CHECK(served->is_light(csv("1,2,3\n").request));
    CHECK(!served->is_light(csv(std::string(1U << 20U, '1')).request));
  }
}

}  // namespace mlp
