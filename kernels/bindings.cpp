// The Python face of the kernels: checks nothing, owns nothing, releases the GIL around the work.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <vector>

#include "periodic/neighbours.hpp"

namespace nb = nanobind;
using Doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;

template <class T>
nb::object array(std::vector<T>&& values, std::size_t columns = 0) {
  auto* owned = new std::vector<T>(std::move(values));
  nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  if (columns == 0) return nb::cast(nb::ndarray<nb::numpy, T>(owned->data(), {owned->size()}, owner));
  return nb::cast(nb::ndarray<nb::numpy, T>(owned->data(), {owned->size() / columns, columns}, owner));
}

// Columns (i, j, shift, distance), or None for a cell without volume, or False for a position that is no number.
nb::object periodic_pairs(Doubles lattice, Doubles positions, double cutoff) {
  std::vector<std::int64_t> first, second, shifts;
  std::vector<double> distances;
  bool cell_ok = true, points_ok = true;
  {
    nb::gil_scoped_release unlocked;
    periodic::Lattice reduced;
    periodic::WrappedPoints points;
    cell_ok = periodic::reduce_lattice(lattice.data(), reduced);
    points_ok = cell_ok && points.assign(reduced, positions.data(), positions.size() / 3);
    if (points_ok) {
      periodic::for_each_pair(reduced, points, cutoff,
                              [&](std::int32_t i, std::int32_t j, const std::int32_t z[3], double distance) {
                                std::int64_t s[3];
                                periodic::given_shift(reduced, points, i, j, z, s);
                                first.push_back(i);
                                second.push_back(j);
                                shifts.insert(shifts.end(), s, s + 3);
                                distances.push_back(distance);
                              });
    }
  }
  if (!cell_ok) return nb::none();
  if (!points_ok) return nb::bool_(false);
  return nb::make_tuple(array(std::move(first)), array(std::move(second)), array(std::move(shifts), 3),
                        array(std::move(distances)));
}

NB_MODULE(_kernels, m) {
  m.doc() = "Compiled kernels: neighbours, periodic persistence, percolation, primitive cells.";
  m.def("periodic_pairs", &periodic_pairs, nb::arg("lattice"), nb::arg("positions"), nb::arg("cutoff"));
}
