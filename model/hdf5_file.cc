#include "model/hdf5_file.h"

#include <fmt/format.h>
#include <hdf5.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "model/error.h"

namespace mlp {
namespace {

static_assert(sizeof(hid_t) == sizeof(std::int64_t));

constexpr std::size_t kGrowth = std::size_t{1} << 20;
constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";

// The innermost entry of HDF5's error stack, which says what went wrong; the outer ones say while
// doing what.
std::string library_error() {
  std::string message;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
        constexpr std::size_t kLongest = 200;
        if (error->desc == nullptr || *error->desc == '\0') return 0;
        *static_cast<std::string*>(out) = std::string(error->desc).substr(0, kLongest);
        return 1;
      },
      &message);
  H5Eclear2(H5E_DEFAULT);
  return message.empty() ? "no reason given" : message;
}

// An HDF5 object's id, closed at the end of its life.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(Handle&& other) noexcept : id_(other.release()), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;

  explicit operator bool() const { return id_ >= 0; }
  hid_t id() const { return id_; }
  hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }

 private:
  hid_t id_;
  Close close_;
};

template <typename Status>
void check_written(Status status, std::string_view what) {
  if (status < 0) {
    throw std::runtime_error(fmt::format("HDF5, writing {}: {}", what, library_error()));
  }
}

Handle written(hid_t id, Handle::Close close, std::string_view what) {
  check_written(id, what);
  return {id, close};
}

// HDF5 has no strings of length zero; "" is a single padding zero.
Handle text_type(std::size_t size) {
  Handle type = written(H5Tcopy(H5T_C_S1), H5Tclose, "a text type");
  check_written(H5Tset_size(type.id(), std::max<std::size_t>(size, 1)), "a text type");
  check_written(H5Tset_strpad(type.id(), H5T_STR_NULLPAD), "a text type");
  check_written(H5Tset_cset(type.id(), H5T_CSET_UTF8), "a text type");
  return type;
}

Handle scalar_space() { return written(H5Screate(H5S_SCALAR), H5Sclose, "a scalar dataspace"); }

Handle array_space(std::span<const std::size_t> shape) {
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  return written(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr),
                 H5Sclose, "a dataspace");
}

void create_group(hid_t file, const std::string& path) {
  const Handle properties = written(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, path);
  check_written(H5Pset_obj_track_times(properties.id(), false), path);
  written(H5Gcreate2(file, path.c_str(), H5P_DEFAULT, properties.id(), H5P_DEFAULT), H5Gclose,
          path);
}

// HDF5 can make these by itself, but then with time stamps.
void create_groups_on_the_way(hid_t file, const std::string& path) {
  for (std::size_t end = path.find('/', 1); end != std::string::npos;
       end = path.find('/', end + 1)) {
    const std::string group = path.substr(0, end);
    const htri_t exists = H5Lexists(file, group.c_str(), H5P_DEFAULT);
    check_written(exists, group);
    if (exists == 0) create_group(file, group);
  }
}

