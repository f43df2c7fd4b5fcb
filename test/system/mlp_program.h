#pragma once

#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "test/support/base_directory.h"
#include "test/support/program.h"

namespace mlp::test {

using Arguments = std::vector<std::string>;
using VariableMap = std::map<std::string, std::string>;

// The built program in a folder, outside of SageMaker.
ProgramStart native(const std::filesystem::path& working_directory, Arguments arguments = {},
                    VariableMap variables = {});

// The built program as SageMaker's platform starts it, in the folder /.
ProgramStart in_base(const BaseDirectory& base, Arguments arguments = {"train"},
                     VariableMap variables = {});

// Runs the program, which has to end with 0; its log is shown where it does not.
ProgramEnd run_well(const ProgramStart& start);

// What a regular expression's group captures in each line where it matches, its first match alone,
// as CloudWatch applies metric definitions.
std::vector<std::string> captures(const std::string& log, const std::string& expression);

// How many lines begin with "Epoch ".
std::size_t epoch_lines(const std::string& out);

// history.csv by its columns' names, each value with 6 decimals as metric lines have them.
std::map<std::string, std::vector<std::string>> history_columns(const std::filesystem::path& file);

// The names in a folder and below it, hidden ones too, sorted; none where there is no such folder.
std::vector<std::string> content_of(const std::filesystem::path& folder);

}  // namespace mlp::test
