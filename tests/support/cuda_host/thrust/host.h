// The few algorithms of thrust that are used, on the host.
#pragma once

#include <algorithm>
#include <numeric>

namespace thrust {

struct Device {};
constexpr Device device{};

template <typename Iterator, typename T>
void fill(Device, Iterator first, Iterator last, const T& value) {
  std::fill(first, last, value);
}
template <typename Iterator>
void sort(Device, Iterator first, Iterator last) {
  std::sort(first, last);
}
template <typename Iterator, typename Less>
void sort(Device, Iterator first, Iterator last, Less less) {
  std::sort(first, last, less);
}
template <typename Iterator, typename T>
std::int64_t count(Device, Iterator first, Iterator last, const T& value) {
  return std::count(first, last, value);
}
template <typename Iterator, typename Out, typename T>
void exclusive_scan(Device, Iterator first, Iterator last, Out out, T start) {
  for (T sum = start; first != last; ++first, ++out) {
    const T value = *first;
    *out = sum;
    sum += value;
  }
}

}  // namespace thrust
