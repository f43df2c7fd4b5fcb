#include "runtime/data/json_records.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "model/error.h"
#include "runtime/data/wording.h"

namespace mlp {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;
constexpr std::size_t kLongestRecord = 64 << 20;
constexpr std::size_t kDeepest = 64;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kForms =
    "Expected an array of objects, one object, or JSON Lines, with the names of the model's "
    "columns as keys";

bool is_white_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

JsonRecords::JsonRecords(std::unique_ptr<ByteSource> source)
    : source_(std::move(source)), buffer_(kBufferBytes) {}

std::string JsonRecords::place() const {
  return fmt::format("{}, record {}", source_->name(), number_);
}

bool JsonRecords::next(std::string_view& record) {
  if (!begin_record()) return false;
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0;; ++i) {
    if (i >= kLongestRecord) {
      throw UserError(
          fmt::format("{}: the record is longer than {} MiB, or has no closing bracket. Expected "
                      "an object for each row. Correct the file.",
                      place(), kLongestRecord >> 20));
    }
    if (begin_ + i == end_ && !fill()) {
      throw UserError(
          fmt::format("{}: the text ends within the record, which has no closing bracket. Expected "
                      "whole JSON objects. Check how the file was made or copied.",
                      place()));
    }
    const char c = buffer_[begin_ + i];
    if (in_string) {
      if (c == '\\') {
        if (begin_ + i + 1 < end_ || fill()) ++i;
      } else if (c == '"') {
        in_string = false;
      } else if (c == '\n') {
        throw UserError(
            fmt::format("{}: a text's quotes are not closed where its line ends. Expected JSON, "
                        "with \\n for a line break within a text. Correct the record.",
                        place()));
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDeepest) {
        throw UserError(
            fmt::format("{}: more than {} brackets are open at once, so one may not be closed. "
                        "Expected an object of names and plain values. Correct the record.",
                        place(), kDeepest));
      }
    } else if ((c == '}' || c == ']') && --depth == 0) {
      record = {buffer_.data() + begin_, i + 1};
      begin_ += i + 1;
      return true;
    }
  }
}

// Goes to the first byte of the next record, which is an opening brace.
bool JsonRecords::begin_record() {
  if (!started_) {
    started_ = true;
    fill();
    const std::string_view bytes(buffer_.data(), end_);
    if (bytes.starts_with(kByteOrderMark)) begin_ = kByteOrderMark.size();
    if (peek() < 0) {
      throw UserError(fmt::format("{}: the file is empty. {}. Check how it was made or copied.",
                                  source_->name(), kForms));
    }
    in_array_ = peek() == '[';
    if (!in_array_) {
      expect_object();
      return true;
    }
    ++begin_;
    if (peek() != ']') {
      expect_object();
      return true;
    }
  }
  if (!in_array_) {
    if (peek() < 0) return false;
    expect_object();
    return true;
  }
  const int next = peek();
  if (next == ',' && number_ > 0) {
    ++begin_;
    expect_object();
    return true;
  }
  if (next == ']') {
    ++begin_;
    if (peek() < 0) {
      begin_ = end_ = 0;
      in_array_ = false;
      return false;
    }
    throw UserError(
        fmt::format("{}: found {} behind the array's closing bracket. Expected the end of the "
                    "file. Remove what follows, or write one array.",
                    source_->name(), what_follows()));
  }
  throw UserError(fmt::format(
      "{}: found {} behind record {}. Expected a comma and the next object, or the array's closing "
      "bracket. Check how the file was made or copied.",
      source_->name(), what_follows(), number_));
}

void JsonRecords::expect_object() {
  ++number_;
  if (peek() == '{') return;
  throw UserError(fmt::format("{}: found {}, which is no JSON object. {}. Correct the file.",
                              place(), what_follows(), kForms));
}

// The first byte that is no white space, which is passed; -1 at the end.
int JsonRecords::peek() {
  while (begin_ < end_ || fill()) {
    if (!is_white_space(buffer_[begin_])) return static_cast<unsigned char>(buffer_[begin_]);
    ++begin_;
  }
  return -1;
}

// For messages.
std::string JsonRecords::what_follows() const {
  if (begin_ == end_) return "the end of the file";
  std::string_view bytes(buffer_.data() + begin_, end_ - begin_);
  return in_quotes(bytes.substr(0, bytes.substr(0, 60).find('\n')));
}

// Adds bytes behind those that are left, or returns false where there are none. Grows the buffer
// where one record fills it.
bool JsonRecords::fill() {
  if (ended_) return false;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  const std::size_t wanted = buffer_.size() - end_;
  const std::size_t count = source_->read(buffer_.data() + end_, wanted);
  end_ += count;
  ended_ = count < wanted;
  return count > 0;
}

}  // namespace mlp
