// One cloud made ready: its smallest cell, a reduced basis, points wrapped into it.
#pragma once

#include <cstdint>

#include "primitive.hpp"

namespace periodic {

enum class Status : std::int32_t { kGood = 0, kBadCell = 1, kBadPosition = 2, kCoincident = 3 };

// A cloud made ready: primitive if asked for, reduced basis, wrapped points.
struct Cell {
  Lattice lattice;
  WrappedPoints points;
  std::int32_t n = 0;
  PrimitiveCell primitive;
};

inline Status prepare_cell(const double lattice[9], const double* positions, std::int32_t n, double tolerance,
                           Cell& cell) {
  cell.n = n;
  if (!reduce_lattice(lattice, cell.lattice)) return Status::kBadCell;
  if (!cell.points.assign(cell.lattice, positions, n)) return Status::kBadPosition;
  if (tolerance < 0.0 || !cell.primitive.find(cell.lattice, cell.points, tolerance)) return Status::kGood;
  cell.n = static_cast<std::int32_t>(cell.primitive.kept.size());
  if (!reduce_lattice(cell.primitive.rows, cell.lattice)) return Status::kBadCell;
  return cell.points.assign(cell.lattice, cell.primitive.positions.data(), cell.n) ? Status::kGood
                                                                                   : Status::kBadPosition;
}

}  // namespace periodic
