#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace mlp::test {

// The bytes of some values, one after the other.
template <typename T>
std::string bytes_of(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// A .npy file as numpy.save writes it: `shape` is the tuple's text, "(2, 3)".
std::string npy(std::string_view descr, std::string_view shape, std::string_view values,
                bool fortran_order = false, int version = 1);

// A .npy file with any text as its header.
std::string npy_with_header(std::string_view header, std::string_view values, int version = 1);

struct MadeMember {
  std::string name;
  std::string bytes;
  bool deflated = false;
  std::uint16_t flags = 0;       // 1: encrypted
  std::int32_t method = -1;      // what the directory says instead of 0 or 8
  std::int64_t size_bytes = -1;  // what the directory says instead of the size
  std::uint32_t crc_change = 0;  // added to the right checksum
};

// A zip file of these members, written by hand, so that it can lie.
std::string zip(const std::vector<MadeMember>& members);

// Compressed by the libraries, with checksums: one gzip member, one zstd frame.
std::string gzip(const std::string& bytes);
std::string zstd(const std::string& bytes);

}  // namespace mlp::test
