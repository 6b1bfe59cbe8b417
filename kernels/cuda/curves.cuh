// Betti curves: how many bars of a cloud are alive at a radius, birth <= radius < death.
#pragma once

#include "ragged.cuh"

// One thread per (cloud, radius) looks at all bars of its cloud, so no two threads write one place and nothing depends
// on their order. Threads of a warp share a cloud and read the same bar at once.
__device__ inline void count_alive(const Index* birth, const Index* death, const Index* offsets, Index n_clouds,
                                   const Index* radii, Index n_radii, Index* alive) {
  const Index step = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index place = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; place < n_clouds * n_radii;
       place += step) {
    const Index cloud = place / n_radii, radius = radii[place % n_radii];
    Index count = 0;
    for (Index bar = offsets[cloud]; bar < offsets[cloud + 1]; ++bar)
      count += birth[bar] <= radius && radius < death[bar];
    alive[place] = count;
  }
}
