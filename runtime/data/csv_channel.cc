#include "runtime/data/csv_channel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "model/error.h"
#include "model/team.h"
#include "runtime/data/csv_block.h"
#include "runtime/data/csv_place.h"
#include "runtime/data/huge_pages.h"
#include "runtime/data/number.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

using Kind = CsvProblem::Kind;
using Surprise = CsvPiece::Surprise;

constexpr std::size_t kAllRows = std::numeric_limits<std::size_t>::max();

// What a column of a file is for, and which one of its kind.
struct Role {
  enum class What : std::uint8_t { kDropped, kFeature, kTarget, kWeight };

  What what = What::kDropped;
  std::size_t index = 0;
};

// The rows of a channel, read by as many passes over its files as it takes.
class ChannelReader {
 public:
  ChannelReader(std::vector<CsvOpener> files, const ReadOptions& options)
      : files_(std::move(files)), options_(options), team_(options.threads) {}

  // False where a column is other than it seemed, so that another pass is needed.
  bool pass() {
    floats_ = {};
    columns_ = {};
    doubt_.reset();
    surprised_ = false;
    read_rows_ = 0;
    read_bytes_ = 0;
    const bool was_exact = is_exact_;
    for (const CsvOpener& open : files_) {
      read_file(open);
      if (is_exact_ != was_exact) return false;
    }
    if (!surprised_ && doubt_) throw UserError(*doubt_);
    return !surprised_;
  }

  ChannelRows finish();

 private:
  std::size_t first_target() const { return plain_ ? 0 : layout_.features.size(); }
  std::size_t column_count() const {
    return first_target() + layout_.targets.size() + (layout_.weight.empty() ? 0 : 1);
  }

  void begin(const CsvText& text, const std::vector<std::string>& first_line, bool named);
  void begin_known();
  void look_at_first_rows(const CsvText& text, const std::vector<Role>& roles);
  void read_file(const CsvOpener& open);
  std::vector<Role> roles_of(const std::vector<std::string>& columns) const;
  void compare_columns(const std::string& file, const std::vector<std::string>& columns,
                       bool named) const;
  CsvRows make_rows(const std::vector<Role>& roles, char delimiter) const;
  void merge(std::span<const CsvPiece> pieces, std::span<const CsvPlace> places,
             const std::vector<Role>& roles);
  void merge_column(const CsvPiece& piece, const CsvPlace& place, std::size_t file_column,
                    const Role& role);
  void merge_weights(const CsvPiece& piece, std::size_t index, const CsvPlace& place,
                     std::size_t file_column);
  void reserve(std::size_t rows);
  void make_room_for_floats(std::span<const std::string_view> blocks);
  void merge_floats(const CsvPiece& piece, std::size_t first_row);
  void note_surprises(const CsvPiece& piece, const std::vector<Role>& roles);
  void drop_rows_without_target(std::vector<std::string>& notes);

  std::vector<CsvOpener> files_;
  const ReadOptions& options_;
  Team team_;
  std::string first_file_;  // empty before the first pass
  TableLayout layout_;      // where columns are known, its features are those in use
  bool plain_ = false;
  // Of the features and targets, without their index.
  std::vector<CsvSlot> feature_slots_;
  std::vector<CsvSlot> target_slots_;
  std::vector<const InputColumn*> inputs_;  // of the features, where they are known
  // Whether the next pass looks at each quote where blocks are cut: once a block has ended within
  // one.
  bool is_exact_ = false;
  bool surprised_ = false;
  std::optional<std::string> doubt_;  // of a number, unless a surprise makes it a text
  std::size_t read_rows_ = 0;         // that are merged
  std::size_t read_bytes_ = 0;        // of text, of this pass
  std::vector<float> floats_;         // where plain_; behind the merged rows there may be others
  std::vector<Column> columns_;  // the features, unless plain_, then the targets and the weight
};

