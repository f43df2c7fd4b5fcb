#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "runtime/training/metric_log.h"
#include "runtime/training/trainer.h"

namespace mlp {

// Sends spdlog to stderr, a line an event: text, or a JSON object with time, level and message.
// `level` is one of Python's numbers: 10 debug, 20 info, 30 warning, 40 error.
void set_up_logging(int level, bool as_json);
void set_log_level(int level);
bool logs_json();

// One whole line on stdout, at once: metrics are scraped from there while the program runs.
void print_line(const std::string& line);

// Text on stderr, as it is.
void print_error(const std::string& text);

// Prints metrics on stdout in the style that was asked for.
class MetricPrinter {
 public:
  // `host` is this machine's name among the job's.
  MetricPrinter(MetricStyle style, std::string host) : style_(style), host_(std::move(host)) {}

  void print(const EpochMetrics& epoch) const;
  // What the final model comes to.
  void print_final(const EpochMetrics& metrics) const;

 private:
  MetricStyle style_;
  std::string host_;
};

// Tells on stderr how far an epoch is: by a bar where a person watches, else by a log line now and
// then.
class ProgressReporter {
 public:
  // `bar`: stderr is a terminal that a person watches.
  explicit ProgressReporter(bool bar);

  void step_done(const Progress& progress);
  // While data are read.
  void reading();
  // Takes the bar away, so that a line can be printed.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  bool is_due(Clock::duration pause);

  bool bar_;
  bool drawn_ = false;
  Clock::time_point last_;
};

}  // namespace mlp
