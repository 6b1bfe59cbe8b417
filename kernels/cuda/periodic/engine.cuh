// One cloud from its points to its curves, and the queue that warps take clouds from.
#pragma once

#include "rows.cuh"

// Time spent by stage, of one warp.
struct StageClock {
  u64 began, spent[kStages];
  DEVICE void lap(Stage stage, int lane) {
    if (lane != 0) return;
    const u64 now = clock_now();
    spent[stage] += now - began;
    began = now;
  }
};

// Takes the tables whose sizes follow from the number of points. False: no room.
DEVICE bool take_site_tables(Slab& slab, Graph& graph, Tables& tables) {
  const u64 n = graph.n;
  tables.images = slab.take<u16>(n * n);
  tables.segment = slab.take<u32>(n * n);
  graph.row = slab.take<u32>(n + 1);
  graph.upper = slab.take<u32>(n);
  graph.block = slab.take<u32>(n);
  graph.stride = slab.take<u16>(n);
  return !slab.exceeded();
}

DEVICE bool take_entry_tables(Slab& slab, Graph& graph, Tables& tables) {
  const u64 size = graph.n_entries;
  graph.owner = slab.take<u16>(size);
  graph.site = slab.take<u16>(size);
  graph.rank = slab.take<u16>(size + 8);
  graph.reverse = slab.take<u32>(size);
  graph.coefficient = slab.take<u32>(size);
  graph.partner = slab.take<u32>(size);
  tables.shift = slab.take<i32>(size);
  tables.tick = slab.take<i32>(size);
  tables.n_edges = graph.n_entries / 2;
  tables.sorted = slab.take<u64>(power_of_two(tables.n_edges));
  tables.tick_of = slab.take<i32>(tables.n_edges + 1);
  return !slab.exceeded();
}

DEVICE bool take_matrices(Slab& slab, Graph& graph, int lane) {
  u64 cells = 0;
  for (u32 i = 0; i < graph.n; ++i) {
    if (lane == 0) graph.block[i] = static_cast<u32>(cells);
    cells += static_cast<u64>(graph.stride[i]) * (graph.row[i + 1] - graph.row[i]);
  }
  if (cells >= u64{1} << 31) return false;
  graph.lune = slab.take<u16>(cells);
  graph.place = slab.take<u16>(cells);
  warp_sync();
  return !slab.exceeded();
}

// Bars of dimensions 1 and 2.
DEVICE Outcome find_holes(const Launch& launch, Slab& slab, Graph& graph, const Tables& tables, BarList& list,
                          StageClock& clock, int lane) {
  if (!take_matrices(slab, graph, lane)) return kSlab;
  u64* back_order = slab.take<u64>(launch.list_terms);
  u32* back_value = slab.take<u32>(launch.list_terms);
  if (slab.exceeded()) return kSlab;
  if (lane == 0) {
    SHARED.graph = graph;
    SHARED.back_order = back_order;
    SHARED.back_value = back_value;
    SHARED.back_size = launch.list_terms;
  }
  warp_sync();
  fill_matrices(graph, tables, lane);
  clock.lap(kMatrices, lane);
  pair_edges(graph, tables, lane);
  Reduction reduction{slab.tail<u64>(), 0, tables.n_ranks - 1, tables.tick_of, launch.most_work};
  reduction.n_columns = list_edges(slab, const_cast<u64*>(reduction.columns), graph, tables, lane);
  if (reduction.n_columns == kNone) return kSlab;
  clock.lap(kEdges, lane);
  Pivots pivots;
  if (!make_pivots(slab, pivots, reduction.n_columns, lane)) return kSlab;
  const u64 mark = slab.at;
  u32 work = 0;
  Outcome outcome = reduce_columns<1>(slab, reduction, pivots, list, work, lane);
  if (outcome != kDone) return outcome;
  slab.at = mark;
  clock.lap(kLoops, lane);
  if (launch.max_dim < 2) return kDone;
  u64* triangles = slab.tail<u64>();
  reduction.columns = triangles;
  reduction.n_columns = list_triangles(slab, triangles, graph, tables, pivots, lane);
  if (reduction.n_columns == kNone) return kSlab;
  clock.lap(kTriangles, lane);
  if (sort_triangles(slab, triangles, reduction.n_columns, lane) == kNone) return kSlab;
  clock.lap(kOrder, lane);
  if (!make_pivots(slab, pivots, reduction.n_columns, lane)) return kSlab;
  outcome = reduce_columns<2>(slab, reduction, pivots, list, work, lane);
  clock.lap(kCavities, lane);
  return outcome;
}

