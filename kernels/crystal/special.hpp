// Atoms beside a symmetry element, put onto it. The rules and their reasons stand in screening/crystals/sites.py.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "images.hpp"

namespace crystal {

enum class Reading { kUsual = 0, kSplit = 1, kJoined = 2 };

struct SiteRules {
  double exact, special, full;  // Å: images closer than this are one by float noise, if they crowd, at most
  double rounding;              // a coordinate is off by at most this part of its last decimal
  double occupancy_rounding;    // by which occupancies may miss 1
  double most_shared;           // images that fill at most this between them may stand side by side
  double part, offset;          // of a cell vector, and where the parts begin: see `expand`
  std::int64_t few_decimals, most_decimals;  // that rounding is judged by, at the least and at the most
};

// The asymmetric unit of one crystal, m atoms.
struct Unit {
  const double* lattice;           // (3, 3) Å, rows
  const double* positions;         // (m, 3) fractional
  const double* occupancies;       // (m,)
  const double* multiplicities;    // (m,) as stated, NaN where not
  const std::int8_t* decimals;     // (m, 3) decimals of the coordinates as written
  const std::int8_t* significant;  // (m, 3) without trailing zeros
  std::size_t m;
  Operations operations;
};

class Snapper {
 public:
  explicit Snapper(const SiteRules& rules) : rules_(rules) {
    double step = 1.0;
    for (int d = 0; d <= 8; ++d, step *= 10.0) steps_[d] = 1.0 / step;
  }

  // Positions with each atom on the elements that it sits on, (m, 3). Returns whether an atom was put onto one by
  // decree, or stays beside one.
  bool run(const Unit& unit, Reading reading, std::vector<double>& snapped) {
    snapped.assign(unit.positions, unit.positions + 3 * unit.m);
    keys_.clear();
    bool doubted = false;
    if (unit.operations.k > 1)
      for (std::size_t a = 0; a < unit.m; ++a) doubted = atom(unit, a, reading, &snapped[3 * a]) || doubted;
    return doubted;
  }

 private:
  bool atom(const Unit& unit, std::size_t a, Reading reading, double* snapped) {
    const std::size_t k = unit.operations.k;
    const double* x = unit.positions + 3 * a;
    shift_.resize(3 * k);
    masks_.assign(3 * k, 0);
    char *fine = &masks_[0], *near = &masks_[k], *wide = &masks_[2 * k];
    bool doubtful = false;
    for (std::size_t o = 0; o < k; ++o) {
      double* s = &shift_[3 * o];
      const double squared = shift_of(unit.operations, o, x, unit.lattice, s);
      fine[o] = squared < rules_.exact * rules_.exact;
      near[o] = squared < rules_.special * rules_.special;
      wide[o] = squared < rules_.full * rules_.full;  // close, for now
      doubtful = doubtful || fine[o] != wide[o];
    }
    std::size_t level = 0;
    if (doubtful) level = judged(unit, a, reading);
    return settled(unit, x, level, doubtful, snapped);
  }

  // Completes the masks and returns which of them is to be believed: 0 fine, 1 near, 2 wide.
  std::size_t judged(const Unit& unit, std::size_t a, Reading reading) {
    const std::size_t k = unit.operations.k;
    char *fine = &masks_[0], *near = &masks_[k], *wide = &masks_[2 * k];
    std::size_t n_fine = 0, n_near = 0;
    bool differ = false;
    for (std::size_t o = 0; o < k; ++o) {
      const bool close = wide[o];
      // From the surest to the most lenient: what the decimals explain, what is near, what trailing zeros may hide.
      fine[o] = fine[o] || (close && within(unit, a, o, unit.decimals));
      near[o] = near[o] || fine[o];
      wide[o] = near[o] || (close && within(unit, a, o, unit.significant));
      n_fine += fine[o];
      n_near += near[o];
      differ = differ || fine[o] != wide[o];
    }
    if (!differ || reading == Reading::kSplit) return 0;
    const double total = shared_occupancy(unit, a);
    if (total >= 1.0 - 2 * rules_.occupancy_rounding) return 2;
    // Side by side if they have room, or if the file says so; else on the element.
    const double side = static_cast<double>(n_near) / static_cast<double>(n_fine);
    const bool room = total * side <= rules_.most_shared;
    const bool states = static_cast<double>(k) / static_cast<double>(n_near) == unit.multiplicities[a];
    return !room || states || reading == Reading::kJoined;
  }

