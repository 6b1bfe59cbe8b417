// The columns by their pivots: a hash table with open addresses in the slab.
#pragma once

#include "simplices.cuh"

struct Pivots {
  u64* keys;
  u32* columns;
  u32 mask;

  DEVICE u32 slot(u64 key) const { return static_cast<u32>((key * 0x9e3779b97f4a7c15ull) >> 32) & mask; }
  DEVICE u32 find(u64 key) const {  // any lane; kNone if it is no pivot
    for (u32 at = slot(key);; at = (at + 1) & mask) {
      if (keys[at] == key) return columns[at];
      if (keys[at] == kTop) return kNone;
    }
  }
  DEVICE void insert(u64 key, u32 column) {  // one lane
    u32 at = slot(key);
    while (keys[at] != kTop) at = (at + 1) & mask;
    keys[at] = key;
    columns[at] = column;
  }
};

// False: it does not fit.
DEVICE bool make_pivots(Slab& slab, Pivots& pivots, u32 n_columns, int lane) {
  const u32 size = power_of_two(2 * n_columns + 2);
  pivots.keys = slab.take<u64>(size);
  pivots.columns = slab.take<u32>(size);
  pivots.mask = size - 1;
  if (slab.exceeded()) return false;
  for (u32 at = lane; at < size; at += kLanes) pivots.keys[at] = kTop;
  warp_sync();
  return true;
}
