#include "test/support/base_directory.h"

#include <utility>

namespace mlp::test {

namespace fs = std::filesystem;

BaseDirectory::BaseDirectory() : path_(root_ / "ml") {
  // Other users may enter, as they may enter /opt.
  fs::permissions(root_.path(), fs::perms::owner_all | fs::perms::group_read |
                                    fs::perms::group_exec | fs::perms::others_read |
                                    fs::perms::others_exec);
  set_hyperparameters(nlohmann::json::object());
  write("input/config/inputdataconfig.json", "{}");
  write("input/config/resourceconfig.json", R"({"current_host": "algo-1", "hosts": ["algo-1"]})");
}

fs::path BaseDirectory::write(const fs::path& name, std::string_view bytes) const {
  return root_.write("ml" / name, bytes);
}

void BaseDirectory::set_hyperparameters(const nlohmann::json& values) const {
  write("input/config/hyperparameters.json", values.dump());
}

void BaseDirectory::add_channel(const std::string& channel, const std::string& file,
                                std::string_view bytes, nlohmann::json settings) {
  fs::path place = fs::path("input/data") / channel;
  if (!file.empty()) place /= file;
  write(place, bytes);
  channels_[channel] = std::move(settings);
  write("input/config/inputdataconfig.json", channels_.dump());
}

std::optional<std::string> BaseDirectory::failure() const {
  const fs::path file = path_ / "output/failure";
  if (!fs::exists(file)) return std::nullopt;
  return read_bytes(file);
}

}  // namespace mlp::test
