#include "runtime/data/zip_archive.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <unzip.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "model/error.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

constexpr std::uint32_t kStored = 0;
constexpr std::uint32_t kDeflated = 8;
constexpr std::uint64_t kPieceBytes = 8 << 20;
constexpr std::uint64_t kOneCallBytes = 256 << 20;

struct UnzClose {
  void operator()(void* zip) const { unzClose(zip); }  // closes an open member too
};
using Zip = std::unique_ptr<void, UnzClose>;

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
};

[[noreturn]] void throw_damaged(const std::string& archive, const std::string& what) {
  throw UserError(fmt::format(
      "{}: expected a complete .npz (zip) file, but it is damaged or cut short: {}. Copy it again "
      "from where it came, or write it again with numpy.savez.",
      archive, what));
}

[[noreturn]] void throw_damaged(const std::string& archive, const ZipMember& member,
                                std::string_view what) {
  throw_damaged(archive, fmt::format("{} {}", in_quotes(member.name), what));
}

// Whether the archive's end record is there to its last byte: minizip takes missing ones for zeros.
bool has_whole_end(const File& file) {
  constexpr std::size_t kEndBytes = 22;  // before its comment, whose length stands in the last two
  constexpr std::size_t kMostComment = 0xFFFF;
  constexpr std::string_view kSignature("PK\5\6", 4);
  const std::uint64_t size = file.size_bytes();
  std::string tail(std::min<std::uint64_t>(size, kEndBytes + kMostComment), '\0');
  tail.resize(file.read_at(size - tail.size(), tail.data(), tail.size()));
  const std::size_t end = tail.rfind(kSignature);
  if (end == std::string::npos || tail.size() - end < kEndBytes) return false;
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(tail[end + at]); };
  const std::size_t comment = byte(kEndBytes - 2) | std::size_t{byte(kEndBytes - 1)} << 8U;
  return tail.size() - end >= kEndBytes + comment;
}

class MemberSource final : public ByteSource {
 public:
  MemberSource(std::string source_name, Zip zip, std::string archive, const ZipMember& member)
      : ByteSource(std::move(source_name)),
        zip_(std::move(zip)),
        archive_(std::move(archive)),
        member_(member) {}

  std::size_t read(void* buffer, std::size_t size) override {
    auto* const bytes = static_cast<char*>(buffer);
    std::size_t done = 0;
    while (done < size && zip_) {
      const auto piece = static_cast<unsigned>(std::min<std::uint64_t>(size - done, kPieceBytes));
      const int count = unzReadCurrentFile(zip_.get(), bytes + done, piece);
      if (count < 0) throw_damaged(archive_, member_, "can't be decompressed");
      done += static_cast<std::size_t>(count);
      total_ += static_cast<std::size_t>(count);
      if (count == 0) finish();
    }
    return done;
  }

 private:
  // minizip compares the checksum only where as many bytes came as the directory claims.
  void finish() {
    if (total_ != member_.size_bytes) throw_damaged(archive_, member_, "ends too early");
    const int status = unzCloseCurrentFile(zip_.get());
    zip_.reset();
    if (status != UNZ_OK) throw_damaged(archive_, member_, "has a wrong checksum");
  }

  Zip zip_;  // empty once all is read
  std::string archive_;
  ZipMember member_;
  std::uint64_t total_ = 0;
};

}  // namespace

ZipArchive::ZipArchive(const std::filesystem::path& path, std::string name)
    : path_(path), file_(path, std::move(name)) {
  if (file_.size_bytes() == 0) {
    throw UserError(fmt::format(
        "{}: expected an .npz file, but the file is empty. Check how it was made or copied.",
        file_.name()));
  }
  const Zip zip(unzOpen64(path.c_str()));
  unz_global_info64 archive_info{};
  if (!zip || !has_whole_end(file_) || unzGetGlobalInfo64(zip.get(), &archive_info) != UNZ_OK) {
    throw_damaged(file_.name(), "its directory is missing");
  }
  if (archive_info.number_entry == 0) return;
  int status = unzGoToFirstFile(zip.get());
  while (status == UNZ_OK) {
    unz_file_info64 info{};
    unz64_file_pos position{};
    std::string member_name(std::numeric_limits<std::uint16_t>::max(), '\0');
    if (unzGetCurrentFileInfo64(zip.get(), &info, member_name.data(), member_name.size(), nullptr,
                                0, nullptr, 0) != UNZ_OK ||
        unzGetFilePos64(zip.get(), &position) != UNZ_OK) {
      break;
    }
    member_name.resize(std::min<std::size_t>(info.size_filename, member_name.size()));
    members_.push_back({.name = std::move(member_name),
                        .size_bytes = info.uncompressed_size,
                        .compressed_bytes = info.compressed_size,
                        .crc = static_cast<std::uint32_t>(info.crc),
                        .method = static_cast<std::uint32_t>(info.compression_method),
                        .encrypted = (info.flag & 1) != 0,
                        .directory_offset = position.pos_in_zip_directory,
                        .directory_index = position.num_of_file});
    status = unzGoToNextFile(zip.get());
  }
  if (status != UNZ_END_OF_LIST_OF_FILE) throw_damaged(file_.name(), "its directory is incomplete");
}

