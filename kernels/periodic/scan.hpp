// The innermost loop: which places of two rows of ranks are both at most t.
#pragma once

#include <cstdint>

#if defined(__SSE2__) && !defined(__CUDACC__)
#include <emmintrin.h>
#define PERIODIC_SSE2 1
#endif

namespace periodic {

constexpr std::uint32_t kBlock = 16;  // places looked at together: rows are padded to a multiple, with kNever

// The rank of what does not happen; larger than any other.
template <class Rank>
constexpr Rank kNeverRank = static_cast<Rank>(sizeof(Rank) == 2 ? 0xffffu : 0x7fffffffu);

// Bits 0..15: places where x and y are at most t.
template <class Rank>
inline unsigned within_block(const Rank* x, const Rank* y, Rank t) {
  unsigned bits = 0;
  for (unsigned k = 0; k < kBlock; ++k) bits |= static_cast<unsigned>((x[k] > y[k] ? x[k] : y[k]) <= t) << k;
  return bits;
}

#ifdef PERIODIC_SSE2
template <>
inline unsigned within_block(const std::uint16_t* x, const std::uint16_t* y, std::uint16_t t) {
  const __m128i limit = _mm_set1_epi16(static_cast<short>(t)), zero = _mm_setzero_si128();
  const auto within = [&](int at) {  // a - t, saturated, is zero where a is at most t
    const __m128i a = _mm_subs_epu16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + at)), limit);
    const __m128i b = _mm_subs_epu16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(y + at)), limit);
    return _mm_cmpeq_epi16(_mm_or_si128(a, b), zero);
  };
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(within(0), within(8))));
}
#endif

inline unsigned lowest_bit(unsigned bits) {
#if defined(__GNUC__) || defined(__clang__)
  return static_cast<unsigned>(__builtin_ctz(bits));
#else
  unsigned k = 0;
  while (!(bits >> k & 1u)) ++k;
  return k;
#endif
}

// The same of one row.
template <class Rank>
inline unsigned within_block(const Rank* x, Rank t) {
  unsigned bits = 0;
  for (unsigned k = 0; k < kBlock; ++k) bits |= static_cast<unsigned>(x[k] <= t) << k;
  return bits;
}

#ifdef PERIODIC_SSE2
template <>
inline unsigned within_block(const std::uint16_t* x, std::uint16_t t) {
  const __m128i limit = _mm_set1_epi16(static_cast<short>(t)), zero = _mm_setzero_si128();
  const auto within = [&](int at) {
    return _mm_cmpeq_epi16(_mm_subs_epu16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + at)), limit), zero);
  };
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(within(0), within(8))));
}
#endif

// Calls f(place) in ascending order from the block of `from` on until it returns false; `length` a multiple of kBlock.
template <class Rank, class F>
inline void for_each_within(const Rank* x, const Rank* y, std::uint32_t from, std::uint32_t length, Rank t, F&& f) {
  for (std::uint32_t at = from & ~(kBlock - 1); at < length; at += kBlock)
    for (unsigned bits = within_block(x + at, y + at, t); bits; bits &= bits - 1)
      if (!f(at + lowest_bit(bits))) return;
}

// The same for the places where x or y is at least `least` as well; `least` is above 0.
template <class Rank, class F>
inline void for_each_between(const Rank* x, const Rank* y, std::uint32_t length, Rank least, Rank t, F&& f) {
  const Rank below = static_cast<Rank>(least - 1);
  for (std::uint32_t at = 0; at < length; at += kBlock)
    for (unsigned bits = within_block(x + at, y + at, t) & ~within_block(x + at, y + at, below); bits; bits &= bits - 1)
      f(at + lowest_bit(bits));
}

// True if some place before `end` has x and y at most t.
template <class Rank>
inline bool any_within(const Rank* x, const Rank* y, std::uint32_t end, Rank t) {
  for (std::uint32_t at = 0; at < end; at += kBlock) {
    const unsigned bits = within_block(x + at, y + at, t);
    if (bits) return at + lowest_bit(bits) < end;  // ascending: a first hit at or after `end` is in the last block
  }
  return false;
}

}  // namespace periodic
