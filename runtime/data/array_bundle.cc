#include "runtime/data/array_bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

#include "model/error.h"
#include "runtime/data/huge_pages.h"
#include "runtime/data/wording.h"
#include "runtime/data/zip_archive.h"
#include "runtime/system/files.h"

namespace mlp {
namespace {

constexpr std::string_view kSuffix = ".npy";
constexpr std::size_t kPieceBytes = 4 << 20;
constexpr std::uint64_t kWholeBytes = 256 << 20;  // converted from one buffer up to this size

class ArrayInFile final : public ArrayFile {
 public:
  ArrayInFile(std::string name, std::filesystem::path path)
      : ArrayFile(name, File(path, name).size_bytes()), path_(std::move(path)) {}

  std::unique_ptr<ByteSource> stream() const override { return file_source(path_, name()); }

  void read(std::span<std::byte> bytes, const std::function<void()>& poll) const override {
    File file(path_, name());
    for (std::size_t done = 0; done < bytes.size();) {
      poll();
      const std::size_t piece = std::min(bytes.size() - done, kPieceBytes);
      if (file.read(bytes.data() + done, piece) != piece) {
        throw UserError(
            fmt::format("{}: the file became shorter while it was read. Read it again when nothing "
                        "writes to it.",
                        name()));
      }
      done += piece;
    }
  }

 private:
  std::filesystem::path path_;
};

class ArrayInArchive final : public ArrayFile {
 public:
  ArrayInArchive(std::string name, std::shared_ptr<const ZipArchive> archive, ZipMember member)
      : ArrayFile(std::move(name), member.size_bytes),
        archive_(std::move(archive)),
        member_(std::move(member)) {}

  std::unique_ptr<ByteSource> stream() const override { return archive_->stream(member_, name()); }

  void read(std::span<std::byte> bytes, const std::function<void()>& poll) const override {
    archive_->read(member_, bytes, poll);
  }

 private:
  std::shared_ptr<const ZipArchive> archive_;
  ZipMember member_;
};

// Runs `allocate_and_read`, and says how much memory it wanted where there is too little.
template <typename AllocateAndRead>
auto with_memory(const ArrayFile& file, AllocateAndRead&& allocate_and_read) {
  try {
    return allocate_and_read();
  } catch (const std::bad_alloc&) {
  } catch (const std::length_error&) {
  }
  throw UserError(fmt::format(
      "{}: the memory is too small for this array of {} MB. Use an instance with more memory, or "
      "fewer rows.",
      file.name(), file.size_bytes() >> 20));
}

// The values behind the header, as bytes in C order.
std::vector<std::byte> read_values(const ArrayFile& file, const ArrayHeader& header,
                                   const std::function<void()>& poll) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(file.size_bytes()));
  file.read(bytes, poll);
  if (header.fortran_order && header.shape.size() > 1) {
    return to_c_order(header, std::span(bytes).subspan(header.header_bytes));
  }
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header.header_bytes));
  return bytes;
}

// Reads the file right into `values`, then moves them over the header in front.
template <typename T>
void read_in_place(const ArrayFile& file, const ArrayHeader& header, std::vector<T>& values,
                   const std::function<void()>& poll) {
  const std::size_t size = static_cast<std::size_t>(file.size_bytes()) / sizeof(T);
  values.reserve(size);
  take_huge_pages(values);
  values.resize(size);
  file.read(std::as_writable_bytes(std::span(values)), poll);
  values.erase(values.begin(),
               values.begin() + static_cast<std::ptrdiff_t>(header.header_bytes / sizeof(T)));
}

class ArrayReader final : public RecordReader {
 public:
  ArrayReader(std::shared_ptr<const ArrayFile> file, std::size_t rows,
              std::vector<std::size_t> row_shape, std::string source_name)
      : file_(std::move(file)),
        header_(file_->header()),
        rows_(rows),
        row_shape_(std::move(row_shape)),
        source_name_(std::move(source_name)),
        type_(feature_type(header_, file_->name())) {
    for (const std::size_t extent : row_shape_) width_ *= extent;
    if (rows_ * width_ != header_.values()) {
      throw std::logic_error("stream_features: the rows are not as many values as the array has");
    }
    if (header_.fortran_order && header_.shape.size() > 1) {
      values_ = with_memory(*file_, [&] { return read_values(*file_, header_, [] {}); });
    } else {
      source_ = file_->stream();
      read_array_header(*source_);
    }
  }

  std::size_t read(Table& table, std::size_t limit) override {
    if (table.row_shape.empty()) {
      table.source = source_name_;
      table.row_shape = row_shape_;
      table.features.type = type_;
      table.features.width = width_;
    }
    if (table.features.width != width_ || table.features.type != type_) {
      throw std::logic_error("ArrayReader: the table holds rows of another kind");
    }
    const std::size_t row_bytes = width_ * header_.item_bytes;
    const std::size_t piece_rows = std::max<std::size_t>(1, kPieceBytes / row_bytes);
    std::size_t count = 0;
    while (count < limit && done_ < rows_) {
      const std::size_t rows = std::min({limit - count, rows_ - done_, piece_rows});
      append_features(header_, file_->name(), next_values(rows * row_bytes), done_ * width_,
                      table.features);
      done_ += rows;
      count += rows;
    }
    if (done_ == rows_ && source_) {
      std::byte beyond{};
      source_->read(&beyond, 1);  // at its end an archive's checksum is compared
      source_.reset();
    }
    return count;
  }

