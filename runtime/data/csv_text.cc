#include "runtime/data/csv_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "model/error.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

constexpr std::size_t kBlockBytes = 1 << 16;
constexpr std::size_t kFirstBytes = 1 << 20;
constexpr std::size_t kLongestRecord = 64 << 20;
constexpr std::size_t kRecordsToCompare = 20;
constexpr std::string_view kDelimiters = ",;\t|";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

struct Beginning {
  std::string_view bytes;
  std::string_view kind;
  std::string_view advice;
};
constexpr std::string_view kDecompress = "Compress it by gzip or zstd, or not at all";
constexpr std::string_view kSuffix = "Give the file its suffix .npz or .npy";
constexpr std::string_view kUtf8 = "Save it as UTF-8";
constexpr Beginning kBeginnings[] = {
    {"BZh", "is compressed by bzip2", kDecompress},
    {"\xFD"
     "7zXZ",
     "is compressed by xz", kDecompress},
    {"PK\x03\x04", "is a zip archive or .npz file", kSuffix},
    {"\x93NUMPY", "is a NumPy array", kSuffix},
    {"\xFF\xFE", "is text in UTF-16", kUtf8},
    {"\xFE\xFF", "is text in UTF-16", kUtf8},
};

const char* skip_blanks(const char* p, const char* last, char delimiter) {
  while (p != last && is_blank(*p, delimiter)) ++p;
  return p;
}

// To the begin of the next line that is not blank.
const char* skip_blank_lines(const char* p, const char* last, char delimiter) {
  while (true) {
    const char* const end = skip_blanks(p, last, delimiter);
    if (end == last) return last;
    if (!is_line_end(*end)) return p;
    p = skip_line_end(end, last);
  }
}

const char* find(const char* p, const char* last, char c) {
  if (p == last) return nullptr;
  return static_cast<const char*>(std::memchr(p, c, static_cast<std::size_t>(last - p)));
}

// The begin of the first record that begins at `target` or later, of those whose line end is seen
// before `last`; null where there is none. `first` is the begin of a record.
const char* next_record(const char* first, const char* target, const char* last, char delimiter) {
  const char* p = first;  // outside of quotes
  while (true) {
    const char* const quote = find(p, last, '"');
    const char* const limit = quote == nullptr ? last : quote;
    const char* const from = std::max(p, target - 1);
    if (from < limit) {
      const char* const feed = find(from, limit, '\n');
      const char* const carriage = find(from, feed == nullptr ? limit : feed, '\r');
      if (carriage != nullptr && carriage + 1 != feed && carriage + 1 != last) return carriage + 1;
      if (feed != nullptr) return feed + 1;
    }
    if (quote == nullptr) return nullptr;
    const char* before = quote;
    while (before != first && is_blank(before[-1], delimiter)) --before;
    p = quote + 1;
    if (before != first && before[-1] != delimiter && !is_line_end(before[-1])) continue;
    while (true) {
      const char* const closing = find(p, last, '"');
      if (closing == nullptr || closing + 1 == last) return nullptr;
      p = closing + 1;
      if (*p != '"') break;
      ++p;
    }
  }
}

std::size_t count_quotes(const char* p, const char* last) {
  constexpr std::ptrdiff_t kTogether = sizeof(__m128i);
  const __m128i quotes = _mm_set1_epi8('"');
  std::size_t count = 0;
  for (; last - p >= kTogether; p += kTogether) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const auto mask = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quotes)));
    count += static_cast<std::size_t>(std::popcount(mask));
  }
  return count + static_cast<std::size_t>(std::count(p, last, '"'));
}

// As next_record() where there is no quote: each line end is a record's.
const char* next_line(const char* target, const char* last) {
  const char* const from = target - 1;
  const char* const feed = find(from, last, '\n');
  const char* const carriage = find(from, feed == nullptr ? last : feed, '\r');
  if (carriage != nullptr && carriage + 1 != feed && carriage + 1 != last) return carriage + 1;
  return feed == nullptr ? nullptr : feed + 1;
}

// As next_record() where each quote opens or closes a field or is one of two: behind an even number
// of them, a line end is a record's.
const char* next_record_by_count(const char* first, const char* target, const char* last) {
  const char* p = target - 1;
  bool inside = count_quotes(first, p) % 2 != 0;
  for (; p != last; ++p) {
    if (*p == '"') inside = !inside;
    if (inside || !is_line_end(*p)) continue;
    if (*p == '\n') return p + 1;
    if (p + 1 == last) return nullptr;
    return skip_line_end(p, last);
  }
  return nullptr;
}

}  // namespace

