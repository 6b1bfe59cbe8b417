// The Python face of boosted trees.
#pragma once

#include <cstdint>
#include <vector>

#include "crystal_bindings.hpp"
#include "trees.hpp"

using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;

inline trees::Forest forest_of(const Integers& node_begins, const Integers& leaf_begins, const Integers& nodes,
                               const Doubles& thresholds, const Booleans& missing_left, const Doubles& leaf_values,
                               const Integers& leaf_counts) {
  const std::size_t n_nodes = thresholds.size();
  const std::int64_t* columns = nodes.data();  // feature, left, right, count: (4, n_nodes)
  return {node_begins.data(),  leaf_begins.data(),    node_begins.size() - 1, columns,
          columns + n_nodes,   columns + 2 * n_nodes, columns + 3 * n_nodes,  thresholds.data(),
          missing_left.data(), leaf_values.data(),    leaf_counts.data()};
}

// Predictions (n) of rows (n, k).
inline nb::object tree_sums(Integers node_begins, Integers leaf_begins, Integers nodes, Doubles thresholds,
                            Booleans missing_left, Doubles leaf_values, Integers leaf_counts, Floats rows) {
  const trees::Forest forest =
      forest_of(node_begins, leaf_begins, nodes, thresholds, missing_left, leaf_values, leaf_counts);
  std::vector<double> found(rows.shape(0));
  {
    nb::gil_scoped_release unlocked;
    trees::predict(forest, rows.data(), rows.shape(0), rows.shape(1), found.data());
  }
  return array(std::move(found));
}

// SHAP values and the average (n, k + 1) of rows (n, k).
inline nb::object tree_contributions(Integers node_begins, Integers leaf_begins, Integers nodes, Doubles thresholds,
                                     Booleans missing_left, Doubles leaf_values, Integers leaf_counts, Floats rows) {
  const trees::Forest forest =
      forest_of(node_begins, leaf_begins, nodes, thresholds, missing_left, leaf_values, leaf_counts);
  std::vector<double> found(rows.shape(0) * (rows.shape(1) + 1));
  {
    nb::gil_scoped_release unlocked;
    trees::contributions(forest, rows.data(), rows.shape(0), rows.shape(1), found.data());
  }
  return array(std::move(found), rows.shape(1) + 1);
}

inline void bind_trees(nb::module_& m) {
  m.def("tree_sums", &tree_sums, "node_begins"_a, "leaf_begins"_a, "nodes"_a, "thresholds"_a, "missing_left"_a,
        "leaf_values"_a, "leaf_counts"_a, "rows"_a);
  m.def("tree_contributions", &tree_contributions, "node_begins"_a, "leaf_begins"_a, "nodes"_a, "thresholds"_a,
        "missing_left"_a, "leaf_values"_a, "leaf_counts"_a, "rows"_a);
}