void write_attribute(hid_t file, const std::string& object, const std::string& name,
                     const Handle& type, const Handle& space, const void* values) {
  const std::string what = fmt::format("attribute {} of {}", name, object);
  const Handle attribute =
      written(H5Acreate_by_name(file, object.c_str(), name.c_str(), type.id(), space.id(),
                                H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
              H5Aclose, what);
  check_written(H5Awrite(attribute.id(), type.id(), values), what);
}

void write_dataset(hid_t file, const std::string& path, const Handle& type, const Handle& space,
                   const void* values) {
  create_groups_on_the_way(file, path);
  const Handle properties = written(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, path);
  check_written(H5Pset_obj_track_times(properties.id(), false), path);
  const Handle dataset = written(H5Dcreate2(file, path.c_str(), type.id(), space.id(), H5P_DEFAULT,
                                            properties.id(), H5P_DEFAULT),
                                 H5Dclose, path);
  check_written(H5Dwrite(dataset.id(), type.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values), path);
}

Handle integer_type() { return written(H5Tcopy(H5T_STD_I64LE), H5Tclose, "an integer type"); }

Handle float_type() { return written(H5Tcopy(H5T_IEEE_F32LE), H5Tclose, "a float type"); }

// HDF5 takes two open files of one name for the same file, in memory as well; nothing is opened by
// this name.
std::string unique_name(const void* owner) { return fmt::format("{}", owner); }

// HDF5 prints its error stack on stderr unless it is told not to, for each thread anew.
void silence_library() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

// Lets HDF5 keep a file's bytes in `image`, which still holds them when the file is closed.
//
// H5Fget_file_image() is no way to get them in this format: it clears a flag of the superblock, but
// leaves the checksum over it as it was (seen with HDF5 1.10.8).
void keep_image(hid_t access, std::string& image) {
  H5FD_file_image_callbacks_t callbacks = {};
  callbacks.image_realloc = [](void*, std::size_t size, H5FD_file_image_op_t, void* user) -> void* {
    auto& bytes = *static_cast<std::string*>(user);
    try {
      bytes.resize(size);
    } catch (const std::exception&) {  // HDF5, being C, can't pass it on.
      return nullptr;
    }
    return bytes.data();
  };
  callbacks.image_free = [](void*, H5FD_file_image_op_t, void*) -> herr_t { return 0; };
  callbacks.udata_copy = [](void* user) { return user; };
  callbacks.udata_free = [](void*) -> herr_t { return 0; };
  callbacks.udata = &image;
  check_written(H5Pset_file_image_callbacks(access, &callbacks), "a file");
}

}  // namespace

Hdf5Writer::Hdf5Writer() {
  silence_library();
  const Handle access = written(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "a file");
  check_written(H5Pset_fapl_core(access.id(), kGrowth, false), "a file");
  check_written(H5Pset_libver_bounds(access.id(), H5F_LIBVER_V18, H5F_LIBVER_V18), "a file");
  check_written(H5Pset_fclose_degree(access.id(), H5F_CLOSE_STRONG), "a file");
  keep_image(access.id(), image_);
  const Handle creation = written(H5Pcreate(H5P_FILE_CREATE), H5Pclose, "a file");
  check_written(H5Pset_obj_track_times(creation.id(), false), "a file");
  file_ = H5Fcreate(unique_name(this).c_str(), H5F_ACC_TRUNC, creation.id(), access.id());
  check_written(file_, "a file");
}

Hdf5Writer::~Hdf5Writer() {
  if (file_ >= 0) H5Fclose(file_);
}

void Hdf5Writer::add_group(const std::string& path) {
  create_groups_on_the_way(file_, path);
  create_group(file_, path);
}

void Hdf5Writer::add_attribute(const std::string& object, const std::string& name,
                               std::string_view text) {
  std::string padded(text);
  padded.resize(std::max<std::size_t>(text.size(), 1));
  write_attribute(file_, object, name, text_type(text.size()), scalar_space(), padded.data());
}

void Hdf5Writer::add_attribute(const std::string& object, const std::string& name,
                               const std::vector<std::string>& texts) {
  std::size_t longest = 1;
  for (const std::string& text : texts) longest = std::max(longest, text.size());
  std::string padded;
  padded.reserve(longest * texts.size());
  for (const std::string& text : texts) {
    padded += text;
    padded.append(longest - text.size(), '\0');
  }
  const std::size_t shape[] = {texts.size()};
  write_attribute(file_, object, name, text_type(longest), array_space(shape), padded.data());
}

void Hdf5Writer::add_attribute(const std::string& object, const std::string& name,
                               std::int64_t value) {
  static_assert(std::endian::native == std::endian::little);
  write_attribute(file_, object, name, integer_type(), scalar_space(), &value);
}

void Hdf5Writer::add_floats(const std::string& path, std::span<const std::size_t> shape,
                            std::span<const float> values) {
  assert(std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>()) ==
         values.size());
  write_dataset(file_, path, float_type(), array_space(shape), values.data());
}

void Hdf5Writer::add_integer(const std::string& path, std::int64_t value) {
  write_dataset(file_, path, integer_type(), scalar_space(), &value);
}

