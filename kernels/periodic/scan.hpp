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

inline std::uint32_t lowest_bit(std::uint64_t bits) {
#if defined(__GNUC__) || defined(__clang__)
  return static_cast<std::uint32_t>(__builtin_ctzll(bits));
#else
  std::uint32_t k = 0;
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

// Calls f(place) for the places that `within(first place of a block, rank)` has in its bits at `t`, but not at `spent`,
// if there is any such rank. Hits are few and lie apart: looking at many places before acting on one spares branches.
template <class Rank, class Within, class F>
inline void for_each_between(Within&& within, std::uint32_t length, std::int64_t spent, Rank t, F&& f) {
  constexpr std::uint32_t kMany = 64;
  for (std::uint32_t at = 0; at < length; at += kMany) {
    const std::uint32_t end = length - at < kMany ? length - at : kMany;
    std::uint64_t bits = 0, gone = 0;
    for (std::uint32_t k = 0; k < end; k += kBlock) bits |= static_cast<std::uint64_t>(within(at + k, t)) << k;
    if (spent >= 0)
      for (std::uint32_t k = 0; k < end; k += kBlock)
        gone |= static_cast<std::uint64_t>(within(at + k, static_cast<Rank>(spent))) << k;
    for (bits &= ~gone; bits; bits &= bits - 1) f(at + lowest_bit(bits));
  }
}

// True if some place before `end` has x and y at most t.
template <class Rank>
inline bool any_within(const Rank* x, const Rank* y, std::uint32_t end, Rank t) {
  std::uint32_t at = 0;
  // Two blocks at once: in which of them the first hit lies cannot be foreseen.
  for (; at + kBlock < end; at += 2 * kBlock) {
    const std::uint32_t bits = within_block(x + at, y + at, t) | within_block(x + at + kBlock, y + at + kBlock, t)
                                                                     << kBlock;
    if (bits) return at + lowest_bit(bits) < end;  // ascending: a first hit at or after `end` is in the last block
  }
  if (at >= end) return false;
  const unsigned bits = within_block(x + at, y + at, t);
  return bits && at + lowest_bit(bits) < end;
}

}  // namespace periodic
