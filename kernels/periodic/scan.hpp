// The innermost loop: which places of up to three rows of ticks are all at most t.
#pragma once

#include <cstdint>

#if defined(__SSE2__) && !defined(__CUDACC__)
#include <emmintrin.h>
#define PERIODIC_SSE2 1
#endif

namespace periodic {

// Bits 0..7: places where x, y and z are at most t.
inline unsigned within8(const std::int32_t* x, const std::int32_t* y, const std::int32_t* z, std::int32_t t) {
#ifdef PERIODIC_SSE2
  const __m128i limit = _mm_set1_epi32(t);
  const auto above = [&](int at) {
    const __m128i a = _mm_cmpgt_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + at)), limit);
    const __m128i b = _mm_cmpgt_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(y + at)), limit);
    const __m128i c = _mm_cmpgt_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(z + at)), limit);
    return _mm_movemask_ps(_mm_castsi128_ps(_mm_or_si128(_mm_or_si128(a, b), c)));
  };
  return ~static_cast<unsigned>(above(0) | above(4) << 4) & 0xffu;
#else
  unsigned bits = 0;
  for (int k = 0; k < 8; ++k) bits |= static_cast<unsigned>(x[k] <= t && y[k] <= t && z[k] <= t) << k;
  return bits;
#endif
}

inline unsigned lowest_bit(unsigned bits) {
#if defined(__GNUC__) || defined(__clang__)
  return static_cast<unsigned>(__builtin_ctz(bits));
#else
  unsigned k = 0;
  while (!(bits >> k & 1u)) ++k;
  return k;
#endif
}

// Calls f(place) in ascending order until it returns false; `length` a multiple of 8, rows padded with kNever.
template <class F>
inline void for_each_within(const std::int32_t* x, const std::int32_t* y, const std::int32_t* z, std::uint32_t length,
                            std::int32_t t, F&& f) {
  for (std::uint32_t at = 0; at < length; at += 8)
    for (unsigned bits = within8(x + at, y + at, z + at, t); bits; bits &= bits - 1)
      if (!f(at + lowest_bit(bits))) return;
}

// True if some place before `end` has x and y at most t; rows padded to a multiple of 8.
inline bool any_within(const std::int32_t* x, const std::int32_t* y, std::uint32_t end, std::int32_t t) {
  for (std::uint32_t at = 0; at < end; at += 8) {
    const unsigned bits = within8(x + at, y + at, y + at, t);
    if (bits) return at + lowest_bit(bits) < end;  // ascending: a first hit at or after `end` is in the last block
  }
  return false;
}

}  // namespace periodic
