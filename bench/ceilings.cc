
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <oneapi/dnnl/dnnl.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

// What a machine gives, for bench/train.py. Prints one line of JSON.
//
//   mlp_bench_ceilings FOLDER SECONDS
//
// For the network and batch of FOLDER/config.json (as bench/step.cc has it), on two threads,
// medians over SECONDS each:
//
//   gemm_float32_us     all matrix products of a training step by dnnl_sgemm, one after another
//   gemm_bfloat16_us    the same by oneDNN's matmul in bfloat16 (the gradients by the weights come
//                       out in float32); null where the CPU has no instructions for it
//   gemm_flops          their floating-point operations, of the first layer without the gradient
//                       by its input
//   parameters          how many weights and biases there are
//   triad_gb_s          a[i] = b[i] + s c[i] over three arrays that together are as large as
//                       weights, gradients and the optimizer's two moments: 12 bytes an element
//
//   mlp_bench_ceilings latency
//
//   round_trip_ns       median time in which a cache line goes from one core to another and back,
//                       between the first two CPUs that this process may use; null if it has one

// Of the OpenMP run time that oneDNN is built on. Declared here because clang's <omp.h> brings
// another run time.
extern "C" void omp_set_num_threads(int threads);

namespace {

using Clock = std::chrono::steady_clock;
using dnnl::memory;
using nlohmann::json;

constexpr int kThreads = 2;

struct Layer {
  std::size_t in;
  std::size_t out;
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The median time of a call in seconds, over about so many seconds and at least three calls.
double time_of(const std::function<void()>& work, double seconds) {
  const Clock::time_point warm_up = Clock::now();
  do {
    work();
  } while (seconds_since(warm_up) < seconds / 4);
  std::vector<double> times;
  const Clock::time_point start = Clock::now();
  do {
    const Clock::time_point before = Clock::now();
    work();
    times.push_back(seconds_since(before));
  } while (seconds_since(start) < seconds || times.size() < 3);
  return median(std::move(times));
}

std::vector<Layer> read_layers(const json& config) {
  std::vector<Layer> layers;
  std::size_t in = config.at("inputs");
  for (const std::size_t out : config.at("hidden").get<std::vector<std::size_t>>()) {
    layers.push_back({in, out});
    in = out;
  }
  layers.push_back({in, config.at("outputs")});
  return layers;
}

// Numbers in [-1, 1): equal ones would spare the multipliers power, and so time.
std::vector<float> random_numbers(std::size_t count) {
  std::vector<float> numbers(count);
  std::uint64_t state = count + 1;
  for (float& number : numbers) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    number = static_cast<float>(static_cast<std::int32_t>(state >> 32U)) * 0x1p-31F;
  }
  return numbers;
}

void multiply(char transpose_a, char transpose_b, std::size_t m, std::size_t n, std::size_t k,
              const std::vector<float>& a, const std::vector<float>& b, std::vector<float>& c) {
  const auto size = [](std::size_t value) { return static_cast<dnnl_dim_t>(value); };
  const dnnl_status_t status =
      dnnl_sgemm(transpose_a, transpose_b, size(m), size(n), size(k), 1.0F, a.data(),
                 size(transpose_a == 'T' ? m : k), b.data(), size(transpose_b == 'T' ? k : n), 0.0F,
                 c.data(), size(n));
  if (status != dnnl_success) throw std::runtime_error("dnnl_sgemm");
}

double time_float32(const std::vector<Layer>& layers, std::size_t batch, double seconds) {
  struct Arrays {
    std::vector<float> x, w, y, dy, dw, dx;
  };
  std::vector<Arrays> arrays;
  arrays.reserve(layers.size());
  for (const auto& [in, out] : layers) {
    arrays.push_back({random_numbers(batch * in), random_numbers(in * out),
                      std::vector<float>(batch * out), random_numbers(batch * out),
                      std::vector<float>(in * out), std::vector<float>(batch * in)});
  }
  return time_of(
      [&] {
        for (std::size_t l = 0; l < layers.size(); ++l) {
          multiply('N', 'N', batch, layers[l].out, layers[l].in, arrays[l].x, arrays[l].w,
                   arrays[l].y);
        }
        for (std::size_t l = layers.size(); l-- > 0;) {
          multiply('T', 'N', layers[l].in, layers[l].out, batch, arrays[l].x, arrays[l].dy,
                   arrays[l].dw);
          if (l == 0) break;
          multiply('N', 'T', batch, layers[l].in, layers[l].out, arrays[l].dy, arrays[l].w,
                   arrays[l].dx);
        }
      },
      seconds);
}

// One product of matrices in bfloat16, with memory of its own.
class Product {
 public:
  Product(const dnnl::engine& engine, dnnl::stream& stream, std::size_t m, std::size_t n,
          std::size_t k, bool transpose_a, bool transpose_b, memory::data_type result)
      : stream_(stream) {
    const auto describe = [](std::size_t rows, std::size_t columns, memory::data_type type,
                             bool transposed) {
      return memory::desc({static_cast<memory::dim>(rows), static_cast<memory::dim>(columns)}, type,
                          transposed ? memory::format_tag::ba : memory::format_tag::ab);
    };
    const memory::desc a = describe(m, k, memory::data_type::bf16, transpose_a);
    const memory::desc b = describe(k, n, memory::data_type::bf16, transpose_b);
    const memory::desc c = describe(m, n, result, false);
#if DNNL_VERSION_MAJOR >= 3
    matmul_ = dnnl::matmul(dnnl::matmul::primitive_desc(engine, a, b, c));
#else
    matmul_ = dnnl::matmul(dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, c), engine));
#endif
    arguments_ = {{DNNL_ARG_SRC, fill(a, engine, m * k)},
                  {DNNL_ARG_WEIGHTS, fill(b, engine, k * n)},
                  {DNNL_ARG_DST, memory(c, engine)}};
  }

  void execute() {
    matmul_.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  static memory fill(const memory::desc& description, const dnnl::engine& engine,
                     std::size_t count) {
    memory filled(description, engine);
    const std::vector<float> numbers = random_numbers(count);
    auto* const bits = static_cast<std::uint16_t*>(filled.get_data_handle());
    for (std::size_t i = 0; i < count; ++i) {
      bits[i] = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(numbers[i]) >> 16U);
    }
    return filled;
  }

  dnnl::stream& stream_;
  dnnl::matmul matmul_;
  std::unordered_map<int, memory> arguments_;
};

