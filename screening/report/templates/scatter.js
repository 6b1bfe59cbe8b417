// The candidates that fit, as points over the list: two columns against each other. A rectangle dragged over it, or the numbers beside it, become
// conditions of the list; they alone do not hide points here. Arrow keys walk from point to point, Enter opens one.
import { axisLabel, isLog, spanOf, tickWords, ticks, valueWords } from "./axes.js";
import { button, byId, cell, columns, grouped, has, kept, make, select } from "./core.js";
import { bound, boundsOf } from "./filters.js";
import { openRow } from "./list.js";
import { source } from "./source.js";
import { ask, listen, state, tell } from "./state.js";

const MOST = 5000; // points
const NEAR = 14; // pixels within which a pointer means a point
const [L, R, T, B] = [58, 12, 10, 34]; // margins, pixels
const NUMERIC = columns.filter((column) => column.kind === "number").map((column) => column.name);
const fold = byId("plot-fold");
const [boxes, canvas, told, caption] = ["plot-axes", "plot", "plot-told", "plot-words"].map(byId);
let points = []; // {x, y, row}
let total = 0;
let at = null; // the point that keys or the pointer are at
let drag = null; // {from, to} in pixels
let scale = null;

const axes = () => state.plot;
const inside = ({ x, y }) => [x, y].every((value, k) => {
  const [low, high] = boundsOf(axes()[k]);
  return value >= low && value <= high;
});
const isBrushed = () => axes().some((name) => boundsOf(name).some(Number.isFinite));
const medianOf = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

const gather = () => source.rows({ ...ask, conditions: ask.conditions.filter((one) => !axes().includes(one.column)), from: 0, count: MOST });

let asked = 0;
async function refresh() {
  if (!fold.open) return;
  const turn = ++asked;
  drawControls();
  try {
    const found = await gather();
    if (turn !== asked) return;
    const { rows } = found;
    total = found.total;
    points = rows.map((row) => ({ row, x: numberOf(cell(row, axes()[0])), y: numberOf(cell(row, axes()[1])) })).filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
    at = points.find(({ row }) => cell(row, "id") === (at ? cell(at.row, "id") : null)) ?? null;
    caption.textContent = words(rows.length);
    draw();
  } catch (error) {
    caption.textContent = `The plot could not be drawn: ${error.message}`;
  }
}
const numberOf = (value) => (value === null || value === "" ? NaN : Number(value));

// What is drawn, for those who do not see it too.
function words(n) {
  const [x, y] = axes();
  const range = (name, values) => `${axisLabel(name).replace(/^./, (c) => c.toLowerCase())} from ${valueWords(name, Math.min(...values))} to ${valueWords(name, Math.max(...values))}, median ${valueWords(name, medianOf(values))}`;
  const text = [`${grouped(points.length)} candidate${points.length === 1 ? "" : "s"}${n < total ? `, of the first ${grouped(n)} of ${grouped(total)} that fit` : ""}`];
  if (n > points.length) text.push(`${grouped(n - points.length)} without a number in one of the columns are not drawn`);
  if (points.length) text.push(range(x, points.map((point) => point.x)), range(y, points.map((point) => point.y)));
  if (isBrushed()) text.push(`${grouped(points.filter(inside).length)} within the limits, which the list shows`);
  return `${text.join("; ")}.`;
}

function drawControls() {
  if (boxes.contains(document.activeElement) && document.activeElement.matches("input")) return; // not under the hand that types
  const focused = document.activeElement?.getAttribute("data-axis");
  boxes.replaceChildren();
  axes().forEach((name, k) => {
    const group = make(boxes, "span", { class: "axis", role: "group", "aria-label": `${k ? "up" : "across"}: limits` });
    const pick = select(group, k ? "Up" : "Across", NUMERIC.map((one) => [one, columns.find((column) => column.name === one).label]), name, (value) => {
      state.plot = k ? [axes()[0], value] : [value, axes()[1]];
      fold.querySelector("summary span").textContent = title();
      tell("plotted");
      refresh();
    });
    pick.setAttribute("data-axis", String(k));
    boundsOf(name).forEach((value, side) => {
      const label = make(group, "label", {}, side ? "to " : "from ");
      const input = make(label, "input", { type: "number", step: "any", class: "limit", "data-axis": `${k}${side}`, "aria-label": `${axisLabel(name)}, ${isLog(name) ? "log₁₀, " : ""}${side ? "at most" : "at least"}` });
      input.value = Number.isFinite(value) ? value : "";
      input.addEventListener("change", () => {
        const limits = boundsOf(name);
        limits[side] = input.value === "" ? (side ? Infinity : -Infinity) : Number(input.value);
        bound([[name, ...limits]]);
      });
    });
  });
  const clear = button(boxes, "No limits", () => bound(axes().map((name) => [name, -Infinity, Infinity])), { class: "small", "data-axis": "clear" });
  clear.disabled = !isBrushed();
  if (focused) boxes.querySelector(`[data-axis="${focused}"]`)?.focus();
}
const title = () => axes().map((name) => axisLabel(name)).reverse().join(" against ").replace(/ against ./, (c) => c.toLowerCase());

