// Persistent cohomology with generic twisted coefficients: clearing, apparent pairs, emergent pairs, implicit columns.
// Source: Bauer, Ripser (J. Appl. Comput. Topol. 5, 391, 2021) for the method on finite complexes; orbits: ours.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "complex.hpp"

namespace periodic {

// Open addressing from keys to column numbers. Cleared in the time of its size, which follows the columns.
class PivotMap {
 public:
  void reset(std::size_t expected) {
    std::size_t size = 16;
    while (size < 2 * expected + 2) size *= 2;
    mask_ = size - 1;
    slots_.assign(size, Slot{kEmpty, 0});
    used_ = 0;
  }
  std::int64_t find(Key key) const {
    for (std::size_t at = hash(key);; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return slots_[at].value;
      if (slots_[at].key == kEmpty) return -1;
    }
  }
  void insert(Key key, std::uint32_t value) {
    if (2 * ++used_ > mask_) grow();
    place(key, value);
  }

 private:
  struct Slot {
    Key key;
    std::uint32_t value;
  };
  static constexpr Key kEmpty = ~Key{0};
  std::size_t hash(Key key) const { return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15u) >> 20) & mask_; }
  void place(Key key, std::uint32_t value) {
    std::size_t at = hash(key);
    while (slots_[at].key != kEmpty) at = (at + 1) & mask_;
    slots_[at] = {key, value};
  }
  void grow() {
    std::vector<Slot> old;
    old.swap(slots_);
    slots_.assign(2 * old.size(), Slot{kEmpty, 0});
    mask_ = slots_.size() - 1;
    for (const Slot& slot : old)
      if (slot.key != kEmpty) place(slot.key, slot.value);
  }
  std::vector<Slot> slots_;
  std::size_t mask_ = 0, used_ = 0;
};

struct Bar {
  std::int32_t dim, birth, death;  // ticks, death kNever if alive at the largest radius
  Key birth_key, death_key;        // H0: birth_key is a site
};

// Reduces the coboundary matrix from K-simplices to (K+1)-simplices.
//
// The working column is a sum of coboundaries of which only the terms up to a tick bound are on the heap, first those
// of the column's own tick. Most columns end there. When the heap runs empty the bound rises and the same coboundaries
// give their next terms: the terms that are never looked at, most of them, are never formed.
template <int K>
class Reduction {
 public:
  // Columns: the K-simplices that kill nothing, in descending order. Appends bars of non-zero length.
  void run(const Complex& complex, const Field& field, const std::vector<Simplex>& columns, std::int32_t last,
           std::vector<Bar>& bars) {
    columns_ = &columns;
    last_ = last;
    pivots.reset(columns.size());
    start_.assign(1, 0);
    used_.clear();
    inverse_.clear();
    for (std::uint32_t c = 0; c < columns.size(); ++c) {
      Simplex pivot;
      if (reduce(complex, field, c, pivot)) {
        if (pivot.tick != columns[c].tick) bars.push_back({K, columns[c].tick, pivot.tick, columns[c].key, pivot.key});
      } else {
        bars.push_back({K, columns[c].tick, kNever, columns[c].key, 0});
      }
      start_.push_back(used_.size());
    }
  }

  // Calls f(simplex, coefficient) for the terms of the cocycle of a bar that is born with `birth`: they come no
  // earlier, and the cocycle vanishes on the boundaries of all (K+1)-simplices before the one that ends the bar.
  template <class F>
  void for_each_term(const Simplex& birth, F&& f) const {
    const auto at = std::lower_bound(columns_->begin(), columns_->end(), birth,
                                     [](const Simplex& a, const Simplex& b) { return b < a; });
    f(birth, 1u);
    for (std::size_t k = start_[at - columns_->begin()]; k < start_[at - columns_->begin() + 1]; ++k)
      f(used_[k].simplex, used_[k].coef);
  }

  PivotMap pivots;  // killing (K+1)-simplex -> column, apparent pairs left out

 private:
  struct Term {  // of the working column
    std::int32_t tick;
    std::uint32_t coef;
    Key key;
  };
  struct Used {  // of the reduction matrix: a K-simplex whose coboundary went into the column
    Simplex simplex;
    std::uint32_t coef;
  };
  struct Later {
    bool operator()(const Term& a, const Term& b) const { return a.tick != b.tick ? a.tick > b.tick : a.key > b.key; }
  };

