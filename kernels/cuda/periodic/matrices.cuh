// Of every two neighbours of a site: whether an edge joins them, its rank, and its place.
#pragma once

#include "components.cuh"

DEVICE void fill_matrices(const Graph& graph, const Tables& tables, int lane) {
  const u32 n = graph.n;
  const bool cached = graph.n_entries <= kCachedShifts;
  if (cached)
    for (u32 entry = lane; entry < graph.n_entries; entry += kLanes) SHARED.shifts[entry] = tables.shift[entry];
  warp_sync();
  for (u32 i = 0; i < n; ++i) {
    const u32 begin = graph.row[i], degree = graph.row[i + 1] - begin, stride = graph.stride[i];
    for (u32 a = 0; a < degree; ++a) {
      const u32 ja = graph.site[begin + a], row_a = graph.row[ja];
      const i32 shift_a = tables.shift[begin + a];
      u16* lune = graph.lune + graph.block[i] + static_cast<u64>(a) * stride;
      u16* place = graph.place + graph.block[i] + static_cast<u64>(a) * stride;
      for (u32 b = lane; b < stride; b += kLanes) {
        u16 rank = kNeverRank, where = 0;
        if (b < degree && b != a) {
          // Among the images of site jb in the row of ja, of which the upper half is in order.
          const u32 jb = graph.site[begin + b], count = tables.images[ja * n + jb];
          i32 wanted = tables.shift[begin + b] - shift_a;
          u32 from, to;
          if (ja == jb) {
            from = graph.upper[ja];
            to = wanted < 0 ? from - count : from;
            wanted = wanted < 0 ? -wanted : wanted;
          } else if (ja < jb) {
            from = to = tables.segment[ja * n + jb];
          } else {
            from = tables.segment[jb * n + ja];
            to = tables.segment[ja * n + jb];
            wanted = -wanted;
          }
          u32 low = 0, high = count;
          i32 found = wanted + 1;
          while (low < high) {
            const u32 middle = (low + high) / 2;
            const i32 shift = cached ? SHARED.shifts[from + middle] : tables.shift[from + middle];
            if (shift < wanted) {
              low = middle + 1;
            } else {
              high = middle;
              found = shift;
            }
          }
          if (found == wanted) {
            rank = graph.rank[to + low];
            where = static_cast<u16>(to + low - row_a);
          }
        }
        lune[b] = rank;
        place[b] = where;
      }
    }
  }
  warp_sync();
}
