#include "runtime/sagemaker/environment.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/error.h"
#include "test/runtime/system/as_nobody.h"
#include "test/support/messages.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;
using test::check_contains;
using test::TempDirectory;

constexpr std::string_view kOneHost = R"({"current_host": "algo-1", "hosts": ["algo-1"]})";

// A base directory as SageMaker makes it, and a working directory beside it.
class Tree {
 public:
  Tree() {
    fs::create_directories(base());
    fs::create_directories(work());
  }

  fs::path base() const { return folder_ / "ml"; }
  fs::path work() const { return folder_ / "work"; }
  fs::path config(const char* name) const { return base() / "input/config" / name; }
  fs::path data(const char* name) const { return base() / "input/data" / name; }

  void write_config(const char* name, std::string_view text) const {
    folder_.write(fs::path("ml/input/config") / name, text);
  }
  // The configuration of a job on one host with the channels that `channels` holds as JSON.
  void configure(std::string_view channels, std::string_view hyperparameters = "{}") const {
    write_config("hyperparameters.json", hyperparameters);
    write_config("resourceconfig.json", kOneHost);
    write_config("inputdataconfig.json", channels);
  }
  fs::path write_data(const char* name) const {
    return folder_.write(fs::path("ml/input/data") / name, "1,2\n");
  }
  fs::path write(const fs::path& name, std::string_view text) const {
    return folder_.write(name, text);
  }

