#include <benchmark/benchmark.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/aligned_buffer.h"
#include "model/gather.h"
#include "model/inference.h"
#include "model/kernels/engine.h"
#include "model/kernels/gemm.h"
#include "model/kernels/vector.h"
#include "model/matrix.h"
#include "model/random.h"
#include "model/team.h"

// Times what a training step and a prediction are made of, at the shapes of docs/performance.md:
// each loop of VectorKernels in every instruction set that this CPU has, the three matrix products,
// the gathering of shuffled rows, a team's round trip and the inference network. One thread, but
// for the team. Names are "what/shape/set"; Google Benchmark's own flags choose and repeat.

namespace mlp {
namespace {

using benchmark::Counter;
using benchmark::State;
using kernels::kPad;
using kernels::padded;
using kernels::VectorKernels;

struct Shape {
  const char* name;
  std::size_t batch;
  std::vector<std::size_t> widths;  // from the inputs to the outputs

  std::size_t inputs() const { return widths.front(); }
  std::size_t outputs() const { return widths.back(); }
  std::size_t parameters() const {
    std::size_t count = 0;
    for (std::size_t i = 1; i < widths.size(); ++i) count += (widths[i - 1] + 1) * widths[i];
    return padded(count);
  }
};

const Shape kA64 = {"a64", 64, {784, 128, 10}};
const Shape kC = {"c", 512, {100, 512, 256, 128, 10}};
const Shape kD = {"d", 1024, {784, 2048, 2048, 10}};

// Values in [-1, 1).
AlignedBuffer random_values(std::size_t count) {
  AlignedBuffer values(count);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < count; ++i) {
    state = state * 1664525 + 1013904223;
    values.data()[i] = static_cast<float>(state >> 8) * 0x1p-23F - 1;
  }
  return values;
}

// A matrix with random values and zeros in its padding.
struct Values {
  Values(std::size_t rows, std::size_t columns)
      : stride(padded(columns)), memory(random_values(rows * stride)) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = columns; j < stride; ++j) memory.data()[i * stride + j] = 0;
    }
    matrix = {memory.data(), rows, columns, stride};
  }

  std::size_t stride;
  AlignedBuffer memory;
  Matrix matrix;
};

void count_bytes(State& state, std::size_t bytes) {
  state.counters["bytes/s"] =
      Counter(static_cast<double>(bytes), Counter::kIsIterationInvariantRate);
}

void count_operations(State& state, std::size_t operations) {
  state.counters["flop/s"] =
      Counter(static_cast<double>(operations), Counter::kIsIterationInvariantRate);
}

// A name in three parts. `run` gets the state and does the whole benchmark.
template <typename Run>
benchmark::internal::Benchmark* add(const std::string& what, const std::string& shape,
                                    const std::string& variant, Run run) {
  const std::string name = what + '/' + shape + (variant.empty() ? "" : '/' + variant);
  return benchmark::RegisterBenchmark(name.c_str(), run)->Unit(benchmark::kMicrosecond);
}

