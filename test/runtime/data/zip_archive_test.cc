#include "runtime/data/zip_archive.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "model/error.h"
#include "test/runtime/data/made_files.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

using test::MadeMember;

// Bytes that deflate shrinks, but not to nothing.
std::string some_bytes(std::size_t size) {
  std::mt19937 random(3);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>('a' + random() % 8);
  return bytes;
}

std::string read_whole(const ZipArchive& archive, const ZipMember& member) {
  std::string bytes(static_cast<std::size_t>(member.size_bytes), '\0');
  archive.read(member, std::as_writable_bytes(std::span(bytes)), [] {});
  return bytes;
}

std::string read_stream(const ZipArchive& archive, const ZipMember& member) {
  const auto source = archive.stream(member, "a member");
  std::string bytes;
  std::string piece(777, '\0');
  while (const std::size_t count = source->read(piece.data(), piece.size())) {
    bytes.append(piece, 0, count);
  }
  return bytes;
}

}  // namespace

TEST_SUITE("runtime/data") {
  TEST_CASE("ZipArchive: a stored member that would reach beyond the file is refused") {
    const test::TempDirectory folder;
    std::string archive = test::zip({{.name = "x", .bytes = some_bytes(1000)}});
    constexpr std::size_t kSizesInMember = 18;
    constexpr std::size_t kSizesInDirectory = 20;
    const std::size_t places[] = {archive.find("PK\3\4") + kSizesInMember,
                                  archive.find("PK\1\2") + kSizesInDirectory};
    struct Case {
      std::size_t size;
      const char* found;
    };
    for (const Case& c : {Case{archive.size() + 1, "\"x\" claims to be larger than the file"},
                          Case{archive.size() - 10, "\"x\" reaches beyond the end of the file"}}) {
      CAPTURE(std::string(c.found));
      const auto size = static_cast<std::uint32_t>(c.size);
      for (const std::size_t place : places) {
        std::memcpy(archive.data() + place, &size, sizeof(size));                 // compressed
        std::memcpy(archive.data() + place + sizeof(size), &size, sizeof(size));  // and not
      }
      const ZipArchive zip(folder.write("a.npz", archive), "a.npz");
      CHECK_THROWS_WITH_AS(read_whole(zip, zip.members()[0]), doctest::Contains(c.found),
                           UserError);
    }
  }

  TEST_CASE("ZipArchive: a member that is not where the directory says is refused") {
    const test::TempDirectory folder;
    std::string archive = test::zip({{.name = "x", .bytes = some_bytes(1000)}});
    archive[archive.find("PK\3\4")] = 'p';
    const ZipArchive zip(folder.write("a.npz", archive), "a.npz");
    CHECK_THROWS_WITH_AS(read_whole(zip, zip.members()[0]),
                         doctest::Contains("a.npz: expected a complete .npz (zip) file, but it is "
                                           "damaged or cut short: \"x\" is not where"),
                         UserError);
  }

  TEST_CASE("ZipArchive: a file that loses its end while it is read is refused") {
    const test::TempDirectory folder;
    const auto path = folder.write("a.npz", test::zip({{.name = "x", .bytes = some_bytes(1000)}}));
    const ZipArchive zip(path, "a.npz");
    std::string bytes(1000, '\0');
    CHECK_THROWS_WITH_AS(zip.read(zip.members()[0], std::as_writable_bytes(std::span(bytes)),
                                  [&] { std::filesystem::resize_file(path, 500); }),
                         doctest::Contains("\"x\" ends too early"), UserError);
  }

  TEST_CASE("ZipArchive: stored, deflated and empty members are read whole and as a stream") {
    const test::TempDirectory folder;
    const std::string bytes = some_bytes(100'000);
    const auto path =
        folder.write("a.npz", test::zip({{.name = "stored", .bytes = bytes},
                                         {.name = "deflated", .bytes = bytes, .deflated = true},
                                         {.name = "empty", .bytes = ""},
                                         {.name = "nothing", .bytes = "", .deflated = true}}));
    const ZipArchive archive(path, "a.npz");
    REQUIRE(archive.members().size() == 4);
    for (const ZipMember& member : archive.members()) {
      CAPTURE(member.name);
      const std::string expected = member.size_bytes == 0 ? "" : bytes;
      CHECK(read_whole(archive, member) == expected);
      CHECK(read_stream(archive, member) == expected);
    }
    CHECK(archive.members()[1].compressed_bytes < bytes.size());
  }

  TEST_CASE("ZipArchive: bytes in front of the archive don't matter") {
    const test::TempDirectory folder;
    const auto path =
        folder.write("a.npz", "#!/bin/sh\n" + test::zip({{.name = "a", .bytes = "hello"}}));
    const ZipArchive archive(path, "a.npz");
    CHECK(read_whole(archive, archive.members().at(0)) == "hello");
    CHECK(read_stream(archive, archive.members().at(0)) == "hello");
  }

  TEST_CASE("ZipArchive: an archive that lies is refused before memory is taken") {
    const std::string bytes = some_bytes(1000);
    const auto with = [&](auto change) {
      MadeMember member = {.name = "a", .bytes = bytes};
      change(member);
      return member;
    };
    struct Case {
      const char* name;
      MadeMember member;
      const char* words;
    };
    for (const Case& c : {
             Case{"encrypted", with([](MadeMember& m) { m.flags = 1; }), "\"a\" is encrypted"},
             Case{"bzip2", with([](MadeMember& m) { m.method = 12; }), "zip method 12"},
             Case{"stored, larger", with([](MadeMember& m) { m.size_bytes = 1001; }),
                  "claims to hold 1001"},
             Case{"stored, smaller", with([](MadeMember& m) { m.size_bytes = 10; }),
                  "claims to hold 10"},
             Case{"deflated, huge", with([](MadeMember& m) {
                    m.deflated = true;
                    m.size_bytes = 0xFFFFFFF0;
                  }),
                  "claims to hold 4294967280"},
             Case{"deflated, larger", with([](MadeMember& m) {
                    m.deflated = true;
                    m.size_bytes = 1001;
                  }),
                  "damaged"},
             Case{"deflated, smaller", with([](MadeMember& m) {
                    m.deflated = true;
                    m.size_bytes = 999;
                  }),
                  "damaged"},
             Case{"checksum, stored", with([](MadeMember& m) { m.crc_change = 1; }), "checksum"},
             Case{"checksum, deflated", with([](MadeMember& m) {
                    m.deflated = true;
                    m.crc_change = 1;
                  }),
                  "checksum"},
             Case{"not deflated at all", with([](MadeMember& m) { m.method = 8; }), "damaged"},
         }) {
      CAPTURE(c.name);
      const test::TempDirectory folder;
      const ZipArchive archive(folder.write("a.npz", test::zip({c.member})), "a.npz");
      const ZipMember& member = archive.members().at(0);
      const auto read = [&] {
        archive.check(member);  // as callers do before they take memory
        read_whole(archive, member);
      };
      CHECK_THROWS_WITH_AS(read(), doctest::Contains(c.words), UserError);
      CHECK_THROWS_WITH_AS(read_stream(archive, member), doctest::Contains("a.npz"), UserError);
    }
  }

  TEST_CASE("ZipArchive: an empty file, another file and a cut one are told apart from none") {
    const test::TempDirectory folder;
    CHECK_THROWS_WITH_AS(ZipArchive(folder / "none.npz", "none.npz"),
                         doctest::Contains("can't be opened"), UserError);
    CHECK_THROWS_WITH_AS(ZipArchive(folder.write("a.npz", ""), "a.npz"),
                         doctest::Contains("the file is empty"), UserError);
    CHECK_THROWS_WITH_AS(ZipArchive(folder.write("a.npz", "1,2,3\n"), "a.npz"),
                         doctest::Contains("damaged or cut short"), UserError);
  }

  TEST_CASE("ZipArchive: a reader that is told to stop stops") {
    const test::TempDirectory folder;
    const ZipArchive archive(folder.write("a.npz", test::zip({{.name = "a", .bytes = "hello"}})),
                             "a.npz");
    std::vector<std::byte> bytes(5);
    CHECK_THROWS_AS(archive.read(archive.members().at(0), bytes, [] { throw 1; }), int);
  }
}

}  // namespace mlp
