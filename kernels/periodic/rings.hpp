// A short ring for every loop: what a reader can be shown of a class.
//
// All edges as long as the birth edge, in ticks, come at one radius; the filtration order among them is arbitrary, and
// a ring that kept to it would often be absurdly long. So rings are sought in the graph of all edges up to that tick,
// each e plus a shortest path between its ends without this one instance of e (other translates of e are used where e
// links translates of an infinite component). Such a path exists for every edge e that kills no component: e and
// earlier edges with polynomials in the translations as coefficients combine to a cycle (denominators cleared), a
// finite cycle of the infinite crystal in which some translate of e has a coefficient that is not zero; an edge in the
// support of a cycle is no bridge of it, and the translation that moves this one to e keeps the graph. Every cycle that
// is new at that radius holds such an edge.
//
// Which bar a ring R stands for, the cocycles of the reduction tell. The cocycle of a bar vanishes on earlier edges and
// on boundaries of all triangles before the bar's death: if its value at R is not zero, R is neither a boundary nor a
// combination of older cycles as long as the bar lives. If the cocycles of the bars born at the same radius that live
// longer are zero at R, then R is, once the bar is dead, a boundary up to older cycles: what lives on of it would be
// seen by one of them. Bars of the same birth and death take rings that are independent (de Pina's algorithm for a
// minimum cycle basis: a cocycle is made zero on the rings already taken).
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

// Chooses the ring of every loop of a barcode.
class Rings {
 public:
  std::vector<Ring> found;  // of every H1 bar; one without corners was not found

  // Of the `groups` most persistent kinds of H1 bars (equal birth and death), each the first `members`. `bars` are
  // sorted; `kills` marks the edges that kill a component; `cochains` are those of the reduction of edges.
  void find(const NeighbourTable& table, const Cell& cell, const TickRule& rule, const Field& field,
            const std::vector<char>& kills, const Cochains& cochains, const Digits& digits,
            const std::vector<Bar>& bars, std::int32_t groups, std::int32_t members) {
    table_ = &table;
    field_ = &field;
    cochains_ = &cochains;
    digits_ = digits;
    found.clear();
    const auto first = std::find_if(bars.begin(), bars.end(), [](const Bar& bar) { return bar.dim == 1; });
    const auto end = std::find_if(first, bars.end(), [](const Bar& bar) { return bar.dim > 1; });
    if (first == end) return;
    found.resize(end - first);
    wanted_.assign(found.size(), 0);
    want(&*first, groups, members);
    search_.prepare(table, cell, rule, field, (end - 1)->birth);
    for (auto same = first; same != end;) {
      const auto begin = same;
      while (same != end && same->birth == begin->birth) ++same;
      const char* wanted = &wanted_[begin - first];
      if (std::find(wanted, wanted + (same - begin), 1) != wanted + (same - begin))
        choose(&*begin, same - begin, kills, wanted, &found[begin - first]);
    }
  }

 private:
  struct Term {
    std::uint32_t rank, coef;
  };
  using Terms = std::vector<Term>;  // of a ring: its edges of the birth's length
  struct Candidate {                // a shortest ring through such an edge
    std::uint32_t rank;
    Ring ring;
    Terms terms;
  };

  void want(const Bar* bars, std::int32_t groups, std::int32_t members) {
    struct Group {
      std::int32_t length;
      std::size_t begin, end;
    };
    std::vector<Group> all;
    for (std::size_t k = 0; k < wanted_.size(); ++k) {
      if (k && bars[k].birth == bars[k - 1].birth && bars[k].death == bars[k - 1].death)
        all.back().end = k + 1;
      else
        all.push_back({bars[k].death == kNever ? kNever - bars[k].birth : bars[k].death - bars[k].birth, k, k + 1});
    }
    std::stable_sort(all.begin(), all.end(), [](const Group& a, const Group& b) { return a.length > b.length; });
    if (all.size() > static_cast<std::size_t>(groups)) all.resize(groups);
    for (const Group& group : all)
      for (std::size_t k = group.begin; k < group.end && k - group.begin < static_cast<std::size_t>(members); ++k)
        wanted_[k] = 1;
  }

  // The rings of bars of one birth, sorted by death.
  void choose(const Bar* bars, std::size_t n, const std::vector<char>& kills, const char* wanted, Ring* rings) {
    first_ = place_in_order(*table_, bars[0].birth, 0);
    end_ = place_in_order(*table_, bars[0].birth + 1, 0);
    candidates_.clear();
    cocycles_.clear();
    if (n * (end_ - first_) <= kPlaces) {
      list_candidates(kills);
      for (std::size_t k = 0; k < n; ++k) {
        cocycles_.push_back({first_, std::vector<std::uint32_t>(end_ - first_, 0)});
        const Order birth = static_cast<Order>(table_->rank[bars[k].birth_key]) << digits_.key | bars[k].birth_key;
        cochains_->for_each_term(birth, [&](Order edge, std::uint32_t coef) {
          const std::uint32_t e = static_cast<std::uint32_t>(digits_.key_of(edge));
          if (table_->tick[e] == bars[k].birth) cocycles_[k].values[rank(e) - first_] = coef;
        });
      }
    }
    for (std::size_t begin = 0, end = 0; begin < n;
         begin = end) {  // bars of one death; those from `end` on live longer
      while (end < n && bars[end].death == bars[begin].death) ++end;
      for (std::size_t k = begin; k < end && wanted[k]; ++k) {
        rings[k] = shortest(k, end, bars[k]);
        if (cocycles_.empty()) continue;
        const Terms terms = terms_of(rings[k]);
        for (std::size_t other = k + 1; other < end && wanted[other]; ++other) clear(other, k, terms);
      }
    }
  }

