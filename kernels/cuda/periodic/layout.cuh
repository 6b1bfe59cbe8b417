// What a launch is given and gives, and what a warp holds of its cloud.
#pragma once

#include "field.cuh"

// How a cloud ended. All but kDone leave it to the host, which counts them by these reasons.
enum Outcome : i32 {
  kDone = 0,
  kSlab = 1,        // its tables do not fit the slab
  kDegree = 2,      // a point has too many neighbours, or the cloud too many edges or ranks
  kShift = 3,       // a neighbour too many cells away
  kUnit = 4,        // a translation acts as 1 or -1: the next seed must be tried
  kCoincident = 5,  // two points in one place
  kWork = 6,        // the reduction takes long, or the host would cut the cloud to its budget
  kList = 7,        // too many bars, or a column too long
  kPending = -1,    // not yet looked at
};

constexpr u32 kMaxDegree = 1024;       // a place among neighbours takes 11 bits of a key
constexpr u32 kMaxEntries = 1u << 18;  // an entry takes 18
constexpr i32 kMaxShift = 255;
constexpr u32 kPowers = 2 * kMaxShift + 1;  // of each unit
constexpr u32 kMaxRanks = 65000;
constexpr u32 kNone = 0xffffffffu, kKills = 0xfffffffeu;
constexpr u64 kTop = ~u64{0};
constexpr i32 kNever = 0x7fffffff;  // tick of a death that does not come up to the largest radius
constexpr u16 kNeverRank = 0xffff;

// One cloud of a batch, 104 bytes; the host's record of the same layout is made in gpu/batch.py.
struct CloudTask {
  double rows[9];    // reduced cell vectors, Å
  i32 n, last;       // points; last tick
  u32 first_point;   // its points begin here
  u32 first_radius;  // its radii begin here
  u32 n_radii, pad;
  u64 first_value;  // its rows of the output begin here
};

struct Launch {
  const CloudTask* tasks;
  const double* points;  // (n, 3) fractional, in [0, 1)
  const i32* radii;      // ticks, ascending within a cloud's
  const u32* powers;     // (3, kPowers): unit a to the powers -kMaxShift .. kMaxShift
  const u32* order;      // clouds to compute, in this order
  u32* next;             // the queue's head
  char* slabs;           // one per block
  float* values;  // of a cloud: curves of max_dim + 1 Betti numbers, then 4 ranks if asked for, each n_radii long
  i32* outcomes;  // per cloud
  u64* bars;      // with `bar_cap`: dim << 62 | birth << 31 | death, of all clouds as they end
  u32 *bar_count, *bar_at, *bar_n;
  u64* clocks;  // (kStages) spent by all warps
  u64 slab_size;
  double resolution, phase;  // of ticks
  double budget;             // most triangles and tetrahedra
  u32 count, bar_cap, most_bars, list_terms, most_work;
  i32 max_dim, with_ranks;
};

enum Stage {
  kNeighbours,
  kSort,
  kComponents,
  kMatrices,
  kEdges,
  kLoops,
  kTriangles,
  kOrder,
  kCavities,
  kRows,
  kStages
};

// Neighbours of site i: entries row[i] .. row[i + 1], lower ones first, upper ones from upper[i] on. See
// kernels/periodic/neighbour_table.hpp. Of neighbours a and b of i, `lune` holds the rank of the edge between them
// (kNeverRank: none) and `place` where b stands among the neighbours of a; block[i] + a * stride[i] + b.
struct Graph {
  u32 n, n_entries;
  u32 *row, *upper, *block;
  u16 *stride, *owner, *site, *rank, *lune, *place;
  u32 *reverse, *coefficient;
  u32* partner;  // of an edge: kKills, the triangle it is in an apparent pair with, or kNone
};

constexpr u32 kFrontTerms = 512;
constexpr u32 kCachedShifts = 1536;

// Shared memory of a warp: its graph, and the scratch of one stage at a time.
struct Shared {
  Graph graph;
  u64* back_order;  // the back of the working column
  u32* back_value;
  u64 near;  // the front holds the terms up to this
  u32 back_size;
  union {
    struct {
      u64 order[kFrontTerms];
      u32 value[kFrontTerms];
    } front;
    alignas(16) u32 common[kMaxDegree + 4];  // rank << 16 | place
    i32 shifts[kCachedShifts];
  };
};

#ifdef PERIODIC_HOST_WARP
inline thread_local Shared host_shared;
#define SHARED host_shared
#else
extern __shared__ __align__(16) char shared_memory[];
#define SHARED (*reinterpret_cast<Shared*>(shared_memory))
#endif

// The memory of a warp, handed out from its beginning.
struct Slab {
  char* base;
  u64 at, size;

  template <class T>
  DEVICE T* take(u64 count) {
    T* taken = tail<T>();
    at += count * sizeof(T);
    return taken;
  }
  // What is left, to be filled and then taken.
  template <class T>
  DEVICE T* tail() {
    at = (at + 15) & ~u64{15};
    return reinterpret_cast<T*>(base + at);
  }
  template <class T>
  DEVICE u32 room() const {
    const u64 from = (at + 15) & ~u64{15}, count = from >= size ? 0 : (size - from) / sizeof(T);
    return count > 0x7fffffffu ? 0x7fffffffu : static_cast<u32>(count);
  }
  DEVICE bool exceeded() const { return at > size; }
};

// Bars of a cloud, in its slab.
struct BarList {
  u64* bars;
  u32 count, room;
};
DEVICE void add_bar(BarList& list, u64 dim, u32 birth, u32 death, int lane) {
  if (lane == 0 && list.count < list.room) list.bars[list.count] = dim << 62 | static_cast<u64>(birth) << 31 | death;
  ++list.count;
}
