// Ragged batches: the items of cloud k are offsets[k] .. offsets[k + 1].
#pragma once

typedef long long Index;

// First place of ascending values[0 .. n) that is larger than x: how many values are <= x.
__device__ inline Index upper_bound(const Index* values, Index n, Index x) {
  Index low = 0, high = n;
  while (low < high) {
    const Index middle = low + (high - low) / 2;
    if (values[middle] <= x)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// The cloud that item `place` belongs to; empty clouds have no item. Needs 0 <= place < offsets[n_clouds].
__device__ inline Index owner(const Index* offsets, Index n_clouds, Index place) {
  return upper_bound(offsets, n_clouds + 1, place) - 1;
}
