// The 1-skeleton of one cloud: per site a sorted row of neighbours, and the filtration order of the edges.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "edges.hpp"
#include "field.hpp"

namespace periodic {

// Row i lists the vertices (j, z) joined to (i, 0), first the lower ones, then, from `upper[i]` on, the upper ones, in
// the vertex order (site, then shift). Upper neighbours ascend. Lower neighbours ascend by site and *descend* by
// shift: then the reversed entries ascend, and with them the keys of simplices that begin with a lower neighbour.
//
// An edge has two entries, there and back. Distances are compared by their ranks: distinct ticks are numbered from 0.
class NeighbourTable {
 public:
  std::int32_t n_sites = 0;
  std::int32_t widest[3] = {0, 0, 0};        // largest |shift| by coordinate
  std::vector<std::uint32_t> row, upper;     // (n + 1), (n)
  std::vector<std::int32_t> owner, site;     // per entry: the row's site, the neighbour's site
  std::vector<std::int32_t> shift;           // 3 per entry
  std::vector<std::int32_t> tick;            // per entry
  std::vector<std::uint32_t> rank;           // per entry
  std::vector<std::uint32_t> reverse, coef;  // per entry: the entry of the way back; t^shift
  std::vector<std::uint32_t> ordered;        // the upper entries by (tick, entry): the filtration order of the edges
  std::vector<std::int32_t> tick_of;         // per rank, ascending

  std::uint32_t count(std::int32_t i) const { return row[i + 1] - row[i]; }
  std::uint32_t widest_row() const {
    std::uint32_t most = 0;
    for (std::int32_t i = 0; i < n_sites; ++i) most = std::max(most, count(i));
    return most;
  }
  bool is_upper(std::uint32_t entry) const { return entry >= upper[owner[entry]]; }

  // Units that send a shift of an edge to 1 or -1 are not generic: the next seed is taken. That hardly ever happens.
  void build(std::int32_t n, const EdgeList& list, std::uint32_t prime, std::uint64_t seed, UnitPowers& powers) {
    n_sites = n;
    lay_out_rows(list.edges);
    fill_rows(list.edges);
    number_ticks(list);
    const std::int32_t reach = std::max({widest[0], widest[1], widest[2]});
    do powers.prepare(prime, seed++, reach);
    while (!set_coefficients(powers));
  }

 private:
  void lay_out_rows(const std::vector<Edge>& edges) {
    row.assign(n_sites + 1, 0);
    upper.assign(n_sites, 0);
    for (const Edge& e : edges) ++row[e.j + 1], ++upper[e.i];  // lower and upper neighbours
    std::uint32_t begin = 0;
    for (std::int32_t i = 0; i < n_sites; ++i) {
      const std::uint32_t lower = row[i + 1], higher = upper[i];
      row[i] = begin;
      upper[i] = begin + lower;
      begin += lower + higher;
    }
    row[n_sites] = begin;
  }

  // Edges come in the order of the upper neighbours of i, and in that of the lower neighbours of j.
  void fill_rows(const std::vector<Edge>& edges) {
    const std::size_t size = 2 * edges.size();
    owner.resize(size), site.resize(size), shift.resize(3 * size), tick.resize(size), rank.resize(size);
    reverse.resize(size), coef.resize(size), forward_.resize(edges.size());
    next_lower_.assign(row.begin(), row.end() - 1);
    next_upper_ = upper;
    widest[0] = widest[1] = widest[2] = 0;
    for (std::size_t k = 0; k < edges.size(); ++k) {
      const Edge& e = edges[k];
      const std::uint32_t there = next_upper_[e.i]++, back = next_lower_[e.j]++;
      forward_[k] = there;
      owner[there] = site[back] = e.i;
      site[there] = owner[back] = e.j;
      tick[there] = tick[back] = e.tick;
      reverse[there] = back;
      reverse[back] = there;
      for (int c = 0; c < 3; ++c) {
        shift[3 * there + c] = e.z[c];
        shift[3 * back + c] = -e.z[c];
        widest[c] = std::max(widest[c], e.z[c] < 0 ? -e.z[c] : e.z[c]);
      }
    }
  }

  void number_ticks(const EdgeList& list) {
    ordered.clear();
    tick_of.clear();
    for (const std::uint32_t k : list.by_tick) {
      const std::int32_t t = list.edges[k].tick;
      if (tick_of.empty() || tick_of.back() != t) tick_of.push_back(t);
      const std::uint32_t there = forward_[k];
      ordered.push_back(there);
      rank[there] = rank[reverse[there]] = static_cast<std::uint32_t>(tick_of.size() - 1);
    }
  }

  bool set_coefficients(const UnitPowers& powers) {
    const std::uint32_t minus_one = powers.field.p - 1;
    for (const std::uint32_t there : ordered) {
      const std::int32_t* z = &shift[3 * there];
      const std::uint32_t forth = powers.power(z[0], z[1], z[2]);
      if ((forth == 1 || forth == minus_one) && (z[0] || z[1] || z[2])) return false;
      coef[there] = forth;
      coef[reverse[there]] = powers.power(-z[0], -z[1], -z[2]);
    }
    return true;
  }

  std::vector<std::uint32_t> forward_;  // per edge: its upper entry
  std::vector<std::uint32_t> next_lower_, next_upper_;
};

}  // namespace periodic
