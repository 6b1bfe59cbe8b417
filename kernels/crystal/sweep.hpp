// Which points may have images within a cutoff of each other: those near in the coordinate along one cell vector. Many
// pairs of a large cell are never looked at.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "../periodic/neighbours.hpp"

namespace crystal {

// Tells pairs whose nearest images are certainly beyond a distance: no image is closer than along a height of the cell.
class Heights {
 public:
  explicit Heights(const periodic::Lattice& lattice) {
    for (int c = 0; c < 3; ++c) {
      const double *a = lattice.rows[(c + 1) % 3], *b = lattice.rows[(c + 2) % 3];
      const double n[3] = {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
      height_[c] = lattice.volume / std::sqrt(periodic::dot(n, n)) * (1.0 - 1e-9);
    }
  }

  // `d` is between points in [0, 1), so each coordinate lies in (-1, 1).
  bool beyond(const double d[3], double distance) const {
    const double limit = distance + 1e-9;
    for (int c = 2; c >= 0; --c) {
      const double way = std::fabs(d[c]);
      if (std::min(way, 1.0 - way) * height_[c] > limit) return true;
    }
    return false;
  }

 private:
  double height_[3];
};

class Sweep {
 public:
  Sweep(const periodic::Lattice& lattice, const periodic::WrappedPoints& points, double cutoff) {
    const std::size_t n = points.fractional.size() / 3;
    // The height of the cell over the plane of the first two vectors, with room for rounding.
    reach_ = (cutoff * (1.0 + 1e-9) + 1e-9) / lattice.forward.star[2] + 1e-9;
    for (std::size_t k = 0; k < n; ++k) order_.push_back({points.fractional[3 * k + 2], static_cast<std::int32_t>(k)});
    std::sort(order_.begin(), order_.end());
  }

  // Calls f(i, j), i <= j, once for every pair that may be near, each point with itself among them.
  template <class F>
  void for_each(F&& f) const {
    const std::size_t n = order_.size();
    for (std::size_t a = 0; a < n; ++a) {
      f(order_[a].second, order_[a].second);
      std::size_t b = a + 1;
      for (; b < n && order_[b].first - order_[a].first <= reach_; ++b) call(f, a, b);
      // Across the face of the cell; what was met is not met again.
      for (std::size_t c = n; c-- > b && order_[a].first + 1.0 - order_[c].first <= reach_;) call(f, a, c);
    }
  }

 private:
  template <class F>
  void call(F&& f, std::size_t a, std::size_t b) const {
    f(std::min(order_[a].second, order_[b].second), std::max(order_[a].second, order_[b].second));
  }

  double reach_;
  std::vector<std::pair<double, std::int32_t>> order_;
};

}  // namespace crystal
