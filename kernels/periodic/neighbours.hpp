// All pairs of points of a crystal within a cutoff, each unordered pair once per lattice translation.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "lattice.hpp"

namespace periodic {

// Points wrapped into the reduced cell, with the integer translation that the wrapping took away.
struct WrappedPoints {
  std::vector<double> fractional;   // (n, 3) in [0, 1), reduced basis
  std::vector<std::int64_t> moved;  // (n, 3): original reduced coordinates = fractional + moved

  // Returns false where a coordinate is not finite or too large to be wrapped without losing its digits.
  bool assign(const Lattice& lattice, const double* positions, std::size_t n) {
    fractional.resize(3 * n);
    moved.resize(3 * n);
    for (std::size_t i = 0; i < n; ++i) {
      const double* p = positions + 3 * i;
      double f[3];
      std::int64_t base[3];
      for (int c = 0; c < 3; ++c) {
        if (!(std::fabs(p[c]) < 1e6)) return false;
        // Wrapped in the given basis first: the change of basis then works on small numbers.
        const double whole = std::floor(p[c]);
        base[c] = static_cast<std::int64_t>(whole);
        f[c] = p[c] - whole;
      }
      for (int c = 0; c < 3; ++c) {
        double x = 0.0;
        std::int64_t shift = 0;
        for (int k = 0; k < 3; ++k) {
          x += f[k] * static_cast<double>(lattice.back[k][c]);
          shift += base[k] * lattice.back[k][c];
        }
        const double whole = std::floor(x);
        fractional[3 * i + c] = x - whole;
        moved[3 * i + c] = shift + static_cast<std::int64_t>(whole);
      }
    }
    return true;
  }
};

// As std::floor and std::ceil, which are calls where the processor of the build has no instruction for them.
inline double floor_of(double x) {
  const double whole = static_cast<double>(static_cast<std::int64_t>(x));  // |x| < 2^63: a cutoff over a length
  return whole > x ? whole - 1.0 : whole;
}
inline double ceil_of(double x) {
  const double whole = static_cast<double>(static_cast<std::int64_t>(x));
  return whole < x ? whole + 1.0 : whole;
}

// The images of points within a cutoff. The coordinate `Outer`, 0 or 2, is fixed first, then 1: with Outer = 0 the
// images come in lexicographic order. Which they are, and their distances, do not depend on it.
template <int Outer>
class ImageSearch {
  static_assert(Outer == 0 || Outer == 2, "the middle coordinate is fixed second");
  static constexpr int kInner = 2 - Outer;

 public:
  ImageSearch(const Lattice& lattice, double cutoff)
      : lattice_(lattice), basis_(Outer == 2 ? lattice.forward : lattice.backward), cutoff_(cutoff) {
    const double limit = cutoff * (1.0 + 1e-12) + 1e-12;  // rounding may not lose a pair at the cutoff
    limit2_ = limit * limit;
    for (int k = 0; k < 3; ++k) width_[k] = limit / basis_.star[k];
  }

  // Calls f(z, distance) for every z in Z^3 with |(d + z) rows| <= cutoff. In the orthogonal coordinates of the basis a
  // vector is within the limit only if each of its coordinates is, and the sum of their squares: what passes is
  // measured in full. (Fincke-Pohst would narrow each interval by a root; that costs more than the candidates it
  // saves.)
  template <class F>
  void for_each(const double d[3], F&& f) const {
    double c[3];
    std::int32_t z[3];
    for (double z2 = ceil_of(-width_[2] - d[Outer]), e2 = floor_of(width_[2] - d[Outer]); z2 <= e2; z2 += 1.0) {
      c[Outer] = d[Outer] + z2;
      z[Outer] = static_cast<std::int32_t>(z2);
      const double part2 = c[Outer] * basis_.star[2];
      const double left2 = limit2_ - part2 * part2, mid1 = d[1] + basis_.mu32 * c[Outer];
      if (left2 < 0.0) continue;
      for (double z1 = ceil_of(-width_[1] - mid1), e1 = floor_of(width_[1] - mid1); z1 <= e1; z1 += 1.0) {
        const double part1 = (mid1 + z1) * basis_.star[1], left1 = left2 - part1 * part1;
        if (left1 < 0.0) continue;
        c[1] = d[1] + z1;
        z[1] = static_cast<std::int32_t>(z1);
        const double mid0 = d[kInner] + basis_.mu21 * c[1] + basis_.mu31 * c[Outer];
        for (double z0 = ceil_of(-width_[0] - mid0), e0 = floor_of(width_[0] - mid0); z0 <= e0; z0 += 1.0) {
          const double part0 = (mid0 + z0) * basis_.star[0];
          if (part0 * part0 > left1) continue;
          c[kInner] = d[kInner] + z0;
          const double distance = length(c);
          if (distance > cutoff_) continue;
          z[kInner] = static_cast<std::int32_t>(z0);
          f(static_cast<const std::int32_t*>(z), distance);
        }
      }
    }
  }

 private:
  double length(const double c[3]) const {
    double v[3];
    for (int k = 0; k < 3; ++k)
      v[k] = c[0] * lattice_.rows[0][k] + c[1] * lattice_.rows[1][k] + c[2] * lattice_.rows[2][k];
    return std::sqrt(dot(v, v));
  }

  const Lattice& lattice_;
  const GramSchmidt& basis_;
  const double cutoff_;
  double limit2_, width_[3];
};

inline bool lexicographically_positive(const std::int32_t z[3]) {
  return z[0] > 0 || (z[0] == 0 && (z[1] > 0 || (z[1] == 0 && z[2] > 0)));
}

// Calls f(i, j, z, distance) for every pair of points within the cutoff, i <= j, z in the reduced basis between the
// wrapped points: x_j + z - x_i. For i == j only z > 0. In the order of (i, j), and of z by `Outer`.
template <int Outer, class F>
inline void for_each_pair(const Lattice& lattice, const WrappedPoints& points, double cutoff, F&& f) {
  const std::int32_t n = static_cast<std::int32_t>(points.fractional.size() / 3);
  const ImageSearch<Outer> search(lattice, cutoff);
  for (std::int32_t i = 0; i < n; ++i) {
    const double* xi = &points.fractional[3 * i];
    for (std::int32_t j = i; j < n; ++j) {
      const double* xj = &points.fractional[3 * j];
      const double d[3] = {xj[0] - xi[0], xj[1] - xi[1], xj[2] - xi[2]};
      search.for_each(d, [&](const std::int32_t z[3], double distance) {
        if (i != j || lexicographically_positive(z)) f(i, j, z, distance);
      });
    }
  }
}

// The shift in the given basis between the given (unwrapped) points, from z of `for_each_pair`.
inline void given_shift(const Lattice& lattice, const WrappedPoints& points, std::int32_t i, std::int32_t j,
                        const std::int32_t z[3], std::int64_t shift[3]) {
  std::int64_t reduced[3];
  for (int c = 0; c < 3; ++c) reduced[c] = z[c] - points.moved[3 * j + c] + points.moved[3 * i + c];
  for (int c = 0; c < 3; ++c)
    shift[c] = reduced[0] * lattice.to[0][c] + reduced[1] * lattice.to[1][c] + reduced[2] * lattice.to[2][c];
}

}  // namespace periodic
