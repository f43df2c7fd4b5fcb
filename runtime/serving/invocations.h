#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/predictor.h"
#include "runtime/data/read_channel.h"
#include "runtime/serving/http.h"
#include "runtime/serving/statistics.h"

namespace mlp {

struct InvocationsOptions {
  bool is_batch = false;         // for a batch transform job: an empty body gets an empty answer
  std::string default_accept;    // the form of answers where no one asks for one; empty: JSON
  std::string inference_output;  // a comma list of fields (runtime/serving/answer.h); empty: none
  std::size_t transform_megabytes = 6;    // what /execution-parameters advises
  std::size_t concurrent_transforms = 1;  // likewise
  std::string version;                    // of the program, for /metrics
};

// A request, and what is answered to it.
struct Exchange {
  HttpRequest request;
  HttpResponse response;
  std::size_t rows = 0;  // that were predicted
};

// What the server answers, whoever carries it: GET /ping, POST /invocations, GET
// /execution-parameters, GET /metrics. Every error's body is {"error": "..."}.
//
// Threads: all members may be called on any, but set_model() is called once.
class Invocations {
 public:
  explicit Invocations(InvocationsOptions options);
  ~Invocations();

  // From now on, rows are predicted, after a first one that no one asked for. `input` is as for a
  // file to predict. Both outlive this. Throws UserError for options that don't suit the model.
  void set_model(const Predictor& predictor, const PredictInputOptions& input);

  // /ping says that no more requests should come; they are answered all the same.
  void set_draining() { draining_ = true; }

  bool ready() const { return model_.load() != nullptr && !draining_; }

  // Answers all that asks for no prediction, at once and true; else false.
  bool answer_at_once(Exchange& exchange, std::size_t connections, std::size_t waiting) const;

  // How many requests are predicted as one at most: others have to wait as long.
  static constexpr std::size_t kMostJoined = 32;

  // Whether a request may be joined with others: its body is small.
  static bool is_small(const HttpRequest& request);

  // Whether it is small and to predict takes so little time that the thread which carries
  // connections may do it.
  bool is_light(const HttpRequest& request) const;

  struct Workspace {
    Predictor::Workspace predictor;
  };

  // Predicts for all of them as one, after kernels::prepare_thread().
  // Their bodies are given up. Throws nothing.
  void predict(std::span<Exchange* const> exchanges, Workspace& workspace);

  // Puts an error in the response, and in the log.
  static void refuse(Exchange& exchange, int status, std::string_view text);

  Statistics& statistics() { return statistics_; }

 private:
  struct Model;
  struct Part;

  void decode(Part& part, Workspace& workspace);
  void run(std::span<const Predictor::Job> jobs, Workspace& workspace);
  void write(Part& part) const;

  InvocationsOptions options_;
  std::unique_ptr<Model> owned_;
  std::atomic<const Model*> model_ = nullptr;
  std::atomic<bool> draining_ = false;
  Statistics statistics_;
};

}  // namespace mlp
