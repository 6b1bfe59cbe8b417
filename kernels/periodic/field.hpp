// Arithmetic in F_p, p < 2^31 prime, and the units by which lattice translations act.
#pragma once

#include <cstdint>

namespace periodic {

struct Field {
  std::uint32_t p;

  std::uint32_t add(std::uint32_t a, std::uint32_t b) const {
    const std::uint32_t sum = a + b;  // < 2^32
    return sum >= p ? sum - p : sum;
  }
  std::uint32_t negative(std::uint32_t a) const { return a ? p - a : 0; }
  std::uint32_t multiply(std::uint32_t a, std::uint32_t b) const {
    return static_cast<std::uint32_t>(static_cast<std::uint64_t>(a) * b % p);
  }
  std::uint32_t power(std::uint32_t a, std::uint64_t exponent) const {
    std::uint32_t result = 1;
    for (; exponent; exponent >>= 1, a = multiply(a, a))
      if (exponent & 1) result = multiply(result, a);
    return result;
  }
  std::uint32_t inverse(std::uint32_t a) const { return power(a, p - 2); }  // Fermat
};

// Three units drawn from a seed: t^s = t1^s1 t2^s2 t3^s3 for a lattice shift s.
struct Units {
  Field field;
  std::uint32_t unit[3], inverse[3];

  Units(std::uint32_t prime, std::uint64_t seed) : field{prime} {
    for (int a = 0; a < 3; ++a) {
      // splitmix64
      seed += 0x9e3779b97f4a7c15u;
      std::uint64_t x = seed;
      x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
      x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
      x ^= x >> 31;
      unit[a] = static_cast<std::uint32_t>(2 + x % (prime - 3));  // neither 0, 1 nor -1
      inverse[a] = field.inverse(unit[a]);
    }
  }
  std::uint32_t power(const std::int32_t s[3]) const {
    std::uint32_t result = 1;
    for (int a = 0; a < 3; ++a)
      if (s[a]) result = field.multiply(result, s[a] > 0 ? field.power(unit[a], s[a]) : field.power(inverse[a], -s[a]));
    return result;
  }
};

}  // namespace periodic
