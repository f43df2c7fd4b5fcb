#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mlp {

// What a server counts about the requests that it answered. Threads: record() and the others may be
// called on any.
class Statistics {
 public:
  // Paths that are counted apart.
  enum class Path { kInvocations, kPing, kOther };
  static constexpr std::size_t kPaths = 3;

  // Upper bounds of durations, in seconds; one more bucket holds those that took longer.
  static std::span<const double> bounds();

  // A request that was answered with this status, `seconds` after its last byte had come.
  void record(Path path, int status, double seconds, std::size_t rows, std::size_t request_bytes,
              std::size_t response_bytes);

  // The network was run once, for one request or for several.
  void record_pass();

  // Counts at one moment, which can be subtracted.
  struct Snapshot {
    static constexpr std::size_t kBuckets = 72;

    std::array<std::array<std::uint64_t, 600>, kPaths> statuses = {};
    std::array<std::uint64_t, kBuckets> durations = {};  // of invocations, by bounds()
    double seconds = 0;                                  // sum of these
    std::uint64_t passes = 0;
    std::uint64_t rows = 0;
    std::uint64_t request_bytes = 0;
    std::uint64_t response_bytes = 0;

    std::uint64_t invocations() const;
    std::uint64_t errors() const;  // invocations with 4xx or 5xx
    // The bound under which this share of invocations was answered; 0 without any.
    double quantile(double share) const;
    Snapshot since(const Snapshot& before) const;
  };
  Snapshot snapshot() const;

 private:
  std::array<std::array<std::atomic<std::uint64_t>, 600>, kPaths> statuses_ = {};
  std::array<std::atomic<std::uint64_t>, Snapshot::kBuckets> durations_ = {};
  std::atomic<std::uint64_t> nanoseconds_ = 0;
  std::atomic<std::uint64_t> passes_ = 0;
  std::atomic<std::uint64_t> rows_ = 0;
  std::atomic<std::uint64_t> request_bytes_ = 0;
  std::atomic<std::uint64_t> response_bytes_ = 0;
};

// The counts in Prometheus's text form, version 0.0.4. `version` is of this program.
std::string prometheus_text(const Statistics::Snapshot& counts, std::string_view version,
                            std::size_t connections, std::size_t waiting, bool ready);

}  // namespace mlp
