#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/byte_source.h"

namespace mlp {

// What an archive's directory says about one file in it. None of it is to be trusted: ZipArchive
// compares it with the bytes that are there.
struct ZipMember {
  std::string name;
  std::uint64_t size_bytes = 0;        // uncompressed
  std::uint64_t compressed_bytes = 0;  // as stored
  std::uint32_t crc = 0;               // CRC-32 of the uncompressed bytes
  std::uint32_t method = 0;            // 0 stored, 8 deflated
  bool encrypted = false;
  std::uint64_t directory_offset = 0;  // of its entry, and the entry's number
  std::uint64_t directory_index = 0;
};

// A zip file open for reading, zip64 included.
//
// Every method throws UserError, with the archive's name, where the archive is damaged, cut short,
// encrypted or compressed by another method than deflate. Once made, an object may be read on many
// threads at once.
class ZipArchive {
 public:
  ZipArchive(const std::filesystem::path& path, std::string name);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  const std::string& name() const { return file_.name(); }
  const std::vector<ZipMember>& members() const { return members_; }  // in the archive's order

  // Throws unless `member` is of a kind that can be read and its bytes can be as many as it claims:
  // its compressed bytes lie inside the file, and deflate can't shrink by more than 1032 to 1. So
  // what is allocated after this is in proportion to the file.
  void check(const ZipMember& member) const;

  // Fills `out`, as large as the member, and compares the checksum. Members of up to 256 MB take
  // one call of libdeflate, with the compressed bytes in memory beside them; larger ones are
  // inflated piece by piece. Calls `poll` between pieces; it may throw.
  void read(const ZipMember& member, std::span<std::byte> out,
            const std::function<void()>& poll) const;

  // The member's bytes in constant memory, called `source_name`. The checksum is compared when the
  // end is read. The source lives on its own.
  std::unique_ptr<ByteSource> stream(const ZipMember& member, std::string source_name) const;

 private:
  void* open_member(const ZipMember& member, bool raw) const;

  std::filesystem::path path_;
  File file_;
  std::vector<ZipMember> members_;
};

}  // namespace mlp