json time_bfloat16(const std::vector<Layer>& layers, std::size_t batch, double seconds) {
  if (__builtin_cpu_supports("avx512bf16") == 0) return nullptr;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  const memory::data_type bf16 = memory::data_type::bf16;
  std::vector<Product> products;
  products.reserve(3 * layers.size());
  for (const auto& [in, out] : layers) {
    products.emplace_back(engine, stream, batch, out, in, false, false, bf16);
  }
  for (std::size_t l = layers.size(); l-- > 0;) {
    const auto& [in, out] = layers[l];
    products.emplace_back(engine, stream, in, out, batch, true, false, memory::data_type::f32);
    if (l == 0) break;
    products.emplace_back(engine, stream, batch, in, out, false, true, bf16);
  }
  return 1e6 * time_of(
                   [&] {
                     for (Product& product : products) product.execute();
                   },
                   seconds);
}

// In the widest instructions that the CPU has.
__attribute__((target_clones("avx512f", "avx2", "default"))) void triad(const float* __restrict b,
                                                                        const float* __restrict c,
                                                                        float* __restrict a,
                                                                        std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) a[i] = b[i] + 0.5F * c[i];
}

// Bytes per second.
double triad_rate(std::size_t bytes, double seconds) {
  const std::size_t part = std::max<std::size_t>(bytes / (3 * sizeof(float) * kThreads), 16);
  std::vector<double> rates(kThreads);
  std::atomic<int> ready{0};
  const auto work = [&](std::size_t thread) {
    const std::vector<float> b = random_numbers(part);
    const std::vector<float> c = random_numbers(part);
    std::vector<float> a(part);
    // So many passes that the clock costs nothing.
    const std::size_t passes = 1 + (std::size_t{1} << 20U) / part;
    ready.fetch_add(1);
    while (ready.load() < kThreads) continue;
    const double time = time_of(
        [&] {
          for (std::size_t i = 0; i < passes; ++i) triad(b.data(), c.data(), a.data(), part);
        },
        seconds);
    rates[thread] = static_cast<double>(passes * part * 3 * sizeof(float)) / time;
  };
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
  double sum = 0;
  for (const double rate : rates) sum += rate;
  return sum;
}

json ceilings(const std::filesystem::path& folder, double seconds) {
  const json config = json::parse(std::ifstream(folder / "config.json"));
  const std::vector<Layer> layers = read_layers(config);
  const std::size_t batch = config.at("batch_size");
  double flops = 0;
  std::size_t parameters = 0;
  for (const auto& [in, out] : layers) {
    parameters += (in + 1) * out;
    const double products = parameters == (in + 1) * out ? 2 : 3;
    flops += products * 2.0 * static_cast<double>(batch) * static_cast<double>(in * out);
  }
  omp_set_num_threads(kThreads);
  return {{"gemm_float32_us", 1e6 * time_float32(layers, batch, seconds)},
          {"gemm_bfloat16_us", time_bfloat16(layers, batch, seconds)},
          {"gemm_flops", flops},
          {"parameters", parameters},
          {"triad_gb_s", 1e-9 * triad_rate(parameters * 4 * sizeof(float), seconds / 4)}};
}

std::vector<int> usable_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) throw std::runtime_error("sched_getaffinity");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) throw std::runtime_error("sched_setaffinity");
}

json latency() {
  const std::vector<int> cpus = usable_cpus();
  if (cpus.size() < 2) return {{"round_trip_ns", nullptr}};
  constexpr std::uint32_t kTrips = 1000;
  constexpr std::uint32_t kSamples = 200;
  struct alignas(128) Line {
    std::atomic<std::uint32_t> value{0};
  } line;
  std::thread answers([&] {
    stay_on(cpus[1]);
    for (std::uint32_t trip = 0; trip < kTrips * kSamples; ++trip) {
      while (line.value.load(std::memory_order_acquire) != 2 * trip + 1) continue;
      line.value.store(2 * trip + 2, std::memory_order_release);
    }
  });
  stay_on(cpus[0]);
  std::vector<double> samples;
  for (std::uint32_t trip = 0; trip < kTrips * kSamples;) {
    const Clock::time_point start = Clock::now();
    for (std::uint32_t i = 0; i < kTrips; ++i, ++trip) {
      line.value.store(2 * trip + 1, std::memory_order_release);
      while (line.value.load(std::memory_order_acquire) != 2 * trip + 2) continue;
    }
    samples.push_back(seconds_since(start) * 1e9 / kTrips);
  }
  answers.join();
  return {{"round_trip_ns", median(std::move(samples))}};
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() == 1 && arguments[0] == "latency") {
      std::cout << latency().dump() << '\n';
    } else if (arguments.size() == 2) {
      std::cout << ceilings(arguments[0], std::stod(arguments[1])).dump() << '\n';
    } else {
      throw std::runtime_error("expected FOLDER SECONDS, or latency");
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