// The loops over a hidden layer's outputs, of the first layer of a shape. Each value is read and
// written once for each matrix that a loop changes.
void add_hidden_loops(const VectorKernels& set, const std::string& variant, const Shape& shape) {
  const std::size_t rows = shape.batch;
  const std::size_t columns = shape.widths[1];
  const std::size_t bytes = rows * padded(columns) * sizeof(float);
  const auto add_loop = [&](const std::string& name, std::size_t passes, auto loop) {
    add(name, shape.name, variant, [=](State& state) {
      Values y(rows, columns);
      Values other(rows, columns);
      AlignedBuffer bias = random_values(padded(columns));
      for (auto _ : state) {
        loop(y, other, bias.data());
        benchmark::ClobberMemory();
      }
      count_bytes(state, bytes * passes);
    });
  };
  const kernels::DropoutStream stream = {{1, 2}, 0, 3, 1U << 22, 1};
  add_loop("add_bias", 2, [=, &set](Values& y, Values&, const float* bias) {
    set.add_bias(y.memory.data(), rows, columns, y.stride, bias);
  });
  add_loop("bias_relu", 2, [=, &set](Values& y, Values&, const float* bias) {
    set.bias_relu(y.memory.data(), rows, columns, y.stride, bias);
  });
  add_loop("bias_relu_dropout", 2, [=, &set](Values& y, Values&, const float* bias) {
    set.bias_relu_dropout(y.memory.data(), rows, columns, y.stride, bias, &stream, 0, 0);
  });
  add_loop("relu_backward", 3, [=, &set](Values& y, Values& dy, float* db) {
    set.relu_backward(y.memory.data(), dy.memory.data(), rows, columns, y.stride, 1, db);
  });
  add_loop("slope_backward", 3, [=, &set](Values& y, Values& dy, float* db) {
    set.slope_backward(y.memory.data(), dy.memory.data(), rows, columns, y.stride, db);
  });
  add_loop("column_sums", 1, [=, &set](Values& y, Values&, float* db) {
    set.column_sums(y.memory.data(), rows, columns, y.stride, db);
  });
  add_loop("accumulate", 3, [=, &set](Values& y, Values& from, const float*) {
    set.accumulate(y.memory.data(), from.memory.data(), rows, columns, y.stride);
  });
  for (const Activation f : {Activation::kTanh, Activation::kGelu, Activation::kSilu}) {
    const std::string function(name(f));
    add_loop("activate_" + function, 3, [=, &set](Values& y, Values& slope, const float* bias) {
      set.activate(f, y.memory.data(), slope.memory.data(), rows, columns, y.stride, bias, nullptr,
                   0, 0);
    });
    add_loop("activate_in_place_" + function, 2, [=, &set](Values& y, Values&, const float*) {
      set.activate_in_place(f, y.memory.data(), rows, columns, y.stride);
    });
  }
}

// The loops over a shape's outputs and over its parameters, pixels, and the inference kernel.
void add_other_loops(const VectorKernels& set, const std::string& variant, const Shape& shape) {
  const std::size_t rows = shape.batch;
  const std::size_t columns = shape.outputs();
  const std::size_t output_bytes = rows * padded(columns) * sizeof(float);
  add("softmax_cross_entropy", shape.name, variant, [=, &set](State& state) {
    Values logits(rows, columns);
    const std::vector<std::int32_t> classes(rows);
    std::vector<float> losses(rows);
    for (auto _ : state) {
      benchmark::DoNotOptimize(set.softmax_cross_entropy(
          logits.memory.data(), rows, columns, logits.stride, classes.data(), 0, 1, losses.data()));
    }
    count_bytes(state, output_bytes * 2);
  });
  add("sigmoid_cross_entropy", shape.name, variant, [=, &set](State& state) {
    Values logits(rows, columns);
    const std::vector<float> targets(rows * columns);
    std::vector<float> losses(rows);
    for (auto _ : state) {
      benchmark::DoNotOptimize(set.sigmoid_cross_entropy(
          logits.memory.data(), rows, columns, logits.stride, targets.data(), 0, 1, losses.data()));
    }
    count_bytes(state, output_bytes * 2);
  });
  add("softmax", shape.name, variant, [=, &set](State& state) {
    Values logits(rows, columns);
    for (auto _ : state) {
      set.softmax(logits.memory.data(), rows, columns, logits.stride);
      benchmark::ClobberMemory();
    }
    count_bytes(state, output_bytes * 2);
  });

  const std::size_t size = shape.parameters();
  const auto add_update = [&](const std::string& name, std::size_t passes, auto update) {
    add(name, shape.name, variant, [=](State& state) {
      AlignedBuffer w = random_values(size);
      AlignedBuffer m(size);
      AlignedBuffer v(size);
      const AlignedBuffer g0 = random_values(size);
      const AlignedBuffer g1 = random_values(size);
      const float* const gradients[] = {g0.data(), g1.data()};
      for (auto _ : state) {
        update(w.data(), m.data(), v.data(), gradients);
        benchmark::ClobberMemory();
      }
      count_bytes(state, size * sizeof(float) * passes);
    });
  };
  const kernels::AdamStep adam = {0.001F, 0.1F, 0.001F, 1e-7F, 1, 0};
  add_update("adam", 8, [=, &set](float* w, float* m, float* v, const float* const* gradients) {
    set.adam(w, m, v, gradients, 2, size, &adam);
  });
  const kernels::SgdStep sgd = {0.001F, 0.9F, false, 1, 0};
  add_update("sgd", 6, [=, &set](float* w, float* m, float*, const float* const* gradients) {
    set.sgd(w, m, gradients, 2, size, &sgd);
  });
  add_update("sum_of_squares", 2, [=, &set](float*, float*, float*, const float* const* gradients) {
    benchmark::DoNotOptimize(set.sum_of_squares(gradients, 2, size));
  });

  const std::size_t pixel_count = rows * shape.inputs();
  add("pixels", shape.name, variant, [=, &set](State& state) {
    const std::vector<std::uint8_t> from(pixel_count, 100);
    AlignedBuffer to(pixel_count);
    for (auto _ : state) {
      set.pixels(from.data(), pixel_count, to.data());
      benchmark::ClobberMemory();
    }
    count_bytes(state, pixel_count * (1 + sizeof(float)));
  });

  const std::size_t inputs = shape.inputs();
  const std::size_t units = shape.widths[1];
  for (const std::size_t dense_rows : {std::size_t{1}, std::size_t{32}, rows}) {
    add("dense_" + std::to_string(dense_rows), shape.name, variant, [=, &set](State& state) {
      const AlignedBuffer x = random_values(dense_rows * inputs);
      const std::vector<float> panels =
          kernels::pack_panels(random_values(inputs * units).data(), inputs, units);
      const AlignedBuffer bias = random_values(padded(units));
      AlignedBuffer y(dense_rows * padded(units));
      for (auto _ : state) {
        set.dense(x.data(), inputs, dense_rows, panels.data(), bias.data(), inputs, units, y.data(),
                  padded(units), true);
        benchmark::ClobberMemory();
      }
      count_operations(state, 2 * dense_rows * inputs * units);
    });
  }
}