// Takes the columns for what the first file's header says.
void ChannelReader::begin(const CsvText& text, const std::vector<std::string>& first_line,
                          bool named) {
  layout_ = choose_columns(
      text.name(), named,
      named ? header_names(text.name(), first_line) : numbered_columns(first_line.size()),
      options_.choice);
  plain_ = options_.allow_plain && options_.column_types.empty();
  feature_slots_.assign(layout_.features.size(), {CsvSlot::Kind::kNumber});
  for (std::size_t i = 0; i < layout_.features.size(); ++i) {
    const auto asked = options_.column_types.find(layout_.features[i]);
    if (asked == options_.column_types.end()) continue;
    feature_slots_[i].strict = asked->second == ColumnType::kNumber;
    if (is_text_type(asked->second)) feature_slots_[i].kind = CsvSlot::Kind::kText;
  }
}

// Takes them for what they are in the training rows.
void ChannelReader::begin_known() {
  layout_ = options_.known->layout;
  layout_.features.clear();
  plain_ = options_.known->preprocessor.is_plain();
  for (const InputColumn& input : options_.known->preprocessor.columns()) {
    if (!is_used(input.type)) continue;
    layout_.features.push_back(input.name);
    CsvSlot slot;
    slot.kind = is_text_type(input.type) ? CsvSlot::Kind::kText : CsvSlot::Kind::kNumber;
    slot.strict = true;
    slot.fill = static_cast<float>(input.fill);
    feature_slots_.push_back(slot);
    inputs_.push_back(&input);
  }
}

// Finds by the beginning of the first file what is text, which may spare a pass.
void ChannelReader::look_at_first_rows(const CsvText& text, const std::vector<Role>& roles) {
  constexpr std::size_t kRows = 100;
  CsvTexts texts;
  CsvPiece piece;
  // Of what is there, the last record may be cut short.
  const std::string_view rows = text.waiting().substr(0, text.waiting().find_last_of("\r\n") + 1);
  read_csv_block(rows, make_rows(roles, text.delimiter()), kRows, texts, piece);
  note_surprises(piece, roles);
  surprised_ = false;
}

std::vector<Role> ChannelReader::roles_of(const std::vector<std::string>& columns) const {
  std::unordered_map<std::string_view, Role> roles;
  for (std::size_t i = 0; i < layout_.features.size(); ++i)
    roles[layout_.features[i]] = {Role::What::kFeature, i};
  for (std::size_t i = 0; i < layout_.targets.size(); ++i)
    roles[layout_.targets[i]] = {Role::What::kTarget, i};
  if (!layout_.weight.empty()) roles[layout_.weight] = {Role::What::kWeight, 0};
  std::vector<Role> result;
  for (const std::string& column : columns) {
    const auto found = roles.find(column);
    result.push_back(found == roles.end() ? Role() : found->second);
  }
  return result;
}

// The columns of a file have to be those of the first one, or of the training rows.
void ChannelReader::compare_columns(const std::string& file,
                                    const std::vector<std::string>& columns, bool named) const {
  const std::string others = first_file_.empty() ? "the training rows" : first_file_;
  if (named && !layout_.named) {
    throw UserError(fmt::format(
        "{}: line 1 is a header, but {} {} none. Expected the same in all files: correct one, or "
        "set the hyperparameter header.",
        file, others, first_file_.empty() ? "have" : "has"));
  }
  if (!named && layout_.named && !first_file_.empty()) {
    throw UserError(
        fmt::format("{}: line 1 is no header, but {} has one. Expected the same in all files: "
                    "correct one, or set the hyperparameter header.",
                    file, first_file_));
  }
  if (!named) {
    if (columns.size() == layout_.columns.size()) return;
    throw UserError(fmt::format(
        "{}, line 1: found {} columns, but {} {} {}. Expected the same columns in all files: "
        "correct or remove one.",
        file, columns.size(), others, first_file_.empty() ? "have" : "has",
        layout_.columns.size()));
  }
  const std::unordered_set<std::string_view> known(layout_.columns.begin(), layout_.columns.end());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (known.contains(columns[i])) continue;
    throw UserError(fmt::format(
        "{}, line 1, column {}: found the name {}, but {} {} no such column.{} Expected the same "
        "columns in all files: rename or remove it.",
        file, i + 1, in_quotes(columns[i]), others, first_file_.empty() ? "have" : "has",
        did_you_mean(columns[i], layout_.columns)));
  }
  const std::unordered_set<std::string_view> found(columns.begin(), columns.end());
  std::vector<std::string> needed = layout_.features;
  needed.insert(needed.end(), layout_.targets.begin(), layout_.targets.end());
  if (!layout_.weight.empty()) needed.push_back(layout_.weight);
  for (const std::string& name : needed) {
    if (found.contains(name)) continue;
    throw UserError(fmt::format(
        "{}, line 1: the column {} is missing, which {} {}. The columns found are {}. "
        "Add the column, under this name.",
        file, in_quotes(name), others, first_file_.empty() ? "have" : "has", listed(columns)));
  }
}

