#include "runtime/data/csv_block.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "runtime/data/csv_separators.h"
#include "runtime/data/csv_text.h"
#include "runtime/data/number.h"
#include "runtime/data/short_number.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

using Kind = CsvProblem::Kind;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The number of eight digits by their values, the first one in the lowest byte: of pairs, of fours,
// and of all.
std::uint32_t value_of_digits(std::uint64_t digits) {
  digits = (digits * 2561) >> 8;
  digits = ((digits & 0x00FF00FF00FF00FFU) * 6553601) >> 16;
  return static_cast<std::uint32_t>(((digits & 0x0000FFFF0000FFFFU) * 42949672960001U) >> 32);
}

// Reads fields that end at base + places[0], base + places[1], ... into row[indices[0]],
// row[indices[1]], ... as long as they are short numbers with the delimiter behind them; the first
// one begins at `first`. Returns how many. The loop stands alone so that what it needs stays in
// registers.
[[gnu::noinline]] std::size_t read_floats(const char* first, const char* base,
                                          const std::uint32_t* places, std::size_t count,
                                          char delimiter, const std::uint32_t* indices,
                                          float* row) {
  for (std::size_t i = 0; i < count; ++i) {
    const char* const end = base + places[i];
    if (*end != delimiter || !read_short_number(first, end, row[indices[i]])) return i;
    first = end + 1;
  }
  return count;
}

class BlockReader {
 public:
  BlockReader(std::string_view block, const CsvRows& rows, CsvTexts& texts, CsvPiece& piece)
      : rows_(rows),
        piece_(piece),
        first_(block.data()),
        p_(block.data()),
        last_(block.data() + block.size()),
        delimiter_(rows.delimiter),
        numbers_may_be_missing_(rows.missing.has_numbers()) {
    texts.pools.resize(rows.columns);
    texts.merged.resize(rows.columns);
    piece_.columns.resize(rows.columns);
    piece_.texts = &texts;
    piece_.rows = 0;
    piece_.lines = 0;
    piece_.surprises.assign(rows.slots.size(), CsvPiece::Surprise::kNone);
    piece_.problem = {};
    piece_.doubts.clear();
    piece_.blank_line = nullptr;
  }

  void read(std::size_t limit) {
    make_room(limit);
    // A single column's rows may be blank, and where numbers may mean that a value is missing each
    // field has to be looked up.
    const bool may_be_plain = targets_.size() > 1 && !numbers_may_be_missing_;
    if (!may_be_plain || read_by_separators(limit)) {
      while (piece_.rows < limit && read_next_record()) {
      }
    }
    piece_.end = p_;
  }

 private:
  // Where a column's fields go: by their row, which spares a look at how full a vector is.
  struct Target {
    CsvSlot::Kind kind = CsvSlot::Kind::kSkipped;
    // How many columns of floats begin here, the last column of the file aside.
    std::size_t floats = 0;
    double* numbers = nullptr;
    std::uint32_t* codes = nullptr;
    TextPool* texts = nullptr;
  };

  // For as many rows as the block can have: a row takes a byte for each column, and the last one
  // may be cut short.
  void make_room(std::size_t limit) {
    const auto bytes = static_cast<std::size_t>(last_ - p_);
    const std::size_t most = std::min(limit, (bytes + 1) / rows_.slots.size() + 1);
    const auto grow = [](auto& values, std::size_t size) {
      if (values.size() < size) values.resize(size);
      return values.data();
    };
    floats_ = grow(piece_.floats, most * rows_.floats);
    for (const CsvSlot& slot : rows_.slots) {
      Target& target = targets_.emplace_back();
      target.kind = slot.kind;
      indices_.push_back(static_cast<std::uint32_t>(slot.index));
      if (slot.kind == CsvSlot::Kind::kNumber)
        target.numbers = grow(piece_.columns[slot.index].numbers, most);
      if (slot.kind != CsvSlot::Kind::kText) continue;
      piece_.columns[slot.index].is_text = true;
      target.codes = grow(piece_.columns[slot.index].codes, most);
      target.texts = &piece_.texts->pools[slot.index];
    }
    std::size_t floats = 0;
    for (std::size_t column = targets_.size() - 1; column-- > 0;) {
      floats = targets_[column].kind == CsvSlot::Kind::kFloat ? floats + 1 : 0;
      targets_[column].floats = floats;
    }
  }

  // Where the float of a column belongs, in the row that is read.
  float& float_of(std::size_t column) {
    return floats_[piece_.rows * rows_.floats + indices_[column]];
  }

  bool read_next_record() {
    if (!next_record() || !read_record()) return false;
    ++piece_.rows;
    return true;
  }

