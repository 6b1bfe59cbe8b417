// The energy of a mobile ion beside one kind of atom, as a function of their squared distance, from a table.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace bvse {

// Morse attraction (of an anion) and screened repulsion (of a cation); a kind has one of them, the other is zero.
struct Kind {
  double r_min;      // distance of least energy, Å
  double alpha;      // 1/Å
  double d0;         // twice the depth of the well, eV
  double coulomb;    // 14.4 q1 q2 / sqrt(n1 n2), eV Å
  double screening;  // 0.74 (rho1 + rho2), Å
};

// A mobile ion upon an atom would have no energy; nearer than this counts as this near.
constexpr double kNearest = 0.01;

inline double energy(const Kind& kind, double distance) {
  const double r = distance < kNearest ? kNearest : distance;
  double sum = 0.0;
  if (kind.d0 != 0.0) {
    const double e = std::exp(kind.alpha * (kind.r_min - r)) - 1.0;
    sum += 0.5 * kind.d0 * (e * e - 1.0);
  }
  if (kind.coulomb != 0.0) sum += kind.coulomb * std::erfc(r / kind.screening) / r;
  return sum;
}

// Linear between nodes equally spaced in the squared distance. The error is at most an eighth of the squared spacing
// times the curvature: below 1e-5 eV where one atom gives less than 10 eV. Nearer than `kExact` the formula is used.
class Table {
 public:
  static constexpr std::int32_t kNodes = 1 << 15;
  static constexpr double kExact2 = 0.8 * 0.8;  // Å^2

  Table(const Kind& kind, double cutoff) : kind_(kind), scale_((kNodes - 2) / (cutoff * cutoff)), nodes_(kNodes) {
    for (std::int32_t k = 0; k < kNodes; ++k) nodes_[k] = energy(kind, std::sqrt(k / scale_));
  }

  double at(double r2) const {  // r2 from kExact2 to the squared cutoff
    const double x = r2 * scale_;
    const std::int32_t k = static_cast<std::int32_t>(x);
    return nodes_[k] + (x - k) * (nodes_[k + 1] - nodes_[k]);
  }
  double exactly(double r2) const { return energy(kind_, std::sqrt(r2)); }

 private:
  Kind kind_;
  double scale_;
  std::vector<double> nodes_;
};

}  // namespace bvse
