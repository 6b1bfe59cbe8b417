// For every edge, the rank at which each neighbour completes a triangle with it.
#pragma once

#include <cstdint>
#include <vector>

#include "neighbour_table.hpp"
#include "scan.hpp"

namespace periodic {

constexpr std::int64_t kMatrixLimit = 64'000'000;  // sum of squared degrees: 130 MB, or 260 MB with 32-bit ranks

// Of an edge from (i, 0) to its upper neighbour a, the lune at a radius is the set of vertices within the radius of
// both ends. A row of `lunes` holds, for every neighbour w of i, the rank at which w enters the lune: the larger of
// those of (i, w) and (a, w), or kNeverRank. The triangle (i, a, w) then has the larger of that and the rank of (i, a).
template <class Rank>
class LuneTable {
 public:
  const Rank* row_of(std::uint32_t entry) const { return lunes_.data() + row_at_[entry]; }  // of an upper entry
  const Rank* radial_of(std::int32_t i) const { return radial_.data() + radial_at_[i]; }    // ranks of the row, padded
  std::uint32_t length(std::int32_t i) const { return stride_[i]; }

  void build(const NeighbourTable& table) {
    lay_out(table);
    std::int64_t sides[3];
    for (int c = 0; c < 3; ++c) sides[c] = 4 * static_cast<std::int64_t>(table.widest[c]) + 1;
    if (sides[0] * sides[1] * sides[2] * table.n_sites <= kGrid && sides[0] <= 2000 && sides[1] <= 2000)
      fill_by_grid(table, sides);
    else
      fill_by_search(table);
  }

 private:
  static constexpr std::int64_t kGrid = 1 << 24;  // 32 MB

  struct Hit {
    std::uint32_t place, entry;
  };

  void lay_out(const NeighbourTable& table) {
    const std::int32_t n = table.n_sites;
    stride_.resize(n), radial_at_.resize(n), row_at_.resize(table.site.size());
    std::uint32_t cells = 0, places = 0;  // both far below 2^32, by kMatrixLimit
    for (std::int32_t i = 0; i < n; ++i) {
      stride_[i] = (table.count(i) + kBlock - 1) / kBlock * kBlock;
      radial_at_[i] = places;
      places += stride_[i];
      for (std::uint32_t at = table.upper[i]; at < table.row[i + 1]; ++at, cells += stride_[i]) row_at_[at] = cells;
    }
    lunes_.assign(cells, kNeverRank<Rank>);
    radial_.assign(places, kNeverRank<Rank>);
    for (std::int32_t i = 0; i < n; ++i)
      for (std::uint32_t at = table.row[i]; at < table.row[i + 1]; ++at)
        radial_[radial_at_[i] + at - table.row[i]] = static_cast<Rank>(table.rank[at]);
  }

  // The triangles of (i, 0), its upper neighbour `first` and later ones: where they stand in the rows of their edges.
  void put(const NeighbourTable& table, std::uint32_t first, std::uint32_t n_hits) {
    const std::int32_t i = table.owner[first];
    const std::uint32_t begin = table.row[i], a = first - begin;
    const std::uint32_t back = table.reverse[first] - table.row[table.site[first]];
    const Rank* radial = radial_of(i);
    const Rank to_a = radial[a];
    const std::uint32_t *ranks = table.rank.data(), *row_at = row_at_.data();
    Rank *lunes = lunes_.data(), *row_of_a = lunes + row_at[first];
    for (std::uint32_t k = 0; k < n_hits; ++k) {
      const Hit b = hits_[k];
      const Rank far = static_cast<Rank>(ranks[b.entry]), to_b = radial[b.place];
      row_of_a[b.place] = far > to_b ? far : to_b;
      lunes[row_at[begin + b.place] + a] = far > to_a ? far : to_a;
      lunes[row_at[b.entry] + back] = to_a > to_b ? to_a : to_b;
    }
  }

