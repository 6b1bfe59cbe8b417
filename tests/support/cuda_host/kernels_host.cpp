// The CUDA kernels of kernels/cuda, their own source, run thread after thread on the host.
#include <cmath>

#define __global__
#define __device__

struct Place {
  unsigned x;
};
static Place threadIdx, blockIdx, blockDim, gridDim;

using std::floor;
using std::rint;
using std::sqrt;

static unsigned long long atomicAdd(unsigned long long* place, unsigned long long value) {
  const unsigned long long before = *place;
  *place += value;
  return before;
}

#include "kernels.cu"

template <typename Kernel, typename... Arguments>
static void run(unsigned blocks, unsigned threads, Kernel kernel, Arguments... arguments) {
  gridDim.x = blocks, blockDim.x = threads;
  for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
    for (threadIdx.x = 0; threadIdx.x < threads; ++threadIdx.x) kernel(arguments...);
}

extern "C" void host_screening_count_alive(unsigned blocks, unsigned threads, const Index* birth, const Index* death,
                                           const Index* offsets, Index n_clouds, const Index* radii, Index n_radii,
                                           Index* alive) {
  run(blocks, threads, screening_count_alive, birth, death, offsets, n_clouds, radii, n_radii, alive);
}

extern "C" void host_screening_count_in_bins(unsigned blocks, unsigned threads, const Index* birth, const Index* death,
                                             const Index* group, Index n_bars, const Index* edges, Index n_bins,
                                             unsigned long long* bins) {
  run(blocks, threads, screening_count_in_bins, birth, death, group, n_bars, edges, n_bins, bins);
}

extern "C" void host_screening_spread_over_bins(unsigned blocks, unsigned threads, const double* born,
                                                const double* lived, const Index* dim, const Index* offsets,
                                                Index n_clouds, Index n_dims, Index n_bins, double* bins) {
  run(blocks, threads, screening_spread_over_bins, born, lived, dim, offsets, n_clouds, n_dims, n_bins, bins);
}
