// The Python face of what lies between CIF text and clouds; arrays for all faces.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "crystal/cells.hpp"
#include "crystal/clouds.hpp"
#include "crystal/decimals.hpp"

namespace nb = nanobind;
using Doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Integers = nb::ndarray<const std::int64_t, nb::c_contig, nb::device::cpu>;
using Booleans = nb::ndarray<const bool, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<const std::uint8_t, nb::c_contig, nb::device::cpu>;
using SmallIntegers = nb::ndarray<const std::int8_t, nb::c_contig, nb::device::cpu>;
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
    status = crystal::channel_points(atoms, reinterpret_cast<const char*>(masks.data()), tolerances,
                                     {most_shared, tie, noise}, found);
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
    status = crystal::held(lattice.data(), positions.data(), occupancies.data(), occupancies.size(),
                           reinterpret_cast<const char*>(atoms.data()), reinterpret_cast<const char*>(partners.data()),
                           low, high, sums);
  }
  return nb::make_tuple(status, array(std::move(sums)));
}

// Whether an atom was put onto an element by decree or stays beside one; sites, positions (n, 3) in [0, 1], row of the
// atom and site of each, images of each atom.
inline nb::object expanded(Doubles lattice, Doubles rotations, Doubles translations, Doubles positions,
                           Doubles occupancies, Doubles multiplicities, SmallIntegers decimals,
                           SmallIntegers significant, int reading, const crystal::SiteRules& rules) {
  crystal::Cell cell;
  bool moved = false;
  {
    nb::gil_scoped_release unlocked;
    const crystal::Unit unit{lattice.data(),     positions.data(),
                             occupancies.data(), multiplicities.data(),
                             decimals.data(),    significant.data(),
                             occupancies.size(), {rotations.data(), translations.data(), translations.size() / 3}};
    std::vector<double> snapped;
    moved = crystal::Snapper(rules).run(unit, static_cast<crystal::Reading>(reading), snapped);
    crystal::Expander().run(unit.operations, snapped.data(), unit.m, rules.part, rules.offset, cell);
  }
  return nb::make_tuple(moved, cell.n_sites, array(std::move(cell.positions), 3), array(std::move(cell.atom)),
                        array(std::move(cell.site)), array(std::move(cell.images)));
}

// Units of a batch, flat: `offsets` of their rows; of each the first of its operations and how many they are. Returns
// of each: doubts, whether an atom was moved, offsets of its atoms, sites; of each atom: position, occupancy, row,
// site.
inline nb::object cells(Doubles lattices, Integers offsets, Doubles positions, Integers numbers, Doubles occupancies,
                        Doubles multiplicities, SmallIntegers decimals, SmallIntegers significant, Doubles rotations,
                        Doubles translations, Integers first_operation, Integers n_operations, Doubles radii,
                        const crystal::CellRules& rules) {
  crystal::Cells found;
  {
    nb::gil_scoped_release unlocked;
    crystal::CellMaker maker(rules, radii.data());
    for (std::size_t k = 0; k + 1 < offsets.size(); ++k) {
      const std::int64_t begin = offsets.data()[k], operation = first_operation.data()[k];
      const crystal::Operations operations{rotations.data() + 9 * operation, translations.data() + 3 * operation,
                                           static_cast<std::size_t>(n_operations.data()[k])};
      const crystal::Unit unit{lattices.data() + 9 * k,
                               positions.data() + 3 * begin,
                               occupancies.data() + begin,
                               multiplicities.data() + begin,
                               decimals.data() + 3 * begin,
                               significant.data() + 3 * begin,
                               static_cast<std::size_t>(offsets.data()[k + 1] - begin),
                               operations};
      maker.append(unit, numbers.data() + begin, begin, found);
    }
  }
  return nb::make_tuple(array(std::move(found.doubts)), array(std::move(found.moved)), array(std::move(found.offsets)),
                        array(std::move(found.n_sites)), array(std::move(found.positions), 3),
                        array(std::move(found.occupancies)), array(std::move(found.row)), array(std::move(found.site)));
}

