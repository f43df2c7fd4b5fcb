#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace mlp {

enum class FileFormat { kCsv, kNpy, kNpz, kJson, kOther };

// What a channel's content type says about its files; kAny where there is none.
enum class ContentKind { kAny, kCsv, kArrays };

// Media types are compared without regard to case; parameters stand behind semicolons. Throws
// UserError for a type that is not read, and for a label_size other than 1, since rows to learn
// from or to be judged by need their label.
ContentKind parse_content_type(std::string_view content_type);

// The format of a file by `kind`, then by the suffix of its name, then by its first bytes. `alone`:
// it was given as itself and not found in a folder, so that its name may tell nothing, and what has
// no mark of another format is text. In a folder, other kinds of files lie beside the data: kOther.
// Text may be compressed (runtime/data/compression.h), which the suffixes .gz and .zst tell behind
// another one. Never kJson, which holds no rows to learn from.
FileFormat file_format(const std::filesystem::path& path, ContentKind kind, bool alone);

// The format of a file of rows to predict: as file_format() says it of one that is alone and of any
// kind, and kJson by the suffixes .json, .jsonl and .ndjson, else by a first character { or [.
FileFormat record_format(const std::filesystem::path& path);

}  // namespace mlp
