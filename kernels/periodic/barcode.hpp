// The barcode of one cloud: cell, edges, budget, then dimension by dimension. All storage is reused between clouds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "edges.hpp"
#include "percolation.hpp"
#include "persistence.hpp"
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
  bool wide = false;                       // ranks of 32 bits where 16 would do
  bool ready = false;                      // the cell is a reduced one with points in [0, 1), as prepare_cell leaves it
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

class BarcodeEngine {
 public:
  // Also gives what PercolationEngine does, if asked for: the components are the same.
  void run(const double lattice[9], const double* positions, std::int32_t n, double r_max, const Settings& settings,
           CloudResult& result, PercolationResult* percolation = nullptr) {
    result = CloudResult();
    result.n_points = n;
    if (percolation) *percolation = {Status::kGood, n, {}, {}};
    const std::int32_t asked = result.tick_cut = settings.rule.tick(r_max);
    const Status status = settings.ready ? load_cell(lattice, positions, n, cell_)
                                         : prepare_cell(lattice, positions, n, settings.tolerance, cell_);
    if (status != Status::kGood) return fail(status, result, percolation);
    result.n_points = n = cell_.n;
    edges_.list(cell_, settings.rule, result.tick_cut);
    if (edges_.has_coincident_points()) return fail(Status::kCoincident, result, percolation);
    if (settings.max_dim >= 1) keep_matrices_small(n, result.tick_cut);
    build(n, settings, result.tick_cut);
    const bool narrow = narrow_ranks_;
    if (narrow)
      find_bars(narrow_, n, settings, result, percolation);
    else
      find_bars(wide_, n, settings, result, percolation);
    if (percolation && result.tick_cut < asked && components_.sites()[3] < n)
      percolation_.run(cell_, settings.rule, asked, *percolation);
    std::sort(result.bars.begin(), result.bars.end(), [](const Bar& a, const Bar& b) {
      if (a.dim != b.dim) return a.dim < b.dim;
      if (a.birth != b.birth) return a.birth < b.birth;
      if (a.death != b.death) return a.death < b.death;
      return a.birth_key < b.birth_key;
    });
    if (settings.with_simplices) describe(result);
    if (settings.ring_groups > 0)
      describe_rings(narrow ? narrow_.edge_cochains() : wide_.edge_cochains(), settings, result);
  }

 private:
  static void fail(Status status, CloudResult& result, PercolationResult* percolation) {
    result.status = status;
    result.bars.clear();
    if (percolation) *percolation = {status, result.n_points, {}, {}};
  }

  void keep_matrices_small(std::int32_t n, std::int32_t& tick_cut) {
    std::vector<std::int32_t> degree(n, 0);
    for (const Edge& e : edges_.edges) ++degree[e.i], ++degree[e.j];
    std::int64_t places = 0;
    for (const std::int32_t d : degree) places += static_cast<std::int64_t>(d) * (d + 8);
    if (places <= kMatrixLimit) return;
    std::fill(degree.begin(), degree.end(), 0);
    places = 0;
    for (const std::uint32_t place : edges_.by_tick) {
      const Edge& e = edges_.edges[place];
      for (const std::int32_t k : {e.i, e.j}) places += 2 * static_cast<std::int64_t>(degree[k]++) + 9;
      if (places > kMatrixLimit) return cut(e.tick - 1, tick_cut);
    }
  }

  void cut(std::int32_t tick, std::int32_t& tick_cut) {
    tick_cut = tick;
    edges_.cut(tick);
  }

  void build(std::int32_t n, const Settings& settings, std::int32_t& tick_cut) {
    table_.build(n, edges_, settings.prime, settings.seed, powers_);
    if (settings.max_dim == 0) return;
    for (;;) {
      narrow_ranks_ = !settings.wide && Digits::narrow().fit(table_);
      digits_ = narrow_ranks_ ? Digits::narrow() : Digits::wide(table_);
      if (digits_.fit(table_)) break;
      // Millions of edges, and thousands of them at one site: no such crystal is known.
      cut(static_cast<std::int32_t>(tick_cut * 0.8), tick_cut);
      table_.build(n, edges_, settings.prime, settings.seed, powers_);
    }
    index_.build(table_);
  }

  template <class Rank>
  void find_bars(Persistence<Rank>& persistence, std::int32_t n, const Settings& settings, CloudResult& result,
                 PercolationResult* percolation) {
    if (settings.max_dim >= 1) {
      persistence.prepare(table_, index_, digits_);
      keep_within_budget(persistence, n, settings, result.tick_cut);
    }
    finite_components(n, result.bars, percolation);
    if (settings.max_dim >= 1) persistence.loops(powers_.field, kills_, result.bars);
    if (settings.max_dim >= 2) persistence.cavities(powers_.field, result.bars);
  }

