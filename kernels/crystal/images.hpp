// The images of atoms under the operations x' = R x + t: how far they lie apart, and which are of one atom or of one
// site. The rules stand in screening/crystals/sites.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
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

// In [0, 1); what rounds up to 1 is 0.
inline double wrapped(double x) {
  x -= std::floor(x);
  return x >= 1.0 ? 0.0 : x;
}

// The shortest way from an atom to its image, in cells, each coordinate rounded by itself; returns its squared length,
// Å^2.
inline double shift_of(const Operations& operations, std::size_t operation, const double* x, const double* lattice,
                       double* shift) {
  operations.apply(operation, x, shift);
  double v[3];
  for (int c = 0; c < 3; ++c) {
    shift[c] -= x[c];
    shift[c] -= std::nearbyint(shift[c]);
  }
  for (int c = 0; c < 3; ++c) v[c] = shift[0] * lattice[c] + shift[1] * lattice[3 + c] + shift[2] * lattice[6 + c];
  return periodic::dot(v, v);
}

// Where an image lies is told by the parts of the cell vectors that its coordinates, in [0, 1], fall into, counted from
// `offset` parts before the end of each vector.
inline std::int64_t place_key(const double x[3], double part, double offset, std::int64_t steps) {
  std::int64_t key = 0;
  for (int c = 0; c < 3; ++c) key = key * steps + static_cast<std::int64_t>(std::floor(x[c] / part + offset)) % steps;
  return key;
}

// Numbers given to keys as they are met: open addressing, at most half full.
class Places {
 public:
  void clear(std::size_t most) {
    std::size_t capacity = 16;
    while (capacity < 2 * most) capacity *= 2;
    slots_.assign(capacity, {-1, -1});
    mask_ = capacity - 1;
  }

  // The number of a key; `fresh` where it was not there.
  std::int64_t number(std::int64_t key, std::int64_t fresh) {
    std::uint64_t hash = static_cast<std::uint64_t>(key) * 0x9E3779B97F4A7C15ull;
    for (std::size_t at = static_cast<std::size_t>(hash >> 32) & mask_;; at = (at + 1) & mask_) {
      if (slots_[at].first == key) return slots_[at].second;
      if (slots_[at].second < 0) {
        slots_[at] = {key, fresh};
        return fresh;
      }
    }
  }

 private:
  std::vector<std::pair<std::int64_t, std::int64_t>> slots_;
  std::size_t mask_ = 0;
};

// The atoms of the cell: each place of an atom once, in order of atom and operation.
struct Cell {
  std::vector<double> positions;         // (n, 3) in [0, 1], fractional
  std::vector<std::int64_t> atom, site;  // (n,); sites are numbered as they are met
  std::vector<std::int64_t> images;      // (m,) places of each atom
  std::int64_t n_sites = 0;
};

class Expander {
 public:
  // Two images are at one place if their keys are equal.
  void run(const Operations& operations, const double* positions, std::size_t m, double part, double offset,
           Cell& cell) {
    const std::int64_t steps = static_cast<std::int64_t>(std::nearbyint(1.0 / part));
    places_.clear(m * operations.k);
    last_.clear();
    cell.positions.clear();
    cell.atom.clear();
    cell.site.clear();
    cell.images.assign(m, 0);
    cell.n_sites = 0;
    for (std::size_t a = 0; a < m; ++a)
      for (std::size_t o = 0; o < operations.k; ++o) {
        double image[3];
        operations.apply(o, positions + 3 * a, image);
        for (int c = 0; c < 3; ++c) image[c] -= std::floor(image[c]);
        const std::int64_t site = places_.number(place_key(image, part, offset, steps), cell.n_sites);
        if (site == cell.n_sites) {
          ++cell.n_sites;
          last_.push_back(-1);
        }
        if (last_[site] == static_cast<std::int64_t>(a)) continue;
        last_[site] = static_cast<std::int64_t>(a);
        cell.positions.insert(cell.positions.end(), image, image + 3);
        cell.atom.push_back(static_cast<std::int64_t>(a));
        cell.site.push_back(site);
        ++cell.images[a];
      }
  }

 private:
  Places places_;
  std::vector<std::int64_t> last_;  // atom that was last met at a site
};

// How far the rotations change the metric G = L L^T of a cell: the largest |R^T G R - G| of two vectors on the scale of
// their lengths.
inline double metric_misfit(const double* lattice, const double* rotations, std::size_t k) {
  double metric[3][3], length[3], largest = 0.0;
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b) metric[a][b] = periodic::dot(lattice + 3 * a, lattice + 3 * b);
  for (int a = 0; a < 3; ++a) length[a] = std::sqrt(metric[a][a]);
  for (std::size_t o = 0; o < k; ++o) {
    const double* r = rotations + 9 * o;
    double half[3][3];  // R^T G
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b < 3; ++b) half[a][b] = r[a] * metric[0][b] + r[3 + a] * metric[1][b] + r[6 + a] * metric[2][b];
    for (int a = 0; a < 3; ++a)
      for (int b = 0; b < 3; ++b) {
        const double moved = half[a][0] * r[b] + half[a][1] * r[3 + b] + half[a][2] * r[6 + b];
        largest = std::max(largest, std::fabs(moved - metric[a][b]) / (length[a] * length[b]));
      }
  }
  return largest;
}

}  // namespace crystal
