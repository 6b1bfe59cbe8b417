// Betti and percolation curves of the open candidate, beside those of a known conductor and the training range.
import { known, measured } from "./candidate.js";
import { data, make, select, short, unpack } from "./core.js";
import { source } from "./source.js";

const channels = [...new Set(data.curves.map((curve) => curve.channel))];
let channel = channels[0];
let readRadius = null; // Å, where the values are read
let drawn = [];
let beside = ""; // id of the known conductor that all candidates are compared with; "" for the nearest of each
let comparing = 0;

const sigmaOf = (id) => `${formulaText(known(id).formula)}, ${measured(id, known(id).sigma)} S/cm`;
const formulaText = (text) => text.replace(/(?<=[A-Za-z)\]])\d+(?:\.\d+)?/g, (amount) => amount.replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]));

async function drawCurves(parent, mine, { nearest, near }) {
  const turn = ++comparing;
  let other = near, others = [];
  try {
    others = (await source.comparable()).filter(known).sort((a, b) => known(b).sigma - known(a).sigma || (a < b ? -1 : 1));
    if (beside) other = await source.known(beside);
  } catch {
    beside = ""; // then beside its nearest
  }
  if (turn !== comparing) return;
  parent.replaceChildren();
  const again = () => drawCurves(parent, mine, { nearest, near });
  const choice = make(parent, "div", { class: "bar" });
  select(choice, "Compare with", [["", known(nearest) ? `the nearest: ${sigmaOf(nearest)}` : "the nearest known conductor"], ...others.filter((id) => id !== nearest).map((id) => [id, `${sigmaOf(id)} (${id})`])], beside, (id) => {
    beside = id;
    again().then(() => parent.querySelector("select").focus());
  });
  drawCharts(parent, mine, other, known(beside || nearest)?.formula);
}

function drawCharts(parent, mine, near, besideFormula) {
  const bar = make(parent, "div", { class: "bar" });
  const label = make(bar, "label", {}, "Sublattice ");
  const sublattice = make(label, "select");
  for (const name of channels) make(sublattice, "option", name === channel ? { value: name, selected: "" } : { value: name }, name);
  const slide = make(make(bar, "label", {}, "Radius "), "input", { type: "range", "aria-label": "radius at which values are read, Å" });
  const read = make(bar, "output", {}, "");
  const legend = make(parent, "p", { class: "legend" });
  for (const [css, words] of [["line-this", "this crystal"], ["line-near", besideFormula ? formulaText(besideFormula) : "nearest known conductor"], ["line-band", "training, 10–90 %"]]) {
    const entry = make(legend, "span");
    make(entry, "i", { class: css });
    entry.append(words);
  }
  const places = { beta: ["Betti curves: holes per site, against the distance r (Å) up to which sites are joined", make(parent, "div")], rank: ["Percolation: share of sites, against r (Å)", make(parent, "div")] };
  for (const [kind, [title, box]] of Object.entries(places)) {
    make(box, "h4", {}, title);
    make(box, "div", { class: `charts ${kind}` });
  }
  const draw = () => {
    drawn = [];
    for (const [, box] of Object.values(places)) box.lastChild.replaceChildren();
    data.curves.forEach((curve, k) => {
      if (curve.channel === channel) drawn.push(chart(places[curve.kind][1].lastChild, { curve, k, mine: unpack(mine[k]), near: near ? unpack(near[k]) : null }));
    });
    for (const [, box] of Object.values(places)) box.hidden = !box.lastChild.childElementCount;
    const radii = drawn[0].radii;
    Object.assign(slide, { min: radii[0], max: radii.at(-1), step: "any" });
    readAt(readRadius ?? (radii[0] + radii.at(-1)) / 2);
  };
  const readAt = (value) => {
    readRadius = value;
    slide.value = value;
    const { radii } = drawn[0];
    const place = radii.reduce((best, one, k) => (Math.abs(one - value) < Math.abs(radii[best] - value) ? k : best), 0);
    for (const one of drawn) one.readAt(place);
    read.textContent = `${radii[place].toFixed(2)} Å`;
  };
  sublattice.addEventListener("change", () => { channel = sublattice.value; readRadius = null; draw(); });
  slide.addEventListener("input", () => readAt(Number(slide.value)));
  parent.onpointermove = (event) => {
    const one = drawn.find((candidate) => candidate.svg.contains(event.target));
    if (one) readAt(one.radiusAt(event.clientX));
  };
  draw();
}

