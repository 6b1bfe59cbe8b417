// Bars and percolation ranks of the clouds in a file, compiled against the kernels of any commit from f823789 on; run
// under valgrind by scripts/bench_instructions.py, which writes the file. Prints a digest of all that came back.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "periodic/barcode.hpp"
#include "periodic/percolation.hpp"

using namespace periodic;

static std::uint64_t digest = 1469598103934665603ull;

template <class T>
void mix(const T* values, std::size_t count) {
  for (std::size_t k = 0; k < count; ++k) digest = (digest ^ static_cast<std::uint64_t>(values[k])) * 1099511628211ull;
}

static void add(const CloudResult& result) {
  for (const Bar& bar : result.bars) {
    const std::int64_t row[3] = {bar.dim, bar.birth, bar.death};
    mix(row, 3);
  }
}

static void add(const PercolationResult& result) {
  mix(result.ticks.data(), result.ticks.size());
  mix(result.counts.data(), result.counts.size());
}

// Both in one pass where the engine can, else one after the other.
template <class Engine>
auto both(Engine& engine, const double* lattice, const double* x, std::int32_t n, double r, const Settings& settings,
          int) -> decltype(engine.run(lattice, x, n, r, settings, std::declval<CloudResult&>(),
                                      static_cast<PercolationResult*>(nullptr)),
                           void()) {
  CloudResult bars;
  PercolationResult ranks;
  engine.run(lattice, x, n, r, settings, bars, &ranks);
  add(bars);
  add(ranks);
}

template <class Engine, class Ranks = PercolationEngine>
void both(Engine& engine, const double* lattice, const double* x, std::int32_t n, double r, const Settings& settings,
          long) {
  static Ranks percolation;
  CloudResult bars;
  PercolationResult ranks;
  engine.run(lattice, x, n, r, settings, bars);
  percolation.run(lattice, x, n, r, settings, ranks);
  add(bars);
  add(ranks);
}

template <class T>
std::vector<T> read(std::FILE* file, std::size_t count) {
  std::vector<T> values(count);
  if (std::fread(values.data(), sizeof(T), count, file) != count) std::exit(1);
  return values;
}

int main(int, char** arguments) {
  std::FILE* file = std::fopen(arguments[1], "rb");
  if (file == nullptr) return 1;
  const std::size_t clouds = static_cast<std::size_t>(read<std::int64_t>(file, 1)[0]);
  const auto offsets = read<std::int64_t>(file, clouds + 1);
  const auto lattices = read<double>(file, 9 * clouds), radii = read<double>(file, clouds);
  const auto positions = read<double>(file, 3 * static_cast<std::size_t>(offsets[clouds]));
  Settings settings{};
  settings.rule = {1e-4, 0.6180339887498949};
  settings.max_dim = 2;
  settings.budget = 200000000;
  settings.tolerance = 1e-6;
  settings.prime = 2147483647u;
  settings.seed = 1;
  BarcodeEngine engine;
  for (std::size_t k = 0; k < clouds; ++k)
    both(engine, &lattices[9 * k], &positions[3 * static_cast<std::size_t>(offsets[k])],
         static_cast<std::int32_t>(offsets[k + 1] - offsets[k]), radii[k], settings, 0);
  std::printf("%016llx\n", static_cast<unsigned long long>(digest));
}
