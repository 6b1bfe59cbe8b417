// The images of atoms under the operations x' = R x + t: how far they lie apart, and which are of one atom or of one
// site. The rules stand in screening/crystals/sites.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "../periodic/lattice.hpp"

namespace crystal {

struct Operations {
  const double* rotations;     // (k, 3, 3) integers
  const double* translations;  // (k, 3) fractional
  std::size_t k;

  void apply(std::size_t operation, const double* x, double image[3]) const {
    const double *r = rotations + 9 * operation, *t = translations + 3 * operation;
    for (int c = 0; c < 3; ++c) image[c] = r[3 * c] * x[0] + r[3 * c + 1] * x[1] + r[3 * c + 2] * x[2] + t[c];
  }
};

// For every operation and atom the shortest way from the atom to its image, in cells, each coordinate rounded by
// itself: (k, m, 3). And for every atom and operation its squared length, Å^2: (m, k).
inline void shifts_of(const Operations& operations, const double* positions, std::size_t m, const double* lattice,
                      std::vector<double>& shift, std::vector<double>& squared) {
  shift.resize(3 * m * operations.k);
  squared.resize(m * operations.k);
  for (std::size_t o = 0; o < operations.k; ++o)
    for (std::size_t a = 0; a < m; ++a) {
      double* s = &shift[3 * (o * m + a)];
      operations.apply(o, positions + 3 * a, s);
      double v[3];
      for (int c = 0; c < 3; ++c) {
        s[c] -= positions[3 * a + c];
        s[c] -= std::nearbyint(s[c]);
      }
      for (int c = 0; c < 3; ++c) v[c] = s[0] * lattice[c] + s[1] * lattice[3 + c] + s[2] * lattice[6 + c];
      squared[a * operations.k + o] = periodic::dot(v, v);
    }
}

// The atoms of the cell: each place of an atom once, in order of atom and operation.
struct Cell {
  std::vector<double> positions;         // (n, 3) in [0, 1], fractional
  std::vector<std::int64_t> atom, site;  // (n,); sites are numbered as they are met
  std::vector<std::int64_t> images;      // (m,) places of each atom
  std::int64_t n_sites = 0;
};

// Two images are at one place if their coordinates fall into the same of `steps` parts of each cell vector, counted
// from `offset` parts before its end.
inline void expand(const Operations& operations, const double* positions, std::size_t m, double part, double offset,
                   Cell& cell) {
  const std::int64_t steps = static_cast<std::int64_t>(std::nearbyint(1.0 / part));
  std::unordered_map<std::int64_t, std::int64_t> sites;
  std::vector<std::int64_t> last;  // atom that was last met at a site
  sites.reserve(m * operations.k);
  cell.images.assign(m, 0);
  for (std::size_t a = 0; a < m; ++a)
    for (std::size_t o = 0; o < operations.k; ++o) {
      double image[3];
      operations.apply(o, positions + 3 * a, image);
      std::int64_t key = 0;
      for (int c = 0; c < 3; ++c) {
        image[c] -= std::floor(image[c]);
        key = key * steps + static_cast<std::int64_t>(std::floor(image[c] / part + offset)) % steps;
      }
      const std::int64_t site = sites.emplace(key, cell.n_sites).first->second;
      if (site == cell.n_sites) {
        ++cell.n_sites;
        last.push_back(-1);
      }
      if (last[site] == static_cast<std::int64_t>(a)) continue;
      last[site] = static_cast<std::int64_t>(a);
      cell.positions.insert(cell.positions.end(), image, image + 3);
      cell.atom.push_back(static_cast<std::int64_t>(a));
      cell.site.push_back(site);
      ++cell.images[a];
    }
}

// How far the rotations change the metric G = L L^T of a cell: the largest |R^T G R - G| of two vectors on the scale of
// their lengths.
inline double metric_misfit(const double* lattice, const double* rotations, std::size_t k) {
  double metric[3][3], largest = 0.0;
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) metric[a][b] = periodic::dot(lattice + 3 * a, lattice + 3 * b);
  for (std::size_t o = 0; o < k; ++o) {
    const double* r = rotations + 9 * o;
    double half[3][3];  // R^T G
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b < 3; ++b) half[a][b] = r[a] * metric[0][b] + r[3 + a] * metric[1][b] + r[6 + a] * metric[2][b];
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b < 3; ++b) {
        const double moved = half[a][0] * r[b] + half[a][1] * r[3 + b] + half[a][2] * r[6 + b];
        const double scale = std::sqrt(metric[a][a]) * std::sqrt(metric[b][b]);
        largest = std::max(largest, std::fabs(moved - metric[a][b]) / scale);
      }
  }
  return largest;
}

}  // namespace crystal
