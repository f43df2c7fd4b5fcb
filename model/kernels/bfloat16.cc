#include "model/kernels/bfloat16.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>

#include "model/kernels/bfloat16_sets.h"

namespace mlp::kernels {
namespace {

bool has_avx512_bf16() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned kAvx512Bf16 = 1U << 5;  // EAX of leaf 7, 1
  return vector_kernels(InstructionSet::kAvx512) != nullptr &&
         __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & kAvx512Bf16) != 0;
}

// The system grants tiles to processes that ask for them.
bool has_amx() {
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  constexpr unsigned kAmx = 1U << 22 | 1U << 24;  // bfloat16 and tiles: EDX of leaf 7, 0
  constexpr long kRequestPermission = 0x1023;     // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;                  // XFEATURE_XTILEDATA
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & kAmx) == kAmx &&
         ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

const Bfloat16Kernels* choose() {
  const std::optional<InstructionSet> cap = instruction_set_cap();
  if (cap && *cap < InstructionSet::kAvx512Bf16) return nullptr;
  const Bfloat16Kernels* const amx = cap ? nullptr : bfloat16_kernels(Bfloat16Set::kAmx);
  return amx != nullptr ? amx : bfloat16_kernels(Bfloat16Set::kAvx512);
}

}  // namespace

std::size_t product_scratch() { return kBlockRows * kBlockColumns; }

const Bfloat16Kernels* bfloat16_kernels() {
  static const Bfloat16Kernels* const chosen = choose();
  return chosen;
}

const Bfloat16Kernels* bfloat16_kernels(Bfloat16Set set) {
  static const bool avx512 = has_avx512_bf16();
  static const bool amx = avx512 && has_amx();
  if (set == Bfloat16Set::kAmx) return amx ? &kAmxBfloat16Kernels : nullptr;
  return avx512 ? &kAvx512Bfloat16Kernels : nullptr;
}

bool avx512_bfloat16_doubles() {
  __builtin_cpu_init();
  return __builtin_cpu_is("amd") != 0;
}

std::string_view name(Bfloat16Set set) { return set == Bfloat16Set::kAmx ? "amx" : "avx512_bf16"; }

}  // namespace mlp::kernels
