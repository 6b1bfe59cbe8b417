// Bars of one sublattice as a diagram and a list; the chosen one is lit up in the structure.
import { button, make, select } from "./core.js";
import { apply, cells, less, plus } from "./vectors.js";

const DIM = { 1: ["ring", "circle"], 2: ["cavity", "square"] };
const RANK = { 1: "chains", 2: "layers", 3: "a 3-D framework" };
const NAMED = 16; // atoms told of a hole
const pairs = (n) => Array.from({ length: n }, (_, i) => Array.from({ length: n - i - 1 }, (_, k) => [i, i + k + 1])).flat();
const triples = (n) => pairs(n).flatMap(([i, j]) => Array.from({ length: n - j - 1 }, (_, k) => [i, j, j + k + 1]));

// One simplex, or the line around a ring, as the view draws it; a corner stands at the mean of its atoms (split sites that were merged).
function shape(view, kind, corners, length) {
  return {
    kind, length,
    edges: kind === "ring" ? corners.slice(1).map((_, k) => [k, k + 1]) : pairs(corners.length),
    faces: kind === "death" ? triples(corners.length) : [],
    corners: corners.map((atoms) => ({ atoms, at: atoms.map((atom) => view.position(atom)).reduce(plus).map((x) => x / atoms.length) })),
  };
}
const middle = ({ corners }) => corners.map((corner) => corner.at).reduce(plus).map((x) => x / corners.length);
function nearestShift(view, from, to) {
  const base = less(to, from).map(Math.round);
  const shifts = [...cells([3, 3, 3])].map((t) => plus(base, t.map((x) => x - 1)));
  const distance = (t) => Math.hypot(...apply(less(plus(from, t), to), view.lattice));
  return shifts.reduce((best, t) => (distance(t) < distance(best) - 1e-6 ? t : best), base);
}
// All corners of a ring, of which the last and the first are the edge that closes it; null for a cavity, or where no ring was found.
const ringOf = (bar, member) => (bar.dim === 1 && bar.members[member][0].length > 2 ? bar.members[member][0] : null);
// The closed surface around a cavity, which is looked for around the first of equal ones; it stands where what fills it does.
const surfaceOf = (bar, member) => (member === 0 && bar.surface ? bar.surface : null);
function surfaceShape(view, { corners, faces }, length) {
  const edges = new Map(faces.flatMap((face) => pairs(3).map(([i, j]) => [face[i], face[j]].sort((p, q) => p - q))).map((edge) => [edge.join(), edge]));
  return { ...shape(view, "surface", corners, length), edges: [...edges.values()], faces };
}
function holeOf(view, bar, member) {
  const [birth, death, centre] = bar.members[member];
  const ring = ringOf(bar, member);
  const open = (corners) => (ring
    ? [shape(view, "ring", corners, bar.birth), shape(view, "birth", [corners.at(-1), corners[0]], bar.birth)]
    : [shape(view, "birth", corners, bar.birth)]);
  if (!death.length) return { centre, shapes: open(birth) };
  const closing = shape(view, "death", death, bar.death);
  const surface = surfaceOf(bar, member);
  if (surface) return { centre, shapes: [surfaceShape(view, surface, bar.birth), { ...closing, faces: [] }] };
  // Every translate is as good: what opens the hole is shown where it is nearest to the simplex that fills it.
  const shift = nearestShift(view, middle(open(birth)[0]), middle(closing));
  return { centre, shapes: [...open(birth.map((atoms) => atoms.map(([atom, ...t]) => [atom, ...plus(t, shift)]))), closing] };
}
function eventOf(view, event) {
  const shapes = event.edges.map((corners) => shape(view, "birth", corners, event.radius));
  return { centre: shapes[0]?.corners[0].at ?? [0, 0, 0], shapes };
}
function barWords(bar, channel) {
  const [word] = DIM[bar.dim];
  return `${word} ${bar.birth.toFixed(2)}–${bar.death === null ? `open at ${channel.r_cut.toFixed(2)}` : bar.death.toFixed(2)} Å${bar.n > 1 ? ` (${bar.n} per cell)` : ""}`;
}

