// The edges in the order of the filtration, and their distances as ranks of distinct ticks.
#pragma once

#include "neighbours.cuh"

// Bitonic; `size` a power of two.
template <class T>
DEVICE void sort_ascending(T* values, u32 size, int lane) {
  for (u32 run = 2; run <= size; run *= 2)
    for (u32 gap = run / 2; gap > 0; gap /= 2) {
      warp_sync();
      for (u32 t = lane; t < size / 2; t += kLanes) {
        const u32 x = ((t & ~(gap - 1)) << 1) | (t & (gap - 1)), y = x | gap;
        const T first = values[x], second = values[y];
        if ((first > second) == ((x & run) == 0)) values[x] = second, values[y] = first;
      }
    }
  warp_sync();
}

DEVICE Outcome rank_edges(Graph& graph, Tables& tables, int lane) {
  const u32 n_entries = graph.n_entries, n_edges = tables.n_edges, size = power_of_two(n_edges);
  u32 put = 0;
  for (u32 base = 0; base < n_entries; base += kLanes) {
    const u32 entry = base + lane;
    const bool is_upper = entry < n_entries && entry >= graph.upper[graph.owner[entry]];
    const u32 mask = warp_ballot(is_upper);
    if (is_upper)
      tables.sorted[put + count_bits(mask & lanes_before(lane))] =
          static_cast<u64>(static_cast<u32>(tables.tick[entry])) << 32 | entry;
    if (entry < n_entries) graph.partner[entry] = kNone;
    put += count_bits(mask);
  }
  for (u32 t = n_edges + lane; t < size; t += kLanes) tables.sorted[t] = kTop;
  sort_ascending(tables.sorted, size, lane);
  u32 n_ranks = 0;
  for (u32 base = 0; base < n_edges; base += kLanes) {
    const u32 t = base + lane;
    const u64 item = t < n_edges ? tables.sorted[t] : kTop;
    const bool is_new = t < n_edges && (t == 0 || tables.sorted[t - 1] >> 32 != item >> 32);
    const u32 mask = warp_ballot(is_new);
    if (t < n_edges) {
      const u32 rank = n_ranks + count_bits(mask & lanes_before(lane)) + (is_new ? 1 : 0) - 1;
      const u32 entry = static_cast<u32>(item);
      if (is_new) tables.tick_of[rank] = static_cast<i32>(item >> 32);
      graph.rank[entry] = graph.rank[graph.reverse[entry]] = static_cast<u16>(rank);
    }
    n_ranks += count_bits(mask);
  }
  tables.n_ranks = n_ranks;
  warp_sync();
  return n_ranks > kMaxRanks ? kDegree : kDone;
}
