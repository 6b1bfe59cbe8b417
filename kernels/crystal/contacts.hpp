// Sites that are too close, and what atoms hold within a bond's length. Returned statuses: 0; 1 for a cell without
// volume, 2 for a position that is no number.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "merging.hpp"

namespace crystal {

struct ContactRules {
  double factor;       // of the sum of two radii
  double least;        // Å: sites closer than this are too close whatever their radii
  double most_shared;  // sites that fill at most this between them may be at any distance
};

struct Sites {
  const double* lattice;      // (3, 3) Å, rows
  const double* positions;    // (n, 3) fractional
  const double* radii;        // (n,) Å
  const double* occupancies;  // (n,)
  std::size_t n;
};

// Pairs that are too close: each once; where `asked` are given, those of one of these with another site, from its side.
inline int crowded(const Sites& sites, const std::vector<std::int64_t>& asked, const ContactRules& rules,
                   std::vector<Pair>& pairs) {
  periodic::Lattice reduced;
  periodic::WrappedPoints wrapped;
  if (!periodic::reduce_lattice(sites.lattice, reduced)) return 1;
  if (!wrapped.assign(reduced, sites.positions, sites.n)) return 2;
  const double largest = sites.n ? *std::max_element(sites.radii, sites.radii + sites.n) : 0.0;
  const double cutoff = std::max(2 * rules.factor * largest, rules.least);
  const periodic::ImageSearch<2> search(reduced, cutoff);
  const Heights heights(reduced);
  const auto look = [&](std::size_t i, std::size_t j) {
    if (!(sites.occupancies[i] + sites.occupancies[j] > rules.most_shared)) return;
    const double limit = std::max(rules.factor * (sites.radii[i] + sites.radii[j]), rules.least);
    double d[3];
    for (int c = 0; c < 3; ++c) d[c] = wrapped.fractional[3 * j + c] - wrapped.fractional[3 * i + c];
    if (heights.beyond(d, limit)) return;
    search.for_each(d, [&](const std::int32_t z[3], double distance) {
      if (!(distance < limit) || (i == j && !periodic::lexicographically_positive(z))) return;
      Pair pair{static_cast<std::int64_t>(i), static_cast<std::int64_t>(j), {0, 0, 0}, distance};
      periodic::given_shift(reduced, wrapped, static_cast<std::int32_t>(i), static_cast<std::int32_t>(j), z,
                            pair.shift);
      pairs.push_back(pair);
    });
  };
  if (asked.empty()) Sweep(reduced, wrapped, cutoff).for_each(look);
  for (const std::int64_t i : asked)
    for (std::size_t j = 0; j < sites.n; ++j)
      if (static_cast<std::size_t>(i) != j) look(static_cast<std::size_t>(i), j);
  return 0;
}

// Summed occupancies of `partners` at a distance from `low` to `high` of each of `atoms`, (n,). What stands behind an
// atom in the list is summed apart from what stands before it.
inline int held(const double* lattice, const double* positions, const double* occupancies, std::size_t n,
                const char* atoms, const char* partners, double low, double high, std::vector<double>& sums) {
  periodic::Lattice reduced;
  periodic::WrappedPoints wrapped;
  if (!periodic::reduce_lattice(lattice, reduced)) return 1;
  if (!wrapped.assign(reduced, positions, n)) return 2;
  const periodic::ImageSearch<2> search(reduced, high);
  const Heights heights(reduced);
  std::vector<double> before(n, 0.0);
  sums.assign(n, 0.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i; j < n; ++j) {
      const bool forth = atoms[i] && partners[j], back = atoms[j] && partners[i];
      if (!forth && !back) continue;
      double d[3];
      for (int c = 0; c < 3; ++c) d[c] = wrapped.fractional[3 * j + c] - wrapped.fractional[3 * i + c];
      if (heights.beyond(d, high)) continue;
      search.for_each(d, [&](const std::int32_t z[3], double distance) {
        if (distance < low || (i == j && !periodic::lexicographically_positive(z))) return;
        if (forth) sums[i] += occupancies[j];
        if (back) before[j] += occupancies[i];
      });
    }
  for (std::size_t i = 0; i < n; ++i) sums[i] += before[i];
  return 0;
}

}  // namespace crystal