const char* skip_line_end(const char* p, const char* last) {
  if (p == last) return p;
  const bool is_pair = *p == '\r' && p + 1 != last && p[1] == '\n';
  return p + (is_pair ? 2 : 1);
}

CsvField take_field(const char* p, const char* last, char delimiter) {
  p = skip_blanks(p, last, delimiter);
  CsvField field;
  if (p == last || *p != '"') {
    field.end = find_field_end(p, last, delimiter);
    const char* end = field.end;
    while (end != p && is_blank(end[-1], delimiter)) --end;
    field.text.assign(p, end);
    return field;
  }
  field.closed = false;
  for (++p; p != last; ++p) {
    if (*p != '"') {
      field.text += *p;
    } else if (p + 1 != last && p[1] == '"') {
      field.text += *p++;
    } else {
      p = skip_blanks(p + 1, last, delimiter);
      field.closed = p == last || *p == delimiter || is_line_end(*p);
      break;
    }
  }
  field.end = find_field_end(p, last, delimiter);
  return field;
}

std::vector<CsvField> take_record(const char*& p, const char* last, char delimiter) {
  std::vector<CsvField> fields;
  while (true) {
    fields.push_back(take_field(p, last, delimiter));
    p = fields.back().end;
    if (p == last || *p != delimiter) break;
    ++p;
  }
  p = skip_line_end(p, last);
  return fields;
}

std::size_t count_lines(std::string_view text) {
  std::size_t lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  for (std::size_t i = text.find('\r'); i != std::string_view::npos; i = text.find('\r', i + 1)) {
    if (i + 1 == text.size() || text[i + 1] != '\n') ++lines;
  }
  return lines;
}

char find_delimiter(std::string_view text) {
  const char* const last = text.data() + text.size();
  char best = kDelimiters[0];
  std::pair<bool, std::size_t> best_score = {false, 1};  // whether all agree, and fields
  for (const char delimiter : kDelimiters) {
    const char* p = text.data();
    std::size_t fields = 0;
    bool agree = true;
    for (std::size_t record = 0; record < kRecordsToCompare; ++record) {
      p = skip_blank_lines(p, last, delimiter);
      if (p == last) break;
      const std::size_t found = take_record(p, last, delimiter).size();
      // The last record may be cut short.
      if (record == 0) {
        fields = found;
      } else if (p != last || text.back() == '\n') {
        agree = agree && found == fields;
      }
    }
    const std::pair score = {agree && fields > 1, fields};
    if (score > best_score) {
      best = delimiter;
      best_score = score;
    }
  }
  return best;
}

CsvText::CsvText(std::unique_ptr<ByteSource> source, char delimiter, bool is_exact)
    : source_(std::move(source)), delimiter_(delimiter), is_exact_(is_exact) {
  fill(kFirstBytes);
  check_beginning();
  if (waiting().starts_with(kByteOrderMark)) begin_ = kByteOrderMark.size();
  const bool finds = delimiter_ == 0;
  do {
    if (finds) delimiter_ = find_delimiter(waiting());
    const char* const first = buffer().data() + begin_;
    if (next_record(first, first + 1, buffer().data() + end_, delimiter_) != nullptr) break;
    fill(2 * (end_ - begin_));
  } while (!ended_ && end_ - begin_ <= kLongestRecord);
  rest_ = source_->rest();
}

std::vector<std::string_view> CsvText::next(std::size_t count, std::size_t line) {
  const std::size_t parts = begin_next(count);
  for (std::size_t i = 0; i < parts; ++i) read_part(i);
  return end_next(line);
}

std::size_t CsvText::begin_next(std::size_t count) {
  count_ = count;
  parts_.clear();
  is_changed_ = false;
  const std::size_t left = end_ - begin_;
  std::size_t wanted = (count + 1) * kBlockBytes;
  if (ended_ || left >= wanted) return 0;
  change_buffers();
  make_room(wanted);
  // Of a source that is no file, one part is all.
  const std::size_t part_bytes = rest_.file == nullptr ? wanted - left : kBlockBytes;
  for (std::size_t begin = left; begin < wanted; begin += part_bytes)
    parts_.push_back({begin, std::min(part_bytes, wanted - begin)});
  return parts_.size();
}

