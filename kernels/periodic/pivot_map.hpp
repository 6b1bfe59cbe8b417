// A map from keys to column numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace periodic {

// Open addressing. Cleared in the time of its size, which follows the columns.
class PivotMap {
 public:
  void reset(std::size_t expected) {
    std::size_t size = 16;
    while (size < 2 * expected + 2) size *= 2;
    mask_ = size - 1;
    slots_.assign(size, Slot{kEmpty, 0});
    used_ = 0;
  }
  std::int64_t find(std::uint64_t key) const {
    for (std::size_t at = hash(key);; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return slots_[at].value;
      if (slots_[at].key == kEmpty) return -1;
    }
  }
  void insert(std::uint64_t key, std::uint32_t value) {
    if (2 * ++used_ > mask_) grow();
    place(key, value);
  }

 private:
  struct Slot {
    std::uint64_t key;
    std::uint32_t value;
  };
  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  std::size_t hash(std::uint64_t key) const {
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15u) >> 20) & mask_;
  }
  void place(std::uint64_t key, std::uint32_t value) {
    std::size_t at = hash(key);
    while (slots_[at].key != kEmpty) at = (at + 1) & mask_;
    slots_[at] = {key, value};
  }
  void grow() {
    std::vector<Slot> old;
    old.swap(slots_);
    slots_.assign(2 * old.size(), Slot{kEmpty, 0});
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old)
      if (slot.key != kEmpty) place(slot.key, slot.value);
  }
  std::vector<Slot> slots_;
  std::size_t mask_ = 0, used_ = 0;
};

}  // namespace periodic
