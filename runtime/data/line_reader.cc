#include "runtime/data/line_reader.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "model/error.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::size_t kLongestLine = 64 << 20;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct Beginning {
  std::string_view bytes;
  std::string_view kind;
  std::string_view advice;
};
constexpr std::string_view kDecompress =
    "Compressed text is not supported yet: decompress it before the job";
constexpr std::string_view kSuffix = "Give the file its suffix .npz or .npy";
constexpr std::string_view kUtf8 = "Save it as UTF-8";
constexpr Beginning kBeginnings[] = {
    {"\x1F\x8B", "is compressed by gzip", kDecompress},
    {"\x28\xB5\x2F\xFD", "is compressed by zstd", kDecompress},
    {"BZh", "is compressed by bzip2", kDecompress},
    {"\xFD"
     "7zXZ",
     "is compressed by xz", kDecompress},
    {"PK\x03\x04", "is a zip archive or .npz file", kSuffix},
    {"\x93NUMPY", "is a NumPy array", kSuffix},
    {"\xFF\xFE", "is text in UTF-16", kUtf8},
    {"\xFE\xFF", "is text in UTF-16", kUtf8},
};

}  // namespace

LineReader::LineReader(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)), buffer_(kBufferBytes) {}

bool LineReader::next(std::string_view& line) {
  std::size_t blank = 0;  // the first of the blank lines passed
  while (next_raw(line)) {
    if (line.find_first_not_of(" \t") != std::string_view::npos) {
      if (blank == 0) return true;
      throw UserError(fmt::format(
          "{}, line {}: the line is blank, but rows follow it. Expected one row per line without "
          "gaps: remove the blank line, or fill in its value.",
          name(), blank));
    }
    if (blank == 0) blank = number_;
  }
  return false;
}

bool LineReader::next_raw(std::string_view& line) {
  if (!started_) {
    fill();
    started_ = true;
    check_beginning();
    if (std::string_view(buffer_.data(), end_).starts_with(kByteOrderMark)) {
      begin_ = kByteOrderMark.size();
    }
  }
  std::size_t searched = 0;  // bytes after begin_ known to hold no line end
  while (true) {
    const char* const first = buffer_.data() + begin_;
    const std::size_t size = end_ - begin_;
    const void* const found =
        size == searched ? nullptr : std::memchr(first + searched, '\n', size - searched);
    if (found != nullptr || ended_) {
      if (found == nullptr && size == 0) return false;
      const std::size_t length =
          found == nullptr ? size
                           : static_cast<std::size_t>(static_cast<const char*>(found) - first);
      begin_ += length + (found == nullptr ? 0 : 1);
      ++number_;
      line = {first, length};
      if (line.ends_with('\r')) line.remove_suffix(1);
      return true;
    }
    searched = size;
    fill();
  }
}

// Adds bytes behind those that are left; grows the buffer where one line fills it.
void LineReader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) {
    if (buffer_.size() >= kLongestLine) {
      throw UserError(
          fmt::format("{}, line {}: the line is longer than {} MiB. Expected text with one row per "
                      "line. Check that "
                      "the file is CSV.",
                      name(), number_ + 1, kLongestLine >> 20));
    }
    buffer_.resize(2 * buffer_.size());
  }
  const std::size_t wanted = buffer_.size() - end_;
  const std::size_t count = source_->read(buffer_.data() + end_, wanted);
  end_ += count;
  ended_ = count < wanted;
}

void LineReader::check_beginning() const {
  const std::string_view bytes(buffer_.data(), end_);
  for (const Beginning& beginning : kBeginnings) {
    if (!bytes.starts_with(beginning.bytes)) continue;
    throw UserError(fmt::format("{}: expected plain CSV text, but the file {}. {}.", name(),
                                beginning.kind, beginning.advice));
  }
}

}  // namespace mlp
