#include "runtime/data/csv_place.h"

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <utility>

#include "model/error.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

// What to do about a field whose text may mean that its value is missing.
std::string_view missing_advice(const CsvPlace& place) {
  return place.predicts ? "leave the field empty if its value is missing"
                        : "if it means that the value is missing, add it to the hyperparameter "
                          "missing_values";
}

using Kind = CsvProblem::Kind;

std::vector<std::string> texts_of(std::vector<CsvField> fields) {
  std::vector<std::string> texts;
  for (CsvField& field : fields) texts.push_back(std::move(field.text));
  return texts;
}

[[noreturn]] void throw_bad_text(const CsvPlace& place, const char* record, std::size_t column,
                                 const InputColumn* input) {
  const std::string field = place.field(record, column);
  const std::string text = place.fields(record).at(column).text;
  if (!is_utf8(text) || text.find('\0') != std::string::npos) {
    throw UserError(
        fmt::format("{}: {} is no valid UTF-8 text. Write it as UTF-8.", field, in_quotes(text)));
  }
  throw UserError(fmt::format("{}: expected {}, found {}. Correct it, or {}.", field,
                              input->expected(), in_quotes(text), missing_advice(place)));
}

// The number in `to` of a text that a piece has in `row`.
std::uint32_t take_text(std::string_view text, Column& to, const CsvPlace& place, std::size_t row,
                        std::size_t file_column, const InputColumn* input) {
  if (place.rows.missing.contains(text)) return Column::kMissing;
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos ||
      (input != nullptr && !input->holds(text))) {
    throw_bad_text(place, place.record(row), file_column, input);
  }
  return to.texts.add(text);
}

}  // namespace

std::size_t CsvPlace::line_of(const char* record) const {
  return line + count_lines(block.substr(0, static_cast<std::size_t>(record - block.data())));
}

std::string CsvPlace::row(const char* record) const {
  return fmt::format("{}, line {}", file, line_of(record));
}

std::string CsvPlace::field(const char* record, std::size_t column) const {
  std::string text = fmt::format("{}, column {}", row(record), column + 1);
  if (!names.empty()) text += fmt::format(" ({})", in_quotes(names[column]));
  return text;
}

std::vector<CsvField> CsvPlace::fields(const char* record) const {
  return take_record(record, block.data() + block.size(), rows.delimiter);
}

const char* CsvPlace::record(std::size_t number) const {
  CsvTexts texts;
  CsvPiece before;
  read_csv_block(block, rows, number, texts, before);
  CsvPiece through;
  read_csv_block(block, rows, number + 1, texts, through);
  // Blank lines may stand between.
  const char* p = before.end;
  while (true) {
    const char* next = p;
    take_record(next, block.data() + block.size(), rows.delimiter);
    if (next == through.end) return p;
    p = next;
  }
}

std::string blank_line_text(const std::string& file, std::size_t line) {
  return fmt::format(
      "{}, line {}: the line is blank, but rows follow it. Expected one row per line without gaps: "
      "remove the blank line, or fill in its value.",
      file, line);
}