CsvRows ChannelReader::make_rows(const std::vector<Role>& roles, char delimiter) const {
  CsvRows rows;
  rows.delimiter = delimiter;
  rows.missing = options_.missing_values;
  rows.floats = plain_ ? layout_.features.size() : 0;
  rows.columns = column_count();
  for (const Role& role : roles) {
    CsvSlot slot;
    switch (role.what) {
      case Role::What::kDropped:
        break;
      case Role::What::kFeature:
        slot = feature_slots_[role.index];
        if (plain_) slot.kind = CsvSlot::Kind::kFloat;
        slot.index = role.index;
        break;
      case Role::What::kTarget:
        slot = target_slots_[role.index];
        slot.index = first_target() + role.index;
        break;
      case Role::What::kWeight:
        slot.kind = CsvSlot::Kind::kText;  // so that whatever is no weight is told of as such
        slot.index = column_count() - 1;
        break;
    }
    rows.slots.push_back(slot);
  }
  return rows;
}

void ChannelReader::read_file(const CsvOpener& open) {
  CsvText text(open(), options_.delimiter, is_exact_);
  std::size_t line = 1;
  const std::vector<std::string> first_line = first_record(text, line);
  const bool named =
      has_header(first_line, options_.header, options_.choice, options_.missing_values);
  const bool is_first = feature_slots_.empty();
  if (is_first && options_.known) {
    begin_known();
  } else if (is_first) {
    begin(text, first_line, named);
  }
  const bool has_names = named && layout_.named;
  const std::vector<std::string> names =
      has_names ? header_names(text.name(), first_line) : std::vector<std::string>();
  if (!is_first || options_.known) {
    compare_columns(text.name(), named ? header_names(text.name(), first_line) : first_line, named);
  }
  const std::vector<Role> roles = roles_of(has_names ? names : layout_.columns);
  if (named) skip_first_record(text, line);
  if (is_first) {
    first_file_ = text.name();
    const bool is_text = options_.known && options_.known->target_is_text;
    target_slots_.assign(
        layout_.targets.size(),
        {is_text ? CsvSlot::Kind::kText : CsvSlot::Kind::kNumber, 0, layout_.targets.size() > 1});
    look_at_first_rows(text, roles);
  }

  const CsvRows rows = make_rows(roles, text.delimiter());
  columns_.resize(rows.columns);
  bool has_rows = false;
  // Some blocks for each worker, since they take unequal time.
  constexpr std::size_t kBlocksPerWorker = 8;
  std::vector<CsvTexts> texts(team_.workers());
  std::vector<CsvPiece> pieces(kBlocksPerWorker * team_.workers());
  std::vector<std::string_view> blocks = text.next(pieces.size(), line);
  while (!blocks.empty()) {
    options_.poll();
    // The text of the next blocks is read while these are parsed, and room made for the floats of
    // these.
    const std::size_t parts = text.begin_next(pieces.size());
    team_.for_each(blocks.size() + parts + 1, [&](std::size_t worker, std::size_t i) {
      if (i == 0) {
        make_room_for_floats(blocks);
      } else if (i <= parts) {
        text.read_part(i - 1);
      } else {
        const std::size_t block = i - parts - 1;
        read_csv_block(blocks[block], rows, kAllRows, texts[worker], pieces[block]);
      }
    });
    std::vector<std::string_view> next;
    std::exception_ptr end;
    try {
      next = text.end_next(line);
    } catch (...) {
      end = std::current_exception();
    }
    std::vector<CsvPlace> places;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      places.push_back({text.name(), names, blocks[i], line, rows});
      line += pieces[i].lines;
      has_rows = has_rows || pieces[i].rows > 0;
      read_bytes_ += blocks[i].size();
    }
    const std::span read = std::span(pieces).first(blocks.size());
    const auto is_open = [](const CsvPiece& piece) {
      return piece.problem.kind == Kind::kOpenQuote;
    };
    if (!is_exact_ && std::any_of(read.begin(), read.end(), is_open)) {
      is_exact_ = true;
      return;
    }
    merge(read, places, roles);
    for (CsvTexts& known : texts) known.trim();
    if (end) std::rethrow_exception(end);
    blocks = std::move(next);
  }
  if (!has_rows) throw_no_rows(text.name());
}

