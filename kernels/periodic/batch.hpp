// Runs an engine over a batch of clouds on several threads. Every cloud has its own result slot, so the outcome does
// not depend on the number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace periodic {

struct Batch {
  const double* lattices;       // (n_clouds, 3, 3)
  const double* positions;      // (n_points, 3)
  const std::int64_t* offsets;  // (n_clouds + 1)
  std::size_t n_clouds;

  const double* lattice(std::size_t k) const { return lattices + 9 * k; }
  const double* points(std::size_t k) const { return positions + 3 * offsets[k]; }
  std::int32_t count(std::size_t k) const { return static_cast<std::int32_t>(offsets[k + 1] - offsets[k]); }
};

// Calls work(engine, cloud) for each cloud, largest clouds first so that no thread is left with one at the end. An
// exception (no memory) stops all threads and is thrown again here.
template <class Engine, class Work>
inline void for_each_cloud(const Batch& batch, int threads, Work&& work) {
  std::vector<std::size_t> order(batch.n_clouds);
  for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return batch.count(a) > batch.count(b); });
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failing;
  const auto loop = [&]() {
    try {
      Engine engine;
      for (std::size_t k; (k = next.fetch_add(1)) < order.size();) work(engine, order[k]);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(failing);
      failure = std::current_exception();
      next = order.size();
    }
  };
  std::vector<std::thread> helpers;
  const std::size_t wanted = std::min<std::size_t>(threads > 1 ? threads - 1 : 0, batch.n_clouds);
  for (std::size_t k = 0; k < wanted; ++k) helpers.emplace_back(loop);
  loop();
  for (std::thread& helper : helpers) helper.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace periodic
