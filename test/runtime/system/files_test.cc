#include "runtime/system/files.h"

#include <doctest/doctest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "model/error.h"
#include "test/runtime/system/as_nobody.h"
#include "test/support/messages.h"
#include "test/support/temp_directory.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;
using test::check_contains;
using test::read_bytes;
using test::TempDirectory;
using test::user_error_of;

constexpr uid_t kOwner = 1234;
constexpr gid_t kGroup = 4321;

// A small file system in memory over a folder, where the test may mount one.
class SmallDisk {
 public:
  explicit SmallDisk(fs::path folder) : folder_(std::move(folder)) {
    fs::create_directories(folder_);
    mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, "size=64k") == 0;
  }
  ~SmallDisk() {
    if (mounted_) ::umount(folder_.c_str());
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool mounted() const { return mounted_; }
  bool make_read_only() {
    return ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0;
  }
  const fs::path& path() const { return folder_; }

 private:
  fs::path folder_;
  bool mounted_ = false;
};

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

struct stat status_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status;
}

TEST_SUITE("runtime/system") {
  TEST_CASE("read_file: gives all bytes, zeros and line ends included") {
    const TempDirectory folder;
    const std::string bytes = std::string("a\0b\r\n", 5) + std::string(200'000, 'x');
    CHECK(read_file(folder.write("f", bytes)) == bytes);
    CHECK(read_file(folder.write("empty", "")).empty());
  }

  TEST_CASE("read_file: reads a file whose size the system does not tell") {
    CHECK(read_file("/proc/self/cmdline").find("mlp_system_test") != std::string::npos);
  }

  TEST_CASE("read_file: what can't be read is named with its reason") {
    const TempDirectory folder;
    check_contains(user_error_of([&] { read_file(folder / "absent"); }),
                   {(folder / "absent").string(), "No such file", "Correct the path"});
    check_contains(user_error_of([&] { read_file(folder.path()); }),
                   {folder.path().string(), "Is a directory"});
    const fs::path secret = folder.write("secret", "x");
    fs::permissions(folder.path(), fs::perms::all);
    fs::permissions(secret, fs::perms::none);
    const test::AsNobody nobody;
    check_contains(user_error_of([&] { read_file(secret); }),
                   {secret.string(), "Permission denied", "uid " + std::to_string(::geteuid())});
  }

  TEST_CASE("write_file: makes a file, and replaces one") {
    const TempDirectory folder;
    const fs::path path = folder / "f";
    write_file(path, "first");
    CHECK(read_bytes(path) == "first");
    write_file(path, std::string("\0second", 7));
    CHECK(read_bytes(path) == std::string("\0second", 7));
    CHECK(entries(folder.path()) == 1);
  }

  TEST_CASE("write_file: a name without a folder is put into the working directory") {
    const TempDirectory folder;
    const fs::path before = fs::current_path();
    fs::current_path(folder.path());
    write_file("plain", "x");
    fs::current_path(before);
    CHECK(read_bytes(folder / "plain") == "x");
  }

  TEST_CASE("write_file: a symbolic link is replaced, its aim left alone") {
    const TempDirectory folder;
    const fs::path aim = folder.write("aim", "old");
    fs::create_symlink(aim, folder / "link");
    write_file(folder / "link", "new");
    CHECK(read_bytes(aim) == "old");
    CHECK_FALSE(fs::is_symlink(folder / "link"));
    CHECK(read_bytes(folder / "link") == "new");
  }

  TEST_CASE("write_file: the mode is 0644 less the umask") {
    const TempDirectory folder;
    for (const mode_t mask : {mode_t{022}, mode_t{077}, mode_t{0}}) {
      CAPTURE(mask);
      const mode_t before = ::umask(mask);
      write_file(folder / "f", "x");
      ::umask(before);
      CHECK((status_of(folder / "f").st_mode & 0777) == (0644 & ~mask));
    }
  }

  TEST_CASE("write_file: by root, the file takes owner and group of its folder") {
    if (::geteuid() != 0) return;
    const TempDirectory folder;
    REQUIRE(::chown(folder.path().c_str(), kOwner, kGroup) == 0);
    write_file(folder / "f", "x");
    CHECK(status_of(folder / "f").st_uid == kOwner);
    CHECK(status_of(folder / "f").st_gid == kGroup);
  }

  TEST_CASE("shortened_path: keeps the end") {
    CHECK(shortened_path("a/b.csv") == "a/b.csv");
    const std::string path = shortened_path(std::string(1000, 'a') + "/b.csv");
    CHECK(path.size() < 210);
    CHECK(path.ends_with("/b.csv"));
  }

  TEST_CASE("Files: a message on the longest path there can be leaves room for the reason") {
    std::string path = "/";
    for (int i = 0; i < 20; ++i) path += std::string(200, 'd') + '/';
    check_contains(user_error_of([&] { read_file(path + "f"); }),
                   {"Cannot read ...", "ddd/f: No such file", "Correct the path"});
    check_contains(user_error_of([&] { write_file(path + "f", "x"); }),
                   {"Cannot write ...", "ddd/f: its folder does not exist", "correct the path"});
    const TempDirectory folder;
    const fs::path file = folder.write(std::string(250, 'd'), "x");
    check_contains(user_error_of([&] { make_directories(file); }),
                   {"Cannot make the folder ...", "ddd: File exists", "another folder"});
  }

  TEST_CASE("FileWriter: pieces of any size arrive in order") {
    const TempDirectory folder;
    std::string expected;
    FileWriter writer(folder / "f");
    for (const std::size_t size : {0UL, 1UL, 7UL, 65'535UL, 65'536UL, 65'537UL, 3UL, 200'000UL}) {
      const std::string piece(size, static_cast<char>('a' + size % 26));
      writer.write(piece);
      expected += piece;
    }
    writer.commit();
    CHECK(read_bytes(folder / "f") == expected);
  }

  TEST_CASE("FileWriter: the file appears with the commit only, and not without one") {
    const TempDirectory folder;
    const fs::path path = folder.write("f", "old");
    {
      FileWriter writer(path);
      writer.write(std::string(100'000, 'n'));
      CHECK(read_bytes(path) == "old");
      CHECK(entries(folder.path()) == 2);
    }
    CHECK(read_bytes(path) == "old");
    CHECK(entries(folder.path()) == 1);
  }

  TEST_CASE("FileWriter: a side file left by a killed process with the same id is no hindrance") {
    const TempDirectory folder;
    folder.write(".f." + std::to_string(::getpid()) + ".tmp", "left over");
    write_file(folder / "f", "new");
    CHECK(read_bytes(folder / "f") == "new");
    CHECK(entries(folder.path()) == 1);
  }

  TEST_CASE("FileWriter: a missing folder is named") {
    const TempDirectory folder;
    check_contains(user_error_of([&] { write_file(folder / "no" / "f", "x"); }),
                   {(folder / "no" / "f").string(), "folder does not exist", "Make the folder"});
  }

  TEST_CASE("FileWriter: a folder in the file's place is an error that leaves no side file") {
    const TempDirectory folder;
    fs::create_directory(folder / "f");
    check_contains(user_error_of([&] { write_file(folder / "f", "x"); }),
                   {(folder / "f").string(), "Is a directory"});
    CHECK(entries(folder.path()) == 1);
  }

  TEST_CASE("FileWriter: a folder that others own is named with the uid") {
    const TempDirectory folder;
    fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec |
                                       fs::perms::others_read | fs::perms::others_exec);
    const test::AsNobody nobody;
    const std::string uid = "uid " + std::to_string(::geteuid());
    check_contains(user_error_of([&] { write_file(folder / "f", "x"); }),
                   {(folder / "f").string(), "Permission denied", uid, "write permission"});
    check_contains(user_error_of([&] { require_writable(folder.path()); }),
                   {folder.path().string(), "Permission denied", uid});
    check_contains(user_error_of([&] { require_writable(folder / "a" / "b"); }),
                   {"Cannot make the folder " + (folder / "a").string(), "Permission denied", uid});
  }

  TEST_CASE("FileWriter: a full disk is an error that leaves no file") {
    const TempDirectory folder;
    const SmallDisk disk(folder / "disk");
    if (!disk.mounted()) return;
    const std::string text =
        user_error_of([&] { write_file(disk.path() / "f", std::string(100'000, 'x')); });
    check_contains(text, {(disk.path() / "f").string(), "disk is full", "larger volume"});
    CHECK(entries(disk.path()) == 0);

    // What was there before is kept, and the space is free again for a failure file.
    write_file(disk.path() / "f", "old");
    FileWriter writer(disk.path() / "f");
    const std::string piece(10'000, 'x');
    const auto write_much = [&] {
      for (int i = 0; i < 10; ++i) writer.write(piece);
      writer.commit();
    };
    CHECK_THROWS_AS(write_much(), UserError);
    CHECK(read_bytes(disk.path() / "f") == "old");
    CHECK(entries(disk.path()) == 1);
    write_file(disk.path() / "failure", std::string(4096, 'x'));
  }

  TEST_CASE("require_writable: a full disk is found out") {
    const TempDirectory folder;
    const SmallDisk disk(folder / "disk");
    if (!disk.mounted()) return;
    // Whole pages, until the last is taken.
    int count = 0;
    while (user_error_of([&] {
             write_file(disk.path() / std::to_string(count), std::string(4096, 'x'));
           }) == "no UserError") {
      ++count;
    }
    CHECK(count > 0);
    check_contains(user_error_of([&] { require_writable(disk.path()); }),
                   {"folder " + disk.path().string(), "disk is full"});
  }

  TEST_CASE("FileWriter: a read-only file system is named") {
    const TempDirectory folder;
    SmallDisk disk(folder / "disk");
    if (!disk.mounted() || !disk.make_read_only()) return;
    check_contains(user_error_of([&] { write_file(disk.path() / "f", "x"); }),
                   {(disk.path() / "f").string(), "Read-only file system", "Mount it"});
    check_contains(user_error_of([&] { require_writable(disk.path()); }),
                   {"folder " + disk.path().string(), "Read-only file system"});
    check_contains(user_error_of([&] { make_directories(disk.path() / "sub"); }),
                   {(disk.path() / "sub").string(), "Read-only file system"});
  }

  TEST_CASE("make_directories: makes what is missing on the way, and takes what is there") {
    const TempDirectory folder;
    make_directories(folder / "a/b/c");
    CHECK(fs::is_directory(folder / "a/b/c"));
    make_directories(folder / "a/b/c");
    make_directories(folder / "a/d/");
    CHECK(fs::is_directory(folder / "a/d"));
  }

  TEST_CASE("make_directories: by root, each new folder takes owner and group of its parent") {
    if (::geteuid() != 0) return;
    const TempDirectory folder;
    REQUIRE(::chown(folder.path().c_str(), kOwner, kGroup) == 0);
    make_directories(folder / "a/b");
    for (const char* name : {"a", "a/b"}) {
      CHECK(status_of(folder / name).st_uid == kOwner);
      CHECK(status_of(folder / name).st_gid == kGroup);
    }
  }

  TEST_CASE("make_directories: a file in the way is named") {
    const TempDirectory folder;
    const fs::path file = folder.write("f", "x");
    check_contains(user_error_of([&] { make_directories(file); }), {file.string(), "File exists"});
    check_contains(user_error_of([&] { make_directories(file / "sub"); }), {file.string()});
  }

  TEST_CASE("require_writable: makes the folder and leaves it empty") {
    const TempDirectory folder;
    require_writable(folder / "a/b");
    CHECK(entries(folder / "a/b") == 0);
  }
}

}  // namespace
}  // namespace mlp
