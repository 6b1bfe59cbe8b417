// The columns of dimension 2: triangles that close no loop and are in no apparent pair, with an edge or a tetrahedron.
#pragma once

#include "edges.cuh"

// The common neighbours of i and its neighbour a, by place: rank at which they enter << 16 | place, in shared memory.
// How many; `from`: the first that stands after a.
DEVICE u32 common_neighbours(const Graph& graph, u32 begin, u32 degree, const u16* lune, u32 a, u32& from, int lane) {
  u32 size = 0;
  from = 0;
  warp_sync();
  for (u32 base = 0; base < degree; base += kLanes) {
    const u32 w = base + lane;
    const u16 between = w < degree ? lune[w] : kNeverRank;
    const bool hit = between != kNeverRank;
    const u32 mask = warp_ballot(hit);
    if (hit)
      SHARED.common[size + count_bits(mask & lanes_before(lane))] = larger(between, graph.rank[begin + w]) << 16 | w;
    from += count_bits(warp_ballot(hit && w < a));
    size += count_bits(mask);
  }
  if (lane == 0)
    for (u32 k = size; k < size + 4; ++k) SHARED.common[k] = 0xffff0000u;
  warp_sync();
  return size;
}

// Whether the triangle (i, a, b) of rank `rank` is a column; `first`: the first place that makes a coface of that rank.
DEVICE bool is_triangle_column(const Graph& graph, const Pivots& pivots, const Places<2>& places, u64 order, u32 first,
                               u32 size, const u16* lune_of_b, u32 stride) {
  const u32 rank = rank_of(order), first_upper = graph.upper[places.site] - places.begin;
  u32 coefficient;
  if (first != kNone) {
    u64 coface = coface_key<2>(graph, places, first, coefficient);
    if (first < first_upper)  // among images of the first site: keys do not ascend
      for (u32 k = 0; k < size; ++k) {
        const u32 here = SHARED.common[k], w = here & 0xffff;
        if (here >> 16 > rank || lune_of_b[w * stride] > rank) continue;
        const u64 key = coface_key<2>(graph, places, w, coefficient);
        if (key < coface) coface = key;
      }
    if (largest_facet<3>(graph, coface, coefficient) == order) return false;
  }
  const u64 edge = largest_facet<2>(graph, order & kKeyMask, coefficient);
  if (edge >> 40 == rank && graph.partner[edge & kKeyMask] == static_cast<u32>(order & kKeyMask)) return false;
  return pivots.find(order) == kNone;
}

// Complements of their orders, unsorted. kNone: they do not fit.
DEVICE u32 list_triangles(Slab& slab, u64* columns, const Graph& graph, const Tables& tables, const Pivots& pivots,
                          int lane) {
  const u32 room = slab.room<u64>();
  u32 n_columns = 0;
  for (u32 i = 0; i < graph.n; ++i) {
    const u32 begin = graph.row[i], degree = graph.row[i + 1] - begin, stride = graph.stride[i];
    const u32 own_images = tables.segment[i * graph.n + i] - begin;
    const u16* matrix = graph.lune + graph.block[i];
    for (u32 a = graph.upper[i] - begin; a < degree; ++a) {
      const u32 rank_a = graph.rank[begin + a];
      u32 from;
      const u32 size = common_neighbours(graph, begin, degree, matrix + static_cast<u64>(a) * stride, a, from, lane);
      for (u32 base = from; base < size; base += kLanes) {
        const u32 k = base + lane;
        const bool is_triangle = k < size;
        const u32 here = is_triangle ? SHARED.common[k] : 0, b = here & 0xffff, rank = larger(rank_a, here >> 16);
        const u16* lune_of_b = matrix + b;  // read across, as the matrix is symmetric
        u32 first = kNone;
        for (u32 at = 0; at < size; at += 4) {
          u32 common[4], between[4];
          for (u32 q = 0; q < 4; ++q) {
            common[q] = SHARED.common[at + q];
            between[q] = lune_of_b[(common[q] & 0xffff) * stride];
          }
          for (u32 q = 0; q < 4; ++q)
            if (first == kNone && common[q] >> 16 <= rank && between[q] <= rank) first = common[q] & 0xffff;
          if (!warp_ballot(is_triangle && first == kNone)) break;
        }
        // A coface by a vertex at an earlier site: it and the triangle are apparent.
        bool is_column = is_triangle && !(first != kNone && first < own_images);
        const u64 order = order_of(rank, static_cast<u64>(begin + a) << 11 | b);
        if (is_column) {
          const Places<2> places{i, begin + a, begin, degree, {a, b}};
          is_column = is_triangle_column(graph, pivots, places, order, first, size, lune_of_b, stride);
        }
        const u32 mask = warp_ballot(is_column);
        if (n_columns + kLanes > room) return kNone;
        if (is_column) columns[n_columns + count_bits(mask & lanes_before(lane))] = ~order;
        n_columns += count_bits(mask);
      }
    }
  }
  return n_columns;
}

// In descending order. kNone: they do not fit.
DEVICE u32 sort_triangles(Slab& slab, u64* columns, u32 n_columns, int lane) {
  const u32 size = power_of_two(n_columns);
  slab.take<u64>(size);
  if (slab.exceeded()) return kNone;
  warp_sync();
  for (u32 t = n_columns + lane; t < size; t += kLanes) columns[t] = kTop;
  sort_ascending(columns, size, lane);
  for (u32 t = lane; t < n_columns; t += kLanes) columns[t] = ~columns[t];
  warp_sync();
  return n_columns;
}
