#include "runtime/serving/statistics.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <string>

namespace mlp {
namespace {

constexpr auto kInvocations = Statistics::Path::kInvocations;

}  // namespace

TEST_SUITE("runtime/serving") {
  TEST_CASE("Statistics: a quantile is the least bound that holds its share") {
    Statistics statistics;
    CHECK(statistics.snapshot().quantile(0.5) == 0);
    for (int i = 0; i < 98; ++i) statistics.record(kInvocations, 200, 0.0011, 1, 10, 20);
    for (int i = 0; i < 2; ++i) statistics.record(kInvocations, 200, 0.7, 1, 10, 20);
    const Statistics::Snapshot counts = statistics.snapshot();
    CHECK(counts.quantile(0.5) == doctest::Approx(0.0012));
    CHECK(counts.quantile(0.98) == doctest::Approx(0.0012));
    CHECK(counts.quantile(0.99) == doctest::Approx(0.8));
    CHECK(counts.invocations() == 100);
    CHECK(counts.rows == 100);
    CHECK(counts.seconds == doctest::Approx(98 * 0.0011 + 2 * 0.7));
  }

  TEST_CASE("Statistics: what no bound holds is in the last bucket") {
    Statistics statistics;
    statistics.record(kInvocations, 200, 1e9, 1, 0, 0);
    CHECK(statistics.snapshot().durations.back() == 1);
    CHECK(statistics.snapshot().quantile(0.5) == Statistics::bounds().back());
  }

  TEST_CASE("Statistics: errors are invocations with 4xx and 5xx, and snapshots subtract") {
    Statistics statistics;
    statistics.record(kInvocations, 200, 0.001, 5, 10, 20);
    const Statistics::Snapshot before = statistics.snapshot();
    statistics.record(kInvocations, 400, 0.001, 0, 10, 20);
    statistics.record(kInvocations, 503, 0.001, 0, 10, 20);
    statistics.record(Statistics::Path::kPing, 503, 0.001, 0, 0, 0);
    const Statistics::Snapshot since = statistics.snapshot().since(before);
    CHECK(since.invocations() == 2);
    CHECK(since.errors() == 2);
    CHECK(since.rows == 0);
    CHECK(since.request_bytes == 20);
    CHECK(since.response_bytes == 40);
  }

  TEST_CASE("prometheus_text: counters by path and code, and a histogram that adds up") {
    Statistics statistics;
    statistics.record(kInvocations, 200, 0.0005, 3, 100, 50);
    statistics.record(kInvocations, 400, 0.02, 0, 7, 30);
    statistics.record(Statistics::Path::kPing, 200, 0, 0, 0, 0);
    statistics.record_pass();
    const std::string text = prometheus_text(statistics.snapshot(), "1.2.3", 4, 5, true);
    for (const char* const line : {
             "mlp_build_info{version=\"1.2.3\"} 1\n",
             "mlp_ready 1\n",
             "mlp_connections 4\n",
             "mlp_requests_waiting 5\n",
             "mlp_requests_total{path=\"/invocations\",code=\"200\"} 1\n",
             "mlp_requests_total{path=\"/invocations\",code=\"400\"} 1\n",
             "mlp_requests_total{path=\"/ping\",code=\"200\"} 1\n",
             "mlp_passes_total 1\n",
             "mlp_rows_total 3\n",
             "mlp_request_bytes_total 107\n",
             "mlp_response_bytes_total 80\n",
             "# TYPE mlp_request_duration_seconds histogram\n",
             "mlp_request_duration_seconds_bucket{le=\"0.0004\"} 0\n",
             "mlp_request_duration_seconds_bucket{le=\"0.001\"} 1\n",
             "mlp_request_duration_seconds_bucket{le=\"0.02\"} 2\n",
             "mlp_request_duration_seconds_bucket{le=\"+Inf\"} 2\n",
             "mlp_request_duration_seconds_count 2\n",
         }) {
      CAPTURE(line);
      CHECK(text.find(line) != std::string::npos);
    }
    CHECK(text.back() == '\n');
  }
}

}  // namespace mlp
