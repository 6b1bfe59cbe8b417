// The energies at which the region below them first runs on without end in one, two and three directions: the periodic
// merge tree of a grid. Grid points enter in the order of their energies and join those of their 26 neighbours that
// are in; the union-find remembers lattice shifts, so that the rank of the translations which a region is joined to
// itself by is exact, whatever the number of cells that a path takes to close.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "bvse/grid.hpp"
#include "periodic/components.hpp"

namespace bvse {

// Energies nearer than this are one level: symmetry makes points equal but for rounding. eV.
constexpr double kLevel = 1e-6;

// Grid points by rising energy, by index where equal.
struct Order {
  std::vector<std::int32_t> points;  // index of the grid by place
  std::vector<std::int32_t> places;  // and back

  explicit Order(const std::vector<double>& energies) : points(energies.size()), places(energies.size()) {
    std::iota(points.begin(), points.end(), 0);
    std::sort(points.begin(), points.end(), [&](std::int32_t a, std::int32_t b) {
      return energies[a] < energies[b] || (energies[a] == energies[b] && a < b);
    });
    for (std::size_t p = 0; p < points.size(); ++p) places[points[p]] = static_cast<std::int32_t>(p);
  }
};

// Calls f(neighbour, shift, step) for the 26 neighbours of a point, the cell they lie in and the step to them.
template <class F>
inline void for_each_neighbour(std::int32_t point, const Dims& dims, F&& f) {
  const std::int64_t at[3] = {point / (dims.n[1] * dims.n[2]), point / dims.n[2] % dims.n[1], point % dims.n[2]};
  std::int64_t index[3][3];
  std::int32_t cell[3][3];
  for (int c = 0; c < 3; ++c)
    for (int s = 0; s < 3; ++s) {
      const std::int64_t k = at[c] + s - 1;
      cell[c][s] = k < 0 ? -1 : k >= dims.n[c] ? 1 : 0;
      index[c][s] = k - cell[c][s] * dims.n[c];
    }
  for (int a = 0; a < 3; ++a)
    for (int b = 0; b < 3; ++b)
      for (int c = 0; c < 3; ++c) {
        if (a == 1 && b == 1 && c == 1) continue;
        const std::int32_t shift[3] = {cell[0][a], cell[1][b], cell[2][c]};
        const std::int32_t step[3] = {a - 1, b - 1, c - 1};
        f(static_cast<std::int32_t>((index[0][a] * dims.n[1] + index[1][b]) * dims.n[2] + index[2][c]), shift, step);
      }
}

struct Barriers {
  double level[3];   // energy at which a region first runs on in at least 1, 2, 3 directions, eV
  double lowest[3];  // least energy in all that runs on at that level, eV
  double minimum;    // least energy of the grid, eV
};

inline Barriers barriers(const std::vector<double>& energies, const Order& order, const Dims& dims) {
  Barriers found{};
  const std::int32_t n = static_cast<std::int32_t>(order.points.size());
  periodic::Components components;
  components.reset(n);  // a vertex is a place in the order: the eldest of a component is its lowest point
  found.minimum = energies[order.points[0]];
  std::int32_t lowest = n;
  std::int64_t infinite = 0;
  int reached = 0, recorded = 0;
  for (std::int32_t place = 0; place < n && recorded < 3; ++place) {
    const std::int32_t point = order.points[place];
    for (; recorded < reached && energies[point] > found.level[recorded] + kLevel; ++recorded)
      found.lowest[recorded] = energies[order.points[lowest]];
    for_each_neighbour(point, dims, [&](std::int32_t other, const std::int32_t shift[3], const std::int32_t*) {
      const std::int32_t before = order.places[other];
      if (before > place) return;
      const periodic::Joined joined = components.join(place, before, shift);
      if (!joined.changed) return;
      const std::int64_t* sites = components.sites();
      const std::int64_t now = sites[1] + sites[2] + sites[3];
      if (now > infinite && joined.died >= 0) lowest = std::min(lowest, joined.died);
      infinite = now;
      for (; reached < 3 && (sites[3] > 0 || (reached < 2 && sites[2] > 0) || (reached < 1 && sites[1] > 0)); ++reached)
        found.level[reached] = energies[point];
    });
  }
  for (; recorded < 3; ++recorded) found.lowest[recorded] = energies[order.points[lowest]];
  return found;
}

}  // namespace bvse