// Atoms by their names, label and symmetry copy, each once, with the cell it lies in if that is not the first.
function atomWords(view, corners) {
  const names = new Set(corners.flat(1).map(([atom, ...t]) => `${view.names[atom]}${t.some(Boolean) ? `+(${t.join(",")})` : ""}`));
  const shown = [...names].slice(0, NAMED);
  return `${shown.join(", ")}${names.size > NAMED ? ` and ${names.size - NAMED} more` : ""}`;
}

class Holes {
  constructor(parent, channels, view) {
    Object.assign(this, { channels, view, member: 0, chosen: -1 });
    this.channel = channels[0];
    make(parent, "h4", {}, "Holes: choose one to light it up in the structure");
    const bar = make(parent, "div", { class: "bar" });
    this.pick = select(bar, "Holes of", channels.map((one) => [one.label, `${one.label}, ${one.points} points`]), this.channel.label, (label) => this.show(label));
    const pair = make(parent, "div", { class: "holes" });
    this.diagram = make(pair, "div", { class: "diagram" });
    const side = make(pair, "div");
    this.list = make(side, "select", { size: 9, class: "bars", "aria-label": "Holes, the most persistent first" });
    this.list.addEventListener("change", () => this.choose(Number(this.list.value)));
    const buttons = make(side, "div", { class: "bar" });
    this.next = button(buttons, "Next equal one", () => this.choose(this.chosen, this.member + 1));
    this.off = button(buttons, "Light off", () => this.choose(-1));
    this.told = make(parent, "p", { class: "note", role: "status" });
    this.show(this.channel.label);
  }

  show(label) {
    this.channel = this.channels.find((one) => one.label === label) ?? this.channels[0];
    this.pick.value = this.channel.label;
    this.entries = [...this.channel.bars.map((bar) => ({ bar })), ...this.channel.percolation.map((event) => ({ event }))];
    this.list.replaceChildren();
    this.entries.forEach(({ bar, event }, k) => make(this.list, "option", { value: k },
      bar ? barWords(bar, this.channel) : `${RANK[event.rank]} from ${event.radius.toFixed(2)} Å (${event.sites} sites per cell)`));
    this.choose(-1);
  }

  choose(k, member = 0) {
    this.chosen = k;
    const { bar, event } = this.entries[k] ?? {};
    this.member = bar ? member % bar.members.length : 0;
    this.list.value = k < 0 ? "" : String(k);
    this.next.disabled = !(bar && bar.members.length > 1);
    this.off.disabled = k < 0;
    this.told.textContent = this.words(bar, event);
    this.told.classList.toggle("idle", !bar && !event);
    this.view.light(bar ? holeOf(this.view, bar, this.member) : event ? eventOf(this.view, event) : null, this.told.textContent);
    this.draw();
  }

  words(bar, event) {
    if (event) return `At ${event.radius.toFixed(2)} Å the sites of ${this.channel.label} first join to ${RANK[event.rank]}, by the edges lit up${event.edges_left_out ? ` (${event.edges_left_out} more are not drawn)` : ""}.`;
    if (!bar) return this.entries.length ? "Nothing is lit up." : `${this.channel.label} has no rings or cavities up to ${this.channel.r_cut.toFixed(2)} Å.`;
    const [word] = DIM[bar.dim];
    const born = bar.dim === 1 ? "edge" : "triangle", dead = bar.dim === 1 ? "triangle" : "tetrahedron";
    const end = bar.death === null ? `It is still open at ${this.channel.r_cut.toFixed(2)} Å, the largest radius.` : `The ${dead} that fills it last is dashed (${bar.death.toFixed(2)} Å)${bar.dim === 1 && bar.n > 1 ? "; of equal ones it may lie beside this ring" : ""}.`;
    const [opened, closed] = bar.members[this.member];
    const surface = surfaceOf(bar, this.member);
    const atoms = atomWords(this.view, surface ? surface.corners : [...opened, ...closed]);
    const which = bar.members.length > 1 ? ` Equal one ${this.member + 1} of ${bar.members.length} that can be shown.` : "";
    const opening = surface ? "" : `The ${born} that closes this ${word} is drawn thick (${bar.birth.toFixed(2)} Å). `;
    return `${opening}${this.outline(bar)} ${end} Atoms: ${atoms}.${which}`;
  }

