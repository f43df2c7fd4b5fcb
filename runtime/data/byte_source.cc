#include "runtime/data/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "model/error.h"

namespace mlp {
namespace {

// Calls `read_some(buffer, size)` until `size` bytes are there or it returns 0.
template <typename ReadSome>
std::size_t read_fully(const std::string& name, void* buffer, std::size_t size,
                       ReadSome&& read_some) {
  constexpr std::size_t kLargestCall = 1 << 30;  // Linux reads at most 2 GiB at once
  auto* const bytes = static_cast<char*>(buffer);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = read_some(bytes + done, std::min(size - done, kLargestCall), done);
    if (count == 0) break;
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      throw UserError(
          fmt::format("{}: the file can't be read: {}. Check the disk or mount it is on.", name,
                      std::generic_category().message(errno)));
    }
  }
  return done;
}

class FileSource final : public ByteSource {
 public:
  FileSource(const std::filesystem::path& path, std::string name)
      : ByteSource(name), file_(path, std::move(name)) {}
  std::size_t read(void* buffer, std::size_t size) override { return file_.read(buffer, size); }

 private:
  File file_;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string name, std::string bytes)
      : ByteSource(std::move(name)), bytes_(std::move(bytes)) {}
  std::size_t read(void* buffer, std::size_t size) override {
    const std::size_t count = bytes_.copy(static_cast<char*>(buffer), size, position_);
    position_ += count;
    return count;
  }

 private:
  std::string bytes_;
  std::size_t position_ = 0;
};

}  // namespace

File::File(const std::filesystem::path& path, std::string name)
    : name_(std::move(name)), descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) {
    throw UserError(
        fmt::format("{}: the file can't be opened: {}. Check that it exists, and that this process "
                    "(uid {}) may read it.",
                    name_, std::generic_category().message(errno), geteuid()));
  }
}

File::~File() { close(descriptor_); }

std::uint64_t File::size_bytes() const {
  struct stat status {};
  if (fstat(descriptor_, &status) != 0 || status.st_size < 0) return 0;
  return static_cast<std::uint64_t>(status.st_size);
}

std::size_t File::read(void* buffer, std::size_t size) {
  return read_fully(name_, buffer, size, [this](char* to, std::size_t count, std::size_t) {
    return ::read(descriptor_, to, count);
  });
}

std::size_t File::read_at(std::uint64_t offset, void* buffer, std::size_t size) const {
  return read_fully(name_, buffer, size,
                    [this, offset](char* to, std::size_t count, std::size_t done) {
                      return pread(descriptor_, to, count, static_cast<off_t>(offset + done));
                    });
}

std::unique_ptr<ByteSource> file_source(const std::filesystem::path& path, std::string name) {
  return std::make_unique<FileSource>(path, std::move(name));
}

std::unique_ptr<ByteSource> memory_source(std::string name, std::string bytes) {
  return std::make_unique<MemorySource>(std::move(name), std::move(bytes));
}

}  // namespace mlp