  // Reads rows between separators that are found beforehand, in windows of the text, so that no
  // field waits for where the last one ends; rows that are not as simple as that are read as
  // read_next_record() does. Stops before the limit, the end or a problem (then it returns false)
  // where a record is left without a line end, or too many rows are not simple.
  bool read_by_separators(std::size_t limit) {
    constexpr std::size_t kWindow = 1 << 14;
    constexpr std::size_t kRowsToTry = 32;
    std::size_t window = kWindow;
    std::size_t plain = 0;
    std::size_t others = 0;
    while (piece_.rows < limit) {
      const char* const base = p_;
      const std::size_t bytes = std::min(window, static_cast<std::size_t>(last_ - p_));
      const std::size_t count = find_separators({base, bytes}, delimiter_, piece_.separators);
      const std::uint32_t* places = piece_.separators.data();
      const std::uint32_t* const end = places + count;
      const auto columns = static_cast<std::ptrdiff_t>(targets_.size());
      while (piece_.rows < limit && end - places >= columns) {
        if (read_plain_row(base, places)) {
          ++piece_.rows;
          ++plain;
          places += columns;
          if (places != end && base + *places < p_) ++places;  // LF behind CR
          continue;
        }
        if (!read_next_record()) return false;
        ++others;
        if (others > kRowsToTry && others > plain) return true;
        while (places != end && base + *places < p_) ++places;
      }
      if (p_ != base) continue;
      if (bytes < window) return true;
      window *= 2;
    }
    return true;
  }

  // The row at p_, whose fields end at `places`, from `base` on; false, with p_ where it was, for
  // one of another length, and where a field is not simple.
  bool read_plain_row(const char* base, const std::uint32_t* places) {
    const std::size_t columns = targets_.size();
    const char* p = p_;
    for (std::size_t column = 0; column < columns; ++column) {
      const std::size_t floats = targets_[column].floats;
      if (floats > 0 && base + places[column] - first_ >= kShortNumberBytes) {
        const std::size_t done =
            read_floats(p, base, places + column, floats, delimiter_, indices_.data() + column,
                        floats_ + piece_.rows * rows_.floats);
        if (done > 0) p = base + places[column + done - 1] + 1;
        column += done;  // to a field that is none of these: the last column's at the latest
      }
      const Target& target = targets_[column];
      const char* const end = base + places[column];
      const bool is_last = column + 1 == columns;
      if (is_last ? !is_line_end(*end) : *end != delimiter_) return false;
      switch (target.kind) {
        case CsvSlot::Kind::kFloat: {
          float& value = float_of(column);
          if (!is_short_number(p, end, value) && !read_plain_number(p, end, value)) return false;
          break;
        }
        case CsvSlot::Kind::kNumber: {
          double& value = target.numbers[piece_.rows];
          if (is_short_number(p, end, value)) break;
          if (!trim(p, end).empty()) {
            if (!read_plain_number(p, end, value)) return false;
          } else {
            value = kNan;
          }
          break;
        }
        case CsvSlot::Kind::kText:
          add(target, trim(p, end));
          break;
        case CsvSlot::Kind::kSkipped:
          break;
      }
      p = end + 1;
    }
    p_ = skip_line_end(p - 1, last_);
    ++piece_.lines;
    return true;
  }

  template <typename T>
  bool is_short_number(const char* p, const char* end, T& value) const {
    return end - first_ >= kShortNumberBytes && read_short_number(p, end, value);
  }

  template <typename T>
  bool read_plain_number(const char* p, const char* end, T& value) const {
    return parse_number(trim(p, end), value) == NumberStatus::kNumber;
  }

  std::string_view trim(const char* p, const char* end) const {
    while (p != end && is_blank(*p, delimiter_)) ++p;
    while (p != end && is_blank(end[-1], delimiter_)) --end;
    return {p, static_cast<std::size_t>(end - p)};
  }

  bool at_end_of_field() const { return p_ == last_ || *p_ == delimiter_ || is_line_end(*p_); }

  void skip_blanks() {
    while (p_ != last_ && is_blank(*p_, delimiter_)) ++p_;
  }

  bool fail(Kind kind, std::size_t column = 0) {
    piece_.problem = {kind, record_, column};
    return false;
  }

  // Goes to the begin of a record; false where there is none.
  bool next_record() {
    const char* blank_line = nullptr;
    while (p_ != last_) {
      record_ = p_;
      skip_blanks();
      if (p_ != last_ && !is_line_end(*p_)) {
        p_ = record_;
        if (blank_line == nullptr || rows_.skip_blank_lines) return true;
        record_ = blank_line;
        return fail(Kind::kBlankLine);
      }
      if (blank_line == nullptr) blank_line = record_;
      p_ = skip_line_end(p_, last_);
      ++piece_.lines;
    }
    piece_.blank_line = blank_line;
    return false;
  }

