#include "runtime/sagemaker/hyperparameters.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
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

// The values in use, of which `name` is one; null where it is not given and has no default.
ordered_json in_use(const std::string& name, const json& given) {
  std::vector<std::string> notes;
  return to_json(parse_hyperparameters({{name, given}}, {}, notes))[name];
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
    CHECK(values.activation == "relu");
    CHECK(values.kernel_initializer == "glorot_uniform");
    CHECK(values.task == "auto");
    CHECK(values.target.empty());
    CHECK(values.features.empty());
    CHECK(values.ignore.empty());
    CHECK(values.weight_column.empty());
    CHECK(values.column_types.empty());
    CHECK(values.delimiter == "auto");
    CHECK(values.missing_values.empty());
    CHECK_FALSE(values.drop_missing_target);
    CHECK(values.max_one_hot == 64);
    CHECK(values.min_category_rows == 2);
    CHECK(values.loss == "auto");
    CHECK(values.huber_delta == 1);
    CHECK(values.label_smoothing == 0);
    CHECK(values.class_weight.empty());
    CHECK(values.optimizer == "adam");
    CHECK(values.momentum == 0);
    CHECK_FALSE(values.nesterov);
    CHECK(values.beta_1 == 0.9);
    CHECK(values.beta_2 == 0.999);
    CHECK(values.epsilon == 1e-7);
    CHECK_FALSE(values.weight_decay);
    CHECK_FALSE(values.global_clipnorm);
    CHECK(values.schedule == "constant");
    CHECK(values.warmup_epochs == 0);
    CHECK(values.cosine_alpha == 0);
    CHECK(values.decay_epochs == 10);
    CHECK(values.decay_rate == 0.1);
    CHECK_FALSE(values.early_stopping_patience);
    CHECK(values.early_stopping_metric == "val_loss");
    CHECK(values.early_stopping_min_delta == 0);
    CHECK_FALSE(values.max_runtime_seconds);
    CHECK(values.eval_metrics.empty());
    CHECK(values.top_k == 5);
    CHECK(values.metric_style == "keras");
  }

  TEST_CASE("Hyperparameters: every client's spelling of a value is understood") {
    struct Case {
      std::string client;
      std::string name;
      json given;
      ordered_json value;
    };
    const ordered_json lists = {64, 32};
    const ordered_json names = {"price", "net"};
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
        {"the ends of the range", "momentum", "1", 1.0},
        {"the ends of the range", "decay_rate", "1", 1.0},
        {"the ends of the range", "beta_1", "0", 0.0},
        // 1e-05, where nothing is another value than 0
        {"v2 Estimator, v2 framework, v3", "weight_decay", "1e-05", 1e-05},
        {"tuner, exponent", "weight_decay", "1.390030725982051E-2", 0.01390030725982051},
        {"quoted", "weight_decay", "\"0.1\"", 0.1},
        {"by hand", "weight_decay", 0, 0.0},
        {"v2 Estimator", "weight_decay", "None", nullptr},
        {"v2 framework, v3", "global_clipnorm", "null", nullptr},
        {"by hand", "global_clipnorm", 1.5, 1.5},
        // 3, where nothing is another value than 0
        {"v2 Estimator, v2 framework, v3", "early_stopping_patience", "3", 3},
        {"the ends of the range", "early_stopping_patience", "0", 0},
        {"computed", "max_runtime_seconds", "64.0", 64},
        {"quoted", "max_runtime_seconds", "\"3600\"", 3600},
        {"v2 Estimator", "max_runtime_seconds", "None", nullptr},
        // "adam"
        {"v2 Estimator, v3", "task", "regression", "regression"},
        {"v2 framework", "task", "\"regression\"", "regression"},
        {"another case", "task", "Regression", "regression"},
        {"v2 Estimator, v3", "optimizer", "sgd", "sgd"},
        {"v2 framework", "optimizer", "\"sgd\"", "sgd"},
        {"Keras's class", "optimizer", "AdamW", "adamw"},
        {"Keras's class", "kernel_initializer", "HeNormal", "he_normal"},
        {"Keras's class, framework", "kernel_initializer", "\"TruncatedNormal\"",
         "truncated_normal"},
        {"Keras's class", "activation", "LeakyReLU", "leaky_relu"},
        {"another name", "activation", "swish", "silu"},
        {"another name", "precision", "bf16", "bfloat16"},
        {"another name", "loss", "mse", "mean_squared_error"},
        {"another name", "loss", "MAE", "mean_absolute_error"},
        {"Keras's class", "loss", "SparseCategoricalCrossentropy", "categorical_crossentropy"},
        {"v2 Estimator, v3", "weight_column", "median price", "median price"},
        {"v2 framework", "weight_column", "\"median price\"", "median price"},
        {"v2 framework, quotes within", "weight_column", "\"a \\\"b\\\" \\u00e9\"",
         "a \"b\" \u00e9"},
        {"unwrapped once only", "weight_column", "\"\\\"a\\\"\"", "\"a\""},
        {"a name that is a number", "weight_column", 7, "7"},
        {"an open quote is text", "weight_column", "\"a", "\"a"},
        {"a text with a comma", "early_stopping_metric", "a,b", "a,b"},
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
        {"v2 Estimator", "target", "['price', 'net']", names},
        {"v2 framework, v3", "target", R"(["price", "net"])", names},
        {"quoted", "target", R"("[\"price\", \"net\"]")", names},
        {"by hand", "target", json::array({"price", "net"}), names},
        {"a comma list", "target", "price, net", names},
        {"without quotes", "target", "[price, net]", names},
        {"v2 Estimator, v3", "target", "median price", {"median price"}},
        {"v2 framework", "target", "\"median price\"", {"median price"}},
        {"a name that is a number", "target", 7, {"7"}},
        {"an open quote is text", "target", "\"a", {"\"a"}},
        {"v2 framework, v3", "target", R"(["price, net", "b"])", {"price, net", "b"}},
        {"v2 Estimator",
         "target",
         R"(['a]', "it's", 'say \'x\'', 'tab\t\x1f'])",
         {"a]", "it's", "say 'x'", "tab\t\x1f"}},
        {"v2 framework, v3, ASCII",
         "target",
         R"(["caf\u00e9 \"x\" \\", "\ud83d\ude00"])",
         {"caf\u00e9 \"x\" \\", "\U0001F600"}},
        {"none", "eval_metrics", "[]", ordered_json::array()},
        {"one", "eval_metrics", "auc", {"auc"}},
        {"a comma list", "eval_metrics", "auc,f1", {"auc", "f1"}},
        // {"cat": 2}
        {"v2 Estimator", "class_weight", "{'cat': 2.0, 1: 0.5}", "{'cat': 2.0, 1: 0.5}"},
        {"v2 framework, v3", "class_weight", R"({"cat": 2})", R"({"cat": 2})"},
        {"quoted", "class_weight", R"("{\"cat\": 2}")", R"({"cat": 2})"},
        {"by hand", "class_weight", json::object({{"cat", 2}}), R"({"cat":2})"},
        {"v2 framework", "class_weight", "\"balanced\"", "balanced"},
        {"v2 Estimator", "class_weight", "None", ""},
        // {"zip": "category"}
        {"v2 Estimator", "column_types", "{'zip': 'category'}", "{'zip': 'category'}"},
        {"v2 framework, v3", "column_types", R"({"zip": "date"})", R"({"zip": "date"})"},
        {"by hand", "column_types", json::object({{"zip", "date"}}), R"({"zip":"date"})"},
        {"v2 Estimator", "column_types", "None", ""},
        // ","
        {"v2 Estimator, v3", "delimiter", ",", "comma"},
        {"v2 framework", "delimiter", "\";\"", "semicolon"},
        {"by hand", "delimiter", "|", "pipe"},
        {"a tab as such", "delimiter", "\t", "tab"},
        {"a tab as such, in quotes", "delimiter", R"("\t")", "tab"},
        {"a tab's escape", "delimiter", R"(\t)", "tab"},
        {"a word", "delimiter", "Tab", "tab"},
        // columns by number
        {"by hand", "features", json::array({2, "-1", "a b"}), {"2", "-1", "a b"}},
        {"a comma list", "ignore", "1,id", {"1", "id"}},
        {"by hand", "target", -1, {"-1"}},
        // words, of which one may be empty
        {"a comma list", "missing_values", "?,-, 999", {"?", "-", "999"}},
        {"v2 Estimator", "missing_values", "['', 'NA']", {"", "NA"}},
        {"none but the empty field", "missing_values", R"([""])", {""}},
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
    constexpr std::string_view kNames = "expected a name, or a list of names, each once";
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
        {"task", "clustering", "\"clustering\"",
         "one of auto, classification, binary, multilabel, regression."},
        {"optimizer", "adma", "\"adma\"", "one of adam, adamw, sgd: did you mean adam?"},
        {"optimizer", "rmsprop", "\"rmsprop\"", "one of adam, adamw, sgd."},
        {"activation", "rleu", "\"rleu\"", "did you mean relu?"},
        {"activation", "swich", "\"swich\"", "did you mean swish?"},
        {"kernel_initializer", "GlorotUnifrom", "\"GlorotUnifrom\"",
         "did you mean glorot_uniform?"},
        {"loss", "hinge", "\"hinge\"", "mean_absolute_error, huber"},
        {"schedule", "cosin", "\"cosin\"", "one of constant, cosine, step: did you mean cosine?"},
        {"metric_style", "tensorflow", "\"tensorflow\"", "one of keras, xgboost, sagemaker"},
        {"huber_delta", "0", "\"0\"", kPositive},
        {"label_smoothing", "1", "\"1\"", "expected a number >= 0 and < 1"},
        {"momentum", "1.01", "\"1.01\"", kRate},
        {"nesterov", "maybe", "\"maybe\"", "expected true or false"},
        {"beta_1", "1", "\"1\"", "expected a number >= 0 and < 1"},
        {"beta_2", "-0.1", "\"-0.1\"", "expected a number >= 0 and < 1"},
        {"epsilon", "0", "\"0\"", kPositive},
        {"weight_decay", "-1e-05", "\"-1e-05\"", "expected a finite number >= 0"},
        {"weight_decay", "nan", "\"nan\"", "expected a finite number >= 0"},
        {"global_clipnorm", "0", "\"0\"", kPositive},
        {"warmup_epochs", "-1", "\"-1\"", "expected a finite number >= 0"},
        {"cosine_alpha", "2", "\"2\"", kRate},
        {"decay_epochs", "0", "\"0\"", kPositive},
        {"decay_rate", "0", "\"0\"", "expected a number > 0 and <= 1"},
        {"early_stopping_patience", "-1", "\"-1\"", "an integer from 0 to 1000000000"},
        {"early_stopping_patience", "0.5", "\"0.5\"", "an integer from 0 to 1000000000"},
        {"early_stopping_min_delta", "-0.1", "\"-0.1\"", "expected a finite number >= 0"},
        {"max_runtime_seconds", "0", "\"0\"", kCount},
        {"top_k", "0", "\"0\"", kCount},
        {"target", "['a', 'b'", "\"['a', 'b'\"", kNames},
        {"target", "['a, 'b']", "\"['a, 'b']\"", kNames},
        {"target", "[['a']]", "\"[['a']]\"", kNames},
        {"target", "['a' 'b']", "\"['a' 'b']\"", kNames},
        {"target", R"(['\q'])", R"("['\q']")", kNames},
        {"target", R"(["\ud83d"])", R"("["\ud83d"]")", kNames},
        {"target", R"(["\u12"])", R"("["\u12"]")", kNames},
        {"target", R"(['\)", R"("['\")", kNames},
        {"target", "a,,b", "\"a,,b\"", kNames},
        {"target", "a,b,a", "\"a,b,a\"", kNames},
        {"eval_metrics", "auc,", "\"auc,\"", kNames},
        {"class_weight", "heavy", "\"heavy\"", "expected balanced, or a finite weight >= 0"},
        {"header", "1", "\"1\"", "one of auto, true, false"},
        {"column_types", "zip=kategory", "\"zip=kategory\"", "did you mean category? Correct"},
        {"delimiter", "semicolons", "\"semicolons\"", "did you mean semicolon?"},
        {"delimiter", ":", "\":\"", "one of auto, comma, semicolon, tab, pipe"},
        {"features", "a,a", "\"a,a\"", kNames},
        {"ignore", "a,", "\"a,\"", kNames},
        {"missing_values", "NA,NA", "\"NA,NA\"", "expected a word, or a list of words, each once"},
        {"drop_missing_target", "drop", "\"drop\"", "expected true or false"},
        {"max_one_hot", "0", "\"0\"", "expected an integer from 1 to 1000000"},
        {"min_category_rows", "0", "\"0\"", kCount},
        {"scaling", "minmax", "\"minmax\"", "one of auto, standard, robust, quantile, none"},
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

  TEST_CASE("Hyperparameters: no number takes NaN, infinity, other text or what is out of range") {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    std::size_t numbers = 0;
    for (const ordered_json& entry : describe_hyperparameters()) {
      const std::string type = entry["type"];
      const bool is_integer = type.starts_with("integer");
      if (!is_integer && type != "float") continue;
      ++numbers;
      const std::string name = entry["name"];
      CAPTURE(name);
      std::vector<std::string> values = {"nan",       "NaN",   "-nan",  "inf", "-inf", "Infinity",
                                         "-Infinity", "1e999", "0x1",   "1;5", "1 5",  "many",
                                         "True",      "--1",   "1.5.2", "{}"};
      if (is_integer) values.emplace_back("1.5");
      for (const char* const end : {"min", "exclusive_min", "max", "exclusive_max"}) {
        const auto bound = entry["range"].find(end);
        if (bound == entry["range"].end()) continue;
        const bool is_low = std::string_view(end).ends_with("min");
        if (is_integer) {
          const auto value = bound->get<std::int64_t>();
          values.push_back(std::to_string(is_low ? value - 1 : value + 1));
        } else if (std::string_view(end).starts_with("exclusive")) {
          values.push_back(bound->dump());
        } else {
          const auto value = bound->get<double>();
          values.push_back(json(std::nextafter(value, is_low ? -kInfinity : kInfinity)).dump());
        }
      }
      for (const std::string& value : values) {
        CAPTURE(value);
        const std::string shown = "found \"" + value + "\", expected a";
        check_contains(user_error({{name, value}}),
                       {"Hyperparameter " + name + " in hyperparameters.json", shown, "Correct"});
        check_contains(user_error({}, {{name, value}}),
                       {"Hyperparameter " + name + " on the command line", shown, "Correct"});
      }
    }
    CHECK(numbers >= 24);
  }

  TEST_CASE("Hyperparameters: a message tells of a default only where there is one") {
    check_contains(user_error({{"early_stopping_patience", "-1"}}), {"or leave it out."});
    check_contains(user_error({{"target", "a,"}}), {"or leave it out."});
    check_contains(user_error({{"class_weight", "x"}}), {"or leave it out."});
    check_contains(user_error({{"optimizer", "x"}}), {"leave it out for the default, \"adam\"."});
  }

  TEST_CASE("Hyperparameters: a value without effect beside the others is a note") {
    struct Case {
      HyperparameterValues file;
      std::vector<std::string> notes;
    };
    const std::string sgd = " is given, but has no effect without optimizer=sgd.";
    const std::string adam = " is given, but has no effect without optimizer=adam or adamw.";
    const std::string step = " is given, but has no effect without schedule=step.";
    const std::string patience = " is given, but has no effect without early_stopping_patience.";
    const std::vector<Case> cases = {
        {{{"momentum", "0.9"}}, {"momentum" + sgd}},
        {{{"momentum", "0"}, {"optimizer", "adamw"}}, {"momentum" + sgd}},
        {{{"momentum", "0.9"}, {"optimizer", "sgd"}}, {}},
        {{{"momentum", "None"}}, {}},
        {{{"nesterov", "true"}}, {"nesterov" + sgd}},
        {{{"nesterov", "false"}}, {}},
        {{{"nesterov", "true"}, {"optimizer", "sgd"}},
         {"nesterov is given, but has no effect without momentum."}},
        {{{"nesterov", "true"}, {"momentum", "0.9"}, {"optimizer", "sgd"}}, {}},
        {{{"optimizer", "sgd"}, {"beta_1", "0.9"}, {"beta_2", "0.9"}, {"epsilon", "1"}},
         {"beta_1" + adam, "beta_2" + adam, "epsilon" + adam}},
        {{{"optimizer", "adamw"}, {"beta_1", "0.9"}, {"beta_2", "0.9"}, {"epsilon", "1"}}, {}},
        {{{"huber_delta", "2"}, {"loss", "mse"}},
         {"huber_delta is given, but has no effect without loss=huber."}},
        {{{"huber_delta", "2"}, {"loss", "huber"}}, {}},
        {{{"cosine_alpha", "0.1"}},
         {"cosine_alpha is given, but has no effect without schedule=cosine."}},
        {{{"cosine_alpha", "0.1"}, {"schedule", "cosine"}}, {}},
        {{{"decay_epochs", "1"}, {"decay_rate", "0.5"}, {"schedule", "cosine"}},
         {"decay_epochs" + step, "decay_rate" + step}},
        {{{"decay_epochs", "1"}, {"decay_rate", "0.5"}, {"schedule", "step"}}, {}},
        {{{"early_stopping_metric", "loss"}, {"early_stopping_min_delta", "0.1"}},
         {"early_stopping_metric" + patience, "early_stopping_min_delta" + patience}},
        {{{"early_stopping_metric", "loss"}, {"early_stopping_patience", "0"}}, {}},
    };
    for (const Case& c : cases) {
      std::vector<std::string> notes;
      parse_hyperparameters(c.file, {}, notes);
      REQUIRE(notes.size() == c.notes.size());
      for (std::size_t i = 0; i < notes.size(); ++i) {
        CHECK(notes[i] == "Hyperparameter " + c.notes[i]);
      }
    }
    std::vector<std::string> notes;
    parse_hyperparameters({}, {{"momentum", "0.9"}}, notes);
    CHECK(notes.size() == 1);
    notes.clear();
    parse_hyperparameters({{"momentum", "0.9"}, {"optimizer", "adam"}}, {{"optimizer", "sgd"}},
                          notes);
    CHECK(notes.empty());
  }

  TEST_CASE("parse_class_weight: reads nothing, balanced, and each form of a map") {
    CHECK_FALSE(parse_class_weight("").balanced);
    CHECK(parse_class_weight("").by_label.empty());
    for (const char* text : {"balanced", "Balanced", " balanced "}) {
      CHECK(parse_class_weight(text).balanced);
      CHECK(parse_class_weight(text).by_label.empty());
    }
    using Weights = std::map<std::string, double>;
    const Weights expected = {{"cat", 2}, {"1", 0.5}};
    for (const char* text :
         {R"({"cat": 2, "1": 0.5})", R"({"cat":2,"1":0.5,})", "{'cat': 2.0, 1: 0.5}",
          "{1.0: 5e-1, 'cat': 2}", "{cat: 2, 1: 0.5}", "cat=2,1=0.5", " cat = 2 , 1.0 = .5 "}) {
      CAPTURE(text);
      CHECK_FALSE(parse_class_weight(text).balanced);
      CHECK(parse_class_weight(text).by_label == expected);
    }
    CHECK(parse_class_weight("{}").by_label.empty());
    CHECK(parse_class_weight("{'a, b': 1, \"it's\": 0, '1.0': 3, 'c:d': 4}").by_label ==
          Weights{{"a, b", 1}, {"it's", 0}, {"1.0", 3}, {"c:d", 4}});
    CHECK(parse_class_weight("a=b=2,-3=1").by_label == Weights{{"a=b", 2}, {"-3", 1}});
  }

  TEST_CASE("parse_class_weight: what is wrong with a map is told") {
    struct Case {
      std::string text;
      std::string_view said;
    };
    for (const Case& c : {Case{"cat=-1", "the weight of \"cat\" is \"-1\""},
                          {"cat=inf", "the weight of \"cat\" is \"inf\""},
                          {"{'cat': nan}", "the weight of \"cat\" is \"nan\""},
                          {"{'cat': None}", "the weight of \"cat\" is \"None\""},
                          {"dog=1,cat=heavy", "the weight of \"cat\" is \"heavy\""},
                          {"cat=1,cat=2", "\"cat\" has two weights"},
                          {"{1: 1, 1.0: 2}", "\"1\" has two weights"},
                          {"cat", "this is neither"},
                          {"1,2", "this is neither"},
                          {"{'cat'}", "this is neither"},
                          {"{'cat': 1", "this is neither"},
                          {"{'cat': 1, 'dog'}", "this is neither"},
                          {"{'cat': [1, 2]}", "this is neither"},
                          {"[1, 2]", "this is neither"}}) {
      CAPTURE(c.text);
      check_contains(test::user_error_of([&] { parse_class_weight(c.text); }),
                     {"class_weight: found \"", "expected balanced", c.said, "Correct the value."});
      check_contains(user_error({{"class_weight", c.text}}),
                     {"Hyperparameter class_weight in hyperparameters.json: found \"", c.said,
                      "Correct the value, or leave it out."});
    }
    const std::string long_label(2000, 'x');
    check_contains(user_error({{"class_weight", long_label + "=-1"}}), {"is \"-1\""});
  }

  TEST_CASE("parse_column_types: reads nothing and each form of a map, types in other words too") {
    using Types = std::map<std::string, std::string>;
    CHECK(parse_column_types("").empty());
    CHECK(parse_column_types("{}").empty());
    const Types expected = {{"zip", "category"}, {"3", "date"}};
    for (const char* text :
         {R"({"zip": "category", "3": "date"})", "{'zip': 'Category', 3: 'date'}",
          "{zip: categorical, 3: datetime}", " zip = category , 3=date "}) {
      CAPTURE(text);
      CHECK(parse_column_types(text) == expected);
    }
    CHECK(parse_column_types("{'a, b': 'number', 'c=d': 'bool'}") ==
          Types{{"a, b", "number"}, {"c=d", "boolean"}});
    CHECK(parse_column_types("c=d=numeric") == Types{{"c=d", "number"}});
  }

  TEST_CASE("parse_column_types: what is wrong with a map is told, with the closest type") {
    struct Case {
      std::string text;
      std::string_view said;
    };
    for (const Case& c :
         {Case{"zip=categry", "the type of \"zip\" is \"categry\": did you mean category? Correct"},
          {"{'a': 'date', 'b': 'float'}", "the type of \"b\" is \"float\". Correct"},
          {"{'zip': None}", "the type of \"zip\" is \"None\". Correct"},
          {"a=date,a=date", "\"a\" has two types. Correct"},
          {"zip", "this is neither. Correct"},
          {"{'zip': ['date']}", "this is neither. Correct"}}) {
      CAPTURE(c.text);
      check_contains(
          test::user_error_of([&] { parse_column_types(c.text); }),
          {"column_types: found \"", "expected one of number, category, boolean, date", c.said});
      check_contains(user_error({{"column_types", c.text}}),
                     {"Hyperparameter column_types in hyperparameters.json: found \"", c.said,
                      "the value, or leave it out."});
    }
    const std::string long_name(2000, 'x');
    check_contains(user_error({{"column_types", long_name + "=" + long_name}}), {"xxx...\""});
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
    check_contains(user_error({{"zzz", "0.9"}}),
                   {"\"zzz\"", "Known are dense_hidden, activation, kernel_initializer",
                    "num_threads. Correct"});
    check_contains(
        user_error({{"lr", "0.9"}, {"random-state", "1"}}),
        {"\"lr\" (did you mean learning_rate?)", "\"random-state\" (did you mean seed?)"});
    check_contains(user_error({{"label_column", "y"}, {"sep", ";"}, {"na_values", "?"}}),
                   {"\"label_column\" (did you mean target?)", "\"sep\" (did you mean delimiter?)",
                    "\"na_values\" (did you mean missing_values?)"});
    check_contains(user_error({}, {{"epoch", "5"}}),
                   {"on the command line", "did you mean epochs?"});
  }

  TEST_CASE("Hyperparameters: a message on very many unknown names stays short") {
    HyperparameterValues file;
    for (int i = 0; i < 100; ++i) {
      file[std::string(250, 'x') + std::to_string(i)] = "1";
    }
    check_contains(user_error(file), {"xxx...", "95 more", "mlp --help shows the 49 known ones"});
    file.clear();
    for (int i = 0; i < 5; ++i) {
      std::string name;
      for (int j = 0; j < 61; ++j) name += "\U0001F600";
      file[name + std::to_string(i)] = "1";
    }
    check_contains(user_error(file), {"\U0001F600...", "4 more", "mlp --help shows the"});
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

  TEST_CASE(
      "to_json: all values in use in the table's order, those without default only where given") {
    CHECK(to_json(parse({{"target", "price"}, {"dense_hidden", "[8, 4]"}})).dump() ==
          R"({"dense_hidden":[8,4],"activation":"relu","kernel_initializer":"glorot_uniform",)"
          R"("drop_rate":0.2,"task":"auto","target":["price"],"features":[],"ignore":[],)"
          R"("weight_column":"","column_types":"","header":"auto","delimiter":"auto",)"
          R"("missing_values":[],"drop_missing_target":false,"scaling":"auto","max_one_hot":64,)"
          R"("min_category_rows":2,"scale_target":true,"validation_split":0.0,)"
          R"("loss":"auto","huber_delta":1.0,"label_smoothing":0.0,"class_weight":"",)"
          R"("optimizer":"adam","learning_rate":0.01,"batch_size":64,"momentum":0.0,)"
          R"("nesterov":false,"beta_1":0.9,"beta_2":0.999,"epsilon":1e-07,)"
          R"("schedule":"constant","warmup_epochs":0.0,"cosine_alpha":0.0,)"
          R"("decay_epochs":10.0,"decay_rate":0.1,"epochs":5,)"
          R"("early_stopping_metric":"val_loss","early_stopping_min_delta":0.0,)"
          R"("eval_metrics":[],"top_k":5,"metric_style":"keras","seed":0,"precision":"float32"})");
    const ordered_json given = to_json(
        parse({{"num_threads", "2"}, {"weight_decay", "0"}, {"early_stopping_patience", "0"}}));
    CHECK(given["num_threads"] == 2);
    CHECK(given["weight_decay"] == 0.0);
    CHECK(given["early_stopping_patience"] == 0);
  }

  TEST_CASE("to_json: what it writes is read back to the same values") {
    const ordered_json values = to_json(parse({{"learning_rate", "1e-7"},
                                               {"dense_hidden", "[8, 4]"},
                                               {"scale_target", "False"},
                                               {"target", R"(["a, b", "it's [c]"])"},
                                               {"eval_metrics", "auc"},
                                               {"class_weight", "{'cat': 2, 1: 0.5}"},
                                               {"column_types", "{'zip': 'category', 3: 'date'}"},
                                               {"missing_values", R"(["", "?", "a, b"])"},
                                               {"delimiter", "\t"},
                                               {"features", "1,-1"},
                                               {"weight_decay", "1e-5"},
                                               {"activation", "swish"},
                                               {"max_runtime_seconds", "60"}}));
    HyperparameterValues file;
    for (const auto& [name, value] : values.items()) file[name] = value;
    std::vector<std::string> notes;
    CHECK(to_json(parse_hyperparameters(file, {}, notes)) == values);
  }

  TEST_CASE("describe_hyperparameters: each has all that a user asks for") {
    const ordered_json all = describe_hyperparameters();
    CHECK(all.size() == 49);
    std::vector<std::string> groups;
    for (const ordered_json& entry : all) {
      CAPTURE(entry.dump());
      CHECK(entry["name"].is_string());
      const std::string group = entry["group"];
      if (groups.empty() || groups.back() != group) groups.push_back(group);
      CHECK(entry["type"].is_string());
      CHECK(entry.contains("default"));
      CHECK(entry["help"].get<std::string>().ends_with('.'));
      CHECK(entry["tunable"].is_boolean());
      CHECK(entry.contains("tuning_range") == entry["tunable"].get<bool>());
      const bool is_range = entry.contains("tuning_range") && entry["tuning_range"].contains("min");
      CHECK(entry.contains("scaling") == is_range);
    }
    CHECK(groups == std::vector<std::string>{"network", "data", "loss", "optimizer", "stopping",
                                             "metrics", "run"});
    const auto text = [&all](std::string_view name) {
      const auto found = std::ranges::find(
          all, name, [](const auto& entry) { return entry["name"].template get<std::string>(); });
      return found->dump();
    };
    CHECK(text("epochs") == R"({"name":"epochs","group":"stopping","type":"integer",)"
                            R"("range":{"min":1,"max":1000000000},"default":5,)"
                            R"("help":"Passes over the training rows.","tunable":true,)"
                            R"("tuning_range":{"min":50,"max":200},"scaling":"Linear"})");
    CHECK(text("activation") ==
          R"({"name":"activation","group":"network","type":"choice",)"
          R"("choices":["relu","tanh","sigmoid","gelu","selu","elu","leaky_relu","silu"],)"
          R"("aliases":{"swish":"silu"},"default":"relu",)"
          R"("help":"Activation of the hidden layers.","tunable":true,)"
          R"("tuning_range":{"values":["relu","tanh","gelu","silu"]}})");
    CHECK(text("label_smoothing") ==
          R"({"name":"label_smoothing","group":"loss","type":"float",)"
          R"("range":{"min":0.0,"exclusive_max":1.0},"default":0.0,)"
          R"("help":"Share of each label's probability that the cross-entropy spreads over all )"
          R"(labels.","tunable":true,"tuning_range":{"min":0.0,"max":0.2},"scaling":"Linear",)"
          R"("tuning_tasks":["classification","binary","multilabel"]})");
    CHECK(text("global_clipnorm") ==
          R"({"name":"global_clipnorm","group":"optimizer","type":"float",)"
          R"("range":{"exclusive_min":0.0},"default":null,)"
          R"("help":"Largest norm of all gradients together, to which they are scaled down; )"
          R"(not given: no clipping.","tunable":false})");
  }

  TEST_CASE("describe_hyperparameters: defaults and ends of the tuning ranges are accepted") {
    for (const ordered_json& entry : describe_hyperparameters()) {
      const std::string name = entry["name"];
      CAPTURE(name);
      std::vector<json> values = {json(entry["default"])};
      for (const ordered_json& end : entry.value("tuning_range", ordered_json::object())) {
        if (!end.is_array()) values.emplace_back(end);
        for (const ordered_json& value : end.is_array() ? end : ordered_json::array()) {
          values.emplace_back(value);
        }
      }
      for (const json& value : values) {
        std::vector<std::string> notes;
        CHECK_NOTHROW(parse_hyperparameters({{name, value}}, {}, notes));
      }
    }
  }
}

}  // namespace
}  // namespace mlp
