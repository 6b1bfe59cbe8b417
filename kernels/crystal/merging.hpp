// The points of a sublattice: atoms of one site added up, split sites merged. The rules stand in
// screening/crystals/clouds.py; sums run in the order of the atoms.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "../periodic/neighbours.hpp"
#include "sweep.hpp"

namespace crystal {

struct MergeRules {
  double most_shared;  // points that fill more than this between them are not one
  double tie;          // Å: distances closer than this are tied
  double noise;        // Å: a distance this close to the tolerance is at it
};

struct Pair {
  std::int64_t i, j, shift[3];  // given basis: from point i to point j moved by shift
  double distance;
};

struct Points {
  std::vector<double> positions;  // (n, 3) fractional, given basis
  std::vector<double> occupancies;

  std::size_t size() const { return occupancies.size(); }
};

// Adds the pairs of point i and the images of point j, i <= j, that are at most `cutoff` apart.
inline void add_pairs(const periodic::Lattice& reduced, const periodic::WrappedPoints& wrapped,
                      const periodic::ImageSearch<2>& search, const Heights& heights, double cutoff, std::size_t i,
                      std::size_t j, std::vector<Pair>& pairs) {
  double d[3];
  for (int c = 0; c < 3; ++c) d[c] = wrapped.fractional[3 * j + c] - wrapped.fractional[3 * i + c];
  if (heights.beyond(d, cutoff)) return;
  search.for_each(d, [&](const std::int32_t z[3], double distance) {
    if (i == j && !periodic::lexicographically_positive(z)) return;
    Pair pair{static_cast<std::int64_t>(i), static_cast<std::int64_t>(j), {0, 0, 0}, distance};
    periodic::given_shift(reduced, wrapped, static_cast<std::int32_t>(i), static_cast<std::int32_t>(j), z, pair.shift);
    pairs.push_back(pair);
  });
}

// In no particular order. Returns false where a position cannot be wrapped.
inline bool find_pairs(const periodic::Lattice& reduced, const std::vector<double>& positions, double cutoff,
                       std::vector<Pair>& pairs) {
  periodic::WrappedPoints wrapped;
  pairs.clear();
  if (!wrapped.assign(reduced, positions.data(), positions.size() / 3)) return false;
  const periodic::ImageSearch<2> search(reduced, cutoff);
  const Heights heights(reduced);
  Sweep(reduced, wrapped, cutoff).for_each([&](std::int32_t i, std::int32_t j) {
    add_pairs(reduced, wrapped, search, heights, cutoff, static_cast<std::size_t>(i), static_cast<std::size_t>(j),
              pairs);
  });
  return true;
}

// Points joined by pairs. A group is good if it is finite, within reach and has room for one atom.
struct Groups {
  std::vector<std::int64_t> group, shift;  // (n,), (n, 3): the cells by which a point moves to lie beside the first
  std::vector<double> mean, weight, reach;
  std::vector<char> good;

  std::size_t size() const { return weight.size(); }

  void join(std::size_t n, const std::vector<Pair>& pairs) {
    // The pairs of each point, one row after the other.
    std::vector<std::size_t> row(n + 2, 0);
    for (const Pair& pair : pairs) ++row[pair.i + 2], ++row[pair.j + 2];
    for (std::size_t k = 2; k < n + 2; ++k) row[k] += row[k - 1];
    std::vector<std::pair<int, const Pair*>> neighbours(2 * pairs.size());
    for (const Pair& pair : pairs) {
      neighbours[row[pair.i + 1]++] = {1, &pair};
      neighbours[row[pair.j + 1]++] = {-1, &pair};
    }
    group.assign(n, -1);
    shift.assign(3 * n, 0);
    good.clear();
    std::vector<std::int64_t> stack;
    for (std::size_t seed = 0; seed < n; ++seed) {
      if (group[seed] >= 0) continue;
      const std::int64_t label = static_cast<std::int64_t>(good.size());
      std::size_t members = 1;
      bool endless = false;
      group[seed] = label;
      stack.assign(1, static_cast<std::int64_t>(seed));
      while (!stack.empty()) {
        const std::int64_t point = stack.back();
        stack.pop_back();
        for (std::size_t k = row[point]; k < row[point + 1]; ++k) {
          const auto& [sign, pair] = neighbours[k];
          const std::int64_t other = sign > 0 ? pair->j : pair->i;
          const bool fresh = group[other] < 0;
          for (int c = 0; c < 3; ++c) {
            const std::int64_t place = shift[3 * point + c] + sign * pair->shift[c];
            if (fresh) shift[3 * other + c] = place;
            endless = endless || shift[3 * other + c] != place;
          }
          if (!fresh) continue;
          group[other] = label;
          ++members;
          stack.push_back(other);
        }
      }
      good.push_back(members > 1 && !endless);
    }
  }

