#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <exception>
#include <filesystem>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "entrypoint/command_line.h"
#include "entrypoint/commands.h"
#include "entrypoint/console.h"
#include "entrypoint/stop_signal.h"
#include "model/error.h"
#include "model/kernels/vector.h"
#include "runtime/data/wording.h"
#include "runtime/sagemaker/environment.h"
#include "runtime/sagemaker/failure.h"

namespace mlp {
namespace {

constexpr int kInformation = 20;

Variables process_environment() {
  Variables variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

// Tells the person on stderr and, where there is one, the platform in the failure file, which comes
// last.
int fail(const Base& base, const char* kind, const std::string& text, int exit_code) {
  if (exit_code == kUsageError && !logs_json()) {
    print_error(text + "\n");
  } else {
    spdlog::error("{}", text);
  }
  if (base.failure_file) write_failure(*base.failure_file, fmt::format("{}: {}", kind, text));
  return exit_code;
}

// A word that is no command of ours may be one of the image's: SDK v3 runs chmod in the training
// image, and people run sh. Returns only where there is no such command.
void become(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  execvp(pointers[0], pointers.data());
}

// Where that is gone, paths that start from it do not exist, and all others serve.
std::filesystem::path working_directory() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::current_path(error);
  return error ? std::filesystem::path("/proc/self/cwd") : path;
}

// A cap that names no instruction set.
void check_cap(const Variables& variables) {
  const auto cap = variables.find(kernels::kCapVariable);
  if (cap == variables.end() || cap->second.empty() || kernels::instruction_set_named(cap->second))
    return;
  std::string names;
  for (const kernels::InstructionSet set : kernels::kInstructionSets)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", kernels::name(set));
  throw UserError(fmt::format(
      "The environment variable {} is {}, but the sets of instructions that it can name are {}. "
      "Without it the program uses the widest that this CPU has.",
      kernels::kCapVariable, in_quotes(cap->second), names));
}

void run(const CommandLine& line, const Variables& variables) {
  if (line.command != "help" && line.command != "describe") check_cap(variables);
  std::optional<StopSignals> stop_signals;
  if (line.command == "train" || line.command == "predict" || line.command == "serve")
    stop_signals.emplace();
  if (line.command == "help") {
    print_line(help_text());
  } else if (line.command == "version") {
    print_line(version_text());
  } else if (line.command == "describe") {
    describe_command(line);
  } else if (line.command == "predict") {
    predict_command(line, variables, working_directory());
  } else if (line.command == "train") {
    train_command(line, variables, working_directory());
  } else {
    serve_command(line, variables, working_directory());
  }
}

int main_with(const std::vector<std::string>& arguments) {
  const Variables variables = process_environment();
  const auto log_format = variables.find("LOG_FORMAT");
  set_up_logging(kInformation, log_format != variables.end() && log_format->second == "json");
  const Base base = locate_base(variables);
  // The failure file belongs to training jobs, whose command may be misspelt or left out.
  Base failing = base;
  try {
    const std::string first = arguments.empty() ? "" : arguments[0];
    for (const char* const other : {"describe", "predict", "serve", "--help", "--version"}) {
      if (first == other) failing = {};
    }
    const CommandLine line = parse_command_line(arguments);
    if (!line.is_known) {
      become(arguments);
      throw UsageError(
          fmt::format("mlp: {} is neither a command of mlp (train, predict, describe, serve) nor "
                      "one on PATH. See mlp --help.",
                      in_quotes(line.command)));
    }
    if (line.command == "train" && base.failure_file) clear_failure(*base.failure_file);
    run(line, variables);
    return kSuccess;
  } catch (const UsageError& error) {
    if (failing.failure_file) clear_failure(*failing.failure_file);  // an earlier run's
    return fail(failing, "UserError", error.what(), kUsageError);
  } catch (const UserError& error) {
    return fail(failing, "UserError", error.what(), kUserError);
  } catch (const PlatformError& error) {
    return fail(failing, "PlatformError", error.what(), kUserError);
  } catch (const std::bad_alloc&) {
    return fail(failing, "UserError",
                "Out of memory. Use an instance with more memory, or fewer rows, a smaller "
                "batch_size or network.",
                kUserError);
  } catch (const std::exception& error) {
    return fail(failing, "AlgorithmError",
                fmt::format("Internal error, please report it: {}", error.what()), kInternalError);
  }
}

}  // namespace
}  // namespace mlp

int main(int argc, char** argv) { return mlp::main_with({argv + 1, argv + argc}); }
