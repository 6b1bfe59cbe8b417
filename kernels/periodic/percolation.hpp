// Sites in finite, chain, layer and framework components as step functions of the radius.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cell.hpp"
#include "components.hpp"
#include "ticks.hpp"

namespace periodic {

struct PercolationSettings {
  TickRule rule;
  double tolerance;  // of the primitive cell, Å; negative: take the cell as given
};

struct PercolationResult {
  Status status = Status::kGood;
  std::int32_t n_points = 0;
  std::vector<std::int32_t> ticks;   // where a count changes, ascending; the first is 0
  std::vector<std::int64_t> counts;  // 4 per tick: sites in components of rank 0..3 from that tick on

  // Once all edges of a tick are in.
  void note(std::int32_t tick, const Components& components) {
    const std::int64_t* sites = components.sites();
    if (!ticks.empty() && std::equal(sites, sites + 4, counts.end() - 4)) return;
    ticks.push_back(tick);
    counts.insert(counts.end(), sites, sites + 4);
  }
};

class PercolationEngine {
 public:
  void run(const double lattice[9], const double* positions, std::int32_t n, double r_max,
           const PercolationSettings& settings, PercolationResult& result) {
    result = PercolationResult();
    result.n_points = n;
    const Status status = prepare_cell(lattice, positions, n, settings.tolerance, cell_);
    if (status != Status::kGood) {
      result.status = status;
      return;
    }
    run(cell_, settings.rule, settings.rule.tick(r_max), result);
  }

  // The same of a cell that is ready.
  void run(const Cell& cell, const TickRule& rule, std::int32_t last, PercolationResult& result) {
    result = PercolationResult();
    const std::int32_t n = result.n_points = cell.n;
    components_.reset(n);
    result.note(0, components_);
    // Most clouds are one framework long before r_max: lists to twice the radius until they are, or r_max is reached.
    std::int32_t done = -1;
    const double spacing = n ? std::cbrt(cell.lattice.volume / n) : 0.0;
    for (std::int32_t to = std::min(last, rule.tick(1.5 * spacing)); done < last && components_.sites()[3] < n;
         done = to, to = static_cast<std::int32_t>(
                        std::min<std::int64_t>(last, 2 * static_cast<std::int64_t>(to) + 1))) {
      if (to <= done) to = last;
      add_edges(cell, rule, done, to, result);
      if (result.status != Status::kGood) return;
    }
  }

 private:
  struct Link {
    std::int32_t i, j;
    std::int32_t z[3];
    std::int32_t tick;
  };

  void add_edges(const Cell& cell, const TickRule& rule, std::int32_t done, std::int32_t to,
                 PercolationResult& result) {
    links_.clear();
    for_each_pair<2>(cell.lattice, cell.points, rule.reach(to),
                     [&](std::int32_t i, std::int32_t j, const std::int32_t z[3], double distance) {
                       const std::int32_t t = rule.tick(distance);
                       if (t > done && t <= to) links_.push_back({i, j, {z[0], z[1], z[2]}, t});
                     });
    // No further order is needed: counts are noted once all edges of a tick are in.
    std::sort(links_.begin(), links_.end(), [](const Link& a, const Link& b) { return a.tick < b.tick; });
    if (!links_.empty() && links_.front().tick <= 0) {
      result.status = Status::kCoincident;
      return;
    }
    for (std::size_t k = 0; k < links_.size();) {
      const std::int32_t t = links_[k].tick;
      bool changed = false;
      for (; k < links_.size() && links_[k].tick == t; ++k)
        changed |= components_.join(links_[k].i, links_[k].j, links_[k].z).changed;
      if (changed) result.note(t, components_);
    }
  }

  Cell cell_;
  std::vector<Link> links_;
  Components components_;
};

}  // namespace periodic