  void measure(const double lattice[9], const Points& points, double tolerance, double most_shared) {
    const std::size_t n = points.size();
    weight.assign(good.size(), 0.0);
    reach.assign(good.size(), 0.0);
    mean.assign(3 * good.size(), 0.0);
    std::vector<double> beside(3 * n);
    for (std::size_t k = 0; k < n; ++k) {
      weight[group[k]] += points.occupancies[k];
      for (int c = 0; c < 3; ++c) {
        beside[3 * k + c] = points.positions[3 * k + c] + static_cast<double>(shift[3 * k + c]);
        mean[3 * group[k] + c] += points.occupancies[k] * beside[3 * k + c];
      }
    }
    for (std::size_t g = 0; g < good.size(); ++g)
      for (int c = 0; c < 3; ++c) mean[3 * g + c] /= weight[g];
    for (std::size_t k = 0; k < n; ++k) {
      double d[3], v[3];
      for (int c = 0; c < 3; ++c) d[c] = beside[3 * k + c] - mean[3 * group[k] + c];
      for (int c = 0; c < 3; ++c) v[c] = d[0] * lattice[c] + d[1] * lattice[3 + c] + d[2] * lattice[6 + c];
      reach[group[k]] = std::max(reach[group[k]], std::sqrt(periodic::dot(v, v)));
    }
    for (std::size_t g = 0; g < good.size(); ++g)
      good[g] = good[g] && reach[g] <= tolerance && weight[g] <= most_shared;
  }
};

class Merger {
 public:
  Merger(const double* given, const periodic::Lattice& reduced, const MergeRules& rules)
      : given_(given), reduced_(reduced), rules_(rules), heights_(reduced) {}

  // Merges the points in place; `pairs` are those at most `tolerance` apart. Of each point before: the point that it
  // became, and the cells by which it moves to lie beside that. Returns false where a position cannot be wrapped.
  bool run(Points& points, std::vector<Pair>& pairs, double tolerance, std::vector<std::int64_t>& point,
           std::vector<std::int64_t>& cell) {
    point.resize(points.size());
    for (std::size_t k = 0; k < points.size(); ++k) point[k] = static_cast<std::int64_t>(k);
    cell.assign(3 * points.size(), 0);
    double left = -1.0;  // tied groups at or below this distance have been left as they are
    for (;;) {
      double least = tolerance - rules_.noise;
      bool found = false;
      for (const Pair& pair : pairs)
        if (open(points, pair, left) && pair.distance < least) least = pair.distance, found = true;
      if (!found) break;
      const double level = least + rules_.tie;
      tied_.clear();
      for (const Pair& pair : pairs)
        if (open(points, pair, left) && pair.distance <= level) tied_.push_back(pair);
      groups_.join(points.size(), tied_);
      groups_.measure(given_, points, tolerance, rules_.most_shared);
      if (!keep_clear(points)) return false;
      if (std::find(groups_.good.begin(), groups_.good.end(), 1) == groups_.good.end()) {
        left = level;
        continue;
      }
      replace(points, point, cell);
      left = -1.0;
      if (!renew(points, pairs, tolerance)) return false;
    }
    for (double& occupancy : points.occupancies) occupancy = std::min(occupancy, 1.0);
    return true;
  }

 private:
  // Two images of one point fill it twice.
  bool open(const Points& points, const Pair& pair, double left) const {
    return pair.distance > left && points.occupancies[pair.i] + points.occupancies[pair.j] <= rules_.most_shared;
  }

  // A group is not good if its mean would lie on or across a point that it has no room with.
  bool keep_clear(const Points& points) {
    std::vector<std::size_t> asked;
    double fullest = 0.0, heaviest = 0.0, farthest = 0.0;
    for (const double occupancy : points.occupancies) fullest = std::max(fullest, occupancy);
    for (std::size_t g = 0; g < groups_.size(); ++g)
      if (groups_.good[g]) {
        asked.push_back(g);
        heaviest = std::max(heaviest, groups_.weight[g]);
        farthest = std::max(farthest, groups_.reach[g]);
      }
    if (asked.empty() || fullest + heaviest <= rules_.most_shared) return true;
    std::vector<double> both;
    for (const std::size_t g : asked) both.insert(both.end(), &groups_.mean[3 * g], &groups_.mean[3 * g] + 3);
    both.insert(both.end(), points.positions.begin(), points.positions.end());
    periodic::WrappedPoints wrapped;
    if (!wrapped.assign(reduced_, both.data(), both.size() / 3)) return false;
    const periodic::ImageSearch<2> search(reduced_, farthest + rules_.tie);
    for (std::size_t a = 0; a < asked.size(); ++a)
      for (std::size_t k = 0; k < points.size(); ++k) look(points, wrapped, search, a, asked, k);
    return true;
  }

