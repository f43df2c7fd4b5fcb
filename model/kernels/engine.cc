#include "model/kernels/engine.h"

#include <pmmintrin.h>
#include <xmmintrin.h>

#include "model/kernels/onednn.h"
#include "model/kernels/vector.h"

// Of the OpenMP run time that oneDNN is built on. Declared here because clang's <omp.h> brings
// another run time.
extern "C" void omp_set_num_threads(int threads);

namespace mlp::kernels {

void prepare_thread() {
  _mm_setcsr(_mm_getcsr() | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON);
  omp_set_num_threads(1);
  vector_kernels();  // A cap on instruction sets must reach oneDNN before its first use.
}

std::string onednn_version() {
  const dnnl_version_t* const version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

std::string onednn_instruction_set() {
  vector_kernels();  // Its cap is oneDNN's.
  const std::string text = dnnl_cpu_isa2str(dnnl_get_effective_cpu_isa());
  const std::string prefix = "cpu_isa_";
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

}  // namespace mlp::kernels