// The products of every layer of a step: forward, gradient by the weights, gradient by the inputs.
void add_products(const Shape& shape) {
  for (std::size_t layer = 1; layer < shape.widths.size(); ++layer) {
    const std::size_t inputs = shape.widths[layer - 1];
    const std::size_t outputs = shape.widths[layer];
    const std::string variant =
        std::to_string(shape.batch) + "x" + std::to_string(inputs) + "x" + std::to_string(outputs);
    const auto add_product = [&](const std::string& name, auto product) {
      add(name, shape.name, variant, [=, batch = shape.batch](State& state) {
        Values x(batch, inputs);
        Values w(inputs, outputs);
        Values y(batch, outputs);
        product(x.matrix, w.matrix, y.matrix);  // oneDNN makes its code at the first call
        for (auto _ : state) {
          product(x.matrix, w.matrix, y.matrix);
          benchmark::ClobberMemory();
        }
        count_operations(state, 2 * batch * inputs * outputs);
      });
    };
    add_product("gemm_forward", [](Matrix x, Matrix w, Matrix y) { kernels::multiply(x, w, y); });
    add_product("gemm_backward_weights",
                [](Matrix x, Matrix w, Matrix y) { kernels::multiply_transposed_left(x, y, w); });
    add_product("gemm_backward_data",
                [](Matrix x, Matrix w, Matrix y) { kernels::multiply_transposed_right(y, w, x); });
  }
}

// As many rows as MNIST has.
Features make_features(FeatureType type, std::size_t width) {
  constexpr std::size_t kRows = 60'000;
  Features features;
  features.type = type;
  features.width = width;
  if (type == FeatureType::kFloat32) {
    features.floats.assign(kRows * width, 0.5F);
  } else if (type == FeatureType::kUint8) {
    features.bytes.assign(kRows * width, 100);
  } else {
    // A tenth of the columns are numbers; the others are five one-hot columns.
    constexpr std::size_t kOnes = 5;
    const std::size_t numbers = width / 10;
    const std::size_t categories = (width - numbers) / kOnes;
    features.layout = {numbers, kOnes, 0};
    for (std::size_t row = 0; row < kRows; ++row) {
      features.words.insert(features.words.end(), numbers, 0x3F800000U);
      for (std::size_t i = 0; i < kOnes; ++i)
        features.words.push_back(
            static_cast<std::uint32_t>(numbers + categories * i + row * 7 % categories));
    }
  }
  return features;
}

