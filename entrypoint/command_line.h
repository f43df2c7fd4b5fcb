#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace mlp {

// The command line is not of the form that --help shows.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct CommandLine {
  // "train", "predict", "describe", "serve", "help", "version", or a word that is none of ours.
  std::string command;
  bool is_known = true;
  std::map<std::string, std::string> options;          // by name, `_` for `-`, without the dashes
  std::map<std::string, std::string> hyperparameters;  // likewise; unknown names too

  std::optional<std::string> option(const std::string& name) const;
};

// Takes the arguments without the program's name. Without a word in front, the command is "train".
// Throws UsageError for words where none belong, options that the command does not have, and
// options without their value. The arguments of a command that we don't know are not looked at.
CommandLine parse_command_line(const std::vector<std::string>& arguments);

// The text of --help.
std::string help_text();

}  // namespace mlp