  outline(bar) {
    const around = this.channel.channel === "all" ? "" : `${this.channel.label} `;
    if (bar.dim === 2) return this.enclosure(bar, around);
    const ring = ringOf(bar, this.member);
    if (!ring) return "The line around it is not available: the search for it was given up.";
    return `The line is a ring of ${ring.length} ${around}sites, born with it.`;
  }

  enclosure(bar, around) {
    const surface = surfaceOf(bar, this.member);
    if (surface) return `The surface encloses the cavity: ${surface.faces.length} triangles of ${surface.corners.length} ${around}sites, the longest edge ${bar.birth.toFixed(2)} Å.`;
    if (bar.surface === null) return "No closed surface around it was found within the bound of the search: the triangle and what fills it are shown.";
    return "A closed surface is looked for around the most persistent cavities that end, and the first of equal ones, of the first candidates: here the triangle and what fills it are shown.";
  }

  // The most persistent hole of a kind that the model speaks of; false if the sublattice has none.
  find({ channel, dim, from, to }) {
    const found = this.channels.find((one) => one.label === channel);
    const k = found ? found.bars.findIndex((bar) => bar.dim === dim && bar.birth < to && (bar.death ?? Infinity) > from) : -1;
    return k < 0 ? null : () => { this.show(channel); this.choose(k); this.view.canvas.scrollIntoView({ block: "nearest" }); };
  }

  draw() {
    const S = 250, L = 36, B = 34, T = 12, R = 10;
    const top = Math.max(this.channel.r_cut, 1) * 1.04;
    const x = (v) => L + (v / top) * (S - L - R);
    const y = (v) => S - B - (v / top) * (S - B - T);
    this.diagram.replaceChildren();
    const { bars } = this.channel;
    const words = `Persistence diagram of ${this.channel.label}: ${bars.length} different holes, birth against death in Å; the list beside it names them`;
    const svg = make(this.diagram, "svg", { viewBox: `0 0 ${S} ${S}`, class: "curve", role: "img", "aria-label": words });
    for (let v = 0; v <= top; v += 2) {
      make(svg, "line", { x1: x(v), x2: x(v), y1: T, y2: S - B, class: "rule" });
      make(svg, "line", { x1: L, x2: S - R, y1: y(v), y2: y(v), class: "rule" });
      make(svg, "text", { x: x(v), y: S - B + 14, "text-anchor": "middle", class: "tick" }, v);
      make(svg, "text", { x: L - 5, y: y(v) + 4, "text-anchor": "end", class: "tick" }, v);
    }
    make(svg, "line", { x1: x(0), y1: y(0), x2: x(top), y2: y(top), class: "hair" });
    make(svg, "text", { x: (L + S) / 2, y: S - 4, "text-anchor": "middle", class: "tick" }, "birth (Å)");
    make(svg, "text", { x: 10, y: S / 2, "text-anchor": "middle", class: "tick", transform: `rotate(-90 10 ${S / 2})` }, "death (Å)");
    bars.forEach((bar, k) => {
      const [cx, cy] = [x(bar.birth), y(bar.death ?? this.channel.r_cut)];
      const css = `bar-mark ${DIM[bar.dim][1]}${bar.death === null ? " open-bar" : ""}${k === this.chosen ? " lit" : ""}`;
      const size = 3.2 + Math.min(3, Math.log2(bar.n));
      const node = bar.dim === 1 ? make(svg, "circle", { cx, cy, r: size, class: css }) : make(svg, "rect", { x: cx - size, y: cy - size, width: 2 * size, height: 2 * size, class: css });
      make(node, "title", {}, barWords(bar, this.channel));
      node.addEventListener("click", () => this.choose(k));
    });
    make(svg, "circle", { cx: L + 12, cy: T + 8, r: 4, class: "bar-mark circle" });
    make(svg, "text", { x: L + 20, y: T + 12, class: "tick" }, "ring");
    make(svg, "rect", { x: L + 54, y: T + 4, width: 8, height: 8, class: "bar-mark square" });
    make(svg, "text", { x: L + 67, y: T + 12, class: "tick" }, "cavity");
  }
}

export { Holes, holeOf, pairs };
