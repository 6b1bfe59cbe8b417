// The Python face of the kernels: checks nothing, owns nothing, releases the GIL around the work.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <vector>

#include "crystal/channels.hpp"
#include "crystal/contacts.hpp"
#include "crystal/decimals.hpp"
#include "crystal/images.hpp"
#include "periodic/barcode.hpp"
#include "periodic/batch.hpp"
#include "periodic/percolation.hpp"

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

// Status (0; 1 a cell without volume; 2 a position that is no number), and columns i, j, shift, distance.
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
      periodic::for_each_pair<2>(reduced, points, cutoff,
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
  const int status = !cell_ok ? 1 : !points_ok ? 2 : 0;
  return nb::make_tuple(status, array(std::move(first)), array(std::move(second)), array(std::move(shifts), 3),
                        array(std::move(distances)));
}

periodic::Batch batch_of(const Doubles& lattices, const Doubles& positions, const Integers& offsets) {
  return {lattices.data(), positions.data(), offsets.data(), offsets.size() - 1};
}

// Bars of a batch, flat.
struct FlatBars {
  std::vector<std::int32_t> status, points, cuts, births, deaths, ring_sizes;
  std::vector<std::int64_t> bar_offsets{0}, vertices, rings;
  std::vector<std::int8_t> dims;

  void append(const periodic::CloudResult& result) {
    status.push_back(static_cast<std::int32_t>(result.status));
    points.push_back(result.n_points);
    cuts.push_back(result.tick_cut);
    for (const periodic::Bar& bar : result.bars) {
      dims.push_back(static_cast<std::int8_t>(bar.dim));
      births.push_back(bar.birth);
      deaths.push_back(bar.death);
    }
    bar_offsets.push_back(static_cast<std::int64_t>(dims.size()));
    vertices.insert(vertices.end(), result.vertices.begin(), result.vertices.end());
    ring_sizes.insert(ring_sizes.end(), result.ring_sizes.begin(), result.ring_sizes.end());
    rings.insert(rings.end(), result.rings.begin(), result.rings.end());
  }
};

// Events of a batch, flat.
struct FlatRanks {
  std::vector<std::int32_t> status, points, ticks;
  std::vector<std::int64_t> event_offsets{0}, counts;

  void append(const periodic::PercolationResult& result) {
    status.push_back(static_cast<std::int32_t>(result.status));
    points.push_back(result.n_points);
    ticks.insert(ticks.end(), result.ticks.begin(), result.ticks.end());
    counts.insert(counts.end(), result.counts.begin(), result.counts.end());
    event_offsets.push_back(static_cast<std::int64_t>(ticks.size()));
  }
};

// Per cloud: status, points, last complete tick. Bars: offsets, dim, birth, death (ticks). Vertices: offsets, (n, 4).
// Rings: corners of each H1 bar's, (n, 4).
nb::object barcodes(Doubles lattices, Doubles positions, Integers offsets, Doubles r_max, double resolution,
                    double phase, int max_dim, int threads, std::int64_t budget, double tolerance, std::uint32_t prime,
                    std::uint64_t seed, bool with_simplices, std::int32_t ring_groups, std::int32_t ring_members,
                    bool wide) {
  const periodic::Settings settings{{resolution, phase}, max_dim,     budget,       tolerance, prime, seed,
                                    with_simplices,      ring_groups, ring_members, wide};
  const periodic::Batch batch = batch_of(lattices, positions, offsets);
  FlatBars flat;
  {
    nb::gil_scoped_release unlocked;
    std::vector<periodic::CloudResult> results(batch.n_clouds);
    periodic::for_each_cloud<periodic::BarcodeEngine>(
        batch, threads, [&](periodic::BarcodeEngine& engine, std::size_t k) {
          engine.run(batch.lattice(k), batch.points(k), batch.count(k), r_max.data()[k], settings, results[k]);
        });
    for (const periodic::CloudResult& result : results) flat.append(result);
  }
  return nb::make_tuple(array(std::move(flat.status)), array(std::move(flat.points)), array(std::move(flat.cuts)),
                        array(std::move(flat.bar_offsets)), array(std::move(flat.dims)), array(std::move(flat.births)),
                        array(std::move(flat.deaths)), array(std::move(flat.vertices), 4),
                        array(std::move(flat.ring_sizes)), array(std::move(flat.rings), 4));
}

