#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace mlp {

// A path as a message names it: the front is left out where it is longer than about 200 bytes.
std::string shortened_path(std::string_view path);

// The whole content of a file. Throws UserError, naming the path and the reason, where it can't be
// read.
std::string read_file(const std::filesystem::path& path);

// Puts `bytes` at `path` as FileWriter does.
void write_file(const std::filesystem::path& path, std::string_view bytes);

// Writes a file that appears under its name complete or not at all.
//
// The bytes go to a hidden side file in the same folder, which commit() syncs and renames. The
// folder has to exist. What `path` named before, a symbolic link included, is replaced and not
// written through. The file's mode is 0644 less the umask; written by root, it takes the owner and
// group of its folder, so that whoever mounted the folder can delete it.
//
// An error of the file system is a UserError that names the path, the reason and the remedy; by
// then the side file is gone. One thread at a time; one writer per path in a process.
class FileWriter {
 public:
  explicit FileWriter(std::filesystem::path path);
  // Without a commit(), drops what was written.
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(std::string_view bytes);

  // Puts the file in its place. Once, and nothing may be written after it.
  void commit();

 private:
  void flush();
  void drop() noexcept;
  [[noreturn]] void fail(int error);

  std::filesystem::path path_;
  std::filesystem::path side_path_;
  std::string buffer_;
  int descriptor_ = -1;  // of the side file; -1 once it is committed or dropped
};

// Makes a folder and those on the way to it where they are missing. Made by root, each takes the
// owner and group of its parent. Throws UserError where that fails.
void make_directories(const std::filesystem::path& folder);

// Makes the folder where it is missing, and proves by a small file, which it removes again, that
// files can be written to it. Throws UserError where they can't.
void require_writable(const std::filesystem::path& folder);

}  // namespace mlp
