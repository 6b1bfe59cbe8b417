// The rule by which distances are made comparable: floor(distance / resolution + phase), as in barcodes.py.
#pragma once

#include <cmath>
#include <cstdint>

namespace periodic {

struct TickRule {
  double resolution;  // Å per tick
  double phase;       // in (0, 1)

  std::int32_t tick(double distance) const {
    return static_cast<std::int32_t>(std::floor(distance / resolution + phase));
  }
  // A radius below which lie all distances of ticks <= t, by less than 1e-9 Å.
  double reach(std::int32_t t) const { return (t + 1 - phase) * resolution + 1e-9; }
};

constexpr std::int32_t kNever = INT32_MAX;  // tick of what does not happen up to the largest radius

}  // namespace periodic