  // A dense grid from vertex to place in the row of i: a vertex (k, u) stands at k * cube + (u as digits, centred); it
  // is linear in u, and wide enough for a sum of two shifts.
  void fill_by_grid(const NeighbourTable& table, const std::int64_t sides[3]) {
    const std::int64_t cube = sides[0] * sides[1] * sides[2], centre = cube / 2;  // half a side in every digit
    const std::size_t size = table.site.size();
    linear_.resize(size);
    for (std::size_t at = 0; at < size; ++at) {
      const std::int32_t* z = &table.shift[3 * at];
      linear_[at] = static_cast<std::int32_t>(table.site[at] * cube + (z[0] * sides[1] + z[1]) * sides[2] + z[2]);
    }
    // Zero between uses, so that it need only grow.
    const std::size_t cells = static_cast<std::size_t>(cube) * static_cast<std::size_t>(table.n_sites);
    if (grid_.size() < cells) grid_.resize(cells);
    for (std::int32_t i = 0; i < table.n_sites; ++i) {
      const std::uint32_t begin = table.row[i], end = table.row[i + 1];
      for (std::uint32_t at = table.upper[i]; at < end; ++at)
        grid_[linear_[at] + centre] = static_cast<std::uint16_t>(at - begin);
      for (std::uint32_t at = table.upper[i]; at < end; ++at) {
        const std::int32_t k = table.site[at];
        const std::int64_t move = linear_[at] - k * cube + centre;
        const std::uint32_t last = table.row[k + 1];
        if (hits_.size() < last - table.upper[k]) hits_.resize(last - table.upper[k]);
        // No branch: what is no upper neighbour of i has place 0 and is written over.
        std::uint32_t found = 0;
        for (std::uint32_t next = table.upper[k]; next < last; ++next) {
          const std::uint32_t place = grid_[linear_[next] + move];
          hits_[found] = {place, next};
          found += place != 0;
        }
        put(table, at, found);
      }
      for (std::uint32_t at = table.upper[i]; at < end; ++at) grid_[linear_[at] + centre] = 0;
    }
  }

  // The same for shifts too wide for the grid (needle cells): the sums ascend as the upper neighbours of i do.
  void fill_by_search(const NeighbourTable& table) {
    for (std::int32_t i = 0; i < table.n_sites; ++i)
      for (std::uint32_t at = table.upper[i]; at < table.row[i + 1]; ++at) {
        const std::int32_t k = table.site[at];
        std::uint32_t low = at + 1;
        hits_.clear();
        for (std::uint32_t next = table.upper[k]; next < table.row[k + 1]; ++next) {
          while (low < table.row[i + 1] && compare(table, low, at, next) < 0) ++low;
          if (low == table.row[i + 1]) break;
          if (compare(table, low, at, next) == 0) hits_.push_back({low - table.row[i], next});
        }
        put(table, at, static_cast<std::uint32_t>(hits_.size()));
      }
  }

  // The vertex of entry `at` against the one that entries `first` and `next` lead to.
  static int compare(const NeighbourTable& table, std::uint32_t at, std::uint32_t first, std::uint32_t next) {
    if (table.site[at] != table.site[next]) return table.site[at] < table.site[next] ? -1 : 1;
    for (int c = 0; c < 3; ++c) {
      const std::int32_t z = table.shift[3 * first + c] + table.shift[3 * next + c];
      if (table.shift[3 * at + c] != z) return table.shift[3 * at + c] < z ? -1 : 1;
    }
    return 0;
  }

  std::vector<std::uint32_t> stride_, radial_at_;  // per site: length of its rows, where its ranks begin
  std::vector<std::uint32_t> row_at_;              // per upper entry
  std::vector<Rank> lunes_, radial_;
  std::vector<std::int32_t> linear_;
  std::vector<std::uint16_t> grid_;
  std::vector<Hit> hits_;
};

}  // namespace periodic