  bool read_record() {
    const std::size_t columns = targets_.size();
    for (std::size_t column = 0; column < columns; ++column) {
      const Target& target = targets_[column];
      bool good = true;
      switch (target.kind) {
        case CsvSlot::Kind::kFloat:
          good = read_number(column, float_of(column));
          break;
        case CsvSlot::Kind::kNumber:
          good = read_number(column, target.numbers[piece_.rows]);
          break;
        case CsvSlot::Kind::kText:
        case CsvSlot::Kind::kSkipped:
          good = read_text(column, target);
          break;
      }
      // A row of another length explains more than the odd field in it.
      if (!good) {
        const bool is_open = piece_.problem.kind == Kind::kOpenQuote;
        return !is_open && is_ragged() ? fail(Kind::kRagged) : false;
      }
      const bool ends = p_ == last_ || is_line_end(*p_);
      if (ends != (column + 1 == columns)) return fail(Kind::kRagged);
      if (!ends) ++p_;
    }
    p_ = skip_line_end(p_, last_);
    ++piece_.lines;
    return true;
  }

  bool is_ragged() const {
    const char* p = record_;
    return take_record(p, last_, delimiter_).size() != rows_.slots.size();
  }

  // One to eight digits that a field ends behind, as eight bytes at once: their value is exact.
  template <typename T>
  bool read_short_integer(T& value) {
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    constexpr std::ptrdiff_t kWord = sizeof(std::uint64_t);
    if (last_ - p_ <= kWord) return false;
    std::uint64_t word = 0;
    std::memcpy(&word, p_, sizeof(word));
    word ^= kOnes * '0';  // digits become their values
    const std::uint64_t others = ((word + kOnes * 6) | word) & (kOnes * 0xF0);
    const int digits = others == 0 ? static_cast<int>(kWord) : std::countr_zero(others) / 8;
    const char next = p_[digits];
    if (digits == 0 || (next != delimiter_ && !is_line_end(next))) return false;
    value = static_cast<T>(value_of_digits(word << (64 - 8 * digits)));
    p_ += digits;
    return true;
  }

  // Digits, a point and digits in at most eight bytes, likewise: both numbers of the quotient are
  // exact, and so it is rounded once, as scan_number() does it.
  bool read_short_decimal(double& value) {
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    constexpr std::ptrdiff_t kWord = sizeof(std::uint64_t);
    constexpr double kPowers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
    if (last_ - p_ <= kWord) return false;
    std::uint64_t word = 0;
    std::memcpy(&word, p_, sizeof(word));
    word ^= kOnes * '0';
    std::uint64_t others = ((word + kOnes * 6) | word) & (kOnes * 0xF0);
    if (others == 0) return false;
    const int point = std::countr_zero(others) / 8;
    if (point == 0 || p_[point] != '.') return false;
    others &= ~(std::uint64_t{0xFF} << (8 * point));
    const int end = others == 0 ? static_cast<int>(kWord) : std::countr_zero(others) / 8;
    const int decimals = end - point - 1;
    if (decimals == 0 || (p_[end] != delimiter_ && !is_line_end(p_[end]))) return false;
    const std::uint64_t front = word & ~(~std::uint64_t{0} << (8 * point));
    const std::uint64_t back = word >> (8 * point) >> 8 << (8 * point);
    value = static_cast<double>(value_of_digits((front | back) << (64 - 8 * (end - 1)))) /
            kPowers[decimals];
    p_ += end;
    return true;
  }
  bool read_short_decimal(float&) { return false; }

  template <typename T>
  bool read_number(std::size_t column, T& value) {
    const char* const start = p_;
    skip_blanks();
    if (!numbers_may_be_missing_) {
      if (read_short_integer(value) || read_short_decimal(value)) return true;
      const ScannedNumber number = scan_number(p_, last_, value);
      if (number.status == NumberStatus::kNumber) {
        p_ = number.end;
        skip_blanks();
        if (at_end_of_field()) return true;
      }
    }
    return read_odd_number(rows_.slots[column], column, start, value);
  }

