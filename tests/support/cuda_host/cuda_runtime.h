// Stands in for the CUDA runtime where there is none: memory is the host's, and each kernel runs as a grid of one block
// of one thread. Kernels that loop over their work with a stride of the grid do all of it so; a warp has one lane.
//
// Faults for tests, by the size of the input: CUDA_HOST_CRASH_AT, CUDA_HOST_EXIT_AT and CUDA_HOST_HANG_AT name numbers
// of points at whose distance matrix the process dies, exits, or hangs. CUDA_HOST_NO_DEVICE: every call fails.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __shared__

using cudaError_t = int;
constexpr cudaError_t cudaSuccess = 0, cudaErrorNoDevice = 100;
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
constexpr unsigned cudaHostAllocPortable = 1, cudaHostAllocMapped = 2;

struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
  int maxThreadsPerBlock, multiProcessorCount, major, minor;
};

struct Place {
  unsigned x = 0, y = 0, z = 0;
};
static const Place threadIdx, blockIdx;
static const Place blockDim{1, 1, 1}, gridDim{1, 1, 1};
inline std::int64_t shared_vertices[1 << 16];  // what `extern __shared__` arrays of that name refer to

inline bool host_fault_at(const char* variable, std::size_t bytes) {
  const char* text = std::getenv(variable);
  if (!text) return false;
  const std::size_t n = std::strtoul(text, nullptr, 10);
  return bytes == sizeof(float) * n * (n - 1) / 2;
}

inline cudaError_t host_state() { return std::getenv("CUDA_HOST_NO_DEVICE") ? cudaErrorNoDevice : cudaSuccess; }

inline cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  if (host_fault_at("CUDA_HOST_CRASH_AT", bytes)) std::raise(SIGSEGV);
  if (host_fault_at("CUDA_HOST_EXIT_AT", bytes)) std::exit(1);
  while (host_fault_at("CUDA_HOST_HANG_AT", bytes)) sleep(1);
  *pointer = std::malloc(bytes ? bytes : 1);
  return host_state();
}
inline cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned) {
  *pointer = std::malloc(bytes ? bytes : 1);
  return host_state();
}
inline cudaError_t cudaHostGetDevicePointer(void* device, void* host, unsigned) {
  *static_cast<void**>(device) = host;
  return host_state();
}
template <typename T>
cudaError_t cudaHostGetDevicePointer(T** device, void* host, unsigned) {
  *device = static_cast<T*>(host);
  return host_state();
}
inline cudaError_t cudaFree(void* pointer) {
  std::free(pointer);
  return host_state();
}
inline cudaError_t cudaFreeHost(void* pointer) { return cudaFree(pointer); }
inline cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind) {
  std::memmove(to, from, bytes);
  return host_state();
}
inline cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  std::memset(to, value, bytes);
  return host_state();
}
inline cudaError_t cudaDeviceSynchronize() { return host_state(); }
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"host", std::size_t{4} << 30, 1024, 1, 9, 0};
  return host_state();
}
inline cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = *total = std::size_t{4} << 30;
  return host_state();
}
template <typename Kernel>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Kernel, int, std::size_t) {
  *blocks = 1;
  return host_state();
}
inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorNoDevice ? "no CUDA-capable device is detected" : "no error";
}

inline int __ballot_sync(unsigned, int predicate) { return predicate ? 1 : 0; }
template <typename T>
T __shfl_sync(unsigned, T value, int) {
  return value;
}
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline unsigned long long atomicAdd(unsigned long long* place, unsigned long long value) {
  const unsigned long long before = *place;
  *place += value;
  return before;
}
