// The clouds of all channels of one crystal, from one search for pairs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "atoms.hpp"
#include "merging.hpp"

namespace crystal {

// Points of all channels, flat, and of each atom of a channel its point and the cell in which it lies.
struct Channels {
  std::vector<double> positions, occupancies;
  std::vector<std::int64_t> point_offsets{0}, atom_offsets{0}, point, cell;

  void clear() {
    positions.clear();
    occupancies.clear();
    point_offsets.assign(1, 0);
    atom_offsets.assign(1, 0);
    point.clear();
    cell.clear();
  }
};

// One channel: the atoms chosen, the site of each among the channel's, and the first atom of each such site.
struct Chosen {
  std::vector<std::int64_t> atoms, site, first;

  void choose(const Atoms& crystal, const char* mask) {
    atoms.clear();
    for (std::size_t k = 0; k < crystal.n; ++k)
      if (mask[k]) atoms.push_back(static_cast<std::int64_t>(k));
    order_.resize(atoms.size());
    for (std::size_t k = 0; k < atoms.size(); ++k) order_[k] = static_cast<std::int64_t>(k);
    const auto by_site = [&](std::int64_t a, std::int64_t b) {
      return crystal.sites[atoms[a]] < crystal.sites[atoms[b]];
    };
    if (!std::is_sorted(order_.begin(), order_.end(), by_site)) std::stable_sort(order_.begin(), order_.end(), by_site);
    site.resize(atoms.size());
    first.clear();
    for (const std::int64_t k : order_) {
      if (first.empty() || crystal.sites[first.back()] != crystal.sites[atoms[k]]) first.push_back(atoms[k]);
      site[k] = static_cast<std::int64_t>(first.size()) - 1;
    }
  }

  Points points(const Atoms& crystal) const {
    Points result;
    result.occupancies.assign(first.size(), 0.0);
    result.positions.reserve(3 * first.size());
    for (const std::int64_t row : first)
      result.positions.insert(result.positions.end(), crystal.positions + 3 * row, crystal.positions + 3 * row + 3);
    for (std::size_t k = 0; k < atoms.size(); ++k) result.occupancies[site[k]] += crystal.occupancies[atoms[k]];
    return result;
  }

 private:
  std::vector<std::int64_t> order_;
};

// `masks` is (n_channels, n). Returns 0; 1 for a cell without volume, 2 for a position that is no number.
inline int channel_points(const Atoms& crystal, const char* masks, const std::vector<double>& tolerances,
                          const MergeRules& rules, Channels& result) {
  periodic::Lattice reduced;
  if (!periodic::reduce_lattice(crystal.lattice, reduced)) return 1;
  const double widest = tolerances.empty() ? 0.0 : *std::max_element(tolerances.begin(), tolerances.end());
  std::vector<Pair> all, pairs;
  const std::vector<double> positions(crystal.positions, crystal.positions + 3 * crystal.n);
  if (!find_pairs(reduced, positions, widest, all)) return 2;
  Merger merger(crystal.lattice, reduced, rules);
  Chosen chosen;
  std::vector<std::int64_t> place(crystal.n), point, cell;
  for (std::size_t channel = 0; channel < tolerances.size(); ++channel) {
    chosen.choose(crystal, masks + channel * crystal.n);
    Points points = chosen.points(crystal);
    pairs.clear();
    if (!all.empty()) {
      std::fill(place.begin(), place.end(), -1);
      for (std::size_t k = 0; k < chosen.first.size(); ++k) place[chosen.first[k]] = static_cast<std::int64_t>(k);
      for (Pair pair : all) {
        pair.i = place[pair.i];
        pair.j = place[pair.j];
        if (pair.i >= 0 && pair.j >= 0 && pair.distance <= tolerances[channel]) pairs.push_back(pair);
      }
    }
    if (!merger.run(points, pairs, tolerances[channel], point, cell)) return 2;
    result.positions.insert(result.positions.end(), points.positions.begin(), points.positions.end());
    result.occupancies.insert(result.occupancies.end(), points.occupancies.begin(), points.occupancies.end());
    result.point_offsets.push_back(static_cast<std::int64_t>(result.occupancies.size()));
    for (const std::int64_t site : chosen.site) {
      result.point.push_back(point[site]);
      result.cell.insert(result.cell.end(), &cell[3 * site], &cell[3 * site] + 3);
    }
    result.atom_offsets.push_back(static_cast<std::int64_t>(result.point.size()));
  }
  return 0;
}

}  // namespace crystal
