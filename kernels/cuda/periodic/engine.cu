// The exact engine on a GPU: one warp a cloud, blocks of one warp that take clouds from a queue. Launched by
// screening/gpu; compile with --fmad=false.
#include "engine.cuh"

#ifndef PERIODIC_WARPS
#define PERIODIC_WARPS 16  // of a multiprocessor, which bounds registers
#endif

// A launch's fields one by one: parameters lie in constant memory, a structure behind a pointer would not.
extern "C" __global__ void __launch_bounds__(32, PERIODIC_WARPS)
    screening_periodic(const CloudTask* tasks, const double* points, const i32* radii, const u32* powers,
                       const u32* order, u32* next, char* slabs, float* values, i32* outcomes, u64* bars,
                       u32* bar_count, u32* bar_at, u32* bar_n, u64* clocks, u64 slab_size, double resolution,
                       double phase, double budget, u32 count, u32 bar_cap, u32 most_bars, u32 list_terms,
                       u32 most_work, i32 max_dim, i32 with_ranks) {
  const Launch launch{tasks, points,    radii,     powers,     order,     next,      slabs,      values, outcomes,
                      bars,  bar_count, bar_at,    bar_n,      clocks,    slab_size, resolution, phase,  budget,
                      count, bar_cap,   most_bars, list_terms, most_work, max_dim,   with_ranks};
  compute_clouds(launch, blockIdx.x);
}

// Shared memory of a block, in bytes.
extern "C" __global__ void screening_periodic_shared(u32* bytes) { *bytes = sizeof(Shared); }
