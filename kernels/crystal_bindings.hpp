// The Python face of what lies between CIF text and clouds; arrays for all faces.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "crystal/channels.hpp"
#include "crystal/contacts.hpp"
#include "crystal/decimals.hpp"
#include "crystal/images.hpp"

namespace nb = nanobind;
using Doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Integers = nb::ndarray<const std::int64_t, nb::c_contig, nb::device::cpu>;
using Booleans = nb::ndarray<const bool, nb::c_contig, nb::device::cpu>;
using nb::literals::operator""_a;

template <class T>
nb::object array(std::vector<T>&& values, std::size_t columns = 0) {
  auto* owned = new std::vector<T>(std::move(values));
  nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  if (columns == 0) return nb::cast(nb::ndarray<nb::numpy, T>(owned->data(), {owned->size()}, owner));
  return nb::cast(nb::ndarray<nb::numpy, T>(owned->data(), {owned->size() / columns, columns}, owner));
}

// Status (0; 1 a cell without volume; 2 a position that is no number). Of all channels, flat: offsets of points,
// positions (n, 3), occupancies; offsets of atoms, the point of each atom and the cell (n, 3) in which it lies beside
// that.
inline nb::object channel_points(Doubles lattice, Doubles positions, Doubles occupancies, Integers sites,
                                 Booleans masks, std::vector<double> tolerances, double most_shared, double tie,
                                 double noise) {
  crystal::Channels found;
  int status = 0;
  {
    nb::gil_scoped_release unlocked;
    const crystal::Atoms atoms{lattice.data(), positions.data(), occupancies.data(), sites.data(), sites.size()};
    status = crystal::channel_points(atoms, masks.data(), tolerances, {most_shared, tie, noise}, found);
  }
  return nb::make_tuple(status, std::move(found.point_offsets), array(std::move(found.positions), 3),
                        array(std::move(found.occupancies)), std::move(found.atom_offsets),
                        array(std::move(found.point)), array(std::move(found.cell), 3));
}

// Status, and None where no pair is too close; else columns i, j, shift, distance.
inline nb::object crowded_pairs(Doubles lattice, Doubles positions, Doubles radii, Doubles occupancies,
                                std::vector<std::int64_t> asked, double factor, double least, double most_shared) {
  std::vector<crystal::Pair> pairs;
  const crystal::Sites sites{lattice.data(), positions.data(), radii.data(), occupancies.data(), radii.size()};
  int status = 0;
  {
    nb::gil_scoped_release unlocked;
    status = crystal::crowded(sites, asked, {factor, least, most_shared}, pairs);
  }
  if (pairs.empty()) return nb::make_tuple(status, nb::none());
  std::vector<std::int64_t> first, second, shifts;
  std::vector<double> distances;
  for (const crystal::Pair& pair : pairs) {
    first.push_back(pair.i);
    second.push_back(pair.j);
    shifts.insert(shifts.end(), pair.shift, pair.shift + 3);
    distances.push_back(pair.distance);
  }
  return nb::make_tuple(status, nb::make_tuple(array(std::move(first)), array(std::move(second)),
                                               array(std::move(shifts), 3), array(std::move(distances))));
}

// Status, and of each atom of `atoms` the summed occupancy of `partners` at a distance from `low` to `high`.
inline nb::object held_occupancies(Doubles lattice, Doubles positions, Doubles occupancies, Booleans atoms,
                                   Booleans partners, double low, double high) {
  std::vector<double> sums;
  int status = 0;
  {
    nb::gil_scoped_release unlocked;
    status = crystal::held(lattice.data(), positions.data(), occupancies.data(), occupancies.size(), atoms.data(),
                           partners.data(), low, high, sums);
  }
  return nb::make_tuple(status, array(std::move(sums)));
}

// The way from every atom to its images, (k, m, 3) flat, in cells; the squared length for every atom, (m, k), Å^2.
inline nb::object image_shifts(Doubles lattice, Doubles rotations, Doubles translations, Doubles positions) {
  const std::size_t k = translations.size() / 3, m = positions.size() / 3;
  std::vector<double> shift, squared;
  {
    nb::gil_scoped_release unlocked;
    crystal::shifts_of({rotations.data(), translations.data(), k}, positions.data(), m, lattice.data(), shift, squared);
  }
  return nb::make_tuple(array(std::move(shift), 3), array(std::move(squared), k));
}

// Sites, positions (n, 3) in [0, 1], row of the atom and site of each, images of each atom.
inline nb::object expanded(Doubles rotations, Doubles translations, Doubles positions, double part, double offset) {
  crystal::Cell cell;
  {
    nb::gil_scoped_release unlocked;
    crystal::expand({rotations.data(), translations.data(), translations.size() / 3}, positions.data(),
                    positions.size() / 3, part, offset, cell);
  }
  return nb::make_tuple(cell.n_sites, array(std::move(cell.positions), 3), array(std::move(cell.atom)),
                        array(std::move(cell.site)), array(std::move(cell.images)));
}

// (n, 3) numbers from three lists of n texts; None where one is no plain decimal below `most`.
inline nb::object plain_coordinates(nb::list x, nb::list y, nb::list z, double most) {
  const nb::list* axes[3] = {&x, &y, &z};
  const std::size_t n = x.size();
  if (y.size() != n || z.size() != n) return nb::none();
  std::vector<double> values(3 * n);
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t k = 0; k < n; ++k) {
      Py_ssize_t length = 0;
      const char* text = PyUnicode_AsUTF8AndSize((*axes[c])[k].ptr(), &length);
      if (text == nullptr) {
        PyErr_Clear();
        return nb::none();
      }
      double& value = values[3 * k + c];
      if (!crystal::plain_decimal(text, static_cast<std::size_t>(length), value)) return nb::none();
      if (!(value < most && -value < most)) return nb::none();
    }
  return array(std::move(values), 3);
}

inline double metric_misfit(Doubles lattice, Doubles rotations) {
  return crystal::metric_misfit(lattice.data(), rotations.data(), rotations.size() / 9);
}

inline void bind_crystal(nb::module_& m) {
  m.def("channel_points", &channel_points, "lattice"_a, "positions"_a, "occupancies"_a, "sites"_a, "masks"_a,
        "tolerances"_a, "most_shared"_a, "tie"_a, "noise"_a);
  m.def("crowded_pairs", &crowded_pairs, "lattice"_a, "positions"_a, "radii"_a, "occupancies"_a, "asked"_a, "factor"_a,
        "least"_a, "most_shared"_a);
  m.def("image_shifts", &image_shifts, "lattice"_a, "rotations"_a, "translations"_a, "positions"_a);
  m.def("expanded", &expanded, "rotations"_a, "translations"_a, "positions"_a, "part"_a, "offset"_a);
  m.def("plain_coordinates", &plain_coordinates, "x"_a, "y"_a, "z"_a, "most"_a);
  m.def("metric_misfit", &metric_misfit, "lattice"_a, "rotations"_a);
  m.def("held_occupancies", &held_occupancies, "lattice"_a, "positions"_a, "occupancies"_a, "atoms"_a, "partners"_a,
        "low"_a, "high"_a);
}
