#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "model/kernels/vector.h"
#include "test/runtime/data/made_files.h"
#include "test/support/temp_directory.h"
#include "test/system/made_data.h"
#include "test/system/mlp_program.h"
#include "test/system/mlp_server.h"

// The whole program on CPUs that qemu-user makes up. An instruction that such a CPU lacks ends it
// by SIGILL. Needs qemu-x86_64 on PATH.

namespace mlp::test {
namespace {

using kernels::InstructionSet;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// The same program on an emulated CPU.
ProgramStart emulated(const std::string& cpu, ProgramStart start) {
  Arguments arguments = {"qemu-x86_64", "-cpu", cpu, start.executable.string()};
  arguments.insert(arguments.end(), start.arguments.begin(), start.arguments.end());
  start.executable = "/usr/bin/env";
  start.arguments = arguments;
  return start;
}

// What qemu itself has to say is left out.
std::string own_lines(const std::string& log) {
  std::string text;
  for (const std::string& line : lines_of(log))
    if (!line.starts_with("qemu-x86_64: warning: ")) text += line + '\n';
  return text;
}

struct Job {
  std::string file;
  std::string bytes;
  Arguments training;  // its settings
  Arguments prediction;
  std::string row;  // for a request
};

// What all commands gave for a job.
struct Results {
  std::string model;
  std::string metrics;
  std::string predictions;
  std::string answer;
};

// start: makes of an ordinary start the one that is wanted.
template <typename Start>
Results run_job(const Job& job, InstructionSet expected, const Start& start) {
  const TempDirectory folder;
  const std::string rows = folder.write("data/" + job.file, job.bytes).string();
  Arguments train = {"train", "--num_threads", "2"};
  train.insert(train.end(), job.training.begin(), job.training.end());
  const ProgramEnd end = run_well(start(native(folder.path(), train)));
  CHECK(contains(end.err, fmt::format("workers, {}\n", kernels::name(expected))));
  Results results;
  results.model = read_bytes(folder / "model/model.h5");
  results.metrics = end.out;
  Arguments predict = {"predict", "--input", rows};
  predict.insert(predict.end(), job.prediction.begin(), job.prediction.end());
  results.predictions = run_well(start(native(folder.path(), predict))).out;
  Server server(start(serve_start(folder / "model")));
  results.answer = server.answer(job.row);
  return results;
}

// That every command gives on an emulated CPU what it gives here under the same cap.
void check_equal(const std::string& cpu, InstructionSet widest) {
  const std::string blank = "[[" + [] {
    std::string row = "0.5";
    for (int i = 1; i < 784; ++i) row += ",0.5";
    return row;
  }() + "]]";
  const std::vector<Job> jobs = {
      {"mnist.npz",
       mnist_npz(make_pictures(640, 2), make_pictures(100, 3)),
       {"--epochs", "1"},
       {},
       blank},
      {"rows.csv",
       clouds_csv(400, {"a", "b", "c"}, 1),
       {"--epochs", "3", "--dense_hidden", "64,32", "--activation", "gelu", "--optimizer", "adamw",
        "--validation_split", "0.2"},
       {"--label_size", "1"},
       kRow},
      {"rows.csv",
       prices_csv(400, 1),
       {"--epochs", "2", "--optimizer", "sgd", "--momentum", "0.9", "--loss", "huber",
        "--validation_split", "0.2"},
       {"--label_size", "1"},
       "[[1,2,3]]"},
  };
  const ProgramEnd version = run_well(emulated(cpu, native("/", {"--version"})));
  CHECK(contains(version.out, fmt::format(", {})", kernels::name(widest))));
  if (kernels::vector_kernels(widest) == nullptr) {
    MESSAGE("skipped: this CPU lacks the set to compare with");
    return;
  }
  for (const Job& job : jobs) {
    CAPTURE(job.file);
    const Results wanted = run_job(job, widest, [&](ProgramStart start) {
      start.variables[kernels::kCapVariable] = kernels::name(widest);
      return start;
    });
    const Results found =
        run_job(job, widest, [&](ProgramStart start) { return emulated(cpu, std::move(start)); });
    CHECK((found.model == wanted.model));
    CHECK(found.predictions == wanted.predictions);
    CHECK(found.answer == wanted.answer);
    CHECK(epoch_lines(found.metrics) == epoch_lines(wanted.metrics));
  }
}

}  // namespace

TEST_SUITE("emulation") {
  TEST_CASE("mlp: on a CPU without AVX all commands give the bits of the baseline here") {
    check_equal("Nehalem", InstructionSet::kBaseline);
  }

  TEST_CASE("mlp: on a CPU without AVX-512 all commands give the bits of AVX2 here") {
    check_equal("Haswell", InstructionSet::kAvx2);
  }

  TEST_CASE("mlp: caps hold on an emulated CPU too") {
    const ProgramEnd end = run_well(
        emulated("Haswell", native("/", {"--version"}, {{kernels::kCapVariable, "baseline"}})));
    CHECK(contains(end.out, " sse41, "));
    CHECK(contains(end.out, ", baseline)"));
  }

  TEST_CASE("mlp: a CPU older than the baseline is told in one sentence, not by a signal") {
    for (const char* const cpu : {"core2duo", "qemu64"}) {
      for (const char* const command : {"train", "serve", "--version"}) {
        CAPTURE(cpu);
        CAPTURE(command);
        const TempDirectory folder;
        const ProgramEnd end = run_program(emulated(cpu, native(folder.path(), {command})));
        CHECK(end.signal == 0);
        CHECK(end.exit_code == 1);
        CHECK(end.out.empty());
        const std::string log = own_lines(end.err);
        CHECK(lines_of(log).size() == 1);
        CHECK(log.starts_with("error: This CPU"));
        CHECK(contains(log, "SSE4.2"));
      }
    }
  }
}

}  // namespace mlp::test