// Per cloud: status, points. Events: offsets, ticks, counts (n, 4).
nb::object percolation(Doubles lattices, Doubles positions, Integers offsets, Doubles r_max, double resolution,
                       double phase, int threads, double tolerance) {
  const periodic::PercolationSettings settings{{resolution, phase}, tolerance};
  const periodic::Batch batch = batch_of(lattices, positions, offsets);
  FlatRanks flat;
  {
    nb::gil_scoped_release unlocked;
    std::vector<periodic::PercolationResult> results(batch.n_clouds);
    periodic::for_each_cloud<periodic::PercolationEngine>(
        batch, threads, [&](periodic::PercolationEngine& engine, std::size_t k) {
          engine.run(batch.lattice(k), batch.points(k), batch.count(k), r_max.data()[k], settings, results[k]);
        });
    for (const periodic::PercolationResult& result : results) flat.append(result);
  }
  return nb::make_tuple(array(std::move(flat.status)), array(std::move(flat.points)),
                        array(std::move(flat.event_offsets)), array(std::move(flat.ticks)),
                        array(std::move(flat.counts), 4));
}

// Both in one pass over the neighbours of each cloud. Per cloud: status, points, last complete tick. Bars: offsets,
// dim, birth, death (ticks). Events: offsets, ticks, counts (n, 4).
nb::object barcodes_and_percolation(Doubles lattices, Doubles positions, Integers offsets, Doubles r_max,
                                    double resolution, double phase, int max_dim, int threads, std::int64_t budget,
                                    double tolerance, std::uint32_t prime, std::uint64_t seed) {
  const periodic::Settings settings{{resolution, phase}, max_dim, budget, tolerance, prime, seed, false, 0, 0, false};
  const periodic::Batch batch = batch_of(lattices, positions, offsets);
  FlatBars bars;
  FlatRanks ranks;
  {
    nb::gil_scoped_release unlocked;
    std::vector<periodic::CloudResult> results(batch.n_clouds);
    std::vector<periodic::PercolationResult> of_components(batch.n_clouds);
    periodic::for_each_cloud<periodic::BarcodeEngine>(
        batch, threads, [&](periodic::BarcodeEngine& engine, std::size_t k) {
          engine.run(batch.lattice(k), batch.points(k), batch.count(k), r_max.data()[k], settings, results[k],
                     &of_components[k]);
        });
    for (const periodic::CloudResult& result : results) bars.append(result);
    for (const periodic::PercolationResult& result : of_components) ranks.append(result);
  }
  return nb::make_tuple(array(std::move(bars.status)), array(std::move(bars.points)), array(std::move(bars.cuts)),
                        array(std::move(bars.bar_offsets)), array(std::move(bars.dims)), array(std::move(bars.births)),
                        array(std::move(bars.deaths)), array(std::move(ranks.event_offsets)),
                        array(std::move(ranks.ticks)), array(std::move(ranks.counts), 4));
}

// Per cloud: status, cell vectors (n, 9). Points: offsets, indices into the given cloud, fractional positions (n, 3).
nb::object primitive_cells(Doubles lattices, Doubles positions, Integers offsets, double tolerance, int threads) {
  const periodic::Batch batch = batch_of(lattices, positions, offsets);
  std::vector<std::int32_t> status(batch.n_clouds);
  std::vector<double> cells, fractional;
  std::vector<std::int64_t> point_offsets{0}, kept;
  {
    nb::gil_scoped_release unlocked;
    struct Slot {
      double rows[9] = {};
      std::vector<std::int32_t> kept;
      std::vector<double> positions;
    };
    std::vector<Slot> results(batch.n_clouds);
    periodic::for_each_cloud<periodic::Cell>(batch, threads, [&](periodic::Cell& cell, std::size_t k) {
      const periodic::Status outcome =
          periodic::prepare_cell(batch.lattice(k), batch.points(k), batch.count(k), tolerance, cell);
      status[k] = static_cast<std::int32_t>(outcome);
      if (outcome != periodic::Status::kGood) return;
      for (int c = 0; c < 9; ++c) results[k].rows[c] = cell.lattice.rows[c / 3][c % 3];
      results[k].kept = cell.primitive.kept;
      results[k].positions = cell.points.fractional;
    });
    for (const Slot& slot : results) {
      cells.insert(cells.end(), slot.rows, slot.rows + 9);
      kept.insert(kept.end(), slot.kept.begin(), slot.kept.end());
      fractional.insert(fractional.end(), slot.positions.begin(), slot.positions.end());
      point_offsets.push_back(static_cast<std::int64_t>(kept.size()));
    }
  }
  return nb::make_tuple(array(std::move(status)), array(std::move(cells), 9), array(std::move(point_offsets)),
                        array(std::move(kept)), array(std::move(fractional), 3));
}

