#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "test/support/temp_directory.h"

namespace mlp::test {

// A made-up /opt/ml, as SageMaker's platform and the SDK's local mode lay it out.
class BaseDirectory {
 public:
  // A job on one host, without hyperparameters and without channels; no folder for results yet.
  BaseDirectory();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

  // Writes a file below it, with the folders on its way, and gives its path.
  std::filesystem::path write(const std::filesystem::path& name, std::string_view bytes) const;

  // Writes input/config/hyperparameters.json.
  void set_hyperparameters(const nlohmann::json& values) const;

  // Adds a channel to inputdataconfig.json. Its file is below input/data/<channel>; without a name
  // the channel itself is that file.
  void add_channel(const std::string& channel, const std::string& file, std::string_view bytes,
                   nlohmann::json settings = {{"TrainingInputMode", "File"}});

  // What the failure file holds; nothing where there is none.
  std::optional<std::string> failure() const;

  std::filesystem::path model_dir() const { return path_ / "model"; }
  std::filesystem::path output_dir() const { return path_ / "output/data"; }

 private:
  TempDirectory root_;
  std::filesystem::path path_;
  nlohmann::json channels_ = nlohmann::json::object();
};

}  // namespace mlp::test
