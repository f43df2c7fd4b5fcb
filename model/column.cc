#include "model/column.h"

#include <functional>

namespace mlp {

std::string_view TextPool::operator[](std::size_t number) const {
  const std::size_t begin = number == 0 ? 0 : ends_[number - 1];
  return std::string_view(bytes_).substr(begin, ends_[number] - begin);
}

std::uint32_t TextPool::add(std::string_view text) {
  if (2 * ends_.size() >= slots_.size()) grow();
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>()(text) & mask;
  while (slots_[slot] != 0) {
    const std::uint32_t number = slots_[slot] - 1;
    if ((*this)[number] == text) return number;
    slot = (slot + 1) & mask;
  }
  bytes_ += text;
  ends_.push_back(bytes_.size());
  slots_[slot] = static_cast<std::uint32_t>(ends_.size());
  return slots_[slot] - 1;
}

void TextPool::grow() {
  constexpr std::size_t kFirstSlots = 64;
  slots_.assign(slots_.empty() ? kFirstSlots : 2 * slots_.size(), 0);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t number = 0; number < ends_.size(); ++number) {
    std::size_t slot = std::hash<std::string_view>()((*this)[number]) & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<std::uint32_t>(number + 1);
  }
}

}  // namespace mlp
