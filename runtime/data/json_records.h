#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/byte_source.h"

namespace mlp {

// Parts a JSON text into its records: the objects of an array, or objects one after the other with
// white space between them, as JSON Lines are (or a single one). Memory does not grow with the
// text.
class JsonRecords {
 public:
  explicit JsonRecords(std::unique_ptr<ByteSource> source);

  const std::string& name() const { return source_->name(); }
  std::size_t number() const { return number_; }  // of the record where next() stands, from 1

  // Moves to the next record; false at the end. `record` begins and ends like an object and has as
  // many brackets opened as closed; whether it is one is for a parser to say. It stays valid until
  // the next call. Throws UserError for text that is neither of the forms above, that is empty or
  // ends early, and for a record of more than 64 MiB or of 64 levels.
  bool next(std::string_view& record);

  // Where next() stands, for messages: "a.json, record 3".
  std::string place() const;

 private:
  bool begin_record();
  int peek();
  void expect_object();
  bool fill();
  std::string what_follows() const;

  std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of the bytes in the buffer that have not been passed
  std::size_t end_ = 0;
  bool ended_ = false;  // the source has
  bool started_ = false;
  bool in_array_ = false;
  std::size_t number_ = 0;  // of the record, from 1
};

}  // namespace mlp
