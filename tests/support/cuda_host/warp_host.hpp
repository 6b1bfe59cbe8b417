// A warp on the host: one lane, or 32 lanes as fibers that change places at every collective, in a shuffled order.
//
// Each collective checks that all lanes are at the same place of the source; where they are not the process aborts. A
// fiber runs alone between two collectives, so a missing barrier shows as a wrong result, a race does not show.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#ifndef HOST_LANES
#define HOST_LANES 1
#endif

#define DEVICE inline
#define DEVICE_CALL inline
#define __global__
#define __launch_bounds__(...)

using std::ceil;
using std::floor;
using std::sqrt;

constexpr int kLanes = HOST_LANES;

inline int count_bits(u32 bits) { return __builtin_popcount(bits); }
inline int lowest_bit(u32 bits) { return __builtin_ffs(static_cast<int>(bits)) - 1; }
inline u64 clock_now() { return 0; }
inline u32 add_atomic(u32* place, u32 value) {
  const u32 before = *place;
  *place += value;
  return before;
}
inline void add_atomic(u64* place, u64 value) { *place += value; }

#if HOST_LANES == 1

inline int lane_id() { return 0; }
inline void warp_sync() {}
inline u32 warp_ballot(bool condition) { return condition; }
template <class T>
T warp_value(T value, int) {
  return value;
}
template <class T>
T warp_least(T value) {
  return value;
}
inline u32 warp_sum_before(u32 value, u32& total) {
  total = value;
  return 0;
}
template <class Work>
void run_warp(Work&& work, u64) {
  work();
}

#else

#include <boost/context/detail/fcontext.hpp>

struct Warp {
  static constexpr std::size_t kStack = 1 << 17;
  boost::context::detail::fcontext_t lane[kLanes], home;
  char* stack[kLanes];
  int order[kLanes], place[kLanes];
  u64 calls[kLanes];  // collectives so far
  bool done[kLanes];
  u64 value[2][kLanes];
  int site[2][kLanes];
  int current;
  void (*work)(void*);
  void* argument;
};
inline thread_local Warp* warp = nullptr;

// Switches from the running lane to another; the one that was left is stored by the one that begins to run.
inline thread_local int leaving = -1;
inline void keep(boost::context::detail::fcontext_t context) {
  if (leaving >= 0)
    warp->lane[leaving] = context;
  else
    warp->home = context;
}
inline void switch_to(int lane) {
  leaving = warp->current;
  warp->current = lane;
  keep(boost::context::detail::jump_fcontext(lane < 0 ? warp->home : warp->lane[lane], nullptr).fctx);
}
inline void next_lane() {
  const int own = warp->current;
  for (int step = 1; step <= kLanes; ++step) {
    const int lane = warp->order[(warp->place[own] + step) % kLanes];
    if (warp->done[lane]) continue;
    if (lane != own) switch_to(lane);
    return;
  }
  switch_to(-1);
}
inline void lane_main(boost::context::detail::transfer_t from) {
  keep(from.fctx);
  warp->work(warp->argument);
  warp->done[warp->current] = true;
  next_lane();
  std::abort();
}

template <class Work>
void run_warp(Work&& work, u64 seed) {
  if (!warp) {
    warp = new Warp();
    for (char*& stack : warp->stack) stack = static_cast<char*>(std::malloc(Warp::kStack));
  }
  for (int k = 0; k < kLanes; ++k) warp->order[k] = k;
  for (int k = kLanes - 1; k > 0 && seed; --k) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    const int other = static_cast<int>((seed >> 33) % static_cast<u64>(k + 1)), swap = warp->order[k];
    warp->order[k] = warp->order[other];
    warp->order[other] = swap;
  }
  for (int k = 0; k < kLanes; ++k) {
    warp->place[warp->order[k]] = k;
    warp->calls[k] = 0;
    warp->done[k] = false;
    warp->lane[k] = boost::context::detail::make_fcontext(warp->stack[k] + Warp::kStack, Warp::kStack, lane_main);
  }
  warp->work = [](void* argument) { (*static_cast<std::remove_reference_t<Work>*>(argument))(); };
  warp->argument = &work;
  warp->current = -1;
  switch_to(warp->order[0]);
}

inline int lane_id() { return warp->current; }

// All lanes give a value; each goes on when all have.
inline const u64* collect(u64 value, int site) {
  const int own = warp->current, turn = static_cast<int>(++warp->calls[own] & 1);
  warp->value[turn][own] = value;
  warp->site[turn][own] = site;
  next_lane();
  for (int k = 0; k < kLanes; ++k)
    if (warp->calls[k] < warp->calls[own] || warp->site[turn][k] != site) {
      std::fprintf(stderr, "lanes diverge at a collective: sites %d and %d\n", site, warp->site[turn][k]);
      std::abort();
    }
  return warp->value[turn];
}
inline u32 host_ballot(bool condition, int site) {
  const u64* values = collect(condition, site);
  u32 bits = 0;
  for (int k = 0; k < kLanes; ++k) bits |= static_cast<u32>(values[k] != 0) << k;
  return bits;
}
template <class T>
T host_value(T value, int from, int site) {
  u64 raw = 0;
  std::memcpy(&raw, &value, sizeof value);
  const u64* values = collect(raw, site);
  std::memcpy(&value, &values[from], sizeof value);
  return value;
}
template <class T>
T host_least(T value, int site) {
  const u64* values = collect(value, site);
  for (int k = 0; k < kLanes; ++k)
    if (values[k] < value) value = static_cast<T>(values[k]);
  return value;
}
inline u32 host_sum_before(u32 value, u32& total, int site) {
  const int own = lane_id();
  const u64* values = collect(value, site);
  u32 before = 0;
  total = 0;
  for (int k = 0; k < kLanes; ++k) {
    if (k < own) before += static_cast<u32>(values[k]);
    total += static_cast<u32>(values[k]);
  }
  return before;
}

// A number of each place in the source.
#define HOST_SITE __COUNTER__
#define warp_sync() static_cast<void>(collect(0, HOST_SITE))
#define warp_ballot(condition) host_ballot((condition), HOST_SITE)
#define warp_value(value, from) host_value((value), (from), HOST_SITE)
#define warp_least(value) host_least((value), HOST_SITE)
#define warp_sum_before(value, total) host_sum_before((value), (total), HOST_SITE)

#endif
