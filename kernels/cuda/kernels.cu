// The kernels that screening/features/cuda.py launches; what they compute stands in the headers. Compile with
// --fmad=false.
#include "curves.cuh"
#include "histogram.cuh"

extern "C" __global__ void screening_count_alive(const Index* birth, const Index* death, const Index* offsets,
                                                 Index n_clouds, const Index* radii, Index n_radii, Index* alive) {
  count_alive(birth, death, offsets, n_clouds, radii, n_radii, alive);
}

extern "C" __global__ void screening_count_in_bins(const Index* birth, const Index* death, const Index* group,
                                                   Index n_bars, const Index* edges, Index n_bins,
                                                   unsigned long long* bins) {
  count_in_bins(birth, death, group, n_bars, edges, n_bins, bins);
}

extern "C" __global__ void screening_spread_over_bins(const double* born, const double* lived, const Index* dim,
                                                      const Index* offsets, Index n_clouds, Index n_dims, Index n_bins,
                                                      double* bins) {
  spread_over_bins(born, lived, dim, offsets, n_clouds, n_dims, n_bins, bins);
}
