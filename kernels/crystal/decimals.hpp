// Plain decimal numbers such as -0.25, exactly as a correct parser reads them.
#pragma once

#include <cstdint>

namespace crystal {

struct Decimal {
  double value = 0.0;
  std::int8_t decimals = 0, significant = 0;  // digits after the point; those of them before trailing zeros
};

// Returns false for anything but an optional sign and at most 15 digits with at most one point among them, with or
// without an uncertainty in parentheses. Such a number is a whole one below 2^53 over a power of ten below 10^22, both
// exact, so that one division rounds correctly.
inline bool plain_decimal(const char* text, std::size_t length, Decimal& number) {
  static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  std::size_t at = 0;
  const bool negative = length > 0 && text[0] == '-';
  if (negative || (length > 0 && text[0] == '+')) ++at;
  std::int64_t whole = 0;
  int digits = 0, decimals = 0, significant = 0;
  bool point = false;
  for (; at < length; ++at) {
    if (text[at] == '.' && !point) {
      point = true;
      continue;
    }
    if (text[at] < '0' || text[at] > '9') break;
    if (++digits > 15) return false;
    whole = 10 * whole + (text[at] - '0');
    decimals += point;
    if (text[at] != '0') significant = decimals;
  }
  if (digits == 0) return false;
  if (at < length) {
    if (text[at] != '(' || text[length - 1] != ')' || length - at < 3) return false;
    for (std::size_t k = at + 1; k + 1 < length; ++k)
      if (text[k] < '0' || text[k] > '9') return false;
  }
  number.value = static_cast<double>(whole) / powers[decimals];
  if (negative) number.value = -number.value;
  number.decimals = static_cast<std::int8_t>(decimals);
  number.significant = static_cast<std::int8_t>(significant);
  return true;
}

}  // namespace crystal
