#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "test/runtime/data/made_files.h"
#include "test/system/made_data.h"
#include "test/system/mlp_program.h"

// What a job says that can't be done: in the failure file and on stderr, and with nothing half-done
// left behind.

namespace mlp::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kReasonCharacters = 1024;  // that SageMaker shows
constexpr uid_t kNobody = 65534;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// That the run failed with a failure file of this kind, and that it and the log hold the words.
void check_failure(const BaseDirectory& base, const ProgramEnd& end, const std::string& kind,
                   const std::vector<std::string>& words) {
  INFO(end.err);
  CHECK(end.exit_code == 1);
  CHECK(end.out.empty());
  const std::string failure = base.failure().value_or("");
  INFO(failure);
  CHECK(failure.starts_with(kind + ": "));
  CHECK(failure.size() <= kReasonCharacters);
  for (const std::string& word : words) {
    CAPTURE(word);
    CHECK(contains(failure, word));
    CHECK(contains(end.err, word));
  }
}

void check_refused(const BaseDirectory& base, const std::vector<std::string>& words,
                   const Arguments& arguments = {"train"}, const VariableMap& variables = {}) {
  check_failure(base, run_program(in_base(base, arguments, variables)), "UserError", words);
  CHECK(content_of(base.model_dir()).empty());
  CHECK(content_of(base.output_dir()).empty());
}

const std::string& good_csv() {
  static const std::string text = clouds_csv(40, {"0", "1"}, 1);
  return text;
}

// A file system on a folder, for the length of its life.
class Mount {
 public:
  static Mount tmpfs(const fs::path& folder, const std::string& options) {
    return Mount(folder, ::mount("mlp-test", folder.c_str(), "tmpfs", 0, options.c_str()) == 0);
  }
  static Mount read_only(const fs::path& folder) {
    const bool bound = ::mount(folder.c_str(), folder.c_str(), nullptr, MS_BIND, nullptr) == 0;
    constexpr unsigned long kFlags = MS_BIND | MS_REMOUNT | MS_RDONLY;
    return Mount(folder, bound && ::mount(nullptr, folder.c_str(), nullptr, kFlags, nullptr) == 0,
                 bound);
  }
  ~Mount() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;

  // False where this process may not mount.
  explicit operator bool() const { return good_; }

 private:
  Mount(fs::path folder, bool good) : Mount(std::move(folder), good, good) {}
  Mount(fs::path folder, bool good, bool mounted)
      : folder_(std::move(folder)), good_(good), mounted_(mounted) {}

  fs::path folder_;
  bool good_;
  bool mounted_;
};

}  // namespace

