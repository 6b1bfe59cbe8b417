// Orbits of edges, triangles and tetrahedra of the Rips complex, never stored: facets and cofaces from the tables.
//
// An orbit is represented by its simplex whose first vertex has shift 0: row i, then neighbours a < b < c of i, as
// places in row i; e = entry of a. Its key is (e), (e, b) or (e, b, c) as digits of one number, of widths fixed for the
// cloud. The filtration order is (rank, key): one number again, with the rank as the first digit.
#pragma once

#include <cstdint>
#include <vector>

#include "edge_index.hpp"
#include "lunes.hpp"

namespace periodic {

using Key = std::uint64_t;
using Order = std::uint64_t;  // rank and key

// Widths of the digits of keys.
struct Digits {
  int place;  // bits of a place in a row
  int key;    // bits of the longest key

  static constexpr Digits narrow() { return {12, 48}; }  // an entry has 24 bits, by kEdgeLimit
  static Digits wide(const NeighbourTable& table) {
    const int place = bits_of(table.widest_row());
    return {place, bits_of(table.site.size()) + 2 * place};
  }

  // True if ranks, places and keys have room.
  bool fit(const NeighbourTable& table) const {
    return table.widest_row() < std::uint32_t{1} << place && key + bits_of(table.tick_of.size() + 1) <= 64;
  }
  Key key_of(Order simplex) const { return simplex & ((Key{1} << key) - 1); }

 private:
  static int bits_of(std::uint64_t number) {
    int bits = 0;
    for (; number; number >>= 1) ++bits;
    return bits;
  }
};

template <int K>
struct Places {  // a key taken apart
  std::int32_t i;
  std::uint32_t e, begin;  // entry of the second vertex, of the row
  std::uint32_t at[K];
};

template <int K>
Places<K> places_of(const NeighbourTable& table, const Digits& digits, Key key) {
  Places<K> p;
  const std::uint32_t mask = (1u << digits.place) - 1;
  p.e = static_cast<std::uint32_t>(key >> (digits.place * (K - 1)));
  p.i = table.owner[p.e];
  p.begin = table.row[p.i];
  p.at[0] = p.e - p.begin;
  if constexpr (K >= 2) p.at[1] = static_cast<std::uint32_t>(key >> (digits.place * (K - 2))) & mask;
  if constexpr (K >= 3) p.at[2] = static_cast<std::uint32_t>(key) & mask;
  return p;
}

template <class Rank>
class Complex {
 public:
  // A facet and its coefficient in the boundary; the inverse of that, or 0 where it is not at hand.
  struct Facet {
    Order simplex;
    std::uint32_t coef, inverse;
  };

  Complex(const NeighbourTable& table, const EdgeIndex& index, const LuneTable<Rank>& lunes, const Digits& digits,
          const Field& field)
      : table_(table), index_(index), lunes_(lunes), digits_(digits), field_(field), minus_one_(field.p - 1) {}

  Rank rank_of(Order simplex) const { return static_cast<Rank>(simplex >> digits().key); }
  Key key_of(Order simplex) const { return digits().key_of(simplex); }
  Order order(std::uint32_t rank, Key key) const { return static_cast<Order>(rank) << digits().key | key; }
  Order edge(std::uint32_t e) const { return order(table_.rank[e], e); }
  template <int K>
  Places<K> places(Order simplex) const {
    return places_of<K>(table_, digits(), key_of(simplex));
  }

  // Calls f(coface, coefficient of the simplex in the coface's boundary) for every coface after `after` of ranks up to
  // `last`. A coface that holds the simplex twice comes twice.
  template <int K, class F>
  void for_each_coface(Order simplex, Order after, Rank last, F&& f) const {
    const Places<K> p = places<K>(simplex);
    const Rank own = rank_of(simplex), least = rank_of(after);
    const Rank *x = lunes_.row_of(p.e), *y = K >= 2 ? lunes_.row_of(p.begin + p.at[K - 1]) : x;
    const auto visit = [&](std::uint32_t w) {
      std::uint32_t coefficient;
      const Rank rank = larger(own, larger(x[w], y[w]));
      const Order coface = order(rank, coface_key<K>(p, w, coefficient));
      if (coface > after) f(coface, coefficient);
    };
    const auto within = [&](std::uint32_t at, Rank t) {
      return K == 1 ? within_block(x + at, t) : within_block(x + at, y + at, t);
    };
    for_each_between(within, lunes_.length(p.i), least > own ? least - std::int64_t{1} : -1, last, visit);
  }

  // The smallest coface by a vertex from place `from` on, if it has the simplex's own rank; its coefficient is never
  // zero (see `facet`).
  template <int K>
  bool smallest_equal_coface(Order simplex, const Places<K>& p, std::uint32_t from, Order& found) const {
    const Rank own = rank_of(simplex);
    const Rank *x = lunes_.row_of(p.e), *y = K >= 2 ? lunes_.row_of(p.begin + p.at[K - 1]) : x;
    const std::uint32_t first_upper = table_.upper[p.i] - p.begin;
    bool any = false, mixed = false;
    for_each_within(x, y, from, lunes_.length(p.i), own, [&](std::uint32_t w) {
      std::uint32_t coefficient;
      const Order coface = order(own, coface_key<K>(p, w, coefficient));
      if (!any || coface < found) found = coface;
      // Keys ascend with w, but for images of the first vertex below it: their cofaces begin in the same row.
      if (!any) mixed = w < first_upper && table_.site[p.begin + w] == p.i;
      any = true;
      return mixed;
    });
    return any;
  }
  template <int K>
  bool smallest_equal_coface(Order simplex, Order& found) const {
    return smallest_equal_coface<K>(simplex, places<K>(simplex), 0, found);
  }