  // A field that does not begin and end as a plain number.
  template <typename T>
  bool read_odd_number(const CsvSlot& slot, std::size_t column, const char* start, T& value) {
    value = static_cast<T>(kNan);
    if (slot.kind == CsvSlot::Kind::kNumber && at_end_of_field()) return true;  // nothing
    const CsvField field = take_field(start, last_, delimiter_);
    p_ = field.end;
    if (!field.closed) return fail(Kind::kOpenQuote, column);
    const std::string_view text = trimmed(field.text);
    if (rows_.missing.contains(text)) {
      value = static_cast<T>(slot.kind == CsvSlot::Kind::kFloat ? static_cast<double>(slot.fill)
                                                                : kNan);
      if (slot.kind == CsvSlot::Kind::kNumber || !std::isnan(slot.fill)) return true;
      return surprise(slot, column, Kind::kMissing, CsvPiece::Surprise::kGap);
    }
    const NumberStatus status = parse_number(text, value);
    if (status == NumberStatus::kNumber) return true;
    value = static_cast<T>(kNan);
    if (piece_.surprises[column] == CsvPiece::Surprise::kText) return true;
    if (status == NumberStatus::kTooLarge) return doubt(slot, column, Kind::kTooLarge);
    if (is_infinity(text)) return doubt(slot, column, Kind::kInfinite);
    return surprise(slot, column, Kind::kNoNumber, CsvPiece::Surprise::kText);
  }

  bool doubt(const CsvSlot& slot, std::size_t column, Kind kind) {
    if (slot.strict) return fail(kind, column);
    const auto same = [column](const CsvProblem& known) { return known.column == column; };
    if (std::none_of(piece_.doubts.begin(), piece_.doubts.end(), same))
      piece_.doubts.push_back({kind, record_, column});
    return true;
  }

  bool surprise(const CsvSlot& slot, std::size_t column, Kind kind, CsvPiece::Surprise surprise) {
    if (slot.strict) return fail(kind, column);
    piece_.surprises[column] = std::max(piece_.surprises[column], surprise);
    return true;
  }

  // Into `to`, unless the column is skipped.
  bool read_text(std::size_t column, const Target& to) {
    const char* const start = p_;
    skip_blanks();
    if (p_ == last_ || *p_ != '"') {
      const char* const begin = p_;
      p_ = find_field_end(p_, last_, delimiter_);
      if (to.texts != nullptr) {
        const char* end = p_;
        while (end != begin && is_blank(end[-1], delimiter_)) --end;
        add(to, std::string_view(begin, static_cast<std::size_t>(end - begin)));
      }
      return true;
    }
    const char* const begin = ++p_;
    p_ = find_field_end(p_, last_, '"');  // or the first line end
    const bool has_line_end = p_ != last_ && *p_ != '"';
    if (has_line_end) p_ = std::find(p_, last_, '"');
    const char* const end = p_;
    if (p_ != last_ && (p_ + 1 == last_ || p_[1] != '"')) {
      ++p_;
      skip_blanks();
      if (!at_end_of_field()) return fail(Kind::kOpenQuote, column);
      if (has_line_end) piece_.lines += count_lines({begin, static_cast<std::size_t>(end - begin)});
      if (to.texts != nullptr)
        add(to, std::string_view(begin, static_cast<std::size_t>(end - begin)));
      return true;
    }
    // A quote inside, or none at the end.
    const CsvField field = take_field(start, last_, delimiter_);
    p_ = field.end;
    if (!field.closed) return fail(Kind::kOpenQuote, column);
    piece_.lines += count_lines(field.text);
    if (to.texts != nullptr) to.codes[piece_.rows] = to.texts->add(field.text);
    return true;
  }

  // `text` is a part of the block.
  void add(const Target& to, std::string_view text) {
    const bool padded = static_cast<std::size_t>(last_ - text.data()) >= TextPool::kPadding;
    to.codes[piece_.rows] = padded ? to.texts->add_padded(text) : to.texts->add(text);
  }

  const CsvRows& rows_;
  CsvPiece& piece_;
  std::vector<Target> targets_;         // one per column of the file
  std::vector<std::uint32_t> indices_;  // likewise, as in its slot
  float* floats_ = nullptr;             // of the first row
  const char* record_ = nullptr;
  const char* const first_;
  const char* p_;
  const char* const last_;
  const char delimiter_;
  const bool numbers_may_be_missing_;
};

}  // namespace

void CsvTexts::trim() {
  constexpr std::size_t kMostTexts = 1 << 16;
  for (std::size_t i = 0; i < pools.size(); ++i) {
    if (pools[i].size() <= kMostTexts) continue;
    pools[i] = {};
    merged[i].clear();
  }
}

void read_csv_block(std::string_view block, const CsvRows& rows, std::size_t limit, CsvTexts& texts,
                    CsvPiece& piece) {
  BlockReader(block, rows, texts, piece).read(limit);
}

bool is_infinity(std::string_view text) {
  std::string word = lower_case(text);
  if (word.starts_with('-') || word.starts_with('+')) word.erase(0, 1);
  return word == "inf" || word == "infinity";
}

}  // namespace mlp
