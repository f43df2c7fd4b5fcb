#include "runtime/data/compression.h"

#define ZLIB_CONST  // zlib takes its input as const
#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"

namespace mlp {
namespace {

constexpr std::size_t kInputBytes = 1 << 18;

// Turns compressed bytes into plain ones, piece by piece.
class Decoder {
 public:
  Decoder() = default;
  virtual ~Decoder() = default;
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // What a call took, what it gave, and why it can't go on; empty where it can.
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    std::string problem = {};
  };
  // Fills as much of `out` as `in` gives. Call it again with an empty `in` for what is left inside.
  virtual Step decode(std::span<const char> in, std::span<char> out) = 0;

  // Whether the data may end here: no member or frame has begun that has not ended.
  virtual bool is_complete() const = 0;
};

class GzipDecoder final : public Decoder {
 public:
  GzipDecoder() {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) throw std::bad_alloc();
  }
  ~GzipDecoder() override { inflateEnd(&stream_); }

  Step decode(std::span<const char> in, std::span<char> out) override {
    Step step;
    if (!in_member_) {
      // Members may be padded by zeros, as on tapes.
      while (step.consumed < in.size() && in[step.consumed] == '\0') ++step.consumed;
      if (step.consumed == in.size()) return step;
      in = in.subspan(step.consumed);
      inflateReset(&stream_);
      in_member_ = true;
    }
    stream_.next_in = reinterpret_cast<const Bytef*>(in.data());
    stream_.avail_in = count(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = count(out.size());
    const uInt in_before = stream_.avail_in;
    const uInt out_before = stream_.avail_out;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    step.consumed += in_before - stream_.avail_in;
    step.produced = out_before - stream_.avail_out;
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    if (status == Z_STREAM_END) {
      in_member_ = false;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {  // the latter: no more to take or give
      step.problem = stream_.msg == nullptr ? zError(status) : stream_.msg;
    }
    return step;
  }

  bool is_complete() const override { return !in_member_; }

 private:
  static uInt count(std::size_t size) {
    return static_cast<uInt>(std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
  }

  z_stream stream_{};
  bool in_member_ = false;
};

class ZstdDecoder final : public Decoder {
 public:
  ZstdDecoder() : stream_(ZSTD_createDStream()) {
    if (stream_ == nullptr) throw std::bad_alloc();
  }
  ~ZstdDecoder() override { ZSTD_freeDStream(stream_); }

  Step decode(std::span<const char> in, std::span<char> out) override {
    // Between frames there is nothing left inside, and a call would begin the next one.
    if (in.empty() && is_complete_) return {};
    ZSTD_inBuffer input = {in.data(), in.size(), 0};
    ZSTD_outBuffer output = {out.data(), out.size(), 0};
    const std::size_t left = ZSTD_decompressStream(stream_, &output, &input);
    Step step{.consumed = input.pos, .produced = output.pos};
    if (ZSTD_isError(left) != 0) {
      if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation) throw std::bad_alloc();
      step.problem = ZSTD_getErrorName(left);
    }
    is_complete_ = left == 0;
    return step;
  }

  bool is_complete() const override { return is_complete_; }

 private:
  ZSTD_DStream* stream_;
  bool is_complete_ = true;
};

class DecompressedSource final : public ByteSource {
 public:
  // `beginning` has been read from the source.
  DecompressedSource(std::unique_ptr<ByteSource> source, std::string_view beginning,
                     Compression compression)
      : ByteSource(source->name()), source_(std::move(source)), input_(kInputBytes) {
    if (compression == Compression::kGzip) {
      decoder_ = std::make_unique<GzipDecoder>();
    } else {
      decoder_ = std::make_unique<ZstdDecoder>();
    }
    kind_ = compression == Compression::kGzip ? "gzip" : "zstd";
    waiting_ = std::span(input_).first(beginning.copy(input_.data(), input_.size()));
  }

  std::size_t read(void* buffer, std::size_t size) override {
    const std::span out(static_cast<char*>(buffer), size);
    std::size_t done = 0;
    while (done < size) {
      const Decoder::Step step = decoder_->decode(waiting_, out.subspan(done));
      waiting_ = waiting_.subspan(step.consumed);
      consumed_ += step.consumed;
      done += step.produced;
      produced_ += step.produced;
      if (!step.problem.empty()) throw_damaged(step.problem);
      if (!waiting_.empty() || step.produced > 0) continue;
      if (ended_) {
        if (!decoder_->is_complete()) throw_cut_short();
        break;
      }
      const std::size_t count = source_->read(input_.data(), input_.size());
      ended_ = count < input_.size();
      waiting_ = std::span(input_).first(count);
    }
    return done;
  }

 private:
  [[noreturn]] void throw_damaged(std::string_view problem) const {
    throw UserError(fmt::format(
        "{}: expected {} data, but after {} bytes of the file, which give {} bytes of text, it "
        "can't be decompressed: {}. Copy the file again, or compress it again without an "
        "unusually large window; {} -t tests it.",
        name(), kind_, consumed_, produced_, problem, kind_));
  }

  [[noreturn]] void throw_cut_short() const {
    throw UserError(fmt::format(
        "{}: the {} data is cut short: the file ends after {} bytes, which give {} bytes of text, "
        "but more were to come. Copy the file again, or compress it again; {} -t tests it.",
        name(), kind_, consumed_, produced_, kind_));
  }

  std::unique_ptr<ByteSource> source_;
  std::unique_ptr<Decoder> decoder_;
  std::string_view kind_;
  std::vector<char> input_;
  std::span<char> waiting_;  // what of the input has not been decoded
  bool ended_ = false;       // the source has
  std::uint64_t consumed_ = 0;
  std::uint64_t produced_ = 0;
};

// Finds out at the first read, so that opening a pipe does not wait for its writer.
class MaybeCompressedSource final : public ByteSource {
 public:
  explicit MaybeCompressedSource(std::unique_ptr<ByteSource> source)
      : ByteSource(source->name()), source_(std::move(source)) {}

  std::size_t read(void* buffer, std::size_t size) override {
    if (!started_) start();
    const std::size_t count = beginning_.copy(static_cast<char*>(buffer), size);
    beginning_.erase(0, count);
    return count + source_->read(static_cast<char*>(buffer) + count, size - count);
  }

  Rest rest() const override { return started_ && beginning_.empty() ? source_->rest() : Rest{}; }

 private:
  void start() {
    beginning_.resize(kCompressionMarkBytes);
    beginning_.resize(source_->read(beginning_.data(), beginning_.size()));
    const Compression compression = compression_of(beginning_);
    if (compression != Compression::kNone) {
      source_ = read_ahead(
          std::make_unique<DecompressedSource>(std::move(source_), beginning_, compression));
      beginning_.clear();
    }
    started_ = true;
  }

  std::unique_ptr<ByteSource> source_;
  std::string beginning_;  // what has been read of the source and not given yet
  bool started_ = false;
};

}  // namespace

Compression compression_of(std::string_view beginning) {
  constexpr std::string_view kGzipMark("\x1F\x8B");
  constexpr std::string_view kZstdMark("\x28\xB5\x2F\xFD");
  constexpr std::string_view kSkippableMark("\x2A\x4D\x18");  // behind 0x50 to 0x5F
  if (beginning.starts_with(kGzipMark)) return Compression::kGzip;
  // Parallel compressors begin with a frame to be skipped.
  const bool is_skippable = !beginning.empty() && (beginning[0] & 0xF0) == 0x50 &&
                            beginning.substr(1).starts_with(kSkippableMark);
  return beginning.starts_with(kZstdMark) || is_skippable ? Compression::kZstd : Compression::kNone;
}

std::unique_ptr<ByteSource> decompressed(std::unique_ptr<ByteSource> source) {
  return std::make_unique<MaybeCompressedSource>(std::move(source));
}

}  // namespace mlp
