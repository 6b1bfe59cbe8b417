// The neighbours of every site within reach, as rows that are sorted as they are written.
//
// Distances are the host's bit for bit: the same operations in the same order, none fused.
#pragma once

#include "layout.cuh"

struct CellBasis {
  double rows[9], star[3], mu21, mu31, mu32, reach;
};

DEVICE double dot3(const double* a, const double* b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

DEVICE CellBasis basis_of(const CloudTask& task, double resolution, double phase) {
  CellBasis basis;
  for (int k = 0; k < 9; ++k) basis.rows[k] = task.rows[k];
  const double *b0 = basis.rows, *b1 = b0 + 3, *b2 = b0 + 6;
  double s1[3], s2[3];
  const double n0 = dot3(b0, b0);
  basis.mu21 = dot3(b1, b0) / n0;
  basis.mu31 = dot3(b2, b0) / n0;
  for (int c = 0; c < 3; ++c) s1[c] = b1[c] - basis.mu21 * b0[c];
  const double n1 = dot3(s1, s1);
  basis.mu32 = dot3(b2, s1) / n1;
  for (int c = 0; c < 3; ++c) s2[c] = b2[c] - basis.mu31 * b0[c] - basis.mu32 * s1[c];
  basis.star[0] = sqrt(n0);
  basis.star[1] = sqrt(n1);
  basis.star[2] = sqrt(dot3(s2, s2));
  basis.reach = (task.last + 1 - phase) * resolution + 1e-9;
  return basis;
}

// Calls f(z0, z1, z2, distance) for the images of a point at d from the origin within reach, in the order (z2, z1, z0).
template <class F>
DEVICE void for_each_image(const CellBasis& basis, const double d[3], F&& f) {
  const double cutoff = basis.reach, limit = cutoff * (1.0 + 1e-12) + 1e-12, limit2 = limit * limit;
  const double w2 = limit / basis.star[2];
  for (double z2 = ceil(-w2 - d[2]), end2 = floor(w2 - d[2]); z2 <= end2; z2 += 1.0) {
    const double c2 = d[2] + z2, part2 = c2 * basis.star[2], left2 = limit2 - part2 * part2;
    if (left2 < 0.0) continue;
    const double w1 = sqrt(left2) / basis.star[1], mid1 = d[1] + basis.mu32 * c2;
    for (double z1 = ceil(-w1 - mid1), end1 = floor(w1 - mid1); z1 <= end1; z1 += 1.0) {
      const double part1 = (mid1 + z1) * basis.star[1], left1 = left2 - part1 * part1;
      if (left1 < 0.0) continue;
      const double c1 = d[1] + z1, w0 = sqrt(left1) / basis.star[0], mid0 = d[0] + basis.mu21 * c1 + basis.mu31 * c2;
      for (double z0 = ceil(-w0 - mid0), end0 = floor(w0 - mid0); z0 <= end0; z0 += 1.0) {
        const double c0 = d[0] + z0;
        double v[3];
        for (int k = 0; k < 3; ++k) v[k] = c0 * basis.rows[k] + c1 * basis.rows[3 + k] + c2 * basis.rows[6 + k];
        const double distance = sqrt(dot3(v, v));
        if (distance <= cutoff) f(static_cast<i32>(z0), static_cast<i32>(z1), static_cast<i32>(z2), distance);
      }
    }
  }
}

// The p-th of the n (n + 1) / 2 pairs i <= j.
DEVICE void pair_of(u32 p, u32 n, u32& i, u32& j) {
  const u32 fold = p / (n + 1), rest = p % (n + 1);
  if (rest < n - fold) {
    i = fold;
    j = fold + rest;
  } else {
    i = n - 1 - fold;
    j = i + rest - (n - fold);
  }
}
DEVICE bool is_positive(i32 z0, i32 z1, i32 z2) { return z2 > 0 || (z2 == 0 && (z1 > 0 || (z1 == 0 && z0 > 0))); }

// A shift as one number: linear, and in the order of (z2, z1, z0).
DEVICE i32 packed_shift(i32 z0, i32 z1, i32 z2) { return z2 * (1 << 20) + z1 * (1 << 10) + z0; }
DEVICE void unpack_shift(i32 packed, i32 z[3]) {
  z[0] = ((packed + 512) & 1023) - 512;
  packed = (packed - z[0]) >> 10;
  z[1] = ((packed + 512) & 1023) - 512;
  z[2] = (packed - z[1]) >> 10;
}

// Tables of a cloud that are needed beside its graph.
struct Tables {
  u16* images;   // (n, n): how many neighbours of i are images of j; half of them for i = j
  u32* segment;  // (n, n): where they begin, among entries
  i32* shift;    // per entry, packed
  i32* tick;     // per entry
  u64* sorted;   // tick << 32 | entry of every edge, ascending
  i32* tick_of;  // per rank
  u32 n_edges, n_ranks;
};

// Calls f(i, j, z0, z1, z2, tick) for every edge of pair p, i <= j.
template <class F>
DEVICE void for_each_edge(const Launch& launch, const CellBasis& basis, const double* points, i32 last, u32 n, u32 p,
                          F&& f) {
  u32 i, j;
  pair_of(p, n, i, j);
  const double d[3] = {points[3 * j] - points[3 * i], points[3 * j + 1] - points[3 * i + 1],
                       points[3 * j + 2] - points[3 * i + 2]};
  for_each_image(basis, d, [&](i32 z0, i32 z1, i32 z2, double distance) {
    if (i == j && !is_positive(z0, z1, z2)) return;
    const i32 tick = static_cast<i32>(floor(distance / launch.resolution + launch.phase));
    if (tick <= last) f(i, j, z0, z1, z2, tick);
  });
}

// All lanes: the first of their outcomes that is not kDone.
DEVICE Outcome first_trouble(i32 trouble) {
  const u32 lanes = warp_ballot(trouble != kDone);
  return lanes ? static_cast<Outcome>(warp_value(trouble, lowest_bit(lanes))) : kDone;
}

// Counts images of every pair of sites, and lays the rows out.
DEVICE Outcome lay_out_rows(const Launch& launch, const CloudTask& task, const CellBasis& basis, Graph& graph,
                            Tables& tables, int lane) {
  const u32 n = graph.n, n_pairs = n * (n + 1) / 2;
  const double* points = launch.points + 3 * static_cast<u64>(task.first_point);
  // The mean number of neighbours; where it is far too large nothing is counted.
  const double volume = basis.star[0] * basis.star[1] * basis.star[2];
  if (n / volume * 4.2 * basis.reach * basis.reach * basis.reach > 4.0 * kMaxDegree) return kDegree;
  i32 trouble = kDone;
  for (u32 p = lane; p < n_pairs; p += kLanes) {
    u32 count = 0, i, j;
    for_each_edge(launch, basis, points, task.last, n, p, [&](u32, u32, i32 z0, i32 z1, i32 z2, i32 tick) {
      if (tick <= 0) trouble = kCoincident;
      const i32 w = kMaxShift;
      if (z0 > w || z0 < -w || z1 > w || z1 < -w || z2 > w || z2 < -w) trouble = kShift;
      ++count;
    });
    if (count >= kMaxDegree && trouble == kDone) trouble = kDegree;
    pair_of(p, n, i, j);
    tables.images[i * n + j] = tables.images[j * n + i] = static_cast<u16>(count);
  }
  if (const Outcome outcome = first_trouble(trouble)) return outcome;
  warp_sync();
  u32 total = 0, widest = 0;
  double bound = 0.0;  // of triangles and tetrahedra
  for (u32 i = 0; i < n; ++i) {
    const u32 begin = total;
    u32 upper = 0;
    for (u32 base = 0; base < n; base += kLanes) {
      const u32 j = base + lane;
      const u32 count = j < n ? tables.images[i * n + j] * (j == i ? 2u : 1u) : 0u;
      u32 sum;
      const u32 before = warp_sum_before(count, sum);
      if (j < n) tables.segment[i * n + j] = total + before;
      if (j == i) graph.upper[i] = total + before + count / 2;
      const u32 at_site = warp_ballot(j == i);
      if (at_site) upper = warp_value(total + before + count / 2, lowest_bit(at_site));
      total += sum;
    }
    if (lane == 0) {
      graph.row[i] = begin;
      graph.stride[i] = static_cast<u16>((total - begin + 7) & ~7u);
    }
    widest = larger(widest, total - begin);
    const double above = total - upper;
    bound += above * (above - 1) / 2 + (launch.max_dim >= 2 ? above * (above - 1) * (above - 2) / 6 : 0.0);
  }
  if (lane == 0) graph.row[n] = total;
  warp_sync();
  if (widest >= kMaxDegree || total >= kMaxEntries) return kDegree;
  if (launch.max_dim >= 1 && bound > launch.budget) return kWork;
  graph.n_entries = total;
  return kDone;
}

// Writes both entries of every edge; rows come out in order.
DEVICE Outcome fill_rows(const Launch& launch, const CloudTask& task, const CellBasis& basis, const Graph& graph,
                         const Tables& tables, int lane) {
  const u32 n = graph.n, n_pairs = n * (n + 1) / 2;
  const double* points = launch.points + 3 * static_cast<u64>(task.first_point);
  const u32 *t0 = launch.powers + kMaxShift, *t1 = t0 + kPowers, *t2 = t1 + kPowers;
  i32 trouble = kDone;
  for (u32 p = lane; p < n_pairs; p += kLanes) {
    u32 i, j;
    pair_of(p, n, i, j);
    u32 there = i == j ? graph.upper[i] : tables.segment[i * n + j], back = tables.segment[j * n + i];
    for_each_edge(launch, basis, points, task.last, n, p, [&](u32, u32, i32 z0, i32 z1, i32 z2, i32 tick) {
      const i32 packed = packed_shift(z0, z1, z2);
      const u32 forth = field_multiply(field_multiply(t0[z0], t1[z1]), t2[z2]);
      if (packed != 0 && (forth == 1 || forth == kPrime - 1)) trouble = kUnit;
      graph.owner[there] = graph.site[back] = static_cast<u16>(i);
      graph.site[there] = graph.owner[back] = static_cast<u16>(j);
      tables.shift[there] = packed, tables.shift[back] = -packed;
      tables.tick[there] = tables.tick[back] = tick;
      graph.reverse[there] = back, graph.reverse[back] = there;
      graph.coefficient[there] = forth;
      graph.coefficient[back] = field_multiply(field_multiply(t0[-z0], t1[-z1]), t2[-z2]);
      ++there, ++back;
    });
  }
  const Outcome outcome = first_trouble(trouble);
  warp_sync();
  return outcome;
}
