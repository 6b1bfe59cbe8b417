// Boosted trees of numbers: what they predict, and the SHAP values of it, to the last bit those of LightGBM.
//
// Source: Lundberg, Erion and Lee, arXiv:1802.03888, algorithm 2, in the order of operations of LightGBM; leaves found
// by masks after Lucchese et al., QuickScorer, SIGIR 2015; that a tree is explained once for all rows that take the
// same way at every node: ours.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace trees {

constexpr std::size_t kTile = 64;            // rows met at a time: their columns stay in the cache
constexpr int kMaskLeaves = 32;              // of a tree whose leaves are told by the bits of a mask
constexpr std::size_t kMostTerms = 1 << 20;  // kept of a tree

constexpr float kZero = 1e-35f;  // a value as small is zero

// What LightGBM takes a value for.
inline float plain(float x) { return std::fabs(x) <= kZero ? 0.0f : x; }

// Trees one after the other. A child is a node of its tree, or -1 - leaf.
struct Forest {
  const std::int64_t *node_begins, *leaf_begins;  // (n_trees + 1)
  std::size_t n_trees;
  const std::int64_t *feature, *left, *right, *node_count;  // of nodes
  const double* threshold;                                  // a value up to it goes left
  const bool* missing_left;                                 // where one that is not known goes
  const double* leaf_value;
  const std::int64_t* leaf_count;
};

struct Tree {
  int n_nodes, n_leaves;
  const std::int64_t *feature, *left, *right, *node_count;
  const double* threshold;
  const bool* missing_left;
  const double* leaf_value;
  const std::int64_t* leaf_count;

  Tree(const Forest& forest, std::size_t k)
      : n_nodes(static_cast<int>(forest.node_begins[k + 1] - forest.node_begins[k])),
        n_leaves(static_cast<int>(forest.leaf_begins[k + 1] - forest.leaf_begins[k])),
        feature(forest.feature + forest.node_begins[k]),
        left(forest.left + forest.node_begins[k]),
        right(forest.right + forest.node_begins[k]),
        node_count(forest.node_count + forest.node_begins[k]),
        threshold(forest.threshold + forest.node_begins[k]),
        missing_left(forest.missing_left + forest.node_begins[k]),
        leaf_value(forest.leaf_value + forest.leaf_begins[k]),
        leaf_count(forest.leaf_count + forest.leaf_begins[k]) {}

  bool goes_left(int node, float x) const { return std::isnan(x) ? missing_left[node] : plain(x) <= threshold[node]; }
  double count(int node) const { return static_cast<double>(node >= 0 ? node_count[node] : leaf_count[~node]); }
};

// The largest number of single precision up to t: x <= t and x <= below(t) are the same for every such x.
inline float below(double t) {
  const float near = static_cast<float>(t);
  return near <= t ? near : std::nextafter(near, -std::numeric_limits<float>::infinity());
}

// Up to kTile rows of (n, k), column by column; what lies beyond them is zero.
class Tile {
 public:
  explicit Tile(std::size_t k) : k_(k), values_(k * kTile) {}
  std::size_t fill(const float* rows, std::size_t n) {
    count_ = std::min(n, kTile);
    if (count_ < kTile) std::fill(values_.begin(), values_.end(), 0.0f);
    for (std::size_t r = 0; r < count_; ++r)
      for (std::size_t j = 0; j < k_; ++j) values_[j * kTile + r] = plain(rows[r * k_ + j]);
    return count_;
  }
  const float* column(std::int64_t j) const { return values_.data() + static_cast<std::size_t>(j) * kTile; }

 private:
  std::size_t k_, count_ = 0;
  std::vector<float> values_;
};

// Takes away from the words of a tile's rows all bits but `kept` where a row goes right at a node.
inline void keep_where_right(const float* column, float threshold, bool missing_left, std::uint32_t kept,
                             std::uint32_t* words) {
  if (missing_left)
    for (std::size_t r = 0; r < kTile; ++r) words[r] &= column[r] > threshold ? kept : ~0u;
  else
    for (std::size_t r = 0; r < kTile; ++r) words[r] &= column[r] <= threshold ? ~0u : kept;
}

