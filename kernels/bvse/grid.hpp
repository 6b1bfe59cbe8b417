// The bond-valence site energy on a grid: each atom gives its share to every grid point within the cutoff, images
// included.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "bvse/potential.hpp"
#include "periodic/neighbours.hpp"

namespace bvse {

struct Dims {
  std::int64_t n[3];
  std::int64_t size() const { return n[0] * n[1] * n[2]; }
};

struct Atoms {
  const double* positions;    // (n, 3) fractional in the cell of the grid
  const std::int64_t* kinds;  // (n)
  const double* weights;      // (n) share of the site that the atom fills
  std::size_t count;
};

inline std::int64_t wrapped(std::int64_t k, std::int64_t n) {
  const std::int64_t rest = k % n;
  return rest < 0 ? rest + n : rest;
}

// Adds the energies of one atom to the grid, point (i, j, k) at i/n0 of row 0 and so on, the last fastest.
//
// In the orthogonal coordinates of the grid's own vectors, taken from the last to the first, a row of points along the
// last has a constant distance from the atom but for one coordinate: r^2 = across^2 + along^2.
inline void add_atom(const double steps[3][3], const double position[3], double weight, const Table& table,
                     const Dims& dims, double cutoff, double* energies) {
  const periodic::GramSchmidt basis = periodic::gram_schmidt(steps[2], steps[1], steps[0]);
  const double limit = cutoff * (1.0 + 1e-9);  // rounding may not lose an atom at the cutoff
  const double limit2 = limit * limit;
  double at[3];
  for (int c = 0; c < 3; ++c) at[c] = (position[c] - std::floor(position[c])) * static_cast<double>(dims.n[c]);
  const double width0 = limit / basis.star[2], width1 = limit / basis.star[1];
  for (double i = periodic::ceil_of(at[0] - width0), e = periodic::floor_of(at[0] + width0); i <= e; i += 1.0) {
    const double c0 = i - at[0], part0 = c0 * basis.star[2], left0 = limit2 - part0 * part0;
    if (left0 < 0.0) continue;
    const std::int64_t row0 = wrapped(static_cast<std::int64_t>(i), dims.n[0]) * dims.n[1];
    const double shift1 = at[1] - basis.mu32 * c0;
    for (double j = periodic::ceil_of(shift1 - width1), f = periodic::floor_of(shift1 + width1); j <= f; j += 1.0) {
      const double c1 = j - at[1], part1 = (j - shift1) * basis.star[1], left1 = left0 - part1 * part1;
      if (left1 < 0.0) continue;
      const double across2 = part0 * part0 + part1 * part1;
      const double width2 = std::sqrt(left1) / basis.star[0];
      const double shift2 = at[2] - basis.mu21 * c1 - basis.mu31 * c0;
      std::int64_t k = static_cast<std::int64_t>(periodic::ceil_of(shift2 - width2));
      const std::int64_t last = static_cast<std::int64_t>(periodic::floor_of(shift2 + width2));
      double* const row = energies + (row0 + wrapped(static_cast<std::int64_t>(j), dims.n[1])) * dims.n[2];
      while (k <= last) {  // in pieces that do not cross the face of the cell
        const std::int64_t first = wrapped(k, dims.n[2]);
        const std::int64_t count = std::min(last - k + 1, dims.n[2] - first);
        double* const points = row + first;
        const double begin = static_cast<double>(k) - shift2;
        if (across2 >= Table::kExact2) {
          for (std::int64_t p = 0; p < count; ++p) {
            const double along = (begin + static_cast<double>(p)) * basis.star[0];
            points[p] += weight * table.at(std::min(across2 + along * along, limit2));
          }
        } else {
          for (std::int64_t p = 0; p < count; ++p) {
            const double along = (begin + static_cast<double>(p)) * basis.star[0];
            const double r2 = std::min(across2 + along * along, limit2);
            points[p] += weight * (r2 < Table::kExact2 ? table.exactly(r2) : table.at(r2));
          }
        }
        k += count;
      }
    }
  }
}

// The whole grid, eV. The cell must have a volume.
inline std::vector<double> energy_grid(const double cell[9], const Atoms& atoms, const std::vector<Kind>& kinds,
                                       const Dims& dims, double cutoff) {
  double steps[3][3];
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 3; ++c) steps[r][c] = cell[3 * r + c] / static_cast<double>(dims.n[r]);
  std::vector<Table> tables;
  tables.reserve(kinds.size());
  for (const Kind& kind : kinds) tables.emplace_back(kind, cutoff * (1.0 + 1e-9));
  std::vector<double> energies(static_cast<std::size_t>(dims.size()), 0.0);
  for (std::size_t a = 0; a < atoms.count; ++a)
    add_atom(steps, atoms.positions + 3 * a, atoms.weights[a], tables[static_cast<std::size_t>(atoms.kinds[a])], dims,
             cutoff, energies.data());
  return energies;
}

}  // namespace bvse
