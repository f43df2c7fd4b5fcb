#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/features.h"
#include "model/table.h"
#include "runtime/data/byte_source.h"
#include "runtime/data/npy.h"
#include "runtime/data/record_reader.h"

namespace mlp {

// An array in the format of .npy, in a file of its own or in an archive.
class ArrayFile {
 public:
  ArrayFile(std::string name, std::uint64_t size_bytes)
      : name_(std::move(name)), size_bytes_(size_bytes) {}
  virtual ~ArrayFile() = default;
  ArrayFile(const ArrayFile&) = delete;
  ArrayFile& operator=(const ArrayFile&) = delete;

  const std::string& name() const { return name_; }         // for messages: "mnist.npz, x_train"
  std::uint64_t size_bytes() const { return size_bytes_; }  // header included

  // Reads the header. Throws UserError where it is damaged or claims other than size_bytes().
  ArrayHeader header() const;

  // All bytes in constant memory.
  virtual std::unique_ptr<ByteSource> stream() const = 0;

  // Fills `bytes`, size_bytes() of them, in the quickest way; calls `poll` from time to time.
  virtual void read(std::span<std::byte> bytes, const std::function<void()>& poll) const = 0;

 private:
  std::string name_;
  std::uint64_t size_bytes_;
};

// Arrays by name, which belong together: an .npz file, or the .npy files of one folder.
struct ArrayBundle {
  std::string name;  // for messages
  std::map<std::string, std::shared_ptr<const ArrayFile>, std::less<>> arrays;

  // What there is, with shapes: "x_train (60000, 28, 28), y_train (60000,)". Never throws for a
  // damaged array, which it says instead.
  std::string contents() const;
};

// The members of an .npz file whose names end in .npy. `name` is what messages call the file.
ArrayBundle open_npz(const std::filesystem::path& path, const std::string& name);

// Adds one .npy file under `array`.
void add_npy(ArrayBundle& bundle, const std::string& array, const std::filesystem::path& path,
             const std::string& name);

// All values, without needing the array's size in memory twice where the type is that of the
// features already. The array has rows and at least one value a row.
Features read_features(const std::shared_ptr<const ArrayFile>& array, const ArrayHeader& header,
                       const std::function<void()>& poll);

// All targets of an array of shape (N), (N, 1) or (N, targets), by columns.
std::vector<Column> read_targets(const ArrayFile& file, const ArrayHeader& header,
                                 const std::function<void()>& poll);

// All weights of an array of shape (N) or (N, 1).
std::vector<float> read_weights(const ArrayFile& file, const ArrayHeader& header,
                                const std::function<void()>& poll);

// Streams the features of an array that begins with `header`, taken as `rows` rows of `row_shape`
// (its values are as many). Arrays in Fortran order are held in memory. `source` goes into the
// table.
std::unique_ptr<RecordReader> stream_features(std::shared_ptr<const ArrayFile> file,
                                              std::size_t rows, std::vector<std::size_t> row_shape,
                                              std::string source);

}  // namespace mlp
