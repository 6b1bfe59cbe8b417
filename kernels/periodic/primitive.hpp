// The translation lattice of a point set: the smallest cell that repeats to the same points.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "neighbours.hpp"

namespace periodic {

class PrimitiveCell {
 public:
  double rows[9];                  // cell vectors of the smaller cell, Å, rows
  std::int32_t index = 1;          // how many of them fill the given cell
  std::vector<std::int32_t> kept;  // one point per orbit: the first in the given order
  std::vector<double> positions;   // (len(kept), 3) fractional in `rows`

  // Translations are looked for among the separations from one point. Each is snapped to the exact fraction k / order
  // that it is near, and kept if it takes every point to within `tolerance` Å of a point. Points are never moved: a
  // distance changes only by taking it between other, equivalent points, so by less than 2 tolerances.
  // Returns false, and leaves the cell as it is, where the accepted translations do not close to a group.
  bool find(const Lattice& lattice, const WrappedPoints& points, double tolerance) {
    const std::int32_t n = static_cast<std::int32_t>(points.fractional.size() / 3);
    keep_all(lattice, points, n);
    if (n < 2) return false;
    basis_ = Basis{};
    for (int c = 0; c < 3; ++c) basis_.rows[c][c] = n;
    images_.clear();
    images_of_.resize(n);
    orders_.clear();
    for (std::int32_t m = 2; m <= n; ++m)
      if (n % m == 0) orders_.push_back(m);
    std::int32_t accepted = 0;
    for (std::int32_t j = 1; j < n; ++j) {
      std::int64_t step[3];  // n times the translation
      if (!snap(lattice, points, j, n, tolerance, step)) continue;
      double t[3];
      for (int c = 0; c < 3; ++c) t[c] = static_cast<double>(step[c]) / n;
      if (!maps_to_itself(lattice, points, t, 2.0 * tolerance)) continue;
      ++accepted;
      images_.insert(images_.end(), images_of_.begin(), images_of_.end());
      basis_.insert(step);
    }
    if (accepted == 0) return false;
    const std::int64_t cube = static_cast<std::int64_t>(n) * n * n;
    const std::int64_t det = basis_.rows[0][0] * basis_.rows[1][1] * basis_.rows[2][2];
    if (det == 0 || cube % det != 0 || cube / det != accepted + 1) return false;
    return take(lattice, points, n, accepted + 1);
  }

 private:
  // Integer row vectors in Hermite normal form (upper triangular), the lattice they span.
  struct Basis {
    std::int64_t rows[3][3] = {};
    void insert(const std::int64_t given[3]) {
      std::int64_t v[3] = {given[0], given[1], given[2]};
      for (int c = 0; c < 3; ++c) {
        // Euclid on the leading entries of row c and v.
        while (v[c] != 0) {
          const std::int64_t quotient = rows[c][c] / v[c];
          for (int k = 0; k < 3; ++k) {
            const std::int64_t rest = rows[c][k] - quotient * v[k];
            rows[c][k] = v[k];
            v[k] = rest;
          }
        }
        if (rows[c][c] < 0)
          for (int k = 0; k < 3; ++k) rows[c][k] = -rows[c][k];
        // Entries right of the diagonal stay below the diagonal of their column: no growth.
        for (int r = 0; r < c; ++r) {
          if (rows[c][c] == 0) continue;
          const std::int64_t quotient = floor_divide(rows[r][c], rows[c][c]);
          for (int k = c; k < 3; ++k) rows[r][k] -= quotient * rows[c][k];
        }
      }
    }
    static std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
      const std::int64_t q = a / b;
      return q - ((a % b != 0) && ((a < 0) != (b < 0)));
    }
  };

  void keep_all(const Lattice& lattice, const WrappedPoints& points, std::int32_t n) {
    index = 1;
    for (int c = 0; c < 9; ++c) rows[c] = lattice.rows[c / 3][c % 3];
    kept.resize(n);
    for (std::int32_t i = 0; i < n; ++i) kept[i] = i;
    positions = points.fractional;
  }

