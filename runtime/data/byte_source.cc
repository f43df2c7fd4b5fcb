#include "runtime/data/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

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
  std::size_t read(void* buffer, std::size_t size) override {
    const std::size_t count = file_.read(buffer, size);
    position_ += count;
    return count;
  }
  Rest rest() const override { return file_.is_regular() ? Rest{&file_, position_} : Rest{}; }

 private:
  File file_;
  std::uint64_t position_ = 0;
};

// Bytes is what holds them: a string of its own, or a view of others'.
template <typename Bytes>
class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string name, Bytes bytes)
      : ByteSource(std::move(name)), bytes_(std::move(bytes)) {}
  std::size_t read(void* buffer, std::size_t size) override {
    const std::size_t count = bytes_.copy(static_cast<char*>(buffer), size, position_);
    position_ += count;
    return count;
  }
  std::optional<std::size_t> bytes_left() const override { return bytes_.size() - position_; }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
};

// A ring of pieces: the thread fills those that are free, read() empties those that are full, and
// which are which is all that they share.
class ReadAheadSource final : public ByteSource {
 public:
  explicit ReadAheadSource(std::unique_ptr<ByteSource> source)
      : ByteSource(source->name()), source_(std::move(source)) {
    for (Piece& piece : pieces_) piece.bytes.resize(kPieceBytes);
    thread_ = std::thread([this] { fill_pieces(); });
  }

  ~ReadAheadSource() override {
    {
      const std::lock_guard lock(mutex_);
      is_stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  std::size_t read(void* buffer, std::size_t size) override {
    std::size_t done = 0;
    while (done < size && wait_for_piece()) {
      Piece& piece = pieces_[given_ % kPieces];
      const std::size_t count = std::min(size - done, piece.size - position_);
      std::memcpy(static_cast<char*>(buffer) + done, piece.bytes.data() + position_, count);
      done += count;
      position_ += count;
      if (position_ == piece.size) release_piece();
    }
    return done;
  }

 private:
  static constexpr std::size_t kPieceBytes = 1 << 20;
  static constexpr std::size_t kPieces = 3;

  struct Piece {
    std::vector<char> bytes;
    std::size_t size = 0;  // of what it holds
  };

  // The thread's whole work.
  void fill_pieces() {
    std::exception_ptr error;
    try {
      for (bool goes_on = true; goes_on;) {
        {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [this] { return is_stopped_ || filled_ - given_ < kPieces; });
          if (is_stopped_) return;
        }
        Piece& piece = pieces_[filled_ % kPieces];
        piece.size = source_->read(piece.bytes.data(), piece.bytes.size());
        goes_on = piece.size == piece.bytes.size();
        if (piece.size == 0) break;
        const std::lock_guard lock(mutex_);
        ++filled_;
        changed_.notify_all();
      }
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    is_ended_ = true;
    error_ = error;
    changed_.notify_all();
  }

  // False where the source has ended.
  bool wait_for_piece() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_ended_ || filled_ > given_; });
    if (filled_ > given_) return true;
    if (error_) std::rethrow_exception(error_);
    return false;
  }

  void release_piece() {
    position_ = 0;
    const std::lock_guard lock(mutex_);
    ++given_;
    changed_.notify_all();
  }

  std::unique_ptr<ByteSource> source_;
  std::array<Piece, kPieces> pieces_;
  std::size_t position_ = 0;  // in the piece that read() is at

  std::mutex mutex_;  // guards what follows; each count has one thread that changes it
  std::condition_variable changed_;
  std::size_t filled_ = 0;  // pieces so far
  std::size_t given_ = 0;   // likewise, to the last byte
  bool is_ended_ = false;
  bool is_stopped_ = false;
  std::exception_ptr error_;
  std::thread thread_;
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

bool File::is_regular() const {
  struct stat status {};
  return fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
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
  return std::make_unique<MemorySource<std::string>>(std::move(name), std::move(bytes));
}

std::unique_ptr<ByteSource> view_source(std::string name, std::string_view bytes) {
  return std::make_unique<MemorySource<std::string_view>>(std::move(name), bytes);
}

std::unique_ptr<ByteSource> read_ahead(std::unique_ptr<ByteSource> source) {
  return std::make_unique<ReadAheadSource>(std::move(source));
}

}  // namespace mlp
