// Which bars a page draws: those of one dimension by kind (equal birth and death), and of each kind the first few.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace periodic {

// The bars of one cloud as `barcodes` gives them, its points, and the atoms of each point.
struct BarView {
  std::size_t n;
  const double *birth, *death;  // Å; death infinite: open
  const std::int8_t* dim;
  const std::int64_t *vertices, *begins;    // (m, 4) site and shift, birth then death simplex of each bar; (n + 1)
  const std::int64_t *rings, *ring_begins;  // (r, 4); (n + 1)
  const double* positions;                  // (n_points, 3) fractional
  const std::int64_t *atoms, *atom_begins;  // (n_atoms, 4) row of the crystal and cell; (n_points + 1)

  bool ends(std::size_t bar) const { return std::isfinite(death[bar]); }
  std::size_t ring_size(std::size_t bar) const { return ring_begins[bar + 1] - ring_begins[bar]; }
  const std::int64_t* closing(std::size_t bar) const { return vertices + 4 * (begins[bar] + dim[bar] + 1); }
};

struct DrawnBar {
  std::size_t bar;
  bool ringed;  // drawn as its ring, else as its birth simplex
};

struct DrawnKind {
  std::size_t equal;           // how many, among the longest bars
  std::vector<DrawnBar> bars;  // those shown
};

struct DrawnLimits {
  std::size_t groups, members, bars;  // kinds, bars shown of each, longest bars looked at
};

class DrawnKinds {
 public:
  // The first kinds of bars of a dimension, the longest first.
  std::vector<DrawnKind> of(const BarView& view, int dim, const DrawnLimits& limits) {
    view_ = &view;
    dim_ = dim;
    std::vector<std::size_t> order;
    for (std::size_t bar = 0; bar < view.n; ++bar)
      if (view.dim[bar] == dim) order.push_back(bar);
    const auto length = [&](std::size_t bar) { return view.birth[bar] - view.death[bar]; };  // negative
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return length(a) != length(b) ? length(a) < length(b) : view.birth[a] < view.birth[b];
    });
    std::vector<DrawnKind> kinds;
    for (std::size_t begin = 0, end = 0; begin < order.size() && kinds.size() < limits.groups; begin = end) {
      if (begin >= limits.bars) break;
      while (end < order.size() && length(order[end]) == length(order[begin]) &&
             view.birth[order[end]] == view.birth[order[begin]])
        ++end;
      const std::size_t equal = std::min(end - begin, limits.bars - begin);
      kinds.push_back({equal, first(&order[begin], end - begin, std::min(limits.members, equal))});
    }
    return kinds;
  }

  // The corners by which a bar is born, as it is drawn.
  static std::pair<const std::int64_t*, std::size_t> born(const BarView& view, const DrawnBar& drawn) {
    const std::size_t bar = drawn.bar;
    if (drawn.ringed) return {view.rings + 4 * view.ring_begins[bar], view.ring_size(bar)};
    return {view.vertices + 4 * view.begins[bar], static_cast<std::size_t>(view.dim[bar]) + 1};
  }

 private:
  struct Keyed {
    std::size_t corners;               // of the ring; one that was not found comes last
    std::array<std::int64_t, 28> key;  // the first atoms of the simplices that open and close the bar
    DrawnBar drawn;
  };

  // The first of some equal bars: those with the smallest rings, then by the atoms of their simplices.
  std::vector<DrawnBar> first(const std::size_t* bars, std::size_t n, std::size_t shown) const {
    std::size_t ringed = 0;
    for (std::size_t k = 0; k < n; ++k) ringed += dim_ == 1 && view_->ring_size(bars[k]) > 0;
    std::vector<Keyed> keyed;
    for (std::size_t k = 0; k < n; ++k) {
      const bool has_ring = dim_ == 1 && view_->ring_size(bars[k]) > 0;
      if (has_ring || ringed < shown) keyed.push_back(of_bar({bars[k], has_ring}));
    }
    std::stable_sort(keyed.begin(), keyed.end(), [](const Keyed& a, const Keyed& b) {
      return a.corners != b.corners ? a.corners < b.corners : a.key < b.key;
    });
    std::vector<DrawnBar> found;
    for (std::size_t k = 0; k < shown; ++k) found.push_back(keyed[k].drawn);
    return found;
  }

  Keyed of_bar(const DrawnBar& drawn) const {
    const std::size_t bar = drawn.bar;
    Keyed keyed{std::numeric_limits<std::size_t>::max(), {}, drawn};
    std::size_t at = 0;
    const auto add = [&](const std::int64_t* corner) {
      const std::int64_t* atom = view_->atoms + 4 * view_->atom_begins[corner[0]];
      keyed.key[at] = atom[0];
      for (int c = 1; c < 4; ++c) keyed.key[at + c] = atom[c] + corner[c];
      at += 4;
    };
    if (drawn.ringed) {
      // Of several edges as long as the birth edge, the one that closes the ring is as good and belongs to it.
      const auto [corners, n] = DrawnKinds::born(*view_, drawn);
      keyed.corners = n;
      add(corners);
      add(corners + 4 * (n - 1));
    } else {
      for (int k = 0; k <= dim_; ++k) add(view_->vertices + 4 * (view_->begins[bar] + k));
    }
    if (view_->ends(bar))
      for (int k = 0; k < dim_ + 2; ++k) add(view_->closing(bar) + 4 * k);
    return keyed;
  }

  const BarView* view_ = nullptr;
  int dim_ = 0;
};

}  // namespace periodic
