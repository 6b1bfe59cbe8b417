// Loops and cavities of one cloud from its tables: columns, clearing, reduction.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cohomology.hpp"

namespace periodic {

// With ranks of 16 or 32 bits. All storage is reused between clouds.
template <class Rank>
class Persistence {
 public:
  void prepare(const NeighbourTable& table, const EdgeIndex& index, const Digits& digits) {
    table_ = &table;
    index_ = &index;
    digits_ = digits;
    lunes_.build(table);
  }

  // Triangles, and tetrahedra if `solid`, of ranks <= t; stops counting beyond `limit`.
  std::int64_t count(std::int64_t t, bool solid, std::int64_t limit) {
    std::int64_t total = 0;
    for (std::int32_t i = 0; i < table_->n_sites && t >= 0; ++i) {
      const std::uint32_t upper = table_->row[i + 1] - table_->upper[i], words = (upper + 63) / 64;
      mark_triangles(i, static_cast<Rank>(t), words);
      for (std::uint32_t a = 0; a < upper; ++a) {
        const std::uint64_t* mine = &bits_[static_cast<std::size_t>(a) * words];
        for (std::uint32_t word = a / 64; word < words; ++word)
          for (std::uint64_t left = mine[word]; left; left &= left - 1) {
            ++total;
            if (!solid) continue;
            const std::uint32_t b = 64 * word + static_cast<std::uint32_t>(__builtin_ctzll(left));
            const std::uint64_t* other = &bits_[static_cast<std::size_t>(b) * words];  // holds only places above b
            for (std::uint32_t w = b / 64; w < words; ++w) total += __builtin_popcountll(mine[w] & other[w]);
          }
        if (total > limit) return total;
      }
    }
    return total;
  }

  // `kills`: per entry, whether the edge kills a component.
  void loops(const Field& field, const std::vector<char>& kills, std::vector<Bar>& bars) {
    const Complex<Rank> complex(*table_, *index_, lunes_, digits_, field);
    std::vector<Order>& columns = edges_.cochains.columns;
    columns.clear();
    partners_.assign(table_->site.size(), 0);
    for (auto at = table_->ordered.rbegin(); at != table_->ordered.rend(); ++at) {
      if (kills[*at]) continue;
      const Order edge = complex.edge(*at);
      Order coface;
      if (complex.template smallest_equal_coface<1>(edge, coface) && complex.template is_largest_facet<2>(edge, coface))
        partners_[*at] = coface;
      else
        columns.push_back(edge);
    }
    edges_.run(complex, *table_, field, partners_, bars);
  }

  void cavities(const Field& field, std::vector<Bar>& bars) {
    const Complex<Rank> complex(*table_, *index_, lunes_, digits_, field);
    triangles_.cochains.columns.clear();
    for (std::int32_t i = 0; i < table_->n_sites; ++i) list_triangles(complex, i);
    std::sort(triangles_.cochains.columns.begin(), triangles_.cochains.columns.end(),
              [](Order a, Order b) { return a > b; });
    triangles_.run(complex, *table_, field, partners_, bars);
  }

  const Cochains& edge_cochains() const { return edges_.cochains; }

 private:
  void mark_triangles(std::int32_t i, Rank t, std::uint32_t words) {
    const std::uint32_t begin = table_->upper[i] - table_->row[i], end = table_->count(i);
    const Rank* radial = lunes_.radial_of(i);
    bits_.assign(static_cast<std::size_t>(end - begin) * words, 0);
    for (std::uint32_t a = begin; a < end; ++a) {
      if (radial[a] > t) continue;
      const Rank* lune = lunes_.row_of(table_->row[i] + a);
      for (std::uint32_t b = a + 1; b < end; ++b)
        if (lune[b] <= t)
          bits_[static_cast<std::size_t>(a - begin) * words + (b - begin) / 64] |= std::uint64_t{1}
                                                                                   << ((b - begin) % 64);
    }
  }

  // The columns among the triangles that begin at site i.
  void list_triangles(const Complex<Rank>& complex, std::int32_t i) {
    const std::uint32_t begin = table_->row[i], end = table_->count(i), first_upper = table_->upper[i] - begin;
    const Rank* radial = lunes_.radial_of(i);
    std::uint32_t earlier = first_upper;  // neighbours at sites before i
    while (earlier > 0 && table_->site[begin + earlier - 1] == i) --earlier;
    for (std::uint32_t a = first_upper; a < end; ++a) {
      const Rank* lune = lunes_.row_of(table_->row[i] + a);
      for_each_within(
          lune, lune, a + 1, lunes_.length(i), static_cast<Rank>(kNeverRank<Rank> - 1), [&](std::uint32_t b) {
            if (b <= a) return true;
            const Rank rank = Complex<Rank>::larger(radial[a], lune[b]);
            // A coface of the same rank by a vertex at a site before i: its other facets begin there and have smaller
            // keys, and so does it beside other cofaces. The smallest such coface and the triangle are apparent.
            if (any_within(lune, lunes_.row_of(begin + b), earlier, rank)) return true;
            const Order triangle = complex.order(rank, static_cast<Key>(begin + a) << complex.digits().place | b);
            if (is_column(complex, triangle, {i, begin + a, begin, {a, b}}, earlier))
              triangles_.cochains.columns.push_back(triangle);
            return true;
          });
    }
  }

  // True if the triangle is in no apparent pair and closes no loop; it has no equal coface by a place before `earlier`.
  bool is_column(const Complex<Rank>& complex, Order triangle, const Places<2>& places, std::uint32_t earlier) const {
    if (partners_[complex.longest_edge(places, complex.rank_of(triangle))] == triangle) return false;
    Order coface;
    if (complex.template smallest_equal_coface<2>(triangle, places, earlier, coface) &&
        complex.template is_largest_facet<3>(triangle, coface))
      return false;
    return edges_.pivots.find(triangle) < 0;
  }

  const NeighbourTable* table_ = nullptr;
  const EdgeIndex* index_ = nullptr;
  Digits digits_ = Digits::narrow();
  LuneTable<Rank> lunes_;
  std::vector<Order> partners_;  // per entry of an edge in an apparent pair: its triangle, else 0
  std::vector<std::uint64_t> bits_;
  Reduction<1, Rank> edges_;
  Reduction<2, Rank> triangles_;
};

}  // namespace periodic
