#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "test/support/http_client.h"
#include "test/support/program.h"
#include "test/support/temp_directory.h"
#include "test/system/mlp_program.h"

namespace mlp::test {

// A model that mlp train has left behind, in a folder of its own.
class ServedModel {
 public:
  ServedModel(const std::string& file, std::string_view bytes, Arguments arguments);

  const std::filesystem::path& folder() const { return folder_.path(); }
  std::filesystem::path model_dir() const { return folder_ / "model"; }

  // What mlp predict prints for a file of the given content, without its header.
  std::vector<std::string> predicted_lines(const std::string& file, std::string_view bytes) const;

  // The numbers of these lines: the network's outputs for each row.
  std::vector<std::vector<float>> predict(const std::string& file, std::string_view bytes) const;

 private:
  TempDirectory folder_;
};

// Models that a test process trains when it first asks for them.
const ServedModel& picture_model();  // [28, 28], ten classes
const ServedModel& clouds_model();   // four numbers without names, classes 0, 1, 2
const ServedModel& text_model();     // as clouds, classes "cat", "dog" and "cow, calf"
const ServedModel& binary_model();   // as clouds, classes "no" and "yes", one output
const ServedModel& price_model();    // three numbers, a regression
const ServedModel& people_model();  // columns age, job, member, with gaps and text; classes no, yes

// How a server is asked.
struct Ask {
  std::string content_type = "application/json";
  std::string accept = {};
  HttpHeaders more = {};
};

// mlp serve at a free port of this machine, ready to answer. At the end of its life it is told to
// stop, and has to exit with 0.
class Server {
 public:
  explicit Server(const std::filesystem::path& model_dir, VariableMap variables = {},
                  const Arguments& more = {});
  explicit Server(const ServedModel& model, VariableMap variables = {})
      : Server(model.model_dir(), std::move(variables)) {}
  explicit Server(const ProgramStart& start);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const { return port_; }
  HttpConnection connect() const { return HttpConnection(port_); }
  HttpAnswer exchange(std::string_view request);
  HttpAnswer get(std::string_view target);
  HttpAnswer post(std::string_view body, const Ask& ask = {});

  // The answer to a POST that has to be 200.
  std::string answer(std::string_view body, const Ask& ask = {});
  // The rows of an answer in JSON, under the given key.
  std::vector<std::vector<float>> rows(std::string_view body, const Ask& ask = {},
                                       std::string_view key = "predictions");
  // The text of a refusal with the given status, which is checked to be one as all have to be.
  std::string refusal(int status, std::string_view body, const Ask& ask = {});

  // All that was logged by now.
  const std::string& log() { return program_.text(Stream::kErr); }
  // Whether it is logged within a few seconds.
  bool logs(std::string_view text);

  void send(int signal) const { program_.send(signal); }
  pid_t pid() const { return program_.pid(); }
  // Waits for the end, which another has asked for.
  ProgramEnd wait();

 private:
  Program program_;
  std::uint16_t port_ = 0;
  bool ended_ = false;
};

// mlp serve, as a Server starts it.
ProgramStart serve_start(const std::filesystem::path& model_dir, VariableMap variables = {},
                         const Arguments& more = {});

// Checks that an answer is a refusal as all have to be, and gives its text.
std::string refusal_text(const HttpAnswer& answer, int status);

// A row for clouds_model(), alone in a body of JSON, and whether an answer is a sound one to it.
inline const std::string kRow = "[[1,2,3,4]]";
bool is_good(const HttpAnswer& answer);

// A body of CSV that takes picture_model() a while: as many rows.
std::string large_csv(std::size_t rows);

// CSV in and out.
inline const Ask kCsv = {"text/csv", "text/csv"};

// A POST to /invocations as it goes over the wire.
std::string invocation(std::string_view body, const Ask& ask = {});

// The numbers of an answer in JSON.
std::vector<std::vector<float>> rows_of_json(const std::string& body,
                                             std::string_view key = "predictions");

}  // namespace mlp::test
