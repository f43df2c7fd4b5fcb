#include "runtime/serving/byte_buffer.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace mlp {

TEST_SUITE("runtime/serving") {
  TEST_CASE("ByteBuffer: holds what was appended, piece by piece, and moves") {
    ByteBuffer buffer;
    CHECK(buffer.view().empty());
    std::string expected;
    for (int i = 0; i < 2000; ++i) {
      const std::string piece(static_cast<std::size_t>(i % 97), static_cast<char>('a' + i % 26));
      buffer.append(piece.data(), piece.size());
      expected += piece;
    }
    CHECK(buffer.view() == expected);
    ByteBuffer other(std::move(buffer));
    CHECK(other.view() == expected);
    ByteBuffer third;
    third = std::move(other);
    CHECK(third.view() == expected);
    third.clear();
    CHECK(third.size() == 0);
    third.append("x", 1);
    CHECK(third.view() == "x");
  }

  TEST_CASE("ByteBuffer: room for much takes nothing away from what is there") {
    ByteBuffer buffer;
    buffer.append("abc", 3);
    buffer.reserve(std::size_t{64} << 20U);
    buffer.append("def", 3);
    CHECK(buffer.view() == "abcdef");
  }
}

}  // namespace mlp
