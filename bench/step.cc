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

namespace mlp {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr double kWarmUpSeconds = 1;

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

json time_steps(const fs::path& folder, double seconds, std::size_t threads, std::size_t workers,
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
  if (precision == "bfloat16") learner_config.precision = Precision::kBfloat16;

  Features features;
  features.width = learner_config.network.inputs;
  features.floats = read_values<float>(folder / "x.bin");
  const std::vector<std::int32_t> classes = read_values<std::int32_t>(folder / "classes.bin");
  const std::vector<float> values = read_values<float>(folder / "values.bin");
  std::vector<std::uint32_t> rows(features.rows());
  std::iota(rows.begin(), rows.end(), 0U);

  Team team(workers);
  Learner learner(learner_config, team);
  Batch batch;
  batch.features = features.view();
  batch.targets = {classes.data(), values.data(), nullptr};

  std::vector<double> times;
  double first_loss = 0;
  double last_loss = 0;
  const Clock::time_point start = Clock::now();
  for (std::uint32_t epoch = 0; seconds_since(start) < kWarmUpSeconds + seconds; ++epoch) {
    Rng(1, RandomPurpose::kShuffle, epoch).shuffle(rows);
    LossSums sums;
    for (std::size_t first = 0; first + learner_config.batch_size <= rows.size();
         first += learner_config.batch_size) {
      batch.rows = std::span(rows).subspan(first, learner_config.batch_size);
      const Clock::time_point before = Clock::now();
      sums.add(learner.step(batch));
      const double after = seconds_since(start);
      if (after > kWarmUpSeconds) times.push_back(seconds_since(before) * 1e6);
      if (after > kWarmUpSeconds + seconds && times.size() > 2) break;
    }
    last_loss = sums.loss / static_cast<double>(sums.rows);
    if (epoch == 0) first_loss = last_loss;
  }
  std::sort(times.begin(), times.end());
  return {{"steps", times.size()},
          {"median_us", percentile(times, 0.5)},
          {"p10_us", percentile(times, 0.1)},
          {"p90_us", percentile(times, 0.9)},
          {"first_loss", first_loss},
          {"last_loss", last_loss}};
}

}  // namespace
}  // namespace mlp

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() != 5) {
      throw std::runtime_error("expected FOLDER SECONDS THREADS WORKERS PRECISION");
    }
    std::cout << mlp::time_steps(arguments[0], std::stod(arguments[1]), std::stoul(arguments[2]),
                                 std::stoul(arguments[3]), arguments[4])
                     .dump()
              << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
