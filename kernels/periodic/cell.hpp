// One cloud made ready: its smallest cell, a reduced basis, points wrapped into it.
#pragma once

#include <cmath>
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

// A cell that prepare_cell has given elsewhere: its reduced rows and wrapped points, taken as they are.
inline Status load_cell(const double rows[9], const double* fractional, std::int32_t n, Cell& cell) {
  Lattice& lattice = cell.lattice;
  for (int r = 0; r < 3; ++r)
    for (int c = 0; c < 3; ++c) {
      lattice.rows[r][c] = rows[3 * r + c];
      lattice.to[r][c] = lattice.back[r][c] = r == c;
    }
  lattice.forward = gram_schmidt(lattice.rows[0], lattice.rows[1], lattice.rows[2]);
  lattice.backward = gram_schmidt(lattice.rows[2], lattice.rows[1], lattice.rows[0]);
  lattice.volume = std::fabs(determinant(lattice.rows));
  cell.n = n;
  cell.points.fractional.assign(fractional, fractional + 3 * static_cast<std::size_t>(n));
  cell.points.moved.assign(3 * static_cast<std::size_t>(n), 0);
  return lattice.volume > 0.0 ? Status::kGood : Status::kBadCell;
}

}  // namespace periodic
