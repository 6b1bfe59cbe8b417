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
#include <cstdint>
#include <vector>

#include "ring_search.hpp"

namespace periodic {

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
