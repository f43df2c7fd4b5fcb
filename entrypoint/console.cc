#include "entrypoint/console.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <memory>

namespace mlp {
namespace {

constexpr std::chrono::seconds kBetweenLines{30};
constexpr std::chrono::milliseconds kBetweenBars{100};
constexpr std::size_t kBarWidth = 30;

}  // namespace

void set_up_logging(int level) {
  const auto logger =
      std::make_shared<spdlog::logger>("mlp", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l: %v");
  logger->set_level(level <= 10   ? spdlog::level::debug
                    : level <= 20 ? spdlog::level::info
                    : level <= 30 ? spdlog::level::warn
                                  : spdlog::level::err);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(logger);
}

// A reader of stdout or stderr that goes away must not end the job, so nothing is thrown.
void print_line(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

void print_error(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
}

void MetricPrinter::print(const EpochMetrics& epoch) const {
  for (const std::string& line : epoch_lines(style_, epoch, host_)) print_line(line);
}

void MetricPrinter::print_final(const EpochMetrics& metrics) const {
  for (const std::string& line : final_lines(style_, metrics, host_)) print_line(line);
}

ProgressReporter::ProgressReporter(bool bar) : bar_(bar), last_(Clock::now()) {}

bool ProgressReporter::is_due(Clock::duration pause) {
  const Clock::time_point now = Clock::now();
  if (now - last_ < pause) return false;
  last_ = now;
  return true;
}

void ProgressReporter::reading() {
  if (is_due(kBetweenLines)) spdlog::info("Still reading the data");
}

void ProgressReporter::step_done(const Progress& progress) {
  if (!is_due(bar_ ? Clock::duration(kBetweenBars) : Clock::duration(kBetweenLines))) return;
  if (!bar_) {
    spdlog::info("Epoch {}/{}: step {} of {}, {} %", progress.epoch, progress.epochs, progress.step,
                 progress.steps, 100 * progress.step / progress.steps);
    return;
  }
  const std::size_t filled = kBarWidth * progress.step / progress.steps;
  print_error(fmt::format("\rEpoch {}/{} [{:=<{}}{:.<{}}] {} of {} steps", progress.epoch,
                          progress.epochs, "", filled, "", kBarWidth - filled, progress.step,
                          progress.steps));
  drawn_ = true;
}

void ProgressReporter::clear() {
  last_ = Clock::now();
  if (!drawn_) return;
  print_error("\r\x1b[K");
  drawn_ = false;
}

}  // namespace mlp
