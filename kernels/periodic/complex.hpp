// Orbits of edges, triangles and tetrahedra of the Rips complex, never stored: facets and cofaces from the table.
//
// An orbit is represented by its simplex whose first vertex has shift 0. Key of a representative (row i, then
// neighbours a < b < c of i, as places in row i; e = entry of a):
//   edge e        triangle e << 16 | b        tetrahedron e << 32 | b << 16 | c
// The filtration order is (tick, key).
#pragma once

#include <cstdint>

#include "neighbour_table.hpp"
#include "scan.hpp"

namespace periodic {

using Key = std::uint64_t;

struct Simplex {
  std::int32_t tick;
  Key key;
};

inline bool operator<(const Simplex& a, const Simplex& b) { return a.tick != b.tick ? a.tick < b.tick : a.key < b.key; }

inline std::int32_t larger(std::int32_t a, std::int32_t b) { return a > b ? a : b; }

template <int K>
struct Places {  // a key taken apart
  std::int32_t i;
  std::uint32_t e;
  std::uint32_t at[K];
};

class Complex {
 public:
  explicit Complex(const NeighbourTable& table, const Field& field)
      : table_(table), minus_one_(field.p - 1), field_(field) {}

  template <int K>
  Places<K> places(Key key) const {
    Places<K> p;
    p.e = static_cast<std::uint32_t>(key >> (16 * (K - 1)));
    p.i = table_.owner[p.e];
    p.at[0] = p.e - table_.row[p.i];
    if constexpr (K >= 2) p.at[1] = static_cast<std::uint32_t>(key >> (16 * (K - 2))) & 0xffff;
    if constexpr (K >= 3) p.at[2] = static_cast<std::uint32_t>(key) & 0xffff;
    return p;
  }

  template <int K>
  std::int32_t tick(Key key) const {
    const Places<K> p = places<K>(key);
    const std::int32_t* radial = table_.radial_of(p.i);
    std::int32_t t = radial[p.at[0]];
    if constexpr (K >= 2) t = larger(t, larger(radial[p.at[1]], table_.ticks_of(p.i, p.at[0])[p.at[1]]));
    if constexpr (K >= 3)
      t = larger(larger(t, radial[p.at[2]]),
                 larger(table_.ticks_of(p.i, p.at[0])[p.at[2]], table_.ticks_of(p.i, p.at[1])[p.at[2]]));
    return t;
  }

  // Calls f(coface, coefficient of the simplex in the coface's boundary) for every coface of ticks above `after` and up
  // to `last`. A coface that holds the simplex twice comes twice.
  template <int K, class F>
  void for_each_coface(const Simplex& simplex, std::int32_t after, std::int32_t last, F&& f) const {
    const Places<K> p = places<K>(simplex.key);
    const std::int32_t* radial = table_.radial_of(p.i);
    const std::int32_t* x = table_.ticks_of(p.i, p.at[0]);
    const std::int32_t* y = K >= 2 ? table_.ticks_of(p.i, p.at[K - 1]) : x;
    for_each_within(radial, x, y, table_.stride[p.i], last, [&](std::uint32_t w) {
      Simplex coface;
      coface.tick = larger(larger(simplex.tick, radial[w]), larger(x[w], y[w]));
      if (coface.tick <= after) return true;
      std::uint32_t coefficient;
      coface.key = coface_key<K>(p, w, coefficient);
      f(coface, coefficient);
      return true;
    });
  }

  // The smallest coface, if it has the simplex's own tick; its coefficient is never zero (see `facet`).
  template <int K>
  bool smallest_equal_coface(const Places<K>& p, std::int32_t tick, Key& found) const {
    const std::int32_t* radial = table_.radial_of(p.i);
    const std::int32_t* x = table_.ticks_of(p.i, p.at[0]);
    const std::int32_t* y = K >= 2 ? table_.ticks_of(p.i, p.at[K - 1]) : x;
    const std::uint32_t first_upper = table_.upper[p.i] - table_.row[p.i];
    bool any = false, mixed = false;
    for_each_within(radial, x, y, table_.stride[p.i], tick, [&](std::uint32_t w) {
      std::uint32_t coefficient;
      const Key key = coface_key<K>(p, w, coefficient);
      if (!any || key < found) found = key;
      // Keys ascend with w, but for images of the first vertex below it: their cofaces begin in the same row.
      if (!any) mixed = w < first_upper && table_.site[table_.row[p.i] + w] == p.i;
      any = true;
      return mixed;
    });
    return any;
  }