inline int lowest_bit(std::uint32_t word) {
  int place = 0;
  while (!(word & 1u)) word >>= 1, ++place;
  return place;
}

// A tree of at most kMaskLeaves leaves, read for tiles: which leaves a row loses that goes right at a node.
class Masked {
 public:
  explicit Masked(const Tree& tree) : tree_(tree) {
    if (tree.n_leaves > kMaskLeaves) return;
    kept_.resize(tree.n_nodes);
    below_.resize(tree.n_nodes);
    for (int node = 0; node < tree.n_nodes; ++node) below_[node] = below(tree.threshold[node]);
    visit(tree.n_nodes ? 0 : -1);
  }
  bool usable() const { return tree_.n_leaves <= kMaskLeaves; }

  // The value of the leaf that each row of a tile ends in is added to its sum.
  void add(const Tile& tile, std::size_t count, double* sums) const {
    std::uint32_t words[kTile];
    std::fill(words, words + kTile, ~0u);
    for (int node = 0; node < tree_.n_nodes; ++node)
      keep_where_right(tile.column(tree_.feature[node]), below_[node], tree_.missing_left[node], kept_[node], words);
    for (std::size_t r = 0; r < count; ++r) sums[r] += values_[first_of(words[r])];
  }

  // The ways of a tile's rows: bit k is set where a row goes left at node k.
  void ways(const Tile& tile, std::uint32_t* words) const {
    std::fill(words, words + kTile, ~0u);
    for (int node = 0; node < tree_.n_nodes; ++node)
      keep_where_right(tile.column(tree_.feature[node]), below_[node], tree_.missing_left[node], ~(1u << node), words);
  }

 private:
  static int first_of(std::uint32_t word) {
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_ctz(word);
#else
    return lowest_bit(word);
#endif
  }
  // Leaves from left to right; returns the bits of those below a node.
  std::uint32_t visit(std::int64_t node) {
    if (node < 0) {
      values_.push_back(tree_.leaf_value[~node]);
      return 1u << (values_.size() - 1);
    }
    const std::uint32_t lost = visit(tree_.left[node]);
    kept_[static_cast<std::size_t>(node)] = ~lost;
    return lost | visit(tree_.right[node]);
  }

  Tree tree_;
  std::vector<std::uint32_t> kept_;
  std::vector<float> below_;
  std::vector<double> values_;  // of the leaves, from left to right
};

// out (n): the sum of the leaves that each row of (n, k) ends in, tree after tree.
inline void predict(const Forest& forest, const float* rows, std::size_t n, std::size_t k, double* out) {
  std::vector<Masked> masked;
  for (std::size_t t = 0; t < forest.n_trees; ++t) masked.emplace_back(Tree(forest, t));
  Tile tile(k);
  for (std::size_t begin = 0; begin < n; begin += kTile) {
    const std::size_t count = tile.fill(rows + begin * k, n - begin);
    double* sums = out + begin;
    std::fill(sums, sums + count, 0.0);
    for (std::size_t t = 0; t < forest.n_trees; ++t) {
      if (masked[t].usable()) {
        masked[t].add(tile, count, sums);
        continue;
      }
      const Tree tree(forest, t);
      for (std::size_t r = 0; r < count; ++r) {
        std::int64_t node = 0;
        while (node >= 0) {
          const int at = static_cast<int>(node);
          node = tree.goes_left(at, rows[(begin + r) * k + tree.feature[at]]) ? tree.left[at] : tree.right[at];
        }
        sums[r] += tree.leaf_value[~node];
      }
    }
  }
}

// One split of a path from the root: how many of the training rows pass it, and whether the row does.
struct Step {
  std::int64_t feature;
  double zero, one, weight;
};