  void look(const Points& points, const periodic::WrappedPoints& wrapped, const periodic::ImageSearch<2>& search,
            std::size_t a, const std::vector<std::size_t>& asked, std::size_t k) {
    const std::size_t g = asked[a], other = asked.size() + k;
    if (!(groups_.weight[g] + points.occupancies[k] > rules_.most_shared)) return;
    double d[3];
    for (int c = 0; c < 3; ++c) d[c] = wrapped.fractional[3 * other + c] - wrapped.fractional[3 * a + c];
    if (heights_.beyond(d, groups_.reach[g] + rules_.tie)) return;
    search.for_each(d, [&](const std::int32_t z[3], double distance) {
      if (distance > groups_.reach[g] + rules_.tie) return;
      std::int64_t step[3];
      periodic::given_shift(reduced_, wrapped, static_cast<std::int32_t>(a), static_cast<std::int32_t>(other), z, step);
      // A member in another cell is not of the group: a larger cell would have it as another point.
      const bool member = groups_.group[k] == static_cast<std::int64_t>(g) &&
                          std::equal(step, step + 3, groups_.shift.begin() + static_cast<std::ptrdiff_t>(3 * k));
      if (!member) groups_.good[g] = 0;
    });
  }

  // First the points that stay, then the means of the good groups.
  void replace(Points& points, std::vector<std::int64_t>& point, std::vector<std::int64_t>& cell) {
    const std::size_t n = points.size();
    Points merged;
    std::vector<std::int64_t>& onto = onto_;
    std::vector<std::int64_t> number(groups_.size(), -1);
    onto.assign(n, -1);
    std::vector<double>& rounded = rounded_;
    rounded.clear();
    const auto add = [&](const double* place, double occupancy) {
      for (int c = 0; c < 3; ++c) {
        double inside = place[c] - std::floor(place[c]);
        if (inside >= 1.0) inside = 0.0;
        merged.positions.push_back(inside);
        rounded.push_back(std::nearbyint(place[c] - inside));
      }
      merged.occupancies.push_back(occupancy);
      return static_cast<std::int64_t>(merged.size()) - 1;
    };
    for (std::size_t k = 0; k < n; ++k)
      if (!groups_.good[groups_.group[k]]) onto[k] = add(&points.positions[3 * k], points.occupancies[k]);
    stayed_ = merged.size();
    for (std::size_t g = 0; g < groups_.size(); ++g)
      if (groups_.good[g]) number[g] = add(&groups_.mean[3 * g], groups_.weight[g]);
    for (std::size_t k = 0; k < n; ++k)
      if (groups_.good[groups_.group[k]]) onto[k] = number[groups_.group[k]];
    for (std::size_t k = 0; k < point.size(); ++k) {
      const std::int64_t before = point[k];
      const bool moves = groups_.good[groups_.group[before]];
      for (int c = 0; c < 3; ++c) {
        const double shift = moves ? static_cast<double>(groups_.shift[3 * before + c]) : 0.0;
        cell[3 * k + c] += static_cast<std::int64_t>(shift - rounded[3 * onto[before] + c]);
      }
      point[k] = onto[before];
    }
    points = std::move(merged);
  }

  // The pairs after `replace`: those of points that stay are as they were, those of new points are looked for.
  bool renew(const Points& points, std::vector<Pair>& pairs, double tolerance) {
    std::size_t kept = 0;
    for (const Pair& pair : pairs) {
      const std::int64_t i = onto_[pair.i], j = onto_[pair.j], end = static_cast<std::int64_t>(stayed_);
      if (i < end && j < end) {
        pairs[kept] = pair;
        pairs[kept].i = i;
        pairs[kept].j = j;
        // A point given outside the cell, at 1.0 say, was wrapped.
        for (int c = 0; c < 3; ++c)
          pairs[kept].shift[c] += static_cast<std::int64_t>(rounded_[3 * j + c] - rounded_[3 * i + c]);
        ++kept;
      }
    }
    pairs.resize(kept);
    periodic::WrappedPoints wrapped;
    if (!wrapped.assign(reduced_, points.positions.data(), points.size())) return false;
    const periodic::ImageSearch<2> search(reduced_, tolerance);
    for (std::size_t j = stayed_; j < points.size(); ++j)
      for (std::size_t i = 0; i <= j; ++i) add_pairs(reduced_, wrapped, search, heights_, tolerance, i, j, pairs);
    return true;
  }

  const double* given_;
  const periodic::Lattice& reduced_;
  const MergeRules rules_;
  const Heights heights_;
  std::vector<Pair> tied_;
  std::vector<double> rounded_;     // (n_points, 3) cells that wrapping took away in `replace`
  std::vector<std::int64_t> onto_;  // what became of each point in `replace`
  std::size_t stayed_ = 0;          // points that did not become new ones then
  Groups groups_;
};

}  // namespace crystal
