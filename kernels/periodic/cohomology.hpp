// Persistent cohomology with generic twisted coefficients: clearing, apparent pairs, emergent pairs, implicit columns.
// Source: Bauer, Ripser (J. Appl. Comput. Topol. 5, 391, 2021) for the method on finite complexes; orbits: ours.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "column.hpp"
#include "complex.hpp"
#include "pivot_map.hpp"

namespace periodic {

struct Bar {
  std::int32_t dim, birth, death;  // ticks, death kNever if alive at the largest radius
  Key birth_key, death_key;        // H0: birth_key is a site
};

// The reduction matrix: of every column, the simplices whose coboundaries were added to its own.
class Cochains {
 public:
  struct Term {
    Order simplex;
    std::uint32_t coef;
  };
  std::vector<Order> columns;      // descending
  std::vector<std::size_t> start;  // (n + 1) into terms
  std::vector<Term> terms;

  // Calls f(simplex, coefficient) for the terms of the cocycle of a bar that is born with `birth`: they come no
  // earlier, and the cocycle vanishes on the boundaries of all simplices before the one that ends the bar.
  template <class F>
  void for_each_term(Order birth, F&& f) const {
    const auto at = std::lower_bound(columns.begin(), columns.end(), birth, [](Order a, Order b) { return b < a; });
    f(birth, 1u);
    for (std::size_t k = start[at - columns.begin()]; k < start[at - columns.begin() + 1]; ++k)
      f(terms[k].simplex, terms[k].coef);
  }

  // Sums the terms of equal simplices from place `begin` on.
  void gather(const Field& field, std::size_t begin) {
    if (terms.size() < begin + 2) return;
    std::sort(terms.begin() + begin, terms.end(), [](const Term& a, const Term& b) { return a.simplex < b.simplex; });
    std::size_t end = begin;
    for (std::size_t k = begin; k < terms.size();) {
      Term sum = terms[k++];
      for (; k < terms.size() && terms[k].simplex == sum.simplex; ++k) sum.coef = field.add(sum.coef, terms[k].coef);
      if (sum.coef) terms[end++] = sum;
    }
    terms.resize(end);
  }
};

// Reduces the coboundary matrix from K-simplices to (K+1)-simplices.
//
// The working column is a sum of coboundaries of which only the terms of ranks up to a bound are kept, first those of
// the column's own rank. Most columns end there. When no term is left the bound rises and the same coboundaries give
// their next terms: the terms that are never looked at, most of them, are never formed. Nor are those up to the term
// that is being cancelled: they sum to zero.
template <int K, class Rank>
class Reduction {
 public:
  Cochains cochains;  // its columns are set before: the K-simplices that kill nothing, in descending order
  PivotMap pivots;    // killing (K+1)-simplex -> column, apparent pairs left out

  // Appends bars of non-zero length. `partners`: see Complex::apparent_facet.
  void run(const Complex<Rank>& complex, const NeighbourTable& table, const Field& field,
           const std::vector<Order>& partners, std::vector<Bar>& bars) {
    const std::vector<Order>& columns = cochains.columns;
    partners_ = &partners;
    last_ = static_cast<Rank>(table.tick_of.empty() ? 0 : table.tick_of.size() - 1);
    pivots.reset(columns.size());
    cochains.start.assign(1, 0);
    cochains.terms.clear();
    pivot_coef_.clear();
    inverse_.clear();
    for (std::uint32_t c = 0; c < columns.size(); ++c) {
      const std::int32_t birth = table.tick_of[complex.rank_of(columns[c])];
      Order pivot;
      if (!reduce(complex, field, c, pivot)) {
        bars.push_back({K, birth, kNever, complex.key_of(columns[c]), 0});
      } else if (complex.rank_of(pivot) != complex.rank_of(columns[c])) {
        bars.push_back(
            {K, birth, table.tick_of[complex.rank_of(pivot)], complex.key_of(columns[c]), complex.key_of(pivot)});
      }
      cochains.start.push_back(cochains.terms.size());
    }
  }

 private:
  using Facet = typename Complex<Rank>::Facet;

