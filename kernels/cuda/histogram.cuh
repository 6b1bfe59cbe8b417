// Two-dimensional histograms of diagrams: bars by birth and by length.
#pragma once

#include "ragged.cuh"

// One thread per bar adds one to its bin; sums of whole numbers do not depend on the order. Bins are half open, the
// last ones closed: birth + length never passes the last edge, so only a bar on that edge can lie one bin too high.
// Needs edges ascending from 0, 0 <= birth <= death <= edges[n_bins], and 0 <= group < the number of groups.
__device__ inline void count_in_bins(const Index* birth, const Index* death, const Index* group, Index n_bars,
                                     const Index* edges, Index n_bins, unsigned long long* bins) {
  const Index step = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index bar = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; bar < n_bars; bar += step) {
    Index b = upper_bound(edges, n_bins + 1, birth[bar]) - 1;
    if (b > n_bins - 1) b = n_bins - 1;
    Index p = upper_bound(edges, n_bins + 1, death[bar] - birth[bar]) - 1;
    if (p > n_bins - 1 - b) p = n_bins - 1 - b;
    atomicAdd(&bins[(group[bar] * n_bins + b) * n_bins + p], 1ull);
  }
}

// Bars spread over bins: bar i of dimension dim[i] adds born[i][b] * lived[i][p] to bin (b, p). One thread per (cloud,
// dimension, bin) adds the bars of its cloud one after the other, as the host does: the sum does not depend on the
// order of threads. Needs 0 <= dim < n_dims.
__device__ inline void spread_over_bins(const double* born, const double* lived, const Index* dim, const Index* offsets,
                                        Index n_clouds, Index n_dims, Index n_bins, double* bins) {
  const Index step = static_cast<Index>(gridDim.x) * blockDim.x, n_places = n_clouds * n_dims * n_bins * n_bins;
  for (Index place = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; place < n_places; place += step) {
    const Index p = place % n_bins, b = place / n_bins % n_bins;
    const Index d = place / (n_bins * n_bins) % n_dims, cloud = place / (n_bins * n_bins * n_dims);
    double sum = 0.0;
    for (Index bar = offsets[cloud]; bar < offsets[cloud + 1]; ++bar)
      if (dim[bar] == d) sum += born[bar * n_bins + b] * lived[bar * n_bins + p];
    bins[place] = sum;
  }
}