DEVICE Outcome compute_cloud(const Launch& launch, const CloudTask& task, char* memory, BarList& list,
                             StageClock& clock, int lane) {
  clock.began = clock_now();
  Slab slab{memory, 0, launch.slab_size};
  list = {slab.take<u64>(launch.most_bars), 0, launch.most_bars};
  if (task.n == 0) {
    put_nan(launch.values + task.first_value, values_of(launch, task.n_radii), lane);
    return kDone;
  }
  Graph graph{};
  Tables tables{};
  graph.n = static_cast<u32>(task.n);
  ComponentEvent* events = slab.take<ComponentEvent>(events_of(graph.n));
  Node* nodes = slab.take<Node>(graph.n);
  if (graph.n > 0xffff || !take_site_tables(slab, graph, tables)) return kSlab;
  const CellBasis basis = basis_of(task, launch.resolution, launch.phase);
  Outcome outcome = lay_out_rows(launch, task, basis, graph, tables, lane);
  if (outcome != kDone) return outcome;
  if (!take_entry_tables(slab, graph, tables)) return kSlab;
  outcome = fill_rows(launch, task, basis, graph, tables, lane);
  if (outcome != kDone) return outcome;
  clock.lap(kNeighbours, lane);
  outcome = rank_edges(graph, tables, lane);
  if (outcome != kDone) return outcome;
  clock.lap(kSort, lane);
  const u32 n_events = join_components(graph, tables, nodes, events, list, lane);
  clock.lap(kComponents, lane);
  const u64 mark = slab.at;
  if (tables.n_edges > 0 && launch.max_dim >= 1) {
    outcome = find_holes(launch, slab, graph, tables, list, clock, lane);
    if (outcome != kDone) return outcome;
  }
  if (list.count > list.room) return kList;
  warp_sync();
  slab.at = mark;
  if (!put_curves(launch, task, slab, list, events, n_events, lane)) return kSlab;
  clock.lap(kRows, lane);
  return kDone;
}

// Copies the bars of a cloud to where the host finds them.
DEVICE void put_bars(const Launch& launch, u32 cloud, const BarList& list, u32 count, int lane) {
  u32 at = 0;
  if (lane == 0) {
    at = add_atomic(launch.bar_count, count);
    const bool fits = at + static_cast<u64>(count) <= launch.bar_cap;
    launch.bar_at[cloud] = at;
    launch.bar_n[cloud] = fits ? count : 0;
    if (!fits) launch.outcomes[cloud] = kList;
  }
  at = warp_value(at, 0);
  if (at + static_cast<u64>(count) <= launch.bar_cap)
    for (u32 k = lane; k < count; k += kLanes) launch.bars[at + k] = list.bars[k];
}

DEVICE void compute_clouds(const Launch& launch, u32 block) {
  const int lane = lane_id();
  char* memory = launch.slabs + static_cast<u64>(block) * launch.slab_size;
  StageClock clock{};
  for (;;) {
    u32 turn = 0;
    if (lane == 0) turn = add_atomic(launch.next, 1u);
    turn = warp_value(turn, 0);
    if (turn >= launch.count) break;
    const u32 cloud = launch.order[turn];
    BarList list{};
    const Outcome outcome = compute_cloud(launch, launch.tasks[cloud], memory, list, clock, lane);
    if (lane == 0) launch.outcomes[cloud] = outcome;
    warp_sync();
    if (launch.bar_cap > 0) put_bars(launch, cloud, list, outcome == kDone ? list.count : 0, lane);
    warp_sync();
  }
  if (lane == 0 && launch.clocks)
    for (int stage = 0; stage < kStages; ++stage) add_atomic(launch.clocks + stage, clock.spent[stage]);
}
