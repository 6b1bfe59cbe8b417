// Which edge joins two vertices: its place in a row, without a search.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "neighbour_table.hpp"

#if defined(__GNUC__) || defined(__clang__)
#define PERIODIC_COLD __attribute__((noinline, cold))
#else
#define PERIODIC_COLD
#endif

namespace periodic {

// For vertices a < b that are joined, the place of b - a in the row of the site of a.
//
// A shift (x, y, z) is numbered (x * side_y + y) * side_z + z. The sides are wide enough that edges differ in it, and
// it is linear, so that the number of b - a is a difference. For every pair of sites a stretch of `places_` holds the
// places of their edges by that number. What lies between them is never asked for and never written.
class EdgeIndex {
 public:
  void build(const NeighbourTable& table) {
    table_ = &table;
    searched_ = !lay_out();
    if (searched_) return;
    const std::size_t size = table.site.size();
    for (std::size_t e = 0; e < size; ++e) {
      if (!table.is_upper(static_cast<std::uint32_t>(e))) continue;
      const std::int32_t i = table.owner[e];
      places_[start(i, table.site[e]) + linear_[e]] = static_cast<std::uint16_t>(e - table.row[i]);
    }
  }

  // For entries a and b of one row that stand for joined neighbours, a before b.
  std::uint32_t between(std::uint32_t a, std::uint32_t b) const {
    if (searched_) return search(a, b);
    return places_[start(table_->site[a], table_->site[b]) + (linear_[b] - linear_[a])];
  }

 private:
  static constexpr std::int64_t kSites = 2048;      // 16 MB of starts
  static constexpr std::int64_t kPlaces = 1 << 24;  // 32 MB

  std::int64_t start(std::int32_t i, std::int32_t j) const {
    return starts_[static_cast<std::size_t>(i) * static_cast<std::size_t>(table_->n_sites) +
                   static_cast<std::size_t>(j)];
  }

  // False where the stretches would be too long (needle cells) or too many.
  bool lay_out() {
    const NeighbourTable& table = *table_;
    const std::int64_t n = table.n_sites;
    const std::int64_t side_y = 2 * table.widest[1] + 1, side_z = 2 * table.widest[2] + 1;
    if (n > kSites || (2 * table.widest[0] + 1) * side_y * side_z > kPlaces) return false;
    const std::size_t size = table.site.size();
    linear_.resize(size);
    for (std::size_t e = 0; e < size; ++e) {
      const std::int32_t* z = &table.shift[3 * e];
      linear_[e] = static_cast<std::int32_t>((z[0] * side_y + z[1]) * side_z + z[2]);
    }
    starts_.resize(static_cast<std::size_t>(n * n));
    std::int64_t total = 0;
    for (std::int32_t i = 0; i < n; ++i)
      for (std::uint32_t begin = table.upper[i], end = begin; begin < table.row[i + 1]; begin = end) {
        const std::int32_t j = table.site[begin];
        while (end < table.row[i + 1] && table.site[end] == j) ++end;
        // Upper neighbours ascend, so the first number is the least and the last the greatest.
        starts_[static_cast<std::size_t>(i * n + j)] = static_cast<std::int32_t>(total - linear_[begin]);
        total += linear_[end - 1] - linear_[begin] + 1;
        if (total > kPlaces) return false;
      }
    if (places_.size() < static_cast<std::size_t>(total)) places_.resize(static_cast<std::size_t>(total));
    return true;
  }

  PERIODIC_COLD std::uint32_t search(std::uint32_t a, std::uint32_t b) const {
    const NeighbourTable& table = *table_;
    const std::int32_t i = table.site[a];
    std::int32_t wanted[3];
    for (int c = 0; c < 3; ++c) wanted[c] = table.shift[3 * b + c] - table.shift[3 * a + c];
    std::uint32_t low = table.upper[i], high = table.row[i + 1];
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (before(middle, table.site[b], wanted))
        low = middle + 1;
      else
        high = middle;
    }
    return low - table.row[i];
  }

  bool before(std::uint32_t entry, std::int32_t j, const std::int32_t z[3]) const {
    if (table_->site[entry] != j) return table_->site[entry] < j;
    const std::int32_t* own = &table_->shift[3 * entry];
    return std::lexicographical_compare(own, own + 3, z, z + 3);
  }

  const NeighbourTable* table_ = nullptr;
  bool searched_ = false;
  std::vector<std::int32_t> linear_;  // per entry: the number of its shift
  std::vector<std::int32_t> starts_;  // (n, n): where the stretch of a pair of sites would hold the shift 0
  std::vector<std::uint16_t> places_;
};

}  // namespace periodic
