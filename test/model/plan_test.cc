#include "model/plan.h"

#include <doctest/doctest.h>

namespace mlp {
namespace {

MlpConfig network(std::size_t inputs, std::vector<std::size_t> hidden, std::size_t outputs) {
  return {inputs, std::move(hidden), outputs, 0};
}

}  // namespace

TEST_SUITE("model") {
  TEST_CASE("make_plan: one thread, and steps too small to share, get one shard") {
    CHECK(make_plan(network(784, {128}, 10), 64, 1).shards == 1);
    CHECK(make_plan(network(10, {16}, 1), 32, 8).shards == 1);
    CHECK(make_plan(network(30, {64, 32}, 1), 32, 2).shards == 1);
  }

  TEST_CASE("make_plan: the split that moves fewer bytes between cores wins") {
    // 2 * 4 * 101,770 bytes by rows, 2 * 4 * 64 * 10 by units.
    const Plan wide = make_plan(network(784, {128}, 10), 64, 2);
    CHECK(wide.split == Split::kUnits);
    CHECK(wide.shards == 2);
    // A large batch of a small net: 8 * 2,602 bytes by rows, 8 * 8,192 * 10 by units.
    const Plan tall = make_plan(network(30, {64}, 10), 8192, 2);
    CHECK(tall.split == Split::kRows);
    CHECK(tall.shards == 2);
    CHECK(make_plan(network(100, {512, 256, 128}, 10), 512, 2).split == Split::kRows);
  }

  TEST_CASE("make_plan: embeddings are learned in shards of rows") {
    MlpConfig with = network(784, {128}, 10);
    with.embeddings = {{50, 8}};
    CHECK(make_plan(with, 64, 2).split == Split::kRows);
    CHECK(make_plan(with, 64, 2).shards == 2);
  }

  TEST_CASE("make_plan: shards are never smaller than their work pays") {
    CHECK(make_plan(network(784, {128, 64}, 10), 64, 96).shards == 4);  // 16 rows each
    CHECK(make_plan(network(784, {128}, 10), 4096, 96).shards ==
          96);  // by rows: more of them than of units
  }

  TEST_CASE("make_plan: in bfloat16 shards are of rows, and whole tiles of them") {
    const Plan plan = make_plan(network(784, {128}, 10), 64, 8, Precision::kBfloat16);
    CHECK(plan.split == Split::kRows);
    CHECK(plan.shards == 2);
    CHECK(shard_of_rows(40, plan, 0).size() == 32);
    CHECK(shard_of_rows(40, plan, 1).size() == 8);
  }

  TEST_CASE("make_plan: in bfloat16 gradients or activations are shared, as moves fewer bytes") {
    const auto way = [](const MlpConfig& config, std::size_t batch_size, std::size_t threads) {
      return make_plan(config, batch_size, threads, Precision::kBfloat16).weight_gradients;
    };
    // 8 * 4,097 bytes of gradients; 2 * 256 * (30 + 2 * 64 + 2 * 32 + 1) of the others.
    CHECK(way(network(30, {64, 32}, 1), 256, 2) == WeightGradients::kByShards);
    // 8 * 101,770 and 2 * 64 * (784 + 2 * 128 + 10).
    CHECK(way(network(784, {128}, 10), 64, 2) == WeightGradients::kByBlocks);
    // Nobody to share with.
    CHECK(way(network(30, {64, 32}, 1), 256, 1) == WeightGradients::kByBlocks);
    CHECK(way(network(10, {16}, 1), 32, 8) == WeightGradients::kByBlocks);
    CHECK(make_plan(network(100, {512, 256}, 10), 512, 2).weight_gradients ==
          WeightGradients::kByShards);
  }

  TEST_CASE("shard_of_rows: covers all rows once, in groups of four, empty ones last") {
    for (const std::size_t rows :
         {std::size_t{1}, std::size_t{31}, std::size_t{32}, std::size_t{64}, std::size_t{97}}) {
      for (const std::size_t shards :
           {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{8}}) {
        std::size_t next = 0;
        bool empty = false;
        for (std::size_t index = 0; index < shards; ++index) {
          const Range range = shard_of_rows(rows, Plan{Split::kRows, shards}, index);
          CHECK(range.begin == next);
          CHECK((range.begin % 4 == 0 || range.size() == 0));
          CHECK((!empty || range.size() == 0));
          empty = range.size() == 0;
          next = range.end;
        }
        CHECK(next == rows);
      }
    }
  }

  TEST_CASE("shard_of_units: covers all units once, in whole panels of 16") {
    for (const std::size_t units :
         {std::size_t{32}, std::size_t{100}, std::size_t{128}, std::size_t{1000}}) {
      for (const std::size_t shards : {std::size_t{1}, std::size_t{2}}) {
        std::size_t next = 0;
        for (std::size_t index = 0; index < shards; ++index) {
          const Range range = shard_of_units(units, shards, index);
          CHECK(range.begin == next);
          CHECK(range.begin % 16 == 0);
          CHECK(range.size() > 0);
          next = range.end;
        }
        CHECK(next == units);
      }
    }
  }
}

}  // namespace mlp
