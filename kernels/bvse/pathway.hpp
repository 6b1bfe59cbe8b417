// The network that the mobile ion runs on: from every pass between two basins of the energy the ways of steepest
// descent to both minima, as far as it is part of a region that runs on without end.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "bvse/barriers.hpp"

namespace bvse {

struct Pathway {
  std::vector<double> energies;          // of each pass, eV, rising
  std::vector<std::int32_t> levels;      // 1, 2, 3: the first level at which the pass is part of what runs on
  std::vector<std::int64_t> offsets{0};  // where each way begins in
  std::vector<std::int64_t> points;      // (n, 3) grid steps, unwrapped: minimum, pass, minimum
};

// The grid points below a level, drained to their minima.
class Basins {
 public:
  Basins(const std::vector<double>& energies, const Order& order, const Dims& dims, double level)
      : order_(order),
        dims_(dims),
        down_(energies.size(), kNone),
        root_(energies.size(), kNone),
        step_(energies.size()),
        shift_(energies.size()) {
    for (std::size_t place = 0; place < order.points.size(); ++place) {
      const std::int32_t point = order.points[place];
      if (energies[point] > level) break;
      drain(point, static_cast<std::int32_t>(place));
      meet(point, static_cast<std::int32_t>(place), energies[point]);
    }
  }

  // The pass between basin a, in the cell of its minimum, and basin b, in the cell `shift` beyond.
  struct Pass {
    std::int32_t a, b;
    std::array<std::int32_t, 3> shift;
    double energy;
    std::int32_t upper, lower;  // points on either side
    std::array<std::int32_t, 3> step;
  };
  const std::vector<Pass>& passes() const { return passes_; }
  std::int32_t minima() const { return minima_; }

  // Grid steps from the minimum of one side over the pass to the minimum of the other.
  std::vector<std::array<std::int64_t, 3>> way(const Pass& pass) const {
    const std::int64_t n1 = dims_.n[1], n2 = dims_.n[2], p = pass.upper;
    const std::array<std::int64_t, 3> at{p / (n1 * n2), p / n2 % n1, p % n2};
    std::vector<std::array<std::int64_t, 3>> points = descent(pass.upper, at);
    std::reverse(points.begin(), points.end());
    std::array<std::int64_t, 3> beside = at;
    for (int c = 0; c < 3; ++c) beside[c] += pass.step[c];
    for (const auto& point : descent(pass.lower, beside)) points.push_back(point);
    return points;
  }

 private:
  static constexpr std::int32_t kNone = -1;
  using Small = std::array<std::int8_t, 3>;
  using Cell = std::array<std::int16_t, 3>;

  void drain(std::int32_t point, std::int32_t place) {
    std::int32_t best = place;
    for_each_neighbour(point, dims_, [&](std::int32_t other, const std::int32_t shift[3], const std::int32_t step[3]) {
      if (order_.places[other] >= best) return;
      best = order_.places[other];
      down_[point] = other;
      for (int c = 0; c < 3; ++c) {
        step_[point][c] = static_cast<std::int8_t>(step[c]);
        shift_[point][c] = static_cast<std::int16_t>(shift[c] + shift_[other][c]);
      }
      root_[point] = root_[other];
    });
    if (down_[point] == kNone) root_[point] = minima_++;
  }

  void meet(std::int32_t point, std::int32_t place, double energy) {
    for_each_neighbour(point, dims_, [&](std::int32_t other, const std::int32_t shift[3], const std::int32_t step[3]) {
      if (order_.places[other] > place) return;
      std::array<std::int32_t, 3> between;
      for (int c = 0; c < 3; ++c) between[c] = shift[c] + shift_[other][c] - shift_[point][c];
      std::int32_t a = root_[point], b = root_[other];
      if (a == b && between == std::array<std::int32_t, 3>{0, 0, 0}) return;
      std::array<std::int32_t, 3> key = between;
      const std::array<std::int32_t, 3> opposite{-between[0], -between[1], -between[2]};
      if (a > b || (a == b && opposite > between)) {
        std::swap(a, b);
        key = opposite;
      }
      if (!seen_.emplace(std::array<std::int32_t, 5>{a, b, key[0], key[1], key[2]}, true).second) return;
      passes_.push_back({root_[point], root_[other], between, energy, point, other, {step[0], step[1], step[2]}});
    });
  }

  std::vector<std::array<std::int64_t, 3>> descent(std::int32_t point, std::array<std::int64_t, 3> at) const {
    std::vector<std::array<std::int64_t, 3>> points{at};
    for (; down_[point] != kNone; point = down_[point]) {
      for (int c = 0; c < 3; ++c) at[c] += step_[point][c];
      points.push_back(at);
    }
    return points;
  }

  const Order& order_;
  const Dims dims_;
  std::vector<std::int32_t> down_, root_;  // the lowest neighbour, the minimum it drains to
  std::vector<Small> step_;                // to the lowest neighbour
  std::vector<Cell> shift_;                // cell of the minimum seen from the point
  std::map<std::array<std::int32_t, 5>, bool> seen_;
  std::vector<Pass> passes_;
  std::int32_t minima_ = 0;
};

inline Pathway pathway(const std::vector<double>& energies, const Order& order, const Dims& dims,
                       const double level[3]) {
  const Basins basins(energies, order, dims, level[2] + kLevel);
  const std::vector<Basins::Pass>& passes = basins.passes();
  std::vector<std::int32_t> first(passes.size(), 0);
  periodic::Components components;
  components.reset(basins.minima());
  std::size_t next = 0;
  for (int d = 0; d < 3; ++d) {
    for (; next < passes.size() && passes[next].energy <= level[d] + kLevel; ++next)
      components.join(passes[next].a, passes[next].b, passes[next].shift.data());
    for (std::size_t k = 0; k < next; ++k)
      if (first[k] == 0 && components.rank(passes[k].a) > 0) first[k] = d + 1;
  }
  Pathway found;
  for (std::size_t k = 0; k < passes.size(); ++k) {
    if (first[k] == 0) continue;
    found.energies.push_back(passes[k].energy);
    found.levels.push_back(first[k]);
    for (const auto& point : basins.way(passes[k])) found.points.insert(found.points.end(), point.begin(), point.end());
    found.offsets.push_back(static_cast<std::int64_t>(found.points.size() / 3));
  }
  return found;
}

}  // namespace bvse
