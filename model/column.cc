#include "model/column.h"

#include <functional>
#include <utility>

namespace mlp {

TextPool::Key TextPool::key_of_long(std::string_view text) {
  return {std::hash<std::string_view>()(text), 0, static_cast<std::uint32_t>(text.size())};
}

std::uint32_t TextPool::insert(std::string_view text, const Key& key, std::size_t slot) {
  bytes_ += text;
  ends_.push_back(bytes_.size());
  slots_[slot] = {key, static_cast<std::uint32_t>(ends_.size())};
  return slots_[slot].number - 1;
}

void TextPool::grow() {
  constexpr std::size_t kFirstSlots = 64;
  std::vector<Slot> slots(slots_.empty() ? kFirstSlots : 2 * slots_.size());
  const std::size_t mask = slots.size() - 1;
  for (const Slot& known : slots_) {
    if (known.number == 0) continue;
    std::size_t slot = place_of(known.key) & mask;
    while (slots[slot].number != 0) slot = (slot + 1) & mask;
    slots[slot] = known;
  }
  slots_ = std::move(slots);
}

}  // namespace mlp