void ChannelReader::note_surprises(const CsvPiece& piece, const std::vector<Role>& roles) {
  bool gaps = false;
  for (std::size_t column = 0; column < roles.size(); ++column) {
    if (piece.surprises[column] == Surprise::kNone) continue;
    gaps = gaps || roles[column].what == Role::What::kFeature;
    if (piece.surprises[column] != Surprise::kText) continue;
    (roles[column].what == Role::What::kFeature ? feature_slots_
                                                : target_slots_)[roles[column].index]
        .kind = CsvSlot::Kind::kText;
    surprised_ = true;
  }
  surprised_ = surprised_ || gaps;
  plain_ = plain_ && !gaps;
}

// Adds the pieces' rows to those that are there, in their order.
void ChannelReader::merge(std::span<const CsvPiece> pieces, std::span<const CsvPlace> places,
                          const std::vector<Role>& roles) {
  std::size_t good = 0;  // pieces in front of the first one with a problem
  std::optional<std::string> problem;
  for (; good < pieces.size() && !problem; ++good) {
    const CsvPiece& piece = pieces[good];
    if (piece.problem.kind != Kind::kNone) {
      // A field is judged anew once it is known what its column is.
      const bool of_row = piece.problem.kind == Kind::kRagged ||
                          piece.problem.kind == Kind::kOpenQuote ||
                          piece.problem.kind == Kind::kBlankLine;
      if (of_row || !surprised_) {
        const Role& role = roles[piece.problem.column];
        problem =
            problem_text(places[good], piece.problem, !of_row && role.what == Role::What::kTarget);
        break;
      }
    }
    note_surprises(piece, roles);
    if (!doubt_ && !piece.doubts.empty()) {
      const CsvProblem& first = piece.doubts.front();
      doubt_ = problem_text(places[good], first, roles[first.column].what == Role::What::kTarget);
    }
  }
  if (!surprised_) {
    pieces = pieces.first(good);
    std::size_t rows = 0;
    for (const CsvPiece& piece : pieces) rows += piece.rows;
    if (read_rows_ == 0) reserve(rows);
    // One task for each column, and one for the floats of each piece.
    std::vector<std::size_t> first_rows;
    std::vector<std::size_t> columns;
    for (std::size_t column = 0; column < roles.size(); ++column) {
      const CsvSlot::Kind kind = places[0].rows.slots[column].kind;
      if (kind == CsvSlot::Kind::kNumber || kind == CsvSlot::Kind::kText) columns.push_back(column);
    }
    for (const CsvPiece& piece : pieces) {
      if (plain_) first_rows.push_back(read_rows_);
      read_rows_ += piece.rows;
    }
    const std::size_t width = layout_.features.size();
    if (plain_ && floats_.size() < read_rows_ * width) floats_.resize(read_rows_ * width);
    std::vector<std::exception_ptr> errors(columns.size());
    team_.for_each(columns.size() + first_rows.size(), [&](std::size_t, std::size_t task) {
      if (task >= columns.size()) {
        const std::size_t i = task - columns.size();
        merge_floats(pieces[i], first_rows[i]);
        return;
      }
      try {
        for (std::size_t i = 0; i < pieces.size(); ++i)
          merge_column(pieces[i], places[i], columns[task], roles[columns[task]]);
      } catch (...) {
        errors[task] = std::current_exception();
      }
    });
    for (const std::exception_ptr& error : errors)
      if (error) std::rethrow_exception(error);
  }
  if (problem) throw UserError(*problem);
}

