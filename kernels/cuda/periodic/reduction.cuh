// Reduces the columns of one dimension to bars. See kernels/periodic/cohomology.hpp, whose steps these are.
#pragma once

#include "column.cuh"

// One simplex whose cofaces were added to a column.
struct Term {
  u64 simplex;
  u32 value, pad;
};

struct Reduction {
  const u64* columns;   // simplices, descending
  u32 n_columns, last;  // last rank
  const i32* tick_of;
  u32 most_work;
};

// The terms of all columns so far, one column's after the other's.
struct Terms {
  Term* terms;
  u32 begin, end, room;  // of the column at hand
};

// Adds factor times the coboundary of a simplex to the column, and the simplex to its terms. False: no room.
template <int K>
DEVICE bool add_simplex(Column& column, Terms& v, u64 simplex, u32 factor, i32 bound, int lane) {
  bool found = false;
  for (u32 base = v.begin; base < v.end && !found; base += kLanes) {
    const u32 t = base + lane;
    const bool same = t < v.end && v.terms[t].simplex == simplex;
    if (same) v.terms[t].value = field_add(v.terms[t].value, factor);
    found = warp_ballot(same) != 0;
  }
  if (!found) {
    if (v.end >= v.room) return false;
    if (lane == 0) v.terms[v.end] = Term{simplex, factor, 0};
    ++v.end;
  }
  warp_sync();
  column.work += 2 + (v.end - v.begin) / 32;
  return add_cofaces<K>(column, simplex, factor, -1, bound, lane);
}

// The coefficient of `pivot` in the coboundary of `simplex`.
template <int K>
DEVICE u32 coefficient_in(u64 simplex, u64 pivot, int lane) {
  const Graph& graph = SHARED.graph;
  const Places<K> places = places_of<K>(graph, simplex & kKeyMask);
  const CofaceRows<K> rows(graph, places);
  u32 sum = 0;
  for (u32 base = 0; base < places.degree; base += kLanes) {
    const u32 w = base + lane;
    u32 coefficient = 0;
    const bool same = w < places.degree && rows.rank(w) <= rank_of(simplex) &&
                      coface_key<K>(graph, places, w, coefficient) == (pivot & kKeyMask);
    for (u32 mask = warp_ballot(same); mask; mask &= mask - 1)
      sum = field_add(sum, warp_value(coefficient, lowest_bit(mask)));
  }
  return sum;
}

// Whether the column's pivot is known without adding anything up: an own coface that no earlier column has.
template <int K>
DEVICE bool is_emergent(u64 simplex, const Pivots& pivots, u64& pivot, int lane) {
  const u64 key = smallest_equal_coface<K>(simplex, lane);
  if (key == kTop) return false;
  pivot = order_of(rank_of(simplex), key);
  u64 partner;
  u32 coefficient;
  return pivots.find(pivot) == kNone && !apparent_facet<K + 1>(pivot, partner, coefficient, lane);
}

// Drops the terms that cancelled.
DEVICE void drop_cancelled(Terms& v, int lane) {
  u32 kept = v.begin;
  for (u32 base = v.begin; base < v.end; base += kLanes) {
    const u32 t = base + lane;
    Term term{0, 0, 0};
    if (t < v.end) term = v.terms[t];
    const u32 mask = warp_ballot(term.value != 0);
    if (term.value != 0) v.terms[kept + count_bits(mask & lanes_before(lane))] = term;
    warp_sync();
    kept += count_bits(mask);
  }
  v.end = kept;
}

