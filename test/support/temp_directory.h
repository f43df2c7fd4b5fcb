#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace mlp::test {

// A folder of its own under the system's temporary directory, removed with all it holds at the end
// of its life.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

  // Writes a file below it, with the folders on its way, and gives its path.
  std::filesystem::path write(const std::filesystem::path& name, std::string_view bytes) const;

 private:
  std::filesystem::path path_;
};

// The whole content of a file; fails the test's process by exception where it can't be read.
std::string read_bytes(const std::filesystem::path& path);

}  // namespace mlp::test
