// Series of doped variants of the open candidate: the predicted difference from it, over x, one series at a time.
import { formula, make, minus, select, short } from "./core.js";

const W = 340, H = 170, L = 38, R = 10, T = 10, B = 30; // of the chart, in px of its own
const signed = (value) => (value === null ? "–" : `${value > 0 ? "+" : ""}${minus(value.toFixed(2))}`);
const title = ({ dopant, site }) => (site === "voids" ? `vacancies and interstitials of ${dopant}` : `${dopant} on ${site}`);

function drawSeries(parent, all) {
  make(parent, "h4", {}, "Doped variants: predicted difference of log₁₀ σ from this crystal, by x per formula unit");
  const bar = make(parent, "div", { class: "bar" });
  const box = make(parent, "div", { class: "series" });
  const show = (k) => box.replaceChildren() ?? drawOne(box, all[k]);
  select(bar, "Series", all.map((one, k) => [k, title(one)]), 0, (k) => show(Number(k)));
  show(0);
  make(parent, "p", { class: "note" }, "Of measured pairs of one structure the sign of such a difference was right little more often than by chance where no relative had been measured: it orders what to try, and decides nothing.");
}

function drawOne(parent, one) {
  const known = (values) => values.filter((value) => value !== null);
  const values = [...known(one.delta), ...known(one.lower), ...known(one.upper), ...known(one.composition), 0];
  const low = Math.min(...values), high = Math.max(...values), span = high - low || 1;
  const last = one.x.at(-1) || 1;
  const x = (value) => L + (value / last) * (W - L - R);
  const y = (value) => T + ((high - value) / span) * (H - T - B);
  const end = one.delta.length - 1;
  const interval = one.lower[end] === null ? "" : `, interval ${signed(one.lower[end])} to ${signed(one.upper[end])}`;
  const words = `${title(one)}: at x = ${short(one.x[end])} ${signed(one.delta[end])}${interval}, by composition ${signed(one.composition[end])}`;
  const svg = make(parent, "svg", { viewBox: `0 0 ${W} ${H}`, class: "curve", role: "img", "aria-label": words });
  for (const value of new Set([low, 0, high])) {
    make(svg, "line", { x1: L, x2: W - R, y1: y(value), y2: y(value), class: "rule" });
    make(svg, "text", { x: L - 4, y: y(value) + 3.5, "text-anchor": "end", class: "tick" }, minus(value.toFixed(1)));
  }
  for (const value of [0, last]) make(svg, "text", { x: x(value), y: H - 12, "text-anchor": value ? "end" : "middle", class: "tick" }, `${value ? "x = " : ""}${short(value)}`);
  const points = (list, places) => places.filter((k) => list[k] !== null).map((k) => `${x(one.x[k]).toFixed(1)} ${y(list[k]).toFixed(1)}`).join("L");
  const places = one.x.map((_, k) => k);
  if (known(one.lower).length === places.length) make(svg, "path", { d: `M${points(one.upper, places)}L${points(one.lower, [...places].reverse())}z`, class: "band" });
  if (known(one.composition).length) make(svg, "path", { d: `M${points(one.composition, places)}`, class: "near" });
  make(svg, "path", { d: `M${points(one.delta, places)}`, class: "mine" });
  const legend = make(parent, "p", { class: "legend" });
  for (const [css, text] of [["line-this", "by structure, with its interval"], ["line-near", "by composition alone"]]) {
    const entry = make(legend, "span");
    make(entry, "i", { class: css });
    entry.append(text);
  }
  const told = make(parent, "p", { class: "note" });
  formula(make(told, "bdi"), one.formula[end]);
  told.append(`: ${words}. ${one.balance === "nothing" ? "No charge to balance." : `Charge balanced by ${one.balance}.`}`);
  if (one.whole) told.append(" Sites are filled that their sublattice did not have; curves count a site whole, however little of it is filled.");
}

export { drawSeries };