  void list_candidates(const std::vector<char>& kills) {
    for (std::uint32_t r = first_; r < end_; ++r) {
      const std::uint32_t e = table_->ordered[r];
      Candidate candidate{r, {}, {}};
      if (kills[e] || !search_.find(e, r, end_ - 1, nullptr, INT64_MAX, candidate.ring)) continue;
      candidate.terms = terms_of(candidate.ring);
      candidates_.push_back(std::move(candidate));
    }
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.ring.cost < b.ring.cost; });
  }

  // The shortest ring that stands for the bar.
  Ring shortest(std::size_t k, std::size_t longer, const Bar& bar) {
    std::size_t stop = 0;
    while (stop < candidates_.size() && !stands_for(k, longer, candidates_[stop].terms)) ++stop;
    Ring best;
    if (stop < candidates_.size()) {
      best = candidates_[stop].ring;
    } else {
      // By the filtration order alone there is always one: its coefficient of e is a sum of distinct translations.
      const std::uint32_t e = static_cast<std::uint32_t>(bar.birth_key), birth = rank(e);
      search_.find(e, birth, birth, nullptr, INT64_MAX, best);
    }
    const bool stands = stop < candidates_.size() || (!cocycles_.empty() && stands_for(k, longer, terms_of(best)));
    std::int64_t limit = stands ? best.cost : INT64_MAX;
    int tried = 0;
    for (std::size_t c = 0; c < stop && tried < kDetours; ++c) {  // shorter ones may go through these edges another way
      const Candidate& candidate = candidates_[c];
      if (candidate.ring.cost >= limit) break;
      if (cocycles_[k].at(candidate.rank) == 0) continue;
      const std::uint32_t e = table_->ordered[candidate.rank];
      Ring other;
      ++tried;
      if (!search_.find(e, candidate.rank, end_ - 1, &cocycles_[k], limit, other) || !simple(other) ||
          !stands_for(k, longer, terms_of(other)))
        continue;
      limit = other.cost;
      best = std::move(other);
    }
    return best;
  }

  // True if the bar's cocycle is not zero at the ring, and those of the bars that live longer are.
  bool stands_for(std::size_t k, std::size_t longer, const Terms& terms) const {
    if (value(cocycles_[k], terms) == 0) return false;
    for (std::size_t other = longer; other < cocycles_.size(); ++other)
      if (value(cocycles_[other], terms) != 0) return false;
    return true;
  }

  static bool simple(const Ring& ring) {
    std::vector<Corner> corners = ring.corners;
    std::sort(corners.begin(), corners.end());
    return std::adjacent_find(corners.begin(), corners.end()) == corners.end();
  }

  // Makes the cocycle of a bar zero on the ring that a bar of the same birth and death has taken.
  void clear(std::size_t other, std::size_t taken, const Terms& terms) {
    const std::uint32_t at = value(cocycles_[other], terms), of_taken = value(cocycles_[taken], terms);
    if (at == 0 || of_taken == 0) return;
    const std::uint32_t factor = field_->negative(field_->multiply(at, field_->inverse(of_taken)));
    std::vector<std::uint32_t>& values = cocycles_[other].values;
    for (std::size_t edge = 0; edge < values.size(); ++edge)
      values[edge] = field_->add(values[edge], field_->multiply(factor, cocycles_[taken].values[edge]));
  }

  // The edge of a step is that of cell 0, moved to where its first vertex is.
  Terms terms_of(const Ring& ring) const {
    Terms terms;
    std::uint32_t power = 1;  // of the units at the cell that the walk has reached
    for (const std::uint32_t entry : ring.entries) {
      const bool up = table_->is_upper(entry);
      const std::uint32_t next = field_->multiply(power, table_->coef[entry]);
      if (table_->tick[entry] == table_->tick[table_->ordered[first_]])
        terms.push_back({rank(up ? entry : table_->reverse[entry]), up ? power : field_->negative(next)});
      power = next;
    }
    return terms;
  }

  std::uint32_t value(const Cocycle& cocycle, const Terms& terms) const {
    std::uint32_t sum = 0;
    for (const Term& term : terms) sum = field_->add(sum, field_->multiply(cocycle.at(term.rank), term.coef));
    return sum;
  }

  std::uint32_t rank(std::uint32_t edge) const { return place_in_order(*table_, table_->tick[edge], edge); }

  static constexpr int kDetours = 8;               // searches with a cocycle for one bar
  static constexpr std::size_t kPlaces = 1 << 22;  // in the cocycles of one birth, 16 MB; beyond, no choice is made

  const NeighbourTable* table_ = nullptr;
  const Field* field_ = nullptr;
  const Cochains* cochains_ = nullptr;
  Digits digits_ = Digits::narrow();
  std::uint32_t first_ = 0, end_ = 0;  // ranks of the edges of that length
  RingSearch search_;
  std::vector<char> wanted_;
  std::vector<Candidate> candidates_;
  std::vector<Cocycle> cocycles_;
};

}  // namespace periodic
