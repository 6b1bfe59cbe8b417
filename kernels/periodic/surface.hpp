// The closed surface of a cavity in a finite piece of the crystal: a chain of tetrahedra reduced until no triangle of
// its boundary is longer than the birth, made smaller, given signs, and checked. See screening/homology/surfaces.py.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace periodic {

// A set of small numbers as bits.
class BitSet {
 public:
  explicit BitSet(std::size_t size = 0) : words_((size + 63) / 64, 0) {}
  void flip(std::size_t k) { words_[k / 64] ^= std::uint64_t{1} << (k % 64); }
  bool has(std::size_t k) const { return words_[k / 64] >> (k % 64) & 1; }
  void add(const BitSet& other) {  // modulo 2
    for (std::size_t w = 0; w < words_.size(); ++w) words_[w] ^= other.words_[w];
  }
  // The largest number below `end`, or -1.
  std::int64_t last(std::size_t end) const {
    for (std::size_t w = (end + 63) / 64; w-- > 0;) {
      std::uint64_t word = words_[w];
      if (w == end / 64 && end % 64) word &= (std::uint64_t{1} << (end % 64)) - 1;
      if (!word) continue;
      std::int64_t at = 64 * static_cast<std::int64_t>(w);
      while (word >>= 1) ++at;
      return at;
    }
    return -1;
  }

 private:
  std::vector<std::uint64_t> words_;
};

struct PieceSurface {
  enum class Answer { kFound, kNone, kTooLarge } answer = Answer::kNone;
  std::vector<std::int64_t> corners;  // places of vertices, ascending
  std::vector<std::int64_t> faces;    // (m, 3) places among the corners, oriented
};

// The Rips complex of n vertices up to the length of one tetrahedron, in the filtration order of the engine.
class Piece {
 public:
  // `vertices` (n, 4) site and cell, ascending; `ticks` (n, n) of their distances; `own` the tetrahedron, ascending.
  Piece(const std::int64_t* vertices, const std::int64_t* ticks, std::size_t n, const std::int64_t own[4])
      : vertices_(vertices), ticks_(ticks), n_(n) {
    std::copy(own, own + 4, own_.begin());
  }

  // The surface whose longest edge has the tick `birth`; none of a piece of more than `most` tetrahedra.
  PieceSurface surface(std::int64_t birth, std::size_t most) {
    PieceSurface found;
    if (!list(most)) {
      found.answer = PieceSurface::Answer::kTooLarge;
      return found;
    }
    chain_ = BitSet(tetrahedra_.size());
    bound_ = BitSet(triangles_.size());
    fill(birth);
    const std::int64_t top = bound_.last(triangles_.size());
    if (top < 0 || triangle_tick_[top] != birth) return found;
    make_smaller(birth);
    if (give_signs() && check(birth, found)) found.answer = PieceSurface::Answer::kFound;
    return found;
  }

 private:
  using Triangle = std::array<std::int32_t, 3>;
  using Tetrahedron = std::array<std::int32_t, 4>;
  struct Column {
    BitSet chain, bound;
  };
  static constexpr std::array<int, 4> kSigns = {1, -1, 1, -1};  // of the facets, opposite the first vertex to the last

  std::int64_t tick(std::int32_t a, std::int32_t b) const { return ticks_[a * n_ + b]; }

  // False if there are more tetrahedra than `most`.
  bool list(std::size_t most) {
    std::int64_t limit = 0;
    for (int a = 0; a < 4; ++a)
      for (int b = 0; b < a; ++b) limit = std::max(limit, tick(own_[a], own_[b]));
    const std::int32_t n = static_cast<std::int32_t>(n_);
    const auto near = [&](std::int32_t a, std::int32_t b) { return tick(a, b) <= limit; };
    for (std::int32_t a = 0; a < n; ++a)
      for (std::int32_t b = a + 1; b < n; ++b) {
        if (!near(a, b)) continue;
        for (std::int32_t c = b + 1; c < n; ++c) {
          if (!near(a, c) || !near(b, c)) continue;
          triangles_.push_back({a, b, c});
          for (std::int32_t d = c + 1; d < n; ++d)
            if (near(a, d) && near(b, d) && near(c, d)) tetrahedra_.push_back({a, b, c, d});
        }
      }
    if (tetrahedra_.size() > most) return false;
    triangle_tick_ = sort(triangles_);
    tetrahedron_tick_ = sort(tetrahedra_);
    std::unordered_map<std::uint64_t, std::int32_t> place;
    place.reserve(2 * triangles_.size());
    const auto key = [&](std::int32_t a, std::int32_t b, std::int32_t c) {
      return (static_cast<std::uint64_t>(a) * n_ + b) * n_ + c;
    };
    for (std::size_t k = 0; k < triangles_.size(); ++k)
      place[key(triangles_[k][0], triangles_[k][1], triangles_[k][2])] = static_cast<std::int32_t>(k);
    std::vector<std::int32_t> opening(triangles_.size(), -1);
    for (std::size_t k = 0; k < tetrahedra_.size(); ++k) {
      const auto [a, b, c, d] = tetrahedra_[k];
      facets_.push_back({place[key(b, c, d)], place[key(a, c, d)], place[key(a, b, d)], place[key(a, b, c)]});
      for (const std::int32_t face : facets_.back())
        if (opening[face] < 0) opening[face] = static_cast<std::int32_t>(k);
      if (tetrahedra_[k] == own_) last_ = k;
    }
    // A tetrahedron that is the first to hold its last facet: its column needs no reducing. Most are such.
    for (std::size_t k = 0; k < facets_.size(); ++k) {
      latest_.push_back(*std::max_element(facets_[k].begin(), facets_[k].end()));
      apparent_.push_back(opening[latest_[k]] == static_cast<std::int32_t>(k));
    }
    return true;
  }

