// The Python face of bond-valence site energies: releases the lock around the work.
#pragma once

#include "bvse/barriers.hpp"
#include "bvse/grid.hpp"
#include "bvse/pathway.hpp"
#include "crystal_bindings.hpp"
#include "periodic/lattice.hpp"

inline bvse::Dims dims_of(const Integers& dims) { return {{dims.data()[0], dims.data()[1], dims.data()[2]}}; }

// Whether the cell has a volume; its reduced rows (3, 3) and the integers that make them of the given ones (3, 3).
inline nb::object reduced_cell(Doubles lattice) {
  periodic::Lattice reduced{};
  const bool sound = periodic::reduce_lattice(lattice.data(), reduced);
  std::vector<double> rows(9);
  std::vector<std::int64_t> to(9);
  for (int k = 0; k < 9; ++k) rows[k] = reduced.rows[k / 3][k % 3], to[k] = reduced.to[k / 3][k % 3];
  return nb::make_tuple(sound, array(std::move(rows), 3), array(std::move(to), 3));
}

// Energies of the grid, flat, the last index fastest. Kinds: (n, 5) as in bvse::Kind.
inline nb::object bvse_grid(Doubles lattice, Doubles positions, Integers kinds, Doubles weights, Doubles table,
                            Integers dims, double cutoff) {
  std::vector<double> energies;
  {
    nb::gil_scoped_release unlocked;
    std::vector<bvse::Kind> of_kind;
    for (std::size_t k = 0; k < table.size() / 5; ++k) {
      const double* row = table.data() + 5 * k;
      of_kind.push_back({row[0], row[1], row[2], row[3], row[4]});
    }
    energies = bvse::energy_grid(lattice.data(), {positions.data(), kinds.data(), weights.data(), weights.size()},
                                 of_kind, dims_of(dims), cutoff);
  }
  return array(std::move(energies));
}

// Levels (3) and the lowest energies of what runs on at them (3), the least energy; of the pathway, if it is asked for,
// the energies and first levels of its passes, offsets of the ways over them, and their points (n, 3) in grid steps.
inline nb::object bvse_barriers(Doubles energies, Integers dims, bool with_pathway) {
  bvse::Barriers found{};
  bvse::Pathway path;
  {
    nb::gil_scoped_release unlocked;
    const std::vector<double> grid(energies.data(), energies.data() + energies.size());
    const bvse::Order order(grid);
    found = bvse::barriers(grid, order, dims_of(dims));
    if (with_pathway) path = bvse::pathway(grid, order, dims_of(dims), found.level);
  }
  return nb::make_tuple(array(std::vector<double>(found.level, found.level + 3)),
                        array(std::vector<double>(found.lowest, found.lowest + 3)), found.minimum,
                        array(std::move(path.energies)), array(std::move(path.levels)), array(std::move(path.offsets)),
                        array(std::move(path.points), 3));
}

inline void bind_bvse(nb::module_& m) {
  m.def("reduced_cell", &reduced_cell, "lattice"_a);
  m.def("bvse_grid", &bvse_grid, "lattice"_a, "positions"_a, "kinds"_a, "weights"_a, "table"_a, "dims"_a, "cutoff"_a);
  m.def("bvse_barriers", &bvse_barriers, "energies"_a, "dims"_a, "with_pathway"_a = false);
}
