// The working column of a reduction: an unordered sum of terms. The next ones lie in the front, in shared memory, where
// the least is looked for; later ones in the back, in the slab, from which the front is filled when it is spent.
//
// Terms below `floor` are spent: what is cancelled is not looked for, it is passed.
#pragma once

#include "pivots.cuh"

struct Column {
  u32 front, back;  // terms in each
  u64 floor;
  u32 work;  // spent so far, over all columns
  bool failed;
};

DEVICE u64 both_sizes(u32 front, u32 back) { return static_cast<u64>(front) << 32 | back; }
constexpr u64 kNoRoom = kTop;

// A bound below which lie some hundred of the terms: the largest of the least terms of 32 parts.
DEVICE u64 bound_of_some(const u64* orders, u32 size, u64 floor, int lane) {
  u64 bound = 0;
  for (int part = lane; part < 32; part += kLanes) {
    u64 least = kTop;
    for (u32 t = part; t < size; t += 32)
      if (orders[t] >= floor && orders[t] < least) least = orders[t];
    if (least != kTop && least > bound) bound = least;
  }
  return ~warp_least(~bound);
}

// Drops spent terms of the front; with `split` all but some move to the back. Sizes of front and back, or kNoRoom.
DEVICE_CALL u64 tidy_front(u32 front, u32 back, u64 floor, bool split, int lane) {
  auto& terms = SHARED.front;
  const u64 bound = split ? bound_of_some(terms.order, front, floor, lane) : SHARED.near;
  u32 kept = 0;
  for (u32 base = 0; base < front; base += kLanes) {
    const u32 t = base + lane;
    const u64 order = t < front ? terms.order[t] : 0;
    const u32 value = t < front ? terms.value[t] : 0;
    const bool alive = t < front && order >= floor, stays = alive && order <= bound, goes = alive && order > bound;
    const u32 staying = warp_ballot(stays), going = warp_ballot(goes);
    if (back + kLanes > SHARED.back_size) return kNoRoom;
    if (stays) {
      const u32 at = kept + count_bits(staying & lanes_before(lane));
      terms.order[at] = order;
      terms.value[at] = value;
    }
    if (goes) {
      const u32 at = back + count_bits(going & lanes_before(lane));
      SHARED.back_order[at] = order;
      SHARED.back_value[at] = value;
    }
    warp_sync();
    kept += count_bits(staying);
    back += count_bits(going);
  }
  if (lane == 0) SHARED.near = bound;
  warp_sync();
  return both_sizes(kept, back);
}

// Fills a spent front with the least terms of the back. Sizes of both, 0 if no term is left, or kNoRoom.
DEVICE_CALL u64 fill_front(u32 back, u64 floor, int lane) {
  auto& terms = SHARED.front;
  u64 *orders = SHARED.back_order, own = kTop;
  u32* values = SHARED.back_value;
  for (u32 t = lane; t < back; t += kLanes)
    if (orders[t] >= floor && orders[t] < own) own = orders[t];
  const u64 least = warp_least(own);
  if (least == kTop) return 0;
  u64 bound = back <= kFrontTerms / 2 ? kTop - 1 : bound_of_some(orders, back, floor, lane);
  for (bool again = false;; again = true) {
    u32 count = 0;
    for (u32 base = 0; base < back; base += kLanes) {
      const u32 t = base + lane;
      count += count_bits(warp_ballot(t < back && orders[t] >= floor && orders[t] <= bound));
    }
    if (count <= kFrontTerms - 64) break;
    if (again) return kNoRoom;
    bound = least;
  }
  u32 front = 0, kept = 0;
  for (u32 base = 0; base < back; base += kLanes) {
    const u32 t = base + lane;
    const u64 order = t < back ? orders[t] : 0;
    const u32 value = t < back ? values[t] : 0;
    const bool alive = t < back && order >= floor, goes = alive && order <= bound, stays = alive && order > bound;
    const u32 going = warp_ballot(goes), staying = warp_ballot(stays);
    if (goes) {
      const u32 at = front + count_bits(going & lanes_before(lane));
      terms.order[at] = order;
      terms.value[at] = value;
    }
    if (stays) {
      const u32 at = kept + count_bits(staying & lanes_before(lane));
      orders[at] = order;
      values[at] = value;
    }
    warp_sync();
    front += count_bits(going);
    kept += count_bits(staying);
  }
  if (lane == 0) SHARED.near = bound;
  warp_sync();
  return both_sizes(front, kept);
}

