#include "runtime/data/file_format.h"

#include <doctest/doctest.h>

#include <string>

#include "model/error.h"
#include "test/runtime/data/made_files.h"
#include "test/support/temp_directory.h"

namespace mlp {

TEST_SUITE("runtime/data") {
  TEST_CASE("parse_content_type: accepts the known names in any case, with parameters") {
    CHECK(parse_content_type("") == ContentKind::kAny);
    for (const char* text : {"text/csv", "csv", "Text/CSV", "text/csv; label_size=1",
                             "text/csv;charset=utf-8;Label_Size = 1", "text/csv;"}) {
      CAPTURE(text);
      CHECK(parse_content_type(text) == ContentKind::kCsv);
    }
    for (const char* text : {"application/x-npy", "application/x-npz", "npz"}) {
      CAPTURE(text);
      CHECK(parse_content_type(text) == ContentKind::kArrays);
    }
  }

  TEST_CASE("parse_content_type: other types and other counts of labels are refused") {
    for (const char* text :
         {"text/libsvm", "application/x-recordio-protobuf", "application/jsonlines"}) {
      CAPTURE(text);
      CHECK_THROWS_WITH_AS(parse_content_type(text),
                           doctest::Contains("is not supported yet. Expected text/csv"), UserError);
    }
    CHECK_THROWS_WITH_AS(parse_content_type("image/png"),
                         doctest::Contains("\"image/png\" is not known. Expected text/csv"),
                         UserError);
    for (const char* text :
         {"text/csv;label_size=0", "text/csv; label_size=2", "text/csv;label_size="}) {
      CAPTURE(text);
      CHECK_THROWS_WITH_AS(parse_content_type(text), doctest::Contains("each row needs one label"),
                           UserError);
    }
  }

  TEST_CASE("file_format: content type, then suffix, then first bytes decide") {
    struct Case {
      const char* name;
      std::string bytes;
      ContentKind kind;
      FileFormat alone;
      FileFormat in_folder;
    };
    const std::string zip = "PK\x03\x04";
    const std::string array = "\x93NUMPY";
    using enum ContentKind;
    constexpr FileFormat csv_format = FileFormat::kCsv;
    constexpr FileFormat npy_format = FileFormat::kNpy;
    constexpr FileFormat npz_format = FileFormat::kNpz;
    constexpr FileFormat other = FileFormat::kOther;
    const test::TempDirectory folder;
    for (const Case& c : {
             Case{"a.CSV", "1,2", kAny, csv_format, csv_format},
             Case{"a.npz", "1,2", kAny, npz_format, npz_format},
             Case{"a.npy", "", kAny, npy_format, npy_format},
             Case{"part-0", "1,2\n", kAny, csv_format, csv_format},
             Case{"iris.data", "1,2\n", kAny, csv_format, csv_format},
             Case{"part-1", zip, kAny, npz_format, npz_format},
             Case{"part-2", array, kAny, npy_format, npy_format},
             Case{"LICENSE", "Some License\n1, 2\n", kAny, csv_format, other},
             Case{"notes.txt", "1,2\n", kAny, csv_format, other},
             Case{"notes.txt", "1,2\n", kCsv, csv_format, csv_format},
             Case{"train.v1", zip, kAny, npz_format, other},
             Case{"train.v2", array, kArrays, npy_format, other},
             Case{"train.v2", "x", kArrays, npz_format, other},
             Case{"a.csv", "1,2", kArrays, npz_format, other},
             Case{"a.npz", zip, kCsv, csv_format, other},
             Case{"a.csv.gz", "\x1F\x8B", kAny, csv_format, csv_format},
             Case{"a.CSV.Zst", "", kAny, csv_format, csv_format},
             Case{"a.csv.bz2", "BZh9", kAny, csv_format, csv_format},
             Case{"part-0.gz", test::gzip("1,2\n"), kAny, csv_format, csv_format},
             Case{"part-0", test::zstd("1,2\n"), kAny, csv_format, csv_format},
             Case{"LICENSE.gz", test::gzip("Some License\n"), kAny, csv_format, other},
             Case{"backup.tar.gz", test::gzip("1,2\n"), kAny, csv_format, other},
             Case{"a.txt.gz", "\x1F\x8B", kCsv, csv_format, csv_format},
             Case{"a.npz.gz", test::gzip(zip), kAny, other, other},
             Case{"array", test::gzip(array), kAny, other, other},
             Case{"a.json", "{}", kCsv, csv_format, other},
             Case{"json", "{}", kAny, csv_format, other},
             Case{"records", "\x0A\x23\xD7\xCE", kAny, other, other},
             Case{"a.json", "{}", kAny, other, other},
         }) {
      CAPTURE(c.name);
      CAPTURE(c.kind);
      const auto path = folder.write(c.name, c.bytes);
      CHECK(file_format(path, c.kind, true) == c.alone);
      CHECK(file_format(path, c.kind, false) == c.in_folder);
    }
  }

  TEST_CASE("record_format: JSON by its suffix or its first character, else as a file alone") {
    struct Case {
      const char* name;
      std::string bytes;
      FileFormat format;
    };
    const test::TempDirectory folder;
    for (const Case& c : {
             Case{"a.json", "", FileFormat::kJson},
             Case{"a.JSONL", "", FileFormat::kJson},
             Case{"a.ndjson.gz", "", FileFormat::kJson},
             Case{"a", "[1, 2]", FileFormat::kJson},
             Case{"b.txt", " \r\n{\"a\": 1}", FileFormat::kJson},
             Case{"c", test::gzip("{}"), FileFormat::kJson},
             Case{"a.csv", "{}", FileFormat::kCsv},
             Case{"d", "1,2", FileFormat::kCsv},
             Case{"e", "", FileFormat::kCsv},
             Case{"a.npz", "{}", FileFormat::kNpz},
             Case{"f", "\x93NUMPY", FileFormat::kNpy},
             Case{"g", "PAR1", FileFormat::kOther},
         }) {
      CAPTURE(c.name);
      CHECK(record_format(folder.write(c.name, c.bytes)) == c.format);
    }
  }
}

}  // namespace mlp
