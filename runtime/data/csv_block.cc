#include "runtime/data/csv_block.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "runtime/data/csv_text.h"
#include "runtime/data/number.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

using Kind = CsvProblem::Kind;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

class BlockReader {
 public:
  BlockReader(std::string_view block, const CsvRows& rows, CsvPiece& piece)
      : rows_(rows),
        piece_(piece),
        p_(block.data()),
        last_(block.data() + block.size()),
        delimiter_(rows.delimiter),
        numbers_may_be_missing_(rows.missing.has_numbers()) {
    piece_.columns.resize(rows.columns);
    piece_.merged.resize(rows.columns);
    piece_.surprises.resize(rows.slots.size());
    for (const CsvSlot& slot : rows.slots) {
      if (slot.kind == CsvSlot::Kind::kText) piece_.columns[slot.index].is_text = true;
    }
  }

  void read(std::size_t limit) {
    while (piece_.rows < limit && next_record() && read_record()) ++piece_.rows;
    piece_.end = p_;
  }

 private:
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
    const std::size_t columns = rows_.slots.size();
    float* row = nullptr;
    if (rows_.floats > 0) {
      piece_.floats.resize((piece_.rows + 1) * rows_.floats);
      row = piece_.floats.data() + piece_.rows * rows_.floats;
    }
    for (std::size_t column = 0; column < columns; ++column) {
      const CsvSlot& slot = rows_.slots[column];
      bool good = true;
      switch (slot.kind) {
        case CsvSlot::Kind::kFloat:
          good = read_number(slot, column, row[slot.index]);
          break;
        case CsvSlot::Kind::kNumber: {
          double value = kNan;
          good = read_number(slot, column, value);
          piece_.columns[slot.index].numbers.push_back(value);
          break;
        }
        case CsvSlot::Kind::kText:
          good = read_text(column, &piece_.columns[slot.index]);
          break;
        case CsvSlot::Kind::kSkipped:
          good = read_text(column, nullptr);
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

  template <typename T>
  bool read_number(const CsvSlot& slot, std::size_t column, T& value) {
    const char* const start = p_;
    skip_blanks();
    if (!numbers_may_be_missing_) {
      const ScannedNumber number = scan_number(p_, last_, value);
      if (number.status == NumberStatus::kNumber) {
        p_ = number.end;
        skip_blanks();
        if (at_end_of_field()) return true;
      }
    }
    return read_odd_number(slot, column, start, value);
  }

  // A field that does not begin and end as a plain number.
  template <typename T>
  bool read_odd_number(const CsvSlot& slot, std::size_t column, const char* start, T& value) {
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

  // Into `to`, if there is one.
  bool read_text(std::size_t column, Column* to) {
    const char* const start = p_;
    skip_blanks();
    if (p_ == last_ || *p_ != '"') {
      const char* const begin = p_;
      p_ = find_field_end(p_, last_, delimiter_);
      if (to != nullptr) {
        const char* end = p_;
        while (end != begin && is_blank(end[-1], delimiter_)) --end;
        add(*to, std::string_view(begin, static_cast<std::size_t>(end - begin)));
      }
      return true;
    }
    const char* const begin = ++p_;
    const void* const quote =
        p_ == last_ ? nullptr : std::memchr(p_, '"', static_cast<std::size_t>(last_ - p_));
    p_ = quote == nullptr ? last_ : static_cast<const char*>(quote);
    const char* const end = p_;
    if (p_ != last_ && (p_ + 1 == last_ || p_[1] != '"')) {
      ++p_;
      skip_blanks();
      if (!at_end_of_field()) return fail(Kind::kOpenQuote, column);
      if (std::any_of(begin, end, is_line_end))
        piece_.lines += count_lines({begin, static_cast<std::size_t>(end - begin)});
      if (to != nullptr) add(*to, std::string_view(begin, static_cast<std::size_t>(end - begin)));
      return true;
    }
    // A quote inside, or none at the end.
    const CsvField field = take_field(start, last_, delimiter_);
    p_ = field.end;
    if (!field.closed) return fail(Kind::kOpenQuote, column);
    piece_.lines += count_lines(field.text);
    if (to != nullptr) add(*to, field.text);
    return true;
  }

  void add(Column& column, const std::string& text) {
    column.codes.push_back(column.texts.add(text));
  }
  // `text` is a part of the block.
  void add(Column& column, std::string_view text) {
    const bool padded = static_cast<std::size_t>(last_ - text.data()) >= TextPool::kPadding;
    column.codes.push_back(padded ? column.texts.add_padded(text) : column.texts.add(text));
  }

  const CsvRows& rows_;
  CsvPiece& piece_;
  const char* record_ = nullptr;
  const char* p_;
  const char* const last_;
  const char delimiter_;
  const bool numbers_may_be_missing_;
};

}  // namespace

void CsvPiece::clear() {
  constexpr std::size_t kMostTexts = 1 << 16;  // to keep
  floats.clear();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i].numbers.clear();
    columns[i].codes.clear();
    if (columns[i].texts.size() <= kMostTexts) continue;
    columns[i].texts = {};
    merged[i].clear();
  }
  rows = 0;
  lines = 0;
  surprises.clear();
  problem = {};
  doubts.clear();
  end = nullptr;
  blank_line = nullptr;
}

void read_csv_block(std::string_view block, const CsvRows& rows, std::size_t limit,
                    CsvPiece& piece) {
  BlockReader(block, rows, piece).read(limit);
}

bool is_infinity(std::string_view text) {
  std::string word = lower_case(text);
  if (word.starts_with('-') || word.starts_with('+')) word.erase(0, 1);
  return word == "inf" || word == "infinity";
}

}  // namespace mlp