inline crystal::Atoms atoms_of(const Doubles& lattice, const Doubles& positions, const Doubles& occupancies,
                               const Integers& sites, const Bytes& numbers, const Doubles& charges, std::size_t k,
                               std::size_t begin, std::size_t end) {
  return {lattice.data() + 9 * k,
          positions.data() + 3 * begin,
          occupancies.data() + begin,
          sites.data() + begin,
          end - begin,
          numbers.data() + begin,
          charges.data() + begin};
}

// Crystals of a batch, flat. Of each its status (0; 1 a cell without volume; 2 a position that is no number; 3 no
// mobile ion); of each channel: offsets, positions, occupancies of those whose status is 0.
inline nb::object channel_clouds(Doubles lattices, Integers offsets, Doubles positions, Doubles occupancies,
                                 Integers sites, Bytes numbers, Doubles charges, const crystal::ChannelRules& rules) {
  std::vector<std::int32_t> status;
  std::vector<crystal::Clouds> clouds(rules.channels.size());
  {
    nb::gil_scoped_release unlocked;
    crystal::CloudMaker maker(rules);
    for (std::size_t k = 0; k + 1 < offsets.size(); ++k)
      status.push_back(maker.append(
          atoms_of(lattices, positions, occupancies, sites, numbers, charges, k,
                   static_cast<std::size_t>(offsets.data()[k]), static_cast<std::size_t>(offsets.data()[k + 1])),
          clouds));
  }
  nb::list channels;
  for (crystal::Clouds& of : clouds)
    channels.append(nb::make_tuple(array(std::move(of.offsets)), array(std::move(of.positions), 3),
                                   array(std::move(of.occupancies))));
  return nb::make_tuple(array(std::move(status)), channels);
}

// Status as above, and which atoms of one crystal are anions, (n,).
inline nb::object anion_mask(Doubles lattice, Doubles positions, Doubles occupancies, Integers sites, Bytes numbers,
                             Doubles charges, const crystal::AnionRules& rules) {
  std::vector<char> mask;
  int status = 0;
  {
    nb::gil_scoped_release unlocked;
    status = crystal::Anions(rules).run(
        atoms_of(lattice, positions, occupancies, sites, numbers, charges, 0, 0, numbers.size()), mask);
  }
  return nb::make_tuple(status, array(std::move(mask)));
}

// What a text of a list says; false where it is no plain decimal.
inline bool read_decimal(const nb::list& texts, std::size_t k, crystal::Decimal& number) {
  Py_ssize_t length = 0;
  const char* text = PyUnicode_AsUTF8AndSize(PyList_GET_ITEM(texts.ptr(), static_cast<Py_ssize_t>(k)), &length);
  if (text == nullptr) {
    PyErr_Clear();
    return false;
  }
  return crystal::plain_decimal(text, static_cast<std::size_t>(length), number);
}

// (n, 3) numbers from three lists of n texts, their decimals, and these without trailing zeros; None where one is no
// plain decimal below `most`.
inline nb::object plain_coordinates(nb::list x, nb::list y, nb::list z, double most) {
  const nb::list* axes[3] = {&x, &y, &z};
  const std::size_t n = x.size();
  if (y.size() != n || z.size() != n) return nb::none();
  std::vector<double> values(3 * n);
  std::vector<std::int8_t> decimals(3 * n), significant(3 * n);
  crystal::Decimal number;
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t k = 0; k < n; ++k) {
      if (!read_decimal(*axes[c], k, number) || !(number.value < most && -number.value < most)) return nb::none();
      values[3 * k + c] = number.value;
      decimals[3 * k + c] = number.decimals;
      significant[3 * k + c] = number.significant;
    }
  return nb::make_tuple(array(std::move(values), 3), array(std::move(decimals), 3), array(std::move(significant), 3));
}

