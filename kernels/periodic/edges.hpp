// The edges of one cloud, listed and put in order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cell.hpp"
#include "ticks.hpp"

namespace periodic {

struct Edge {
  std::int32_t i, j;  // i <= j; for i == j, z > 0
  std::int32_t z[3];
  std::int32_t tick;
};

constexpr std::int64_t kEdgeLimit = 4'000'000;  // 100 MB

class EdgeList {
 public:
  std::vector<Edge> edges;             // in the order of (i, j, z)
  std::vector<std::uint32_t> by_tick;  // places in `edges`, by (tick, place)

  // All edges of ticks up to tick_cut; with more than kEdgeLimit of them a smaller radius is tried.
  void list(const Cell& cell, const TickRule& rule, std::int32_t& tick_cut) {
    for (;;) {
      edges.clear();
      bool complete = true;
      const auto add = [&](std::int32_t i, std::int32_t j, const std::int32_t z[3], double distance) {
        const std::int32_t t = rule.tick(distance);
        if (t > tick_cut || !complete) return;
        complete = static_cast<std::int64_t>(edges.size()) < kEdgeLimit;
        edges.push_back({i, j, {z[0], z[1], z[2]}, t});
      };
      for_each_pair<0>(cell.lattice, cell.points, rule.reach(tick_cut), add);
      if (complete) break;
      tick_cut = static_cast<std::int32_t>(tick_cut * 0.8);
    }
    sort();
  }

  void cut(std::int32_t tick) {
    edges.erase(std::remove_if(edges.begin(), edges.end(), [&](const Edge& e) { return e.tick > tick; }), edges.end());
    sort();
  }

  bool has_coincident_points() const { return !by_tick.empty() && edges[by_tick.front()].tick <= 0; }

 private:
  struct Item {
    std::int32_t tick;
    std::uint32_t place;
  };
  static constexpr std::uint32_t kDigit = 2048;

  void sort() {
    items_.resize(edges.size());
    std::int32_t most = 0;
    for (std::size_t k = 0; k < edges.size(); ++k) {
      items_[k] = {edges[k].tick, static_cast<std::uint32_t>(k)};
      most = std::max(most, edges[k].tick);
    }
    if (items_.size() < 64)
      std::sort(items_.begin(), items_.end(),
                [](const Item& a, const Item& b) { return a.tick != b.tick ? a.tick < b.tick : a.place < b.place; });
    else
      for (int bits = 0; bits == 0 || (bits < 31 && most >> bits); bits += 11) sort_by_digit(bits);
    by_tick.resize(items_.size());
    for (std::size_t k = 0; k < items_.size(); ++k) by_tick[k] = items_[k].place;
  }

  // Stable, so that digit by digit from the lowest sorts the ticks and leaves equal ones by place.
  void sort_by_digit(int bits) {
    starts_.assign(kDigit + 1, 0);
    for (const Item& item : items_) ++starts_[(item.tick >> bits & (kDigit - 1)) + 1];
    for (std::uint32_t digit = 0; digit < kDigit; ++digit) starts_[digit + 1] += starts_[digit];
    sorted_.resize(items_.size());
    for (const Item& item : items_) sorted_[starts_[item.tick >> bits & (kDigit - 1)]++] = item;
    items_.swap(sorted_);
  }

  std::vector<Item> items_, sorted_;
  std::vector<std::uint32_t> starts_;
};

}  // namespace periodic
