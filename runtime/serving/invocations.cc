#include "runtime/serving/invocations.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "model/error.h"
#include "model/kernels/engine.h"
#include "runtime/serving/answer.h"
#include "runtime/serving/media_type.h"
#include "runtime/serving/request_error.h"
#include "runtime/serving/request_rows.h"

namespace mlp {
namespace {

constexpr std::size_t kSmallBytes = 64U << 10U;
constexpr std::size_t kLightMultiplications = 4'000'000;
constexpr const char* kPrometheusType = "text/plain; version=0.0.4; charset=utf-8";

struct Route {
  std::string_view path;
  std::string_view allow;
};

constexpr Route kRoutes[] = {{"/ping", "GET, HEAD"},
                             {"/invocations", "POST"},
                             {"/execution-parameters", "GET"},
                             {"/metrics", "GET"}};

bool allows(std::string_view allow, std::string_view method) {
  while (!allow.empty()) {
    const std::size_t comma = std::min(allow.find(','), allow.size());
    if (allow.substr(0, comma) == method) return true;
    allow.remove_prefix(std::min(comma + 2, allow.size()));
  }
  return false;
}

// Such a line is passed over, and no answer's line stands for it.
bool begins_with_blank_line(std::string_view csv) {
  csv = without_mark(csv);
  const std::size_t first = csv.find_first_not_of(" \t\r");
  return first != std::string_view::npos && csv[first] == '\n';
}

std::size_t multiplications_of(const HttpRequest& request, const Predictor& predictor) {
  // A field takes two characters at least.
  const std::size_t rows = 1 + request.body.size() / (2 * predictor.schema().width());
  return rows * predictor.multiplications();
}

}  // namespace

struct Invocations::Model {
  const Predictor& predictor;
  RequestDecoder decoder;
  AnswerWriter writer;
};

// One request on its way through predict().
struct Invocations::Part {
  explicit Part(Exchange& given) : exchange(given) {}

