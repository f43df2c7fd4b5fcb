#include "test/system/mlp_program.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "test/system/made_data.h"

namespace mlp::test {

namespace fs = std::filesystem;

ProgramStart native(const fs::path& working_directory, Arguments arguments, VariableMap variables) {
  // On a machine that has an /opt/ml, a base that is not there keeps the program out of it.
  if (fs::exists("/opt/ml")) {
    variables.emplace("SAGEMAKER_BASE_DIR", (working_directory / "no-base").string());
  }
  return {.executable = MLP_PROGRAM,
          .arguments = std::move(arguments),
          .variables = std::move(variables),
          .working_directory = working_directory};
}

ProgramStart in_base(const BaseDirectory& base, Arguments arguments, VariableMap variables) {
  variables.emplace("SAGEMAKER_BASE_DIR", base.path().string());
  return {.executable = MLP_PROGRAM,
          .arguments = std::move(arguments),
          .variables = std::move(variables),
          .working_directory = "/"};
}

ProgramEnd run_well(const ProgramStart& start) {
  ProgramEnd end = run_program(start);
  INFO(end.err);
  REQUIRE(end.signal == 0);
  REQUIRE(end.exit_code == 0);
  return end;
}

std::vector<std::string> captures(const std::string& log, const std::string& expression) {
  const std::regex regex(expression);
  std::vector<std::string> found;
  for (const std::string& line : lines_of(log)) {
    std::smatch match;
    if (std::regex_search(line, match, regex)) found.push_back(match[1]);
  }
  return found;
}

std::size_t epoch_lines(const std::string& out) {
  const std::vector<std::string> lines = lines_of(out);
  return static_cast<std::size_t>(std::ranges::count_if(
      lines, [](const std::string& line) { return line.starts_with("Epoch "); }));
}

std::map<std::string, std::vector<std::string>> history_columns(const fs::path& file) {
  const std::vector<std::string> lines = lines_of(read_bytes(file));
  const auto fields = [](std::string line) {
    std::ranges::replace(line, ',', '\n');
    return lines_of(line);
  };
  REQUIRE(!lines.empty());
  const std::vector<std::string> names = fields(lines[0]);
  std::map<std::string, std::vector<std::string>> columns;
  for (std::size_t row = 1; row < lines.size(); ++row) {
    const std::vector<std::string> values = fields(lines[row]);
    REQUIRE(values.size() == names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      columns[names[i]].push_back(fmt::format("{:.6f}", std::strtod(values[i].c_str(), nullptr)));
    }
  }
  return columns;
}

std::vector<std::string> content_of(const fs::path& folder) {
  std::vector<std::string> names;
  if (!fs::exists(folder)) return names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    names.push_back(entry.path().lexically_relative(folder).string());
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace mlp::test
