#include "test/support/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace mlp::test {
namespace {

constexpr std::chrono::seconds kPatience{60 * kSlowdown};
constexpr int kCannotStart = 126;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
    read_end = ends[0];
    write_end = ends[1];
  }
  int read_end = -1;
  int write_end = -1;
};

std::vector<std::string> environment_of(const ProgramStart& start) {
  std::map<std::string, std::string> variables = start.variables;
  for (const char* name : {"PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "LSAN_OPTIONS",
                           "TSAN_OPTIONS", "UBSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) variables.emplace(name, value);
  }
  std::vector<std::string> texts;
  for (const auto& [name, value] : variables) texts.push_back(name + '=' + value);
  return texts;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The CPU in the given place among those that this process may use.
cpu_set_t only_cpu(std::size_t place) {
  cpu_set_t all;
  CPU_ZERO(&all);
  if (::sched_getaffinity(0, sizeof(all), &all) != 0) fail("sched_getaffinity");
  cpu_set_t one;
  CPU_ZERO(&one);
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all) || place-- > 0) continue;
    CPU_SET(cpu, &one);
    return one;
  }
  throw std::runtime_error("there are not that many CPUs");
}

}  // namespace

Program::Program(const ProgramStart& start) {
  // The child may only call what is safe after fork(), so all memory is taken before.
  std::vector<std::string> arguments = start.arguments;
  arguments.insert(arguments.begin(), start.executable.string());
  std::vector<std::string> environment = environment_of(start);
  const std::vector<char*> argument_pointers = pointers_to(arguments);
  const std::vector<char*> environment_pointers = pointers_to(environment);
  std::optional<cpu_set_t> cpus;
  if (start.cpu) cpus = only_cpu(*start.cpu);

  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing < 0) fail("/dev/null");
  const Pipe out;
  const Pipe err;
  pid_ = ::fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(out.write_end, STDOUT_FILENO);
    ::dup2(err.write_end, STDERR_FILENO);
    if (start.standard_output == StandardOutput::kClosed) ::close(STDOUT_FILENO);
    bool ready = ::chdir(start.working_directory.c_str()) == 0;
    if (cpus) ready = ready && ::sched_setaffinity(0, sizeof(*cpus), &*cpus) == 0;
    if (start.uid) ready = ready && ::setgid(*start.uid) == 0 && ::setuid(*start.uid) == 0;
    if (ready)
      ::execve(argument_pointers[0], argument_pointers.data(), environment_pointers.data());
    ::_exit(kCannotStart);
  }
  ::close(nothing);
  ::close(out.write_end);
  ::close(err.write_end);
  out_.descriptor = out.read_end;
  err_.descriptor = err.read_end;
  if (start.standard_output != StandardOutput::kCaptured) {
    ::close(out_.descriptor);
    out_.descriptor = -1;
  }
}

Program::~Program() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const Capture* capture : {&out_, &err_}) {
    if (capture->descriptor >= 0) ::close(capture->descriptor);
  }
}

bool Program::pump(Clock::time_point deadline) {
  if (out_.descriptor < 0 && err_.descriptor < 0) return false;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
  if (left.count() <= 0) throw std::runtime_error("the program takes too long:\n" + err_.text);
  pump_within(left);
  return true;
}

bool Program::pump_within(std::chrono::milliseconds time) {
  std::array<pollfd, 2> polled{};
  polled[0] = {out_.descriptor, POLLIN, 0};
  polled[1] = {err_.descriptor, POLLIN, 0};
  const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(time.count()));
  if (ready < 0 && errno != EINTR) fail("poll");
  for (Capture* capture : {&out_, &err_}) {
    const pollfd& state = polled[capture == &out_ ? 0 : 1];
    if (capture->descriptor < 0 || state.revents == 0) continue;
    std::array<char, 65536> chunk{};
    const ssize_t count = ::read(capture->descriptor, chunk.data(), chunk.size());
    if (count > 0) {
      capture->text.append(chunk.data(), static_cast<std::size_t>(count));
    } else if (count == 0) {
      ::close(std::exchange(capture->descriptor, -1));
    } else if (errno != EINTR) {
      fail("read");
    }
  }
  return ready > 0;
}

const std::string& Program::text(Stream stream) {
  while (pump_within(std::chrono::milliseconds(0))) {
  }
  return stream == Stream::kOut ? out_.text : err_.text;
}

bool Program::wait_for_line(Stream stream, std::string_view text) {
  const Clock::time_point deadline = Clock::now() + kPatience;
  const std::string& captured = stream == Stream::kOut ? out_.text : err_.text;
  while (true) {
    const std::size_t found = captured.find(text);
    if (found != std::string::npos && captured.find('\n', found) != std::string::npos) return true;
    if (!pump(deadline)) return false;
  }
}

void Program::send(int signal) const {
  if (::kill(pid_, signal) != 0) fail("kill");
}

ProgramEnd Program::wait() {
  const Clock::time_point deadline = Clock::now() + kPatience;
  while (pump(deadline)) {
  }
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(pid_, &status, WNOHANG)) == 0) {
    if (Clock::now() > deadline) throw std::runtime_error("the program does not end");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (ended < 0) fail("waitpid");
  pid_ = -1;
  ProgramEnd end;
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  end.out = std::move(out_.text);
  end.err = std::move(err_.text);
  return end;
}

ProgramEnd run_program(const ProgramStart& start) { return Program(start).wait(); }

}  // namespace mlp::test
