#include "entrypoint/console.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>
#include <string_view>

namespace mlp {
namespace {

constexpr std::chrono::seconds kBetweenLines{30};
constexpr std::chrono::milliseconds kBetweenBars{100};
constexpr std::size_t kBarWidth = 30;

bool as_json_lines = false;  // set once, before there are threads

// One object a line, as log collectors take them.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const auto since_epoch = message.time.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch - seconds);
    const std::time_t time = seconds.count();
    std::tm utc = {};
    gmtime_r(&time, &utc);
    const auto level = spdlog::level::to_string_view(message.level);
    const nlohmann::ordered_json object = {
        {"time", fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", utc, milliseconds.count())},
        {"level", std::string_view(level.data(), level.size())},
        {"message", std::string_view(message.payload.data(), message.payload.size())}};
    const std::string text =
        object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
    line.append(text.data(), text.data() + text.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

}  // namespace

void set_up_logging(int level, bool as_json) {
  const auto logger =
      std::make_shared<spdlog::logger>("mlp", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  as_json_lines = as_json;
  if (as_json) {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l: %v");
  }
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(logger);
  set_log_level(level);
}

bool logs_json() { return as_json_lines; }

void set_log_level(int level) {
  spdlog::set_level(level <= 10   ? spdlog::level::debug
                    : level <= 20 ? spdlog::level::info
                    : level <= 30 ? spdlog::level::warn
                                  : spdlog::level::err);
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
