// Short rings through one edge of the graph of all edges up to a tick.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cell.hpp"
#include "cohomology.hpp"

namespace periodic {

constexpr std::size_t kRingSteps = 1'000'000;  // of one search, 50 MB; a ring not found by then is left out
constexpr std::size_t kDetourSteps = 50'000;   // of a search with a cocycle, which may have nothing to find

struct Corner {
  std::int32_t site;
  std::int32_t z[3];
};
inline bool operator==(const Corner& a, const Corner& b) {
  return a.site == b.site && a.z[0] == b.z[0] && a.z[1] == b.z[1] && a.z[2] == b.z[2];
}
inline bool operator<(const Corner& a, const Corner& b) {
  if (a.site != b.site) return a.site < b.site;
  return std::lexicographical_compare(a.z, a.z + 3, b.z, b.z + 3);
}

struct Ring {
  std::int64_t cost = 0;               // of the path: ticks and corners
  std::vector<Corner> corners;         // from the first vertex of e to the second, which e joins
  std::vector<std::uint32_t> entries;  // the steps of the path, then e itself, from the second vertex to the first
};

// The place in the filtration order of the first edge that does not come before (tick, entry).
inline std::uint32_t place_in_order(const NeighbourTable& table, std::int32_t tick, std::uint32_t entry) {
  const auto at = std::lower_bound(
      table.ordered.begin(), table.ordered.end(), entry,
      [&](std::uint32_t a, std::uint32_t) { return table.tick[a] != tick ? table.tick[a] < tick : a < entry; });
  return static_cast<std::uint32_t>(at - table.ordered.begin());
}

// A cocycle at the edges of one length, which stand together in the filtration order.
struct Cocycle {
  std::uint32_t first = 0;            // rank of the first of these edges
  std::vector<std::uint32_t> values;  // at an edge whose first vertex lies in cell 0
  std::uint32_t at(std::uint32_t rank) const {
    return rank >= first && rank - first < values.size() ? values[rank - first] : 0;
  }
};

// Shortest paths by A*: length in ticks, then number of corners, and the straight line to the end as the bound of what
// is left. Of equal paths that by the corner that comes first in the vertex order (site, then shift) is taken.
class RingSearch {
 public:
  // Neighbours of every site in the filtration order. `latest`: the largest tick that will be asked for.
  void prepare(const NeighbourTable& table, const Cell& cell, const TickRule& rule, const Field& field,
               std::int32_t latest) {
    table_ = &table;
    cell_ = &cell;
    field_ = &field;
    const std::vector<std::uint32_t>& ordered = table.ordered;
    const std::size_t used = place_in_order(table, latest + 1, 0);
    start_.assign(table.n_sites + 1, 0);
    for (std::size_t rank = 0; rank < used; ++rank) {
      const std::uint32_t e = ordered[rank];
      ++start_[table.owner[e] + 1], ++start_[table.site[e] + 1];
    }
    for (std::int32_t i = 0; i < table.n_sites; ++i) start_[i + 1] += start_[i];
    end_.assign(start_.begin(), start_.end() - 1);
    steps_.resize(2 * used);
    for (std::uint32_t rank = 0; rank < used; ++rank) {
      const std::uint32_t e = ordered[rank];
      steps_[end_[table.owner[e]]++] = {rank, e};
      steps_[end_[table.site[e]]++] = {rank, table.reverse[e]};
    }
    // An edge of length d has d / resolution < tick + 1 - phase: so much longer is a path than its ticks at the most.
    const double shortest = used ? table.tick[ordered.front()] : 1;
    scale_ = (1.0 - 1e-9) / (rule.resolution * (1.0 + (1.0 - rule.phase) / shortest));
    per_tick_ = 1.0 / rule.resolution;
  }