  // The facet opposite vertex `which` of a K-simplex, and its coefficient in the boundary. Facet 0 is moved so that its
  // first vertex has shift 0, which multiplies by t^s. At most facet 0 and one other are the same orbit (two others
  // would be the same simplex), so a summed coefficient is t^s +- 1 with s != 0, and no unit in use is +-1 there.
  template <int K>
  Order facet(const Places<K>& p, int which) const {
    const Rank* radial = lunes_.radial_of(p.i);
    const std::uint32_t a = p.at[0], b = p.at[1];
    if constexpr (K == 2) {
      if (which == 0) return edge(table_.row[table_.site[p.e]] + index_.between(p.e, p.begin + b));
      const std::uint32_t kept = which == 1 ? b : a;
      return order(radial[kept], p.begin + kept);
    } else {
      const std::uint32_t c = p.at[2];
      if (which == 0) {
        const std::int32_t k = table_.site[p.e];
        const std::uint32_t to_b = index_.between(p.e, p.begin + b), to_c = index_.between(p.e, p.begin + c);
        const std::uint32_t e = table_.row[k] + to_b;
        const Rank rank = larger(static_cast<Rank>(table_.rank[e]), lunes_.row_of(e)[to_c]);
        return order(rank, static_cast<Key>(e) << digits().place | to_c);
      }
      const std::uint32_t first = which == 1 ? b : a, second = which == 3 ? b : c;
      return order(larger(radial[first], lunes_.row_of(p.begin + first)[second]),
                   static_cast<Key>(p.begin + first) << digits().place | second);
    }
  }

  // The largest facet of a K-simplex and its coefficient, summed over its occurrences.
  template <int K>
  Facet largest_facet(Order simplex) const {
    const Places<K> p = places<K>(simplex);
    Facet best{facet<K>(p, 0), table_.coef[p.e], table_.coef[table_.reverse[p.e]]};
    for (int which = 1; which <= K; ++which) {
      const Order candidate = facet<K>(p, which);
      const std::uint32_t sign = which % 2 ? minus_one_ : 1;
      if (best.simplex < candidate)
        best = {candidate, sign, sign};
      else if (best.simplex == candidate)
        best = {candidate, field_.add(best.coef, sign), 0};
    }
    if (best.inverse == 0) best.inverse = field_.inverse(best.coef);
    return best;
  }

  // The entry of the largest facet of a triangle of that rank, looked up only where it may be the one opposite vertex
  // 0.
  std::uint32_t longest_edge(const Places<2>& p, Rank rank) const {
    const std::uint32_t to_a = p.e, to_b = p.begin + p.at[1];
    const std::uint32_t known = lunes_.radial_of(p.i)[p.at[1]] == rank ? to_b : to_a;
    // A lune's rank is at least that of the edge between its neighbour and its far end.
    if (lunes_.row_of(to_a)[p.at[1]] < rank || lunes_.row_of(to_b)[p.at[0]] < rank) return known;
    const Order opposite = facet<2>(p, 0);
    return opposite > edge(known) ? static_cast<std::uint32_t>(key_of(opposite)) : known;
  }

  // True if the K-simplex is the smallest coface of its largest facet, at the same rank: an apparent pair, which has
  // length zero whatever else the complex holds. `partners`: of every edge, the triangle it is in such a pair with, or
  // 0.
  template <int K>
  bool apparent_facet(Order simplex, const std::vector<Order>& partners, Facet& facet) const {
    facet = largest_facet<K>(simplex);
    if constexpr (K == 2) return partners[key_of(facet.simplex)] == simplex;
    Order coface;
    return rank_of(facet.simplex) == rank_of(simplex) && smallest_equal_coface<K - 1>(facet.simplex, coface) &&
           coface == simplex;
  }

  // True if no facet of a coface comes after this one.
  template <int K>
  bool is_largest_facet(Order facet_order, Order coface) const {
    const Places<K> p = places<K>(coface);
    for (int which = K; which >= 0; --which)
      if (facet<K>(p, which) > facet_order) return false;
    return true;
  }

  // Known when this is compiled for ranks of 16 bits.
  Digits digits() const {
    if constexpr (sizeof(Rank) == 2) return Digits::narrow();
    return digits_;
  }

  static Rank larger(Rank a, Rank b) { return a > b ? a : b; }

 private:
  // Key of the simplex joined with the vertex at place w of row i, and the simplex's coefficient in its boundary.
  template <int K>
  Key coface_key(const Places<K>& p, std::uint32_t w, std::uint32_t& coefficient) const {
    const std::uint32_t entry = p.begin + w;
    if (entry < table_.upper[p.i]) {  // w comes first: count from its row
      const std::uint32_t back = table_.reverse[entry];
      coefficient = table_.coef[back];
      Key key = back;
      for (int k = 0; k < K; ++k) key = key << digits().place | index_.between(entry, p.begin + p.at[k]);
      return key;
    }
    // Sorted without a branch: which case it is cannot be foreseen.
    const std::uint32_t first = p.at[0], last = p.at[K - 1];
    const std::uint32_t low = first < w ? first : w, high = last > w ? last : w;
    const Key key = static_cast<Key>(p.begin + low) << digits().place;
    if constexpr (K == 1) {
      coefficient = first < w ? 1 : minus_one_;
      return key | high;
    } else {
      coefficient = (first < w) != (last < w) ? 1 : minus_one_;
      return (key | (first + last + w - low - high)) << digits().place | high;
    }
  }

  const NeighbourTable& table_;
  const EdgeIndex& index_;
  const LuneTable<Rank>& lunes_;
  const Digits digits_;
  const Field field_;
  const std::uint32_t minus_one_;
};

}  // namespace periodic
