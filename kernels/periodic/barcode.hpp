// The barcode of one cloud: cell, edges, budget, then dimension by dimension. All storage is reused between clouds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "cell.hpp"
#include "cohomology.hpp"
#include "components.hpp"
#include "rings.hpp"

namespace periodic {

struct Settings {
  TickRule rule;
  std::int32_t max_dim;
  std::int64_t budget;  // most triangles + tetrahedra (orbits) per cloud
  double tolerance;     // of the primitive cell, Å; negative: take the cell as given
  std::uint32_t prime;
  std::uint64_t seed;
  bool with_simplices;
  std::int32_t ring_groups, ring_members;  // rings of so many kinds of H1 bars, so many each; 0: none
};

struct CloudResult {
  Status status = Status::kGood;
  std::int32_t n_points = 0;
  std::int32_t tick_cut = 0;  // bars are complete up to this tick
  std::vector<Bar> bars;
  std::vector<std::int64_t> vertices;  // with simplices: (site, shift) of birth then death simplex, 4 numbers a vertex
  std::vector<std::int32_t>
      ring_sizes;  // with rings: corners of the ring of each H1 bar, 0 where none was looked for or found
  std::vector<std::int64_t> rings;  // (site, shift) of their corners, 4 numbers each
};

constexpr std::int64_t kEdgeLimit = 4'000'000;     // 100 MB
constexpr std::int64_t kMatrixLimit = 64'000'000;  // places in all matrices, 512 MB

class BarcodeEngine {
 public:
  void run(const double lattice[9], const double* positions, std::int32_t n, double r_max, const Settings& settings,
           CloudResult& result) {
    result = CloudResult();
    result.n_points = n;
    result.tick_cut = settings.rule.tick(r_max);
    const Status status = prepare_cell(lattice, positions, n, settings.tolerance, cell_);
    if (status != Status::kGood) return fail(result, status);
    result.n_points = n = cell_.n;
    list_edges(settings.rule, result.tick_cut);
    for (const Edge& edge : edges_)
      if (edge.tick <= 0) return fail(result, Status::kCoincident);
    if (settings.max_dim >= 1) keep_matrices_small(n, result.tick_cut);
    build(n, settings);
    if (settings.max_dim >= 1) {
      keep_within_budget(n, settings, result.tick_cut);
      const Complex complex(table_, field_);
      finite_components(n, result.bars);
      loops(complex, result);
      if (settings.max_dim >= 2) cavities(complex, result);
    } else {
      finite_components(n, result.bars);
    }
    std::sort(result.bars.begin(), result.bars.end(), [](const Bar& a, const Bar& b) {
      if (a.dim != b.dim) return a.dim < b.dim;
      if (a.birth != b.birth) return a.birth < b.birth;
      if (a.death != b.death) return a.death < b.death;
      return a.birth_key < b.birth_key;
    });
    if (settings.with_simplices) describe(result);
    if (settings.ring_groups > 0) describe_rings(settings, result);
  }

 private:
  static void fail(CloudResult& result, Status status) {
    result.status = status;
    result.bars.clear();
  }

  // All edges of ticks up to tick_cut; with more than kEdgeLimit of them a smaller radius is tried.
  void list_edges(const TickRule& rule, std::int32_t& tick_cut) {
    for (;;) {
      edges_.clear();
      bool complete = true;
      const auto add = [&](std::int32_t i, std::int32_t j, const std::int32_t z[3], double distance) {
        const std::int32_t t = rule.tick(distance);
        if (t > tick_cut || !complete) return;
        complete = static_cast<std::int64_t>(edges_.size()) < kEdgeLimit;
        edges_.push_back({i, j, {z[0], z[1], z[2]}, t});
      };
      for_each_pair(cell_.lattice, cell_.points, rule.reach(tick_cut), add);
      if (complete) return;
      tick_cut = static_cast<std::int32_t>(tick_cut * 0.8);
    }
  }

  void keep_matrices_small(std::int32_t n, std::int32_t& tick_cut) {
    std::vector<std::int32_t> degree(n, 0);
    for (const Edge& e : edges_) ++degree[e.i], ++degree[e.j];
    std::int64_t places = 0;
    for (const std::int32_t d : degree) places += static_cast<std::int64_t>(d) * (d + 8);
    if (places <= kMatrixLimit) return;
    std::sort(edges_.begin(), edges_.end(), [](const Edge& a, const Edge& b) { return a.tick < b.tick; });
    std::fill(degree.begin(), degree.end(), 0);
    places = 0;
    for (const Edge& e : edges_) {
      for (const std::int32_t k : {e.i, e.j}) places += 2 * static_cast<std::int64_t>(degree[k]++) + 9;
      if (places > kMatrixLimit) return cut(e.tick - 1, tick_cut);
    }
  }