void CsvText::read_part(std::size_t i) {
  Part& part = parts_[i];
  char* const to = buffers_[current_].data() + part.begin;
  try {
    part.count = read(part.begin - parts_[0].begin, to, part.size);
    part.has_quote = find(to, to + part.count, '"') != nullptr;
  } catch (...) {
    part.error = std::current_exception();
  }
}

std::vector<std::string_view> CsvText::end_next(std::size_t line) {
  for (const Part& part : parts_) {
    if (ended_) break;
    if (part.error) std::rethrow_exception(part.error);
    has_quotes_ = has_quotes_ || part.has_quote;
    take(part.count, part.size);
  }
  parts_.clear();
  std::vector<std::string_view> blocks;
  std::size_t wanted = (count_ + 1) * kBlockBytes;
  while (true) {
    const char* const last = buffer().data() + end_;
    while (blocks.size() < count_ && begin_ != end_) {
      const char* const first = buffer().data() + begin_;
      const char* end = nullptr;
      if (end_ - begin_ > kBlockBytes) {
        const char* const target = first + kBlockBytes;
        end = !has_quotes_ ? next_line(target, last)
              : is_exact_  ? next_record(first, target, last, delimiter_)
                           : next_record_by_count(first, target, last);
      }
      if (end == nullptr && ended_) end = last;
      if (end == nullptr) break;
      blocks.emplace_back(first, static_cast<std::size_t>(end - first));
      begin_ += blocks.back().size();
    }
    if (!blocks.empty() || begin_ == end_) return blocks;
    if (end_ - begin_ > kLongestRecord) {
      throw UserError(fmt::format(
          "{}, line {}: a row that begins in this line or somewhat later is longer than {} MiB. "
          "Expected text with one row per line: check that the file is CSV, and that each quote "
          "is closed.",
          name(), line, kLongestRecord >> 20));
    }
    wanted *= 2;
    if (!is_changed_) change_buffers();
    fill(wanted);
  }
}

// Takes what is left to the other buffer, so that the blocks in this one stay.
void CsvText::change_buffers() {
  const std::size_t left = end_ - begin_;
  std::vector<char>& to = buffers_[1 - current_];
  if (to.size() < left) to.resize(left);
  if (left > 0) std::memcpy(to.data(), buffer().data() + begin_, left);
  current_ = 1 - current_;
  is_changed_ = true;
  begin_ = 0;
  end_ = left;
  has_quotes_ = has_quotes_ && find(to.data(), to.data() + left, '"') != nullptr;
}

// Makes the current buffer hold what is waiting, at its begin, and more, `wanted` bytes in all, or
// fewer where the source has no more. No block is in this buffer.
char* CsvText::make_room(std::size_t& wanted) {
  const std::size_t left = end_ - begin_;
  // One byte more than there is shows that the source ends.
  if (const auto more = source_->bytes_left()) wanted = std::min(wanted, left + *more + 1);
  std::vector<char>& to = buffers_[current_];
  if (begin_ > 0) std::memmove(to.data(), to.data() + begin_, left);
  begin_ = 0;
  end_ = left;
  if (to.size() < wanted) to.resize(wanted);
  return to.data() + left;
}

// Reads what is `ahead` bytes behind all that has been taken: of a source that is no file, 0.
std::size_t CsvText::read(std::uint64_t ahead, char* to, std::size_t size) {
  if (rest_.file == nullptr) return source_->read(to, size);
  return rest_.file->read_at(rest_.offset + ahead, to, size);
}

// Adds to what is waiting the bytes behind it, of which `count` came.
void CsvText::take(std::size_t count, std::size_t asked) {
  ended_ = count < asked;
  end_ += count;
  rest_.offset += count;
}

// Reads on until `wanted` bytes are waiting, or the source ends.
void CsvText::fill(std::size_t wanted) {
  const std::size_t left = end_ - begin_;
  if (ended_ || left >= wanted) return;
  char* const to = make_room(wanted);
  const std::size_t count = read(0, to, wanted - left);
  has_quotes_ = has_quotes_ || find(to, to + count, '"') != nullptr;
  take(count, wanted - left);
}

void CsvText::check_beginning() const {
  for (const Beginning& beginning : kBeginnings) {
    if (!waiting().starts_with(beginning.bytes)) continue;
    throw UserError(fmt::format("{}: expected plain CSV text, but the file {}. {}.", name(),
                                beginning.kind, beginning.advice));
  }
}

}  // namespace mlp