ZipArchive::~ZipArchive() = default;

void ZipArchive::check(const ZipMember& member) const {
  if (member.encrypted) {
    throw UserError(fmt::format(
        "{}: {} is encrypted, which is not supported. Write the archive without a password.",
        name(), in_quotes(member.name)));
  }
  if (member.method != kStored && member.method != kDeflated) {
    throw UserError(fmt::format(
        "{}: {} is compressed by zip method {}, but only stored (0) and deflated (8) members are "
        "read. Write the file with numpy.savez or numpy.savez_compressed.",
        name(), in_quotes(member.name), member.method));
  }
  constexpr std::uint64_t kLargestRatio = 1032;  // a match of 258 bytes in two bits
  if (member.compressed_bytes > file_.size_bytes()) {
    throw_damaged(name(), member, "claims to be larger than the file");
  }
  const std::uint64_t possible_bytes = member.method == kStored
                                           ? member.compressed_bytes
                                           : (member.compressed_bytes + 1) * kLargestRatio;
  if (member.size_bytes > possible_bytes ||
      (member.method == kStored && member.size_bytes != member.compressed_bytes)) {
    throw_damaged(name(), member,
                  fmt::format("claims to hold {} bytes, which {} stored bytes can't give",
                              member.size_bytes, member.compressed_bytes));
  }
}

// An unzFile that stands at the first byte of the member; the caller owns it.
void* ZipArchive::open_member(const ZipMember& member, bool raw) const {
  Zip zip(unzOpen64(path_.c_str()));
  const unz64_file_pos position{member.directory_offset, member.directory_index};
  int method = 0;
  if (!zip || unzGoToFilePos64(zip.get(), &position) != UNZ_OK ||
      unzOpenCurrentFile2(zip.get(), &method, nullptr, raw ? 1 : 0) != UNZ_OK) {
    throw_damaged(name(), member, "is not where the directory says");
  }
  return zip.release();
}

void ZipArchive::read(const ZipMember& member, std::span<std::byte> out,
                      const std::function<void()>& poll) const {
  check(member);
  if (out.size() != member.size_bytes) throw_damaged(name(), member, "changed while it was read");
  if (member.method == kDeflated && member.size_bytes > kOneCallBytes) {
    const std::unique_ptr<ByteSource> source = stream(member, name());
    for (std::size_t done = 0; done < out.size();) {
      poll();
      const std::size_t piece = std::min<std::size_t>(out.size() - done, kPieceBytes);
      done += source->read(out.data() + done, piece);  // throws where the member ends too early
    }
    std::byte beyond{};
    source->read(&beyond, 1);  // at the end the checksum is compared
    return;
  }

  // minizip finds the member's first byte; its own reading copies byte by byte and takes a checksum
  // of the compressed bytes, so they are read past it.
  const Zip zip(open_member(member, true));
  const std::uint64_t start = unzGetCurrentFileZStreamPos64(zip.get());
  const std::uint64_t end = file_.size_bytes();
  if (start > end || member.compressed_bytes > end - start) {
    throw_damaged(name(), member, "reaches beyond the end of the file");
  }
  std::unique_ptr<std::byte[]> compressed;
  std::byte* target = out.data();
  const auto compressed_bytes = static_cast<std::size_t>(member.compressed_bytes);
  if (member.method == kDeflated) {
    compressed = std::make_unique_for_overwrite<std::byte[]>(compressed_bytes);
    target = compressed.get();
  }
  for (std::size_t done = 0; done < compressed_bytes;) {
    poll();
    const std::size_t piece = std::min<std::size_t>(compressed_bytes - done, kPieceBytes);
    if (file_.read_at(start + done, target + done, piece) != piece) {
      throw_damaged(name(), member, "ends too early");
    }
    done += piece;
  }
  if (member.method == kDeflated) {
    const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> decompressor(
        libdeflate_alloc_decompressor());
    if (!decompressor) throw std::bad_alloc();
    if (libdeflate_deflate_decompress(decompressor.get(), compressed.get(), compressed_bytes,
                                      out.data(), out.size(), nullptr) != LIBDEFLATE_SUCCESS) {
      throw_damaged(name(), member, "can't be decompressed");
    }
  }
  if (libdeflate_crc32(0, out.data(), out.size()) != member.crc) {
    throw_damaged(name(), member, "has a wrong checksum");
  }
}

std::unique_ptr<ByteSource> ZipArchive::stream(const ZipMember& member,
                                               std::string source_name) const {
  check(member);
  return std::make_unique<MemberSource>(std::move(source_name), Zip(open_member(member, false)),
                                        name(), member);
}

}  // namespace mlp
