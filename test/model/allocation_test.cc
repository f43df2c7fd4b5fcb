#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <new>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "model/artifact.h"
#include "model/inference.h"
#include "model/kernels/engine.h"
#include "model/predictor.h"
#include "test/support/reference.h"

// All memory that this program's own code asks for is counted: by operator new, and by the linker's
// option --wrap, which leads calls of malloc() and its like here.

namespace {

std::atomic<std::size_t> allocations{0};

}  // namespace

extern "C" {
void* __real_malloc(std::size_t size);
void* __real_calloc(std::size_t count, std::size_t size);
void* __real_realloc(void* memory, std::size_t size);
void* __real_aligned_alloc(std::size_t alignment, std::size_t size);
void* __wrap_malloc(std::size_t size);
void* __wrap_calloc(std::size_t count, std::size_t size);
void* __wrap_realloc(void* memory, std::size_t size);
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size);

void* __wrap_malloc(std::size_t size) {
  ++allocations;
  return __real_malloc(size);
}
void* __wrap_calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __real_calloc(count, size);
}
void* __wrap_realloc(void* memory, std::size_t size) {
  ++allocations;
  return __real_realloc(memory, size);
}
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size) {
  ++allocations;
  return __real_aligned_alloc(alignment, size);
}
}

void* operator new(std::size_t size) {
  void* const memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
// Not inlined, lest g++ take new and free() for a pair that does not match.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace mlp {
namespace {

using Sizes = std::initializer_list<std::size_t>;

DenseWeights dense(std::size_t inputs, std::size_t outputs, std::uint32_t seed) {
  return {inputs, outputs, test::random_floats(inputs * outputs, seed),
          test::random_floats(outputs, seed + 1)};
}

// Allocations of `work`, done a second time.
template <typename Work>
std::size_t when_warm(Work&& work) {
  work();
  const std::size_t before = allocations;
  work();
  return allocations - before;
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("allocations: new, and memory of its own for a workspace, are counted") {
    const std::size_t before = allocations;
    const std::vector<float> values(1000, 1.0F);
    CHECK(allocations == before + 1);
    const AlignedBuffer buffer(1000);
    CHECK(allocations == before + 2);
    CHECK(values.front() + buffer.data()[0] == 1);
  }

  TEST_CASE("InferenceNetwork: a call like one before allocates nothing") {
    kernels::prepare_thread();
    Weights weights;
    weights.embeddings = {{7, 5, test::random_floats(35, 6)}};
    weights.layers = {dense(19 + 5, 300, 1), dense(300, 40, 3), dense(40, 3, 5)};
    std::vector<float> x = test::random_floats(500 * 20, 4);
    for (std::size_t row = 0; row < 500; ++row) x[row * 20 + 19] = static_cast<float>(row % 7);
    std::vector<std::uint32_t> indices(500);
    std::iota(indices.begin(), indices.end(), 0U);
    for (const Activation activation : {Activation::kRelu, Activation::kGelu}) {
      const InferenceNetwork network(weights, activation);
      InferenceNetwork::Workspace workspace;
      CHECK(when_warm([&] {
              for (const std::size_t rows : Sizes{500, 1, 32, 193}) {
                network.forward(ConstMatrix{x.data(), rows, 20, 20}, workspace);
                network.forward({FeatureType::kFloat32, x.data(), 500, 20, {}},
                                std::span(indices).first(rows), workspace);
              }
            }) == 0);
    }
  }

  TEST_CASE("Predictor: jobs like those before allocate nothing") {
    kernels::prepare_thread();
    Artifact artifact;
    artifact.schema.row_shape = {28, 28};
    artifact.schema.task = Task::kClassification;
    for (int i = 0; i < 10; ++i) artifact.schema.labels.push_back(std::to_string(i));
    artifact.weights.layers = {dense(784, 128, 1), dense(128, 10, 3)};
    artifact.mean = test::random_floats(784, 8);
    artifact.variance = std::vector<float>(784, 0.3F);
    const Predictor predictor(artifact);
    const std::vector<std::uint8_t> pixels(300 * 784, 9);
    std::vector<float> predictions(300 * 10);
    std::vector<float> logits(300 * 10);
    Predictor::Workspace workspace;
    CHECK(when_warm([&] {
            for (const std::size_t rows : Sizes{300, 1}) {
              const Predictor::Job job = {{FeatureType::kUint8, pixels.data(), rows, 784, {}},
                                          predictions.data(),
                                          logits.data()};
              predictor.predict(std::span(&job, 1), workspace);
            }
          }) == 0);
  }
}

}  // namespace mlp