void Hdf5Writer::add_text(const std::string& path, std::string_view text) {
  std::string padded(text);
  padded.resize(std::max<std::size_t>(text.size(), 1));
  write_dataset(file_, path, text_type(text.size()), scalar_space(), padded.data());
}

std::string Hdf5Writer::finish() {
  check_written(H5Fclose(std::exchange(file_, H5I_INVALID_HID)), "the end of the file");
  // HDF5 grows the memory in large steps; where the file ends stands in its superblock (version 2
  // here).
  constexpr std::size_t kVersionOffset = 8;
  constexpr std::size_t kEndOffset = 28;
  std::uint64_t end = 0;
  if (image_.size() < kEndOffset + sizeof(end) || image_[kVersionOffset] != 2) {
    throw std::logic_error("HDF5 wrote another kind of superblock than it was told to.");
  }
  std::memcpy(&end, image_.data() + kEndOffset, sizeof(end));
  if (end > image_.size()) throw std::logic_error("HDF5 wrote less than its superblock says.");
  image_.resize(end);
  return std::move(image_);
}

namespace {

// A dataset of a model file that is safe to read as a whole: one contiguous run of values without
// filters or other files, whose size the file's bytes bound.
class PlainDataset {
 public:
  PlainDataset(const Hdf5Reader& reader, hid_t file, std::size_t size_bytes,
               const std::string& path)
      : reader_(reader),
        path_(path),
        dataset_(H5Dopen2(file, path.c_str(), H5P_DEFAULT), H5Dclose),
        type_(dataset_ ? H5Dget_type(dataset_.id()) : H5I_INVALID_HID, H5Tclose),
        space_(dataset_ ? H5Dget_space(dataset_.id()) : H5I_INVALID_HID, H5Sclose) {
    if (!dataset_ || !type_ || !space_) fail_by_library();
    const Handle properties(H5Dget_create_plist(dataset_.id()), H5Pclose);
    if (!properties) fail_by_library();
    const H5D_layout_t layout = H5Pget_layout(properties.id());
    if (layout != H5D_CONTIGUOUS && layout != H5D_COMPACT) {
      reader.fail(fmt::format("{} is not stored as one plain run of values.", path));
    }
    if (H5Pget_external_count(properties.id()) != 0) {
      reader.fail(fmt::format("{} is stored outside of the file.", path));
    }
    const std::size_t value_size = H5Tget_size(type_.id());
    std::size_t values = size_bytes / std::max<std::size_t>(value_size, 1);
    const int rank = H5Sget_simple_extent_ndims(space_.id());
    if (value_size == 0 || rank < 0 || H5Sget_simple_extent_type(space_.id()) == H5S_NULL) {
      fail_by_library();
    }
    std::vector<hsize_t> extents(static_cast<std::size_t>(rank));
    if (H5Sget_simple_extent_dims(space_.id(), extents.data(), nullptr) < 0) fail_by_library();
    for (const hsize_t extent : extents) {
      if (extent > values) {
        reader.fail(fmt::format("{} says that it holds more than the whole file.", path));
      }
      if (extent > 0) values /= extent;
      shape_.push_back(extent);
    }
    if (values == 0) {
      reader.fail(fmt::format("{} says that it holds more than the whole file.", path));
    }
  }

  const std::vector<std::size_t>& shape() const { return shape_; }
  const Handle& type() const { return type_; }
  std::size_t count() const {
    return std::accumulate(shape_.begin(), shape_.end(), std::size_t{1}, std::multiplies<>());
  }