  // The shortest ring through the edge `e`, of rank `rank`, by edges of ranks up to `last`, of a cost below `limit`;
  // false if there is none, or none within kRingSteps. With a cocycle, only rings at which it is not zero count.
  //
  // A path then carries the cocycle's value along it, and a vertex keeps its two shortest paths of different values:
  // whatever the rest of the way adds, one of the two does not end at the forbidden value.
  bool find(std::uint32_t e, std::uint32_t rank, std::uint32_t last, const Cocycle* cocycle, std::int64_t limit,
            Ring& ring) {
    last_ = last;
    limit_ = limit;
    pushed_ = 0;
    cocycle_ = cocycle;
    const Corner begin{table_->owner[e], {0, 0, 0}};
    target_ = {table_->site[e], {table_->shift[3 * e], table_->shift[3 * e + 1], table_->shift[3 * e + 2]}};
    const std::uint32_t forbidden = cocycle ? cocycle->at(rank) : 0;  // e itself is walked backwards
    if (!cocycle) limit_ = std::min(limit, by_one_corner(begin));
    nodes_.clear();
    heap_.clear();
    places_.reset(64);
    push({left(begin), 0, begin, 0, 1, 0, 0});
    while (!heap_.empty() && pushed_ <= (cocycle ? kDetourSteps : kRingSteps)) {
      std::pop_heap(heap_.begin(), heap_.end());
      const Walk walk = heap_.back();
      heap_.pop_back();
      if (walk.at == target_) {
        if (cocycle && walk.value == forbidden) continue;
        trace(walk, table_->reverse[e], ring);
        return true;
      }
      if (settle(walk) && !expand(walk, static_cast<std::uint32_t>(nodes_.size() - 1), begin)) return false;
    }
    return false;
  }

 private:
  struct Step {
    std::uint32_t rank, entry;
  };
  struct Walk {  // to a vertex, by a step from a node
    std::int64_t bound, cost;
    Corner at;
    std::uint32_t value, power;  // of the cocycle along it; of the units at its last cell
    std::uint32_t from, entry;
    // The least bound on top; of equal bounds the shortest, so that all ways into a vertex come before it; of equal
    // ways that from the node settled first.
    bool operator<(const Walk& other) const {
      if (bound != other.bound) return bound > other.bound;
      if (cost != other.cost) return cost > other.cost;
      if (!(at == other.at)) return other.at < at;
      return from > other.from;
    }
  };
  struct Node {
    Corner at;
    std::uint32_t value, from, entry;
    bool twice;  // another node at this vertex has another value
  };
  static constexpr int kCorners = 20;  // low bits of a cost count corners, the bits above are ticks
  static constexpr std::int32_t kFar = 8191;

  static Key packed(const Corner& at) {
    Key key = static_cast<Key>(at.site);
    for (int c = 0; c < 3; ++c) key = key << 14 | static_cast<Key>(at.z[c] + kFar);
    return key;
  }

  // True if a walk that ends here with this value is of no use: shorter ones were settled.
  bool known(const Corner& at, std::uint32_t value, std::int64_t& node) const {
    node = places_.find(packed(at));
    return node >= 0 && (nodes_[node].value == value || nodes_[node].twice);
  }

  bool settle(const Walk& walk) {
    std::int64_t node;
    if (known(walk.at, walk.value, node)) return false;
    if (node < 0)
      places_.insert(packed(walk.at), static_cast<std::uint32_t>(nodes_.size()));
    else
      nodes_[node].twice = true;
    nodes_.push_back({walk.at, walk.value, walk.from, walk.entry, false});
    return true;
  }

  bool expand(const Walk& walk, std::uint32_t node, const Corner& begin) {
    const std::int32_t i = walk.at.site;
    for (std::uint32_t k = start_[i]; k < end_[i] && steps_[k].rank <= last_; ++k) {
      const std::uint32_t entry = steps_[k].entry;
      const std::int64_t cost = walk.cost + (static_cast<std::int64_t>(table_->tick[entry]) << kCorners) + 1;
      if (cost >= limit_) break;  // steps come by rising length
      Corner to{table_->site[entry], {walk.at.z[0], walk.at.z[1], walk.at.z[2]}};
      for (int c = 0; c < 3; ++c) {
        to.z[c] += table_->shift[3 * entry + c];
        if (to.z[c] > kFar || to.z[c] < -kFar) return false;
      }
      if (to == begin || (walk.cost == 0 && to == target_)) continue;  // no way back, and not by e itself
      Walk next{cost + left(to), cost, to, walk.value, walk.power, node, entry};
      if (next.bound >= limit_) continue;
      if (cocycle_) carry(steps_[k], next);
      push(next);
    }
    return true;
  }

