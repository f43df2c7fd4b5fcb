#include "runtime/data/file_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "model/error.h"
#include "runtime/data/byte_source.h"
#include "runtime/data/wording.h"
#include "runtime/system/files.h"

namespace mlp {
namespace {

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> choices) {
  return std::find(choices.begin(), choices.end(), text) != choices.end();
}

std::string beginning(const std::filesystem::path& path) {
  std::string bytes(4096, '\0');
  bytes.resize(File(path, shortened_path(path.string())).read(bytes.data(), bytes.size()));
  return bytes;
}

FileFormat format_by_magic(std::string_view bytes) {
  if (bytes.starts_with("\x93NUMPY")) return FileFormat::kNpy;
  if (bytes.starts_with("PK")) return FileFormat::kNpz;
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

FileFormat format_in_folder(const std::filesystem::path& path, ContentKind kind) {
  const std::string suffix = lower_case(path.extension().string());
  const bool is_open = is_one_of(suffix, {"", ".data", ".dat"});  // names that tell nothing
  if (kind != ContentKind::kArrays) {
    if (suffix == ".csv") return FileFormat::kCsv;
    // A compressed table is meant as data; reading it says what to do.
    const bool is_packed = is_one_of(suffix, {".gz", ".zst", ".bz2", ".xz"});
    if (is_packed && lower_case(path.stem().extension().string()) == ".csv") {
      return FileFormat::kCsv;
    }
    if (kind == ContentKind::kCsv && (is_open || suffix == ".txt")) return FileFormat::kCsv;
  }
  if (kind != ContentKind::kCsv) {
    if (suffix == ".npz") return FileFormat::kNpz;
    if (suffix == ".npy") return FileFormat::kNpy;
    if (is_open) {
      const std::string bytes = beginning(path);
      const FileFormat format = format_by_magic(bytes);
      if (format != FileFormat::kCsv) return format;
      if (kind == ContentKind::kAny && looks_like_csv(bytes)) return FileFormat::kCsv;
    }
  }
  return FileFormat::kOther;
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
  const std::string suffix = lower_case(path.extension().string());
  if (kind == ContentKind::kAny) {
    if (suffix == ".csv") return FileFormat::kCsv;
    if (suffix == ".npz") return FileFormat::kNpz;
    if (suffix == ".npy") return FileFormat::kNpy;
    // A pipe can't be read twice; only text comes through one.
    if (!std::filesystem::is_regular_file(path)) return FileFormat::kCsv;
    return format_by_magic(beginning(path));
  }
  if (format_by_magic(beginning(path)) == FileFormat::kNpy || suffix == ".npy") {
    return FileFormat::kNpy;
  }
  return FileFormat::kNpz;
}

}  // namespace mlp
