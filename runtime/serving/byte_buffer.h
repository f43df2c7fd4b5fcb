#pragma once

#include <cstddef>
#include <string_view>

namespace mlp {

// Bytes that grow in one piece. Large ones move without being copied or held twice, since the
// system moves their pages.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  ~ByteBuffer();
  ByteBuffer(ByteBuffer&& other) noexcept;
  ByteBuffer& operator=(ByteBuffer&& other) noexcept;

  std::string_view view() const { return {data_, size_}; }
  std::size_t size() const { return size_; }

  // Makes room; untouched pages of it take no memory. Throws std::bad_alloc.
  void reserve(std::size_t capacity);
  void append(const void* bytes, std::size_t size);
  // Empty again; a large piece of memory is given back.
  void clear();

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace mlp
