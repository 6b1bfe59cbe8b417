// Arithmetic modulo the prime 2^31 - 1.
#pragma once

#include "warp.cuh"

constexpr u32 kPrime = 2147483647u;

DEVICE u32 field_add(u32 a, u32 b) {
  const u32 sum = a + b;
  return sum >= kPrime ? sum - kPrime : sum;
}
DEVICE u32 field_negative(u32 a) { return a ? kPrime - a : 0; }
DEVICE u32 field_multiply(u32 a, u32 b) {  // 2^31 is 1: the high digit is added to the low one
  const u64 product = static_cast<u64>(a) * b;
  const u32 sum = static_cast<u32>(product & kPrime) + static_cast<u32>(product >> 31);
  return sum >= kPrime ? sum - kPrime : sum;
}
DEVICE_CALL u32 field_inverse(u32 a) {  // Fermat
  u32 result = 1;
  for (u32 exponent = kPrime - 2; exponent; exponent >>= 1, a = field_multiply(a, a))
    if (exponent & 1) result = field_multiply(result, a);
  return result;
}
