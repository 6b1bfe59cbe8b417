// The atoms of one crystal, one a row for each element of a site.
#pragma once

#include <cstddef>
#include <cstdint>

namespace crystal {

struct Atoms {
  const double* lattice;      // (3, 3) Å, rows
  const double* positions;    // (n, 3) fractional
  const double* occupancies;  // (n,)
  const std::int64_t* sites;  // (n,) equal for atoms that share a site
  std::size_t n;
  const std::uint8_t* numbers = nullptr;  // (n,) where elements matter
  const double* charges = nullptr;        // (n,) NaN where none is stated
};

}  // namespace crystal
