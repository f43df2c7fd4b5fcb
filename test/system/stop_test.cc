#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "test/system/made_data.h"
#include "test/system/mlp_program.h"

// How signals end a training run.

namespace mlp::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kMostAfterStop{2 * kSlowdown};
constexpr const char* kEndless = "1000000";  // epochs
constexpr std::size_t kTestRows = 500;

// That a run which was asked to stop, after some epochs were reported, has left behind all that a
// whole one does.
void check_results(const BaseDirectory& base, const ProgramEnd& end) {
  INFO(end.err);
  CHECK(end.exit_code == 0);
  CHECK(!base.failure());
  CHECK(content_of(base.model_dir()) == std::vector<std::string>{"model.h5"});
  CHECK(content_of(base.output_dir()) == std::vector<std::string>{"evaluation.json", "history.csv",
                                                                  "metrics.json",
                                                                  "prediction.csv"});
  CHECK(lines_of(read_bytes(base.output_dir() / "prediction.csv")).size() == kTestRows);
  CHECK(history_columns(base.output_dir() / "history.csv")["epoch"].size() == epoch_lines(end.out));

  const fs::path rows = base.write("rows.npy", pictures_npy(make_pictures(3, 1)));
  const ProgramEnd predicted = run_well(in_base(base, {"predict", "--input", rows.string()}));
  CHECK(lines_of(predicted.out).size() == 4);
}

// Reads the state of each thread in /proc until all are stopped.
void wait_until_halted(pid_t pid) {
  const fs::path tasks = fs::path("/proc") / std::to_string(pid) / "task";
  const Clock::time_point deadline = Clock::now() + std::chrono::seconds(10);
  bool halted = false;
  while (!halted) {
    REQUIRE(Clock::now() < deadline);
    halted = true;
    for (const fs::directory_entry& task : fs::directory_iterator(tasks)) {
      std::ifstream file(task.path() / "stat");
      const std::string stat((std::istreambuf_iterator<char>(file)), {});
      halted = halted && stat.find(") T ") != std::string::npos;
    }
  }
}

}  // namespace

TEST_SUITE("system/stop") {
  TEST_CASE("mlp train: SIGTERM and SIGINT in mid-epoch end it within two seconds, with a model") {
    for (const int signal : {SIGTERM, SIGINT}) {
      CAPTURE(signal);
      BaseDirectory base;
      base.add_channel("training", "mnist.npz", small_mnist_npz());
      // Steps of one row make long epochs.
      base.set_hyperparameters({{"epochs", kEndless}, {"batch_size", "1"}});
      Program program(in_base(base));
      REQUIRE(program.wait_for_line(Stream::kOut, "Epoch 1/"));
      const Clock::time_point start = Clock::now();
      program.send(signal);
      const ProgramEnd end = program.wait();
      CHECK(Clock::now() - start < kMostAfterStop);
      CHECK(epoch_lines(end.out) >= 2);
      check_results(base, end);
    }
  }

  TEST_CASE("mlp train: no thread that computes takes a stop signal") {
    // A signal's handler in the middle of a matrix product of oneDNN's corrupts memory.
    BaseDirectory base;
    base.add_channel("training", "mnist.npz", small_mnist_npz());
    base.set_hyperparameters({{"epochs", kEndless}, {"num_threads", "2"}});
    Program program(in_base(base));
    REQUIRE(program.wait_for_line(Stream::kOut, "Epoch 1/"));
    const fs::path tasks = fs::path("/proc") / std::to_string(program.pid()) / "task";
    std::size_t threads = 0;
    std::size_t open = 0;  // to a signal
    for (const fs::directory_entry& task : fs::directory_iterator(tasks)) {
      std::ifstream status(task.path() / "status");
      std::string line;
      while (std::getline(status, line) && !line.starts_with("SigBlk:")) {
      }
      const std::uint64_t blocked =
          std::stoull(line.substr(line.find_first_of("0123456789abcdef", 7)), nullptr, 16);
      ++threads;
      constexpr std::uint64_t kBoth = std::uint64_t{1} << (SIGTERM - 1) | std::uint64_t{1}
                                                                              << (SIGINT - 1);
      if ((blocked & kBoth) != kBoth) ++open;
    }
    CHECK(threads >= 3);
    CHECK(open == 1);  // the one that waits for them
    program.send(SIGTERM);
    CHECK(program.wait().exit_code == 0);
  }

  TEST_CASE("mlp train: SIGTERM in the first epoch leaves the model of the steps until then") {
    BaseDirectory base;
    base.add_channel("training", "mnist.npz", small_mnist_npz());
    // A step takes milliseconds, and the epoch has 2,000.
    base.set_hyperparameters(
        {{"epochs", kEndless}, {"batch_size", "1"}, {"dense_hidden", "[1024, 1024]"}});
    Program program(in_base(base));
    REQUIRE(program.wait_for_line(Stream::kErr, "Network:"));
    std::this_thread::sleep_for(std::chrono::milliseconds(500 * kSlowdown));
    const Clock::time_point start = Clock::now();
    program.send(SIGTERM);
    const ProgramEnd end = program.wait();
    CHECK(Clock::now() - start < kMostAfterStop);
    CHECK(epoch_lines(end.out) == 1);
    check_results(base, end);
  }

  TEST_CASE("mlp train: SIGTERM before the first step is a failure that says so") {
    BaseDirectory base;
    // Much to read, in little space on the disk.
    const fs::path rows = base.write("rows.csv", clouds_csv(20000, {"0", "1"}, 1));
    for (int i = 0; i < 2000; ++i) {
      const fs::path link = base / ("input/data/training/" + std::to_string(i) + ".csv");
      fs::create_directories(link.parent_path());
      fs::create_symlink(rows, link);
    }
    fs::remove_all(base / "input/config");  // which gives a line in the log, just before reading
    Program program(in_base(base));
    REQUIRE(program.wait_for_line(Stream::kErr, "There is no"));
    const Clock::time_point start = Clock::now();
    program.send(SIGTERM);
    const ProgramEnd end = program.wait();
    INFO(end.err);
    CHECK(Clock::now() - start < kMostAfterStop);
    CHECK(end.exit_code == 1);
    CHECK(end.out.empty());
    CHECK(base.failure().value_or("").find("Stopped by a signal before the first training step") !=
          std::string::npos);
    CHECK(content_of(base.model_dir()).empty());
    CHECK(content_of(base.output_dir()).empty());
  }

  TEST_CASE("mlp train: a second signal ends it at once") {
    BaseDirectory base;
    base.add_channel("training", "mnist.npz", small_mnist_npz());
    base.set_hyperparameters({{"epochs", kEndless}});
    Program program(in_base(base));
    REQUIRE(program.wait_for_line(Stream::kOut, "Epoch 1/"));
    // Both wait for a process that is halted, so that none comes too late.
    program.send(SIGSTOP);
    wait_until_halted(program.pid());
    program.send(SIGTERM);
    program.send(SIGINT);
    program.send(SIGCONT);
    const ProgramEnd end = program.wait();
    CHECK(end.exit_code == 1);
    CHECK(content_of(base.model_dir()).empty());
  }
}

}  // namespace mlp::test