  Exchange& exchange;
  MediaType answer_type = MediaType::kJson;
  std::string_view answer_key;
  DecodedRequest decoded;
  Features features;  // of all rows, as long as they are not predicted
  std::vector<float> predictions;
  std::vector<float> logits;
  bool is_predicted = false;
  bool is_done = false;
};

Invocations::Invocations(InvocationsOptions options) : options_(std::move(options)) {
  if (options_.default_accept.empty()) return;
  try {
    answer_type(options_.default_accept, MediaType::kJson);
  } catch (const RequestError& error) {
    throw UserError(fmt::format("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT: {}", error.what()));
  }
}

Invocations::~Invocations() = default;

void Invocations::set_model(const Predictor& predictor, const PredictInputOptions& input) {
  std::vector<OutputField> fields;
  if (!options_.inference_output.empty())
    fields = output_fields(options_.inference_output, predictor.schema());
  owned_.reset(new Model{predictor, RequestDecoder(predictor, input),
                         AnswerWriter(predictor.schema(), std::move(fields))});
  kernels::prepare_thread();
  const std::vector<float> zeros(predictor.schema().width());
  Predictor::Workspace workspace;
  predictor.predict({FeatureType::kFloat32, zeros.data(), 1, zeros.size()}, workspace);
  model_ = owned_.get();
}

bool Invocations::answer_at_once(Exchange& exchange, std::size_t connections,
                                 std::size_t waiting) const {
  const HttpRequest& request = exchange.request;
  HttpResponse& response = exchange.response;
  const Route* const route = std::ranges::find(kRoutes, request.path, &Route::path);
  if (route == std::end(kRoutes)) {
    refuse(exchange, 404, "Not Found");
    return true;
  }
  if (!allows(route->allow, request.method)) {
    refuse(exchange, 405,
           fmt::format("{} takes {}, not {}.", route->path, route->allow,
                       request.method.substr(0, 20)));
    response.allow = route->allow;
    return true;
  }
  if (request.path == "/ping") {
    if (!ready()) {
      response.status = 503;
      response.content_type = media_type_name(MediaType::kJson);
      response.body = draining_ ? R"({"error":"The server is stopping."})"
                                : R"({"error":"The model is still being loaded."})";
    }
  } else if (request.path == "/metrics") {
    response.content_type = kPrometheusType;
    response.body =
        prometheus_text(statistics_.snapshot(), options_.version, connections, waiting, ready());
  } else if (request.path == "/execution-parameters") {
    response.content_type = media_type_name(MediaType::kJson);
    response.body = fmt::format(R"({{"MaxConcurrentTransforms":{},"MaxPayloadInMB":{}}})",
                                options_.concurrent_transforms, options_.transform_megabytes);
  } else if (model_.load() == nullptr) {
    refuse(exchange, 503, "The model is still being loaded. Try again in a moment.");
  } else {
    return false;
  }
  return true;
}

bool Invocations::is_small(const HttpRequest& request) {
  return request.body.size() <= kSmallBytes;
}

bool Invocations::is_light(const HttpRequest& request) const {
  const Model* const model = model_.load();
  return model != nullptr && is_small(request) &&
         multiplications_of(request, model->predictor) <= kLightMultiplications;
}

void Invocations::refuse(Exchange& exchange, int status, std::string_view text) {
  HttpResponse& response = exchange.response;
  response = {};
  response.status = status;
  response.retry_after = status == 503;
  response.content_type = media_type_name(MediaType::kJson);
  response.body = nlohmann::json{{"error", text}}.dump(-1, ' ', false,
                                                       nlohmann::json::error_handler_t::replace);
  const auto level = status == 500 ? spdlog::level::err : spdlog::level::warn;
  const HttpRequest& request = exchange.request;
  const std::string asked =
      request.path.empty()
          ? ""
          : fmt::format(" for {} {}", request.method.substr(0, 20), request.path.substr(0, 100));
  spdlog::log(level, "{}{}: {}", status, asked, text);
}

void Invocations::predict(std::span<Exchange* const> exchanges, Workspace& workspace) {
  const Model& model = *model_.load();
  std::vector<Part> parts;
  parts.reserve(exchanges.size());
  for (Exchange* const exchange : exchanges) parts.emplace_back(*exchange);

  // What goes wrong with one request is its own matter.
  const auto guarded = [](Part& part, auto&& action) {
    if (part.is_done) return;
    const auto failed = [&](int status, std::string_view text) {
      refuse(part.exchange, status, text);
      part.is_done = true;
    };
    try {
      action();
    } catch (const RequestError& error) {
      failed(error.status(), error.what());
    } catch (const UserError& error) {
      failed(400, error.what());
    } catch (const std::bad_alloc&) {
      failed(503, "Out of memory. Send fewer rows at once, or try again later.");
    } catch (const std::exception& error) {
      spdlog::error("Internal error, please report it: {}", error.what());
      failed(500, "Internal error.");
    }
  };

  std::vector<Predictor::Job> jobs;
  for (Part& part : parts) {
    guarded(part, [&] {
      decode(part, workspace);
      if (part.is_done || part.is_predicted) return;
      const std::size_t values = part.features.rows() * model.predictor.schema().outputs();
      part.predictions.resize(values);
      if (model.writer.needs_logits()) part.logits.resize(values);
      jobs.push_back({part.features.view(), part.predictions.data(),
                      part.logits.empty() ? nullptr : part.logits.data()});
    });
  }
  bool together = true;
  try {
    run(jobs, workspace);
  } catch (const std::exception&) {
    together = false;  // each by itself then, so that one's failure is not the others'
  }
  std::size_t job = 0;
  for (Part& part : parts) {
    guarded(part, [&] {
      if (!part.is_predicted) {
        const std::span alone = std::span(jobs).subspan(job++, 1);
        if (!together) run(alone, workspace);
      }
      write(part);
      part.is_done = true;
    });
  }
}

// Finds out all that is asked, and its rows: those of a body with several chunks are predicted on
// the way, so that their features need not be kept.
void Invocations::decode(Part& part, Workspace& workspace) {
  const Model& model = *model_.load();
  const HttpRequest& request = part.exchange.request;
  const std::string_view body = request.body.view();
  if (body.empty() && options_.is_batch) {
    part.is_done = true;
    return;
  }
  const RequestType type = request_type(request.content_type, body);
  if (options_.is_batch && type.type == MediaType::kCsv && begins_with_blank_line(body)) {
    throw UserError(
        fmt::format("{}, line 1: the line is blank, and a batch job has to answer each "
                    "line. Expected a row. Remove the line.",
                    kBodyName));
  }
  part.decoded = model.decoder.decode(type, body);
  part.answer_key = part.decoded.answer_key;
  MediaType otherwise = MediaType::kJson;
  if (!options_.default_accept.empty()) {
    otherwise = answer_type(options_.default_accept, MediaType::kJson);
  } else if (options_.is_batch) {  // a line for each line
    if (type.type == MediaType::kCsv) otherwise = MediaType::kCsv;
    if (part.decoded.is_sequence) otherwise = MediaType::kJsonLines;
  }
  part.answer_type = answer_type(request.accept, otherwise);

  const std::size_t outputs = model.predictor.schema().outputs();
  RequestRows& rows = *part.decoded.rows;
  if (!rows.next(part.features)) throw std::logic_error("a body without rows");
  Features more;
  while (rows.next(more)) {
    const auto add = [&](const Features& features) {
      const std::size_t before = part.predictions.size();
      const std::size_t values = features.rows() * outputs;
      part.predictions.resize(before + values);
      if (model.writer.needs_logits()) part.logits.resize(before + values);
      const Predictor::Job job = {features.view(), part.predictions.data() + before,
                                  part.logits.empty() ? nullptr : part.logits.data() + before};
      run(std::span(&job, 1), workspace);
    };
    if (!part.is_predicted) add(part.features);
    part.is_predicted = true;
    add(more);
  }
  if (part.is_predicted) part.features = {};
  part.decoded.rows.reset();
}

void Invocations::run(std::span<const Predictor::Job> jobs, Workspace& workspace) {
  if (jobs.empty()) return;
  model_.load()->predictor.predict(jobs, workspace.predictor);
  statistics_.record_pass();
}

void Invocations::write(Part& part) const {
  const Model& model = *model_.load();
  Exchange& exchange = part.exchange;
  part.features = {};
  exchange.request.body.clear();
  exchange.rows = part.predictions.size() / model.predictor.schema().outputs();
  HttpResponse& response = exchange.response;
  response.content_type = media_type_name(part.answer_type);
  response.body =
      model.writer.write(part.answer_type, part.answer_key, part.predictions, part.logits);
  // Answers of a batch job may be put one behind the other as they are.
  if (options_.is_batch && part.answer_type == MediaType::kJson) response.body += '\n';
}

}  // namespace mlp
