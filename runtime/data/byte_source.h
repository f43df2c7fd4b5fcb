#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mlp {

class File;

// Bytes from somewhere, read once from start to end. The name is what messages call them.
class ByteSource {
 public:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  const std::string& name() const { return name_; }

  // Fills `buffer` with the next bytes and returns how many came: fewer than `size` only where the
  // source ends. Throws UserError where the bytes can't be had.
  virtual std::size_t read(void* buffer, std::size_t size) = 0;

  // How many bytes are still to come, where that is known, so that buffers need not be larger.
  virtual std::optional<std::size_t> bytes_left() const { return std::nullopt; }

  // The regular file that the bytes still to come are the rest of, and where it begins. They may be
  // read there instead, on many threads at once. Null where there is none; valid as long as the
  // source.
  struct Rest {
    const File* file = nullptr;
    std::uint64_t offset = 0;
  };
  virtual Rest rest() const { return {}; }

 private:
  std::string name_;
};

// A file open for reading. Each call goes to the operating system, so read large pieces.
class File {
 public:
  // Throws UserError where the file can't be opened.
  File(const std::filesystem::path& path, std::string name);
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& name() const { return name_; }

  // As it is now; 0 for pipes and the like.
  std::uint64_t size_bytes() const;
  bool is_regular() const;

  // Both fill `buffer`, return fewer bytes than `size` only at the end, and throw UserError where
  // reading fails. The first goes on where it stopped and is all that a pipe can do; the second
  // leaves that place alone, so many threads may call it.
  std::size_t read(void* buffer, std::size_t size);
  std::size_t read_at(std::uint64_t offset, void* buffer, std::size_t size) const;

 private:
  std::string name_;
  int descriptor_;
};

// Throws UserError where the file can't be opened.
std::unique_ptr<ByteSource> file_source(const std::filesystem::path& path, std::string name);

std::unique_ptr<ByteSource> memory_source(std::string name, std::string bytes);

// The same without a copy: `bytes` has to outlive the source.
std::unique_ptr<ByteSource> view_source(std::string name, std::string_view bytes);

// The bytes of `source`, which a thread of its own reads up to 3 MiB ahead. What the source throws,
// read() throws when the bytes before have been given.
std::unique_ptr<ByteSource> read_ahead(std::unique_ptr<ByteSource> source);

}  // namespace mlp
