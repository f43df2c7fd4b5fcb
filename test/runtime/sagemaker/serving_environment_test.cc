#include "runtime/sagemaker/serving_environment.h"

#include <doctest/doctest.h>

#include <string>

#include "model/error.h"
#include "test/support/messages.h"

namespace mlp {
namespace {

using test::check_contains;

ServingEnvironment read(const Variables& variables, const ServingFlags& flags = {}) {
  return read_serving_environment(variables, flags, "/work");
}

std::string refusal(const Variables& variables, const ServingFlags& flags = {}) {
  try {
    read(variables, flags);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_SUITE("runtime/sagemaker") {
  TEST_CASE("read_serving_environment: what it is without any variable") {
    const ServingEnvironment environment = read({});
    CHECK(environment.host == "0.0.0.0");
    CHECK(environment.port == 8080);
    CHECK(!environment.workers);
    CHECK(!environment.is_batch);
    CHECK(environment.most_body_bytes == 100U << 20U);
    CHECK(environment.transform_megabytes == 6);
    CHECK(environment.default_accept.empty());
    CHECK(environment.log_level == 20);
  }

  TEST_CASE("read_serving_environment: each variable is read") {
    const ServingEnvironment environment =
        read({{"SAGEMAKER_BIND_TO_PORT", "9000"},
              {"SAGEMAKER_MODEL_SERVER_WORKERS", "3"},
              {"SAGEMAKER_BATCH", "True"},
              {"SAGEMAKER_MAX_PAYLOAD_IN_MB", "2"},
              {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT", "text/csv"},
              {"SAGEMAKER_INFERENCE_OUTPUT", "predicted_label"},
              {"SAGEMAKER_CONTAINER_LOG_LEVEL", "10"},
              {"SM_MODEL_DIR", "/some/model"},
              {"MLP_MOST_WAITING_REQUESTS", "7"},
              {"MLP_MOST_BUFFERED_MB", "9"},
              {"MLP_HEADER_TIMEOUT_SECONDS", "0.5"},
              {"MLP_BODY_TIMEOUT_SECONDS", "2"},
              {"MLP_IDLE_TIMEOUT_SECONDS", "3"},
              {"MLP_SUMMARY_SECONDS", "4"}});
    CHECK(environment.port == 9000);
    CHECK(environment.workers == 3);
    CHECK(environment.is_batch);
    CHECK(environment.most_body_bytes == 2U << 20U);
    CHECK(environment.transform_megabytes == 2);
    CHECK(environment.default_accept == "text/csv");
    CHECK(environment.inference_output == "predicted_label");
    CHECK(environment.log_level == 10);
    CHECK(environment.model_dir == "/some/model");
    CHECK(environment.most_waiting == 7);
    CHECK(environment.most_buffered_bytes == 9U << 20U);
    CHECK(environment.header_timeout_seconds == 0.5);
    CHECK(environment.body_timeout_seconds == 2);
    CHECK(environment.idle_timeout_seconds == 3);
    CHECK(environment.summary_seconds == 4);
  }

  TEST_CASE("read_serving_environment: a flag goes before its variable") {
    const ServingEnvironment environment =
        read({{"SAGEMAKER_BIND_TO_PORT", "9000"}, {"SM_MODEL_DIR", "/other"}},
             {.model_dir = "/mine", .host = "127.0.0.1", .port = "0"});
    CHECK(environment.port == 0);
    CHECK(environment.host == "127.0.0.1");
    CHECK(environment.model_dir == "/mine");
  }

  TEST_CASE("read_serving_environment: a payload of 0 MB is one of any length") {
    const ServingEnvironment environment = read({{"SAGEMAKER_MAX_PAYLOAD_IN_MB", "0"}});
    CHECK(environment.most_body_bytes == std::size_t{1024} << 20U);
    CHECK(environment.transform_megabytes == 6);
  }

  TEST_CASE("read_serving_environment: values that can't be meant are named") {
    const struct {
      const char* name;
      const char* value;
      const char* expected;
    } kCases[] = {
        {"SAGEMAKER_BIND_TO_PORT", "0", "an integer from 1 to 65535"},
        {"SAGEMAKER_BIND_TO_PORT", "65536", "an integer from 1 to 65535"},
        {"SAGEMAKER_BIND_TO_PORT", "80a", "an integer from 1 to 65535"},
        {"SAGEMAKER_MODEL_SERVER_WORKERS", "0", "an integer from 1 to 1024"},
        {"SAGEMAKER_MAX_PAYLOAD_IN_MB", "-1", "an integer from 0 to 1024"},
        {"MLP_MOST_WAITING_REQUESTS", "none", "an integer from 1 to 1000000"},
        {"MLP_MOST_BUFFERED_MB", "0", "an integer from 1 to 1000000"},
        {"MLP_HEADER_TIMEOUT_SECONDS", "0", "a number from 0.01 to 86400"},
        {"MLP_BODY_TIMEOUT_SECONDS", "nan", "a number from 0.01 to 86400"},
        {"MLP_IDLE_TIMEOUT_SECONDS", "1e9", "a number from 0.01 to 86400"},
    };
    for (const auto& c : kCases) {
      CAPTURE(c.name);
      const std::string text = refusal({{c.name, c.value}});
      check_contains(text, {c.name, c.value, c.expected, "Correct it"});
    }
    check_contains(refusal({}, {.port = "x"}), {"--port is \"x\""});
  }
}

}  // namespace mlp
