// Mean distances from the points of one cloud to the nearest points of another, images included.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "cell.hpp"

namespace periodic {

constexpr double kPi = 3.14159265358979323846;

// Average minimum distances: of every centre the k nearest points in rising order, then the mean over the centres.
class NearestMeans {
 public:
  // Writes k means, Å, to `out`; not kGood where the cell or a position cannot be used. Of one and the same cloud
  // (`same`) no point is its own neighbour, though its images are.
  Status run(const double cell[9], const double* centres, std::int32_t n, const double* points, std::int32_t m,
             bool same, int k, double* out) {
    if (!reduce_lattice(cell, lattice_)) return Status::kBadCell;
    if (!centres_.assign(lattice_, centres, n) || !points_.assign(lattice_, points, m)) return Status::kBadPosition;
    set_heights();
    std::fill(out, out + k, 0.0);
    const double per_point = lattice_.volume / m;
    const double first = 1.15 * std::cbrt(3.0 * (k + 1) * per_point / (4.0 * kPi));
    for (std::int32_t i = 0; i < n; ++i) {
      double reach = first;
      do {
        collect(i, m, same, reach);
        reach *= 1.25;
      } while (squares_.size() < static_cast<std::size_t>(k));
      std::nth_element(squares_.begin(), squares_.begin() + (k - 1), squares_.end());
      std::sort(squares_.begin(), squares_.begin() + k);
      for (int at = 0; at < k; ++at) out[at] += std::sqrt(squares_[at]);
    }
    for (int at = 0; at < k; ++at) out[at] /= n;
    return Status::kGood;
  }

 private:
  // 1 over the distance between lattice planes, for the last two cell vectors.
  void set_heights() {
    const auto& rows = lattice_.rows;
    for (int axis = 1; axis < 3; ++axis) {
      const double* u = rows[(axis + 1) % 3];
      const double* v = rows[(axis + 2) % 3];
      const double cross[3] = {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
      per_height_[axis] = std::sqrt(cross[0] * cross[0] + cross[1] * cross[1] + cross[2] * cross[2]) / lattice_.volume;
    }
    first_square_ = rows[0][0] * rows[0][0] + rows[0][1] * rows[0][1] + rows[0][2] * rows[0][2];
  }

  // Squared distances of all images of points within `reach` of a centre, unordered.
  void collect(std::int32_t i, std::int32_t m, bool same, double reach) {
    squares_.clear();
    const auto& rows = lattice_.rows;
    const double* from = centres_.fractional.data() + 3 * static_cast<std::size_t>(i);
    const double most = reach * reach;
    for (std::int32_t j = 0; j < m; ++j) {
      const double* to = points_.fractional.data() + 3 * static_cast<std::size_t>(j);
      const double f[3] = {to[0] - from[0], to[1] - from[1], to[2] - from[2]};
      const double wide2 = reach * per_height_[2], wide1 = reach * per_height_[1];
      for (double z2 = std::ceil(-f[2] - wide2); z2 <= wide2 - f[2]; ++z2) {
        for (double z1 = std::ceil(-f[1] - wide1); z1 <= wide1 - f[1]; ++z1) {
          double v[3];
          for (int c = 0; c < 3; ++c) v[c] = (f[1] + z1) * rows[1][c] + (f[2] + z2) * rows[2][c];
          const double along = (v[0] * rows[0][0] + v[1] * rows[0][1] + v[2] * rows[0][2]) / first_square_;
          const double aside = v[0] * v[0] + v[1] * v[1] + v[2] * v[2] - along * along * first_square_;
          if (aside > most) continue;
          const double half = std::sqrt((most - aside) / first_square_);
          for (double z0 = std::ceil(-along - half - f[0]); z0 <= half - along - f[0]; ++z0) {
            if (same && i == j && z0 == 0.0 && z1 == 0.0 && z2 == 0.0) continue;
            double square = 0.0;
            for (int c = 0; c < 3; ++c) {
              const double d = v[c] + (f[0] + z0) * rows[0][c];
              square += d * d;
            }
            squares_.push_back(square);
          }
        }
      }
    }
  }

  Lattice lattice_;
  WrappedPoints centres_, points_;
  std::vector<double> squares_;
  double per_height_[3] = {};
  double first_square_ = 0.0;
};

}  // namespace periodic