// Status as above. Of all channels, flat: offsets of points, positions (n, 3), occupancies; offsets of atoms, the point
// of each atom and the cell (n, 3) in which it lies beside that.
nb::object channel_points(Doubles lattice, Doubles positions, Doubles occupancies, Integers sites, Booleans masks,
                          std::vector<double> tolerances, double most_shared, double tie, double noise) {
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
nb::object crowded_pairs(Doubles lattice, Doubles positions, Doubles radii, Doubles occupancies,
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
nb::object held_occupancies(Doubles lattice, Doubles positions, Doubles occupancies, Booleans atoms, Booleans partners,
                            double low, double high) {
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
nb::object image_shifts(Doubles lattice, Doubles rotations, Doubles translations, Doubles positions) {
  const std::size_t k = translations.size() / 3, m = positions.size() / 3;
  std::vector<double> shift, squared;
  {
    nb::gil_scoped_release unlocked;
    crystal::shifts_of({rotations.data(), translations.data(), k}, positions.data(), m, lattice.data(), shift, squared);
  }
  return nb::make_tuple(array(std::move(shift), 3), array(std::move(squared), k));
}

// Sites, positions (n, 3) in [0, 1], row of the atom and site of each, images of each atom.
nb::object expanded(Doubles rotations, Doubles translations, Doubles positions, double part, double offset) {
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
nb::object plain_coordinates(nb::list x, nb::list y, nb::list z, double most) {
  const nb::list* axes[3] = {&x, &y, &z};
  const std::size_t n = x.size();
  if (y.size() != n || z.size() != n) return nb::none();
  std::vector<double> values(3 * n);
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t k = 0; k < n; ++k) {
      Py_ssize_t length = 0;
      const char* text = PyUnicode_AsUTF8AndSize((*axes[c])[k].ptr(), &length);
      if (text == nullptr) throw nb::python_error();
      double& value = values[3 * k + c];
      if (!crystal::plain_decimal(text, static_cast<std::size_t>(length), value)) return nb::none();
      if (!(value < most && -value < most)) return nb::none();
    }
  return array(std::move(values), 3);
}

double metric_misfit(Doubles lattice, Doubles rotations) {
  return crystal::metric_misfit(lattice.data(), rotations.data(), rotations.size() / 9);
}

NB_MODULE(_kernels, m) {
  m.doc() = "Compiled kernels: neighbours, periodic persistence, percolation, primitive cells.";
  m.def("periodic_pairs", &periodic_pairs, "lattice"_a, "positions"_a, "cutoff"_a);
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
  m.def("barcodes", &barcodes, "lattices"_a, "positions"_a, "offsets"_a, "r_max"_a, nb::kw_only(), "resolution"_a,
        "phase"_a, "max_dim"_a, "threads"_a, "budget"_a, "tolerance"_a, "prime"_a, "seed"_a, "with_simplices"_a,
        "ring_groups"_a, "ring_members"_a, "wide"_a = false);
  m.def("barcodes_and_percolation", &barcodes_and_percolation, "lattices"_a, "positions"_a, "offsets"_a, "r_max"_a,
        nb::kw_only(), "resolution"_a, "phase"_a, "max_dim"_a, "threads"_a, "budget"_a, "tolerance"_a, "prime"_a,
        "seed"_a);
  m.def("percolation", &percolation, "lattices"_a, "positions"_a, "offsets"_a, "r_max"_a, nb::kw_only(), "resolution"_a,
        "phase"_a, "threads"_a, "tolerance"_a);
  m.def("primitive_cells", &primitive_cells, "lattices"_a, "positions"_a, "offsets"_a, nb::kw_only(), "tolerance"_a,
        "threads"_a);
}
