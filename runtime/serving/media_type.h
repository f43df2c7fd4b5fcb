#pragma once

#include <string_view>

#include "runtime/data/table_layout.h"

namespace mlp {

// The forms that rows come in and answers leave in.
enum class MediaType { kJson, kJsonLines, kCsv, kNpy };

// A body's form, and what parameters of its Content-Type tell of it.
struct RequestType {
  MediaType type = MediaType::kJson;
  bool has_label = false;         // text/csv; label_size=1
  Header header = Header::kAuto;  // text/csv; header=present or absent
};

// By the value of the header Content-Type, of which case and unknown parameters don't matter.
// Without one (empty) it is JSON; application/octet-stream is told by the body's first bytes.
// Throws RequestError 415 for any other, for a charset other than UTF-8, and for a label_size or
// header that is not known.
RequestType request_type(std::string_view content_type, std::string_view body);

// The first of the header Accept's list that can be given, by its weights (q=). Without one (empty)
// or for a wildcard, `otherwise`. Throws RequestError 406 where none can be given.
MediaType answer_type(std::string_view accept, MediaType otherwise);

// A text without the byte order mark that may stand in front of it.
std::string_view without_mark(std::string_view text);

// "application/json", and so on: the value of the answer's Content-Type.
std::string_view media_type_name(MediaType type);

}  // namespace mlp
