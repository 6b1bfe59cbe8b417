// The chosen crystal: facts, and its curves beside those of its nearest known conductor and the training range.
const svgSpace = document.querySelector("svg").namespaceURI;
const detail = document.getElementById("detail");
const channels = [...new Set(data.curves.map((curve) => curve.channel))];
let channel = channels[0];
let radius = null; // Å, where the values are read
let drawn = [];

function make(parent, name, attributes = {}, text) {
  const node = parent instanceof SVGElement || name === "svg" ? document.createElementNS(svgSpace, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

function unpack([maximum, coded]) {
  const bytes = Uint8Array.from(atob(coded), (character) => character.charCodeAt(0));
  const values = new Array(bytes.length / 2);
  for (let k = 0; k < values.length; k++) {
    const step = bytes[2 * k] + 256 * bytes[2 * k + 1];
    values[k] = step === 65535 ? NaN : (step / 65534) * maximum;
  }
  return values;
}

const superscript = (number) => String(number).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"["0123456789".indexOf(c)] ?? "⁻");
function power(log10) {
  if (log10 === null) return "not measured";
  let exponent = Math.floor(log10);
  let mantissa = (10 ** (log10 - exponent)).toFixed(1);
  if (mantissa === "10.0") [mantissa, exponent] = ["1.0", exponent + 1];
  return `${mantissa} × 10${superscript(exponent)}`;
}
const measured = (id, log10) => `${data.bounds.includes(id) ? "< " : ""}${power(log10)} S/cm`; // "<": an upper bound
const short = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "–");

function formula(parent, text) {
  text.split(/(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)/).forEach((piece, k) => {
    if (k % 2) make(parent, "sub", {}, piece);
    else {
      if (k && /^[\p{Lu}([]/u.test(piece)) make(parent, "wbr");
      parent.append(piece);
    }
  });
}

function fact(list, name, value) {
  const div = make(list, "div");
  make(div, "dt", {}, name);
  return make(div, "dd", {}, value);
}

function showDetail(i) {
  detail.replaceChildren();
  const heading = make(detail, "h3");
  formula(make(heading, "bdi"), cell(i, "formula")); // bdi: names in a script that runs right to left turn nothing around them
  const name = make(detail, "p", { class: "id" });
  make(name, "bdi", {}, cell(i, "id"));
  name.append(` · rank ${cell(i, "rank")}`);
  const list = make(detail, "dl", { class: "facts" });
  fact(list, "predicted σ", `${power(cell(i, "prediction"))} S/cm`);
  fact(list, "interval", `${power(cell(i, "lower"))} to ${power(cell(i, "upper"))}`);
  if (cell(i, "chance") !== null) fact(list, "chance of the target", `${Math.round(100 * cell(i, "chance"))} %`);
  if (cell(i, "measured") !== null) fact(list, "measured σ", measured(cell(i, "id"), cell(i, "measured")));
  const near = fact(list, "nearest known", "");
  formula(make(near, "bdi"), cell(i, "nearest_formula"));
  near.append(" (");
  make(near, "bdi", {}, cell(i, "nearest"));
  near.append(`), ${measured(cell(i, "nearest"), cell(i, "nearest_measured"))}`);
  fact(list, "distance", `${cell(i, "distance") === "Infinity" ? "∞" : short(cell(i, "distance") ?? NaN)}${cell(i, "in_domain") ? "" : ", out of domain"}`);
  const [sites, volume, group] = data.facts[i];
  fact(list, "cell", `${sites} sites, ${volume} Å³${group > 0 ? `, space group ${group}` : ""}`);
  fact(list, "source", cell(i, "source"));
  if (channels.length) drawCurves(i);
}

function drawCurves(i) {
  const bar = make(detail, "div", { class: "bar" });
  const label = make(bar, "label", {}, "Sublattice ");
  const select = make(label, "select");
  for (const name of channels) make(select, "option", name === channel ? { value: name, selected: "" } : { value: name }, name);
  const slide = make(make(bar, "label", {}, "Radius "), "input", { type: "range", "aria-label": "radius at which values are read, Å" });
  const read = make(bar, "output", {}, "");
  const legend = make(detail, "p", { class: "legend" });
  for (const [css, words] of [["line-this", "this crystal"], ["line-near", "nearest known conductor"], ["line-band", "training, 10–90 %"]]) {
    const entry = make(legend, "span");
    make(entry, "i", { class: css });
    entry.append(words);
  }
  const places = { beta: ["Betti curves: holes per site", make(detail, "div")], rank: ["Percolation: share of sites", make(detail, "div")] };
  for (const [kind, [title, box]] of Object.entries(places)) {
    make(box, "h4", {}, title);
    make(box, "div", { class: `charts ${kind}` });
  }
  const draw = () => {
    drawn = [];
    for (const [, box] of Object.values(places)) box.lastChild.replaceChildren();
    data.curves.forEach((curve, k) => {
      if (curve.channel === channel) drawn.push(chart(places[curve.kind][1].lastChild, { curve, k, i }));
    });
    for (const [, box] of Object.values(places)) box.hidden = !box.lastChild.childElementCount;
    const radii = drawn[0].radii;
    Object.assign(slide, { min: radii[0], max: radii.at(-1), step: "any" });
    readAt(radius ?? (radii[0] + radii.at(-1)) / 2);
  };
  const readAt = (value) => {
    radius = value;
    slide.value = value;
    const { radii } = drawn[0];
    const place = radii.reduce((best, one, k) => (Math.abs(one - value) < Math.abs(radii[best] - value) ? k : best), 0);
    for (const one of drawn) one.readAt(place);
    read.textContent = `${radii[place].toFixed(2)} Å`;
  };
  select.addEventListener("change", () => { channel = select.value; radius = null; draw(); });
  slide.addEventListener("input", () => readAt(Number(slide.value)));
  detail.onpointermove = (event) => {
    const one = drawn.find((candidate) => candidate.svg.contains(event.target));
    if (one) readAt(one.radiusAt(event.clientX));
  };
  draw();
}

function chart(parent, { curve, k, i }) {
  // Drawn at the width of its place, so that text keeps its size; 190 px where there is no layout yet.
  const columns = getComputedStyle(parent).gridTemplateColumns.split(" ");
  const W = Math.max(140, Math.round(parseFloat(columns[0])) || 190);
  const H = 132, L = 30, R = 6, T = 34, B = 18;
  const radii = curve.radii;
  const mine = unpack(data.of[i][k]);
  const near = data.nearest[cell(i, "nearest")] ? unpack(data.nearest[cell(i, "nearest")][k]) : mine.map(() => NaN);
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
  for (let r = Math.ceil(radii[0] / 2) * 2; r <= radii.at(-1); r += 2) make(svg, "text", { x: x(r), y: H - 6, "text-anchor": "middle", class: "tick" }, r);
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

if (lines.length) choose(lines[0], false);
// Drawn anew whenever the panel has another width than at the last drawing, whatever changed it (window, scrollbar, fonts).
let width = detail.clientWidth;
new ResizeObserver(() => {
  if (detail.clientWidth === width || chosen < 0) return; // a phone's address bar changes the height alone
  width = detail.clientWidth;
  showDetail(chosen);
}).observe(detail);
