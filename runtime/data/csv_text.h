#pragma once

#include <emmintrin.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/byte_source.h"

namespace mlp {

// CSV text by RFC 4180, and as people write it. Fields part at a delimiter; blanks around them
// don't count. A field that begins with a double quote ends at the next one, quotes inside are
// doubled, and delimiters and line ends inside belong to it; a quote elsewhere is a character like
// others. A record ends with LF, CRLF or CR, the last one with or without.

// Spaces and tabs, unless the tab is the delimiter.
inline bool is_blank(char c, char delimiter) { return c == ' ' || (c == '\t' && c != delimiter); }
inline bool is_line_end(char c) { return c == '\n' || c == '\r'; }

// The delimiter or line end that comes next; `last` where there is none. Looks at 16 bytes at once,
// which most fields fit into.
inline const char* find_field_end(const char* p, const char* last, char delimiter) {
  constexpr std::ptrdiff_t kTogether = sizeof(__m128i);
  const __m128i delimiters = _mm_set1_epi8(delimiter);
  const __m128i feeds = _mm_set1_epi8('\n');
  const __m128i returns = _mm_set1_epi8('\r');
  for (; last - p >= kTogether; p += kTogether) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i found =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, delimiters),
                     _mm_or_si128(_mm_cmpeq_epi8(bytes, feeds), _mm_cmpeq_epi8(bytes, returns)));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(found));
    if (mask != 0) return p + std::countr_zero(mask);
  }
  while (p != last && *p != delimiter && !is_line_end(*p)) ++p;
  return p;
}

struct CsvField {
  std::string text;           // without the blanks around it and without its quotes
  const char* end = nullptr;  // the delimiter or line end behind it, or the end of the text
  bool closed = true;         // false: text follows the closing quote, or there is none
};

// The field that begins at `p`.
CsvField take_field(const char* p, const char* last, char delimiter);

// The fields of the record that begins at `p`. `p` moves to where the next one begins, also past a
// field that is not closed.
std::vector<CsvField> take_record(const char*& p, const char* last, char delimiter);

// Behind the line end at `p`, which may be `last`: then there is none.
const char* skip_line_end(const char* p, const char* last);

// How many line ends are in the text.
std::size_t count_lines(std::string_view text);

// The one of comma, semicolon, tab and | that parts the first records of `text` into most fields,
// as many in each; else the one that the first record has most of; else the comma.
char find_delimiter(std::string_view text);

// Opens a CSV file; may be called again to read it again.
using CsvOpener = std::function<std::unique_ptr<ByteSource>()>;

// The text of a CSV file in blocks of whole records. A UTF-8 byte order mark in front is dropped.
class CsvText {
 public:
  // `delimiter` 0: to be found. Reads the first block. Throws UserError for a file that begins like
  // a compressed or binary one.
  // Unless `is_exact`, records are told apart by counting quotes, which is faster, but fails where
  // a quote stands within an unquoted field: then some block ends within a quoted field.
  CsvText(std::unique_ptr<ByteSource> source, char delimiter, bool is_exact);

  const std::string& name() const { return source_->name(); }
  char delimiter() const { return delimiter_; }

  // What is read but not given yet: of an untouched file, its beginning, with the first record as a
  // whole. May end within another.
  std::string_view waiting() const { return {buffer().data() + begin_, end_ - begin_}; }
  // Leaves out the first bytes of waiting(), which are whole records.
  void skip(std::size_t bytes) { begin_ += bytes; }

  // The next blocks of about 64 KiB, as many as `count`; fewer at the end, where none are left.
  // Valid until the call after the next. Throws UserError for a record longer than 64 MiB, as a
  // quote makes it that is never closed; `line` is what that message calls the first line of what
  // is left.
  std::vector<std::string_view> next(std::size_t count, std::size_t line);

  // The same in parts, so that threads share the reading of a file: begin_next(), then
  // read_part(i), on any thread, for each of the parts that it returns, then end_next(). Blocks of
  // the call before stay valid meanwhile. The parts throw nothing; end_next() throws what they met.
  std::size_t begin_next(std::size_t count);
  void read_part(std::size_t i);
  std::vector<std::string_view> end_next(std::size_t line);

 private:
  // A range of the current buffer that is to be filled.
  struct Part {
    std::size_t begin = 0;
    std::size_t size = 0;
    std::size_t count = 0;  // of bytes that came
    bool has_quote = false;
    std::exception_ptr error = nullptr;
  };

  const std::vector<char>& buffer() const { return buffers_[current_]; }
  void change_buffers();
  char* make_room(std::size_t& wanted);
  std::size_t read(std::uint64_t ahead, char* to, std::size_t size);
  void take(std::size_t count, std::size_t asked);
  void fill(std::size_t wanted);
  void check_beginning() const;

  std::unique_ptr<ByteSource> source_;
  char delimiter_;
  bool is_exact_;
  std::array<std::vector<char>, 2> buffers_;  // one of them for the blocks of the last call
  std::size_t current_ = 0;
  std::size_t begin_ = 0;  // of the bytes in the current buffer that no block has taken yet
  std::size_t end_ = 0;
  bool ended_ = false;
  ByteSource::Rest rest_;  // with a file: the source is read no more
  // Of the call of next().
  std::size_t count_ = 0;    // of blocks
  bool is_changed_ = false;  // whether the current buffer is no longer that of the last blocks
  std::vector<Part> parts_;
  bool has_quotes_ = true;  // what is waiting may have
};

}  // namespace mlp