// A batch of shuffled rows.
void add_gathers(const Shape& shape) {
  for (const auto& [type, type_name] : {std::pair{FeatureType::kFloat32, "float"},
                                        {FeatureType::kUint8, "uint8"},
                                        {FeatureType::kCoded, "coded"}}) {
    add("gather", shape.name, type_name, [type, &shape](State& state) {
      const Features features = make_features(type, shape.inputs());
      std::vector<std::uint32_t> rows(features.rows());
      std::iota(rows.begin(), rows.end(), 0U);
      Rng(1, RandomPurpose::kShuffle, 0).shuffle(rows);
      Values to(shape.batch, features.width);
      std::size_t first = 0;
      for (auto _ : state) {
        gather(features.view(), std::span(rows).subspan(first, shape.batch), to.matrix);
        benchmark::ClobberMemory();
        first += shape.batch;
        if (first + shape.batch > rows.size()) first = 0;
      }
      count_bytes(state,
                  shape.batch * (features.view().row_bytes() + features.width * sizeof(float)));
    });
  }
}

// Each piece waits for the other, since a worker alone would take both.
void add_team() {
  add("team", "2 workers", "round trip", [](State& state) {
    Team team(2);
    if (team.workers() != 2) return state.SkipWithError("the system grants no second thread");
    std::atomic<std::uint64_t> arrived{0};
    std::uint64_t expected = 0;
    for (auto _ : state) {
      expected += 2;
      team.for_each(2, [&](std::size_t, std::size_t) {
        arrived.fetch_add(1);
        while (arrived.load() < expected) __builtin_ia32_pause();
      });
    }
  })->UseRealTime();
}

void add_inference(const Shape& shape) {
  for (const std::size_t rows : {1U, 32U, 1024U}) {
    add("inference", shape.name, std::to_string(rows) + " rows", [=, &shape](State& state) {
      Weights weights;
      for (std::size_t i = 1; i < shape.widths.size(); ++i) {
        const std::size_t count = shape.widths[i - 1] * shape.widths[i];
        const AlignedBuffer values = random_values(count);
        weights.layers.push_back({shape.widths[i - 1],
                                  shape.widths[i],
                                  {values.data(), values.data() + count},
                                  std::vector<float>(shape.widths[i])});
      }
      const InferenceNetwork network(weights, Activation::kRelu);
      InferenceNetwork::Workspace workspace;
      const AlignedBuffer x = random_values(rows * shape.inputs());
      const ConstMatrix view = {x.data(), rows, shape.inputs(), shape.inputs()};
      for (auto _ : state) benchmark::DoNotOptimize(network.forward(view, workspace));
      count_operations(state, 2 * rows * network.multiplications());
    });
  }
}

void add_all() {
  for (const Shape* const shape : {&kA64, &kC}) {
    for (const kernels::InstructionSet set : kernels::kInstructionSets) {
      const VectorKernels* const vector = kernels::vector_kernels(set);
      if (vector == nullptr) continue;
      add_hidden_loops(*vector, std::string(kernels::name(set)), *shape);
      add_other_loops(*vector, std::string(kernels::name(set)), *shape);
    }
    add_gathers(*shape);
    add_inference(*shape);
  }
  for (const Shape* const shape : {&kA64, &kC, &kD}) add_products(*shape);
  add_team();
}

}  // namespace
}  // namespace mlp

int main(int argc, char** argv) {
  mlp::kernels::prepare_thread();
  mlp::add_all();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::AddCustomContext(
      "instruction_set",
      std::string(mlp::kernels::name(mlp::kernels::vector_kernels().instruction_set)));
  benchmark::AddCustomContext(
      "onednn", mlp::kernels::onednn_version() + " " + mlp::kernels::onednn_instruction_set());
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
