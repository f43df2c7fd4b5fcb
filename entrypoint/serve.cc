#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "entrypoint/commands.h"
#include "entrypoint/console.h"
#include "entrypoint/load_model.h"
#include "entrypoint/stop_signal.h"
#include "runtime/sagemaker/serving_environment.h"
#include "runtime/serving/invocations.h"
#include "runtime/serving/server.h"
#include "runtime/system/cpus.h"
#include "runtime/system/files.h"

namespace mlp {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostTransformMegabytes = 100;  // of all requests at once
constexpr std::chrono::milliseconds kLook{20};
constexpr double kDrainSeconds = 24;  // of the 25 within which the program ends

InvocationsOptions invocations_options(const ServingEnvironment& environment, std::size_t threads) {
  InvocationsOptions options;
  options.is_batch = environment.is_batch;
  options.default_accept = environment.default_accept;
  options.inference_output = environment.inference_output;
  options.transform_megabytes = environment.transform_megabytes;
  options.concurrent_transforms = std::clamp<std::size_t>(
      kMostTransformMegabytes / environment.transform_megabytes, 1, 2 * threads);
  options.version = program_version();
  return options;
}

ServerOptions server_options(const ServingEnvironment& environment, std::size_t threads) {
  ServerOptions options;
  options.host = environment.host;
  options.port = environment.port;
  options.threads = threads;
  options.most_body_bytes = environment.most_body_bytes;
  options.most_waiting = environment.most_waiting;
  options.most_buffered_bytes = environment.most_buffered_bytes;
  options.header_timeout_seconds = environment.header_timeout_seconds;
  options.body_timeout_seconds = environment.body_timeout_seconds;
  options.idle_timeout_seconds = environment.idle_timeout_seconds;
  return options;
}

// Sums up the requests of each period that had any, until a signal comes.
void watch(const Statistics& statistics, double period_seconds) {
  const auto period =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(period_seconds));
  Statistics::Snapshot before;
  Clock::time_point next = Clock::now() + period;
  while (!stop_requested()) {
    std::this_thread::sleep_for(kLook);
    if (Clock::now() < next) continue;
    next += period;
    const Statistics::Snapshot now = statistics.snapshot();
    const Statistics::Snapshot recent = now.since(before);
    before = now;
    if (recent.invocations() == 0) continue;
    spdlog::info("The last {} s: requests {}, rows {}, errors {}, p50 {:.2f} ms, p99 {:.2f} ms",
                 period_seconds, recent.invocations(), recent.rows, recent.errors(),
                 1e3 * recent.quantile(0.5), 1e3 * recent.quantile(0.99));
  }
}

}  // namespace

void serve_command(const CommandLine& line, const Variables& variables,
                   const std::filesystem::path& working_directory) {
  ServingFlags flags;
  flags.model_dir = line.option("model_dir");
  flags.host = line.option("host");
  flags.port = line.option("port");
  const ServingEnvironment environment =
      read_serving_environment(variables, flags, working_directory);
  set_log_level(environment.log_level);
  const std::size_t threads = environment.workers.value_or(available_cpus());

  Invocations invocations(invocations_options(environment, threads));
  // Rows are answered from the model until the server has ended.
  LoadedModel model;
  Server server(invocations, server_options(environment, threads));
  spdlog::info("Serving on {}:{} with {} thread{}", environment.host, server.port(), threads,
               threads == 1 ? "" : "s");
  model = load_model(environment.model_dir);
  if (!model.note.empty()) spdlog::info("{}", model.note);
  invocations.set_model(*model.predictor, model.input);
  spdlog::info("Ready: {}", shortened_path(model.file.string()));

  watch(invocations.statistics(), environment.summary_seconds);
  spdlog::info("Stopping: requests on the way are answered");
  invocations.set_draining();
  const bool drained = server.drain(kDrainSeconds);
  const Statistics::Snapshot counts = invocations.statistics().snapshot();
  spdlog::info("Stopped: requests {}, rows {}, errors {}{}", counts.invocations(), counts.rows,
               counts.errors(), drained ? "" : "; some were not answered in time");
  if (!drained) std::_Exit(kSuccess);
}

}  // namespace mlp
