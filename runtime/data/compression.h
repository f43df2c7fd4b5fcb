#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "runtime/data/byte_source.h"

namespace mlp {

enum class Compression { kNone, kGzip, kZstd };

// Enough first bytes for compression_of().
constexpr std::size_t kCompressionMarkBytes = 4;

// How the data is compressed that begins with these bytes.
Compression compression_of(std::string_view beginning);

// The bytes of `source`, decompressed where they begin like gzip (RFC 1952) or zstd (RFC 8878), and
// as they are elsewhere. Several gzip members or zstd frames on end are one text, as zcat has it.
// Memory is constant, whatever the text's size: some MiB, and up to 128 MiB as the compressor asks
// for, beyond which zstd's frames are refused. A thread of its own works ahead of the reader.
// read() throws UserError where the data is damaged or cut short; checksums are compared where a
// member or frame ends, so what came before may be wrong.
std::unique_ptr<ByteSource> decompressed(std::unique_ptr<ByteSource> source);

}  // namespace mlp