  // The facet opposite vertex `which` of a K-simplex, and its coefficient in the boundary. Facet 0 is moved so that its
  // first vertex has shift 0, which multiplies by t^s. At most facet 0 and one other are the same orbit (two others
  // would be the same simplex), so a summed coefficient is t^s +- 1 with s != 0, and no unit in use is +-1 there.
  template <int K>
  Simplex facet(const Places<K>& p, int which, std::uint32_t& coefficient) const {
    const std::int32_t* radial = table_.radial_of(p.i);
    const std::uint32_t* entries = table_.entries_of(p.i, p.at[0]);
    const std::int32_t* x = table_.ticks_of(p.i, p.at[0]);
    const std::uint32_t a = p.at[0], b = p.at[1];
    coefficient = which == 0 ? table_.coef[p.e] : which % 2 ? minus_one_ : 1;
    if constexpr (K == 2) {
      if (which == 0) return {x[b], entries[b]};
      const std::uint32_t kept = which == 1 ? b : a;
      return {radial[kept], table_.row[p.i] + kept};
    } else {
      const std::uint32_t c = p.at[2];
      if (which == 0) {
        const std::int32_t t = larger(larger(x[b], x[c]), table_.ticks_of(p.i, b)[c]);
        return {t, static_cast<Key>(entries[b]) << 16 | (entries[c] - table_.row[table_.site[p.e]])};
      }
      const std::uint32_t first = which == 1 ? b : a, second = which == 3 ? b : c;
      const std::int32_t t = larger(larger(radial[first], radial[second]), table_.ticks_of(p.i, first)[second]);
      return {t, static_cast<Key>(table_.row[p.i] + first) << 16 | second};
    }
  }

  // The largest facet of a K-simplex and its coefficient, summed over its occurrences.
  template <int K>
  Simplex largest_facet(Key key, std::uint32_t& coefficient) const {
    const Places<K> p = places<K>(key);
    Simplex best = facet<K>(p, 0, coefficient);
    for (int which = 1; which <= K; ++which) {
      std::uint32_t other;
      const Simplex candidate = facet<K>(p, which, other);
      if (best < candidate) {
        best = candidate;
        coefficient = other;
      } else if (best.key == candidate.key) {
        coefficient = field_.add(coefficient, other);
      }
    }
    return best;
  }

  // True if the K-simplex (a column) and a coface of its own tick are each other's largest facet and smallest coface:
  // a pair of zero length whatever else the complex holds.
  template <int K>
  bool apparent_coface(const Simplex& simplex, Key& coface) const {
    if (!smallest_equal_coface<K>(places<K>(simplex.key), simplex.tick, coface)) return false;
    std::uint32_t coefficient;
    return largest_facet<K + 1>(coface, coefficient).key == simplex.key;
  }

  // The same seen from the coface, a K-simplex: its partner facet and the coefficient.
  template <int K>
  bool apparent_facet(const Simplex& simplex, Simplex& partner, std::uint32_t& coefficient) const {
    partner = largest_facet<K>(simplex.key, coefficient);
    if (partner.tick != simplex.tick) return false;
    Key coface;
    return smallest_equal_coface<K - 1>(places<K - 1>(partner.key), partner.tick, coface) && coface == simplex.key;
  }

 private:
  // Key of the simplex joined with the vertex at place w of row i, and the simplex's coefficient in its boundary.
  template <int K>
  Key coface_key(const Places<K>& p, std::uint32_t w, std::uint32_t& coefficient) const {
    const std::uint32_t begin = table_.row[p.i];
    if (begin + w < table_.upper[p.i]) {  // w comes first: count from its row
      const std::uint32_t back = table_.reverse[begin + w], w_row = table_.row[table_.site[begin + w]];
      const std::uint32_t* entries = table_.entries_of(p.i, w);
      coefficient = table_.coef[back];
      Key key = back;
      for (int k = 0; k < K; ++k) key = key << 16 | (entries[p.at[k]] - w_row);
      return key;
    }
    Key key = 0;
    int position = 0;
    for (; position < K && p.at[position] < w; ++position) key = append(key, p.at[position], position, begin);
    coefficient = position % 2 ? 1 : minus_one_;
    key = append(key, w, position, begin);
    for (int k = position; k < K; ++k) key = append(key, p.at[k], k + 1, begin);
    return key;
  }

  static Key append(Key key, std::uint32_t place, int position, std::uint32_t begin) {
    return position == 0 ? static_cast<Key>(begin) + place : key << 16 | place;
  }

  const NeighbourTable& table_;
  std::uint32_t minus_one_;
  const Field& field_;
};

}  // namespace periodic
