// The Python face of the kernels: checks nothing, owns nothing, releases the GIL around the work.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <vector>

#include "bvse_bindings.hpp"
#include "crystal_bindings.hpp"
#include "distances.hpp"
#include "drawn_bindings.hpp"
#include "periodic/barcode.hpp"
#include "periodic/batch.hpp"
#include "periodic/nearest.hpp"
#include "periodic/percolation.hpp"
#include "trees_bindings.hpp"

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
                                    with_simplices,      ring_groups, ring_members, wide,      false};
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
                                    double tolerance, std::uint32_t prime, std::uint64_t seed, bool ready) {
  const periodic::Settings settings{
      {resolution, phase}, max_dim, budget, tolerance, prime, seed, false, 0, 0, false, ready};
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

// Per cloud: status, k mean distances from its centres to their nearest points, Å; status 4 where either are none.
nb::object nearest_means(Doubles lattices, Doubles centres, Integers centre_offsets, Doubles points,
                         Integers point_offsets, bool same, int k) {
  const periodic::Batch from = batch_of(lattices, centres, centre_offsets);
  const periodic::Batch to = batch_of(lattices, points, point_offsets);
  std::vector<std::int32_t> status(from.n_clouds, 4);
  std::vector<double> means(from.n_clouds * static_cast<std::size_t>(k), 0.0);
  {
    nb::gil_scoped_release unlocked;
    periodic::NearestMeans nearest;
    for (std::size_t cloud = 0; cloud < from.n_clouds; ++cloud) {
      if (from.count(cloud) == 0 || to.count(cloud) == 0) continue;
      status[cloud] = static_cast<std::int32_t>(nearest.run(from.lattice(cloud), from.points(cloud), from.count(cloud),
                                                            to.points(cloud), to.count(cloud), same, k,
                                                            means.data() + cloud * static_cast<std::size_t>(k)));
    }
  }
  return nb::make_tuple(array(std::move(status)), array(std::move(means), static_cast<std::size_t>(k)));
}

// Rank of the component that each of n points is in, once edges (first, 0) to (second, shift) join them.
nb::object component_ranks(std::int32_t n, Integers first, Integers second, Integers shifts) {
  std::vector<std::int32_t> ranks(n);
  {
    nb::gil_scoped_release unlocked;
    periodic::Components components;
    components.reset(n);
    for (std::size_t k = 0; k < first.size(); ++k) {
      std::int32_t z[3];
      for (int c = 0; c < 3; ++c) z[c] = static_cast<std::int32_t>(shifts.data()[3 * k + c]);
      components.join(static_cast<std::int32_t>(first.data()[k]), static_cast<std::int32_t>(second.data()[k]), z);
    }
    for (std::int32_t i = 0; i < n; ++i) ranks[i] = components.rank(i);
  }
  return array(std::move(ranks));
}

// Sums of absolute differences (n, m) between rows of left (n, k) and right (m, k).
nb::object city_block(Doubles left, Doubles right) {
  const std::size_t n = left.shape(0), m = right.shape(0);
  std::vector<double> found(n * m);
  {
    nb::gil_scoped_release unlocked;
    distances::city_block(left.data(), n, right.data(), m, left.shape(1), found.data());
  }
  return m ? array(std::move(found), m) : array(std::move(found));
}

NB_MODULE(_kernels, m) {
  // The rules are made once and live as long as Python does: nothing is lost with them at its end.
  nb::set_leak_warnings(false);
  m.doc() =
      "Compiled kernels: neighbours, periodic persistence, percolation, primitive cells, distances, energies, "
      "trees.";
  m.def("periodic_pairs", &periodic_pairs, "lattice"_a, "positions"_a, "cutoff"_a);
  bind_crystal(m);
  bind_bvse(m);
  bind_trees(m);
  bind_drawn(m);
  m.def("component_ranks", &component_ranks, "n"_a, "first"_a, "second"_a, "shifts"_a);
  m.def("city_block", &city_block, "left"_a, "right"_a);
  m.def("barcodes", &barcodes, "lattices"_a, "positions"_a, "offsets"_a, "r_max"_a, nb::kw_only(), "resolution"_a,
        "phase"_a, "max_dim"_a, "threads"_a, "budget"_a, "tolerance"_a, "prime"_a, "seed"_a, "with_simplices"_a,
        "ring_groups"_a, "ring_members"_a, "wide"_a = false);
  m.def("barcodes_and_percolation", &barcodes_and_percolation, "lattices"_a, "positions"_a, "offsets"_a, "r_max"_a,
        nb::kw_only(), "resolution"_a, "phase"_a, "max_dim"_a, "threads"_a, "budget"_a, "tolerance"_a, "prime"_a,
        "seed"_a, "ready"_a = false);
  m.def("percolation", &percolation, "lattices"_a, "positions"_a, "offsets"_a, "r_max"_a, nb::kw_only(), "resolution"_a,
        "phase"_a, "threads"_a, "tolerance"_a);
  m.def("nearest_means", &nearest_means, "lattices"_a, "centres"_a, "centre_offsets"_a, "points"_a, "point_offsets"_a,
        "same"_a, "k"_a);
  m.def("primitive_cells", &primitive_cells, "lattices"_a, "positions"_a, "offsets"_a, nb::kw_only(), "tolerance"_a,
        "threads"_a);
}
