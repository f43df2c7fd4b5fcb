#include "runtime/serving/byte_buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace mlp {
namespace {

constexpr std::size_t kLeastCapacity = 4096;
constexpr std::size_t kKeptCapacity = 64U << 10U;

}  // namespace

ByteBuffer::~ByteBuffer() { std::free(data_); }

ByteBuffer::ByteBuffer(ByteBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

ByteBuffer& ByteBuffer::operator=(ByteBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

void ByteBuffer::reserve(std::size_t capacity) {
  if (capacity <= capacity_) return;
  // realloc() moves the pages of a large block by mremap().
  void* const moved = std::realloc(data_, capacity);
  if (moved == nullptr) throw std::bad_alloc();
  data_ = static_cast<char*>(moved);
  capacity_ = capacity;
}

void ByteBuffer::append(const void* bytes, std::size_t size) {
  if (size == 0) return;
  if (size > capacity_ - size_)
    reserve(std::max({kLeastCapacity, size_ + size, capacity_ + capacity_ / 2}));
  std::memcpy(data_ + size_, bytes, size);
  size_ += size;
}

void ByteBuffer::clear() {
  size_ = 0;
  if (capacity_ <= kKeptCapacity) return;
  std::free(std::exchange(data_, nullptr));
  capacity_ = 0;
}

}  // namespace mlp