void ChannelReader::merge_floats(const CsvPiece& piece, std::size_t first_row) {
  const std::size_t width = layout_.features.size();
  std::copy_n(piece.floats.data(), piece.rows * width,
              floats_.begin() + static_cast<std::ptrdiff_t>(first_row * width));
}

// For the rows that the blocks have by all likelihood, so that the memory is taken from the system
// while others work. Moves nothing.
void ChannelReader::make_room_for_floats(std::span<const std::string_view> blocks) {
  if (!plain_ || read_rows_ == 0 || read_bytes_ == 0) return;
  std::size_t bytes = 0;
  for (const std::string_view block : blocks) bytes += block.size();
  constexpr double kSlack = 1.02;
  const auto rows =
      static_cast<std::size_t>(kSlack * static_cast<double>(read_rows_) *
                               static_cast<double>(bytes) / static_cast<double>(read_bytes_));
  const std::size_t wanted = (read_rows_ + rows) * layout_.features.size();
  if (wanted > floats_.size()) floats_.resize(std::min(wanted, floats_.capacity()));
}

// Makes room for all rows, by those of the first blocks, so that columns need not move as they
// grow.
void ChannelReader::reserve(std::size_t rows) {
  if (options_.size_bytes <= read_bytes_ || read_bytes_ == 0) return;
  constexpr double kSlack = 1.03;
  const auto expected = static_cast<std::size_t>(kSlack * static_cast<double>(rows) *
                                                 static_cast<double>(options_.size_bytes) /
                                                 static_cast<double>(read_bytes_));
  if (plain_) {
    floats_.reserve(expected * layout_.features.size());
    take_huge_pages(floats_);
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool is_target = i >= first_target() && i < first_target() + target_slots_.size();
    const bool is_weight = i >= first_target() + target_slots_.size();
    const CsvSlot& slot = is_target   ? target_slots_[i - first_target()]
                          : is_weight ? CsvSlot{CsvSlot::Kind::kNumber}
                                      : feature_slots_[i];
    // Of the last tenth a huge page may be more than what there is to hold.
    const std::size_t certain = expected / 10 * 9;
    if (slot.kind == CsvSlot::Kind::kText) {
      columns_[i].codes.reserve(expected);
      take_huge_pages(columns_[i].codes.data(), certain * sizeof(std::uint32_t));
    } else {
      columns_[i].numbers.reserve(expected);
      take_huge_pages(columns_[i].numbers.data(), certain * sizeof(double));
    }
  }
}

void ChannelReader::merge_column(const CsvPiece& piece, const CsvPlace& place,
                                 std::size_t file_column, const Role& role) {
  const CsvSlot& slot = place.rows.slots[file_column];
  if (slot.kind != CsvSlot::Kind::kNumber && slot.kind != CsvSlot::Kind::kText) return;
  if (role.what == Role::What::kWeight) {
    merge_weights(piece, slot.index, place, file_column);
    return;
  }
  const bool is_known = role.what == Role::What::kFeature && !inputs_.empty();
  mlp::merge_column(piece, slot.index, columns_[slot.index], place, file_column,
                    is_known ? inputs_[role.index] : nullptr);
}

void ChannelReader::merge_weights(const CsvPiece& piece, std::size_t index, const CsvPlace& place,
                                  std::size_t file_column) {
  for (std::size_t row = 0; row < piece.rows; ++row) {
    const std::string_view text = piece.texts->pools[index][piece.columns[index].codes[row]];
    float weight = 0;
    if (parse_number(trimmed(text), weight) != NumberStatus::kNumber || weight < 0 ||
        options_.missing_values.contains(text)) {
      throw UserError(fmt::format(
          "{}: the row's weight is {}. Expected a number from 0 to 3.4e38 in each row: correct it "
          "or drop the row.",
          place.field(place.record(row), file_column), text.empty() ? "missing" : in_quotes(text)));
    }
    columns_.back().numbers.push_back(static_cast<double>(weight));
  }
}