function chart(parent, { curve, k, mine, near }) {
  // Drawn at the width of its place, so that text keeps its size; 190 px where there is no layout yet.
  const columns = getComputedStyle(parent).gridTemplateColumns.split(" ");
  const W = Math.max(140, Math.round(parseFloat(columns[0])) || 190);
  const H = 132, L = 30, R = 6, T = 34, B = 18;
  const radii = curve.radii;
  near ??= mine.map(() => NaN);
  const low = unpack(data.band[k].low), high = unpack(data.band[k].high);
  const top = Math.max(...[...mine, ...near, ...high].filter(Number.isFinite), 0) || 1;
  const x = (r) => L + ((r - radii[0]) / (radii.at(-1) - radii[0] || 1)) * (W - L - R);
  const y = (v) => H - B - (v / top) * (H - T - B);
  const last = mine.findLastIndex(Number.isFinite);
  const words = `${curve.name}, ${curve.channel}: largest value ${short(Math.max(...mine.filter(Number.isFinite), 0))}, known up to ${last < 0 ? "no radius" : `${radii[last]} Å`}`;
  const svg = make(parent, "svg", { viewBox: `0 0 ${W} ${H}`, class: "curve", role: "img", "aria-label": words });
  const power10 = 10 ** Math.floor(Math.log10(top / 2));
  const step = [1, 2, 5, 10].map((factor) => factor * power10).findLast((one) => one <= (top / 2) * 1.001);
  for (let value = 0; value <= top * 1.001; value += step) {
    make(svg, "line", { x1: L, x2: W - R, y1: y(value), y2: y(value), class: "rule" });
    make(svg, "text", { x: L - 4, y: y(value) + 3.5, "text-anchor": "end", class: "tick" }, short(value));
  }
  for (let r = Math.ceil(radii[0] / 2) * 2; r <= radii.at(-1); r += 2) {
    const isLast = r + 2 > radii.at(-1);
    make(svg, "text", { x: isLast ? Math.min(W, x(r) + 16) : x(r), y: H - 6, "text-anchor": isLast ? "end" : "middle", class: "tick" }, isLast ? `${r} Å` : r);
  }
  const path = (values) => values.map((v, p) => (Number.isFinite(v) ? `${Number.isFinite(values[p - 1]) ? "L" : "M"}${x(radii[p]).toFixed(1)} ${y(v).toFixed(1)}` : "")).join("");
  const known = radii.map((_, p) => p).filter((p) => Number.isFinite(low[p]) && Number.isFinite(high[p]));
  if (known.length) {
    const edge = (values, places) => places.map((p) => `${x(radii[p]).toFixed(1)} ${y(values[p]).toFixed(1)}`).join("L");
    make(svg, "path", { d: `M${edge(high, known)}L${edge(low, [...known].reverse())}z`, class: "band" });
  }
  make(svg, "path", { d: path(near), class: "near" });
  make(svg, "path", { d: path(mine), class: "mine" });
  make(svg, "text", { x: 0, y: 11, class: "title" }, curve.name);
  const hair = make(svg, "line", { y1: T, y2: H - B, class: "hair" });
  const value = make(svg, "text", { x: 0, y: 26, class: "value" });
  const ofThis = make(value, "tspan", { class: "of-this" });
  const ofNear = make(value, "tspan", { class: "of-near", dx: 8 });
  return {
    svg, radii,
    radiusAt(clientX) {
      const box = svg.getBoundingClientRect();
      const share = (((clientX - box.left) / box.width) * W - L) / (W - L - R);
      return radii[0] + Math.min(1, Math.max(0, share)) * (radii.at(-1) - radii[0]);
    },
    readAt(p) {
      hair.setAttribute("x1", x(radii[p]));
      hair.setAttribute("x2", x(radii[p]));
      ofThis.textContent = short(mine[p]);
      ofNear.textContent = short(near[p]);
    },
  };
}

export { drawCurves };