  bool reduce(const Complex& complex, const Field& field, std::uint32_t c, Simplex& pivot) {
    const Simplex simplex = (*columns_)[c];
    Key coface;
    Simplex partner;
    std::uint32_t coefficient;
    if (complex.smallest_equal_coface<K>(complex.places<K>(simplex.key), simplex.tick, coface) &&
        pivots.find(coface) < 0 && !complex.apparent_facet<K + 1>({simplex.tick, coface}, partner, coefficient)) {
      pivot = {simplex.tick, coface};
      pivots.insert(coface, c);
      inverse_.push_back(0);  // computed when the column is first added to another
      return true;
    }
    const std::size_t begin = used_.size();
    heap_.clear();
    bound_ = simplex.tick;
    std::int32_t step = last_ / 64 + 1;
    push_cofaces(complex, field, simplex, 1, -1);
    for (;;) {
      const std::uint32_t value = pop(field, pivot);
      if (value == 0) {
        if (bound_ >= last_) {
          gather(field, begin);
          inverse_.push_back(0);
          return false;
        }
        gather(field, begin);
        const std::int32_t done = bound_;
        bound_ = last_ - bound_ > step ? bound_ + step : last_;
        step *= 2;
        push_cofaces(complex, field, simplex, 1, done);
        for (std::size_t k = begin; k < used_.size(); ++k)
          push_cofaces(complex, field, used_[k].simplex, used_[k].coef, done);
        continue;
      }
      const std::int64_t earlier = pivots.find(pivot.key);
      if (earlier >= 0) {
        add_column(complex, field, static_cast<std::uint32_t>(earlier), value, pivot.key);
      } else if (complex.apparent_facet<K + 1>(pivot, partner, coefficient)) {
        add(complex, field, partner, field.negative(field.multiply(value, field.inverse(coefficient))));
      } else {
        pivots.insert(pivot.key, c);
        inverse_.push_back(field.inverse(value));
        gather(field, begin);
        return true;
      }
    }
  }

  // Takes the smallest term with a non-zero coefficient off the working column; puts it back as one term.
  std::uint32_t pop(const Field& field, Simplex& pivot) {
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), Later());
      Term term = heap_.back();
      heap_.pop_back();
      while (!heap_.empty() && heap_.front().key == term.key) {
        term.coef = field.add(term.coef, heap_.front().coef);
        std::pop_heap(heap_.begin(), heap_.end(), Later());
        heap_.pop_back();
      }
      if (term.coef == 0) continue;
      pivot = {term.tick, term.key};
      heap_.push_back(term);
      std::push_heap(heap_.begin(), heap_.end(), Later());
      return term.coef;
    }
    return 0;
  }

  void add(const Complex& complex, const Field& field, const Simplex& simplex, std::uint32_t factor) {
    used_.push_back({simplex, factor});
    push_cofaces(complex, field, simplex, factor, -1);
  }

  void push_cofaces(const Complex& complex, const Field& field, const Simplex& simplex, std::uint32_t factor,
                    std::int32_t after) {
    complex.for_each_coface<K>(simplex, after, bound_, [&](const Simplex& s, std::uint32_t x) {
      heap_.push_back({s.tick, field.multiply(factor, x), s.key});
      std::push_heap(heap_.begin(), heap_.end(), Later());
    });
  }

  void add_column(const Complex& complex, const Field& field, std::uint32_t c, std::uint32_t value, Key pivot) {
    if (inverse_[c] == 0) {  // an emergent column: its pivot's coefficient in its own coboundary
      std::uint32_t coefficient = 0;
      complex.for_each_coface<K>((*columns_)[c], -1, (*columns_)[c].tick, [&](const Simplex& s, std::uint32_t x) {
        if (s.key == pivot) coefficient = field.add(coefficient, x);
      });
      inverse_[c] = field.inverse(coefficient);
    }
    const std::uint32_t factor = field.negative(field.multiply(value, inverse_[c]));
    add(complex, field, (*columns_)[c], factor);
    for (std::size_t k = start_[c]; k < start_[c + 1]; ++k) {
      const Used term = used_[k];
      add(complex, field, term.simplex, field.multiply(term.coef, factor));
    }
  }

  // Sums equal simplices of the column's part of the reduction matrix.
  void gather(const Field& field, std::size_t begin) {
    std::sort(used_.begin() + begin, used_.end(),
              [](const Used& a, const Used& b) { return a.simplex.key < b.simplex.key; });
    std::size_t end = begin;
    for (std::size_t k = begin; k < used_.size();) {
      Used sum = used_[k++];
      for (; k < used_.size() && used_[k].simplex.key == sum.simplex.key; ++k)
        sum.coef = field.add(sum.coef, used_[k].coef);
      if (sum.coef) used_[end++] = sum;
    }
    used_.resize(end);
  }

  const std::vector<Simplex>* columns_ = nullptr;
  std::int32_t last_ = 0, bound_ = 0;  // largest tick of the complex; of the terms on the heap
  std::vector<std::size_t> start_;
  std::vector<Used> used_;
  std::vector<std::uint32_t> inverse_;
  std::vector<Term> heap_;
};

}  // namespace periodic