  Variables with_base(Variables variables = {}) const {
    variables["SAGEMAKER_BASE_DIR"] = base().string();
    return variables;
  }
  // Of a run without a base directory, wherever the test runs.
  Variables native(Variables variables = {}) const {
    variables["SAGEMAKER_BASE_DIR"] = (folder_ / "absent").string();
    return variables;
  }
  Environment read(const Variables& variables = {}, const DirectoryFlags& flags = {}) const {
    return read_environment(with_base(variables), flags, work());
  }
  template <typename Error>
  std::string error(const Variables& variables = {}, const DirectoryFlags& flags = {}) const {
    try {
      read(variables, flags);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error of this type";
  }
  std::string user_error(const Variables& variables = {}, const DirectoryFlags& flags = {}) const {
    return error<UserError>(variables, flags);
  }

 private:
  TempDirectory folder_;
};

TEST_SUITE("runtime/sagemaker") {
  TEST_CASE("Environment: a real job's tree, with files and keys that are nobody's business") {
    const Tree tree;
    tree.write_data("training/mnist.npz");
    tree.write_data("training-manifest");
    tree.write_data("validation/part/rows.csv");
    tree.write_config("hyperparameters.json", R"({"epochs": "5", "lr": "0.1"})");
    tree.write_config("inputdataconfig.json", R"({
      "training": {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated",
                   "RecordWrapperType": "None", "Surprise": [1]},
      "validation": {"TrainingInputMode": "FastFile", "S3DistributionType": "ShardedByS3Key",
                     "RecordWrapperType": null, "ContentType": "text/csv; label_size=1"}})");
    tree.write_config("resourceconfig.json", R"({
      "current_host": "algo-1", "current_instance_type": "ml.c5.xlarge",
      "current_group_name": "homogeneousCluster", "hosts": ["algo-1"],
      "instance_groups": [{"instance_group_name": "homogeneousCluster",
                           "instance_type": "ml.c5.xlarge", "hosts": ["algo-1"]}],
      "network_interface_name": "eth0", "topology": null})");
    tree.write_config("init-config.json", "not JSON");
    const Environment environment = tree.read({{"TRAINING_JOB_NAME", "job-1"}});
    CHECK(environment.base == tree.base());
    CHECK(environment.failure_file == tree.base() / "output/failure");
    CHECK(environment.configured);
    CHECK(environment.job_name == "job-1");
    CHECK(environment.hyperparameters.at("epochs") == "5");
    CHECK(environment.hyperparameters.size() == 2);
    REQUIRE(environment.training);
    CHECK(environment.training->name == "training");
    CHECK(environment.training->path == tree.data("training"));
    CHECK(environment.training->content_type.empty());
    REQUIRE(environment.validation);
    CHECK(environment.validation->path == tree.data("validation"));
    CHECK(environment.validation->content_type == "text/csv; label_size=1");
    CHECK_FALSE(environment.test);
    CHECK(environment.model_dir == tree.base() / "model");
    CHECK(environment.output_dir == tree.base() / "output/data");
    CHECK(environment.log_level == 20);
    CHECK(environment.notes.empty());
    CHECK(environment.warnings.empty());
  }

  TEST_CASE("Environment: the trees of both SDKs' local mode") {
    const Tree tree;
    tree.configure(R"({"train": {"TrainingInputMode": "File", "ContentType": null}})");
    tree.write_config("resourceconfig.json",
                      R"({"current_host": "algo-1-ab12c", "hosts": ["algo-1-ab12c"],
                          "network_interface_name": "ethwe", "current_instance_type": "local"})");
    SUBCASE("a folder") { tree.write_data("train/rows.csv"); }
    SUBCASE("the channel's path is one regular file") { tree.write_data("train"); }
    const Environment environment = tree.read();
    REQUIRE(environment.training);
    CHECK(environment.training->name == "train");
    CHECK(environment.training->path == tree.data("train"));
    CHECK(environment.notes.empty());
  }

  TEST_CASE("Environment: a configuration directory without its x bit is read by root") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    tree.configure(R"({"training": {}})");
    fs::permissions(tree.config(""), fs::perms::owner_read | fs::perms::owner_write |
                                         fs::perms::group_read | fs::perms::others_read);
    if (::geteuid() == 0) CHECK(tree.read().training);
    fs::permissions(tree.base().parent_path(), fs::perms::all);
    {
      const test::AsNobody nobody;
      check_contains(tree.error<PlatformError>(), {"hyperparameters.json", "Permission denied",
                                                   "uid " + std::to_string(::geteuid())});
    }
    fs::permissions(tree.config(""), fs::perms::all);
  }

  TEST_CASE("Environment: a job of the platform without configuration is the platform's error") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    check_contains(tree.error<PlatformError>({{"TRAINING_JOB_NAME", "job-1"}}),
                   {tree.config("").parent_path().string(), "No such file", "TRAINING_JOB_NAME"});
    CHECK_THROWS_AS(
        read_environment(tree.native({{"TRAINING_JOB_NAME", "job-1"}}), {}, tree.work()),
        PlatformError);
  }

  TEST_CASE("Environment: a file in the configuration's place is the platform's error") {
    const Tree tree;
    tree.write("ml/input/config", "x");
    check_contains(tree.error<PlatformError>(),
                   {(tree.base() / "input/config").string(), "it is no folder"});
  }

  TEST_CASE("Environment: a configuration file that can't be opened is the platform's error") {
    const Tree tree;
    tree.configure("{}");
    fs::remove(tree.config("resourceconfig.json"));
    fs::create_directory(tree.config("resourceconfig.json"));
    check_contains(tree.error<PlatformError>(), {"resourceconfig.json", "Is a directory"});
  }

  TEST_CASE("Environment: plain docker run without configuration takes what is mounted") {
    const Tree tree;
    tree.write_data("training/mnist.npz");
    tree.write_data("training-manifest");
    tree.write_data("test");
    tree.write_data(".hidden");
    tree.write_data("extra/rows.csv");
    REQUIRE(::mkfifo(tree.data("validation_0").c_str(), 0600) == 0);
    const Environment environment = tree.read();
    CHECK_FALSE(environment.configured);
    CHECK(environment.hyperparameters.empty());
    REQUIRE(environment.training);
    CHECK(environment.training->path == tree.data("training"));
    REQUIRE(environment.test);
    CHECK(environment.test->path == tree.data("test"));
    CHECK_FALSE(environment.validation);
    CHECK(environment.warnings.empty());
    REQUIRE(environment.notes.size() == 2);
    check_contains(environment.notes[0], {"There is no", "input/config", "input/data"});
    check_contains(environment.notes[1], {"not used: extra."});
  }

  TEST_CASE("Environment: files that are missing from the configuration are warned of") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    fs::create_directories(tree.config(""));
    const Environment environment = tree.read({{"TRAINING_JOB_NAME", "job-1"}});
    CHECK(environment.configured);
    CHECK(environment.training->path == tree.data("training"));
    CHECK(environment.notes.empty());
    REQUIRE(environment.warnings.size() == 3);
    check_contains(environment.warnings[0], {"hyperparameters.json is missing", "defaults"});
    check_contains(environment.warnings[1], {"resourceconfig.json is missing", "one host"});
    check_contains(environment.warnings[2],
                   {"inputdataconfig.json is missing", (tree.base() / "input/data").string()});
  }

  TEST_CASE("Environment: where channels are configured, others in input/data are not looked at") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    tree.write_data("validation/rows.csv");
    tree.configure(R"({"training": {}})");
    const Environment environment = tree.read();
    CHECK_FALSE(environment.validation);
    CHECK(environment.notes.empty());
  }

  TEST_CASE("Environment: channels of the platform are skipped, unused ones noted in one line") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    tree.configure(R"({"training": {}, "code": {}, "sm_drivers": {}, "recipe": {}, "model": {},
                       "valid": {"TrainingInputMode": "Pipe"}, "lookup": {}})");
    const Environment environment = tree.read();
    REQUIRE(environment.notes.size() == 1);
    check_contains(environment.notes[0],
                   {"not used: lookup, valid.", "training or train", "test or testing"});
    CHECK(environment.notes[0].find("code") == std::string::npos);
  }

  TEST_CASE("Environment: no training channel is an error that lists those that exist") {
    const Tree tree;
    SUBCASE("configured, none, and no input/data") {
      tree.configure("{}");
      check_contains(tree.user_error(),
                     {"no training channel", tree.config("inputdataconfig.json").string(),
                      "no channels", "training or train", "fit(", "docker run", "--train"});
    }
    SUBCASE("configured, others") {
      tree.write_data("train/rows.csv");
      tree.configure(R"({"tarin": {}, "model": {}})");
      check_contains(tree.user_error(), {"no training channel", "the channels model, tarin"});
    }
    SUBCASE("not configured, others") {
      tree.write_data("rows.csv");
      check_contains(tree.user_error(),
                     {"no training channel", (tree.base() / "input/data").string() + " has",
                      "the channels rows.csv"});
    }
    SUBCASE("not configured, nothing at all") {
      check_contains(tree.user_error(), {"no training channel", "no channels"});
    }
    SUBCASE("very many") {
      std::string channels = "{";
      for (int i = 10; i < 30; ++i) {
        channels += (i > 10 ? ", \"" : "\"") + std::string(64, 'c') + std::to_string(i) + "\": {}";
      }
      tree.configure(channels + "}");
      check_contains(tree.user_error(), {"ccc10", "14 more"});
    }
  }

  TEST_CASE("Environment: two channels for the same data are refused by name") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    tree.write_data("train/rows.csv");
    tree.write_data("test/rows.csv");
    tree.write_data("testing/rows.csv");
    tree.configure(R"({"training": {}, "train": {}})");
    check_contains(tree.user_error(), {"training and train", "both", "Leave the other out"});
    tree.configure(R"({"training": {}, "test": {}, "testing": {}})");
    check_contains(tree.user_error(), {"test and testing", "both"});
    check_contains(tree.user_error({{"SM_CHANNEL_TEST", "a"}, {"SM_CHANNEL_TESTING", "b"}}),
                   {"SM_CHANNEL_TEST and SM_CHANNEL_TESTING"});
  }

  TEST_CASE("Environment: a channel without data is named with its path") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    struct Case {
      const char* channel;
      const char* advice;
    };
    for (const Case& c :
         {Case{"training", "--train"}, Case{"validation", "leave this channel out"},
          Case{"test", "leave this channel out"}, Case{"testing", "leave this channel out"}}) {
      CAPTURE(c.channel);
      const std::string path = tree.data(c.channel).string();
      const bool optional = std::string_view(c.channel) != "training";
      tree.configure(optional ? R"({"training": {}, ")" + std::string(c.channel) + "\": {}}"
                              : R"({"training": {}})");
      fs::remove_all(path);
      check_contains(tree.user_error(),
                     {path + " does not exist", "inputdataconfig.json", c.advice});
      fs::create_directories(path);
      check_contains(tree.user_error(), {path + " is a folder without data files", c.advice});
      tree.write_data((std::string(c.channel) + "/.hidden/rows.csv").c_str());
      tree.write_data((std::string(c.channel) + "/_SUCCESS").c_str());
      fs::create_directories(fs::path(path) / "sub/sub");
      check_contains(tree.user_error(), {path + " is a folder without data files"});
      fs::remove_all(path);
      REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
      check_contains(tree.user_error(), {path + " is neither a folder nor a regular file"});
      fs::remove(path);
      tree.write_data((std::string(c.channel) + "/sub/rows.csv").c_str());
      CHECK_NOTHROW(tree.read());
    }
  }

  TEST_CASE(
      "Environment: a channel or input/data that this user can't enter is named with the uid") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    tree.configure(R"({"training": {}})");
    fs::permissions(tree.base().parent_path(), fs::perms::all);
    fs::permissions(tree.data("training"), fs::perms::none);
    {
      const test::AsNobody nobody;
      check_contains(tree.user_error(), {tree.data("training").string(), "can't be read with uid",
                                         std::to_string(::geteuid()), "Permission denied"});
    }
    // SDK v2 makes input/data for its caller alone.
    fs::permissions(tree.data("training"), fs::perms::all);
    fs::permissions(tree.data(""), fs::perms::none);
    {
      const test::AsNobody nobody;
      check_contains(tree.user_error(), {tree.data("training").string(), "can't be read with uid"});
    }
    fs::remove_all(tree.config(""));
    {
      const test::AsNobody nobody;
      check_contains(tree.user_error(), {"Cannot list", (tree.base() / "input/data").string(),
                                         "uid", "Permission denied"});
    }
    fs::permissions(tree.data(""), fs::perms::all);
  }

  TEST_CASE("Environment: pipes and RecordIO wrapping are refused for channels that are used") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    tree.write_data("validation/rows.csv");
    tree.configure(R"({"training": {"TrainingInputMode": "Pipe"}})");
    check_contains(tree.user_error(), {"channel training", "Pipe", "File or FastFile"});
    tree.configure(R"({"training": {}, "validation": {"TrainingInputMode": "Pipe"}})");
    check_contains(tree.user_error(), {"channel validation", "Pipe", "File or FastFile"});
    tree.configure(R"({"training": {"RecordWrapperType": "RecordIO"}})");
    check_contains(tree.user_error(), {"channel training", "RecordIO", "record_wrapping"});
  }

  TEST_CASE("Environment: JSON that does not parse is named by file and byte") {
    struct Case {
      std::string name;
      std::string text;
      std::string_view place;
    };
    for (const char* name :
         {"hyperparameters.json", "inputdataconfig.json", "resourceconfig.json"}) {
      for (const Case& c :
           {Case{"empty", "", "byte 0 of 0"}, Case{"cut short", R"({"a": "b)", "byte 8 of 8"},
            Case{"a comma too many", R"({"a": "b",})", "byte 11 of 11"},
            Case{"no UTF-8", "{\"a\": \"\xE9\"}", "byte 9 of 10"},
            Case{"two values", "{} {}", "byte 4 of 5"}}) {
        CAPTURE(c.name);
        const Tree tree;
        tree.configure("{}");
        tree.write_config(name, c.text);
        check_contains(tree.user_error(),
                       {tree.config(name).string(), "not valid JSON", c.place, "Correct the file"});
      }
    }
  }

  TEST_CASE("Environment: a key that a file holds twice is refused") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    tree.configure(R"({"training": {}})", R"({"epochs": "5", "seed": "1", "epochs": "6"})");
    check_contains(tree.user_error(),
                   {"hyperparameters.json", "\"epochs\" twice", "Remove one of the two"});
    tree.configure(R"({"training": {"ContentType": "a", "ContentType": "b"}})");
    check_contains(tree.user_error(), {"inputdataconfig.json", "\"ContentType\" twice"});
    tree.configure(R"({"training": {"ContentType": "a"}, "training": {}})");
    check_contains(tree.user_error(), {"inputdataconfig.json", "\"training\" twice"});
    // The same key in two objects is not twice.
    tree.configure(R"({"training": {"ContentType": "a"}, "other": {"ContentType": "b"}})");
    CHECK(tree.read().training->content_type == "a");
  }

  TEST_CASE("Environment: files of another shape are refused by name") {
    struct Case {
      const char* file;
      std::string_view text;
      std::string_view found;
      std::string_view expected;
    };
    for (const Case& c : {
             Case{"hyperparameters.json", "[1]", "holds [1]", "one JSON object"},
             Case{"hyperparameters.json", "null", "holds null", "one JSON object"},
             Case{"hyperparameters.json", R"({"a": 1e999})", "too large", "Correct the number"},
             Case{"inputdataconfig.json", "5", "holds 5", "one JSON object"},
             Case{"inputdataconfig.json", R"({"training": "File"})",
                  "the channel training is \"File\"", "Expected an object"},
             Case{"inputdataconfig.json", R"({"training": {"TrainingInputMode": 1}})",
                  "TrainingInputMode is 1", "Expected a text"},
             Case{"inputdataconfig.json", R"({"training": {"RecordWrapperType": []}})",
                  "RecordWrapperType is []", "Expected a text"},
             Case{"inputdataconfig.json", R"({"training": {"ContentType": false}})",
                  "ContentType is false", "Expected a text"},
             Case{"inputdataconfig.json", R"({"../../etc": {}})", "\"../../etc\"",
                  "Rename the channel"},
             Case{"inputdataconfig.json", R"({"": {}})", "channel \"\"", "Rename the channel"},
             Case{"resourceconfig.json", "[]", "holds []", "one JSON object"},
             Case{"resourceconfig.json", R"({"hosts": "algo-1"})", "hosts is \"algo-1\"",
                  "a list of host names"},
             Case{"resourceconfig.json", R"({"hosts": [1]})", "hosts is [1]",
                  "a list of host names"},
             Case{"resourceconfig.json", R"({"hosts": ["a"], "current_host": 1})",
                  "current_host is 1", "Expected a text"},
         }) {
      CAPTURE(c.text);
      const Tree tree;
      tree.write_data("training/rows.csv");
      tree.configure(R"({"training": {}})");
      tree.write_config(c.file, c.text);
      check_contains(tree.user_error(), {tree.config(c.file).string(), c.found, c.expected});
    }
  }

  TEST_CASE("Environment: one host is enough, and is all there may be") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    tree.configure(R"({"training": {}})");
    for (const char* text : {"{}", R"({"hosts": null})", R"({"hosts": ["x"]})"}) {
      CAPTURE(text);
      tree.write_config("resourceconfig.json", text);
      CHECK_NOTHROW(tree.read());
    }
    tree.write_config("resourceconfig.json",
                      R"({"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]})");
    check_contains(tree.user_error(),
                   {"resourceconfig.json", "2 hosts", "not supported yet", "instance_count=1"});
    tree.write_config("resourceconfig.json", R"({"current_host": "algo-3", "hosts": ["algo-1"]})");
    check_contains(
        tree.error<PlatformError>(),
        {"resourceconfig.json", "algo-3", "not one of the hosts", "algo-1", "Start the job again"});
  }

  TEST_CASE("Environment: a directory comes from its flag, then its variable, then the base") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    tree.configure(R"({"training": {"ContentType": "text/csv"}})");
    const fs::path by_flag = tree.write("flag/rows.csv", "x").parent_path();
    const fs::path by_variable = tree.write("variable/rows.csv", "x").parent_path();
    const std::string flag = by_flag.string();
    const std::string other = by_variable.string();

    const Variables variables = {{"SM_CHANNEL_TRAINING", other},
                                 {"SM_CHANNEL_VALIDATION", other},
                                 {"SM_CHANNEL_TESTING", other},
                                 {"SM_MODEL_DIR", "/m/variable"},
                                 {"SM_OUTPUT_DATA_DIR", "/o/variable"}};
    Environment environment = tree.read(variables);
    CHECK(environment.training->path == by_variable);
    CHECK(environment.training->content_type.empty());
    CHECK(environment.validation->path == by_variable);
    CHECK(environment.test->path == by_variable);
    CHECK(environment.model_dir == "/m/variable");
    CHECK(environment.output_dir == "/o/variable");

    environment = tree.read(variables, {flag, flag, flag, "/m/flag", "/o/flag"});
    CHECK(environment.training->path == by_flag);
    CHECK(environment.training->name == "training");
    CHECK(environment.validation->path == by_flag);
    CHECK(environment.test->path == by_flag);
    CHECK(environment.model_dir == "/m/flag");
    CHECK(environment.output_dir == "/o/flag");

    CHECK(tree.read({{"SM_CHANNEL_TRAIN", other}}).training->path == by_variable);
    CHECK(tree.read({{"SM_CHANNEL_TEST", other}}).test->path == by_variable);
    CHECK(tree.read({{"SM_CHANNEL_TRAINING", ""}}).training->path == tree.data("training"));
  }

  TEST_CASE("Environment: a variable that repeats the channel's place keeps its settings") {
    const Tree tree;
    tree.write_data("train/rows.csv");
    tree.configure(R"({"train": {"ContentType": "text/csv"}})");
    const std::string path = tree.data("train").string();
    CHECK(tree.read({{"SM_CHANNEL_TRAINING", path}}).training->content_type == "text/csv");
    tree.configure(R"({"train": {"TrainingInputMode": "Pipe"}})");
    check_contains(tree.user_error({{"SM_CHANNEL_TRAIN", path}}), {"channel train", "Pipe"});
  }

  TEST_CASE("Environment: what a flag or variable names has to be there") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    tree.configure(R"({"training": {}})");
    check_contains(tree.user_error({}, {.train = "/no/such"}),
                   {"/no/such does not exist", "the flag --train"});
    check_contains(tree.user_error({{"SM_CHANNEL_VALIDATION", "/no/such"}}),
                   {"/no/such does not exist", "the variable SM_CHANNEL_VALIDATION"});
  }

  TEST_CASE("Environment: a native run reads ./data and writes ./model and ./output") {
    const Tree tree;
    tree.write("work/data/mnist.npz", "x");
    const Environment environment = read_environment(tree.native(), {}, tree.work());
    CHECK_FALSE(environment.base);
    CHECK_FALSE(environment.failure_file);
    CHECK_FALSE(environment.configured);
    CHECK(environment.job_name.empty());
    CHECK(environment.training->path == tree.work() / "data");
    CHECK(environment.training->name == "training");
    CHECK_FALSE(environment.validation);
    CHECK(environment.model_dir == tree.work() / "model");
    CHECK(environment.output_dir == tree.work() / "output");
    REQUIRE(environment.notes.size() == 1);
    check_contains(environment.notes[0], {"SAGEMAKER_BASE_DIR", "does not exist"});
  }

  TEST_CASE("Environment: a native run's relative paths start at the working directory") {
    const Tree tree;
    tree.write("work/d/rows.csv", "x");
    const Environment environment = read_environment(tree.native({{"SM_OUTPUT_DATA_DIR", "o"}}),
                                                     {.train = "d", .model_dir = "m"}, tree.work());
    CHECK(environment.training->path == tree.work() / "d");
    CHECK(environment.model_dir == tree.work() / "m");
    CHECK(environment.output_dir == tree.work() / "o");
  }

  TEST_CASE("Environment: a native run without data says how to name it") {
    const Tree tree;
    try {
      read_environment(tree.native(), {}, tree.work());
      FAIL("no error");
    } catch (const UserError& error) {
      check_contains(error.what(), {(tree.work() / "data").string() + " does not exist", "--train",
                                    "SM_CHANNEL_TRAINING"});
    }
  }

  TEST_CASE("locate_base: SAGEMAKER_BASE_DIR where it exists, made absolute") {
    const Tree tree;
    const Base base = locate_base(tree.with_base());
    CHECK(base.directory == tree.base());
    CHECK(base.failure_file == tree.base() / "output/failure");
    CHECK_FALSE(locate_base(tree.native()).directory);
    CHECK_FALSE(locate_base(tree.native()).failure_file);
    const fs::path before = fs::current_path();
    fs::current_path(tree.base().parent_path());
    const Base relative = locate_base({{"SAGEMAKER_BASE_DIR", "ml"}});
    fs::current_path(before);
    CHECK(relative.directory->is_absolute());
    CHECK(fs::equivalent(*relative.directory, tree.base()));
  }

  TEST_CASE("locate_base: /opt/ml unless told otherwise") {
    const Base base = locate_base({});
    CHECK(base.directory.has_value() == fs::exists("/opt/ml"));
    if (base.directory) CHECK(*base.directory == "/opt/ml");
  }

  TEST_CASE("model_directory: needs no configuration and no data") {
    const Tree tree;
    CHECK(model_directory(tree.with_base(), {}, tree.work()) == tree.base() / "model");
    CHECK(model_directory(tree.native(), {}, tree.work()) == tree.work() / "model");
    CHECK(model_directory(tree.native({{"SM_MODEL_DIR", "/m"}}), {}, tree.work()) == "/m");
    CHECK(model_directory(tree.native({{"SM_MODEL_DIR", "/m"}}), {.model_dir = "f"}, tree.work()) ==
          tree.work() / "f");
  }

  TEST_CASE("Environment: the hyperparameter model_dir counts only as a path below the base") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    const std::string base = tree.base().string();
    struct Case {
      std::string value;
      fs::path model_dir;
      std::size_t notes;
    };
    for (const Case& c :
         {Case{base + "/elsewhere", tree.base() / "elsewhere", 0},
          Case{base + "/model/", tree.base() / "model/", 0},
          Case{"\\\"" + base + "/quoted\\\"", tree.base() / "quoted", 0},
          Case{"s3://bucket/model", tree.base() / "model", 1},
          Case{"/tmp/model", tree.base() / "model", 1},
          Case{base + "/../model", tree.base() / "model", 1},
          Case{base + "-other/model", tree.base() / "model", 1},
          Case{base, tree.base() / "model", 1}, Case{"model", tree.base() / "model", 1},
          Case{"None", tree.base() / "model", 0}}) {
      CAPTURE(c.value);
      tree.configure(R"({"training": {}})", R"({"model_dir": ")" + c.value + "\"}");
      const Environment environment = tree.read();
      CHECK(environment.model_dir == c.model_dir);
      REQUIRE(environment.notes.size() == c.notes);
      if (c.notes == 1) check_contains(environment.notes[0], {"model_dir", "ignored", base});
      CHECK(tree.read({{"SM_MODEL_DIR", "/m"}}).model_dir == "/m");
      CHECK(tree.read({}, {.model_dir = "/f"}).model_dir == "/f");
      CHECK(tree.read({}, {.model_dir = "/f"}).notes.empty());
    }
  }

  TEST_CASE("Environment: the log level is SM_LOG_LEVEL, then the hyperparameter, then 20") {
    const Tree tree;
    tree.write_data("training/rows.csv");
    struct Case {
      std::string variable;
      std::string hyperparameters;
      int level;
    };
    for (const Case& c : {Case{"", "{}", 20}, Case{"10", "{}", 10},
                          Case{"", R"({"sagemaker_container_log_level": "30"})", 30},
                          Case{"", R"({"sagemaker_container_log_level": "\"40\""})", 40},
                          Case{"", R"({"sagemaker_container_log_level": 10})", 10},
                          Case{"40", R"({"sagemaker_container_log_level": "30"})", 40},
                          Case{"loud", R"({"sagemaker_container_log_level": "30"})", 30},
                          Case{"15", R"({"sagemaker_container_log_level": "DEBUG"})", 20}}) {
      CAPTURE(c.variable);
      CAPTURE(c.hyperparameters);
      tree.configure(R"({"training": {}})", c.hyperparameters);
      CHECK(tree.read({{"SM_LOG_LEVEL", c.variable}}).log_level == c.level);
    }
  }
}

}  // namespace
}  // namespace mlp