 private:
  std::span<const std::byte> next_values(std::size_t size) {
    if (header_.fortran_order && header_.shape.size() > 1) {
      return std::span(values_).subspan(done_ * width_ * header_.item_bytes, size);
    }
    values_.resize(size);
    if (source_->read(values_.data(), size) != size) {
      throw UserError(fmt::format(
          "{}: the array is cut short. Copy the file again, or write it again with numpy.save or "
          "numpy.savez.",
          file_->name()));
    }
    return values_;
  }

  std::shared_ptr<const ArrayFile> file_;
  ArrayHeader header_;
  std::size_t rows_;
  std::vector<std::size_t> row_shape_;
  std::string source_name_;
  FeatureType type_;
  std::size_t width_ = 1;
  std::size_t done_ = 0;                // rows
  std::unique_ptr<ByteSource> source_;  // in C order, until the end
  std::vector<std::byte> values_;       // one piece, or all of an array in Fortran order
};

}  // namespace

ArrayHeader ArrayFile::header() const {
  const std::unique_ptr<ByteSource> source = stream();
  ArrayHeader header = read_array_header(*source);
  check_size(header, name_, size_bytes_);
  return header;
}

std::string ArrayBundle::contents() const {
  constexpr std::size_t kLimit = 12;
  std::string result;
  std::size_t count = 0;
  for (const auto& [name_of_array, file] : arrays) {
    if (count++ == kLimit) {
      return result + fmt::format(", ... and {} more", arrays.size() - kLimit);
    }
    if (count > 1) result += ", ";
    result += in_quotes(name_of_array) + " ";
    try {
      result += shape_text(file->header().shape);
    } catch (const UserError&) {
      result += "(damaged)";
    }
  }
  return result.empty() ? "none" : result;
}

ArrayBundle open_npz(const std::filesystem::path& path, const std::string& name) {
  ArrayBundle bundle{.name = name, .arrays = {}};
  const auto archive = std::make_shared<const ZipArchive>(path, name);
  for (const ZipMember& member : archive->members()) {
    if (!member.name.ends_with(kSuffix)) continue;
    const std::string array = member.name.substr(0, member.name.size() - kSuffix.size());
    const std::string label = fmt::format("{}, {}", name, shortened_path(array));
    bundle.arrays[array] = std::make_shared<ArrayInArchive>(label, archive, member);
  }
  return bundle;
}

void add_npy(ArrayBundle& bundle, const std::string& array, const std::filesystem::path& path,
             const std::string& name) {
  bundle.arrays[array] = std::make_shared<ArrayInFile>(name, path);
}

Features read_features(const std::shared_ptr<const ArrayFile>& array, const ArrayHeader& header,
                       const std::function<void()>& poll) {
  const ArrayFile& file = *array;
  return with_memory(file, [&] {
    Features features;
    features.type = feature_type(header, file.name());
    features.width = header.values() / header.rows();
    const bool c_order = !header.fortran_order || header.shape.size() == 1;
    const bool is_native_float = header.kind == ElementKind::kFloat && header.item_bytes == 4 &&
                                 !header.big_endian && header.header_bytes % 4 == 0;
    if (c_order && features.type == FeatureType::kUint8) {
      read_in_place(file, header, features.bytes, poll);
    } else if (c_order && is_native_float) {
      read_in_place(file, header, features.floats, poll);
      check_finite(header, file.name(), features.floats, 0);
    } else if (!c_order || file.size_bytes() <= kWholeBytes) {
      append_features(header, file.name(), read_values(file, header, poll), 0, features);
    } else {
      Table table;
      ArrayReader reader(array, header.rows(), header.row_shape(), file.name());
      features.floats.reserve(header.values());
      table.row_shape = header.row_shape();
      table.features = std::move(features);
      const std::size_t piece_rows = std::max<std::size_t>(1, kPieceBytes / table.features.width);
      while (reader.read(table, piece_rows) > 0) poll();
      features = std::move(table.features);
    }
    return features;
  });
}

std::vector<Column> read_targets(const ArrayFile& file, const ArrayHeader& header,
                                 const std::function<void()>& poll) {
  check_targets(header, file.name());
  return with_memory(
      file, [&] { return decode_targets(header, file.name(), read_values(file, header, poll)); });
}

std::vector<float> read_weights(const ArrayFile& file, const ArrayHeader& header,
                                const std::function<void()>& poll) {
  check_weights(header, file.name());
  return with_memory(
      file, [&] { return decode_weights(header, file.name(), read_values(file, header, poll)); });
}

std::unique_ptr<RecordReader> stream_features(std::shared_ptr<const ArrayFile> file,
                                              std::size_t rows, std::vector<std::size_t> row_shape,
                                              std::string source) {
  return std::make_unique<ArrayReader>(std::move(file), rows, std::move(row_shape),
                                       std::move(source));
}

}  // namespace mlp
