// Sums of absolute differences between the rows of two matrices.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

namespace distances {

constexpr std::size_t kTile = 8;  // rows of `right` met at a time: their sums stay in registers

// Two numbers in one register; where a compiler has no such type, side by side.
#if defined(__GNUC__) || defined(__clang__)
typedef double Two __attribute__((vector_size(16)));
typedef long long TwoWords __attribute__((vector_size(16)));
inline Two apart(double x, Two y) {
  const TwoWords no_sign = {0x7fffffffffffffffLL, 0x7fffffffffffffffLL};
  return reinterpret_cast<Two>(reinterpret_cast<TwoWords>(Two{x, x} - y) & no_sign);
}
#else
struct Two {
  double first, second;
  Two& operator+=(const Two& other) {
    first += other.first, second += other.second;
    return *this;
  }
};
inline Two apart(double x, Two y) { return {std::fabs(x - y.first), std::fabs(x - y.second)}; }
#endif
static_assert(sizeof(Two) == 2 * sizeof(double), "sums are copied as plain numbers");

inline Two two(const double* from) {
  Two pair;
  std::memcpy(&pair, from, sizeof pair);
  return pair;
}

// The sums of one row `left`, and of the one after it, with kTile rows that stand column by column in `tile`.
inline void two_rows(const double* left, const double* next, const double* tile, std::size_t k, double* sums) {
  Two a0{}, a1{}, a2{}, a3{}, b0{}, b1{}, b2{}, b3{};
  for (std::size_t j = 0; j < k; ++j, tile += kTile) {
    const double x = left[j], y = next[j];
    const Two t0 = two(tile), t1 = two(tile + 2), t2 = two(tile + 4), t3 = two(tile + 6);
    a0 += apart(x, t0), a1 += apart(x, t1), a2 += apart(x, t2), a3 += apart(x, t3);
    b0 += apart(y, t0), b1 += apart(y, t1), b2 += apart(y, t2), b3 += apart(y, t3);
  }
  const Two found[kTile] = {a0, a1, a2, a3, b0, b1, b2, b3};
  std::memcpy(sums, found, sizeof found);
}

// out (n, m) of left (n, k) and right (m, k). Each sum is added up column by column in their order, by itself: it
// depends on no other row. Where both are the same rows, half of the sums are those of the other half.
inline void city_block(const double* left, std::size_t n, const double* right, std::size_t m, std::size_t k,
                       double* out) {
  std::vector<double> tile(kTile * k);
  double sums[2 * kTile];
  for (std::size_t begin = 0; begin < m; begin += kTile) {
    const std::size_t width = m - begin < kTile ? m - begin : kTile;
    for (std::size_t j = 0; j < k; ++j)
      for (std::size_t r = 0; r < kTile; ++r) tile[j * kTile + r] = r < width ? right[(begin + r) * k + j] : 0.0;
    for (std::size_t i = left == right ? begin : 0; i < n; i += 2) {
      const bool last = i + 1 == n;
      const double* row = left + i * k;
      two_rows(row, last ? row : row + k, tile.data(), k, sums);
      std::memcpy(out + i * m + begin, sums, width * sizeof(double));
      if (!last) std::memcpy(out + (i + 1) * m + begin, sums + kTile, width * sizeof(double));
    }
  }
  if (left == right)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i + 1; j < n; ++j) out[i * m + j] = out[j * m + i];
}

}  // namespace distances
