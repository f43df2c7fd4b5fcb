#include "runtime/serving/media_type.h"

#include <doctest/doctest.h>

#include <string>

#include "runtime/serving/request_error.h"

namespace mlp {
namespace {

// The status and text that `action` throws.
template <typename Action>
std::string refusal_of(Action action) {
  try {
    action();
  } catch (const RequestError& error) {
    return std::to_string(error.status()) + " " + error.what();
  }
  return "no RequestError";
}

}  // namespace

TEST_SUITE("runtime/serving") {
  TEST_CASE("request_type: by name, whatever its case and its unknown parameters") {
    struct Case {
      const char* text;
      MediaType type;
    };
    for (const Case& c :
         {Case{"", MediaType::kJson}, Case{" ", MediaType::kJson},
          Case{"application/json", MediaType::kJson},
          Case{"Application/JSON; Charset=UTF-8", MediaType::kJson},
          Case{"application/json;charset=\"utf-8\";verbose=true", MediaType::kJson},
          Case{"application/json; charset=us-ascii", MediaType::kJson},
          Case{"application/jsonlines", MediaType::kJsonLines},
          Case{"application/jsons", MediaType::kJsonLines},
          Case{"application/x-jsonlines", MediaType::kJsonLines},
          Case{"application/x-ndjson", MediaType::kJsonLines}, Case{"text/csv", MediaType::kCsv},
          Case{" text/csv ; label_size=0;charset=utf8;", MediaType::kCsv},
          Case{"application/x-npy", MediaType::kNpy}}) {
      CAPTURE(c.text);
      const RequestType type = request_type(c.text, "");
      CHECK(type.type == c.type);
      CHECK_FALSE(type.has_label);
      CHECK(type.header == Header::kAuto);
    }
  }

  TEST_CASE("request_type: parameters of CSV tell of label and header") {
    CHECK(request_type("text/csv;label_size=1", "").has_label);
    CHECK(request_type("text/csv; charset=utf-8; LABEL_SIZE = 1", "").has_label);
    CHECK_FALSE(request_type("application/json; label_size=1", "").has_label);
    CHECK(request_type("text/csv;header=present", "").header == Header::kYes);
    CHECK(request_type("text/csv;header=absent", "").header == Header::kNo);
  }

  TEST_CASE("request_type: application/octet-stream is told by the first bytes") {
    const auto type_of = [](std::string_view body) {
      return request_type("application/octet-stream", body).type;
    };
    CHECK(type_of("\x93NUMPY\1") == MediaType::kNpy);
    CHECK(type_of(" \n[1]") == MediaType::kJson);
    CHECK(type_of("{}") == MediaType::kJson);
    CHECK(type_of("1,2\n") == MediaType::kCsv);
    CHECK(type_of("") == MediaType::kCsv);
  }

  TEST_CASE("request_type: what is not read is a 415 that says what is") {
    for (const char* const text :
         {"text/plain", "application/x-recordio-protobuf", "json", "*/*",
          "application/json; charset=utf-16", "text/csv; label_size=2", "text/csv; header=1"}) {
      CAPTURE(text);
      const std::string refusal = refusal_of([&] { request_type(text, ""); });
      CHECK(refusal.starts_with("415 Unsupported Content-Type \""));
    }
    CHECK(refusal_of([] { request_type("text/plain", ""); })
              .ends_with("bodies may be application/json, application/jsonlines, text/csv and "
                         "application/x-npy."));
  }

  TEST_CASE("answer_type: the best that can be given, by weight and then by place") {
    struct Case {
      const char* accept;
      MediaType type;
    };
    for (const Case& c :
         {Case{"", MediaType::kJsonLines}, Case{" ", MediaType::kJsonLines},
          Case{"*/*", MediaType::kJsonLines}, Case{"application/*", MediaType::kJsonLines},
          Case{"text/*", MediaType::kCsv}, Case{"Application/JSON", MediaType::kJson},
          Case{"application/jsons", MediaType::kJsonLines},
          Case{"application/x-npy", MediaType::kNpy}, Case{"text/html, text/csv", MediaType::kCsv},
          Case{"text/csv, application/json", MediaType::kCsv},
          Case{"text/csv;q=0.5, application/json", MediaType::kJson},
          Case{"text/csv; q=0.5, application/json;q=0.4, */*;q=0.1", MediaType::kCsv},
          Case{"text/html, application/xhtml+xml, */*;q=0.8", MediaType::kJsonLines},
          Case{"text/csv;q=0, */*;q=0.1", MediaType::kJsonLines},
          Case{"application/json;verbose=True", MediaType::kJson},
          Case{"application/json;q=much", MediaType::kJson}}) {
      CAPTURE(c.accept);
      CHECK(answer_type(c.accept, MediaType::kJsonLines) == c.type);
    }
    CHECK(answer_type("application/*", MediaType::kCsv) == MediaType::kJson);
  }

  TEST_CASE("answer_type: what can't be given is a 406 that names what can") {
    for (const char* const accept :
         {"text/html", "image/*", "text/csv;q=0", "application/xml, a"}) {
      CAPTURE(accept);
      const std::string refusal = refusal_of([&] { answer_type(accept, MediaType::kJson); });
      CHECK(refusal.starts_with("406 The header Accept asks for \""));
      CHECK(refusal.find("application/json, application/jsonlines, text/csv and "
                         "application/x-npy") != std::string::npos);
    }
  }

  TEST_CASE("media_type_name: is read as the same type") {
    for (const MediaType type :
         {MediaType::kJson, MediaType::kJsonLines, MediaType::kCsv, MediaType::kNpy}) {
      CHECK(request_type(media_type_name(type), "").type == type);
      CHECK(answer_type(media_type_name(type), MediaType::kJson) == type);
    }
    CHECK(media_type_name(MediaType::kJsonLines) == "application/jsonlines");
  }
}

}  // namespace mlp