function measure() {
  const [W, H] = [canvas.clientWidth, canvas.clientHeight];
  const [x, y] = [spanOf(points.map((point) => point.x)), spanOf(points.map((point) => point.y))];
  const across = (value) => L + ((value - x[0]) / (x[1] - x[0])) * (W - L - R);
  const up = (value) => H - B - ((value - y[0]) / (y[1] - y[0])) * (H - B - T);
  const back = ([px, py]) => [x[0] + ((px - L) / (W - L - R)) * (x[1] - x[0]), y[0] + ((H - B - py) / (H - B - T)) * (y[1] - y[0])];
  return { W, H, x, y, across, up, back };
}

function draw() {
  if (!fold.open || !canvas.clientWidth) return;
  scale = measure();
  const { W, H, across, up } = scale;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(W * ratio);
  canvas.height = Math.round(H * ratio);
  const g = canvas.getContext("2d");
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  const style = getComputedStyle(canvas);
  const [ink, faint, rule, blue, orange, paper] = ["--ink", "--faint", "--rule", "--blue", "--orange", "--paper"].map((name) => style.getPropertyValue(name));
  drawAxes(g, { ink, faint, rule });
  const brushed = isBrushed();
  const groups = [[false, false], [false, true], [true, false], [true, true]]; // [lies within the limits, lies in the domain], the former over the latter
  for (const [fits, known] of groups) {
    g.beginPath();
    for (const point of points) {
      if ((!brushed || inside(point)) !== fits || (cell(point.row, "in_domain") !== false) !== known) continue;
      const [px, py] = [across(point.x), up(point.y)];
      g.moveTo(px + 3, py);
      if (known) g.arc(px, py, 3, 0, 2 * Math.PI);
      else g.rect(px - 2.5, py - 2.5, 5, 5);
    }
    Object.assign(g, { globalAlpha: fits ? 0.75 : 0.18, fillStyle: blue, strokeStyle: orange, lineWidth: 1.4 });
    if (known) g.fill();
    else g.stroke();
  }
  g.globalAlpha = 1;
  drawBrush(g, brushed, blue);
  const chosen = points.find(({ row }) => cell(row, "id") === state.openId);
  for (const [point, size] of [[chosen, 6], [at, 8]]) {
    if (!point) continue;
    Object.assign(g, { strokeStyle: ink, lineWidth: 2 });
    g.beginPath();
    g.arc(across(point.x), up(point.y), size, 0, 2 * Math.PI);
    g.stroke();
  }
  if (at) drawName(g, at, { ink, paper, rule });
}

function drawAxes(g, { ink, faint, rule }) {
  const { W, H, x, y, across, up } = scale;
  const [nx, ny] = axes();
  Object.assign(g, { font: "11px system-ui, sans-serif", strokeStyle: rule, fillStyle: faint, lineWidth: 1, textAlign: "center" });
  const rail = (from, to) => {
    g.beginPath();
    g.moveTo(...from);
    g.lineTo(...to);
    g.stroke();
  };
  for (const value of ticks(...x, W / 90, isLog(nx))) {
    rail([across(value), T], [across(value), H - B]);
    g.fillText(tickWords(value, isLog(nx)), across(value), H - B + 14);
  }
  g.textAlign = "right";
  for (const value of ticks(...y, H / 45, isLog(ny))) {
    rail([L, up(value)], [W - R, up(value)]);
    g.fillText(tickWords(value, isLog(ny)), L - 6, up(value) + 4);
  }
  Object.assign(g, { textAlign: "center", fillStyle: ink });
  g.fillText(axisLabel(nx), (L + W - R) / 2, H - 4);
  g.save();
  g.translate(12, (T + H - B) / 2);
  g.rotate(-Math.PI / 2);
  g.fillText(axisLabel(ny), 0, 0);
  g.restore();
}

function drawBrush(g, brushed, blue) {
  let corners = drag?.to && [drag.from, drag.to];
  if (!corners && brushed) {
    const { W, H, across, up } = scale;
    const [x, y] = axes().map(boundsOf);
    const fit = (value, low, high) => Math.min(high, Math.max(low, value));
    corners = [0, 1].map((side) => [fit(Number.isFinite(x[side]) ? across(x[side]) : (side ? W - R : L), L, W - R), fit(Number.isFinite(y[side]) ? up(y[side]) : (side ? T : H - B), T, H - B)]);
  }
  if (!corners) return;
  const [[x0, y0], [x1, y1]] = corners;
  Object.assign(g, { fillStyle: blue, strokeStyle: blue, lineWidth: 1.5, globalAlpha: 0.1 });
  g.fillRect(x0, y0, x1 - x0, y1 - y0);
  g.globalAlpha = 1;
  g.setLineDash([5, 3]);
  g.strokeRect(x0, y0, x1 - x0, y1 - y0);
  g.setLineDash([]);
}

