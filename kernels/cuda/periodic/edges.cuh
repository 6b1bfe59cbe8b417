// The columns of dimension 1: edges that end no component and are in no apparent pair.
#pragma once

#include "reduction.cuh"

// An edge and its smallest coface of its own rank are an apparent pair if the edge is the coface's largest facet.
// One lane an edge: rows of a matrix are read across.
DEVICE void pair_edges(const Graph& graph, const Tables& tables, int lane) {
  for (u32 i = 0; i < graph.n; ++i) {
    const u32 begin = graph.row[i], degree = graph.row[i + 1] - begin, first_upper = graph.upper[i] - begin;
    const u32 stride = graph.stride[i];
    const u32 own_images = tables.segment[i * graph.n + i] - begin;
    const u16 *matrix = graph.lune + graph.block[i], *radial = graph.rank + begin;
    for (u32 base = first_upper; base < degree; base += kLanes) {
      const u32 a = base + lane, entry = begin + a;
      const bool is_asked = a < degree && graph.partner[entry] != kKills;
      const u32 across = a < degree ? a : 0, rank = radial[across];
      u32 first = kNone;
      for (u32 w = 0; w < degree; w += 4) {
        u32 to_w[4], between[4];
        for (u32 k = 0; k < 4; ++k) {
          const u32 at = w + k < degree ? w + k : 0;
          to_w[k] = w + k < degree ? radial[at] : kNeverRank;
          between[k] = matrix[static_cast<u64>(at) * stride + across];
        }
        for (u32 k = 0; k < 4; ++k)
          if (first == kNone && to_w[k] <= rank && between[k] <= rank) first = w + k;
        if (!warp_ballot(is_asked && first == kNone)) break;
      }
      if (!is_asked || first == kNone) continue;
      const Places<1> places{i, entry, begin, degree, {a}};
      u32 coefficient;
      u64 coface = coface_key<1>(graph, places, first, coefficient);
      if (first >= own_images && first < first_upper)  // keys do not ascend among them
        for (u32 w = first + 1; w < degree; ++w)
          if (radial[w] <= rank && matrix[static_cast<u64>(w) * stride + a] <= rank) {
            const u64 key = coface_key<1>(graph, places, w, coefficient);
            if (key < coface) coface = key;
          }
      if (largest_facet<2>(graph, coface, coefficient) == order_of(rank, entry))
        graph.partner[entry] = static_cast<u32>(coface);
    }
  }
  warp_sync();
}

// In descending order. kNone: they do not fit.
DEVICE u32 list_edges(Slab& slab, u64* columns, const Graph& graph, const Tables& tables, int lane) {
  const u32 room = slab.room<u64>();
  u32 n_columns = 0;
  for (u32 base = 0; base < tables.n_edges; base += kLanes) {
    const bool is_edge = base + lane < tables.n_edges;
    const u32 entry = is_edge ? static_cast<u32>(tables.sorted[tables.n_edges - 1 - base - lane]) : 0;
    const bool is_column = is_edge && graph.partner[entry] == kNone;
    const u32 mask = warp_ballot(is_column);
    if (n_columns + kLanes > room) return kNone;
    if (is_column) columns[n_columns + count_bits(mask & lanes_before(lane))] = order_of(graph.rank[entry], entry);
    n_columns += count_bits(mask);
  }
  slab.take<u64>(n_columns);
  warp_sync();
  return n_columns;
}
