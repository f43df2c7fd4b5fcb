#include "runtime/sagemaker/hyperparameters.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "test/support/messages.h"

namespace mlp {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using test::check_contains;

Hyperparameters parse(const HyperparameterValues& file,
                      const std::map<std::string, std::string>& flags = {}) {
  std::vector<std::string> notes;
  Hyperparameters values = parse_hyperparameters(file, flags, notes);
  CHECK(notes.empty());
  return values;
}

// The values in use, of which `name` is one.
ordered_json in_use(const std::string& name, const json& given) {
  return to_json(parse({{name, given}}))[name];
}

std::string user_error(const HyperparameterValues& file,
                       const std::map<std::string, std::string>& flags = {}) {
  return test::user_error_of([&] {
    std::vector<std::string> notes;
    parse_hyperparameters(file, flags, notes);
  });
}

TEST_SUITE("runtime/sagemaker") {
  TEST_CASE("Hyperparameters: nothing given leaves the defaults") {
    const Hyperparameters values = parse({});
    CHECK(values.epochs == 5);
    CHECK(values.batch_size == 64);
    CHECK(values.learning_rate == 0.01);
    CHECK(values.drop_rate == 0.2);
    CHECK(values.dense_hidden == std::vector<std::int64_t>{128});
    CHECK(values.seed == 0);
    CHECK_FALSE(values.num_threads);
  }

  TEST_CASE("Hyperparameters: every client's spelling of a value is understood") {
    struct Case {
      std::string client;
      std::string name;
      json given;
      ordered_json value;
    };
    const ordered_json lists = {64, 32};
    const std::vector<Case> cases = {
        // 5
        {"v2 Estimator, v2 framework, v3", "epochs", "5", 5},
        {"tuner, categorical, framework", "batch_size", "\"256\"", 256},
        {"tuner, categorical, Estimator", "batch_size", "256", 256},
        {"by hand", "epochs", 5, 5},
        {"by hand, computed", "epochs", 64.0, 64},
        {"computed", "epochs", "64.0", 64},
        {"computed, large", "epochs", "1e2", 100},
        {"plus sign", "epochs", "+7", 7},
        {"leading zeros", "epochs", "007", 7},
        {"white space", "epochs", " \t5\n", 5},
        {"white space within quotes", "epochs", " \" 5 \" ", 5},
        {"largest seed", "seed", "9007199254740992", 9007199254740992},
        // 1e-05
        {"v2 Estimator, v2 framework, v3", "learning_rate", "1e-05", 1e-05},
        {"tuner", "learning_rate", "0.01390030725982051", 0.01390030725982051},
        {"tuner, exponent", "learning_rate", "1.390030725982051E-2", 0.01390030725982051},
        {"by hand", "learning_rate", 0.5, 0.5},
        {"an integer", "learning_rate", "1", 1.0},
        {"quoted", "learning_rate", "\"0.1\"", 0.1},
        {"bare points", "learning_rate", "+.5", 0.5},
        {"the ends of the range", "drop_rate", "0", 0.0},
        {"the ends of the range", "drop_rate", "1.0", 1.0},
        {"the ends of the range", "validation_split", "0", 0.0},
        {"the ends of the range", "num_threads", "1024", 1024},
        // "adam"
        {"v2 Estimator, v3", "task", "regression", "regression"},
        {"v2 framework", "task", "\"regression\"", "regression"},
        {"another case", "task", "Regression", "regression"},
        {"v2 Estimator, v3", "target", "median price", "median price"},
        {"v2 framework", "target", "\"median price\"", "median price"},
        {"v2 framework, quotes within", "target", "\"a \\\"b\\\" \\u00e9\"", "a \"b\" \u00e9"},
        {"unwrapped once only", "target", "\"\\\"a\\\"\"", "\"a\""},
        {"a name that is a number", "target", 7, "7"},
        {"an open quote is text", "target", "\"a", "\"a"},
        // True
        {"v2 Estimator", "scale_target", "False", false},
        {"v2 framework, v3", "scale_target", "false", false},
        {"quoted", "scale_target", "\"false\"", false},
        {"number", "scale_target", "0", false},
        {"number", "scale_target", "1", true},
        {"upper case", "scale_target", "FALSE", false},
        {"by hand", "scale_target", false, false},
        {"v2 Estimator, True for a choice", "header", "True", "true"},
        {"v2 framework, v3, True for a choice", "header", "true", "true"},
        {"by hand, true for a choice", "header", true, "true"},
        // None
        {"v2 Estimator", "epochs", "None", 5},
        {"v2 framework, v3", "epochs", "null", 5},
        {"by hand", "epochs", nullptr, 5},
        {"empty", "epochs", "", 5},
        {"blank", "epochs", "  ", 5},
        {"quoted empty", "epochs", "\"\"", 5},
        {"v2 Estimator", "scaling", "None", "auto"},
        {"the choice none", "scaling", "none", "none"},
        // [64, 32]
        {"v2 Estimator, v2 framework, v3", "dense_hidden", "[64, 32]", lists},
        {"v3, compact", "dense_hidden", "[64,32]", lists},
        {"by hand", "dense_hidden", json::array({64, 32}), lists},
        {"quoted", "dense_hidden", "\"[64, 32]\"", lists},
        {"a Python tuple", "dense_hidden", "(64, 32)", lists},
        {"a comma list", "dense_hidden", "64, 32", lists},
        {"one width", "dense_hidden", "64", {64}},
        {"one width, by hand", "dense_hidden", 64, {64}},
        {"one width in a list", "dense_hidden", "[64]", {64}},
        {"a Python tuple of one", "dense_hidden", "(64,)", {64}},
        // ["relu"]: a list of texts
        {"v2 Estimator", "dense_hidden", "['64', '32']", lists},
        {"v2 framework, v3", "dense_hidden", R"(["64", "32"])", lists},
    };
    for (const Case& c : cases) {
      CAPTURE(c.client);
      CAPTURE(c.name);
      CAPTURE(c.given.dump());
      CHECK(in_use(c.name, c.given) == c.value);
    }
  }

  TEST_CASE("Hyperparameters: a bad value is named with its key and the allowed range") {
    struct Case {
      std::string name;
      json given;
      std::string_view shown;
      std::string_view expected;
    };
    constexpr std::string_view kCount = "expected an integer from 1 to 1000000000";
    constexpr std::string_view kRate = "expected a number >= 0 and <= 1";
    constexpr std::string_view kPositive = "expected a finite number > 0";
    constexpr std::string_view kWidths =
        "expected an integer from 1 to 1000000, or a list of 1 to 100 of them";
    std::string many = "[1";
    for (int i = 0; i < 100; ++i) many += ",1";
    many += "]";
    const std::vector<Case> cases = {
        {"epochs", "0", "\"0\"", kCount},
        {"epochs", "-1", "\"-1\"", kCount},
        {"epochs", "2.5", "\"2.5\"", kCount},
        {"epochs", "five", "\"five\"", kCount},
        {"epochs", "5 6", "\"5 6\"", kCount},
        {"epochs", "0x10", "\"0x10\"", kCount},
        {"epochs", "+-5", "\"+-5\"", kCount},
        {"epochs", "True", "\"True\"", kCount},
        {"epochs", true, "\"true\"", kCount},
        {"epochs", "nan", "\"nan\"", kCount},  // v2 Estimator
        {"epochs", "NaN", "\"NaN\"", kCount},  // v2 framework, v3
        {"epochs", "1000000001", "\"1000000001\"", kCount},
        {"epochs", "99999999999999999999", "\"99999999999999999999\"", kCount},
        {"epochs", "1e300", "\"1e300\"", kCount},
        {"epochs", "{'a': 1}", "\"{'a': 1}\"", kCount},      // v2 Estimator
        {"epochs", R"({"a": 1})", R"("{"a": 1}")", kCount},  // v2 framework, v3
        {"epochs", json::object({{"a", 1}}), R"("{"a":1}")", kCount},
        {"batch_size", "0", "\"0\"", kCount},
        {"learning_rate", "0", "\"0\"", kPositive},
        {"learning_rate", "-0.1", "\"-0.1\"", kPositive},
        {"learning_rate", "nan", "\"nan\"", kPositive},
        {"learning_rate", "NaN", "\"NaN\"", kPositive},
        {"learning_rate", "inf", "\"inf\"", kPositive},
        {"learning_rate", "Infinity", "\"Infinity\"", kPositive},
        {"learning_rate", "1e999", "\"1e999\"", kPositive},
        {"learning_rate", "0,01", "\"0,01\"", kPositive},
        {"learning_rate", "0x1p-3", "\"0x1p-3\"", kPositive},
        {"learning_rate", "0.1f", "\"0.1f\"", kPositive},
        {"drop_rate", "-0.0001", "\"-0.0001\"", kRate},
        {"drop_rate", "1.0001", "\"1.0001\"", kRate},
        {"drop_rate", "nan", "\"nan\"", kRate},
        {"validation_split", "1", "\"1\"", "expected a number >= 0 and < 1"},
        {"seed", "-1", "\"-1\"", "from 0 to 9007199254740992"},
        {"seed", "9007199254740993", "\"9007199254740993\"", "from 0 to 9007199254740992"},
        {"num_threads", "0", "\"0\"", "from 1 to 1024"},
        {"num_threads", "1025", "\"1025\"", "from 1 to 1024"},
        {"dense_hidden", "[]", "\"[]\"", kWidths},
        {"dense_hidden", "[64, 0]", "\"[64, 0]\"", kWidths},
        {"dense_hidden", "[64, [32]]", "\"[64, [32]]\"", kWidths},
        {"dense_hidden", "[64, 32", "\"[64, 32\"", kWidths},
        {"dense_hidden", "[64,, 32]", "\"[64,, 32]\"", kWidths},
        {"dense_hidden", "64,", "\"64,\"", kWidths},
        {"dense_hidden", "['64\", 32]", "\"['64\", 32]\"", kWidths},
        {"dense_hidden", "['relu']", "\"['relu']\"", kWidths},      // v2 Estimator
        {"dense_hidden", R"(["relu"])", R"("["relu"]")", kWidths},  // v2 framework, v3
        {"dense_hidden", "1000001", "\"1000001\"", kWidths},
        {"dense_hidden", many, "\"[1,1,1", kWidths},
        {"task", "clustering", "\"clustering\"", "one of auto, classification, regression"},
        {"header", "1", "\"1\"", "one of auto, true, false"},
        {"scaling", "minmax", "\"minmax\"", "one of auto, standard, none"},
        {"scale_target", "yes", "\"yes\"", "expected true or false"},
    };
    for (const Case& c : cases) {
      CAPTURE(c.name);
      const std::string text = user_error({{c.name, c.given}});
      check_contains(text, {"Hyperparameter " + c.name, "in hyperparameters.json", c.shown,
                            c.expected, "Correct the value"});
    }
    check_contains(user_error({}, {{"epochs", "0"}}),
                   {"Hyperparameter epochs on the command line", "\"0\"", kCount,
                    "leave it out for the default, 5."});
  }

  TEST_CASE("Hyperparameters: a long value is cut in the message") {
    const std::string text = user_error({{"epochs", std::string(2500, 'x')}});
    check_contains(text, {"Hyperparameter epochs", "xxx...\"", "integer"});
  }

  TEST_CASE("Hyperparameters: unknown names are all told, each with the closest known one") {
    check_contains(user_error({{"epoch", "5"}}),
                   {"Unknown hyperparameter in hyperparameters.json", "\"epoch\"",
                    "did you mean epochs?", "MLP_STRICT=false"});
    check_contains(user_error({{"bacth-size", "5"}, {"learningrate", "1"}}),
                   {"Unknown hyperparameters", "\"bacth-size\" (did you mean batch_size?)",
                    "\"learningrate\" (did you mean learning_rate?)"});
    check_contains(user_error({{"momentum", "0.9"}}),
                   {"\"momentum\"", "Known are epochs, batch_size, learning_rate", "num_threads"});
    check_contains(user_error({}, {{"epoch", "5"}}),
                   {"on the command line", "did you mean epochs?"});
  }

  TEST_CASE("Hyperparameters: a message on very many unknown names stays short") {
    HyperparameterValues file;
    for (int i = 0; i < 100; ++i) {
      file[std::string(250, 'x') + std::to_string(i)] = "1";
    }
    check_contains(user_error(file), {"xxx...", "95 more", "Known are"});
  }

  TEST_CASE("Hyperparameters: where not strict, unknown names in the file become a note") {
    std::vector<std::string> notes;
    const Hyperparameters values =
        parse_hyperparameters({{"epoch", "7"}, {"batch_size", "32"}}, {}, notes, false);
    CHECK(values.epochs == 5);
    CHECK(values.batch_size == 32);
    REQUIRE(notes.size() == 1);
    check_contains(notes[0], {"\"epoch\"", "did you mean epochs?", "Ignored", "MLP_STRICT"});
    CHECK_THROWS_AS(parse_hyperparameters({{"epochs", "0"}}, {}, notes, false), UserError);
  }

  TEST_CASE("Hyperparameters: a dash in a name stands for an underscore") {
    CHECK(in_use("batch_size", "64") == 64);
    CHECK(parse({{"batch-size", "32"}}).batch_size == 32);
    CHECK(parse({{"learning-rate", "0.5"}}).learning_rate == 0.5);
    CHECK(parse({}, {{"batch-size", "16"}}).batch_size == 16);
  }

  TEST_CASE("Hyperparameters: both spellings of one name are refused, equal or not") {
    for (const char* value : {"32", "64", "None"}) {
      check_contains(user_error({{"batch-size", "32"}, {"batch_size", value}}),
                     {"\"batch-size\"", "\"batch_size\"", "Remove one"});
    }
  }

  TEST_CASE("Hyperparameters: keys that SageMaker and its SDKs add are left aside") {
    const Hyperparameters values = parse({{"sagemaker_program", "\"train.py\""},
                                          {"sagemaker_submit_directory", "\"s3://b/x\""},
                                          {"sagemaker_enable_cloudwatch_metrics", "false"},
                                          {"sagemaker_region", "\"eu-west-1\""},
                                          {"sagemaker_container_log_level", "20"},
                                          {"sagemaker_job_name", "\"job\""},
                                          {"default_user_module_name", "x"},
                                          {"_tuning_objective_metric", "\"validation:error\""},
                                          {"sagemaker_s3_output", "s3://b/o"},
                                          {"sagemaker_mpi_enabled", "true"},
                                          {"sagemaker_estimator_class_name", "\"TensorFlow\""},
                                          {"model_dir", "\"s3://b/model\""},
                                          {"epochs", "9"}});
    CHECK(values.epochs == 9);
  }

  TEST_CASE("Hyperparameters: a flag wins over the file, the file over the default") {
    const Hyperparameters values =
        parse({{"epochs", "7"}, {"batch_size", "32"}}, {{"epochs", "3"}, {"seed", "11"}});
    CHECK(values.epochs == 3);
    CHECK(values.batch_size == 32);
    CHECK(values.seed == 11);
    CHECK(parse({{"epochs", "bad"}}, {{"epochs", "3"}}).epochs == 3);
    CHECK(parse({{"epochs", "7"}}, {{"epochs", "None"}}).epochs == 7);
  }

  TEST_CASE("tuning_objective: is found in both clients' spellings") {
    CHECK(tuning_objective({{"_tuning_objective_metric", "validation:error"}}) ==
          "validation:error");
    CHECK(tuning_objective({{"_tuning_objective_metric", "\"validation:error\""}}) ==
          "validation:error");
    CHECK_FALSE(tuning_objective({{"epochs", "5"}}));
  }

  TEST_CASE("to_json: all values in use in the table's order, num_threads only where given") {
    CHECK(to_json(parse({{"target", "price"}, {"dense_hidden", "[8, 4]"}})).dump() ==
          R"({"epochs":5,"batch_size":64,"learning_rate":0.01,"drop_rate":0.2,)"
          R"("dense_hidden":[8,4],"task":"auto","target":"price","header":"auto",)"
          R"("scaling":"auto","scale_target":true,"validation_split":0.0,"seed":0})");
    CHECK(to_json(parse({{"num_threads", "2"}}))["num_threads"] == 2);
  }

  TEST_CASE("to_json: what it writes is read back to the same values") {
    const ordered_json values = to_json(
        parse({{"learning_rate", "1e-7"}, {"dense_hidden", "[8, 4]"}, {"scale_target", "False"}}));
    HyperparameterValues file;
    for (const auto& [name, value] : values.items()) file[name] = value;
    CHECK(to_json(parse(file)) == values);
  }

  TEST_CASE("describe_hyperparameters: each has all that a user asks for") {
    const ordered_json all = describe_hyperparameters();
    CHECK(all.size() == 13);
    for (const ordered_json& entry : all) {
      CAPTURE(entry.dump());
      CHECK(entry["name"].is_string());
      CHECK(entry["type"].is_string());
      CHECK(entry.contains("default"));
      CHECK(entry["help"].get<std::string>().ends_with('.'));
      CHECK(entry["tunable"].is_boolean());
      CHECK(entry.contains("tuning_range") == entry["tunable"].get<bool>());
      CHECK(entry.contains("scaling") == entry["tunable"].get<bool>());
    }
    CHECK(all[0].dump() ==
          R"({"name":"epochs","type":"integer","range":{"min":1,"max":1000000000},"default":5,)"
          R"("help":"Passes over the training rows.","tunable":true,)"
          R"("tuning_range":{"min":50,"max":200},"scaling":"Linear"})");
    CHECK(all[2]["range"].dump() == R"({"exclusive_min":0.0})");
    CHECK(all[2]["scaling"] == "Logarithmic");
    CHECK(all[5]["choices"].dump() == R"(["auto","classification","regression"])");
    CHECK(all[12]["default"].is_null());
  }

  TEST_CASE("describe_hyperparameters: defaults and ends of the tuning ranges are accepted") {
    for (const ordered_json& entry : describe_hyperparameters()) {
      const std::string name = entry["name"];
      CAPTURE(name);
      std::vector<json> values = {json(entry["default"])};
      if (entry["tunable"].get<bool>()) {
        values.emplace_back(entry["tuning_range"]["min"]);
        values.emplace_back(entry["tuning_range"]["max"]);
      }
      for (const json& value : values) CHECK_NOTHROW(parse({{name, value}}));
    }
  }
}

}  // namespace
}  // namespace mlp