// Columns of an atom loop whose every row is plain: coordinates and their decimals as above; of `names` what `kinds`
// has for them, (atomic number, charge); occupancies, 1 where none are given or known; multiplicities, NaN where none
// are stated; whether any occupancy is below 1. None where any text is not plain, an occupancy is out of bounds, or a
// name is not among the kinds.
inline nb::object plain_rows(nb::list x, nb::list y, nb::list z, nb::list names, nb::dict kinds, nb::object occupancy,
                             nb::object multiplicity, double most, double least_occupancy, double most_occupancy) {
  const std::size_t n = x.size();
  if (n == 0 || names.size() != n) return nb::none();
  nb::object coordinates = plain_coordinates(x, y, z, most);
  if (coordinates.is_none()) return nb::none();
  std::vector<std::int64_t> numbers(n);
  std::vector<double> charges(n), occupancies(n, 1.0), multiplicities(n, std::nan(""));
  for (std::size_t k = 0; k < n; ++k) {
    PyObject* name = PyList_GET_ITEM(names.ptr(), static_cast<Py_ssize_t>(k));
    PyObject* kind = PyDict_GetItem(kinds.ptr(), name);
    if (kind == nullptr || !PyTuple_Check(kind) || PyTuple_GET_SIZE(kind) != 2) return nb::none();
    numbers[k] = PyLong_AsLong(PyTuple_GET_ITEM(kind, 0));
    charges[k] = PyFloat_AsDouble(PyTuple_GET_ITEM(kind, 1));
  }
  crystal::Decimal number;
  const auto says_nothing = [](const nb::list& texts, std::size_t k) {
    Py_ssize_t length = 0;
    const char* text = PyUnicode_AsUTF8AndSize(PyList_GET_ITEM(texts.ptr(), static_cast<Py_ssize_t>(k)), &length);
    return text != nullptr && length == 1 && (*text == '?' || *text == '.');
  };
  if (!occupancy.is_none()) {
    const nb::list texts = nb::cast<nb::list>(occupancy);
    if (texts.size() != n) return nb::none();
    for (std::size_t k = 0; k < n; ++k) {
      if (says_nothing(texts, k)) continue;
      if (!read_decimal(texts, k, number)) return nb::none();
      if (!(least_occupancy <= number.value && number.value <= most_occupancy)) return nb::none();
      occupancies[k] = number.value;
    }
  }
  if (!multiplicity.is_none()) {
    const nb::list texts = nb::cast<nb::list>(multiplicity);
    if (texts.size() != n) return nb::none();
    for (std::size_t k = 0; k < n; ++k) {
      if (says_nothing(texts, k)) continue;
      if (!read_decimal(texts, k, number)) return nb::none();
      // No group has more operations in a cell; a multiplicity beyond that says nothing.
      if (1.0 <= number.value && number.value <= 192.0 && number.value == std::floor(number.value))
        multiplicities[k] = number.value;
    }
  }
  const bool partial = *std::min_element(occupancies.begin(), occupancies.end()) < 1.0;
  return nb::make_tuple(coordinates, array(std::move(numbers)), array(std::move(charges)),
                        array(std::move(occupancies)), array(std::move(multiplicities)), partial);
}

inline double metric_misfit(Doubles lattice, Doubles rotations) {
  return crystal::metric_misfit(lattice.data(), rotations.data(), rotations.size() / 9);
}