  // The value of the cocycle at a step: its edge is the one of cell 0, moved to where its first vertex is.
  void carry(const Step& step, Walk& next) const {
    const std::uint32_t before = next.power;
    next.power = field_->multiply(before, table_->coef[step.entry]);
    const std::uint32_t value = cocycle_->at(step.rank);
    if (value == 0) return;
    const bool up = table_->is_upper(step.entry);
    const std::uint32_t term = field_->multiply(value, up ? before : next.power);
    next.value = field_->add(next.value, up ? term : field_->negative(term));
  }

  // A bound above the cost of a path over one corner: no walk that costs as much is worth keeping. The second of its
  // two edges is not looked up: if surely shorter than the last one allowed it is there, and has fewer ticks than this.
  std::int64_t by_one_corner(const Corner& begin) const {
    const std::int32_t i = begin.site;
    const std::int64_t longest = table_->tick[table_->ordered[last_]];
    std::int64_t best = INT64_MAX;
    for (std::uint32_t k = start_[i]; k < end_[i] && steps_[k].rank <= last_; ++k) {
      const std::uint32_t entry = steps_[k].entry;
      Corner to{table_->site[entry], {0, 0, 0}};
      for (int c = 0; c < 3; ++c) to.z[c] = table_->shift[3 * entry + c];
      if (to == begin || to == target_) continue;
      const std::int64_t rest = static_cast<std::int64_t>(straight(to) * per_tick_) + 2;
      if (rest < longest) best = std::min(best, ((table_->tick[entry] + rest) << kCorners) + 3);
    }
    return best;
  }

  void push(const Walk& walk) {
    std::int64_t node;
    if (known(walk.at, walk.value, node)) return;  // the end itself is never settled
    ++pushed_;
    heap_.push_back(walk);
    std::push_heap(heap_.begin(), heap_.end());
  }

  // At most the ticks of any path from here to the end, and falling along a step by at most its ticks: rounding two
  // numbers down that differ by at most a whole number keeps that.
  std::int64_t left(const Corner& at) const { return static_cast<std::int64_t>(straight(at) * scale_) << kCorners; }

  // From here to the end, Å.
  double straight(const Corner& at) const {
    double f[3], v[3];
    for (int c = 0; c < 3; ++c)
      f[c] = cell_->points.fractional[3 * target_.site + c] - cell_->points.fractional[3 * at.site + c] +
             (target_.z[c] - at.z[c]);
    for (int c = 0; c < 3; ++c)
      v[c] = f[0] * cell_->lattice.rows[0][c] + f[1] * cell_->lattice.rows[1][c] + f[2] * cell_->lattice.rows[2][c];
    return std::sqrt(dot(v, v));
  }

  void trace(const Walk& walk, std::uint32_t closing, Ring& ring) const {
    ring = {walk.cost, {walk.at}, {closing, walk.entry}};
    for (std::uint32_t node = walk.from;; node = nodes_[node].from) {
      ring.corners.push_back(nodes_[node].at);
      if (node == 0) break;
      ring.entries.push_back(nodes_[node].entry);
    }
    std::reverse(ring.corners.begin(), ring.corners.end());
    std::reverse(ring.entries.begin(), ring.entries.end());
  }

  const NeighbourTable* table_ = nullptr;
  const Cell* cell_ = nullptr;
  const Field* field_ = nullptr;
  const Cocycle* cocycle_ = nullptr;
  std::vector<std::uint32_t> start_, end_;  // per site: its steps
  std::vector<Step> steps_;
  std::vector<Node> nodes_;
  std::vector<Walk> heap_;
  PivotMap places_;
  Corner target_{};
  std::uint32_t last_ = 0;
  std::int64_t limit_ = 0;
  std::size_t pushed_ = 0;
  double scale_ = 0.0, per_tick_ = 0.0;
};

}  // namespace periodic
