#include "runtime/system/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

#include "model/error.h"

namespace mlp {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{64} * 1024;

// A file descriptor that is closed at the end of its life; for reading, where close() can't lose
// data.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC)) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::string message(int error) { return std::generic_category().message(error); }

// What stands in the way of writing, and the remedy, as the end of a sentence and a sentence.
std::string explain_write_error(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return fmt::format(
          "the disk is full ({}). Free some space there, or give the job a larger volume.",
          message(error));
    case EROFS:
      return fmt::format("{}. Mount it so that it can be written to, or choose another folder.",
                         message(error));
    case EACCES:
    case EPERM:
      return fmt::format(
          "{} for the user with uid {}. Run as root, as SageMaker does, or give this user write "
          "permission there.",
          message(error), ::geteuid());
    case ENOENT:
      return "its folder does not exist. Make the folder, or correct the path.";
    default:
      return fmt::format("{}. Check this path, or choose another folder.", message(error));
  }
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.parent_path();
  return folder.empty() ? "." : folder;
}

// Not every file system that a container sees can sync.
bool sync_is_unsupported(int error) {
  return error == EINVAL || error == ENOTSUP || error == ENOSYS;
}

// Owner and group of a folder, for what root puts into it. A failure is no error: a root without
// the right to give files away still has a file.
void take_owner(int descriptor, const std::filesystem::path& folder) {
  struct stat status {};
  if (::geteuid() != 0 || ::stat(folder.c_str(), &status) != 0) return;
  [[maybe_unused]] const int ignored = ::fchown(descriptor, status.st_uid, status.st_gid);
}

// The side file of `path`, opened, in `side_path`. A left-over of a killed process with the same
// id, which in a container is always 1, is replaced. Gives -1 and errno where that fails.
int open_side_file(const std::filesystem::path& path, std::filesystem::path& side_path) {
  const std::filesystem::path folder = folder_of(path);
  side_path = folder / fmt::format(".{}.{}.tmp", path.filename().string(), ::getpid());
  const auto open_new = [&] {
    return ::open(side_path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  };
  int descriptor = open_new();
  if (descriptor < 0 && errno == EEXIST && ::unlink(side_path.c_str()) == 0) {
    descriptor = open_new();
  }
  if (descriptor >= 0) take_owner(descriptor, folder);
  return descriptor;
}

// Writes all bytes; gives 0, or errno.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

bool is_folder(const std::filesystem::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

[[noreturn]] void fail_reading(const std::filesystem::path& path, int error) {
  const std::string who = error == EACCES || error == EPERM
                              ? fmt::format(" for the user with uid {}", ::geteuid())
                              : std::string();
  throw UserError(
      fmt::format("Cannot read {}: {}{}. Expected a file that can be read. Correct the path or its "
                  "permissions.",
                  shortened_path(path.string()), message(error), who));
}

}  // namespace

std::string shortened_path(std::string_view path) {
  constexpr std::size_t kLimit = 200;
  if (path.size() <= kLimit) return std::string(path);
  return "..." + std::string(path.substr(path.size() - kLimit));
}

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(path, O_RDONLY);
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) fail_reading(path, errno);

  std::string bytes;
  if (status.st_size > 0) bytes.reserve(static_cast<std::size_t>(status.st_size));
  std::array<char, kBufferBytes> chunk{};
  while (true) {
    const ssize_t count = ::read(file.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_reading(path, errno);
    if (count == 0) return bytes;
    bytes.append(chunk.data(), static_cast<std::size_t>(count));
  }
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  FileWriter writer(path);
  writer.write(bytes);
  writer.commit();
}

FileWriter::FileWriter(std::filesystem::path path) : path_(std::move(path)) {
  buffer_.reserve(kBufferBytes);
  descriptor_ = open_side_file(path_, side_path_);
  if (descriptor_ < 0) fail(errno);
}

FileWriter::~FileWriter() { drop(); }

void FileWriter::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) flush();
  if (bytes.size() < kBufferBytes) {
    buffer_ += bytes;
  } else if (const int error = write_all(descriptor_, bytes); error != 0) {
    fail(error);
  }
}

void FileWriter::commit() {
  flush();
  if (::fsync(descriptor_) != 0 && !sync_is_unsupported(errno)) fail(errno);
  // Network file systems may report a full disk only here.
  if (::close(std::exchange(descriptor_, -1)) != 0 ||
      ::rename(side_path_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::unlink(side_path_.c_str());
    fail(error);
  }
  const Descriptor folder(folder_of(path_), O_RDONLY | O_DIRECTORY);
  if (folder.get() >= 0 && ::fsync(folder.get()) != 0 && errno == EIO) fail(errno);
}

void FileWriter::flush() {
  if (const int error = write_all(descriptor_, buffer_); error != 0) fail(error);
  buffer_.clear();
}

void FileWriter::drop() noexcept {
  if (descriptor_ < 0) return;
  ::close(std::exchange(descriptor_, -1));
  ::unlink(side_path_.c_str());
}

void FileWriter::fail(int error) {
  drop();
  throw UserError(fmt::format("Cannot write {}: {}", shortened_path(path_.string()),
                              explain_write_error(error)));
}

void make_directories(const std::filesystem::path& folder) {
  if (folder.empty() || is_folder(folder)) return;
  const std::filesystem::path parent = folder_of(folder);
  make_directories(parent);
  if (::mkdir(folder.c_str(), 0777) == 0) {
    const Descriptor made(folder, O_RDONLY | O_DIRECTORY);
    if (made.get() >= 0) take_owner(made.get(), parent);
    return;
  }
  const int error = errno;
  // It may end in a slash, or another process may have made it meanwhile.
  if (error == EEXIST && is_folder(folder)) return;
  throw UserError(fmt::format("Cannot make the folder {}: {}", shortened_path(folder.string()),
                              explain_write_error(error)));
}

void require_writable(const std::filesystem::path& folder) {
  make_directories(folder);
  std::filesystem::path side_path;
  const int descriptor = open_side_file(folder / "writable", side_path);
  int error = descriptor < 0 ? errno : 0;
  if (descriptor >= 0) {
    // A full disk still takes an empty file.
    error = write_all(descriptor, "writable\n");
    ::close(descriptor);
    ::unlink(side_path.c_str());
  }
  if (error != 0) {
    throw UserError(fmt::format("Cannot write to the folder {}: {}",
                                shortened_path(folder.string()), explain_write_error(error)));
  }
}

}  // namespace mlp
