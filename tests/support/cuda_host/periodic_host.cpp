// The exact engine's CUDA source, run on the host warp after warp.
#define PERIODIC_HOST_WARP "warp_host.hpp"
#include "periodic/engine.cuh"

extern "C" void host_screening_periodic(const Launch* launch, std::uint64_t seed) {
  run_warp([launch] { compute_clouds(*launch, 0); }, seed);
}
extern "C" std::uint32_t host_launch_bytes() { return sizeof(Launch); }
