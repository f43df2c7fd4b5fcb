#pragma once

#include <cstddef>
#include <memory>

namespace mlp {

// `size` floats of zeros that start on a cache line; large ones ask for huge pages. Moves, and does
// not copy.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t size);

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(float* memory) const;
  };
  std::unique_ptr<float, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace mlp
