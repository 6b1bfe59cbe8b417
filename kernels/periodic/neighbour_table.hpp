// The 1-skeleton of one cloud: per site a sorted row of neighbours, and per site the ticks between its neighbours.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "field.hpp"
#include "neighbours.hpp"
#include "ticks.hpp"

namespace periodic {

struct Edge {
  std::int32_t i, j;  // i <= j; for i == j, z > 0
  std::int32_t z[3];
  std::int32_t tick;
};

constexpr std::int32_t kShiftLimit = 8191;  // |z| of an edge, 14 bits with sign

// Row i lists the vertices (j, z) joined to (i, 0), first the lower ones, then, from `upper[i]` on, the upper ones, in
// the vertex order (site, then shift). Upper neighbours ascend. Lower neighbours ascend by site and *descend* by
// shift: then the reversed entries ascend, and with them the keys of simplices that begin with a lower neighbour.
class NeighbourTable {
 public:
  std::int32_t n_sites = 0;
  std::vector<std::uint32_t> row, upper;     // (n + 1), (n)
  std::vector<std::int32_t> owner, site;     // per entry: the row's site, the neighbour's site
  std::vector<std::int32_t> shift;           // 3 per entry
  std::vector<std::int32_t> tick;            // per entry
  std::vector<std::uint32_t> reverse, coef;  // per entry: the entry of the way back; t^shift
  std::vector<std::size_t> block;            // per site: where its matrix begins
  std::vector<std::uint32_t> stride;         // per site: row length of its matrix, padding included: a multiple of 8
  std::vector<std::int32_t> between;         // matrices: tick from neighbour a to neighbour b, kNever if not joined
  std::vector<std::uint32_t> entry;          // matrices: the entry of b in the row of a's site, where joined
  std::vector<std::int32_t> radial;          // (stride) per site, padded copy of the row's ticks
  std::vector<std::size_t> radial_at;

  std::uint32_t count(std::int32_t i) const { return row[i + 1] - row[i]; }
  const std::int32_t* ticks_of(std::int32_t i, std::uint32_t a) const {
    return &between[block[i] + static_cast<std::size_t>(a) * stride[i]];
  }
  const std::uint32_t* entries_of(std::int32_t i, std::uint32_t a) const {
    return &entry[block[i] + static_cast<std::size_t>(a) * stride[i]];
  }
  const std::int32_t* radial_of(std::int32_t i) const { return &radial[radial_at[i]]; }

  // Rows from edges. `units` must not send a shift of an edge to 1 or -1: returns false if they do.
  bool build_rows(std::int32_t n, const std::vector<Edge>& edges, const Units& units) {
    n_sites = n;
    const std::size_t size = 2 * edges.size();
    sorted_.resize(size);
    row.assign(n + 1, 0);
    for (const Edge& e : edges) ++row[e.i + 1], ++row[e.j + 1];
    for (std::int32_t i = 0; i < n; ++i) row[i + 1] += row[i];
    upper.assign(row.begin(), row.end() - 1);  // used as write positions first
    for (std::size_t k = 0; k < edges.size(); ++k) {
      const Edge& e = edges[k];
      // (j, z) is an upper neighbour of i, (i, -z) a lower one of j.
      sorted_[upper[e.i]++] = {order_key(true, e.j, e.z), static_cast<std::uint32_t>(2 * k)};
      sorted_[upper[e.j]++] = {order_key(false, e.i, e.z), static_cast<std::uint32_t>(2 * k + 1)};
    }
    owner.resize(size), site.resize(size), shift.resize(3 * size), tick.resize(size);
    reverse.resize(size), coef.resize(size), position_.resize(size);
    for (std::int32_t i = 0; i < n; ++i) {
      std::sort(sorted_.begin() + row[i], sorted_.begin() + row[i + 1],
                [](const Sorted& a, const Sorted& b) { return a.key < b.key; });
      upper[i] = row[i + 1];
      for (std::uint32_t at = row[i]; at < row[i + 1]; ++at) {
        const std::uint32_t from = sorted_[at].from;
        const Edge& e = edges[from / 2];
        const bool up = from % 2 == 0;
        if (up && upper[i] > at) upper[i] = at;
        owner[at] = i;
        site[at] = up ? e.j : e.i;
        for (int c = 0; c < 3; ++c) shift[3 * at + c] = up ? e.z[c] : -e.z[c];
        tick[at] = e.tick;
        position_[from] = at;
      }
    }
    for (std::size_t at = 0; at < size; ++at) {
      reverse[at] = position_[sorted_[at].from ^ 1];
      const std::int32_t* z = &shift[3 * at];
      coef[at] = units.power(z);
      if ((z[0] || z[1] || z[2]) && (coef[at] == 1 || coef[at] == units.field.p - 1)) return false;
    }
    return true;
  }

