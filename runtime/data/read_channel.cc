#include "runtime/data/read_channel.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <map>
#include <set>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "model/error.h"
#include "runtime/data/array_bundle.h"
#include "runtime/data/compression.h"
#include "runtime/data/csv_channel.h"
#include "runtime/data/file_format.h"
#include "runtime/data/wording.h"
#include "runtime/system/files.h"

namespace mlp {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kKinds = ".csv, .npz or .npy";

struct ChannelFile {
  fs::path path;
  fs::path relative;  // to the channel; empty where the channel is the file
  std::string name;   // for messages
  FileFormat format = FileFormat::kOther;
};

[[noreturn]] void throw_unreadable(const fs::path& path, const std::error_code& error) {
  throw UserError(fmt::format("{}: the channel can't be read: {}. Check who may read the path.",
                              shortened_path(path.string()), error.message()));
}

// Collects the regular files below `folder`. Names that begin with '.' or '_' are bookkeeping of
// other tools. `ancestors` are the real paths of the folders on the way, which a symbolic link may
// lead back to.
void collect(const fs::path& folder, const fs::path& relative, std::set<fs::path>& ancestors,
             std::vector<ChannelFile>& files) {
  std::error_code error;
  const fs::path real = fs::canonical(folder, error);
  if (error) throw_unreadable(folder, error);
  if (!ancestors.insert(real).second) return;
  fs::directory_iterator entries(folder, error);
  if (error) throw_unreadable(folder, error);
  while (entries != fs::directory_iterator()) {
    const fs::path path = entries->path();
    const fs::path name = path.filename();
    const char first = name.native().front();
    std::error_code no_status;
    const fs::file_status status = fs::status(path, no_status);
    if (first != '.' && first != '_') {
      if (fs::is_directory(status)) {
        collect(path, relative / name, ancestors, files);
      } else if (fs::is_regular_file(status)) {
        files.push_back({path, relative / name, shortened_path(path.string())});
      }
    }
    entries.increment(error);
    if (error) throw_unreadable(folder, error);
  }
  ancestors.erase(real);
}

// The files to read in the order of their names; others are told of in `notes`.
std::vector<ChannelFile> find_files(const fs::path& channel, ContentKind kind,
                                    std::vector<std::string>& notes) {
  const std::string channel_name = shortened_path(channel.string());
  std::error_code error;
  const fs::file_status status = fs::status(channel, error);
  if (!fs::exists(status)) {
    if (error && error.value() != ENOENT) throw_unreadable(channel, error);
    throw UserError(fmt::format(
        "{}: the channel's path does not exist. Expected a folder with {} files, or one such file: "
        "check the path and the name of the channel.",
        channel_name, kKinds));
  }
  std::vector<ChannelFile> found;
  if (fs::is_directory(status)) {
    std::set<fs::path> ancestors;
    collect(channel, {}, ancestors, found);
    std::sort(found.begin(), found.end(), [](const ChannelFile& a, const ChannelFile& b) {
      return a.relative.native() < b.relative.native();
    });
  } else if (fs::is_regular_file(status)) {
    found.push_back({channel, {}, channel_name});
  } else {
    throw UserError(
        fmt::format("{}: the channel is neither a folder nor a regular file. Expected a folder "
                    "with {} files, or one such file: check the path.",
                    channel_name, kKinds));
  }

  for (ChannelFile& file : found) {
    file.format = file_format(file.path, kind, file.relative.empty());
  }
  // Where the content type says text and no name does, it is all text.
  const auto is_other = [](const ChannelFile& file) { return file.format == FileFormat::kOther; };
  if (kind == ContentKind::kCsv && std::all_of(found.begin(), found.end(), is_other)) {
    for (ChannelFile& file : found) {
      const std::string suffix = lower_case(file.path.extension().string());
      if (suffix != ".npz" && suffix != ".npy") file.format = FileFormat::kCsv;
    }
  }
  std::vector<ChannelFile> files;
  std::vector<std::string> ignored;
  for (ChannelFile& file : found) {
    if (file.format == FileFormat::kOther) {
      ignored.push_back(
          shortened_path((file.relative.empty() ? file.path : file.relative).string()));
    } else {
      files.push_back(std::move(file));
    }
  }
  if (files.empty()) {
    const std::string_view wanted = kind == ContentKind::kCsv      ? ".csv"
                                    : kind == ContentKind::kArrays ? ".npz or .npy"
                                                                   : kKinds;
    throw UserError(fmt::format(
        "{}: the channel holds no file that can be read: found {}. Expected {} files. If text "
        "files have another suffix, set the channel's content type to text/csv.",
        channel_name, ignored.empty() ? "none" : listed(ignored, 5), wanted));
  }
  if (!ignored.empty()) {
    notes.push_back(fmt::format("Ignored {} file{} in {} that {} no {}: {}.", ignored.size(),
                                ignored.size() == 1 ? "" : "s", channel_name,
                                ignored.size() == 1 ? "is" : "are", kKinds, listed(ignored, 5)));
  }
  const auto is_csv = [](const ChannelFile& file) { return file.format == FileFormat::kCsv; };
  const auto csv = std::find_if(files.begin(), files.end(), is_csv);
  const auto array = std::find_if_not(files.begin(), files.end(), is_csv);
  if (csv != files.end() && array != files.end()) {
    throw UserError(
        fmt::format("{}: the channel mixes text and arrays: {} and {}. Expected one kind: remove "
                    "the other, or set the channel's content type.",
                    channel_name, in_quotes(csv->name), in_quotes(array->name)));
  }
  return files;
}

std::vector<ArrayBundle> open_bundles(const fs::path& channel,
                                      const std::vector<ChannelFile>& files) {
  std::vector<ArrayBundle> bundles;
  std::map<fs::path, std::size_t> of_folder;  // the place in `bundles` of its .npy files
  for (const ChannelFile& file : files) {
    if (file.format == FileFormat::kNpz) {
      bundles.push_back(open_npz(file.path, file.name));
      continue;
    }
    // Files of one folder need not stand together: those of its sub-folders sort among them.
    const fs::path folder = file.relative.parent_path();
    const auto [known, is_new] = of_folder.emplace(folder, bundles.size());
    if (is_new) {
      const std::string name = folder.empty() ? channel.string() : folder.string();
      bundles.push_back({.name = shortened_path(name), .arrays = {}});
    }
    add_npy(bundles[known->second], file.path.stem().string(), file.path, file.name);
  }
  return bundles;
}

// The names of the arrays that make rows: features, targets, and weights, which may be absent.
struct RowArrays {
  std::string x;
  std::string y;
  std::string w;
};

const RowArrays kPlain = {"x", "y", "w"};
const RowArrays kTrain = {"x_train", "y_train", "w_train"};
const RowArrays kTest = {"x_test", "y_test", "w_test"};

bool has_any(const ArrayBundle& bundle, const RowArrays& names) {
  return bundle.arrays.contains(names.x) || bundle.arrays.contains(names.y);
}

// The first names of which the bundle has a part, for these are the ones that are meant.
RowArrays choose_arrays(const ArrayBundle& bundle, ChannelRole role) {
  std::vector<RowArrays> choices;
  switch (role) {
    case ChannelRole::kTraining:
      choices = {kTrain, kPlain};
      break;
    case ChannelRole::kValidation:
      choices = {kPlain, kTest, kTrain};
      break;
    case ChannelRole::kTest:
      choices = {kTest, kPlain};
      break;
  }
  std::vector<std::string> names;
  for (const RowArrays& choice : choices) {
    if (has_any(bundle, choice)) return choice;
    names.push_back(fmt::format("{} and {}", choice.x, choice.y));
  }
  throw UserError(
      fmt::format("{}: expected arrays named {}. The arrays found are: {}. Rename them.",
                  bundle.name, fmt::join(names, ", or "), bundle.contents()));
}

const std::shared_ptr<const ArrayFile>& find_array(const ArrayBundle& bundle,
                                                   const RowArrays& names,
                                                   const std::string& array) {
  const auto found = bundle.arrays.find(array);
  if (found != bundle.arrays.end()) return found->second;
  throw UserError(fmt::format(
      "{}: expected both {} and {}, but {} is missing. The arrays found are: {}. Add the array.",
      bundle.name, names.x, names.y, array, bundle.contents()));
}

Table read_rows(const ArrayBundle& bundle, const RowArrays& names,
                const std::function<void()>& poll) {
  const std::shared_ptr<const ArrayFile>& x = find_array(bundle, names, names.x);
  const std::shared_ptr<const ArrayFile>& y = find_array(bundle, names, names.y);
  const ArrayHeader x_header = x->header();
  const ArrayHeader y_header = y->header();
  feature_type(x_header, x->name());
  check_targets(y_header, y->name());
  if (x_header.shape.size() < 2) {
    throw UserError(
        fmt::format("{}: the features have the shape {}. Expected rows x features, at least two "
                    "dimensions: for a single feature, save x.reshape(-1, 1).",
                    x->name(), shape_text(x_header.shape)));
  }
  if (x_header.rows() != y_header.rows()) {
    throw UserError(
        fmt::format("{}: {} has {} rows, but {} has {}. Expected one label per row of features: "
                    "correct one of the arrays.",
                    bundle.name, names.x, x_header.rows(), names.y, y_header.rows()));
  }
  if (x_header.values() == 0) {
    throw UserError(fmt::format(
        "{}: the features have the shape {}, so there are no {}. Expected at least one row with "
        "one feature: check how the array was made.",
        x->name(), shape_text(x_header.shape), x_header.rows() == 0 ? "rows" : "features"));
  }
  Table table;
  table.source = bundle.name;
  table.row_shape = x_header.row_shape();
  table.features = read_features(x, x_header, poll);
  table.targets = read_targets(*y, y_header, poll);
  const auto w = bundle.arrays.find(names.w);
  if (w == bundle.arrays.end()) return table;
  const ArrayHeader w_header = w->second->header();
  check_weights(w_header, w->second->name());
  if (w_header.rows() != x_header.rows()) {
    throw UserError(
        fmt::format("{}: {} has {} rows, but {} has {}. Expected one weight per row of features: "
                    "correct one of the arrays.",
                    bundle.name, names.x, x_header.rows(), names.w, w_header.rows()));
  }
  table.weights = read_weights(*w->second, w_header, poll);
  return table;
}

// The rows of two sets of arrays, on two threads where there are as many. What the first one's
// reading throws comes first.
std::pair<Table, Table> read_both(const ArrayBundle& bundle, const RowArrays& first,
                                  const RowArrays& second, const ReadOptions& options) {
  std::atomic<bool> is_stopped = false;
  std::future<Table> other;
  const auto read_other = [&] {
    return read_rows(bundle, second, [&] {
      if (is_stopped) throw std::runtime_error("reading is stopped");  // nobody sees it
    });
  };
  if (options.threads > 1) {
    try {
      other = std::async(std::launch::async, read_other);
    } catch (const std::system_error&) {  // a limit on threads
    }
  }
  try {
    std::pair<Table, Table> both;
    both.first = read_rows(bundle, first, options.poll);
    constexpr std::chrono::milliseconds kPollEvery(50);
    while (other.valid() && other.wait_for(kPollEvery) != std::future_status::ready) options.poll();
    both.second = other.valid() ? other.get() : read_rows(bundle, second, options.poll);
    return both;
  } catch (...) {
    is_stopped = true;  // leaving waits for the other thread
    throw;
  }
}

// Says where a bundle seems to have weights under a name that is not read.
void note_other_weights(const ArrayBundle& bundle, const RowArrays& names,
                        std::vector<std::string>& notes) {
  if (bundle.arrays.contains(names.w)) return;
  for (const char* other : {"w", "w_train", "weight", "weights", "sample_weight"}) {
    if (!bundle.arrays.contains(other)) continue;
    notes.push_back(fmt::format(
        "{}: the array {} is not read. The weights of the rows in {} are read from {}, if it is "
        "there.",
        bundle.name, other, names.x, names.w));
  }
}

template <typename T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// Adds the rows of one bundle to those of the ones before it.
void append(Table& table, Table&& more) {
  if (table.row_shape.empty()) {
    table = std::move(more);
    return;
  }
  const auto type_name = [](const Table& t) {
    return t.features.type == FeatureType::kUint8 ? "uint8" : "float";
  };
  if (table.row_shape != more.row_shape || table.features.type != more.features.type) {
    throw UserError(
        fmt::format("{}: the rows are {} of shape {}, but those of {} are {} of shape {}. Expected "
                    "the same in all arrays of a channel: correct or remove one.",
                    more.source, type_name(more), shape_text(more.row_shape), table.source,
                    type_name(table), shape_text(table.row_shape)));
  }
  if (table.targets.size() != more.targets.size()) {
    throw UserError(
        fmt::format("{}: the rows have {} targets each, but those of {} have {}. Expected the same "
                    "in all arrays of a channel: correct or remove one.",
                    more.source, more.targets.size(), table.source, table.targets.size()));
  }
  if (table.targets[0].is_text != more.targets[0].is_text) {
    throw UserError(
        fmt::format("{}: the labels are {}, but those of {} are {}. Expected the same in all "
                    "arrays of a channel: correct or remove one.",
                    more.source, more.targets[0].is_text ? "text" : "numbers", table.source,
                    table.targets[0].is_text ? "text" : "numbers"));
  }
  if (table.weights.empty() != more.weights.empty()) {
    const bool has_more = !more.weights.empty();
    throw UserError(fmt::format(
        "{}: the rows have {} weights, but those of {} have {}. Expected the same in all "
        "arrays of a channel: add the array of weights, or leave it out everywhere.",
        more.source, has_more ? "their own" : "no", table.source, has_more ? "none" : "some"));
  }
  append(table.features.floats, std::move(more.features.floats));
  append(table.features.bytes, std::move(more.features.bytes));
  for (std::size_t i = 0; i < table.targets.size(); ++i) {
    Column& to = table.targets[i];
    append(to.numbers, std::move(more.targets[i].numbers));
    for (const std::uint32_t code : more.targets[i].codes)
      to.codes.push_back(to.texts.add(more.targets[i].texts[code]));
  }
  append(table.weights, std::move(more.weights));
}

ChannelRows read_arrays(const fs::path& channel, const std::vector<ChannelFile>& files,
                        ChannelRole role, const ReadOptions& options) {
  if (!options.choice.weight.empty()) {
    throw UserError(fmt::format(
        "{}: the hyperparameter weight_column is {}, but the channel holds arrays, which have no "
        "named columns. Save the weights as an array w beside x and y (w_train beside x_train, "
        "w_test "
        "beside x_test), and remove weight_column.",
        shortened_path(channel.string()), in_quotes(options.choice.weight)));
  }
  ChannelRows result;
  const std::vector<ArrayBundle> bundles = open_bundles(channel, files);
  std::size_t tests = 0;
  std::string first_test;
  for (const ArrayBundle& bundle : bundles) {
    const RowArrays names = choose_arrays(bundle, role);
    const bool with_test =
        role == ChannelRole::kTraining && names.x == kTrain.x && has_any(bundle, kTest);
    if (with_test) {
      auto [rows, test] = read_both(bundle, names, kTest, options);
      append(result.rows, std::move(rows));
      note_other_weights(bundle, names, result.notes);
      if (!result.test) result.test.emplace();
      append(*result.test, std::move(test));
      if (tests++ == 0) first_test = bundle.name;
    } else {
      append(result.rows, read_rows(bundle, names, options.poll));
      note_other_weights(bundle, names, result.notes);
    }
  }
  result.rows.source = source_name(bundles[0].name, bundles.size());
  if (result.test) result.test->source = source_name(first_test, tests);
  return result;
}

}  // namespace

ChannelRows read_channel(const std::filesystem::path& path, ChannelRole role,
                         const ReadOptions& options) {
  const ContentKind kind = parse_content_type(options.content_type);
  std::vector<std::string> notes;
  const std::vector<ChannelFile> files = find_files(path, kind, notes);
  ChannelRows result;
  if (files[0].format == FileFormat::kCsv) {
    std::vector<CsvOpener> openers;
    for (const ChannelFile& file : files)
      openers.push_back([file] { return decompressed(file_source(file.path, file.name)); });
    ReadOptions with_size = options;
    for (const ChannelFile& file : files) {
      std::error_code unknown;
      const std::uintmax_t size = fs::file_size(file.path, unknown);
      if (!unknown) with_size.size_bytes += size;
    }
    result = read_csv(std::move(openers), with_size);
  } else {
    result = read_arrays(path, files, role, options);
  }
  append(result.notes, std::move(notes));
  return result;
}

}  // namespace mlp
