// Arithmetic in F_p, p < 2^31 prime, and the units by which lattice translations act.
#pragma once

#include <cstdint>
#include <vector>

namespace periodic {

struct Field {
  std::uint32_t p;

  std::uint32_t add(std::uint32_t a, std::uint32_t b) const {
    const std::uint32_t sum = a + b;  // < 2^32
    return sum >= p ? sum - p : sum;
  }
  std::uint32_t negative(std::uint32_t a) const { return a ? p - a : 0; }
  std::uint32_t multiply(std::uint32_t a, std::uint32_t b) const {
    const std::uint64_t product = static_cast<std::uint64_t>(a) * b;
    if (p != kMersenne) return static_cast<std::uint32_t>(product % p);
    // 2^31 = 1 modulo 2^31 - 1: the high digit is added to the low one. Both are at most p, so one subtraction is
    // enough.
    const std::uint32_t sum =
        static_cast<std::uint32_t>(product & kMersenne) + static_cast<std::uint32_t>(product >> 31);
    return sum >= p ? sum - p : sum;
  }
  std::uint32_t power(std::uint32_t a, std::uint64_t exponent) const {
    std::uint32_t result = 1;
    for (; exponent; exponent >>= 1, a = multiply(a, a))
      if (exponent & 1) result = multiply(result, a);
    return result;
  }
  std::uint32_t inverse(std::uint32_t a) const {
    return a == 1 || a == p - 1 ? a : power(a, p - 2);  // Fermat
  }

  static constexpr std::uint32_t kMersenne = 0x7fffffffu;  // the prime that is used unless another is asked for
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

// The powers of the units up to an exponent, kept from cloud to cloud.
class UnitPowers {
 public:
  // Makes ready for shifts of up to `widest` in every coordinate.
  void prepare(std::uint32_t prime, std::uint64_t seed, std::int32_t widest) {
    if (prime != field.p || seed != seed_) {
      field.p = prime;
      seed_ = seed;
      widest_ = -1;
    }
    if (widest <= widest_) return;
    widest_ = widest;
    const Units units(prime, seed);
    const std::size_t size = 2 * static_cast<std::size_t>(widest) + 1;
    for (int a = 0; a < 3; ++a) {
      table_[a].assign(size, 1);
      for (std::int32_t k = 1; k <= widest; ++k) {
        table_[a][widest + k] = field.multiply(table_[a][widest + k - 1], units.unit[a]);
        table_[a][widest - k] = field.multiply(table_[a][widest - k + 1], units.inverse[a]);
      }
    }
  }
  std::uint32_t power(std::int32_t x, std::int32_t y, std::int32_t z) const {
    return field.multiply(field.multiply(table_[0][widest_ + x], table_[1][widest_ + y]), table_[2][widest_ + z]);
  }

  Field field{2};

 private:
  std::uint64_t seed_ = 0;
  std::int32_t widest_ = -1;
  std::vector<std::uint32_t> table_[3];
};

}  // namespace periodic
