#include <unistd.h>

#include <cstdlib>

// Ends the program with a sentence on a CPU that lacks what all other sources are compiled for
// (cmake/options.cmake), instead of by a signal at the first such instruction. Compiled for any
// x86-64, and run before the constructors of the program and of its libraries.

namespace {

constexpr int kUserError = 1;
constexpr char kText[] =
    "error: This CPU, or what emulates it, lacks instructions that mlp needs (x86-64-v2: SSSE3, "
    "SSE4.1, SSE4.2, POPCNT). Use a machine of 2009 or later, or let the emulator show a newer "
    "CPU (qemu: -cpu max).\n";

void require_baseline(int, char**, char**) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1") &&
      __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")) {
    return;
  }
  const ssize_t ignored = write(STDERR_FILENO, kText, sizeof kText - 1);
  static_cast<void>(ignored);
  _exit(kUserError);
}

__attribute__((section(".preinit_array"), used)) void (*const run_first)(int, char**,
                                                                         char**) = require_baseline;

}  // namespace
