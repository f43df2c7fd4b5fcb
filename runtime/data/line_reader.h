#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/byte_source.h"

namespace mlp {

// The lines of a text file, each ended by LF or CRLF, the last one with or without. A UTF-8 byte
// order mark in front is dropped, and so are blank lines at the end.
class LineReader {
 public:
  explicit LineReader(std::unique_ptr<ByteSource> source);

  const std::string& name() const { return source_->name(); }

  // Moves to the next line; false at the end. `line` comes without its end and stays valid until
  // the next call. Throws UserError for a file that begins like a compressed or binary one, for a
  // blank line between others, and for a line longer than 64 MiB.
  bool next(std::string_view& line);

  // Of the line that next() gave, counted from 1.
  std::size_t number() const { return number_; }

 private:
  bool next_raw(std::string_view& line);
  void fill();
  void check_beginning() const;

  std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of the bytes in the buffer that no line has taken yet
  std::size_t end_ = 0;
  bool ended_ = false;
  bool started_ = false;
  std::size_t number_ = 0;
};

}  // namespace mlp
