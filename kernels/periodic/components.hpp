// Union-find over the sites of a cell that remembers lattice shifts: components of the infinite crystal and along how
// many directions each runs on without end.
#pragma once

#include <cstdint>
#include <vector>

namespace periodic {

using Vector = std::int64_t[3];

inline void cross(const Vector a, const Vector b, Vector c) {
  c[0] = a[1] * b[2] - a[2] * b[1];
  c[1] = a[2] * b[0] - a[0] * b[2];
  c[2] = a[0] * b[1] - a[1] * b[0];
}
inline bool is_zero(const Vector a) { return a[0] == 0 && a[1] == 0 && a[2] == 0; }

// The rational span of the closed walks of a component. Rank 1 keeps a direction, rank 2 the normal of a plane.
struct Span {
  std::int32_t rank = 0;
  Vector first = {0, 0, 0}, second = {0, 0, 0}, normal = {0, 0, 0};

  bool insert(const Vector v) {  // true if the rank grew
    if (rank == 3 || is_zero(v)) return false;
    if (rank == 0) {
      for (int c = 0; c < 3; ++c) first[c] = v[c];
    } else if (rank == 1) {
      Vector n;
      cross(first, v, n);
      if (is_zero(n)) return false;
      for (int c = 0; c < 3; ++c) second[c] = v[c], normal[c] = n[c];
    } else if (normal[0] * v[0] + normal[1] * v[1] + normal[2] * v[2] == 0) {
      return false;
    }
    ++rank;
    return true;
  }
  void insert(const Span& other) {
    if (other.rank == 3) {
      rank = 3;
      return;
    }
    if (other.rank >= 1) insert(other.first);
    if (other.rank >= 2) insert(other.second);
  }
};

// What one edge does to the components.
struct Joined {
  bool changed;            // a merge, or a rank that grew
  std::int32_t died = -1;  // vertex whose H0 class with generic twisted coefficients the edge kills, or -1
};

class Components {
 public:
  void reset(std::int32_t n) {
    parent_.resize(n);
    size_.assign(n, 1);
    elder_.resize(n);
    shift_.assign(3 * static_cast<std::size_t>(n), 0);
    span_.assign(n, Span());
    for (std::int32_t i = 0; i < n; ++i) parent_[i] = elder_[i] = i;
    sites_[0] = n;
    sites_[1] = sites_[2] = sites_[3] = 0;
  }

  // Sites per cell in components of rank 0 (finite), 1 (chain), 2 (layer), 3 (framework).
  const std::int64_t* sites() const { return sites_; }

  // Joins (i, 0) with (j, z). A component keeps an H0 class while it is finite: it loses it to an elder finite
  // component, to an infinite one, or to its own first closed walk that is no loop (t^s - 1 is then a unit).
  Joined join(std::int32_t i, std::int32_t j, const std::int32_t z[3]) {
    Vector from, to, walk;
    std::int32_t root = find(i, from), other = find(j, to);
    for (int c = 0; c < 3; ++c) walk[c] = from[c] + z[c] - to[c];
    Joined result{true};
    if (root == other) {
      const std::int32_t before = span_[root].rank;
      result.changed = span_[root].insert(walk);
      if (!result.changed) return result;
      if (before == 0) result.died = elder_[root];
      sites_[before] -= size_[root];
      sites_[before + 1] += size_[root];
      return result;
    }
    const bool finite = span_[root].rank == 0, other_finite = span_[other].rank == 0;
    if (finite && other_finite)
      result.died = elder_[root] > elder_[other] ? elder_[root] : elder_[other];
    else if (finite || other_finite)
      result.died = elder_[finite ? root : other];
    sites_[span_[root].rank] -= size_[root];
    sites_[span_[other].rank] -= size_[other];
    if (size_[root] < size_[other]) {
      const std::int32_t swap = root;
      root = other;
      other = swap;
      for (int c = 0; c < 3; ++c) walk[c] = -walk[c];
    }
    parent_[other] = root;
    for (int c = 0; c < 3; ++c) shift_[3 * other + c] = walk[c];
    size_[root] += size_[other];
    if (elder_[other] < elder_[root]) elder_[root] = elder_[other];
    span_[root].insert(span_[other]);
    sites_[span_[root].rank] += size_[root];
    return result;
  }

  // Along how many directions the component of i runs on.
  std::int32_t rank(std::int32_t i) {
    Vector unused;
    return span_[find(i, unused)].rank;
  }

 private:
  // The root of i, and the shift of i in the frame of the root; halves the paths.
  std::int32_t find(std::int32_t i, Vector shift) {
    shift[0] = shift[1] = shift[2] = 0;
    while (parent_[i] != i) {
      const std::int32_t up = parent_[i];
      if (parent_[up] != up) {
        for (int c = 0; c < 3; ++c) shift_[3 * i + c] += shift_[3 * up + c];
        parent_[i] = parent_[up];
      }
      for (int c = 0; c < 3; ++c) shift[c] += shift_[3 * i + c];
      i = parent_[i];
    }
    return i;
  }

  std::vector<std::int32_t> parent_, size_, elder_;
  std::vector<std::int64_t> shift_;
  std::vector<Span> span_;
  std::int64_t sites_[4];
};

}  // namespace periodic
