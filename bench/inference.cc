#include "model/inference.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/evaluator.h"
#include "model/kernels/engine.h"
#include "model/kernels/gemm.h"
#include "model/kernels/vector.h"
#include "model/random.h"

// Times a network's way forward beside oneDNN's sgemm on plain weights with the same epilogues, for
// bench/inference.py.
//
//   mlp_bench_inference [SECONDS [forward | evaluate]]
//
// Prints a line for each net, number of rows and number of threads: the median time of our kernel
// and of sgemm in microseconds, and their ratio; the two take turns for SECONDS (default 0.5).
// Threads have equal shares of the rows. "evaluate" lines time evaluate() of pixels with their
// loss, the layout of the weights included, as after an epoch of training.

namespace mlp {
namespace {

using Clock = std::chrono::steady_clock;

struct Net {
  std::string name;
  std::vector<std::size_t> widths;  // inputs, hidden layers, outputs
};

const std::vector<Net> kNets = {{"a", {784, 128, 10}},
                                {"b", {30, 64, 32, 1}},
                                {"c", {100, 512, 256, 128, 10}},
                                {"d", {784, 2048, 2048, 10}}};
constexpr std::size_t kRows[] = {1, 32, 1024};

std::vector<float> random_values(Rng& rng, std::size_t count, float bound) {
  std::vector<float> values(count);
  for (float& value : values) value = (rng.uniform() * 2 - 1) * bound;
  return values;
}

Weights random_weights(const Net& net, Rng& rng) {
  Weights weights;
  for (std::size_t i = 0; i + 1 < net.widths.size(); ++i) {
    const std::size_t inputs = net.widths[i];
    const std::size_t outputs = net.widths[i + 1];
    weights.layers.push_back({inputs, outputs, random_values(rng, inputs * outputs, 0.1F),
                              random_values(rng, outputs, 0.1F)});
  }
  return weights;
}

// The peer: sgemm on row-major weights, which outlive it, and a pass for bias and relu.
class PlainNetwork {
 public:
  PlainNetwork(const Weights& weights, std::size_t rows) : weights_(weights) {
    for (const DenseWeights& layer : weights_.layers) {
      biases_.push_back(layer.bias);
      biases_.back().resize(kernels::padded(layer.outputs));
      outputs_.emplace_back(rows * kernels::padded(layer.outputs));
    }
  }

  void forward(ConstMatrix x) {
    const kernels::VectorKernels& vector = kernels::vector_kernels();
    for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
      const DenseWeights& layer = weights_.layers[i];
      const std::size_t stride = kernels::padded(layer.outputs);
      const Matrix y = {outputs_[i].data(), x.rows, layer.outputs, stride};
      kernels::multiply(x, {layer.weight.data(), layer.inputs, layer.outputs, layer.outputs}, y);
      const bool is_hidden = i + 1 < weights_.layers.size();
      (is_hidden ? vector.bias_relu : vector.add_bias)(y.data, y.rows, y.columns, y.stride,
                                                       biases_[i].data());
      x = y;
    }
  }

