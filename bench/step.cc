#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/learner.h"
#include "model/random.h"

// Times training steps, for bench/train.py.
//
//   mlp_bench_step FOLDER SECONDS THREADS WORKERS PRECISION
//
// FOLDER holds config.json ("inputs", "hidden", "outputs", "batch_size", "drop_rate", "loss":
// "softmax" or "sigmoid"), x.bin (float32 [rows, inputs]) and classes.bin (int32 [rows]) or
// values.bin (float32 [rows, outputs]). Whole batches of rows, in an order drawn anew for each
// pass, are learned for SECONDS after a second of warm-up. Prints one line of JSON: the steps'
// count, the median and the tenth and ninetieth percentile of their times in microseconds, and the
// mean loss of the first and the last pass.
//
// With 0 SECONDS it obeys lines of JSON on its input, each answered by one, until they end:
//
//   {"command": "learn", "steps": N}      learns N batches and gives their mean loss
//   {"command": "run", "seconds": S, "warm_up": W}
//                                         learns for W seconds, then times S: gives the steps of
//                                         those, the times of stretches of them of 50 ms or more in
//                                         microseconds per step, and their mean loss

namespace mlp {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr double kWarmUpSeconds = 1;
constexpr double kStretchSeconds = 0.05;

template <typename T>
std::vector<T> read_values(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(0, std::ios::end);
  std::vector<T> values(static_cast<std::size_t>(std::max<std::streamoff>(file.tellg(), 0)) /
                        sizeof(T));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(T)));
  return values;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double percentile(const std::vector<double>& sorted, double share) {
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

LearnerConfig read_config(const fs::path& folder, std::size_t threads,
                          const std::string& precision) {
  const json config = json::parse(std::ifstream(folder / "config.json"));
  LearnerConfig learner_config;
  learner_config.network.inputs = config.at("inputs");
  learner_config.network.hidden = config.at("hidden").get<std::vector<std::size_t>>();
  learner_config.network.outputs = config.at("outputs");
  learner_config.network.drop_rate = config.at("drop_rate");
  learner_config.loss.loss =
      config.at("loss") == "softmax" ? Loss::kSoftmaxCrossEntropy : Loss::kSigmoidCrossEntropy;
  learner_config.batch_size = config.at("batch_size");
  learner_config.seed = 1;
  learner_config.num_threads = threads;
  if (precision == "bfloat16") {
    learner_config.precision = Precision::kBfloat16;
  } else if (precision != "float32") {
    throw std::runtime_error("precision");
  }
  return learner_config;
}

// A network, and the rows that it learns from, pass after pass.
class Training {
 public:
  Training(const fs::path& folder, std::size_t threads, std::size_t workers,
           const std::string& precision)
      : config_(read_config(folder, threads, precision)), team_(workers), learner_(config_, team_) {
    features_.width = config_.network.inputs;
    features_.floats = read_values<float>(folder / "x.bin");
    classes_ = read_values<std::int32_t>(folder / "classes.bin");
    values_ = read_values<float>(folder / "values.bin");
    batch_.features = features_.view();
    batch_.targets = {classes_.data(), values_.data(), nullptr};
    rows_.resize(features_.rows());
    if (rows_.size() < config_.batch_size) throw std::runtime_error("fewer rows than a batch");
    std::iota(rows_.begin(), rows_.end(), 0U);
    next_ = rows_.size();
  }

  // Which pass comes next, or is under way.
  std::uint32_t epoch() const { return epoch_; }

  bool at_end_of_pass() const { return next_ + config_.batch_size > rows_.size(); }

  LossSums step() {
    if (at_end_of_pass()) {
      Rng(1, RandomPurpose::kShuffle, epoch_++).shuffle(rows_);
      next_ = 0;
    }
    batch_.rows = std::span(rows_).subspan(next_, config_.batch_size);
    batch_.next = std::span(rows_).subspan(next_ + config_.batch_size);
    batch_.next = batch_.next.first(std::min(batch_.next.size(), config_.batch_size));
    next_ += config_.batch_size;
    return learner_.step(batch_);
  }

 private:
  LearnerConfig config_;
  Team team_;
  Learner learner_;
  Features features_;
  std::vector<std::int32_t> classes_;
  std::vector<float> values_;
  std::vector<std::uint32_t> rows_;
  Batch batch_;
  std::uint32_t epoch_ = 0;
  std::size_t next_ = 0;
};

double mean(const LossSums& sums) { return sums.loss / static_cast<double>(sums.rows); }

json time_steps(Training& training, double seconds) {
  std::vector<double> times;
  double first_loss = 0;
  double last_loss = 0;
  const Clock::time_point start = Clock::now();
  bool done = false;
  while (!done && seconds_since(start) < kWarmUpSeconds + seconds) {
    LossSums sums;
    do {
      const Clock::time_point before = Clock::now();
      sums.add(training.step());
      const double after = seconds_since(start);
      if (after > kWarmUpSeconds) times.push_back(seconds_since(before) * 1e6);
      done = after > kWarmUpSeconds + seconds && times.size() > 2;
    } while (!done && !training.at_end_of_pass());
    last_loss = mean(sums);
    if (training.epoch() == 1) first_loss = last_loss;
  }
  std::sort(times.begin(), times.end());
  return {{"steps", times.size()},
          {"median_us", percentile(times, 0.5)},
          {"p10_us", percentile(times, 0.1)},
          {"p90_us", percentile(times, 0.9)},
          {"first_loss", first_loss},
          {"last_loss", last_loss}};
}

json learn(Training& training, std::size_t steps) {
  LossSums sums;
  for (std::size_t step = 0; step < steps; ++step) sums.add(training.step());
  return {{"steps", steps}, {"loss", mean(sums)}};
}

json run(Training& training, double seconds, double warm_up) {
  Clock::time_point start = Clock::now();
  do {
    training.step();
  } while (seconds_since(start) < warm_up);
  LossSums sums;
  std::vector<double> stretches;
  std::size_t steps = 0;
  start = Clock::now();
  do {
    const Clock::time_point before = Clock::now();
    std::size_t count = 0;
    double elapsed = 0;
    do {
      sums.add(training.step());
      ++count;
      elapsed = seconds_since(before);
    } while (elapsed < kStretchSeconds);
    stretches.push_back(elapsed * 1e6 / static_cast<double>(count));
    steps += count;
  } while (seconds_since(start) < seconds || stretches.size() < 2);
  return {{"steps", steps}, {"stretches_us", stretches}, {"loss", mean(sums)}};
}

void obey(Training& training) {
  std::cout << json{{"ready", true}}.dump() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const json command = json::parse(line);
    const json answer = command.at("command") == "learn"
                            ? learn(training, command.at("steps"))
                            : run(training, command.at("seconds"), command.at("warm_up"));
    std::cout << answer.dump() << std::endl;
  }
}

}  // namespace
}  // namespace mlp

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() != 5) {
      throw std::runtime_error("expected FOLDER SECONDS THREADS WORKERS PRECISION");
    }
    mlp::Training training(arguments[0], std::stoul(arguments[2]), std::stoul(arguments[3]),
                           arguments[4]);
    const double seconds = std::stod(arguments[1]);
    if (seconds > 0) {
      std::cout << mlp::time_steps(training, seconds).dump() << '\n';
    } else {
      mlp::obey(training);
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
