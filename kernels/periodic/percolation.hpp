// Sites in finite, chain, layer and framework components as step functions of the radius.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "barcode.hpp"

namespace periodic {

struct PercolationResult {
  Status status = Status::kGood;
  std::int32_t n_points = 0;
  std::vector<std::int32_t> ticks;   // where a count changes, ascending; the first is 0
  std::vector<std::int64_t> counts;  // 4 per tick: sites in components of rank 0..3 from that tick on
};

class PercolationEngine {
 public:
  void run(const double lattice[9], const double* positions, std::int32_t n, double r_max, const Settings& settings,
           PercolationResult& result) {
    result = PercolationResult();
    result.n_points = n;
    const Status status = prepare_cell(lattice, positions, n, settings.tolerance, cell_);
    if (status != Status::kGood) {
      result.status = status;
      return;
    }
    result.n_points = n = cell_.n;
    components_.reset(n);
    note(0, result);
    // Most clouds are one framework long before r_max: lists to twice the radius until they are, or r_max is reached.
    const std::int32_t last = settings.rule.tick(r_max);
    std::int32_t done = -1;
    const double spacing = n ? std::cbrt(cell_.lattice.volume / n) : r_max;
    for (std::int32_t to = std::min(last, settings.rule.tick(1.5 * spacing)); done < last && components_.sites()[3] < n;
         done = to, to = std::min<std::int64_t>(last, 2 * static_cast<std::int64_t>(to) + 1)) {
      if (to <= done) to = last;
      add_edges(settings.rule, done, to, result);
      if (result.status != Status::kGood) return;
    }
  }

 private:
  void add_edges(const TickRule& rule, std::int32_t done, std::int32_t to, PercolationResult& result) {
    edges_.clear();
    for_each_pair(cell_.lattice, cell_.points, rule.reach(to),
                  [&](std::int32_t i, std::int32_t j, const std::int32_t z[3], double distance) {
                    const std::int32_t t = rule.tick(distance);
                    if (t > done && t <= to) edges_.push_back({i, j, {z[0], z[1], z[2]}, t});
                  });
    // No further order is needed: counts are noted once all edges of a tick are in.
    std::sort(edges_.begin(), edges_.end(), [](const Edge& a, const Edge& b) { return a.tick < b.tick; });
    if (!edges_.empty() && edges_.front().tick <= 0) {
      result.status = Status::kCoincident;
      return;
    }
    for (std::size_t k = 0; k < edges_.size();) {
      const std::int32_t t = edges_[k].tick;
      bool changed = false;
      for (; k < edges_.size() && edges_[k].tick == t; ++k)
        changed |= components_.join(edges_[k].i, edges_[k].j, edges_[k].z).changed;
      if (changed) note(t, result);
    }
  }

  void note(std::int32_t tick, PercolationResult& result) {
    const std::int64_t* sites = components_.sites();
    if (!result.ticks.empty() && std::equal(sites, sites + 4, result.counts.end() - 4)) return;
    result.ticks.push_back(tick);
    result.counts.insert(result.counts.end(), sites, sites + 4);
  }

  Cell cell_;
  std::vector<Edge> edges_;
  Components components_;
};

}  // namespace periodic