  // Cuts back to the largest tick at which the orbits number at most the budget.
  template <class Rank>
  void keep_within_budget(Persistence<Rank>& persistence, std::int32_t n, const Settings& settings,
                          std::int32_t& tick_cut) {
    const bool solid = settings.max_dim >= 2;
    double bound = 0.0;
    for (std::int32_t i = 0; i < n; ++i) {
      const double u = table_.row[i + 1] - table_.upper[i];
      bound += u * (u - 1) / 2 + (solid ? u * (u - 1) * (u - 2) / 6 : 0.0);
    }
    if (bound <= static_cast<double>(settings.budget)) return;
    std::int64_t good = -1, bad = static_cast<std::int64_t>(table_.tick_of.size()) - 1;
    if (persistence.count(bad, solid, settings.budget) <= settings.budget) return;
    while (bad - good > 1) {
      const std::int64_t middle = good + (bad - good) / 2;
      (persistence.count(middle, solid, settings.budget) <= settings.budget ? good : bad) = middle;
    }
    cut(table_.tick_of[bad] - 1, tick_cut);
    build(n, settings, tick_cut);
    persistence.prepare(table_, index_, digits_);
  }

  // Bars of dimension 0, and the edges that end them.
  void finite_components(std::int32_t n, std::vector<Bar>& bars, PercolationResult* percolation) {
    kills_.assign(table_.site.size(), 0);
    died_.assign(n, 0);
    components_.reset(n);
    if (percolation) {
      percolation->n_points = n;
      percolation->note(0, components_);
    }
    const std::vector<std::uint32_t>& ordered = table_.ordered;
    // Once all sites are in components of rank 3 nothing changes any more.
    for (std::size_t k = 0; k < ordered.size() && components_.sites()[3] < n;) {
      const std::int32_t t = table_.tick[ordered[k]];
      for (; k < ordered.size() && table_.tick[ordered[k]] == t; ++k) {
        const std::uint32_t e = ordered[k];
        const Joined joined = components_.join(table_.owner[e], table_.site[e], &table_.shift[3 * e]);
        if (joined.died < 0) continue;
        kills_[e] = 1;
        died_[joined.died] = 1;
        bars.push_back({0, 0, t, static_cast<Key>(joined.died), e});
      }
      if (percolation) percolation->note(t, components_);
    }
    for (std::int32_t i = 0; i < n; ++i)
      if (!died_[i]) bars.push_back({0, 0, kNever, static_cast<Key>(i), 0});
  }

  void describe(CloudResult& result) {
    for (const Bar& bar : result.bars) {
      if (bar.dim == 0) {
        result.vertices.insert(result.vertices.end(), {static_cast<std::int64_t>(bar.birth_key), 0, 0, 0});
        if (bar.death != kNever) push_simplex<1>(bar.death_key, result);
      } else if (bar.dim == 1) {
        push_simplex<1>(bar.birth_key, result);
        if (bar.death != kNever) push_simplex<2>(bar.death_key, result);
      } else {
        push_simplex<2>(bar.birth_key, result);
        if (bar.death != kNever) push_simplex<3>(bar.death_key, result);
      }
    }
  }

  void describe_rings(const Cochains& cochains, const Settings& settings, CloudResult& result) {
    rings_.find(table_, cell_, settings.rule, powers_.field, kills_, cochains, digits_, result.bars,
                settings.ring_groups, settings.ring_members);
    for (const Ring& ring : rings_.found) {
      result.ring_sizes.push_back(static_cast<std::int32_t>(ring.corners.size()));
      const std::size_t first = result.rings.size();
      for (const Corner& corner : ring.corners) push_vertex(result.rings, corner.site, corner.z);
      if (!ring.corners.empty()) count_from_first(result.rings, first);
    }
  }

  template <int K>
  void push_simplex(Key key, CloudResult& result) {
    const Places<K> p = places_of<K>(table_, digits_, key);
    const std::size_t first = result.vertices.size();
    push_vertex(result.vertices, p.i, nullptr);
    for (int k = 0; k < K; ++k) {
      const std::uint32_t e = p.begin + p.at[k];
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
  EdgeList edges_;
  NeighbourTable table_;
  EdgeIndex index_;
  bool narrow_ranks_ = true;
  Digits digits_ = Digits::narrow();
  UnitPowers powers_;
  Components components_;
  std::vector<char> kills_, died_;
  Persistence<std::uint16_t> narrow_;
  Persistence<std::uint32_t> wide_;
  PercolationEngine percolation_;
  Rings rings_;
};

}  // namespace periodic