  void read(void* values) const {
    if (H5Dread(dataset_.id(), type_.id(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
      fail_by_library();
    }
  }

  [[noreturn]] void fail_by_library() const {
    reader_.fail(fmt::format("{} can't be read (HDF5: {}).", path_, library_error()));
  }

 private:
  const Hdf5Reader& reader_;
  const std::string& path_;
  Handle dataset_;
  Handle type_;
  Handle space_;
  std::vector<std::size_t> shape_;
};

}  // namespace

Hdf5Reader::Hdf5Reader(std::string_view bytes, std::string_view name)
    : size_bytes_(bytes.size()), name_(name), file_(H5I_INVALID_HID) {
  silence_library();
  if (bytes.empty()) fail("The file is empty.");
  if (!bytes.starts_with(kSignature)) {
    throw UserError(
        fmt::format("{} is not an HDF5 file: it does not begin with HDF5's signature. Expected "
                    "the model.h5 that mlp train writes.",
                    name_));
  }
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // The library copies the image and never writes to it; its interface only lacks the const.
  if (!access || H5Pset_fapl_core(access.id(), kGrowth, false) < 0 ||
      H5Pset_fclose_degree(access.id(), H5F_CLOSE_STRONG) < 0 ||
      H5Pset_file_image(access.id(), const_cast<char*>(bytes.data()), bytes.size()) < 0) {
    throw std::runtime_error(fmt::format("HDF5, opening {}: {}", name_, library_error()));
  }
  file_ = H5Fopen(unique_name(this).c_str(), H5F_ACC_RDONLY, access.id());
  if (file_ < 0) fail(fmt::format("It can't be opened (HDF5: {}).", library_error()));
}

Hdf5Reader::~Hdf5Reader() { H5Fclose(file_); }

void Hdf5Reader::fail(std::string_view found) const {
  throw UserError(fmt::format(
      "{} is not a whole model file of mlp. {} It was cut short or changed after it was written: "
      "copy it again from where it was made, or train again.",
      name_, found));
}

bool Hdf5Reader::contains(const std::string& path) const {
  // Each link on the way has to be asked for by itself.
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const htri_t found = H5Lexists(file_, path.substr(0, end).c_str(), H5P_DEFAULT);
    if (found < 0) fail(fmt::format("{} can't be looked up (HDF5: {}).", path, library_error()));
    if (found == 0) return false;
    if (end == std::string::npos) return true;
  }
}

std::int64_t Hdf5Reader::integer_attribute(const std::string& object,
                                           const std::string& name) const {
  const auto fail_by_library = [&] {
    fail(
        fmt::format("Attribute {} of {} can't be read (HDF5: {}).", name, object, library_error()));
  };
  const Handle attribute(
      H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute) fail_by_library();
  const Handle type(H5Aget_type(attribute.id()), H5Tclose);
  const Handle space(H5Aget_space(attribute.id()), H5Sclose);
  if (!type || !space) fail_by_library();
  if (H5Tequal(type.id(), H5T_STD_I64LE) <= 0 ||
      H5Sget_simple_extent_type(space.id()) != H5S_SCALAR) {
    fail(fmt::format("Attribute {} of {} is not one 64-bit integer.", name, object));
  }
  std::int64_t value = 0;
  if (H5Aread(attribute.id(), type.id(), &value) < 0) fail_by_library();
  return value;
}

std::vector<std::size_t> Hdf5Reader::shape(const std::string& path) const {
  return PlainDataset(*this, file_, size_bytes_, path).shape();
}

std::vector<float> Hdf5Reader::floats(const std::string& path) const {
  const PlainDataset dataset(*this, file_, size_bytes_, path);
  if (H5Tequal(dataset.type().id(), H5T_IEEE_F32LE) <= 0) {
    fail(fmt::format("{} does not hold float32 values.", path));
  }
  std::vector<float> values(dataset.count());
  dataset.read(values.data());
  return values;
}

std::string Hdf5Reader::text(const std::string& path) const {
  const PlainDataset dataset(*this, file_, size_bytes_, path);
  if (H5Tget_class(dataset.type().id()) != H5T_STRING ||
      H5Tis_variable_str(dataset.type().id()) != 0 || !dataset.shape().empty()) {
    fail(fmt::format("{} does not hold one text of fixed length.", path));
  }
  std::string text(H5Tget_size(dataset.type().id()), '\0');
  dataset.read(text.data());
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

std::string hdf5_version() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format("{}.{}.{}", major, minor, release);
}

}  // namespace mlp