// Adds factor times the cofaces of ranks in (after, bound] that are not spent. Sizes of both, or kNoRoom.
template <int K>
DEVICE_CALL u64 add_cofaces(u32 front, u32 back, u64 floor, u64 simplex, u32 factor, i32 after, i32 bound, int lane) {
  const Graph& graph = SHARED.graph;
  auto& terms = SHARED.front;
  const Places<K> places = places_of<K>(graph, simplex & kKeyMask);
  const CofaceRows<K> rows(graph, places);
  const u32 own = rank_of(simplex);
  u64 near = SHARED.near;
  for (u32 base = 0; base < places.degree; base += kLanes) {
    const u32 w = base + lane;
    u64 order = 0;
    u32 coefficient = 0;
    bool hit = false;
    if (w < places.degree) {
      const i32 rank = static_cast<i32>(larger(own, rows.rank(w)));
      if (rank <= bound && rank > after) {
        order = order_of(static_cast<u32>(rank), coface_key<K>(graph, places, w, coefficient));
        hit = order >= floor;
      }
    }
    const u32 hits = warp_ballot(hit);
    if (!hits) continue;
    // Spent terms go now and then; where that frees too little, the later ones move to the back.
    const bool full = front + kLanes > kFrontTerms;
    if (full || (front >= 128 && (front & 127) + count_bits(hits) >= 128)) {
      warp_sync();
      u64 sizes = tidy_front(front, back, floor, false, lane);
      if (sizes != kNoRoom && static_cast<u32>(sizes >> 32) > kFrontTerms / 2)
        sizes = tidy_front(static_cast<u32>(sizes >> 32), static_cast<u32>(sizes), floor, true, lane);
      if (sizes == kNoRoom) return kNoRoom;
      front = static_cast<u32>(sizes >> 32);
      back = static_cast<u32>(sizes);
      near = SHARED.near;
      if (front + kLanes > kFrontTerms) return kNoRoom;
    }
    const bool soon = hit && order <= near, later = hit && order > near;
    const u32 first = warp_ballot(soon), second = warp_ballot(later);
    if (back + kLanes > SHARED.back_size) return kNoRoom;
    if (soon) {
      const u32 at = front + count_bits(first & lanes_before(lane));
      terms.order[at] = order;
      terms.value[at] = field_multiply(factor, coefficient);
    }
    if (later) {
      const u32 at = back + count_bits(second & lanes_before(lane));
      SHARED.back_order[at] = order;
      SHARED.back_value[at] = field_multiply(factor, coefficient);
    }
    front += count_bits(first);
    back += count_bits(second);
  }
  warp_sync();
  return both_sizes(front, back);
}

// False: no room.
template <int K>
DEVICE bool add_cofaces(Column& column, u64 simplex, u32 factor, i32 after, i32 bound, int lane) {
  const u64 sizes = add_cofaces<K>(column.front, column.back, column.floor, simplex, factor, after, bound, lane);
  column.front = static_cast<u32>(sizes >> 32);
  column.back = static_cast<u32>(sizes);
  return sizes != kNoRoom;
}

DEVICE void clear(Column& column, int lane) {
  column.front = column.back = 0;
  warp_sync();
  if (lane == 0) SHARED.near = kTop - 1;
  warp_sync();
}

// The least term that is not spent and its coefficient, which may be 0; `least` is kTop if there is none.
DEVICE u32 least_term(Column& column, u64& least, int lane) {
  auto& terms = SHARED.front;
  for (;;) {
    u64 own = kTop;
    u32 sum = 0;
    for (u32 t = lane; t < column.front; t += kLanes) {
      const u64 order = terms.order[t];
      if (order < column.floor || order > own) continue;
      const u32 value = terms.value[t];
      sum = order == own ? field_add(sum, value) : value;
      own = order;
    }
    least = warp_least(own);
    if (least != kTop) {
      u32 total = 0;
      for (u32 mask = warp_ballot(own == least); mask; mask &= mask - 1)
        total = field_add(total, warp_value(sum, lowest_bit(mask)));
      return total;
    }
    if (column.back == 0) return 0;
    column.work += column.back / 16;
    const u64 sizes = fill_front(column.back, column.floor, lane);
    column.failed = sizes == kNoRoom;
    if (column.failed) return 0;
    column.front = static_cast<u32>(sizes >> 32);
    column.back = column.front ? static_cast<u32>(sizes) : 0;
    if (column.front == 0) return 0;
  }
}