// The rules, with their numbers: made once, in Python, where their reasons stand.
inline void bind_rules(nb::module_& m) {
  using crystal::AnionRules;
  using crystal::CellRules;
  using crystal::ChannelRules;
  using crystal::SiteRules;
  nb::class_<SiteRules>(m, "SiteRules")
      .def(
          "__init__",
          [](SiteRules* self, double exact, double special, double full, double rounding, double occupancy_rounding,
             double most_shared, double part, double offset, std::int64_t few_decimals, std::int64_t most_decimals) {
            new (self) SiteRules{exact,       special, full,   rounding,     occupancy_rounding,
                                 most_shared, part,    offset, few_decimals, most_decimals};
          },
          nb::kw_only(), "exact"_a, "special"_a, "full"_a, "rounding"_a, "occupancy_rounding"_a, "most_shared"_a,
          "part"_a, "offset"_a, "few_decimals"_a, "most_decimals"_a);
  nb::class_<CellRules>(m, "CellRules")
      .def(
          "__init__",
          [](CellRules* self, const SiteRules& sites, double contact_factor, double nearest, double most_shared,
             double most_sites, double most_sites_per_volume) {
            new (self) CellRules{sites, {contact_factor, nearest, most_shared}, most_sites, most_sites_per_volume};
          },
          "sites"_a, nb::kw_only(), "contact_factor"_a, "nearest"_a, "most_shared"_a, "most_sites"_a,
          "most_sites_per_volume"_a);
  nb::class_<AnionRules>(m, "AnionRules")
      .def(
          "__init__",
          [](AnionRules* self, const std::vector<std::uint8_t>& roles, const std::vector<std::int64_t>& ranks,
             const std::vector<double>& bonds, double bonded_occupancy) {
            if (roles.size() > 256 || ranks.size() > 256 || bonds.size() != 6)
              throw nb::value_error("rules of anions have other lengths");
            AnionRules rules;
            std::copy(roles.begin(), roles.end(), rules.roles.begin());
            std::copy(ranks.begin(), ranks.end(), rules.ranks.begin());
            rules.centre = {bonds[0], bonds[1]};
            rules.heavy_centre = {bonds[2], bonds[3]};
            rules.proton = {bonds[4], bonds[5]};
            rules.bonded_occupancy = bonded_occupancy;
            new (self) AnionRules(rules);
          },
          nb::kw_only(), "roles"_a, "ranks"_a, "bonds"_a, "bonded_occupancy"_a);
  nb::class_<ChannelRules>(m, "ChannelRules")
      .def(
          "__init__",
          [](ChannelRules* self, const AnionRules& anions, const std::vector<int>& channels,
             std::vector<double> tolerances, int mobile, double most_shared, double tie, double noise) {
            if (channels.size() != tolerances.size()) throw nb::value_error("each channel needs one tolerance");
            ChannelRules rules{
                {}, std::move(tolerances), static_cast<std::uint8_t>(mobile), anions, {most_shared, tie, noise}};
            for (const int channel : channels) rules.channels.push_back(static_cast<crystal::Sublattice>(channel));
            new (self) ChannelRules(rules);
          },
          "anions"_a, nb::kw_only(), "channels"_a, "tolerances"_a, "mobile"_a, "most_shared"_a, "tie"_a, "noise"_a);
}

inline void bind_crystal(nb::module_& m) {
  bind_rules(m);
  m.def("channel_points", &channel_points, "lattice"_a, "positions"_a, "occupancies"_a, "sites"_a, "masks"_a,
        "tolerances"_a, "most_shared"_a, "tie"_a, "noise"_a);
  m.def("crowded_pairs", &crowded_pairs, "lattice"_a, "positions"_a, "radii"_a, "occupancies"_a, "asked"_a, "factor"_a,
        "least"_a, "most_shared"_a);
  m.def("expanded", &expanded, "lattice"_a, "rotations"_a, "translations"_a, "positions"_a, "occupancies"_a,
        "multiplicities"_a, "decimals"_a, "significant"_a, "reading"_a, "rules"_a);
  m.def("cells", &cells, "lattices"_a, "offsets"_a, "positions"_a, "numbers"_a, "occupancies"_a, "multiplicities"_a,
        "decimals"_a, "significant"_a, "rotations"_a, "translations"_a, "first_operation"_a, "n_operations"_a,
        "radii"_a, "rules"_a);
  m.def("channel_clouds", &channel_clouds, "lattices"_a, "offsets"_a, "positions"_a, "occupancies"_a, "sites"_a,
        "numbers"_a, "charges"_a, "rules"_a);
  m.def("anion_mask", &anion_mask, "lattice"_a, "positions"_a, "occupancies"_a, "sites"_a, "numbers"_a, "charges"_a,
        "rules"_a);
  m.def("plain_coordinates", &plain_coordinates, "x"_a, "y"_a, "z"_a, "most"_a);
  m.def("plain_rows", &plain_rows, "x"_a, "y"_a, "z"_a, "names"_a, "kinds"_a, "occupancy"_a.none(),
        "multiplicity"_a.none(), "most"_a, "least_occupancy"_a, "most_occupancy"_a);
  m.def("metric_misfit", &metric_misfit, "lattice"_a, "rotations"_a);
  m.def("held_occupancies", &held_occupancies, "lattice"_a, "positions"_a, "occupancies"_a, "atoms"_a, "partners"_a,
        "low"_a, "high"_a);
}
