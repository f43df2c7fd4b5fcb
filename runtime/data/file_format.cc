#include "runtime/data/file_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "model/error.h"
#include "runtime/data/byte_source.h"
#include "runtime/data/compression.h"
#include "runtime/data/wording.h"
#include "runtime/system/files.h"

namespace mlp {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), text) != choices.end();
}

// A file's suffix in lower case; of "a.csv.gz" it is .csv.
struct Suffix {
  std::string text;
  bool is_packed = false;  // .gz or .zst is behind it
};

Suffix suffix_of(const std::filesystem::path& path) {
  std::string last = lower_case(path.extension().string());
  if (!is_one_of(last, {".gz", ".zst"})) return {std::move(last)};
  return {lower_case(path.stem().extension().string()), true};
}

bool tells_nothing(const std::string& suffix) { return is_one_of(suffix, {"", ".data", ".dat"}); }

// The first bytes of a file, or of what is compressed in it.
struct Beginning {
  std::string bytes = {};
  bool is_compressed = false;
};

Beginning beginning_of(const std::filesystem::path& path) {
  const std::string name = shortened_path(path.string());
  Beginning beginning;
  beginning.bytes.resize(4096);
  beginning.bytes.resize(File(path, name).read(beginning.bytes.data(), beginning.bytes.size()));
  if (compression_of(beginning.bytes) == Compression::kNone) return beginning;
  beginning.is_compressed = true;
  beginning.bytes.resize(4096);
  beginning.bytes.resize(
      decompressed(file_source(path, name))->read(beginning.bytes.data(), beginning.bytes.size()));
  return beginning;
}

FileFormat format_by_magic(const Beginning& beginning) {
  // Arrays are read at any place, so they are not decompressed on the way.
  const auto array = [&beginning](FileFormat format) {
    return beginning.is_compressed ? FileFormat::kOther : format;
  };
  const std::string_view bytes = beginning.bytes;
  if (bytes.starts_with("\x93NUMPY")) return array(FileFormat::kNpy);
  if (bytes.starts_with("PK")) return array(FileFormat::kNpz);
  constexpr std::string_view kRecordIo("\x0A\x23\xD7\xCE");
  constexpr std::string_view kHdf5("\x89HDF");
  constexpr std::string_view kParquet("PAR1");
  if (bytes.starts_with(kRecordIo) || bytes.starts_with(kHdf5) || bytes.starts_with(kParquet)) {
    return FileFormat::kOther;
  }
  return FileFormat::kCsv;
}

// Text whose first line has a comma: rows of data rather than a README or LICENSE.
bool looks_like_csv(std::string_view bytes) {
  return bytes.find('\0') == std::string_view::npos && bytes.find(',') < bytes.find('\n');
}

bool is_json_suffix(const std::string& suffix) {
  return is_one_of(suffix, {".json", ".jsonl", ".ndjson"});
}

FileFormat format_in_folder(const std::filesystem::path& path, ContentKind kind) {
  const Suffix suffix = suffix_of(path);
  const bool is_open = tells_nothing(suffix.text);
  if (kind != ContentKind::kArrays) {
    if (suffix.text == ".csv") return FileFormat::kCsv;
    // A table that is compressed otherwise is meant as data; reading it says what to do.
    if (is_one_of(suffix.text, {".bz2", ".xz"}) &&
        lower_case(path.stem().extension().string()) == ".csv") {
      return FileFormat::kCsv;
    }
    if (kind == ContentKind::kCsv && (is_open || suffix.text == ".txt")) return FileFormat::kCsv;
  }
  if (kind != ContentKind::kCsv) {
    if (suffix.text == ".npz" && !suffix.is_packed) return FileFormat::kNpz;
    if (suffix.text == ".npy" && !suffix.is_packed) return FileFormat::kNpy;
    if (is_open) {
      const Beginning beginning = beginning_of(path);
      const FileFormat format = format_by_magic(beginning);
      if (format != FileFormat::kCsv) return format;
      if (kind == ContentKind::kAny && looks_like_csv(beginning.bytes)) return FileFormat::kCsv;
    }
  }
  return FileFormat::kOther;
}

// Of a file that was given as itself.
FileFormat format_of_any_kind(const std::filesystem::path& path, bool may_be_json) {
  const Suffix suffix = suffix_of(path);
  if (suffix.text == ".csv") return FileFormat::kCsv;
  if (suffix.text == ".npz" && !suffix.is_packed) return FileFormat::kNpz;
  if (suffix.text == ".npy" && !suffix.is_packed) return FileFormat::kNpy;
  if (is_json_suffix(suffix.text)) return may_be_json ? FileFormat::kJson : FileFormat::kOther;
  // A pipe can't be read twice; only text comes through one.
  if (!std::filesystem::is_regular_file(path)) return FileFormat::kCsv;
  const Beginning beginning = beginning_of(path);
  if (may_be_json) {
    const std::size_t first = beginning.bytes.find_first_not_of(" \t\r\n");
    if (first != std::string::npos &&
        (beginning.bytes[first] == '{' || beginning.bytes[first] == '[')) {
      return FileFormat::kJson;
    }
  }
  return format_by_magic(beginning);
}

}  // namespace

ContentKind parse_content_type(std::string_view content_type) {
  const std::string text = lower_case(content_type);
  std::size_t begin = 0;
  const auto next_part = [&] {
    const std::size_t end = std::min(text.find(';', begin), text.size());
    const std::string_view part = trimmed(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    return part;
  };
  const std::string_view media_type = next_part();
  if (media_type.empty()) return ContentKind::kAny;
  if (is_one_of(media_type, {"application/x-npy", "application/x-npz", "npy", "npz"})) {
    return ContentKind::kArrays;
  }
  if (!is_one_of(media_type, {"text/csv", "csv"})) {
    const bool is_known = is_one_of(
        media_type, {"text/libsvm", "text/x-libsvm", "libsvm", "application/x-recordio-protobuf",
                     "recordio-protobuf", "application/jsonlines"});
    throw UserError(fmt::format(
        "The channel's content type {} is not {}. Expected text/csv, application/x-npz, "
        "application/x-npy, or none: then names and first bytes of the files decide.",
        in_quotes(content_type), is_known ? "supported yet" : "known"));
  }
  while (begin <= text.size()) {
    const std::string_view parameter = next_part();
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos) continue;
    if (trimmed(parameter.substr(0, equals)) != "label_size") continue;
    if (trimmed(parameter.substr(equals + 1)) != "1") {
      throw UserError(fmt::format(
          "The channel's content type {} asks for another number of label columns than 1. Expected "
          "text/csv;label_size=1, or text/csv: each row needs one label.",
          in_quotes(content_type)));
    }
  }
  return ContentKind::kCsv;
}

FileFormat file_format(const std::filesystem::path& path, ContentKind kind, bool alone) {
  if (!alone) return format_in_folder(path, kind);
  if (kind == ContentKind::kCsv) return FileFormat::kCsv;
  if (kind == ContentKind::kAny) return format_of_any_kind(path, false);
  const FileFormat format = format_by_magic(beginning_of(path));
  if (format == FileFormat::kNpy || lower_case(path.extension().string()) == ".npy") {
    return FileFormat::kNpy;
  }
  return FileFormat::kNpz;
}

FileFormat record_format(const std::filesystem::path& path) {
  return format_of_any_kind(path, true);
}

}  // namespace mlp