  // Puts simplices into the filtration order of their orbits, translates side by side; returns their ticks.
  template <class Simplex>
  std::vector<std::int64_t> sort(std::vector<Simplex>& simplices) const {
    constexpr std::size_t kCorners = std::tuple_size<Simplex>::value;
    using Key = std::array<std::int64_t, 1 + 4 * kCorners>;
    std::vector<Key> keys(simplices.size());
    for (std::size_t k = 0; k < simplices.size(); ++k) {
      Key& key = keys[k];
      key[0] = 0;
      for (std::size_t a = 0; a < kCorners; ++a)
        for (std::size_t b = 0; b < a; ++b) key[0] = std::max(key[0], tick(simplices[k][a], simplices[k][b]));
      const std::int64_t* first = vertices_ + 4 * simplices[k][0];
      std::size_t at = 1;
      key[at++] = first[0];
      for (std::size_t a = 1; a < kCorners; ++a) {
        const std::int64_t* vertex = vertices_ + 4 * simplices[k][a];
        key[at++] = vertex[0];
        for (int c = 1; c < 4; ++c) key[at++] = vertex[c] - first[c];
      }
      for (int c = 1; c < 4; ++c) key[at++] = first[c];
    }
    std::vector<std::size_t> order(simplices.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return keys[a] < keys[b]; });
    std::vector<Simplex> sorted(simplices.size());
    std::vector<std::int64_t> ticks(simplices.size());
    for (std::size_t k = 0; k < order.size(); ++k) {
      sorted[k] = simplices[order[k]];
      ticks[k] = keys[order[k]][0];
    }
    simplices = std::move(sorted);
    return ticks;
  }

  void add(std::size_t tetrahedron, BitSet& chain, BitSet& bound) const {
    chain.flip(tetrahedron);
    for (const std::int32_t face : facets_[tetrahedron]) bound.flip(face);
  }

  // A tetrahedron reduced until no triangle from `end` on is left, or as far as the columns at hand go; returns its
  // last triangle, or one before `end`.
  std::int64_t reduce(std::size_t tetrahedron, std::int64_t end, BitSet& chain, BitSet& bound) const {
    add(tetrahedron, chain, bound);
    for (std::size_t below = triangles_.size();;) {
      const std::int64_t top = bound.last(below);
      if (top < end) return top;
      const std::int32_t earlier = pivot_[top];
      if (earlier < 0) return top;
      const auto column = columns_.find(earlier);
      if (column == columns_.end()) {
        add(earlier, chain, bound);
      } else {
        chain.add(column->second.chain);
        bound.add(column->second.bound);
      }
      below = static_cast<std::size_t>(top) + 1;
    }
  }

  // The last tetrahedron reduced until no triangle is longer than the birth.
  void fill(std::int64_t birth) {
    const std::int64_t end =
        std::upper_bound(triangle_tick_.begin(), triangle_tick_.end(), birth) - triangle_tick_.begin();
    pivot_.assign(triangles_.size(), -1);
    for (std::size_t k = 0; k < last_; ++k)
      if (apparent_[k]) pivot_[latest_[k]] = static_cast<std::int32_t>(k);
    if (reduce(last_, end, chain_, bound_) < end) return;
    for (std::size_t k = 0; k < last_; ++k) {  // other columns are needed too
      if (apparent_[k]) continue;
      Column other{BitSet(tetrahedra_.size()), BitSet(triangles_.size())};
      const std::int64_t top = reduce(k, end, other.chain, other.bound);
      if (top < end) continue;
      pivot_[top] = static_cast<std::int32_t>(k);
      columns_.emplace(static_cast<std::int32_t>(k), std::move(other));
    }
    chain_ = BitSet(tetrahedra_.size());
    bound_ = BitSet(triangles_.size());
    reduce(last_, end, chain_, bound_);
  }

  // Fewer triangles: tetrahedra no longer than the birth change no class.
  void make_smaller(std::int64_t birth) {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t k = 0; k < tetrahedra_.size() && tetrahedron_tick_[k] <= birth; ++k) {
        int shared = 0;
        for (const std::int32_t face : facets_[k]) shared += bound_.has(face);
        if (shared > 2) add(k, chain_, bound_), changed = true;
      }
    }
  }

  // Signs by which the triangles between two tetrahedra of the chain cancel; false if there are none.
  bool give_signs() {
    std::vector<std::int32_t> members;
    std::unordered_map<std::int32_t, std::vector<std::int32_t>> sharing;
    for (std::size_t k = 0; k < tetrahedra_.size(); ++k) {
      if (!chain_.has(k)) continue;
      members.push_back(static_cast<std::int32_t>(k));
      for (const std::int32_t face : facets_[k]) sharing[face].push_back(members.back());
    }
    sign_.assign(tetrahedra_.size(), 0);
    std::vector<std::int32_t> waiting;
    for (auto seed = members.rbegin(); seed != members.rend(); ++seed) {  // the last tetrahedron first
      if (sign_[*seed]) continue;
      sign_[*seed] = 1;
      waiting.push_back(*seed);
      while (!waiting.empty()) {
        const std::int32_t k = waiting.back();
        waiting.pop_back();
        for (int which = 0; which < 4; ++which) {
          const std::int32_t face = facets_[k][which];
          const std::vector<std::int32_t>& both = sharing[face];
          if (both.size() != 2) continue;
          const std::int32_t other = both[0] + both[1] - k;
          const auto at = std::find(facets_[other].begin(), facets_[other].end(), face) - facets_[other].begin();
          const int wanted = -sign_[k] * kSigns[which] * kSigns[at];
          if (sign_[other] == 0) {
            sign_[other] = wanted;
            waiting.push_back(other);
          } else if (sign_[other] != wanted) {
            return false;
          }
        }
      }
    }
    return true;
  }

  // The boundary of the chain with signs, if it is what a surface must be.
  bool check(std::int64_t birth, PieceSurface& found) const {
    std::vector<std::int32_t> sums(triangles_.size(), 0);
    std::int64_t last = -1;
    for (std::size_t k = 0; k < tetrahedra_.size(); ++k) {
      if (sign_[k] == 0) continue;
      last = static_cast<std::int64_t>(k);
      for (int which = 0; which < 4; ++which) sums[facets_[k][which]] += sign_[k] * kSigns[which];
    }
    if (last != static_cast<std::int64_t>(last_)) return false;  // no tetrahedron comes after the last
    std::vector<Triangle> oriented;
    std::int64_t longest = -1;
    for (std::size_t k = 0; k < triangles_.size(); ++k) {
      if (sums[k] == 0) continue;
      if (sums[k] != 1 && sums[k] != -1) return false;
      const auto [a, b, c] = triangles_[k];
      oriented.push_back(sums[k] > 0 ? Triangle{a, b, c} : Triangle{a, c, b});
      longest = std::max(longest, triangle_tick_[k]);
    }
    if (longest != birth) return false;
    for (const Triangle& face : oriented) found.corners.insert(found.corners.end(), face.begin(), face.end());
    std::sort(found.corners.begin(), found.corners.end());
    found.corners.erase(std::unique(found.corners.begin(), found.corners.end()), found.corners.end());
    for (const Triangle& face : oriented)
      for (const std::int32_t vertex : face)
        found.faces.push_back(std::lower_bound(found.corners.begin(), found.corners.end(), vertex) -
                              found.corners.begin());
    return true;
  }

  const std::int64_t* vertices_;
  const std::int64_t* ticks_;
  std::size_t n_, last_ = 0;
  Tetrahedron own_{};
  std::vector<Triangle> triangles_;
  std::vector<Tetrahedron> tetrahedra_;
  std::vector<std::int64_t> triangle_tick_, tetrahedron_tick_;
  std::vector<std::array<std::int32_t, 4>> facets_;
  std::vector<std::int32_t> latest_, pivot_;
  std::vector<char> apparent_;
  std::unordered_map<std::int32_t, Column> columns_;
  BitSet chain_, bound_;
  std::vector<int> sign_;
};

}  // namespace periodic
