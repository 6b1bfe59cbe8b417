// Orbits of simplices: keys, facets, cofaces. See kernels/periodic/complex.hpp.
//
// A simplex begins at an upper entry; its other vertices are places in the same row, ascending. Key of an edge: entry;
// of a triangle: entry << 11 | place; of a tetrahedron: entry << 22 | place << 11 | place. Order: rank << 40 | key.
#pragma once

#include "matrices.cuh"

constexpr u64 kKeyMask = (u64{1} << 40) - 1;
DEVICE u32 rank_of(u64 order) { return static_cast<u32>(order >> 40); }
DEVICE u64 order_of(u32 rank, u64 key) { return static_cast<u64>(rank) << 40 | key; }

// The K vertices beside the first one.
template <int K>
struct Places {
  u32 site, entry, begin, degree, at[K];
};
template <int K>
DEVICE Places<K> places_of(const Graph& graph, u64 key) {
  Places<K> places;
  places.entry = static_cast<u32>(key >> (11 * (K - 1)));
  places.site = graph.owner[places.entry];
  places.begin = graph.row[places.site];
  places.degree = graph.row[places.site + 1] - places.begin;
  places.at[0] = places.entry - places.begin;
  for (int k = 1; k < K; ++k) places.at[k] = static_cast<u32>(key >> (11 * (K - 1 - k))) & 2047;
  return places;
}
DEVICE const u16* lunes_of(const Graph& graph, u32 i, u32 a) {
  return graph.lune + graph.block[i] + static_cast<u64>(a) * graph.stride[i];
}
DEVICE const u16* places_at(const Graph& graph, u32 i, u32 a) {
  return graph.place + graph.block[i] + static_cast<u64>(a) * graph.stride[i];
}

// Key of the coface by the neighbour at place w, and the coefficient of the simplex in its boundary.
template <int K>
DEVICE u64 coface_key(const Graph& graph, const Places<K>& places, u32 w, u32& coefficient) {
  if (places.begin + w < graph.upper[places.site]) {  // a lower neighbour: the coface begins there
    const u32 back = graph.reverse[places.begin + w];
    const u16* place = places_at(graph, places.site, w);
    coefficient = graph.coefficient[back];
    u64 key = back;
    for (int k = 0; k < K; ++k) key = key << 11 | place[places.at[k]];
    return key;
  }
  int position = 0;
  for (int k = 0; k < K; ++k) position += places.at[k] < w;
  coefficient = position % 2 ? 1 : kPrime - 1;
  u64 key = places.begin + (position == 0 ? w : places.at[0]);
  for (int k = 1; k <= K; ++k) {
    const u32 place = k < position ? places.at[k < K ? k : 0] : k == position ? w : places.at[k - 1];
    key = key << 11 | place;
  }
  return key;
}

// The facet opposite vertex `which`: its order, and its coefficient in the boundary.
template <int K>
DEVICE u64 facet(const Graph& graph, const Places<K>& places, int which, u32& coefficient) {
  static_assert(K == 2 || K == 3, "triangles and tetrahedra");
  const u16* radial = graph.rank + places.begin;
  const u32 a = places.at[0], b = places.at[1];
  coefficient = which == 0 ? graph.coefficient[places.entry] : which % 2 ? kPrime - 1 : 1;
  const u16 *lune = lunes_of(graph, places.site, a), *place = places_at(graph, places.site, a);
  if (K == 2) {
    if (which == 0) return order_of(lune[b], graph.row[graph.site[places.entry]] + place[b]);
    const u32 kept = which == 1 ? b : a;
    return order_of(radial[kept], places.begin + kept);
  }
  const u32 c = places.at[K - 1];
  if (which == 0) {
    const u32 rank = larger(larger(lune[b], lune[c]), lunes_of(graph, places.site, b)[c]);
    return order_of(rank, static_cast<u64>(graph.row[graph.site[places.entry]] + place[b]) << 11 | place[c]);
  }
  const u32 first = which == 1 ? b : a, second = which == 3 ? b : c;
  const u32 rank = larger(larger(radial[first], radial[second]), lunes_of(graph, places.site, first)[second]);
  return order_of(rank, static_cast<u64>(places.begin + first) << 11 | second);
}

// The facet that comes last; facets that are translates of one another have their coefficients added.
template <int K>
DEVICE u64 largest_facet(const Graph& graph, u64 key, u32& coefficient) {
  const Places<K> places = places_of<K>(graph, key);
  u64 best = facet<K>(graph, places, 0, coefficient);
  for (int which = 1; which <= K; ++which) {
    u32 own;
    const u64 order = facet<K>(graph, places, which, own);
    if (best < order) {
      best = order;
      coefficient = own;
    } else if (best == order) {
      coefficient = field_add(coefficient, own);
    }
  }
  return best;
}

// Where a simplex's cofaces are looked for: a neighbour at place w makes one of the largest of these ranks.
template <int K>
struct CofaceRows {
  const u16 *radial, *first, *last;
  DEVICE CofaceRows(const Graph& graph, const Places<K>& places)
      : radial(graph.rank + places.begin),
        first(lunes_of(graph, places.site, places.at[0])),
        last(lunes_of(graph, places.site, places.at[K - 1])) {}
  DEVICE u32 rank(u32 w) const { return larger(radial[w], larger(first[w], last[w])); }
};

// Warp: the key of the smallest coface of the simplex's own rank, kTop if there is none. Keys ascend with the place,
// but for images of the simplex's own first site that come before it.
template <int K>
DEVICE_CALL u64 smallest_equal_coface(u64 simplex, int lane) {
  const Graph& graph = SHARED.graph;
  const Places<K> places = places_of<K>(graph, simplex & kKeyMask);
  const CofaceRows<K> rows(graph, places);
  const u32 rank = rank_of(simplex), first_upper = graph.upper[places.site] - places.begin;
  u64 best = kTop;
  bool own_images = false;
  for (u32 base = 0; base < places.degree; base += kLanes) {
    const u32 w = base + lane;
    const bool hit = w < places.degree && rows.rank(w) <= rank;
    const u32 mask = warp_ballot(hit);
    if (!mask) continue;
    u32 coefficient;
    if (!own_images) {
      const u32 first = base + lowest_bit(mask);
      own_images = first < first_upper && graph.site[places.begin + first] == places.site;
      if (!own_images) return coface_key<K>(graph, places, first, coefficient);
    }
    if (hit) {
      const u64 key = coface_key<K>(graph, places, w, coefficient);
      if (key < best) best = key;
    }
  }
  return own_images ? warp_least(best) : kTop;
}

// Warp: whether the K-simplex is in an apparent pair with a facet; which, and its coefficient.
template <int K>
DEVICE bool apparent_facet(u64 simplex, u64& partner, u32& coefficient, int lane) {
  const Graph& graph = SHARED.graph;
  partner = largest_facet<K>(graph, simplex & kKeyMask, coefficient);
  if (partner >> 40 != simplex >> 40) return false;
  if (K == 2) return graph.partner[partner & kKeyMask] == static_cast<u32>(simplex & kKeyMask);
  return smallest_equal_coface<K - 1>(partner, lane) == (simplex & kKeyMask);
}
