// Axes of a plot: where its ticks stand, and what they are called. A column of log₁₀ σ is told as a conductivity.
import { columns, level, minus, place, power } from "./core.js";

const isLog = (name) => columns[place[name]].label.includes("log₁₀ σ");
const axisLabel = (name) => {
  const label = columns[place[name]].label.replace("log₁₀ ", "");
  return label[0].toUpperCase() + label.slice(1);
};

// Round values within [low, high], about n of them; whole powers of ten for a logarithm.
function ticks(low, high, n, log) {
  const rough = (high - low) / n || 1;
  const base = 10 ** Math.floor(Math.log10(rough));
  const step = log ? Math.max(1, Math.ceil(rough)) : base * [1, 2, 5, 10].find((factor) => factor * base >= rough);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.max(0, Math.floor(high / step + 1e-9) - first + 1) }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}
const tickWords = (value, log) => (log ? level(value) : minus(String(value)));
const valueWords = (name, value) => (isLog(name) ? power(value) : minus(String(Number(value.toPrecision(3)))));

// [low, high] of some values, with a margin; a single value gets one of its own.
function spanOf(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
  if (low > high) return [0, 1];
  const margin = (high - low) * 0.04 || Math.abs(low) * 0.1 || 1;
  return [low - margin, high + margin];
}

export { axisLabel, isLog, spanOf, tickWords, ticks, valueWords };