  // Matrices from rows. A dense grid from vertex to place in the row of i: a vertex (k, u) stands at
  // k * side^3 + (u as digits in base side, centred); it is linear in u, and wide enough for a sum of two shifts.
  void build_matrices() {
    std::int32_t widest = 0;
    for (const std::int32_t z : shift) widest = std::max(widest, z < 0 ? -z : z);
    const std::int64_t side = 4 * static_cast<std::int64_t>(widest) + 1;
    if (side > 2000 || side * side * side * n_sites > (1 << 24)) return build_matrices_by_search();
    const std::int64_t cube = side * side * side;
    const std::size_t size = site.size();
    layout();
    linear_.resize(size);
    for (std::size_t at = 0; at < size; ++at) {
      const std::int32_t* z = &shift[3 * at];
      linear_[at] = static_cast<std::int32_t>(site[at] * cube + (z[0] * side + z[1]) * side + z[2]);
    }
    const std::int64_t centre = cube / 2;  // half a side in every digit
    // Zero between uses, so that it need only grow.
    if (grid_.size() < static_cast<std::size_t>(cube) * n_sites) grid_.resize(static_cast<std::size_t>(cube) * n_sites);
    for (std::int32_t i = 0; i < n_sites; ++i) {
      for (std::uint32_t at = row[i]; at < row[i + 1]; ++at)
        grid_[linear_[at] + centre] = static_cast<std::uint16_t>(at - row[i] + 1);
      for (std::uint32_t at = row[i]; at < row[i + 1]; ++at) {
        const std::int32_t k = site[at];
        const std::int64_t move = linear_[at] - k * cube + centre;
        std::int32_t* ticks = &between[block[i] + static_cast<std::size_t>(at - row[i]) * stride[i]];
        std::uint32_t* entries = &entry[block[i] + static_cast<std::size_t>(at - row[i]) * stride[i]];
        for (std::uint32_t next = row[k]; next < row[k + 1]; ++next) {
          // No branch: a vertex that is no neighbour has place 0 and is written to the padding before the row.
          const std::ptrdiff_t place = static_cast<std::ptrdiff_t>(grid_[linear_[next] + move]) - 1;
          ticks[place] = tick[next];
          entries[place] = next;
        }
        ticks[-1] = kNever;
      }
      for (std::uint32_t at = row[i]; at < row[i + 1]; ++at) grid_[linear_[at] + centre] = 0;
    }
  }

 private:
  struct Sorted {
    std::uint64_t key;
    std::uint32_t from;
  };

  static std::uint64_t order_key(bool is_upper, std::int32_t vertex_site, const std::int32_t z[3]) {
    std::uint64_t key = static_cast<std::uint64_t>(is_upper) << 20 | static_cast<std::uint64_t>(vertex_site);
    // The lower neighbour has shift -z: descending in -z is ascending in z. The same digits serve both.
    for (int c = 0; c < 3; ++c) key = key << 14 | static_cast<std::uint64_t>(z[c] + kShiftLimit + 1);
    return key;
  }

  void layout() {
    block.resize(n_sites), stride.resize(n_sites), radial_at.resize(n_sites);
    std::size_t cells = 8, places = 0;
    for (std::int32_t i = 0; i < n_sites; ++i) {
      stride[i] = (count(i) + 8) & ~7u;  // at least one place of padding in front of every row
      block[i] = cells;
      radial_at[i] = places;
      cells += static_cast<std::size_t>(stride[i]) * count(i);
      places += stride[i];
    }
    between.assign(cells, kNever);
    if (entry.size() < cells) entry.resize(cells);
    radial.assign(places, kNever);
    for (std::int32_t i = 0; i < n_sites; ++i)
      for (std::uint32_t at = row[i]; at < row[i + 1]; ++at) radial[radial_at[i] + at - row[i]] = tick[at];
  }

  // The same for shifts too wide for the grid (needle cells): binary search in the sorted row.
  void build_matrices_by_search() {
    layout();
    for (std::int32_t i = 0; i < n_sites; ++i)
      for (std::uint32_t at = row[i]; at < row[i + 1]; ++at) {
        const std::int32_t k = site[at];
        const std::size_t line = block[i] + static_cast<std::size_t>(at - row[i]) * stride[i];
        for (std::uint32_t next = row[k]; next < row[k + 1]; ++next) {
          std::int32_t z[3];
          for (int c = 0; c < 3; ++c) z[c] = shift[3 * at + c] + shift[3 * next + c];
          const std::uint32_t place = find(i, site[next], z);
          if (place != UINT32_MAX) between[line + place] = tick[next], entry[line + place] = next;
        }
      }
  }

  std::uint32_t find(std::int32_t i, std::int32_t j, const std::int32_t z[3]) const {
    for (int c = 0; c < 3; ++c)
      if (z[c] > kShiftLimit || z[c] < -kShiftLimit) return UINT32_MAX;
    const bool up = j > i || (j == i && lexicographically_positive(z));
    const std::int32_t digits[3] = {up ? z[0] : -z[0], up ? z[1] : -z[1], up ? z[2] : -z[2]};
    const std::uint64_t key = order_key(up, j, digits);
    const auto begin = sorted_.begin() + row[i], end = sorted_.begin() + row[i + 1];
    const auto it = std::lower_bound(begin, end, key, [](const Sorted& a, std::uint64_t b) { return a.key < b; });
    return it != end && it->key == key ? static_cast<std::uint32_t>(it - begin) : UINT32_MAX;
  }

  std::vector<Sorted> sorted_;
  std::vector<std::uint32_t> position_;
  std::vector<std::int32_t> linear_;
  std::vector<std::uint16_t> grid_;
};

}  // namespace periodic