 private:
  const Weights& weights_;
  std::vector<std::vector<float>> biases_;
  std::vector<AlignedBuffer> outputs_;
};

double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The medians of both, in microseconds a call. They take turns of at least 100 us or one call.
template <typename Ours, typename Peer>
std::pair<double, double> in_turns(double seconds, Ours&& ours, Peer&& peer) {
  const auto time = [](auto& work, std::size_t calls) {
    const Clock::time_point start = Clock::now();
    for (std::size_t i = 0; i < calls; ++i) work();
    return microseconds(Clock::now() - start) / static_cast<double>(calls);
  };
  for (int i = 0; i < 3; ++i) {
    ours();
    peer();
  }
  const auto calls_for = [&](auto& work) {
    return static_cast<std::size_t>(std::max(100.0 / time(work, 3), 1.0));
  };
  const std::size_t our_calls = calls_for(ours);
  const std::size_t peer_calls = calls_for(peer);
  std::vector<double> our_times;
  std::vector<double> peer_times;
  const Clock::time_point start = Clock::now();
  while (microseconds(Clock::now() - start) < seconds * 1e6 || our_times.size() < 5) {
    our_times.push_back(time(ours, our_calls));
    peer_times.push_back(time(peer, peer_calls));
  }
  return {median(our_times), median(peer_times)};
}

void print(const std::string& what, const std::string& net, std::size_t rows, std::size_t threads,
           double ours, std::optional<double> peer) {
  std::cout << fmt::format("{:9}{:>4}{:>8}{:>9}{:>12.2f}", what, net, rows, threads, ours);
  if (peer) std::cout << fmt::format("{:>12.2f}{:>8.2f}", *peer, *peer / ours);
  std::cout << '\n';
}

void time_forward(const Net& net, std::size_t rows, Team& team, double seconds) {
  Rng rng(1, RandomPurpose::kInitialWeights, 0);
  const Weights weights = random_weights(net, rng);
  const std::size_t width = net.widths.front();
  const std::vector<float> x = random_values(rng, rows * width, 1.0F);
  const InferenceNetwork network(weights, Activation::kRelu);
  const std::size_t threads = team.workers();
  const std::size_t share = (rows + threads - 1) / threads;
  std::vector<InferenceNetwork::Workspace> workspaces(threads);
  std::vector<PlainNetwork> plain;
  for (std::size_t i = 0; i < threads; ++i) plain.emplace_back(weights, share);
  const auto part = [&](std::size_t index) {
    const std::size_t first = std::min(index * share, rows);
    return ConstMatrix{x.data() + first * width, std::min(share, rows - first), width, width};
  };
  const auto [ours, peer] = in_turns(
      seconds,
      [&] {
        team.for_each(threads, [&](std::size_t worker, std::size_t index) {
          network.forward(part(index), workspaces[worker]);
        });
      },
      [&] {
        team.for_each(threads, [&](std::size_t worker, std::size_t index) {
          plain[worker].forward(part(index));
        });
      });
  print("forward", net.name, rows, threads, ours, peer);
}

void time_evaluation(const Net& net, std::size_t rows, Team& team, double seconds) {
  Rng rng(1, RandomPurpose::kInitialWeights, 0);
  const Weights weights = random_weights(net, rng);
  const std::size_t width = net.widths.front();
  std::vector<std::uint8_t> pixels(rows * width);
  for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(rng.below(256));
  std::vector<std::int32_t> classes(rows);
  for (std::int32_t& one : classes) one = static_cast<std::int32_t>(rng.below(10));
  std::vector<std::uint32_t> indices(rows);
  std::iota(indices.begin(), indices.end(), 0U);
  const FeatureView features = {FeatureType::kUint8, pixels.data(), rows, width, {}};
  const auto [ours, ignored] = in_turns(
      seconds,
      [&] {
        evaluate(InferenceNetwork(weights, Activation::kRelu), Task::kClassification, {}, features,
                 indices, {classes.data(), nullptr, nullptr}, team);
      },
      [] {});
  print("evaluate", net.name, rows, team.workers(), ours, std::nullopt);
}

void run(double seconds, const std::string& only) {
  std::cout << fmt::format("# {}, oneDNN {}\n", name(kernels::vector_kernels().instruction_set),
                           kernels::onednn_version())
            << "what      net    rows  threads     ours us    sgemm us   ratio\n";
  for (const std::size_t threads : {std::size_t{1}, std::size_t{2}}) {
    Team team(threads);
    for (const Net& net : kNets) {
      if (only == "evaluate") break;
      for (const std::size_t rows : kRows) {
        if (rows >= threads) time_forward(net, rows, team, seconds);
      }
    }
    for (const std::size_t rows : {std::size_t{10'000}, std::size_t{60'000}}) {
      if (only == "forward") break;
      time_evaluation(kNets.front(), rows, team, seconds);
    }
  }
}

}  // namespace
}  // namespace mlp

int main(int argc, char** argv) {
  try {
    mlp::run(argc > 1 ? std::stod(argv[1]) : 0.5, argc > 2 ? argv[2] : "");
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