// What one way through a tree adds to the SHAP values: for each feature numbers to be added one after the other. Sums
// of different features do not meet, so the order between them is free.
class Terms {
 public:
  std::size_t size() const { return values_.size(); }
  std::size_t ends() const { return runs_.size(); }
  void clear() { values_.clear(), runs_.clear(); }
  void begin() { fresh_.clear(); }
  void add(std::int64_t feature, double value) { fresh_.push_back({static_cast<std::uint32_t>(feature), value}); }
  void end() {
    std::stable_sort(fresh_.begin(), fresh_.end(), [](const Term& a, const Term& b) { return a.feature < b.feature; });
    for (std::size_t i = 0; i < fresh_.size(); ++i) {
      if (i == 0 || fresh_[i].feature != fresh_[i - 1].feature)
        runs_.push_back({fresh_[i].feature, 0, static_cast<std::uint32_t>(values_.size())});
      ++runs_.back().count;
      values_.push_back(fresh_[i].value);
    }
  }
  void apply(std::size_t first, std::size_t last, double* sums) const {
    for (std::size_t i = first; i < last; ++i) {
      const Run run = runs_[i];
      const double* value = values_.data() + run.begin;
      double sum = sums[run.feature];
      for (std::uint32_t k = 0; k < run.count; ++k) sum += value[k];
      sums[run.feature] = sum;
    }
  }

 private:
  struct Term {
    std::uint32_t feature;
    double value;
  };
  struct Run {
    std::uint32_t feature, count, begin;
  };
  std::vector<Term> fresh_;
  std::vector<Run> runs_;
  std::vector<double> values_;
};

// Explains one tree for one row: calls `add(feature, value)` for each leaf and each feature on the way to it.
template <class GoesLeft, class Add>
class Explainer {
 public:
  Explainer(const Tree& tree, int depth, GoesLeft goes_left, Add add)
      : tree_(tree), goes_left_(goes_left), add_(add), steps_((depth + 2) * (depth + 3) / 2) {}
  void run() { visit(0, 0, steps_.data(), 1.0, 1.0, -1); }

 private:
  static void extend(Step* path, int depth, double zero, double one, std::int64_t feature) {
    path[depth] = {feature, zero, one, depth == 0 ? 1.0 : 0.0};
    for (int i = depth - 1; i >= 0; --i) {
      path[i + 1].weight += one * path[i].weight * (i + 1) / static_cast<double>(depth + 1);
      path[i].weight = zero * path[i].weight * (depth - i) / static_cast<double>(depth + 1);
    }
  }

  static void unwind(Step* path, int depth, int which) {
    const double one = path[which].one, zero = path[which].zero;
    double next = path[depth].weight;
    for (int i = depth - 1; i >= 0; --i) {
      if (one != 0) {
        const double before = path[i].weight;
        path[i].weight = next * (depth + 1) / static_cast<double>((i + 1) * one);
        next = before - path[i].weight * zero * (depth - i) / static_cast<double>(depth + 1);
      } else {
        path[i].weight = (path[i].weight * (depth + 1)) / static_cast<double>(zero * (depth - i));
      }
    }
    for (int i = which; i < depth; ++i) {
      path[i].feature = path[i + 1].feature;
      path[i].zero = path[i + 1].zero;
      path[i].one = path[i + 1].one;
    }
  }

  static double unwound_sum(const Step* path, int depth, int which) {
    const double one = path[which].one, zero = path[which].zero;
    double next = path[depth].weight, total = 0;
    for (int i = depth - 1; i >= 0; --i) {
      if (one != 0) {
        const double part = next * (depth + 1) / static_cast<double>((i + 1) * one);
        total += part;
        next = path[i].weight - part * zero * ((depth - i) / static_cast<double>(depth + 1));
      } else {
        total += (path[i].weight / zero) / ((depth - i) / static_cast<double>(depth + 1));
      }
    }
    return total;
  }