  // Whether rounding explains the way to the image: x' - x = (R - 1) x + t, an error of e in x moves it by (R - 1) e.
  bool within(const Unit& unit, std::size_t a, std::size_t o, const std::int8_t* decimals) const {
    const double* r = unit.operations.rotations + 9 * o;
    for (int c = 0; c < 3; ++c) {
      double most = 0.0;
      for (int j = 0; j < 3; ++j) {
        const std::int64_t digits =
            std::clamp<std::int64_t>(decimals[3 * a + j], rules_.few_decimals, rules_.most_decimals);
        most += rules_.rounding * steps_[digits] * std::fabs(r[3 * c + j] - (c == j ? 1.0 : 0.0));
      }
      if (!(std::fabs(shift_[3 * o + c]) <= most + 1e-9)) return false;
    }
    return true;
  }

  // How far the atoms listed at the place of an atom fill it.
  double shared_occupancy(const Unit& unit, std::size_t a) {
    if (keys_.empty()) {
      every_full_ = std::all_of(unit.occupancies, unit.occupancies + unit.m, [](double o) { return o >= 1.0; });
      const std::int64_t steps = static_cast<std::int64_t>(std::nearbyint(1.0 / rules_.part));
      for (std::size_t b = 0; b < unit.m; ++b) {
        double inside[3];
        for (int c = 0; c < 3; ++c) inside[c] = wrapped(unit.positions[3 * b + c]);
        keys_.push_back(place_key(inside, rules_.part, rules_.offset, steps));
      }
    }
    if (every_full_) return unit.occupancies[a];
    double total = 0.0;
    for (std::size_t b = 0; b < unit.m; ++b)
      if (keys_[b] == keys_[a]) total += unit.occupancies[b];
    return total;
  }

  // The mean of the images under the operations of a mask, or of one below it where these do not keep the mean: images
  // within a tolerance of each other only in a chain are not those of one site.
  bool settled(const Unit& unit, const double* x, std::size_t level, bool doubtful, double* snapped) {
    const std::size_t k = unit.operations.k;
    bool doubted = false;
    for (;; --level) {
      const char *fixed = &masks_[level * k], *near = &masks_[k];
      const std::size_t count = static_cast<std::size_t>(std::count(fixed, fixed + k, 1));
      if (count == 1) return doubted || (doubtful && beyond(fixed, near, k));  // of itself alone
      const double weight = 1.0 / static_cast<double>(count);
      double sum[3] = {0.0, 0.0, 0.0}, mean[3];
      for (std::size_t o = 0; o < k; ++o)
        if (fixed[o])
          for (int c = 0; c < 3; ++c) sum[c] += weight * shift_[3 * o + c];
      for (int c = 0; c < 3; ++c) mean[c] = x[c] + sum[c];
      bool sure = true;
      for (std::size_t o = 0; o < k && sure; ++o) {
        if (!fixed[o]) continue;
        double again[3];
        shift_of(unit.operations, o, mean, unit.lattice, again);
        for (int c = 0; c < 3; ++c) sure = sure && std::fabs(again[c]) <= 1e-9;
      }
      if (sure) {
        std::copy(mean, mean + 3, snapped);
        return doubted || (doubtful && beyond(fixed, near, k));
      }
      doubted = true;
      if (level == 0) return true;
    }
  }

  static bool beyond(const char* fixed, const char* near, std::size_t k) {
    for (std::size_t o = 0; o < k; ++o)
      if (fixed[o] && !near[o]) return true;
    return false;
  }

  const SiteRules rules_;
  double steps_[9];
  std::vector<double> shift_;       // (k, 3) of one atom
  std::vector<char> masks_;         // (3, k): fine, near, wide
  std::vector<std::int64_t> keys_;  // (m,) where asked for
  bool every_full_ = false;
};

}  // namespace crystal