// Those of `values` whose row is kept, `width` to a row.
template <typename T>
void keep_rows(std::vector<T>& values, const std::vector<bool>& kept, std::size_t width = 1) {
  if (values.empty()) return;
  std::size_t to = 0;
  for (std::size_t row = 0; row < kept.size(); ++row) {
    if (!kept[row]) continue;
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(row * width), width,
                values.begin() + static_cast<std::ptrdiff_t>(to));
    to += width;
  }
  values.resize(to);
}

void ChannelReader::drop_rows_without_target(std::vector<std::string>& notes) {
  const std::size_t count = columns_[first_target()].rows();
  std::vector<bool> kept(count, true);
  std::vector<std::string> missing;  // row numbers
  for (std::size_t i = 0; i < layout_.targets.size(); ++i) {
    const Column& target = columns_[first_target() + i];
    for (std::size_t row = 0; row < count; ++row) {
      const bool is_missing =
          target.is_text ? target.codes[row] == Column::kMissing : std::isnan(target.numbers[row]);
      if (!is_missing || !kept[row]) continue;
      kept[row] = false;
      missing.push_back(fmt::to_string(row + 1));
    }
  }
  if (missing.empty()) return;
  constexpr std::size_t kMostShown = 10;
  const std::size_t total = missing.size();
  const auto numeric = [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  };
  std::sort(missing.begin(), missing.end(), numeric);
  if (total > kMostShown) missing.resize(kMostShown);
  const std::string which =
      fmt::format("{} {}{}", total == 1 ? "row" : "rows", fmt::join(missing, ", "),
                  total > kMostShown ? fmt::format(" and {} more", total - kMostShown) : "");
  const std::string source = source_name(first_file_, files_.size());
  if (!options_.drop_missing_target) {
    throw UserError(fmt::format(
        "{}: the target is missing in {} of {} rows: {}. Expected a label or number in each row: "
        "fill them in, or set drop_missing_target=true to leave such rows out.",
        source, total, count, which));
  }
  if (total == count) {
    throw UserError(fmt::format(
        "{}: the target is missing in all {} rows. Check which column is the target, and what "
        "missing_values holds.",
        source, count));
  }
  notes.push_back(fmt::format("{}: left out {} of {} rows, whose target is missing: {}.", source,
                              total, count, which));
  keep_rows(floats_, kept, layout_.features.size());
  for (Column& column : columns_) {
    keep_rows(column.numbers, kept);
    keep_rows(column.codes, kept);
  }
}

ChannelRows ChannelReader::finish() {
  ChannelRows result;
  if (plain_) floats_.resize(read_rows_ * layout_.features.size());
  drop_rows_without_target(result.notes);
  Table& table = result.rows;
  table.source = source_name(first_file_, files_.size());
  for (std::size_t i = 0; i < layout_.targets.size(); ++i)
    table.targets.push_back(std::exchange(columns_[first_target() + i], {}));
  if (!layout_.weight.empty()) {
    for (const double weight : columns_.back().numbers)
      table.weights.push_back(static_cast<float>(weight));
  }
  const std::size_t features = layout_.features.size();
  if (plain_) {
    table.row_shape = {features};
    table.features.width = features;
    table.features.floats = std::move(floats_);
  } else {
    columns_.resize(features);
    for (std::size_t i = 0; i < features; ++i) columns_[i].name = layout_.features[i];
    table.columns = std::move(columns_);
  }
  if (layout_.named) {
    table.feature_names = layout_.features;
    table.target_names = layout_.targets;
    table.weight_name = layout_.weight;
  }
  result.layout = std::move(layout_);
  result.is_csv = true;
  return result;
}

}  // namespace

ChannelRows read_csv(std::vector<CsvOpener> files, const ReadOptions& options) {
  ChannelReader reader(std::move(files), options);
  while (!reader.pass()) {
  }
  return reader.finish();
}

}  // namespace mlp
