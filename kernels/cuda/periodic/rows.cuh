// From bars and component events to the curves of a cloud: what the host calls Betti and rank curves.
#pragma once

#include "triangles.cuh"

// As NumPy writes it; a device's own NaN has other bits.
DEVICE void put_nan(float* values, u64 count, int lane) {
  for (u64 k = lane; k < count; k += kLanes) reinterpret_cast<u32*>(values)[k] = 0x7fc00000u;
}

DEVICE u32 first_not_below(const i32* radii, u32 n_radii, i32 tick) {
  u32 low = 0, high = n_radii;
  while (low < high) {
    const u32 middle = (low + high) / 2;
    if (radii[middle] < tick)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

DEVICE u64 values_of(const Launch& launch, u32 n_radii) {
  return static_cast<u64>(n_radii) * (launch.max_dim + 1 + (launch.with_ranks ? 4 : 0));
}

// False: no room in the slab.
DEVICE bool put_curves(const Launch& launch, const CloudTask& task, Slab& slab, const BarList& list,
                       const ComponentEvent* events, u32 n_events, int lane) {
  const u32 n_radii = task.n_radii, n_dims = launch.max_dim + 1;
  const i32* radii = launch.radii + task.first_radius;
  float* values = launch.values + task.first_value;
  u32* changes = slab.take<u32>(static_cast<u64>(n_dims) * n_radii);  // bars that are alive from a radius on
  if (slab.exceeded()) return false;
  for (u32 k = lane; k < n_dims * n_radii; k += kLanes) changes[k] = 0;
  warp_sync();
  for (u32 k = lane; k < list.count; k += kLanes) {
    const u64 bar = list.bars[k];
    u32* own = changes + static_cast<u32>(bar >> 62) * n_radii;
    const u32 born = first_not_below(radii, n_radii, static_cast<i32>(bar >> 31 & 0x7fffffff));
    const u32 dead = first_not_below(radii, n_radii, static_cast<i32>(bar & 0x7fffffff));
    if (born < n_radii) add_atomic(own + born, 1u);
    if (dead < n_radii) add_atomic(own + dead, 0xffffffffu);
  }
  warp_sync();
  for (u32 dim = 0; dim < n_dims; ++dim) {
    u32 alive = 0;
    for (u32 base = 0; base < n_radii; base += kLanes) {
      const u32 r = base + lane;
      const u32 change = r < n_radii ? changes[dim * n_radii + r] : 0;
      u32 sum;
      const u32 before = warp_sum_before(change, sum);
      if (r < n_radii)
        values[static_cast<u64>(dim) * n_radii + r] =
            static_cast<float>(static_cast<double>(static_cast<i32>(alive + before + change)) / task.n);
      alive += sum;
    }
  }
  if (!launch.with_ranks) return true;
  for (u32 r = lane; r < n_radii; r += kLanes) {
    u32 low = 0, high = n_events;  // events up to the radius; the first is at 0
    while (low < high) {
      const u32 middle = (low + high) / 2;
      if (events[middle].tick <= radii[r])
        low = middle + 1;
      else
        high = middle;
    }
    for (u32 rank = 0; rank < 4; ++rank)
      values[static_cast<u64>(n_dims + rank) * n_radii + r] =
          static_cast<float>(static_cast<double>(events[low - 1].sites[rank]) / task.n);
  }
  return true;
}
