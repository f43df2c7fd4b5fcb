#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>

#include "model/kernels/bfloat16.h"
#include "model/kernels/vector.h"
#include "test/support/temp_directory.h"
#include "test/system/made_data.h"
#include "test/system/mlp_program.h"

// The program with instruction sets masked off; test/emulation has it on CPUs that lack them.

namespace mlp::test {
namespace {

using kernels::InstructionSet;

// The set that oneDNN has to name where ours is the cap; "" where that is not told.
const char* onednn_set(InstructionSet cap) {
  switch (cap) {
    case InstructionSet::kBaseline:
      return "sse41";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kAvx512:
      return "avx512_core";
    case InstructionSet::kAvx512Bf16:
      break;  // has no float32 kernels
  }
  return "";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_SUITE("system/instruction_set") {
  TEST_CASE("mlp: a cap on instruction sets holds for training, predicting and oneDNN") {
    for (const InstructionSet set : kernels::kInstructionSets) {
      if (kernels::vector_kernels(set) == nullptr) continue;
      const std::string name(kernels::name(set));
      CAPTURE(name);
      const VariableMap variables = {{kernels::kCapVariable, name}};
      const ProgramEnd version = run_well(native("/", {"--version"}, variables));
      CHECK(captures(version.out, "oneDNN [0-9.]+ ([a-z0-9_]+),").at(0) == onednn_set(set));
      CHECK(contains(version.out, fmt::format(", {})", name)));

      const TempDirectory folder;
      folder.write("data/mnist.npz", small_mnist_npz());
      const ProgramEnd end = run_well(native(folder.path(), {"train", "--epochs", "2"}, variables));
      CHECK(contains(end.err, fmt::format("workers, {}\n", name)));
      CHECK(std::stod(captures(end.out, "val_accuracy: ([0-9.]+)").back()) > 0.95);
      const ProgramEnd predicted =
          run_well(native(folder.path(), {"predict", "--input", "data/mnist.npz"}, variables));
      CHECK(lines_of(predicted.out).size() == 1 + 500);
    }
  }

  TEST_CASE("mlp train: precision=auto goes by the rows that a step has") {
    if (kernels::bfloat16_kernels() == nullptr) return;
    const TempDirectory folder;
    std::string table = "a,b,target\n";
    for (int row = 0; row < 60; ++row) table += fmt::format("{},{},{}\n", row, row % 7, row % 2);
    folder.write("data/table.csv", table);
    const ProgramEnd end =
        run_program(native(folder.path(), {"train", "--target", "target", "--epochs", "1",
                                           "--precision", "auto", "--batch_size", "100000"}));
    CHECK(end.exit_code == 0);
    CHECK(contains(end.err, "Precision: float32, since"));
  }

  TEST_CASE(
      "mlp train: precision says what is multiplied in, and bfloat16 needs a CPU that has it") {
    const TempDirectory folder;
    folder.write("data/mnist.npz", small_mnist_npz());
    const auto train = [&](const char* precision, const VariableMap& variables) {
      return run_program(
          native(folder.path(), {"train", "--epochs", "2", "--precision", precision}, variables));
    };
    const VariableMap capped = {{kernels::kCapVariable, "avx512"}};
    CHECK(contains(train("float32", {}).err, "Precision: float32, as it is set"));
    const ProgramEnd refused = train("bfloat16", capped);
    CHECK(refused.exit_code == 1);
    CHECK(contains(refused.err, "precision: found bfloat16, but"));
    const ProgramEnd chosen = train("auto", capped);
    CHECK(chosen.exit_code == 0);
    CHECK(contains(chosen.err, "Precision: float32, since no bfloat16 instructions are in use"));

    if (kernels::bfloat16_kernels() == nullptr) return;
    const bool has_amx = kernels::bfloat16_kernels(kernels::Bfloat16Set::kAmx) != nullptr;
    const std::string without_amx = kernels::avx512_bfloat16_doubles()
                                        ? "Precision: float32, since steps are too small"
                                        : "Precision: float32, since this CPU's AVX512-BF16 is no";
    CHECK(contains(train("auto", {}).err,
                   has_amx ? "Precision: bfloat16 (amx), since AMX" : without_amx));
    CHECK(contains(train("auto", {{kernels::kCapVariable, "avx512_bf16"}}).err, without_amx));
    for (const VariableMap& variables :
         {VariableMap(), VariableMap{{kernels::kCapVariable, "avx512_bf16"}}}) {
      const ProgramEnd end = train("bfloat16", variables);
      const std::string set = variables.empty() && has_amx ? "amx" : "avx512_bf16";
      CHECK(contains(end.err, fmt::format("Precision: bfloat16 ({}), as it is set", set)));
      CHECK(std::stod(captures(end.out, "val_accuracy: ([0-9.]+)").back()) > 0.95);
      const std::string model = read_bytes(folder.path() / "model/model.h5");
      std::filesystem::remove(folder.path() / "model/model.h5");
      CHECK(train("bfloat16", variables).exit_code == 0);
      CHECK(model == read_bytes(folder.path() / "model/model.h5"));
      CHECK(contains(
          model, fmt::format(R"("precision":{{"name":"bfloat16","instruction_set":"{}")", set)));
    }
  }

  TEST_CASE("mlp: a cap that names no instruction set is refused, with those that there are") {
    for (const char* const command : {"train", "predict", "serve", "--version"}) {
      CAPTURE(command);
      const ProgramEnd end =
          run_program(native("/", {command}, {{kernels::kCapVariable, "avx-512"}}));
      CHECK(end.exit_code == 1);
      CHECK(contains(end.err, "MLP_MAX_CPU_ISA is \"avx-512\""));
      CHECK(contains(end.err, "baseline, avx2, avx512"));
    }
    run_well(native("/", {"--version"}, {{kernels::kCapVariable, ""}}));
    run_well(native("/", {"--help"}, {{kernels::kCapVariable, "avx-512"}}));
  }
}

}  // namespace mlp::test