  void visit(std::int64_t node, int depth, Step* above, double zero, double one, std::int64_t feature) {
    Step* path = above + depth;
    std::copy(above, above + depth, path);
    extend(path, depth, zero, one, feature);
    if (node < 0) {
      for (int i = 1; i <= depth; ++i) {
        const double weight = unwound_sum(path, depth, i);
        add_(path[i].feature, weight * (path[i].one - path[i].zero) * tree_.leaf_value[~node]);
      }
      return;
    }
    const int at = static_cast<int>(node);
    const bool left = goes_left_(at);
    const std::int64_t hot = left ? tree_.left[at] : tree_.right[at];
    const std::int64_t cold = left ? tree_.right[at] : tree_.left[at];
    const double whole = tree_.count(at);
    const double hot_share = tree_.count(static_cast<int>(hot)) / whole;
    const double cold_share = tree_.count(static_cast<int>(cold)) / whole;
    double zero_before = 1.0, one_before = 1.0;
    int which = 0;
    while (which <= depth && path[which].feature != tree_.feature[at]) ++which;
    if (which <= depth) {  // split before: undone, and done again with both
      zero_before = path[which].zero, one_before = path[which].one;
      unwind(path, depth, which);
      --depth;
    }
    visit(hot, depth + 1, path, hot_share * zero_before, one_before, tree_.feature[at]);
    visit(cold, depth + 1, path, cold_share * zero_before, 0.0, tree_.feature[at]);
  }

  Tree tree_;
  GoesLeft goes_left_;
  Add add_;
  std::vector<Step> steps_;
};

template <class GoesLeft, class Add>
void explain(const Tree& tree, int depth, GoesLeft goes_left, Add add) {
  Explainer<GoesLeft, Add>(tree, depth, goes_left, add).run();
}

// The most nodes on a way from the root to a leaf; children stand after their parents.
inline int depth_of(const Tree& tree) {
  std::vector<int> depth(static_cast<std::size_t>(tree.n_nodes), 1);
  int most = 0;
  for (int node = 0; node < tree.n_nodes; ++node) {
    most = std::max(most, depth[node]);
    for (const std::int64_t child : {tree.left[node], tree.right[node]})
      if (child >= 0) depth[child] = depth[node] + 1;
  }
  return most;
}

inline double expected(const Tree& tree) {
  if (tree.n_leaves == 1) return tree.leaf_value[0];
  double sum = 0;
  for (int leaf = 0; leaf < tree.n_leaves; ++leaf)
    sum += (static_cast<double>(tree.leaf_count[leaf]) / tree.count(0)) * tree.leaf_value[leaf];
  return sum;
}

// out (n, k + 1): the SHAP values of each row of (n, k), and what the trees predict on average.
inline void contributions(const Forest& forest, const float* rows, std::size_t n, std::size_t k, double* out) {
  std::fill(out, out + n * (k + 1), 0.0);
  Tile tile(k);
  std::uint32_t ways[kTile];
  Terms terms;
  std::unordered_map<std::uint32_t, std::pair<std::size_t, std::size_t>> known;  // by way, where its terms are
  for (std::size_t t = 0; t < forest.n_trees; ++t) {
    const Tree tree(forest, t);
    const double average = expected(tree);
    for (std::size_t r = 0; r < n; ++r) out[r * (k + 1) + k] += average;
    if (tree.n_leaves < 2) continue;
    const int depth = depth_of(tree);
    const Masked masked(tree);
    if (!masked.usable()) {
      for (std::size_t r = 0; r < n; ++r)
        explain(
            tree, depth, [&](int node) { return tree.goes_left(node, rows[r * k + tree.feature[node]]); },
            [&](std::int64_t feature, double value) { out[r * (k + 1) + feature] += value; });
      continue;
    }
    known.clear();
    terms.clear();
    for (std::size_t begin = 0; begin < n; begin += kTile) {
      const std::size_t count = tile.fill(rows + begin * k, n - begin);
      masked.ways(tile, ways);
      for (std::size_t r = 0; r < count; ++r) {
        const std::uint32_t way = ways[r];
        auto place = known.find(way);
        if (place == known.end()) {
          if (terms.size() > kMostTerms) known.clear(), terms.clear();
          const std::size_t first = terms.ends();
          terms.begin();
          explain(
              tree, depth, [way](int node) { return (way >> node & 1u) != 0; },
              [&](std::int64_t feature, double value) { terms.add(feature, value); });
          terms.end();
          place = known.emplace(way, std::make_pair(first, terms.ends())).first;
        }
        terms.apply(place->second.first, place->second.second, out + (begin + r) * (k + 1));
      }
    }
  }
}

}  // namespace trees