  void cut(std::int32_t tick, std::int32_t& tick_cut) {
    tick_cut = tick;
    edges_.erase(std::remove_if(edges_.begin(), edges_.end(), [&](const Edge& e) { return e.tick > tick; }),
                 edges_.end());
  }

  void build(std::int32_t n, const Settings& settings) {
    // A unit that sends some edge's shift to +-1 is no generic one: the next seed is taken. Hardly ever happens.
    for (std::uint64_t seed = settings.seed;; ++seed) {
      const Units units(settings.prime, seed);
      field_ = units.field;
      if (table_.build_rows(n, edges_, units)) break;
    }
    if (settings.max_dim >= 1) table_.build_matrices();
  }

  // Triangles, and tetrahedra if `solid`, of ticks <= t; stops counting beyond `limit`.
  std::int64_t count(std::int32_t t, bool solid, std::int64_t limit) {
    std::int64_t total = 0;
    for (std::int32_t i = 0; i < table_.n_sites; ++i) {
      const std::uint32_t begin = table_.upper[i] - table_.row[i], end = table_.count(i);
      const std::int32_t* radial = table_.radial_of(i);
      const std::uint32_t words = (end - begin + 63) / 64;
      bits_.assign(static_cast<std::size_t>(end - begin) * words, 0);
      for (std::uint32_t a = begin; a < end; ++a) {
        if (radial[a] > t) continue;
        const std::int32_t* ticks = table_.ticks_of(i, a);
        for (std::uint32_t b = a + 1; b < end; ++b)
          if (radial[b] <= t && ticks[b] <= t)
            bits_[static_cast<std::size_t>(a - begin) * words + (b - begin) / 64] |= 1ull << ((b - begin) % 64);
      }
      for (std::uint32_t a = 0; a < end - begin; ++a) {
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

  // Cuts back to the largest tick at which the orbits number at most the budget.
  void keep_within_budget(std::int32_t n, const Settings& settings, std::int32_t& tick_cut) {
    const bool solid = settings.max_dim >= 2;
    double bound = 0.0;
    for (std::int32_t i = 0; i < n; ++i) {
      const double u = table_.row[i + 1] - table_.upper[i];
      bound += u * (u - 1) / 2 + (solid ? u * (u - 1) * (u - 2) / 6 : 0.0);
    }
    if (bound <= static_cast<double>(settings.budget)) return;
    if (count(tick_cut, solid, settings.budget) <= settings.budget) return;
    std::int32_t good = 0, bad = tick_cut;  // no edge has tick 0
    while (bad - good > 1) {
      const std::int32_t middle = good + (bad - good) / 2;
      (count(middle, solid, settings.budget) <= settings.budget ? good : bad) = middle;
    }
    cut(good, tick_cut);
    build(n, settings);
  }

  void finite_components(std::int32_t n, std::vector<Bar>& bars) {
    ordered_.clear();
    for (std::int32_t i = 0; i < n; ++i)
      for (std::uint32_t e = table_.upper[i]; e < table_.row[i + 1]; ++e) ordered_.push_back({table_.tick[e], e});
    std::sort(ordered_.begin(), ordered_.end());
    kills_.assign(table_.site.size(), 0);
    died_.assign(n, 0);
    components_.reset(n);
    for (const Simplex& edge : ordered_) {
      const Joined joined =
          components_.join(table_.owner[edge.key], table_.site[edge.key], &table_.shift[3 * edge.key]);
      if (joined.died < 0) continue;
      kills_[edge.key] = 1;
      died_[joined.died] = 1;
      bars.push_back({0, 0, edge.tick, static_cast<Key>(joined.died), edge.key});
    }
    for (std::int32_t i = 0; i < n; ++i)
      if (!died_[i]) bars.push_back({0, 0, kNever, static_cast<Key>(i), 0});
  }

  void loops(const Complex& complex, CloudResult& result) {
    edge_columns_.clear();
    Key coface;
    for (std::size_t k = ordered_.size(); k-- > 0;)
      if (!kills_[ordered_[k].key] && !complex.apparent_coface<1>(ordered_[k], coface))
        edge_columns_.push_back(ordered_[k]);
    edges_reduction_.run(complex, field_, edge_columns_, result.tick_cut, result.bars);
  }

  void cavities(const Complex& complex, CloudResult& result) {
    triangle_columns_.clear();
    for (std::int32_t i = 0; i < table_.n_sites; ++i) {
      const std::uint32_t begin = table_.row[i], end = table_.count(i), first_upper = table_.upper[i] - begin;
      const std::int32_t* radial = table_.radial_of(i);
      std::uint32_t earlier = first_upper;  // neighbours at sites before i
      while (earlier > 0 && table_.site[begin + earlier - 1] == i) --earlier;
      both_.resize(table_.stride[i]);
      for (std::uint32_t a = first_upper; a < end; ++a) {
        const std::int32_t* ticks = table_.ticks_of(i, a);
        for (std::uint32_t w = 0; w < both_.size(); ++w) both_[w] = larger(radial[w], ticks[w]);
        for (std::uint32_t b = a + 1; b < end; ++b) {
          if (both_[b] == kNever) continue;
          const Simplex triangle{larger(radial[a], both_[b]), static_cast<Key>(begin + a) << 16 | b};
          // A coface of the same tick by a vertex at a site before i: its other facets begin there and have smaller
          // keys, and so does it beside other cofaces. The smallest such coface and the triangle are apparent.
          if (any_within(both_.data(), table_.ticks_of(i, b), earlier, triangle.tick)) continue;
          if (leaves_column(complex, triangle)) triangle_columns_.push_back(triangle);
        }
      }
    }
    std::sort(triangle_columns_.begin(), triangle_columns_.end(),
              [](const Simplex& a, const Simplex& b) { return b < a; });
    triangles_reduction_.run(complex, field_, triangle_columns_, result.tick_cut, result.bars);
  }

  // True if the triangle is in no apparent pair and closes no loop.
  bool leaves_column(const Complex& complex, const Simplex& triangle) const {
    Key coface;
    Simplex partner;
    std::uint32_t coefficient;
    return !complex.apparent_coface<2>(triangle, coface) && edges_reduction_.pivots.find(triangle.key) < 0 &&
           !complex.apparent_facet<2>(triangle, partner, coefficient);
  }

  void describe(CloudResult& result) {
    const Complex complex(table_, field_);
    for (const Bar& bar : result.bars) {
      if (bar.dim == 0) {
        result.vertices.insert(result.vertices.end(), {static_cast<std::int64_t>(bar.birth_key), 0, 0, 0});
        if (bar.death != kNever) push_simplex<1>(complex, bar.death_key, result);
      } else if (bar.dim == 1) {
        push_simplex<1>(complex, bar.birth_key, result);
        if (bar.death != kNever) push_simplex<2>(complex, bar.death_key, result);
      } else {
        push_simplex<2>(complex, bar.birth_key, result);
        if (bar.death != kNever) push_simplex<3>(complex, bar.death_key, result);
      }
    }
  }

  void describe_rings(const Settings& settings, CloudResult& result) {
    rings_.find(table_, cell_, settings.rule, field_, ordered_, kills_, edges_reduction_, result.bars,
                settings.ring_groups, settings.ring_members);
    for (const Ring& ring : rings_.found) {
      result.ring_sizes.push_back(static_cast<std::int32_t>(ring.corners.size()));
      const std::size_t first = result.rings.size();
      for (const Corner& corner : ring.corners) push_vertex(result.rings, corner.site, corner.z);
      if (!ring.corners.empty()) count_from_first(result.rings, first);
    }
  }

  template <int K>
  void push_simplex(const Complex& complex, Key key, CloudResult& result) {
    const Places<K> p = complex.places<K>(key);
    const std::size_t first = result.vertices.size();
    push_vertex(result.vertices, p.i, nullptr);
    for (int k = 0; k < K; ++k) {
      const std::uint32_t e = table_.row[p.i] + p.at[k];
      push_vertex(result.vertices, table_.site[e], &table_.shift[3 * e]);
    }
    count_from_first(result.vertices, first);
  }

  // The vertex (i, z) of the reduced cell, in the given one.
  void push_vertex(std::vector<std::int64_t>& vertices, std::int32_t i, const std::int32_t* z) const {
    std::int64_t reduced[3];
    for (int c = 0; c < 3; ++c) reduced[c] = (z ? z[c] : 0) - cell_.points.moved[3 * i + c];
    vertices.push_back(i);
    for (int c = 0; c < 3; ++c)
      vertices.push_back(reduced[0] * cell_.lattice.to[0][c] + reduced[1] * cell_.lattice.to[1][c] +
                         reduced[2] * cell_.lattice.to[2][c]);
  }

  // Shifts of the vertices from place `first` on, counted from the first of them.
  static void count_from_first(std::vector<std::int64_t>& vertices, std::size_t first) {
    const std::int64_t origin[3] = {vertices[first + 1], vertices[first + 2], vertices[first + 3]};
    for (std::size_t at = first; at < vertices.size(); at += 4)
      for (int c = 0; c < 3; ++c) vertices[at + 1 + c] -= origin[c];
  }

  Cell cell_;
  std::vector<Edge> edges_;
  NeighbourTable table_;
  Field field_{2};
  Components components_;
  std::vector<Simplex> ordered_, edge_columns_, triangle_columns_;
  std::vector<std::int32_t> both_;
  std::vector<char> kills_, died_;
  std::vector<std::uint64_t> bits_;
  Reduction<1> edges_reduction_;
  Reduction<2> triangles_reduction_;
  Rings rings_;
};

}  // namespace periodic