  static double length_of(const Lattice& lattice, const double d[3]) {
    double v[3];
    for (int c = 0; c < 3; ++c)
      v[c] = d[0] * lattice.rows[0][c] + d[1] * lattice.rows[1][c] + d[2] * lattice.rows[2][c];
    return std::sqrt(dot(v, v));
  }

  // The order of a translation of n points divides n. Finds the least order m such that m times the separation of
  // point j from point 0 is a lattice vector within tolerance; step = n * (that vector / m).
  bool snap(const Lattice& lattice, const WrappedPoints& points, std::int32_t j, std::int32_t n, double tolerance,
            std::int64_t step[3]) const {
    double d[3], rest[3];
    for (int c = 0; c < 3; ++c) d[c] = points.fractional[3 * j + c] - points.fractional[c];
    for (const std::int32_t m : orders_) {
      for (int c = 0; c < 3; ++c) {
        const double whole = std::nearbyint(m * d[c]);
        rest[c] = d[c] - whole / m;
        step[c] = static_cast<std::int64_t>(whole) * (n / m);
      }
      if (length_of(lattice, rest) <= tolerance) return true;
    }
    return false;
  }

  // Each point plus t is some point, within tolerance; images_of_[i] is that point.
  bool maps_to_itself(const Lattice& lattice, const WrappedPoints& points, const double t[3], double tolerance) {
    const std::int32_t n = static_cast<std::int32_t>(images_of_.size());
    // |d| >= |fractional part| * height of the cell over the other two axes >= |..| * star of the last axis.
    const double window = tolerance / lattice.forward.star[2];
    for (std::int32_t i = 0; i < n; ++i) {
      const double* from = &points.fractional[3 * i];
      std::int32_t hit = -1;
      for (std::int32_t k = 0; k < n && hit < 0; ++k) {
        const double* to = &points.fractional[3 * k];
        double d[3];
        d[2] = from[2] + t[2] - to[2];
        d[2] -= std::nearbyint(d[2]);
        if (std::fabs(d[2]) > window) continue;
        for (int c = 0; c < 2; ++c) {
          d[c] = from[c] + t[c] - to[c];
          d[c] -= std::nearbyint(d[c]);
        }
        if (length_of(lattice, d) <= tolerance) hit = k;
      }
      if (hit < 0) return false;
      images_of_[i] = hit;
    }
    return true;
  }

  bool take(const Lattice& lattice, const WrappedPoints& points, std::int32_t n, std::int32_t order) {
    taken_.assign(n, 0);
    std::vector<std::int32_t> firsts;
    for (std::int32_t i = 0; i < n; ++i) {
      if (taken_[i]) continue;
      firsts.push_back(i);
      taken_[i] = 1;
      for (std::size_t at = i; at < images_.size(); at += n) taken_[images_[at]] = 1;
    }
    if (static_cast<std::int64_t>(firsts.size()) * order != n) return false;  // orbits of unequal size: not a group
    index = order;
    kept.swap(firsts);
    for (int r = 0; r < 3; ++r)
      for (int c = 0; c < 3; ++c) {
        double sum = 0.0;
        for (int k = 0; k < 3; ++k) sum += static_cast<double>(basis_.rows[r][k]) / n * lattice.rows[k][c];
        rows[3 * r + c] = sum;
      }
    positions.resize(3 * kept.size());
    for (std::size_t at = 0; at < kept.size(); ++at) {
      // Solve x basis = n f, basis upper triangular.
      const double* f = &points.fractional[3 * kept[at]];
      double* x = &positions[3 * at];
      for (int c = 0; c < 3; ++c) {
        double sum = n * f[c];
        for (int k = 0; k < c; ++k) sum -= x[k] * static_cast<double>(basis_.rows[k][c]);
        x[c] = sum / static_cast<double>(basis_.rows[c][c]);
      }
    }
    return true;
  }

  Basis basis_;
  std::vector<std::int32_t> images_, images_of_;
  std::vector<std::int32_t> orders_;  // divisors of n above 1
  std::vector<char> taken_;
};

}  // namespace periodic
