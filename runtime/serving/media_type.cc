#include "runtime/serving/media_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>

#include "runtime/data/wording.h"
#include "runtime/serving/request_error.h"

namespace mlp {
namespace {

constexpr int kUnsupportedMediaType = 415;
constexpr int kNotAcceptable = 406;

struct NamedType {
  std::string_view name;
  MediaType type;
};
// The first name of a type is the one that answers bear.
constexpr NamedType kTypes[] = {
    {"application/json", MediaType::kJson},
    {"application/jsonlines", MediaType::kJsonLines},
    {"application/jsons", MediaType::kJsonLines},
    {"application/x-jsonlines", MediaType::kJsonLines},
    {"application/x-ndjson", MediaType::kJsonLines},
    {"text/csv", MediaType::kCsv},
    {"application/x-npy", MediaType::kNpy},
};
constexpr std::string_view kNames =
    "application/json, application/jsonlines, text/csv and application/x-npy";

std::optional<MediaType> type_named(std::string_view name) {
  for (const NamedType& known : kTypes)
    if (known.name == name) return known.type;
  return std::nullopt;
}

// The part of a list up to `separator`, without blanks around it, and taken from the list.
std::string_view take_part(std::string_view& list, char separator) {
  const std::size_t end = std::min(list.find(separator), list.size());
  const std::string_view part = trimmed(list.substr(0, end));
  list.remove_prefix(std::min(end + 1, list.size()));
  return part;
}

struct Parameter {
  std::string_view name;
  std::string_view value;  // without quotes
};

Parameter take_parameter(std::string_view& list) {
  std::string_view value = take_part(list, ';');
  const std::string_view name = take_part(value, '=');
  value = trimmed(value);
  if (value.size() > 1 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  return {name, value};
}

MediaType type_of_bytes(std::string_view body) {
  if (body.starts_with("\x93NUMPY")) return MediaType::kNpy;
  const std::string_view text = without_mark(body);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_json =
      first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
  return is_json ? MediaType::kJson : MediaType::kCsv;
}

[[noreturn]] void throw_unsupported(std::string_view content_type, std::string_view what) {
  throw RequestError(kUnsupportedMediaType, fmt::format("Unsupported Content-Type {}: {}.",
                                                        in_quotes(content_type), what));
}

// Reads a parameter that tells of the body into `type`.
void apply(const Parameter& parameter, std::string_view content_type, RequestType& type) {
  if (parameter.name == "charset") {
    const std::string_view value = parameter.value;
    if (value != "utf-8" && value != "utf8" && value != "us-ascii")
      throw_unsupported(content_type, "the charset is not read. Send UTF-8, charset=utf-8");
  }
  if (type.type != MediaType::kCsv) return;
  if (parameter.name == "label_size") {
    if (parameter.value != "0" && parameter.value != "1")
      throw_unsupported(content_type, "label_size must be 0, or 1 to drop the label of each row");
    type.has_label = parameter.value == "1";
  } else if (parameter.name == "header") {
    if (parameter.value != "present" && parameter.value != "absent")
      throw_unsupported(content_type, "header must be present or absent. Leave it out to find out");
    type.header = parameter.value == "present" ? Header::kYes : Header::kNo;
  }
}

// Between 0 and 1; what is no weight counts as none given.
double weight_of(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double weight = std::strtod(copy.c_str(), &end);
  return end != copy.c_str() && weight >= 0 && weight <= 1 ? weight : 1;
}

// What an entry of Accept asks for.
std::optional<MediaType> type_accepted(std::string_view name, MediaType otherwise) {
  const bool is_text = otherwise == MediaType::kCsv;
  if (name == "*/*" || name == "*") return otherwise;
  if (name == "text/*") return MediaType::kCsv;
  if (name == "application/*") return is_text ? MediaType::kJson : otherwise;
  return type_named(name);
}

}  // namespace

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

RequestType request_type(std::string_view content_type, std::string_view body) {
  const std::string lower = lower_case(content_type);
  std::string_view list = lower;
  const std::string_view name = take_part(list, ';');
  RequestType type;
  if (name == "application/octet-stream") {
    type.type = type_of_bytes(body);
  } else if (!name.empty()) {
    const std::optional<MediaType> named = type_named(name);
    if (!named) throw_unsupported(content_type, fmt::format("bodies may be {}", kNames));
    type.type = *named;
  }
  while (!list.empty()) apply(take_parameter(list), content_type, type);
  return type;
}

MediaType answer_type(std::string_view accept, MediaType otherwise) {
  const std::string lower = lower_case(accept);
  std::string_view list = lower;
  if (trimmed(list).empty()) return otherwise;
  std::optional<MediaType> best;
  double best_weight = 0;
  while (!list.empty()) {
    std::string_view entry = take_part(list, ',');
    const std::optional<MediaType> type = type_accepted(take_part(entry, ';'), otherwise);
    double weight = 1;
    while (!entry.empty()) {
      const Parameter parameter = take_parameter(entry);
      if (parameter.name == "q") weight = weight_of(parameter.value);
    }
    if (!type || weight <= best_weight) continue;
    best = type;
    best_weight = weight;
  }
  if (best) return *best;
  throw RequestError(
      kNotAcceptable,
      fmt::format("The header Accept asks for {}, but answers may be {}. Ask for one of these.",
                  in_quotes(accept), kNames));
}

std::string_view media_type_name(MediaType type) {
  const auto* const found =
      std::find_if(std::begin(kTypes), std::end(kTypes),
                   [&](const NamedType& known) { return known.type == type; });
  return found->name;
}

}  // namespace mlp