// kDone, kList (no room) or kWork. `work`: spent so far.
template <int K>
DEVICE_CALL Outcome reduce_columns(Slab& slab, const Reduction& reduction, Pivots& pivots, BarList& list, u32& work,
                                   int lane) {
  const u64* columns = reduction.columns;
  const u32 last = reduction.last;
  u32* start = slab.take<u32>(reduction.n_columns + 1);  // of the terms of each column
  u32* inverse = slab.take<u32>(reduction.n_columns);    // of the pivot's coefficient; 0: not yet asked for
  Terms v{slab.tail<Term>(), 0, 0, slab.room<Term>()};
  if (slab.exceeded()) return kSlab;
  Column column{0, 0, 0, work, false};
  if (lane == 0) start[0] = 0;
  warp_sync();
  for (u32 c = 0; c < reduction.n_columns; ++c) {
    const u64 simplex = columns[c];
    const u32 own = rank_of(simplex);
    u64 pivot;
    if (is_emergent<K>(simplex, pivots, pivot, lane)) {
      warp_sync();
      if (lane == 0) {
        pivots.insert(pivot, c);
        inverse[c] = 0;
        start[c + 1] = v.end;
      }
      warp_sync();
      continue;
    }
    v.begin = v.end;
    clear(column, lane);
    column.floor = 0;
    u32 bound = own, step = last / 64 + 1;  // only terms up to a rank are there; it rises when they are spent
    if (!add_cofaces<K>(column, simplex, 1, -1, static_cast<i32>(bound), lane)) return kList;
    for (;;) {
      column.work += 1 + column.front / 32;
      if (column.work > reduction.most_work) return kWork;
      u64 least;
      const u32 value = least_term(column, least, lane);
      if (column.failed) return kList;
      if (least == kTop) {
        if (bound >= last) {
          add_bar(list, K, static_cast<u32>(reduction.tick_of[own]), static_cast<u32>(kNever), lane);
          if (lane == 0) inverse[c] = 0;
          break;
        }
        const i32 done = static_cast<i32>(bound);
        bound = last - bound > step ? bound + step : last;
        step *= 2;
        clear(column, lane);
        if (!add_cofaces<K>(column, simplex, 1, done, static_cast<i32>(bound), lane)) return kList;
        for (u32 t = v.begin; t < v.end; ++t) {
          const Term term = v.terms[t];
          if (term.value && !add_cofaces<K>(column, term.simplex, term.value, done, static_cast<i32>(bound), lane))
            return kList;
        }
        continue;
      }
      column.floor = least + 1;  // what is added now cancels this term; those before it are gone
      if (value == 0) {
        warp_sync();
        continue;
      }
      u64 partner;
      u32 coefficient;
      const u32 earlier = pivots.find(least);
      if (earlier != kNone) {
        u32 factor = inverse[earlier];
        if (factor == 0) {
          factor = field_inverse(coefficient_in<K>(columns[earlier], least, lane));
          warp_sync();
          if (lane == 0) inverse[earlier] = factor;
        }
        warp_sync();
        factor = field_negative(field_multiply(value, factor));
        if (!add_simplex<K>(column, v, columns[earlier], factor, static_cast<i32>(bound), lane)) return kList;
        for (u32 t = start[earlier], stop = start[earlier + 1]; t < stop; ++t) {
          const Term term = v.terms[t];
          if (!add_simplex<K>(column, v, term.simplex, field_multiply(term.value, factor), static_cast<i32>(bound),
                              lane))
            return kList;
        }
      } else if (apparent_facet<K + 1>(least, partner, coefficient, lane)) {
        warp_sync();
        const u32 factor = field_negative(field_multiply(value, field_inverse(coefficient)));
        if (!add_simplex<K>(column, v, partner, factor, static_cast<i32>(bound), lane)) return kList;
      } else {
        warp_sync();
        if (lane == 0) {
          pivots.insert(least, c);
          inverse[c] = field_inverse(value);
        }
        const u32 death = rank_of(least);
        if (death != own)
          add_bar(list, K, static_cast<u32>(reduction.tick_of[own]), static_cast<u32>(reduction.tick_of[death]), lane);
        break;
      }
    }
    drop_cancelled(v, lane);
    if (lane == 0) start[c + 1] = v.end;
    warp_sync();
  }
  work = column.work;
  return kDone;
}
