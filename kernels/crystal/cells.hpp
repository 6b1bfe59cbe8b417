// A batch of asymmetric units → the atoms of their cells, where nothing about them is in doubt. What is doubtful is
// told, not decided: screening/crystals/cells.py looks at such a crystal by itself.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "contacts.hpp"
#include "special.hpp"

namespace crystal {

struct CellRules {
  SiteRules sites;
  ContactRules contacts;
  double most_sites;             // in a cell
  double most_sites_per_volume;  // Å^-3
};

// Why a crystal is left to a closer look.
enum Doubt : std::uint32_t {
  kCrowded = 1,       // sites closer than atoms can be, or than one atom listed twice
  kTwice = 2,         // a site holds one element twice
  kOverfull = 4,      // the atoms of a site sum to more than one
  kTooMany = 8,       // sites
  kMultiplicity = 16  // an atom has not as many images as the file states
};

// Cells of a batch, flat; a doubtful one has no atoms.
struct Cells {
  std::vector<std::uint32_t> doubts;              // (n,)
  std::vector<char> moved;                        // (n,) whether an atom is near a special position
  std::vector<std::int64_t> offsets{0}, n_sites;  // (n + 1,), (n,)
  std::vector<double> positions, occupancies;     // (n_atoms, 3) in [0, 1), (n_atoms,)
  std::vector<std::int64_t> row, site;            // (n_atoms,) row of the batch's units, site of the cell
};

class CellMaker {
 public:
  CellMaker(const CellRules& rules, const double* radii) : rules_(rules), snapper_(rules.sites), radii_(radii) {}

  // Appends one crystal. `numbers` are those of the unit, `first_row` is its first among the rows of the batch.
  void append(const Unit& unit, const std::int64_t* numbers, std::int64_t first_row, Cells& cells) {
    cells.moved.push_back(snapper_.run(unit, Reading::kUsual, snapped_));
    expander_.run(unit.operations, snapped_.data(), unit.m, rules_.sites.part, rules_.sites.offset, cell_);
    const std::uint32_t doubt = doubts(unit, numbers);
    cells.doubts.push_back(doubt);
    cells.n_sites.push_back(cell_.n_sites);
    if (!doubt)
      for (std::size_t k = 0; k < cell_.atom.size(); ++k) {
        for (int c = 0; c < 3; ++c) cells.positions.push_back(wrapped(cell_.positions[3 * k + c]));
        cells.occupancies.push_back(unit.occupancies[cell_.atom[k]]);
        cells.row.push_back(first_row + cell_.atom[k]);
        cells.site.push_back(cell_.site[k]);
      }
    cells.offsets.push_back(static_cast<std::int64_t>(cells.row.size()));
  }

 private:
  std::uint32_t doubts(const Unit& unit, const std::int64_t* numbers) {
    const double volume = unit.lattice[0] * unit.lattice[4] * unit.lattice[8];  // a along x, b in the xy plane
    const double sites = static_cast<double>(cell_.n_sites);
    if (sites > rules_.most_sites || sites > 1.0 + rules_.most_sites_per_volume * volume) return kTooMany;
    std::uint32_t doubt = 0;
    const double k = static_cast<double>(unit.operations.k);
    for (std::size_t a = 0; a < unit.m; ++a) {
      const double stated = unit.multiplicities[a], images = static_cast<double>(cell_.images[a]);
      if (!std::isnan(stated) && stated != images && stated * images != k) doubt |= kMultiplicity;
    }
    gather(unit, numbers);
    const double full = 1.0 + rules_.sites.occupancy_rounding;
    for (const double occupancy : occupancies_)
      if (occupancy > full) doubt |= kOverfull;
    if (cell_.atom.size() > occupancies_.size() && twice(numbers)) doubt |= kTwice;
    return crowds(unit) ? doubt | kCrowded : doubt;
  }

  // What each site is made of.
  void gather(const Unit& unit, const std::int64_t* numbers) {
    const std::size_t n = static_cast<std::size_t>(cell_.n_sites);
    first_.assign(n, -1);
    least_.assign(n, 0.0);
    occupancies_.assign(n, 0.0);
    places_.resize(3 * n);
    for (std::size_t k = 0; k < cell_.atom.size(); ++k) {
      const std::int64_t s = cell_.site[k];
      const double radius = radii_[numbers[cell_.atom[k]]];
      if (first_[s] < 0) {
        first_[s] = static_cast<std::int64_t>(k);
        std::copy(&cell_.positions[3 * k], &cell_.positions[3 * k] + 3, &places_[3 * s]);
        least_[s] = radius;
      }
      least_[s] = std::min(least_[s], radius);
      occupancies_[s] += unit.occupancies[cell_.atom[k]];
    }
  }

  bool twice(const std::int64_t* numbers) {
    held_.clear();
    for (std::size_t k = 0; k < cell_.atom.size(); ++k) held_.push_back(cell_.site[k] * 128 + numbers[cell_.atom[k]]);
    std::sort(held_.begin(), held_.end());
    return std::adjacent_find(held_.begin(), held_.end()) != held_.end();
  }

  bool crowds(const Unit& unit) {
    asked_.clear();
    const std::size_t n = occupancies_.size();
    const double largest = n ? *std::max_element(least_.begin(), least_.end()) : 0.0;
    const double cutoff = std::max(2 * rules_.contacts.factor * largest, rules_.contacts.least);
    if (unit.operations.k > 1 || n != unit.m) {
      // What is closer than half of each height is the nearest image, and every site is an image of a first one.
      std::int64_t last = -1;
      for (std::size_t k = 0; k < cell_.atom.size(); ++k) {
        if (cell_.atom[k] != last) asked_.push_back(cell_.site[k]);
        last = cell_.atom[k];
      }
      if (!(4 * asked_.size() < n + 4 && least_height(unit.lattice) > 2 * cutoff)) asked_.clear();
    }
    pairs_.clear();
    crowded({unit.lattice, places_.data(), least_.data(), occupancies_.data(), n}, asked_, rules_.contacts, pairs_);
    return !pairs_.empty();
  }

  // The least distance of opposite faces.
  static double least_height(const double* l) {
    const double a = l[0], bx = l[3], by = l[4], cx = l[6], cy = l[7], cz = l[8];
    const double skew = (bx * cy - by * cx) / (by * cz);
    const double first = std::sqrt(1.0 + (bx / by) * (bx / by) + skew * skew) / a;
    return 1.0 / std::max({first, std::sqrt(1.0 + (cy / cz) * (cy / cz)) / by, 1.0 / cz});
  }

  const CellRules rules_;
  Snapper snapper_;
  Expander expander_;
  const double* radii_;  // (119,) Å, by atomic number
  Cell cell_;
  std::vector<double> snapped_, places_, least_, occupancies_;
  std::vector<std::int64_t> first_, asked_, held_;
  std::vector<Pair> pairs_;
};

}  // namespace crystal
