// Distances on flat tori, in ticks, for a ragged batch of clouds.
#pragma once

#include "ragged.cuh"

// One thread per ordered pair of points of one cloud. Needs: each basis (rows, 9 numbers) Minkowski-reduced, positions
// fractional in it, offsets of the points, and pair_offsets with pair_offsets[k + 1] - pair_offsets[k] = the square of
// the number of points of cloud k.
//
// A separation is first brought to [-1/2, 1/2] along each axis; in a Minkowski-reduced basis a, b, c its shortest image
// is then among the 27 that differ by at most one cell along each axis, so the distance is exact for any skewed cell.
// Proof: let w be the coordinates of a shortest image; |w| < 3/2 along each axis is enough. Its part in the plane of a
// and b is shortest modulo the lattice of a and b, so it lies in the Voronoi cell of that lattice. A corner of the cell
// has coordinates of at most ((1 + u) / 2 - x) / (1 - x) < (1 + u) / 2 <= 3/4 or at most 1/2, where u = |a.b| / a^2 <=
// 1/2 and x = u^2 a^2 / b^2 > 0 (u = 0: 1/2), or the same with u a^2 / b^2 for u. The part of c in the plane lies there
// too, since c is reduced. The cell's radius R has R^2 <= (a^2 + b^2) / 4 <= c^2 / 2, so the layers of c are h apart
// with h^2 >= c^2 - R^2 >= R^2. The image one layer nearer to the plane is not shorter: (2 |w_c| - 1) h^2 <= R^2, so
// |w_c| <= 1, and the other two coordinates are below 3/4 + |w_c| 3/4 <= 3/2. (The largest found by search is 1.11, so
// the last bits of a basis reduced in floating point do not matter.)
// Products and sums are in a fixed order and not fused: the same bits as on the host, and in both triangles, since
// every step turns its sign with the separation. ticks(d) = floor(d / resolution + phase), and 0 on the diagonal.
__device__ inline void torus_ticks(const double* bases, const double* positions, const Index* offsets,
                                   const Index* pair_offsets, Index n_clouds, double resolution, double phase,
                                   int* ticks) {
  const Index n_pairs = pair_offsets[n_clouds], step = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index pair = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; pair < n_pairs; pair += step) {
    const Index cloud = owner(pair_offsets, n_clouds, pair);
    const Index n = offsets[cloud + 1] - offsets[cloud], local = pair - pair_offsets[cloud];
    const Index i = local / n, j = local % n;
    if (i == j) {
      ticks[pair] = 0;
      continue;
    }
    const double* a = positions + 3 * (offsets[cloud] + i);
    const double* b = positions + 3 * (offsets[cloud] + j);
    const double* m = bases + 9 * cloud;
    double s[3];
    for (int c = 0; c < 3; ++c) {
      s[c] = a[c] - b[c];
      s[c] -= rint(s[c]);
    }
    double least = 1e300;
    for (int z0 = -1; z0 <= 1; ++z0)
      for (int z1 = -1; z1 <= 1; ++z1)
        for (int z2 = -1; z2 <= 1; ++z2) {
          const double f0 = s[0] + z0, f1 = s[1] + z1, f2 = s[2] + z2;
          double square = 0.0;
          for (int c = 0; c < 3; ++c) {
            const double x = (f0 * m[c] + f1 * m[3 + c]) + f2 * m[6 + c];
            square += x * x;
          }
          if (square < least) least = square;
        }
    ticks[pair] = static_cast<int>(floor(sqrt(least) / resolution + phase));
  }
}
