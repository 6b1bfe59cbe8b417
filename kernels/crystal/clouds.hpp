// A batch of crystals → the points of every channel, channel by channel.
#pragma once

#include <cstdint>
#include <vector>

#include "anions.hpp"
#include "channels.hpp"

namespace crystal {

enum class Sublattice { kMobile = 0, kAnion = 1, kCation = 2, kFramework = 3, kAll = 4 };

struct ChannelRules {
  std::vector<Sublattice> channels;
  std::vector<double> tolerances;  // Å: split sites closer than this are one
  std::uint8_t mobile;             // atomic number of the mobile ion
  AnionRules anions;
  MergeRules merging;
};

// The clouds of one channel, flat; crystals that cannot be used have none.
struct Clouds {
  std::vector<double> positions, occupancies;
  std::vector<std::int64_t> offsets{0};
};

constexpr int kNoMobileIon = 3;

class CloudMaker {
 public:
  explicit CloudMaker(const ChannelRules& rules) : rules_(rules), anions_(rules.anions) {
    for (const Sublattice channel : rules.channels)
      asks_anions_ = asks_anions_ || channel == Sublattice::kAnion || channel == Sublattice::kCation;
  }

  // Appends the clouds of one crystal to those of each channel. Returns 0; 1 for a cell without volume, 2 for a
  // position that is no number, 3 where there is no mobile ion; then nothing is appended.
  int append(const Atoms& atoms, std::vector<Clouds>& clouds) {
    const std::size_t n = atoms.n;
    bool mobile = false;
    for (std::size_t k = 0; k < n; ++k) mobile = mobile || atoms.numbers[k] == rules_.mobile;
    if (!mobile) return kNoMobileIon;
    if (asks_anions_)
      if (const int status = anions_.run(atoms, anion_)) return status;
    masks_.resize(rules_.channels.size() * n);
    for (std::size_t channel = 0; channel < rules_.channels.size(); ++channel)
      for (std::size_t k = 0; k < n; ++k)
        masks_[channel * n + k] = belongs(rules_.channels[channel], atoms.numbers[k] == rules_.mobile, k);
    points_.clear();
    if (const int status = channel_points(atoms, masks_.data(), rules_.tolerances, rules_.merging, points_))
      return status;
    for (std::size_t channel = 0; channel < clouds.size(); ++channel) {
      const std::int64_t begin = points_.point_offsets[channel], end = points_.point_offsets[channel + 1];
      Clouds& of = clouds[channel];
      of.positions.insert(of.positions.end(), points_.positions.begin() + 3 * begin,
                          points_.positions.begin() + 3 * end);
      of.occupancies.insert(of.occupancies.end(), points_.occupancies.begin() + begin,
                            points_.occupancies.begin() + end);
      of.offsets.push_back(static_cast<std::int64_t>(of.occupancies.size()));
    }
    return 0;
  }

 private:
  bool belongs(Sublattice channel, bool mobile, std::size_t k) const {
    switch (channel) {
      case Sublattice::kMobile:
        return mobile;
      case Sublattice::kAnion:
        return anion_[k] && !mobile;
      case Sublattice::kCation:
        return !anion_[k] && !mobile;
      case Sublattice::kFramework:
        return !mobile;
      case Sublattice::kAll:
        return true;
    }
    return false;
  }

  const ChannelRules rules_;
  Anions anions_;
  bool asks_anions_ = false;
  std::vector<char> anion_, masks_;
  Channels points_;
};

}  // namespace crystal
