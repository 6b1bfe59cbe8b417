// Components by union-find with lattice shifts: bars of dimension 0, and along how many directions components run on.
// One lane does it. See kernels/periodic/components.hpp.
#pragma once

#include "ranks.cuh"

struct Node {
  i32 parent, size, elder, rank;  // elder: the first vertex; rank: directions in which the component runs on
  i32 shift[3];                   // from the parent
  i32 first[3], second[3];        // translations that span them
  i64 normal[3];
};

// Sites in components of rank 0 .. 3 from a tick on.
struct ComponentEvent {
  i32 tick, sites[4];
};

DEVICE bool insert_translation(Node& node, const i32 v[3]) {
  if (node.rank == 3 || (v[0] == 0 && v[1] == 0 && v[2] == 0)) return false;
  if (node.rank == 0) {
    for (int c = 0; c < 3; ++c) node.first[c] = v[c];
  } else if (node.rank == 1) {
    const i64 a = node.first[0], b = node.first[1], d = node.first[2];
    const i64 n0 = b * v[2] - d * v[1], n1 = d * v[0] - a * v[2], n2 = a * v[1] - b * v[0];
    if (n0 == 0 && n1 == 0 && n2 == 0) return false;
    for (int c = 0; c < 3; ++c) node.second[c] = v[c];
    node.normal[0] = n0, node.normal[1] = n1, node.normal[2] = n2;
  } else if (node.normal[0] * v[0] + node.normal[1] * v[1] + node.normal[2] * v[2] == 0) {
    return false;
  }
  ++node.rank;
  return true;
}

DEVICE i32 find_root(Node* nodes, i32 i, i32 shift[3]) {
  shift[0] = shift[1] = shift[2] = 0;
  while (nodes[i].parent != i) {
    const i32 up = nodes[i].parent;
    if (nodes[up].parent != up) {
      for (int c = 0; c < 3; ++c) nodes[i].shift[c] += nodes[up].shift[c];
      nodes[i].parent = nodes[up].parent;
    }
    for (int c = 0; c < 3; ++c) shift[c] += nodes[i].shift[c];
    i = nodes[i].parent;
  }
  return i;
}

// Joins (i, 0) and (j, z). The vertex whose bar the edge ends, or -1.
DEVICE i32 join(Node* nodes, i32 i, i32 j, const i32 z[3], i32 sites[4], bool& changed) {
  i32 from[3], to[3], walk[3];
  i32 root = find_root(nodes, i, from), other = find_root(nodes, j, to);
  for (int c = 0; c < 3; ++c) walk[c] = from[c] + z[c] - to[c];
  if (root == other) {
    const i32 before = nodes[root].rank;
    if (!insert_translation(nodes[root], walk)) return -1;
    changed = true;
    sites[before] -= nodes[root].size;
    sites[before + 1] += nodes[root].size;
    return before == 0 ? nodes[root].elder : -1;
  }
  changed = true;
  const bool finite = nodes[root].rank == 0, other_finite = nodes[other].rank == 0;
  i32 died = -1;
  if (finite && other_finite)
    died = nodes[root].elder > nodes[other].elder ? nodes[root].elder : nodes[other].elder;
  else if (finite || other_finite)
    died = nodes[finite ? root : other].elder;
  sites[nodes[root].rank] -= nodes[root].size;
  sites[nodes[other].rank] -= nodes[other].size;
  if (nodes[root].size < nodes[other].size) {
    const i32 swap = root;
    root = other;
    other = swap;
    for (int c = 0; c < 3; ++c) walk[c] = -walk[c];
  }
  Node &kept = nodes[root], &gone = nodes[other];
  gone.parent = root;
  for (int c = 0; c < 3; ++c) gone.shift[c] = walk[c];
  kept.size += gone.size;
  if (gone.elder < kept.elder) kept.elder = gone.elder;
  if (gone.rank == 3) {
    kept.rank = 3;
  } else {
    if (gone.rank >= 1) insert_translation(kept, gone.first);
    if (gone.rank >= 2) insert_translation(kept, gone.second);
  }
  sites[kept.rank] += kept.size;
  return died;
}

constexpr u32 events_of(u32 n) { return 4 * n + 2; }  // merges and new directions are fewer

// Bars of dimension 0, the edges that end them (kKills), and the events of the components: their number.
DEVICE u32 join_components(const Graph& graph, const Tables& tables, Node* nodes, ComponentEvent* events, BarList& list,
                           int lane) {
  u32 n_events = 0;
  if (lane == 0) {
    const u32 n = graph.n;
    for (u32 i = 0; i < n; ++i) {
      Node& node = nodes[i];
      node.parent = node.elder = static_cast<i32>(i);
      node.size = 1;
      node.rank = 0;
      node.shift[0] = node.shift[1] = node.shift[2] = 0;
    }
    i32 sites[4] = {static_cast<i32>(n), 0, 0, 0};
    u32 n_dead = 0;
    bool changed = true;  // the first event is at tick 0
    i32 tick = 0;
    const auto note = [&] {
      ComponentEvent& event = events[n_events++];
      event.tick = tick;
      for (int rank = 0; rank < 4; ++rank) event.sites[rank] = sites[rank];
      changed = false;
    };
    // Once all sites are in components of rank 3 nothing changes any more.
    for (u32 k = 0; k < tables.n_edges && sites[3] < static_cast<i32>(n); ++k) {
      const i32 next = static_cast<i32>(tables.sorted[k] >> 32);
      if (next != tick) {
        if (changed) note();
        tick = next;
      }
      const u32 entry = static_cast<u32>(tables.sorted[k]);
      i32 z[3];
      unpack_shift(tables.shift[entry], z);
      const i32 died = join(nodes, graph.owner[entry], graph.site[entry], z, sites, changed);
      if (died < 0) continue;
      graph.partner[entry] = kKills;
      ++n_dead;
      add_bar(list, 0, 0, static_cast<u32>(tick), 0);
    }
    if (changed) note();
    for (; n_dead < n; ++n_dead) add_bar(list, 0, 0, static_cast<u32>(kNever), 0);
  }
  warp_sync();
  list.count = warp_value(list.count, 0);
  return warp_value(n_events, 0);
}
