#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mlp {

// HDF5 files in memory, as little of them as a model file needs. Objects are named by absolute
// paths ("/mlp/metadata"). Each object of these classes belongs to one thread at a time.
//
// The format is that of HDF5 1.8 without time stamps: its metadata carry checksums, attributes may
// be of any size, every HDF5 from 2008 on reads it, and equal calls give equal bytes. Failures of
// the library while writing are bugs of ours, thrown as std::runtime_error.
class Hdf5Writer {
 public:
  Hdf5Writer();
  ~Hdf5Writer();
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;

  // Groups and datasets make the groups on their way.
  void add_group(const std::string& path);

  // Attributes of an object that is there already ("/" is the root): UTF-8 text of fixed length, a
  // list of such texts padded with zeros to the longest, and a 64-bit integer.
  void add_attribute(const std::string& object, const std::string& name, std::string_view text);
  void add_attribute(const std::string& object, const std::string& name,
                     const std::vector<std::string>& texts);
  void add_attribute(const std::string& object, const std::string& name, std::int64_t value);

  // A float32 dataset, row-major; as many values as the product of `shape`.
  void add_floats(const std::string& path, std::span<const std::size_t> shape,
                  std::span<const float> values);

  // Datasets of one value: a 64-bit integer, and UTF-8 text of fixed length without trailing zeros.
  void add_integer(const std::string& path, std::int64_t value);
  void add_text(const std::string& path, std::string_view text);

  // Ends the file, and gives it as it would stand on disk. Nothing may be added after it.
  std::string finish();

 private:
  std::string image_;  // HDF5 writes here
  std::int64_t file_;  // hid_t
};

// Reads what Hdf5Writer writes. Throws UserError for bytes that are no HDF5 file, are damaged, or
// hold something else under a path than what is asked for; nothing is allocated for a size that the
// bytes can't hold.
class Hdf5Reader {
 public:
  // Copies `bytes`. `name` is what messages call the file.
  Hdf5Reader(std::string_view bytes, std::string_view name);
  ~Hdf5Reader();
  Hdf5Reader(const Hdf5Reader&) = delete;
  Hdf5Reader& operator=(const Hdf5Reader&) = delete;

  bool contains(const std::string& path) const;
  std::int64_t integer_attribute(const std::string& object, const std::string& name) const;

  // The extents of a float32 dataset.
  std::vector<std::size_t> shape(const std::string& path) const;
  std::vector<float> floats(const std::string& path) const;
  std::string text(const std::string& path) const;

  // For callers who find the content to be wrong: a UserError that names the file, says `found` (a
  // sentence), and what to do about a damaged file.
  [[noreturn]] void fail(std::string_view found) const;

 private:
  std::size_t size_bytes_;
  std::string name_;
  std::int64_t file_;  // hid_t
};

// "1.10.8" or the like: of the library that is linked.
std::string hdf5_version();

}  // namespace mlp
