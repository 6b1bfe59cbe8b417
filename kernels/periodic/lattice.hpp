// A lattice basis reduced so that the images of a point within a radius are few and can be listed exactly.
// Plain arrays, no allocation, no exceptions.
#pragma once

#include <cmath>
#include <cstdint>

namespace periodic {

inline double dot(const double* a, const double* b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

inline double determinant(const double m[3][3]) {
  return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
         m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
}

// Of rows b0, b1, b2.
struct GramSchmidt {
  double mu21, mu31, mu32;  // coefficients
  double star[3];           // lengths of the orthogonal vectors, Å
};

struct Lattice {
  double rows[3][3];        // reduced cell vectors, Å: rows = unimodular * given rows
  std::int64_t to[3][3];    // unimodular: reduced row i = sum_j to[i][j] * given row j
  std::int64_t back[3][3];  // its inverse: given row i = sum_j back[i][j] * reduced row j
  GramSchmidt forward;      // of the reduced rows
  GramSchmidt backward;     // of the reduced rows from the last to the first
  double volume;            // Å^3
};

// Adds k times row `from` to row `onto`, in the basis and in its integer record.
inline void add_row(Lattice& lattice, int onto, int from, double k) {
  for (int c = 0; c < 3; ++c) {
    lattice.rows[onto][c] += k * lattice.rows[from][c];
    lattice.to[onto][c] += static_cast<std::int64_t>(k) * lattice.to[from][c];
  }
}

inline GramSchmidt gram_schmidt(const double b0[3], const double b1[3], const double b2[3]) {
  GramSchmidt result;
  double s1[3], s2[3];
  const double n0 = dot(b0, b0);
  result.mu21 = dot(b1, b0) / n0;
  result.mu31 = dot(b2, b0) / n0;
  for (int c = 0; c < 3; ++c) s1[c] = b1[c] - result.mu21 * b0[c];
  const double n1 = dot(s1, s1);
  result.mu32 = dot(b2, s1) / n1;
  for (int c = 0; c < 3; ++c) s2[c] = b2[c] - result.mu31 * b0[c] - result.mu32 * s1[c];
  result.star[0] = std::sqrt(n0);
  result.star[1] = std::sqrt(n1);
  result.star[2] = std::sqrt(dot(s2, s2));
  return result;
}

// Exact: the adjugate of an integer matrix of determinant +-1.
inline void invert_unimodular(const std::int64_t m[3][3], std::int64_t inverse[3][3]) {
  std::int64_t cofactor[3][3];
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 3; ++c) {
      const int r1 = (r + 1) % 3, r2 = (r + 2) % 3, c1 = (c + 1) % 3, c2 = (c + 2) % 3;
      cofactor[r][c] = m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1];
    }
  const std::int64_t det = m[0][0] * cofactor[0][0] + m[0][1] * cofactor[0][1] + m[0][2] * cofactor[0][2];
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 3; ++c) inverse[r][c] = det * cofactor[c][r];
}

// Minkowski reduction: no row gets shorter by adding -1, 0 or 1 times each other row, which in three dimensions is
// Minkowski's condition. Rounding steps first, so that a very skew cell takes few rounds. A step must gain a part in
// 1e12 of the squared length, so the loop ends. Returns false for a cell that is not finite or has no volume.
inline bool reduce_lattice(const double given[9], Lattice& lattice) {
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 3; ++c) {
      lattice.rows[r][c] = given[3 * r + c];
      if (!std::isfinite(given[3 * r + c])) return false;
      lattice.to[r][c] = r == c;
    }
  const double det = std::fabs(determinant(lattice.rows));
  double product = 1.0;
  for (int r = 0; r < 3; ++r) product *= std::sqrt(dot(lattice.rows[r], lattice.rows[r]));
  if (!(det > 1e-10 * product)) return false;  // also when product is 0 or overflows
  const double gain = 1.0 - 1e-12;
  for (bool changed = true; changed;) {
    changed = false;
    for (int i = 0; i < 3; ++i) {
      const int j = (i + 1) % 3, k = (i + 2) % 3;
      for (int other : {j, k}) {
        const double norm = dot(lattice.rows[other], lattice.rows[other]);
        const double round = std::nearbyint(dot(lattice.rows[i], lattice.rows[other]) / norm);
        if (round == 0.0) continue;
        double moved[3];
        for (int c = 0; c < 3; ++c) moved[c] = lattice.rows[i][c] - round * lattice.rows[other][c];
        if (dot(moved, moved) >= gain * dot(lattice.rows[i], lattice.rows[i])) continue;
        add_row(lattice, i, other, -round);
        changed = true;
      }
      for (int x = -1; x <= 1; x += 2)
        for (int y = -1; y <= 1; y += 2) {
          double moved[3];
          for (int c = 0; c < 3; ++c) moved[c] = lattice.rows[i][c] + x * lattice.rows[j][c] + y * lattice.rows[k][c];
          if (dot(moved, moved) >= gain * dot(lattice.rows[i], lattice.rows[i])) continue;
          add_row(lattice, i, j, x);
          add_row(lattice, i, k, y);
          changed = true;
        }
    }
  }
  // Recompute from the given rows: the sums above rounded at every step.
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 3; ++c) {
      double sum = 0.0;
      for (int k = 0; k < 3; ++k) sum += static_cast<double>(lattice.to[r][k]) * given[3 * k + c];
      lattice.rows[r][c] = sum;
    }
  invert_unimodular(lattice.to, lattice.back);
  lattice.forward = gram_schmidt(lattice.rows[0], lattice.rows[1], lattice.rows[2]);
  lattice.backward = gram_schmidt(lattice.rows[2], lattice.rows[1], lattice.rows[0]);
  lattice.volume = std::fabs(determinant(lattice.rows));
  return lattice.volume > 0.0;
}

}  // namespace periodic
