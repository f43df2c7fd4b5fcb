#include "test/runtime/data/made_files.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <zstd.h>

#include <memory>
#include <stdexcept>

namespace mlp::test {
namespace {

std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>((value >> (8 * i)) & 0xFFU);
  return text;
}

std::string deflate(const std::string& bytes) {
  libdeflate_compressor* const compressor = libdeflate_alloc_compressor(6);
  std::string result(libdeflate_deflate_compress_bound(compressor, bytes.size()), '\0');
  const std::size_t size = libdeflate_deflate_compress(compressor, bytes.data(), bytes.size(),
                                                       result.data(), result.size());
  libdeflate_free_compressor(compressor);
  if (size == 0) throw std::runtime_error("deflate");
  result.resize(size);
  return result;
}

}  // namespace

std::string npy(std::string_view descr, std::string_view shape, std::string_view values,
                bool fortran_order, int version) {
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}", descr,
                                   fortran_order ? "True" : "False", shape);
  const std::size_t before = version == 1 ? 10 : 12;
  while ((before + header.size() + 1) % 64 != 0) header += ' ';
  return npy_with_header(header + '\n', values, version);
}

std::string npy_with_header(std::string_view header, std::string_view values, int version) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  bytes += little_endian(header.size(), version == 1 ? 2 : 4);
  bytes += header;
  bytes += values;
  return bytes;
}

std::string zip(const std::vector<MadeMember>& members) {
  std::string archive;
  std::string directory;
  for (const MadeMember& member : members) {
    const std::string stored = member.deflated ? deflate(member.bytes) : member.bytes;
    const std::uint32_t crc =
        libdeflate_crc32(0, member.bytes.data(), member.bytes.size()) + member.crc_change;
    const auto method =
        static_cast<std::uint64_t>(member.method >= 0 ? member.method : (member.deflated ? 8 : 0));
    const auto size = static_cast<std::uint64_t>(
        member.size_bytes >= 0 ? member.size_bytes
                               : static_cast<std::int64_t>(member.bytes.size()));
    const std::string common =
        little_endian(20, 2) + little_endian(member.flags, 2) + little_endian(method, 2) +
        little_endian(0, 4) + little_endian(crc, 4) + little_endian(stored.size(), 4) +
        little_endian(size, 4) + little_endian(member.name.size(), 2) + little_endian(0, 2);
    directory += "PK\x01\x02" + little_endian(20, 2) + common + std::string(10, '\0') +
                 little_endian(archive.size(), 4) + member.name;
    archive += "PK\x03\x04" + common + member.name + stored;
  }
  const std::string end = "PK\x05\x06" + little_endian(0, 4) + little_endian(members.size(), 2) +
                          little_endian(members.size(), 2) + little_endian(directory.size(), 4) +
                          little_endian(archive.size(), 4) + little_endian(0, 2);
  return archive + directory + end;
}

std::string gzip(const std::string& bytes) {
  libdeflate_compressor* const compressor = libdeflate_alloc_compressor(6);
  std::string result(libdeflate_gzip_compress_bound(compressor, bytes.size()), '\0');
  const std::size_t size = libdeflate_gzip_compress(compressor, bytes.data(), bytes.size(),
                                                    result.data(), result.size());
  libdeflate_free_compressor(compressor);
  if (size == 0) throw std::runtime_error("gzip");
  result.resize(size);
  return result;
}

std::string zstd(const std::string& bytes) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string result(ZSTD_compressBound(bytes.size()), '\0');
  const std::size_t size =
      ZSTD_compress2(context, result.data(), result.size(), bytes.data(), bytes.size());
  ZSTD_freeCCtx(context);
  if (ZSTD_isError(size) != 0) throw std::runtime_error("zstd");
  result.resize(size);
  return result;
}

}  // namespace mlp::test
