#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "entrypoint/commands.h"
#include "entrypoint/console.h"
#include "model/hdf5_file.h"
#include "model/kernels/engine.h"
#include "model/kernels/vector.h"
#include "runtime/sagemaker/hyperparameters.h"
#include "runtime/training/metric_log.h"

namespace mlp {

void describe_command(const CommandLine&) {
  nlohmann::ordered_json description;
  description["version"] = MLP_VERSION;
  description["hyperparameters"] = describe_hyperparameters();
  description["metric_definitions"] = metric_definitions();
  print_line(description.dump(2));
}

std::string version_text() {
  return fmt::format("mlp {} (oneDNN {}, HDF5 {}, {})", MLP_VERSION, kernels::onednn_version(),
                     hdf5_version(), kernels::name(kernels::vector_kernels().instruction_set));
}

}  // namespace mlp
