#include "runtime/serving/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace mlp {
namespace {

constexpr double kSteps[] = {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8};  // within a decade
constexpr std::size_t kEachBound = 3;                              // that Prometheus sees: 1, 2, 4
constexpr const char* kPathNames[Statistics::kPaths] = {"/invocations", "/ping", "other"};

// From 10 microseconds to 100 seconds.
std::array<double, Statistics::Snapshot::kBuckets - 1> make_bounds() {
  std::array<double, Statistics::Snapshot::kBuckets - 1> bounds = {};
  double decade = 1e-5;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    bounds[i] = decade * kSteps[i % std::size(kSteps)];
    if (i % std::size(kSteps) == std::size(kSteps) - 1) decade *= 10;
  }
  return bounds;
}

const std::array<double, Statistics::Snapshot::kBuckets - 1> kBounds = make_bounds();

void add(std::atomic<std::uint64_t>& counter, std::uint64_t value) {
  counter.fetch_add(value, std::memory_order_relaxed);
}

}  // namespace

std::span<const double> Statistics::bounds() { return kBounds; }

void Statistics::record(Path path, int status, double seconds, std::size_t rows,
                        std::size_t request_bytes, std::size_t response_bytes) {
  const auto index = static_cast<std::size_t>(path);
  add(statuses_[index][static_cast<std::size_t>(std::clamp(status, 0, 599))], 1);
  if (path != Path::kInvocations) return;
  const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  add(durations_[static_cast<std::size_t>(bound - kBounds.begin())], 1);
  add(nanoseconds_, static_cast<std::uint64_t>(seconds * 1e9));
  add(rows_, rows);
  add(request_bytes_, request_bytes);
  add(response_bytes_, response_bytes);
}

void Statistics::record_pass() { add(passes_, 1); }

Statistics::Snapshot Statistics::snapshot() const {
  Snapshot counts;
  const auto value = [](const std::atomic<std::uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  for (std::size_t path = 0; path < kPaths; ++path) {
    std::transform(statuses_[path].begin(), statuses_[path].end(), counts.statuses[path].begin(),
                   value);
  }
  std::transform(durations_.begin(), durations_.end(), counts.durations.begin(), value);
  counts.seconds = static_cast<double>(value(nanoseconds_)) * 1e-9;
  counts.passes = value(passes_);
  counts.rows = value(rows_);
  counts.request_bytes = value(request_bytes_);
  counts.response_bytes = value(response_bytes_);
  return counts;
}

std::uint64_t Statistics::Snapshot::invocations() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : durations) sum += count;
  return sum;
}

std::uint64_t Statistics::Snapshot::errors() const {
  const auto& of_invocations = statuses[static_cast<std::size_t>(Path::kInvocations)];
  std::uint64_t sum = 0;
  for (std::size_t status = 400; status < of_invocations.size(); ++status)
    sum += of_invocations[status];
  return sum;
}

double Statistics::Snapshot::quantile(double share) const {
  const auto all = static_cast<double>(invocations());
  if (all == 0) return 0;
  double sum = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    sum += static_cast<double>(durations[i]);
    if (sum >= share * all) return kBounds[i];
  }
  return kBounds.back();
}

Statistics::Snapshot Statistics::Snapshot::since(const Snapshot& before) const {
  Snapshot difference = *this;
  for (std::size_t path = 0; path < kPaths; ++path) {
    for (std::size_t i = 0; i < statuses[path].size(); ++i)
      difference.statuses[path][i] -= before.statuses[path][i];
  }
  for (std::size_t i = 0; i < kBuckets; ++i) difference.durations[i] -= before.durations[i];
  difference.seconds -= before.seconds;
  difference.passes -= before.passes;
  difference.rows -= before.rows;
  difference.request_bytes -= before.request_bytes;
  difference.response_bytes -= before.response_bytes;
  return difference;
}

std::string prometheus_text(const Statistics::Snapshot& counts, std::string_view version,
                            std::size_t connections, std::size_t waiting, bool ready) {
  std::string text;
  const auto out = std::back_inserter(text);
  const auto describe = [&](const char* name, const char* type, const char* help) {
    fmt::format_to(out, "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  };
  const auto single = [&](const char* name, const char* type, const char* help, auto value) {
    describe(name, type, help);
    fmt::format_to(out, "{} {}\n", name, value);
  };
  describe("mlp_build_info", "gauge", "The program; always 1.");
  fmt::format_to(out, "mlp_build_info{{version=\"{}\"}} 1\n", version);
  single("mlp_ready", "gauge", "1 while /ping is answered with 200.", ready ? 1 : 0);
  single("mlp_connections", "gauge", "Open connections.", connections);
  single("mlp_requests_waiting", "gauge", "Requests that wait for a worker.", waiting);

  describe("mlp_requests_total", "counter", "Requests that were answered.");
  for (std::size_t path = 0; path < Statistics::kPaths; ++path) {
    for (std::size_t status = 0; status < counts.statuses[path].size(); ++status) {
      if (counts.statuses[path][status] == 0) continue;
      fmt::format_to(out, "mlp_requests_total{{path=\"{}\",code=\"{}\"}} {}\n", kPathNames[path],
                     status, counts.statuses[path][status]);
    }
  }
  single("mlp_passes_total", "counter",
         "Times that the network was run; requests that came together share one.", counts.passes);
  single("mlp_rows_total", "counter", "Rows that were predicted.", counts.rows);
  single("mlp_request_bytes_total", "counter", "Bytes of bodies sent to /invocations.",
         counts.request_bytes);
  single("mlp_response_bytes_total", "counter", "Bytes of bodies answered by /invocations.",
         counts.response_bytes);

  constexpr const char* kDuration = "mlp_request_duration_seconds";
  describe(kDuration, "histogram",
           "From the last byte of a request to /invocations to its answer's first.");
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    sum += counts.durations[i];
    if (i % std::size(kSteps) % kEachBound == 0 && i % std::size(kSteps) != 9) {
      fmt::format_to(out, "{}_bucket{{le=\"{:.4g}\"}} {}\n", kDuration, kBounds[i], sum);
    }
  }
  fmt::format_to(out, "{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", kDuration,
                 counts.invocations(), counts.seconds);
  return text;
}

}  // namespace mlp