std::string problem_text(const CsvPlace& place, const CsvProblem& problem, bool is_target) {
  const std::string row = place.row(problem.record);
  if (problem.kind == Kind::kBlankLine)
    return blank_line_text(place.file, place.line_of(problem.record));
  const std::vector<CsvField> fields = place.fields(problem.record);
  if (problem.kind == Kind::kRagged) {
    return fmt::format(
        "{}: found {} field{}, expected {} as in line 1. Correct the line, or remove it.", row,
        fields.size(), fields.size() == 1 ? "" : "s", place.rows.slots.size());
  }
  const std::string field = place.field(problem.record, problem.column);
  const std::string& text = fields.at(problem.column).text;
  if (text.find('\0') != std::string::npos) {
    return fmt::format(
        "{}: found a zero byte, so the file is no plain text. Save it as CSV in UTF-8.", field);
  }
  const std::string_view what = is_target ? "the target" : "the value";
  switch (problem.kind) {
    case Kind::kOpenQuote:
      return fmt::format(
          "{}: the quotes around {} are not closed at the end of the field. Expected a closing "
          "quote before the next delimiter, and quotes inside doubled. Correct the field.",
          field, in_quotes(text));
    case Kind::kTooLarge:
      return fmt::format(
          "{}: {} {} is beyond the largest {} value. Scale the column down, or correct the value.",
          field, what, in_quotes(text),
          place.rows.floats > 0 && !is_target ? "float32, 3.4e38," : "float64, 1.8e308,");
    case Kind::kInfinite:
      return fmt::format("{}: expected a finite number, found {}. Replace it, drop the row, or {}.",
                         field, in_quotes(text), missing_advice(place));
    case Kind::kMissing:
      return fmt::format(
          "{}: expected a number, found {}, a missing value, of which the model has learned "
          "nothing. Fill it in, or drop the row.",
          field, text.empty() ? "nothing" : in_quotes(text));
    default:
      break;
  }
  if (is_target) {
    return fmt::format(
        "{}: the target is {}, which is no number. Several targets need numbers: "
        "correct it, or choose this column as the only target.",
        field, in_quotes(text));
  }
  return fmt::format("{}: expected a number, found {}. Correct it, or {}.", field, in_quotes(text),
                     missing_advice(place));
}

void throw_no_rows(const std::string& file) {
  throw UserError(
      fmt::format("{}: there is a header but no rows. Expected at least one row below it: add "
                  "rows, or leave this out.",
                  file));
}

std::vector<std::string> first_record(CsvText& text, std::size_t& line) {
  while (true) {
    const std::string_view waiting = text.waiting();
    const char* p = waiting.data();
    const char* const last = p + waiting.size();
    while (p != last && is_blank(*p, text.delimiter())) ++p;
    if (p == last) {
      throw UserError(
          fmt::format("{}: the file is empty. Expected rows of fields, separated by commas. Check "
                      "how it was made or copied.",
                      text.name()));
    }
    if (!is_line_end(*p)) break;
    p = skip_line_end(p, last);
    text.skip(static_cast<std::size_t>(p - waiting.data()));
    ++line;
  }
  const std::string_view waiting = text.waiting();
  const char* p = waiting.data();
  std::vector<CsvField> fields = take_record(p, p + waiting.size(), text.delimiter());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].closed) continue;
    throw UserError(
        fmt::format("{}, line {}, column {}: the quotes around {} are not closed at the end of the "
                    "field. Expected a closing quote before the next delimiter. Correct the field.",
                    text.name(), line, i + 1, in_quotes(fields[i].text)));
  }
  return texts_of(std::move(fields));
}

void skip_first_record(CsvText& text, std::size_t& line) {
  const std::string_view waiting = text.waiting();
  const char* p = waiting.data();
  take_record(p, p + waiting.size(), text.delimiter());
  const auto bytes = static_cast<std::size_t>(p - waiting.data());
  line += count_lines(waiting.substr(0, bytes));
  text.skip(bytes);
}

void merge_column(const CsvPiece& piece, std::size_t index, Column& to, const CsvPlace& place,
                  std::size_t file_column, const InputColumn* input) {
  const CsvPiece::Values& from = piece.columns[index];
  to.is_text = from.is_text;
  if (!from.is_text) {
    const double* const numbers = from.numbers.data();
    to.numbers.insert(to.numbers.end(), numbers, numbers + piece.rows);
    return;
  }
  const TextPool& texts = piece.texts->pools[index];
  std::vector<std::uint32_t>& merged = piece.texts->merged[index];
  merged.resize(texts.size(), CsvTexts::kUnknown);
  const std::size_t before = to.codes.size();
  to.codes.resize(before + piece.rows);
  for (std::size_t row = 0; row < piece.rows; ++row) {
    const std::uint32_t code = from.codes[row];
    if (merged[code] == CsvTexts::kUnknown)
      merged[code] = take_text(texts[code], to, place, row, file_column, input);
    to.codes[before + row] = merged[code];
  }
}

}  // namespace mlp