  bool reduce(const Complex<Rank>& complex, const Field& field, std::uint32_t c, Order& pivot) {
    const Order simplex = cochains.columns[c];
    Facet facet;
    pivot_coef_.push_back(0);
    inverse_.push_back(0);  // computed when the column is first added to another
    if (complex.template smallest_equal_coface<K>(simplex, pivot) && pivots.find(pivot) < 0 &&
        !complex.template apparent_facet<K + 1>(pivot, *partners_, facet)) {
      pivots.insert(pivot, c);
      return true;
    }
    const std::size_t begin = cochains.terms.size();
    column_.clear();
    spent_ = 0;
    bound_ = complex.rank_of(simplex);
    Rank step = last_ / 64 + 1;
    push_cofaces(complex, field, simplex, 1);
    for (;;) {
      const std::uint32_t value = column_.pop(field, pivot);
      if (value == 0) {
        cochains.gather(field, begin);
        if (bound_ >= last_) return false;
        raise_bound(complex, field, c, begin, step);
        continue;
      }
      spent_ = pivot;
      const std::int64_t earlier = pivots.find(pivot);
      if (earlier >= 0) {
        add_column(complex, field, static_cast<std::uint32_t>(earlier), value, pivot);
      } else if (complex.template apparent_facet<K + 1>(pivot, *partners_, facet)) {
        add(complex, field, facet.simplex, field.negative(field.multiply(value, facet.inverse)));
      } else {
        pivots.insert(pivot, c);
        pivot_coef_[c] = value;
        cochains.gather(field, begin);
        return true;
      }
    }
  }

  void raise_bound(const Complex<Rank>& complex, const Field& field, std::uint32_t c, std::size_t begin, Rank& step) {
    spent_ = complex.order(bound_ + 1u, 0) - 1;
    bound_ = last_ - bound_ > step ? bound_ + step : last_;
    step = last_ - step > step ? 2 * step : last_;
    push_cofaces(complex, field, cochains.columns[c], 1);
    for (std::size_t k = begin; k < cochains.terms.size(); ++k)
      push_cofaces(complex, field, cochains.terms[k].simplex, cochains.terms[k].coef);
  }

  void push_cofaces(const Complex<Rank>& complex, const Field& field, Order simplex, std::uint32_t factor) {
    complex.template for_each_coface<K>(simplex, spent_, bound_, [&](Order coface, std::uint32_t coef) {
      column_.push(coface, field.multiply(factor, coef));
    });
  }

  void add(const Complex<Rank>& complex, const Field& field, Order simplex, std::uint32_t factor) {
    cochains.terms.push_back({simplex, factor});
    push_cofaces(complex, field, simplex, factor);
  }

  void add_column(const Complex<Rank>& complex, const Field& field, std::uint32_t c, std::uint32_t value, Order pivot) {
    const Order simplex = cochains.columns[c];
    if (inverse_[c] == 0) {
      if (pivot_coef_[c] == 0)  // an emergent column: its pivot's coefficient in its own coboundary
        complex.template for_each_coface<K>(simplex, pivot - 1, complex.rank_of(pivot),
                                            [&](Order coface, std::uint32_t coef) {
                                              if (coface == pivot) pivot_coef_[c] = field.add(pivot_coef_[c], coef);
                                            });
      inverse_[c] = field.inverse(pivot_coef_[c]);
    }
    const std::uint32_t factor = field.negative(field.multiply(value, inverse_[c]));
    add(complex, field, simplex, factor);
    for (std::size_t k = cochains.start[c]; k < cochains.start[c + 1]; ++k) {
      const Cochains::Term term = cochains.terms[k];
      add(complex, field, term.simplex, field.multiply(term.coef, factor));
    }
  }

  const std::vector<Order>* partners_ = nullptr;
  Rank last_ = 0, bound_ = 0;  // largest rank of the complex; of the terms in the column
  Order spent_ = 0;            // terms up to here are known to sum to zero
  std::vector<std::uint32_t> pivot_coef_, inverse_;
  Column column_;
};

}  // namespace periodic
