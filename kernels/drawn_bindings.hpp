// The Python face of the bars that a page draws: nested lists, made without a detour by arrays.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "crystal_bindings.hpp"
#include "periodic/drawn.hpp"
#include "periodic/surface.hpp"

// Makes lists of the atoms of corners, and numbers as Python rounds them.
class DrawnLists {
 public:
  explicit DrawnLists(const periodic::BarView& view)
      : view_(view), round_(nb::module_::import_("builtins").attr("round")) {}

  nb::object rounded(double value, int digits) const { return round_(value, digits); }

  // [corner][atom] = [row of the crystal, cell].
  nb::list atoms(const std::int64_t* corners, std::size_t n) const {
    nb::list found = list(n);
    for (std::size_t k = 0; k < n; ++k) {
      const std::int64_t* corner = corners + 4 * k;
      const std::int64_t begin = view_.atom_begins[corner[0]], end = view_.atom_begins[corner[0] + 1];
      nb::list at_corner = list(end - begin);
      for (std::int64_t a = begin; a < end; ++a) {
        nb::list atom = list(4);
        put(atom, 0, nb::int_(view_.atoms[4 * a]));
        for (int c = 1; c < 4; ++c) put(atom, c, nb::int_(view_.atoms[4 * a + c] + corner[c]));
        put(at_corner, a - begin, atom);
      }
      put(found, k, at_corner);
    }
    return found;
  }

  // The mean of corners, fractional.
  nb::list centre(const std::int64_t* corners, std::size_t n) const {
    nb::list found = list(3);
    for (int c = 0; c < 3; ++c) {
      double sum = -0.0;
      for (std::size_t k = 0; k < n; ++k)
        sum += view_.positions[3 * corners[4 * k] + c] + static_cast<double>(corners[4 * k + 1 + c]);
      put(found, c, rounded(sum / static_cast<double>(n), 5));
    }
    return found;
  }

  nb::list member(const periodic::DrawnBar& drawn) const {
    const auto [corners, n] = periodic::DrawnKinds::born(view_, drawn);
    const std::size_t bar = drawn.bar, dim = static_cast<std::size_t>(view_.dim[bar]);
    const bool ends = view_.ends(bar);
    nb::list found = list(3);
    put(found, 0, atoms(corners, n));
    put(found, 1, ends ? atoms(view_.closing(bar), dim + 2) : list(0));
    put(found, 2, ends ? centre(view_.closing(bar), dim + 2) : centre(opening(drawn).data(), dim + 1));
    return found;
  }

  nb::list kind(const periodic::DrawnKind& kind) const {
    const std::size_t bar = kind.bars.front().bar;
    nb::list members = list(kind.bars.size());
    for (std::size_t k = 0; k < kind.bars.size(); ++k) put(members, k, member(kind.bars[k]));
    nb::dict told;
    told["dim"] = static_cast<int>(view_.dim[bar]);
    told["birth"] = rounded(view_.birth[bar], 4);
    told["death"] = view_.ends(bar) ? rounded(view_.death[bar], 4) : nb::none();
    told["n"] = kind.equal;
    told["members"] = members;
    nb::list found = list(2);
    put(found, 0, told);
    put(found, 1, nb::int_(bar));
    return found;
  }

  static nb::list list(std::size_t n) { return nb::steal<nb::list>(PyList_New(static_cast<Py_ssize_t>(n))); }
  static void put(const nb::list& list, std::size_t place, nb::object value) {
    PyList_SET_ITEM(list.ptr(), static_cast<Py_ssize_t>(place), value.release().ptr());
  }

 private:
  // The edge that closes the ring, from its first corner to its last, or the simplex that opens the bar.
  std::array<std::int64_t, 16> opening(const periodic::DrawnBar& drawn) const {
    const auto [corners, n] = periodic::DrawnKinds::born(view_, drawn);
    std::array<std::int64_t, 16> found{};
    if (drawn.ringed) {
      std::copy(corners, corners + 4, found.begin());
      std::copy(corners + 4 * (n - 1), corners + 4 * n, found.begin() + 4);
    } else {
      std::copy(corners, corners + 4 * n, found.begin());
    }
    return found;
  }

  const periodic::BarView& view_;
  nb::object round_;
};

// Of each dimension from 1 on: [[kind as the page draws it, its first bar], ...], the longest first.
inline nb::object drawn_holes(Doubles birth, Doubles death, SmallIntegers dim, Integers vertices, Integers begins,
                              Integers rings, Integers ring_begins, Doubles positions, Integers atoms,
                              Integers atom_begins, int max_dim, std::size_t groups, std::size_t members,
                              std::size_t max_bars) {
  const periodic::BarView view{birth.size(),     birth.data(),  death.data(),      dim.data(),
                               vertices.data(),  begins.data(), rings.data(),      ring_begins.data(),
                               positions.data(), atoms.data(),  atom_begins.data()};
  const DrawnLists lists(view);
  periodic::DrawnKinds kinds;
  nb::list found;
  for (int d = 1; d <= max_dim; ++d) {
    nb::list of_dim;
    for (const periodic::DrawnKind& kind : kinds.of(view, d, {groups, members, max_bars}))
      of_dim.append(lists.kind(kind));
    found.append(of_dim);
  }
  return found;
}

// Whether the piece is too large, and None where it has no surface; else places of the corners (n), faces (m, 3).
inline nb::object piece_surface(Integers vertices, Integers ticks, std::vector<std::int64_t> own, std::int64_t birth,
                                std::size_t most) {
  periodic::PieceSurface found;
  {
    nb::gil_scoped_release unlocked;
    found = periodic::Piece(vertices.data(), ticks.data(), vertices.shape(0), own.data()).surface(birth, most);
  }
  using Answer = periodic::PieceSurface::Answer;
  if (found.answer != Answer::kFound) return nb::make_tuple(found.answer == Answer::kTooLarge, nb::none());
  return nb::make_tuple(false, nb::make_tuple(array(std::move(found.corners)), array(std::move(found.faces), 3)));
}

inline void bind_drawn(nb::module_& m) {
  m.def("drawn_holes", &drawn_holes, "birth"_a, "death"_a, "dim"_a, "vertices"_a, "begins"_a, "rings"_a,
        "ring_begins"_a, "positions"_a, "atoms"_a, "atom_begins"_a, "max_dim"_a, "groups"_a, "members"_a, "max_bars"_a);
  m.def("piece_surface", &piece_surface, "vertices"_a, "ticks"_a, "own"_a, "birth"_a, "most"_a);
}
