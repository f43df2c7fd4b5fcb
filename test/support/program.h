#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlp::test {

// How much longer things may take in this build than in an ordinary one: sanitizers slow it down.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr int kSlowdown = 10;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr int kSlowdown = 10;
#else
inline constexpr int kSlowdown = 1;
#endif
#else
inline constexpr int kSlowdown = 1;
#endif

enum class Stream { kOut, kErr };

// What the program finds as its standard output.
enum class StandardOutput {
  kCaptured,
  kClosed,  // nothing
  kBroken,  // a pipe that no one reads
};

struct ProgramStart {
  std::filesystem::path executable;
  std::vector<std::string> arguments;
  // All that the program sees, beside PATH and what loaders and sanitizers are told.
  std::map<std::string, std::string> variables;
  std::filesystem::path working_directory;
  std::optional<std::size_t> cpu = std::nullopt;  // the one that it may use, by its place
  std::optional<uid_t> uid = std::nullopt;        // to run as, with the group of the same number
  StandardOutput standard_output = StandardOutput::kCaptured;
};

struct ProgramEnd {
  int exit_code = -1;  // -1: a signal ended it
  int signal = 0;      // which one did
  std::string out;
  std::string err;
};

// A program that runs beside the test, with its output captured. It is killed at the end of its
// life where it still runs, and after a minute (longer under sanitizers) of waiting in vain.
class Program {
 public:
  explicit Program(const ProgramStart& start);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Waits until a complete line of the stream holds `text`; false if the program ends before.
  bool wait_for_line(Stream stream, std::string_view text);

  // What the stream has given by now. The program waits where no one takes what it writes, so a
  // test that lets it write much has to ask now and then.
  const std::string& text(Stream stream);

  void send(int signal) const;
  pid_t pid() const { return pid_; }

  // Waits for the end. Once.
  ProgramEnd wait();

 private:
  using Clock = std::chrono::steady_clock;

  // Takes what is there to read, and waits for some where nothing is; false at the end of both.
  bool pump(Clock::time_point deadline);
  // Takes what is there within this time; false where nothing was, and at the end of both.
  bool pump_within(std::chrono::milliseconds time);

  struct Capture {
    int descriptor = -1;
    std::string text;
  };

  pid_t pid_ = -1;
  Capture out_;
  Capture err_;
};

// Starts a program and waits for its end.
ProgramEnd run_program(const ProgramStart& start);

}  // namespace mlp::test
