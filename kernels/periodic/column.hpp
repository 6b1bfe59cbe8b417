// The working column of the reduction: a sum of terms, taken off from the smallest.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "field.hpp"

namespace periodic {

class Column {
 public:
  void clear() { heap_.clear(); }

  void push(std::uint64_t order, std::uint32_t coef) {
    heap_.push_back({order, coef});
    std::push_heap(heap_.begin(), heap_.end(), Later());
  }

  // Takes off the smallest term whose coefficients do not sum to zero; 0 if there is none.
  std::uint32_t pop(const Field& field, std::uint64_t& order) {
    while (!heap_.empty()) {
      Term term = take();
      while (!heap_.empty() && heap_.front().order == term.order) term.coef = field.add(term.coef, take().coef);
      if (term.coef == 0) continue;
      order = term.order;
      return term.coef;
    }
    return 0;
  }

 private:
  struct Term {
    std::uint64_t order;
    std::uint32_t coef;
  };
  struct Later {
    bool operator()(const Term& a, const Term& b) const { return a.order > b.order; }
  };
  Term take() {
    std::pop_heap(heap_.begin(), heap_.end(), Later());
    const Term term = heap_.back();
    heap_.pop_back();
    return term;
  }

  std::vector<Term> heap_;
};

}  // namespace periodic