const nameOf = ({ row }) => `${cell(row, "formula")}, ${cell(row, "id")}`;
function drawName(g, point, { ink, paper, rule }) {
  const { W, across, up } = scale;
  Object.assign(g, { font: "600 12px system-ui, sans-serif", textAlign: "left" });
  let text = nameOf(point);
  if (text.length > 60) text = `${text.slice(0, 59)}…`;
  const width = g.measureText(text).width + 12;
  const [x, y] = [Math.max(2, Math.min(W - width - 2, across(point.x) + 12)), Math.max(2, up(point.y) - 28)];
  Object.assign(g, { fillStyle: paper, strokeStyle: rule, lineWidth: 1 });
  g.fillRect(x, y, width, 20);
  g.strokeRect(x, y, width, 20);
  g.fillStyle = ink;
  g.fillText(text, x + 6, y + 14);
}

const pixel = (event) => {
  const box = canvas.getBoundingClientRect();
  return [Math.min(scale.W - R, Math.max(L, event.clientX - box.left)), Math.min(scale.H - B, Math.max(T, event.clientY - box.top))];
};
function nearest([px, py]) {
  let [best, distance] = [null, NEAR];
  for (const point of points) {
    const d = Math.hypot(scale.across(point.x) - px, scale.up(point.y) - py);
    if (d < distance) [best, distance] = [point, d];
  }
  return best;
}
function brush() {
  const corners = [drag.from, drag.to].map(scale.back);
  bound(axes().map((name, k) => {
    const [from, to] = k ? scale.y : scale.x;
    const step = 10 ** Math.floor(Math.log10((to - from) / 300)); // finer than a pixel
    const [low, high] = corners.map((corner) => corner[k]).sort((p, q) => p - q);
    return [name, ...[Math.floor(low / step), Math.ceil(high / step)].map((n) => Number((n * step).toPrecision(8)))];
  }));
}
function go(to) {
  at = to;
  const [x, y] = axes();
  told.textContent = to ? `${nameOf(to)}: ${axisLabel(x)} ${valueWords(x, to.x)}, ${axisLabel(y)} ${valueWords(y, to.y)}` : "";
  draw();
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button || !scale) return;
  drag = { from: pixel(event), to: null };
  canvas.setPointerCapture(event.pointerId);
});
canvas.addEventListener("pointermove", (event) => {
  if (!scale) return;
  const now = pixel(event);
  if (drag && (drag.to || Math.hypot(now[0] - drag.from[0], now[1] - drag.from[1]) > 5)) drag.to = now;
  else if (!drag) at = nearest(now);
  draw();
});
canvas.addEventListener("pointerup", () => {
  const done = drag;
  if (done?.to) brush();
  drag = null;
  const point = done && !done.to && nearest(done.from);
  if (point) {
    go(point);
    openRow(point.row, true);
  } else draw();
});
for (const name of ["pointercancel", "pointerleave"]) canvas.addEventListener(name, () => { drag = null; at = null; draw(); });
canvas.addEventListener("keydown", (event) => {
  const along = { ArrowLeft: ["x", -1], ArrowRight: ["x", 1], ArrowDown: ["y", -1], ArrowUp: ["y", 1], Home: ["x", -Infinity], End: ["x", Infinity] }[event.key];
  if (event.key === "Escape") {
    drag = null;
    go(null);
  } else if ((event.key === "Enter" || event.key === " ") && at) {
    event.preventDefault();
    openRow(at.row, true);
  } else if (along && points.length) {
    event.preventDefault();
    const [key, step] = along;
    const other = key === "x" ? "y" : "x";
    const order = points.toSorted((p, q) => p[key] - q[key] || p[other] - q[other] || p.row.at - q.row.at);
    const from = at ?? points.find(({ row }) => cell(row, "id") === state.openId);
    go(order[from ? Math.min(order.length - 1, Math.max(0, order.indexOf(from) + step)) : step < 0 ? order.length - 1 : 0]);
  }
});
canvas.addEventListener("blur", () => go(null));

// The page is painted first, with its list. A page that nobody sees is never painted: it waits for some seconds.
const afterPaint = new Promise((done) => {
  setTimeout(done, 5000);
  new PerformanceObserver((seen) => { if (seen.getEntriesByName("first-contentful-paint").length) done(); }).observe({ type: "paint", buffered: true });
});

function startPlot() {
  if (NUMERIC.length < 2) return;
  state.plot = state.plot.map((name, k) => (has(name) ? name : NUMERIC[k]));
  fold.hidden = false;
  fold.open = kept.get("plot") ?? innerWidth > 1000;
  fold.querySelector("summary").addEventListener("click", () => kept.set("plot", !fold.open));
  fold.addEventListener("toggle", () => afterPaint.then(refresh));
  listen("asked", () => {
    fold.querySelector("summary span").textContent = title();
    afterPaint.then(refresh);
  });
  listen("open", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(draw).observe(canvas);
}

export { draw, startPlot };
