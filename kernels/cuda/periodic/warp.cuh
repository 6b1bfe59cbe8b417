// One warp works on one cloud: what its 32 lanes do together.
//
// A host build (PERIODIC_HOST_WARP names its header) puts one lane, or 32 lanes as fibers, in the place of the warp.
#pragma once

#ifdef __CUDACC_RTC__
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i32 = int;
using i64 = long long;
#else
#include <cstdint>
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
#endif

#ifdef PERIODIC_HOST_WARP
#include PERIODIC_HOST_WARP
#else

#define DEVICE __device__ __forceinline__
#define DEVICE_CALL __device__ __noinline__

constexpr int kLanes = 32;
constexpr u32 kAllLanes = 0xffffffffu;

DEVICE int lane_id() { return threadIdx.x & 31; }

// Waits for all lanes; what they wrote is then seen by each.
DEVICE void warp_sync() { __syncwarp(); }

// Bit k: the condition of lane k.
DEVICE u32 warp_ballot(bool condition) { return __ballot_sync(kAllLanes, condition); }

// The value of lane `from`.
template <class T>
DEVICE T warp_value(T value, int from) {
  return __shfl_sync(kAllLanes, value, from);
}

DEVICE u32 warp_least(u32 value) {
#if __CUDA_ARCH__ >= 800
  return __reduce_min_sync(kAllLanes, value);
#else
  for (int step = 16; step > 0; step /= 2) {
    const u32 other = __shfl_xor_sync(kAllLanes, value, step);
    value = other < value ? other : value;
  }
  return value;
#endif
}

DEVICE u64 warp_least(u64 value) {
  const u32 high = warp_least(static_cast<u32>(value >> 32));
  const u32 low = warp_least(static_cast<u32>(value >> 32) == high ? static_cast<u32>(value) : 0xffffffffu);
  return static_cast<u64>(high) << 32 | low;
}

// The sum of the values of the lanes before this one; `total`: of all.
DEVICE u32 warp_sum_before(u32 value, u32& total) {
  u32 sum = value;
  for (int step = 1; step < 32; step *= 2) {
    const u32 other = __shfl_up_sync(kAllLanes, sum, step);
    if (lane_id() >= step) sum += other;
  }
  total = __shfl_sync(kAllLanes, sum, 31);
  return sum - value;
}

DEVICE int count_bits(u32 bits) { return __popc(bits); }
DEVICE int lowest_bit(u32 bits) { return __ffs(bits) - 1; }
DEVICE u64 clock_now() { return static_cast<u64>(clock64()); }
DEVICE u32 add_atomic(u32* place, u32 value) { return atomicAdd(place, value); }
DEVICE void add_atomic(u64* place, u64 value) { atomicAdd(place, value); }

#endif

// Bits of the lanes before `lane`.
DEVICE u32 lanes_before(int lane) { return (1u << lane) - 1u; }
DEVICE u32 larger(u32 a, u32 b) { return a > b ? a : b; }
DEVICE u32 power_of_two(u32 n) {  // the least that is not below n
  u32 size = 1;
  while (size < n) size *= 2;
  return size;
}