TEST_SUITE("system/bad_input") {
  TEST_CASE("mlp train: each kind of bad rows has its sentence") {
    const std::string whole = good_csv();
    const std::vector<std::string> rows = lines_of(whole);
    std::vector<float> floats(40, 1.0F);
    const auto float_pair = [&](float value) {
      floats[7] = value;
      return zip(
          {{.name = "x.npy", .bytes = npy("<f4", "(10, 4)", bytes_of(floats))},
           {.name = "y.npy",
            .bytes = npy("<i8", "(10,)",
                         bytes_of(std::vector<std::int64_t>{0, 1, 0, 1, 0, 1, 0, 1, 0, 1}))}});
    };
    struct Case {
      std::string name;
      std::string file;
      std::string bytes;
      json hyperparameters;
      std::vector<std::string> words;
    };
    const std::vector<Case> cases = {
        {"an empty CSV", "rows.csv", "", {}, {"rows.csv", "empty"}},
        {"an empty npz", "rows.npz", "", {}, {"rows.npz"}},
        {"a short row", "rows.csv", whole + "1,2,3\n", {}, {"rows.csv", "line 41"}},
        {"a long row", "rows.csv", whole + "1,2,3,4,5,6\n", {}, {"rows.csv", "line 41"}},
        {"infinity in CSV", "rows.csv", whole + "1,2,3,-inf,5\n", {}, {"line 41", "column 4"}},
        {"an open quote", "rows.csv", whole + "1,2,\"3,4,5\n", {}, {"line 41", "column 3"}},
        {"a missing target", "rows.csv", whole + ",2,3,4,5\n", {}, {"1 of 41 rows: row 41"}},
        {"text in a column of numbers",
         "rows.csv",
         whole + "1,2,red,4,5\n",
         {{"column_types", "3=number"}},
         {"line 41", "column 3", "red"}},
        {"a type that texts don't have",
         "rows.csv",
         "1,x\n0,y\n",
         {{"column_types", "2=date"}},
         {"Column \"2\"", "asks for a date", "\"x\""}},
        {"a type of no column",
         "rows.csv",
         "y,size\n1,x\n0,z\n",
         {{"target", "y"}, {"column_types", "sise=category"}},
         {"\"sise\"", "\"size\""}},
        {"columns that never vary",
         "rows.csv",
         "0,1,x\n1,1,x\n",
         {},
         {"No column is left to learn from"}},
        {"a column that is used and ignored",
         "rows.csv",
         "y,a,b\n0,1,2\n",
         {{"target", "y"}, {"features", "a,b"}, {"ignore", "b"}},
         {"ignore and features", "\"b\""}},
        {"NaN in npz", "rows.npz", float_pair(std::nanf("")), {}, {"rows.npz", "NaN"}},
        {"infinity in npz",
         "rows.npz",
         float_pair(std::numeric_limits<float>::infinity()),
         {},
         {"rows.npz", "infinity"}},
        {"one class", "rows.csv", clouds_csv(40, {"7"}, 1), {}, {"\"7\" in all 40 rows"}},
        {"labels that are no classes",
         "rows.csv",
         "0.37,1,2\n0.41,2,3\n",
         {{"task", "classification"}},
         {"0.37 in row 1", "task=regression"}},
        {"text for a regression",
         "rows.csv",
         "1,1,2\nblue,2,3\n",
         {{"task", "regression"}},
         {"blue", "row 2"}},
        {"no arrays of known names",
         "rows.npz",
         zip({{.name = "a.npy", .bytes = npy("|u1", "(1, 1)", "1")}}),
         {},
         {"x_train", "found"}},
        {"objects instead of numbers",
         "rows.npz",
         zip({{.name = "x.npy", .bytes = npy("|O", "(1, 1)", "12345678")},
              {.name = "y.npy", .bytes = npy("|u1", "(1,)", "1")}}),
         {},
         {"rows.npz", "object"}},
    };
    for (const Case& c : cases) {
      CAPTURE(c.name);
      BaseDirectory base;
      base.add_channel("training", c.file, c.bytes);
      if (!c.hyperparameters.is_null()) base.set_hyperparameters(c.hyperparameters);
      check_refused(base, c.words);
    }
  }

  TEST_CASE("mlp train: an empty npy beside a whole one is refused by its name") {
    BaseDirectory base;
    base.add_channel("training", "x.npy", "");
    base.add_channel("training", "y.npy", npy("|u1", "(1,)", "1"));
    check_refused(base, {"x.npy"});
  }

  TEST_CASE("mlp train: a loss that is no number any more ends the run without a model") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", prices_csv(64, 1));
    base.set_hyperparameters({{"learning_rate", "1e30"}, {"scale_target", "false"}});
    const ProgramEnd end = run_program(in_base(base));
    CHECK(end.exit_code == 1);
    CHECK(contains(base.failure().value_or(""),
                   "UserError: The training loss is no longer a finite"));
    CHECK(contains(base.failure().value_or(""), "learning_rate (now 1e+30)"));
    CHECK(content_of(base.model_dir()).empty());
    CHECK(content_of(base.output_dir()).empty());
  }

  TEST_CASE("mlp train: an npz cut short anywhere is refused by its name") {
    const std::string whole = pair_npz(make_pictures(20, 1));
    std::vector<std::size_t> sizes = {whole.size() - 2, whole.size() - 1};
    for (std::size_t size = 1; size < whole.size(); size += whole.size() / 23)
      sizes.push_back(size);
    for (const std::size_t size : sizes) {
      CAPTURE(size);
      BaseDirectory base;
      base.add_channel("training", "mnist.npz", whole.substr(0, size));
      check_refused(base, {"mnist.npz"});
    }
  }

  TEST_CASE("mlp train: validation rows have to be of the training rows' kind") {
    struct Case {
      std::string name;
      std::string training_file;
      std::string training;
      std::string file;
      std::string bytes;
      std::vector<std::string> words;
      json hyperparameters;
    };
    const std::string pictures = mnist_npz(make_pictures(20, 1), make_pictures(20, 2));
    std::string floats =
        zip({{.name = "x.npy", .bytes = npy("<f4", "(1, 28, 28)", std::string(28 * 28 * 4, '\0'))},
             {.name = "y.npy", .bytes = npy("|u1", "(1,)", "1")}});
    const std::vector<Case> cases = {
        {"fewer columns",
         "a.csv",
         good_csv(),
         "b.csv",
         "0,1,2\n1,2,3\n",
         {"found 3 columns", "have 5"},
         {}},
        {"other names",
         "a.csv",
         "y,a,b\n0,1,2\n1,2,3\n",
         "b.csv",
         "y,a,c\n0,1,2\n",
         {"\"c\"", "have no such column"},
         {{"target", "y"}}},
        {"a label that is not trained on",
         "a.csv",
         good_csv(),
         "b.csv",
         "0,1,2,3,4\n5,1,2,3,4\n",
         {"\"5\" in row 2", "no training row has"},
         {}},
        {"another shape", "a.npz", pictures, "b.csv", "0,1,2\n", {"2 features", "28 x 28"}, {}},
        {"floats beside pixels", "a.npz", pictures, "b.npz", floats, {"pixels", "uint8"}, {}},
    };
    for (const Case& c : cases) {
      for (const char* channel : {"validation", "test"}) {
        CAPTURE(c.name);
        CAPTURE(channel);
        BaseDirectory base;
        base.add_channel("training", c.training_file, c.training);
        base.add_channel(channel, c.file, c.bytes);
        if (!c.hyperparameters.is_null()) base.set_hyperparameters(c.hyperparameters);
        check_refused(base, c.words);
      }
    }
  }

  TEST_CASE("mlp train: a bad hyperparameter is named with its value and what it may be") {
    struct Case {
      std::string name;
      json value;
      std::string range;
    };
    const std::vector<Case> cases = {
        {"epochs", "0", "from 1"},
        {"epochs", "-1", "from 1"},
        {"epochs", "five", "integer"},
        {"epochs", "1.5", "integer"},
        {"epochs", "nan", "integer"},
        {"batch_size", "0", "from 1"},
        {"batch_size", 0, "from 1"},
        {"drop_rate", "-0.1", ">= 0"},
        {"drop_rate", "1.1", "<= 1"},
        {"drop_rate", "NaN", "<= 1"},
        {"learning_rate", "0", "> 0"},
        {"learning_rate", "-0.01", "> 0"},
        {"learning_rate", "inf", "finite"},
        {"learning_rate", "Infinity", "finite"},
        {"learning_rate", "nan", "finite"},
        {"learning_rate", "fast", "finite"},
        {"dense_hidden", "[64, 0]", "from 1"},
        {"dense_hidden", "[]", "from 1"},
        {"task", "guess", "regression"},
        {"scale_target", "perhaps", "true or false"},
        {"validation_split", "1", "< 1"},
        {"num_threads", "0", "from 1"},
        {"seed", "-1", "from 0"},
        {"optimizer", "adma", "did you mean adam?"},
        {"activation", "step", "relu, tanh, sigmoid"},
        {"kernel_initializer", "zeros", "glorot_uniform"},
        {"loss", "hinge", "huber"},
        {"huber_delta", "0", "> 0"},
        {"label_smoothing", "1", "< 1"},
        {"class_weight", "{'cat': -1}", "the weight of \"cat\" is \"-1\""},
        {"target", "['a', 'b'", "each once"},
        {"momentum", "2", "<= 1"},
        {"nesterov", "perhaps", "true or false"},
        {"weight_decay", "-1", ">= 0"},
        {"global_clipnorm", "0", "> 0"},
        {"schedule", "cosinus", "cosine"},
        {"decay_rate", "1.5", "<= 1"},
        {"early_stopping_patience", "-1", "from 0"},
        {"max_runtime_seconds", "0", "from 1"},
        {"top_k", "0", "from 1"},
        {"eval_metrics", "auc,auc", "each once"},
        {"metric_style", "csv", "xgboost"},
    };
    for (const Case& c : cases) {
      CAPTURE(c.name);
      CAPTURE(c.value);
      BaseDirectory base;
      // Refused before any data is read, or the message would be about the data.
      base.add_channel("training", "rows.csv", "no,rows\n");
      base.set_hyperparameters({{c.name, c.value}});
      const std::string value = c.value.is_string() ? c.value.get<std::string>() : c.value.dump();
      check_refused(base, {c.name, fmt::format("\"{}\"", value), c.range});
    }
  }

  TEST_CASE("mlp train: no numeric hyperparameter takes NaN or infinity, and no data is read") {
    const ProgramEnd described = run_well(native("/", {"describe"}));
    const json description = json::parse(described.out);
    std::size_t numbers = 0;
    for (const json& entry : description["hyperparameters"]) {
      const std::string type = entry["type"];
      if (!type.starts_with("integer") && type != "float") continue;
      ++numbers;
      const std::string name = entry["name"];
      for (const char* const value : {"nan", "-inf"}) {
        CAPTURE(name);
        CAPTURE(value);
        BaseDirectory base;
        base.add_channel("training", "rows.csv", "no,rows\n");
        base.set_hyperparameters({{name, value}});
        check_refused(base, {"Hyperparameter " + name, fmt::format("\"{}\"", value), "expected"});
      }
    }
    CHECK(numbers >= 24);
  }

  TEST_CASE("mlp train: unknown and repeated hyperparameters are refused by their names") {
    struct Case {
      std::string file;
      std::vector<std::string> words;
    };
    const std::vector<Case> cases = {
        {R"({"epochs": "1", "learning-rte": "0.1"})", {"\"learning-rte\"", "learning_rate?"}},
        {R"({"zzz": "1"})", {"\"zzz\"", "Known are dense_hidden, activation"}},
        {R"({"epochs": "1", "epochs": "2"})", {"\"epochs\" twice", "hyperparameters.json"}},
        {R"({"batch-size": "1", "batch_size": "2"})", {"\"batch-size\" and \"batch_size\""}},
        {R"({"epochs": "1")", {"hyperparameters.json", "not valid JSON", "byte"}},
        {R"(["epochs"])", {"hyperparameters.json", "JSON object"}},
    };
    for (const Case& c : cases) {
      CAPTURE(c.file);
      BaseDirectory base;
      base.add_channel("training", "rows.csv", good_csv());
      base.write("input/config/hyperparameters.json", c.file);
      check_refused(base, c.words);
    }
  }

  TEST_CASE("mlp train: MLP_STRICT=false makes an unknown hyperparameter a line in the log") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", good_csv());
    base.set_hyperparameters({{"epochs", "1"}, {"learning-rte", "0.1"}});
    const ProgramEnd end = run_well(in_base(base, {"train"}, {{"MLP_STRICT", "false"}}));
    CHECK(contains(end.err, "\"learning-rte\" (did you mean learning_rate?)"));
  }

  TEST_CASE("mlp train: a hyperparameter without effect is a line in the log") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", good_csv());
    base.set_hyperparameters({{"epochs", "1"}, {"momentum", "0.9"}, {"decay_rate", "0.5"}});
    const ProgramEnd end = run_well(in_base(base));
    CHECK(contains(end.err, "momentum is given, but has no effect without optimizer=sgd"));
    CHECK(contains(end.err, "decay_rate is given, but has no effect without schedule=step"));
  }

  TEST_CASE("mlp train: bad channels are refused by their names") {
    SUBCASE("no channel at all, and input/data absent as SDK v3 leaves it") {
      const BaseDirectory base;
      check_refused(base, {"There is no training channel", "training or train"});
    }
    SUBCASE("no training channel") {
      BaseDirectory base;
      base.add_channel("validation", "rows.csv", good_csv());
      base.add_channel("cats", "rows.csv", good_csv());
      check_refused(base, {"There is no training channel", "cats, validation"});
    }
    SUBCASE("no configuration and no data") {
      const BaseDirectory base;
      fs::remove_all(base / "input");
      check_refused(base, {"There is no training channel", "input/data"});
    }
    SUBCASE("two names for the training rows") {
      BaseDirectory base;
      base.add_channel("training", "rows.csv", good_csv());
      base.add_channel("train", "rows.csv", good_csv());
      check_refused(base, {"training and train"});
    }
    SUBCASE("an empty folder") {
      BaseDirectory base;
      base.add_channel("training", "rows.csv", good_csv());
      fs::remove(base / "input/data/training/rows.csv");
      check_refused(base, {"input/data/training", "without data files"});
    }
    SUBCASE("a folder that is not there") {
      BaseDirectory base;
      base.add_channel("training", "rows.csv", good_csv());
      fs::remove_all(base / "input/data/training");
      check_refused(base, {"input/data/training", "does not exist"});
    }
    SUBCASE("pipe mode") {
      BaseDirectory base;
      base.add_channel("training", "rows.csv", good_csv(), {{"TrainingInputMode", "Pipe"}});
      check_refused(base, {"training", "Pipe", "FastFile"});
    }
    SUBCASE("a content type of another format") {
      BaseDirectory base;
      base.add_channel("training", "rows.csv", good_csv(), {{"ContentType", "image/png"}});
      check_refused(base, {"image/png", "text/csv"});
    }
    SUBCASE("only files of other kinds") {
      BaseDirectory base;
      base.add_channel("training", "rows.parquet", "PAR1");
      check_refused(base, {"rows.parquet", ".csv"});
    }
    SUBCASE("a folder that a flag names and that is not there") {
      const BaseDirectory base;
      check_refused(base, {"/nowhere", "--train"}, {"train", "--train", "/nowhere"});
    }
    SUBCASE("a folder that a variable names and that is not there") {
      const BaseDirectory base;
      check_refused(base, {"/nowhere", "SM_CHANNEL_TRAINING"}, {"train"},
                    {{"SM_CHANNEL_TRAINING", "/nowhere"}});
    }
  }

  TEST_CASE("mlp train: outside SageMaker a missing ./data is told on stderr alone") {
    const TempDirectory folder;
    const ProgramEnd end = run_program(native(folder.path()));
    CHECK(end.exit_code == 1);
    CHECK(contains(end.err, "data does not exist"));
    CHECK(contains(end.err, "--train"));
    CHECK(content_of(folder.path()).empty());
  }

  TEST_CASE("mlp train: several hosts are refused") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", good_csv());
    base.write("input/config/resourceconfig.json",
               R"({"current_host": "algo-1", "hosts": ["algo-1", "algo-2"]})");
    check_refused(base, {"resourceconfig.json", "2 hosts", "instance_count=1"});
  }

  TEST_CASE("mlp train: a platform that gives no configuration is a PlatformError") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", good_csv());
    fs::remove_all(base / "input/config");
    const ProgramEnd end = run_program(in_base(base, {"train"}, {{"TRAINING_JOB_NAME", "job-1"}}));
    check_failure(base, end, "PlatformError", {"input/config", "TRAINING_JOB_NAME"});
  }

  TEST_CASE("mlp train: a configuration that the user may not read is a PlatformError") {
    if (::geteuid() != 0) {
      MESSAGE("skipped: needs root to become another user");
      return;
    }
    BaseDirectory base;
    base.add_channel("training", "rows.csv", good_csv());
    REQUIRE(::chown(base.path().c_str(), kNobody, kNobody) == 0);
    ProgramStart start = in_base(base);
    start.uid = kNobody;
    fs::permissions(base / "input/config/hyperparameters.json", fs::perms::none);
    check_failure(base, run_program(start), "PlatformError",
                  {"config/hyperparameters.json", "Permission denied", "uid 65534"});
    fs::permissions(base / "input", fs::perms::none);
    check_failure(base, run_program(start), "PlatformError",
                  {"input/config", "Permission denied", "uid 65534"});
    fs::permissions(base / "input", fs::perms::all);
  }

  TEST_CASE("mlp train: files missing from the configuration are a warning, with what stands in") {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", good_csv());
    base.set_hyperparameters({{"epochs", "1"}});
    fs::remove(base / "input/config/resourceconfig.json");
    fs::remove(base / "input/config/inputdataconfig.json");
    for (const VariableMap& variables : {VariableMap{}, {{"TRAINING_JOB_NAME", "job-1"}}}) {
      const ProgramEnd end = run_well(in_base(base, {"train"}, variables));
      CHECK(captures(end.err, " warning: .*(resourceconfig.json is missing: .* one host)").size() ==
            1);
      CHECK(
          captures(end.err, " warning: .*(inputdataconfig.json is missing: .*input/data)").size() ==
          1);
    }
    fs::remove(base / "input/config/hyperparameters.json");
    const ProgramEnd end = run_well(in_base(base, {"train", "--epochs=1"}));
    CHECK(captures(end.err, " warning: .*(hyperparameters.json is missing: .* defaults)").size() ==
          1);
  }

  // Sanitizers keep more of the address space than the program uses.
  TEST_CASE("mlp train: too little memory is told, with what takes less" *
            doctest::skip(kSlowdown > 1)) {
    BaseDirectory base;
    base.add_channel("training", "rows.csv", good_csv());
    base.set_hyperparameters({{"dense_hidden", "[1000000, 1000]"}});  // 4 GB
    ProgramStart start = in_base(base);
    start.arguments = {"-c", "ulimit -v 2000000 && exec \"$0\" train", start.executable.string()};
    start.executable = "/bin/sh";
    check_failure(base, run_program(start), "UserError",
                  {"Out of memory", "an instance with more memory", "batch_size"});
    CHECK(content_of(base.model_dir()).empty());
  }

  TEST_CASE("mlp train: a full disk is told, and no file is left half-written") {
    for (const char* folder : {"model", "output/data"}) {
      CAPTURE(folder);
      BaseDirectory base;
      base.add_channel("training", "mnist.npz", small_mnist_npz());
      base.set_hyperparameters({{"epochs", "1"}, {"batch_size", "500"}});
      fs::create_directories(base / folder);
      // Room for a page: less than the model, or than 500 predictions.
      const Mount disk = Mount::tmpfs(base / folder, "size=4096");
      if (!disk) {
        MESSAGE("skipped: needs root and the right to mount");
        return;
      }
      const ProgramEnd end = run_program(in_base(base));
      CHECK(end.exit_code == 1);
      const std::string failure = base.failure().value_or("");
      CHECK(failure.starts_with("UserError: Cannot write"));
      CHECK(contains(failure, "the disk is full"));
      CHECK(contains(end.err, "the disk is full"));
      for (const std::string& name : content_of(base / folder)) {
        CAPTURE(name);
        CHECK(name == "history.csv");  // which fits
      }
      for (const std::string& name : content_of(base / "output")) CHECK(!contains(name, ".tmp"));
      for (const std::string& name : content_of(base.model_dir())) CHECK(name == "model.h5");
    }
  }

  TEST_CASE("mlp train: a read-only folder for results is told before the training") {
    for (const char* folder : {"model", "output/data"}) {
      CAPTURE(folder);
      BaseDirectory base;
      base.add_channel("training", "rows.csv", good_csv());
      fs::create_directories(base / folder);
      const Mount disk = Mount::read_only(base / folder);
      if (!disk) {
        MESSAGE("skipped: needs root and the right to mount");
        return;
      }
      check_refused(base, {(base / folder).string(), std::strerror(EROFS)});
    }
  }

  TEST_CASE("mlp train: a folder that the user may not write to is told with the uid") {
    if (::geteuid() != 0) {
      MESSAGE("skipped: needs root to become another user");
      return;
    }
    BaseDirectory base;
    base.add_channel("training", "rows.csv", good_csv());
    fs::create_directories(base.model_dir());
    fs::create_directories(base / "output/data");
    REQUIRE(::chown((base / "output").c_str(), kNobody, kNobody) == 0);
    REQUIRE(::chown((base / "output/data").c_str(), kNobody, kNobody) == 0);
    ProgramStart start = in_base(base);
    start.uid = kNobody;
    check_failure(base, run_program(start), "UserError", {base.model_dir().string(), "uid 65534"});
    CHECK(content_of(base.model_dir()).empty());
    CHECK(content_of(base.output_dir()).empty());
    REQUIRE(::chown(base.model_dir().c_str(), kNobody, kNobody) == 0);
    REQUIRE(::chown(base.output_dir().c_str(), 0, 0) == 0);
    check_failure(base, run_program(start), "UserError", {base.output_dir().string(), "uid 65534"});
    CHECK(content_of(base.model_dir()).empty());

    // Where not even the failure file can be written, stderr has it.
    REQUIRE(fs::remove(base / "output/failure"));
    REQUIRE(::chown((base / "output").c_str(), 0, 0) == 0);
    const ProgramEnd end = run_program(start);
    CHECK(end.exit_code == 1);
    CHECK(contains(end.err, "uid 65534"));
    CHECK(!base.failure());
  }

  TEST_CASE("Failure file: no name is so long that a sentence on it does not fit whole") {
    const std::string name(5000, 'n');
    std::string path = "/";
    for (int i = 0; i < 19; ++i) path += std::string(200, 'd') + '/';
    const std::string array = zip({{.name = name + ".npy", .bytes = npy("|u1", "(1, 1)", "1")}});
    struct Case {
      const char* what;
      std::string training = good_csv();
      std::string file = "rows.csv";
      json hyperparameters = json::object();
      json settings = {{"TrainingInputMode", "File"}};
      Arguments arguments = {"train"};
      VariableMap variables = {};
    };
    const std::vector<Case> cases = {
        {.what = "a file", .training = "", .file = std::string(200, 'f') + ".csv"},
        {.what = "folders", .arguments = {"train", "--train", path}},
        {.what = "too long a folder", .arguments = {"train", "--train", path + path}},
        {.what = "a variable", .variables = {{"SM_CHANNEL_TRAINING", path}}},
        {.what = "a model's folder", .arguments = {"train", "--model_dir", "/proc" + path}},
        {.what = "an array", .training = array, .file = "rows.npz"},
        {.what = "a content type", .settings = {{"ContentType", name}}},
        {.what = "an input mode", .settings = {{"TrainingInputMode", name}}},
        {.what = "a record wrapper", .settings = {{"RecordWrapperType", name}}},
        {.what = "settings", .settings = name},
        {.what = "a hyperparameter", .hyperparameters = {{name, "1"}, {name + name, "1"}}},
        {.what = "a value", .hyperparameters = {{"activation", name}}},
        {.what = "a number", .hyperparameters = {{"epochs", std::string(5000, '9')}}},
        {.what = "a list", .hyperparameters = {{"dense_hidden", std::string(5000, '[')}}},
        {.what = "a target", .hyperparameters = {{"target", name}}},
        {.what = "a weight column", .hyperparameters = {{"weight_column", name}}},
        {.what = "a weighed class", .hyperparameters = {{"class_weight", name + "=2"}}},
        {.what = "a class's weight", .hyperparameters = {{"class_weight", "a=" + name}}},
        {.what = "a metric", .hyperparameters = {{"eval_metrics", name}}},
        {.what = "a watched metric",
         .hyperparameters = {{"early_stopping_patience", "1"}, {"early_stopping_metric", name}}},
        {.what = "a watched metric of validation rows",
         .hyperparameters = {{"early_stopping_patience", "1"},
                             {"early_stopping_metric", "val_" + name}}},
        {.what = "columns",
         .training = fmt::format("{0}1,{0}2,{0}3\n0,1,2\n", name),
         .hyperparameters = {{"target", "y"}}},
        {.what = "equal columns",
         .training = fmt::format("{0},{0}\n0,1\n", name),
         .hyperparameters = {{"target", "y"}}},
        {.what = "a field", .training = fmt::format("0,{}\n1,2\n", name)},
        {.what = "fields", .training = fmt::format("0,1\n1{}\n", std::string(5000, ','))},
        {.what = "a class", .training = fmt::format("{0},1\n{0},2\n", name)},
        {.what = "classes",
         .training = fmt::format("{0}1,1\n{0}2,2\n{0}3,2\n", name),
         .hyperparameters = {{"task", "binary"}}},
        {.what = "a command", .arguments = {name}},
        {.what = "an argument", .arguments = {"train", name}},
        {.what = "a flag", .arguments = {"train", "--" + name, name}},
        {.what = "a flag of one dash", .arguments = {"train", "-" + name}},
        {.what = "a flag's value", .arguments = {"train", "--check=" + name}},
    };
    for (const Case& c : cases) {
      CAPTURE(std::string(c.what));
      BaseDirectory base;
      base.add_channel("training", c.file, c.training, c.settings);
      base.set_hyperparameters(c.hyperparameters);
      const ProgramEnd end = run_program(in_base(base, c.arguments, c.variables));
      CHECK(end.exit_code >= 1);
      CHECK(end.exit_code <= 2);
      const std::string failure = base.failure().value_or("");
      CAPTURE(failure);
      CHECK(failure.starts_with("UserError: "));
      CHECK(failure.size() < kReasonCharacters);
      CHECK(failure.ends_with('.'));
    }
  }

  TEST_CASE("Failure file: channels and hosts of any name leave room for the advice") {
    const std::string name(5000, 'n');
    struct Case {
      const char* file;
      json content;
      const char* kind;
    };
    for (const Case& c :
         {Case{"inputdataconfig.json", {{name, json::object()}}, "UserError"},
          Case{"inputdataconfig.json", {{name, name}}, "UserError"},
          Case{"inputdataconfig.json", {{name + "/", json::object()}}, "UserError"},
          Case{"inputdataconfig.json", json::array({name}), "UserError"},
          Case{"resourceconfig.json", {{"hosts", name}}, "UserError"},
          Case{"resourceconfig.json", {{"hosts", {"a"}}, {"current_host", name}}, "PlatformError"},
          Case{"resourceconfig.json", {{"hosts", {name}}, {"current_host", "a"}}, "PlatformError"},
          Case{"resourceconfig.json", {{"hosts", {"a", name}}}, "UserError"}}) {
      CAPTURE(std::string(c.file));
      BaseDirectory base;
      base.write(fs::path("input/config") / c.file, c.content.dump());
      const ProgramEnd end = run_program(in_base(base));
      CHECK(end.exit_code == 1);
      const std::string failure = base.failure().value_or("");
      CAPTURE(failure);
      CHECK(failure.starts_with(fmt::format("{}: ", c.kind)));
      CHECK(failure.size() < kReasonCharacters);
      CHECK(failure.ends_with('.'));
    }
  }
}

}  // namespace mlp::test
