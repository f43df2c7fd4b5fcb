#include "runtime/sagemaker/serving_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "model/error.h"
#include "runtime/system/utf8.h"

namespace mlp {
namespace {

constexpr std::size_t kShownBytes = 80;
constexpr std::size_t kMegabyte = 1U << 20U;
constexpr std::size_t kMostMegabytes = 1024;

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

// Settings by name, and what is wrong with them.
class Reader {
 public:
  explicit Reader(const Variables& variables) : variables_(variables) {}

  std::optional<std::string> text(const std::string& name) const {
    const auto found = variables_.find(name);
    if (found == variables_.end() || found->second.empty()) return std::nullopt;
    return found->second;
  }

  template <typename Number>
  Number number(const std::string& name, Number least, Number most, Number otherwise) const {
    const std::optional<std::string> value = text(name);
    return value ? parsed(name, *value, least, most) : otherwise;
  }

  template <typename Number>
  static Number parsed(const std::string& name, const std::string& text, Number least,
                       Number most) {
    Number value = 0;
    const char* const end = text.data() + text.size();
    const std::from_chars_result result = std::from_chars(text.data(), end, value);
    if (result.ec == std::errc() && result.ptr == end && value >= least && value <= most)
      return value;
    throw UserError(
        fmt::format("{} is \"{}\", but must be {} from {} to {}. Correct it, or leave "
                    "it out.",
                    name, utf8_prefix(text, kShownBytes),
                    std::is_integral_v<Number> ? "an integer" : "a number", least, most));
  }

 private:
  const Variables& variables_;
};

}  // namespace

ServingEnvironment read_serving_environment(const Variables& variables, const ServingFlags& flags,
                                            const std::filesystem::path& working_directory) {
  constexpr std::size_t kMostCount = 1'000'000;
  constexpr std::uint16_t kMostPort = std::numeric_limits<std::uint16_t>::max();
  constexpr double kLeastSeconds = 0.01;
  constexpr double kMostSeconds = 86'400;
  const Reader reader(variables);

  ServingEnvironment environment;
  DirectoryFlags folders;
  folders.model_dir = flags.model_dir;
  environment.model_dir = model_directory(variables, folders, working_directory);
  environment.host = flags.host.value_or(environment.host);
  environment.port = flags.port ? Reader::parsed("--port", *flags.port, std::uint16_t{0}, kMostPort)
                                : reader.number("SAGEMAKER_BIND_TO_PORT", std::uint16_t{1},
                                                kMostPort, environment.port);
  if (reader.text("SAGEMAKER_MODEL_SERVER_WORKERS")) {
    environment.workers = reader.number<std::size_t>("SAGEMAKER_MODEL_SERVER_WORKERS", 1, 1024, 1);
  }
  environment.is_batch = lower_case(reader.text("SAGEMAKER_BATCH").value_or("")) == "true";

  if (reader.text("SAGEMAKER_MAX_PAYLOAD_IN_MB")) {
    const std::size_t megabytes =
        reader.number<std::size_t>("SAGEMAKER_MAX_PAYLOAD_IN_MB", 0, kMostMegabytes, 0);
    // 0 asks for a stream of any length.
    environment.most_body_bytes = (megabytes == 0 ? kMostMegabytes : megabytes) * kMegabyte;
    if (megabytes > 0) environment.transform_megabytes = std::min<std::size_t>(megabytes, 100);
  }

  environment.default_accept = reader.text("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT").value_or("");
  environment.inference_output = reader.text("SAGEMAKER_INFERENCE_OUTPUT").value_or("");
  environment.most_waiting = reader.number<std::size_t>("MLP_MOST_WAITING_REQUESTS", 1, kMostCount,
                                                        environment.most_waiting);
  environment.most_buffered_bytes =
      kMegabyte * reader.number<std::size_t>("MLP_MOST_BUFFERED_MB", 1, kMostCount,
                                             environment.most_buffered_bytes / kMegabyte);
  const auto seconds = [&](const char* name, double otherwise) {
    return reader.number(name, kLeastSeconds, kMostSeconds, otherwise);
  };
  environment.header_timeout_seconds =
      seconds("MLP_HEADER_TIMEOUT_SECONDS", environment.header_timeout_seconds);
  environment.body_timeout_seconds =
      seconds("MLP_BODY_TIMEOUT_SECONDS", environment.body_timeout_seconds);
  environment.idle_timeout_seconds =
      seconds("MLP_IDLE_TIMEOUT_SECONDS", environment.idle_timeout_seconds);
  environment.summary_seconds = seconds("MLP_SUMMARY_SECONDS", environment.summary_seconds);

  for (const char* const name : {"SAGEMAKER_CONTAINER_LOG_LEVEL", "SM_LOG_LEVEL"}) {
    for (const int level : {10, 20, 30, 40, 50})
      if (reader.text(name) == fmt::to_string(level)) environment.log_level = level;
  }
  return environment;
}

}  // namespace mlp
