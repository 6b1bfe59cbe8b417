// Which atoms are anions. The rules stand in screening/crystals/chemistry.py.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "atoms.hpp"
#include "contacts.hpp"

namespace crystal {

struct Bond {
  double low, high;  // Å
};

// What an atomic number is to the rules, one bit each.
enum Role : std::uint8_t { kAnion = 1, kCentre = 2, kHeavyCentre = 4, kLigand = 8, kProtonHolder = 16 };

struct AnionRules {
  std::array<std::uint8_t, 256> roles{};  // by atomic number
  std::array<std::int64_t, 256> ranks{};  // by electronegativity
  Bond centre{}, heavy_centre{}, proton{};
  double bonded_occupancy = 0.0;
};

class Anions {
 public:
  explicit Anions(const AnionRules& rules) : rules_(rules) {}

  // Returns 0; 1 for a cell without volume, 2 for a position that is no number. `mask` is (n,).
  int run(const Atoms& atoms, std::vector<char>& mask) {
    const std::size_t n = atoms.n;
    bool present[256] = {};
    std::uint8_t roles = 0;
    std::size_t kinds = 0;
    mask.assign(n, 0);
    for (std::size_t k = 0; k < n; ++k) {
      const std::uint8_t number = atoms.numbers[k];
      kinds += !present[number];
      present[number] = true;
      roles |= rules_.roles[number];
      mask[k] = (rules_.roles[number] & kAnion) != 0;
    }
    if (roles & kLigand) {
      if (roles & kCentre)
        if (const int status = drop_centres(atoms, kCentre, rules_.centre, mask)) return status;
      if (roles & kHeavyCentre)
        if (const int status = drop_centres(atoms, kHeavyCentre, rules_.heavy_centre, mask)) return status;
    }
    if (present[1])
      if (const int status = add_hydrides(atoms, mask)) return status;
    bool any = false, every = true;
    for (std::size_t k = 0; k < n; ++k) {
      const bool stated = !std::isnan(atoms.charges[k]);
      any = any || (stated && atoms.charges[k] != 0.0);
      every = every && stated;
    }
    if (any)
      for (std::size_t k = 0; k < n; ++k)
        if (!std::isnan(atoms.charges[k])) mask[k] = atoms.charges[k] < 0.0;
    if (!(any && every) && kinds > 1 && std::find(mask.begin(), mask.end(), 1) == mask.end()) {
      std::int64_t most = 0;
      for (std::size_t k = 0; k < n; ++k) most = std::max(most, rules_.ranks[atoms.numbers[k]]);
      for (std::size_t k = 0; k < n; ++k) mask[k] = rules_.ranks[atoms.numbers[k]] == most;
    }
    return 0;
  }

 private:
  int drop_centres(const Atoms& atoms, Role role, const Bond& bond, std::vector<char>& mask) {
    choose(atoms, role, kLigand);
    if (const int status = hold(atoms, bond)) return status;
    for (std::size_t k = 0; k < atoms.n; ++k)
      if (asked_[k] && sums_[k] > 0.0 && sums_[k] + atoms.occupancies[k] > rules_.bonded_occupancy) mask[k] = 0;
    return 0;
  }

  int add_hydrides(const Atoms& atoms, std::vector<char>& mask) {
    choose(atoms, 0, kProtonHolder);
    for (std::size_t k = 0; k < atoms.n; ++k) asked_[k] = atoms.numbers[k] == 1;
    if (const int status = hold(atoms, rules_.proton)) return status;
    for (std::size_t k = 0; k < atoms.n; ++k)
      if (asked_[k] && sums_[k] == 0.0) mask[k] = 1;
    return 0;
  }

  void choose(const Atoms& atoms, int asked, int partners) {
    asked_.resize(atoms.n);
    partners_.resize(atoms.n);
    for (std::size_t k = 0; k < atoms.n; ++k) {
      asked_[k] = (rules_.roles[atoms.numbers[k]] & asked) != 0;
      partners_[k] = (rules_.roles[atoms.numbers[k]] & partners) != 0;
    }
  }

  int hold(const Atoms& atoms, const Bond& bond) {
    return held(atoms.lattice, atoms.positions, atoms.occupancies, atoms.n, asked_.data(), partners_.data(), bond.low,
                bond.high, sums_);
  }

  const AnionRules rules_;
  std::vector<char> asked_, partners_;
  std::vector<double> sums_;
};

}  // namespace crystal
