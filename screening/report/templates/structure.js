// The crystal in three dimensions, on a canvas: turned by dragging or arrow keys, with a cell box, species that can be put out, and a hole lit up.
// Colours and sizes are those of elements; the legend puts each of them out, so that nothing hangs on colour alone.
import { ballOf } from "./balls.js";
import { colourOf, radiusOf } from "./colours.js";
import { button, data, make, select } from "./core.js";
import { drawHole } from "./lit.js";
import { coordination, isBond } from "./polyhedra.js";
import { apply, cells, cross, less, multiply, plus, turn, unitOf } from "./vectors.js";

const ANION = 1;
const ATOMS_DRAWN = 6000;
const SEGMENTS_DRAWN = 8000;
const FACES_DRAWN = 6000;
const SWATCH = 72; // pixels, four to each of the page
const sizeOf = (z) => 0.18 + 0.3 * radiusOf(z); // Å, of a drawn ball: small enough to look between them

class Structure {
  // `still`: a picture to be printed, which is drawn once and hears of nothing.
  constructor(parent, { lattice, atoms, names }, name, still = false) {
    Object.assign(this, { still, names, lattice, atoms, out: new Set(), box: true, bonds: true, solids: false, repeat: 1, zoom: 1, hole: null, path: [], told: { pathway: "", lit: "" }, sprites: new Map(), swatches: [], rim: "" });
    this.view = multiply(turn("y", 0.5), turn("x", 0.3));
    this.sites = [];
    for (const [z, site, role, a, b, c, share] of atoms) {
      const one = (this.sites[site] ??= { at: [a, b, c], parts: [], role });
      one.parts.push([z, share]);
    }
    this.sites = this.sites.filter(Boolean);
    for (const site of this.sites) site.parts.sort((p, q) => q[1] - p[1] || p[0] - q[0]);
    this.species = [...new Map(atoms.map(([z, , role]) => [z, role]))].sort((p, q) => p[1] - q[1] || p[0] - q[0]);
    this.legend(parent);
    if (!still) this.controls(parent);
    this.words = `Structure of ${name}: ${this.sites.length} sites in the cell. Arrow keys turn it, plus and minus zoom, 0 puts it back.`;
    const role = still ? { role: "img" } : { tabindex: "0", role: "application", "aria-roledescription": "3-D view" };
    this.canvas = make(parent, "canvas", { class: "structure", "aria-label": this.words, ...role });
    this.rebuild();
    if (still) return;
    this.listen();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    // Ink on paper is dark, whatever it was on the screen.
    matchMedia("print").addEventListener("change", () => this.draw());
  }

  legend(parent) {
    const species = make(parent, "fieldset", { class: "species" });
    make(species, "legend", {}, "Elements, in Jmol’s colours; sizes follow their covalent radii");
    for (const [z] of this.species) {
      const label = make(species, "label");
      const box = this.still ? null : make(label, "input", { type: "checkbox" });
      const swatch = make(label, "canvas", { class: "swatch", width: SWATCH, height: SWATCH, "aria-hidden": "true" });
      this.swatches.push([z, swatch]);
      label.append(` ${data.elements[z]}`);
      label.title = `covalent radius ${radiusOf(z).toFixed(2)} Å`;
      if (!box) continue;
      box.checked = true;
      box.addEventListener("change", () => {
        if (box.checked) this.out.delete(z);
        else this.out.add(z);
        this.rebuild();
      });
    }
  }

  controls(parent) {
    const bar = make(parent, "div", { class: "bar" });
    const toggle = (words, key) => {
      const label = make(bar, "label");
      const box = make(label, "input", { type: "checkbox" });
      box.checked = this[key];
      label.append(` ${words}`);
      this.said = make(label, "span"); // of the last one, the polyhedra
      box.addEventListener("change", () => { this[key] = box.checked; this.rebuild(); });
    };
    toggle("cell", "box");
    toggle("bonds", "bonds");
    toggle("polyhedra", "solids");
    select(bar, "Cells", [[1, "1"], [2, "2 × 2 × 2"], [3, "3 × 3 × 3"]], 1, (n) => { this.repeat = Number(n); this.rebuild(); });
    for (const [words, title, act] of [["◀", "turn left", () => this.spin(0, -0.2)], ["▶", "turn right", () => this.spin(0, 0.2)], ["▲", "turn up", () => this.spin(-0.2, 0)],
      ["▼", "turn down", () => this.spin(0.2, 0)], ["+", "zoom in", () => this.scale(1.2)], ["−", "zoom out", () => this.scale(1 / 1.2)]]) button(bar, words, act, { "aria-label": title, class: "small" });
  }

  listen() {
    const { canvas } = this;
    let last = null;
    canvas.addEventListener("pointerdown", (event) => { last = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      this.spin((event.clientY - last[1]) / 120, (event.clientX - last[0]) / 120);
      last = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => { last = null; });
    canvas.addEventListener("wheel", (event) => {
      if (document.activeElement !== canvas) return; // the page scrolls until the view has been chosen
      event.preventDefault();
      this.scale(Math.exp(-event.deltaY / 500));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const act = { ArrowLeft: () => this.spin(0, -0.12), ArrowRight: () => this.spin(0, 0.12), ArrowUp: () => this.spin(-0.12, 0), ArrowDown: () => this.spin(0.12, 0),
        "+": () => this.scale(1.15), "=": () => this.scale(1.15), "-": () => this.scale(1 / 1.15),
        0: () => { this.zoom = 1; this.view = multiply(turn("y", 0.5), turn("x", 0.3)); this.draw(); } }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  spin(x, y) {
    this.view = multiply(this.view, multiply(turn("y", y), turn("x", x)));
    this.draw();
  }
  scale(factor) {
    this.zoom = Math.min(8, Math.max(0.3, this.zoom * factor));
    this.draw();
  }

  describe(more) {
    Object.assign(this.told, more);
    this.canvas.setAttribute("aria-label", `${this.words}${this.told.pathway}${this.told.lit}`);
  }
  // The segments of a pathway, [from, to] fractional and not wrapped; and words that say what it is.
  follow(path, words) {
    this.path = path;
    this.describe({ pathway: path.length ? ` Pathway: ${words}` : "" });
    this.draw();
  }
  // What a hole needs: {centre, shapes}, each shape with corners, edges and faces, see holes.js; and words that say what is lit up.
  light(hole, words) {
    this.describe({ lit: hole ? ` Lit up: ${words}` : "" });
    if (hole && !this.hole) this.before = this.view;
    if (!hole && this.hole) this.view = this.before;
    this.hole = hole;
    if (hole) this.face(hole);
    this.rebuild();
  }
  // Turns the view so that the ring, else the simplex that fills the hole, else the one that closes it, is seen from its broad side.
  face({ shapes }) {
    const ring = shapes.find((one) => one.kind === "ring");
    const points = ((ring ?? shapes.at(-1))?.corners ?? []).map((corner) => apply(corner.at, this.lattice));
    if (points.length < 2) return;
    const across = less(points[1], points[0]);
    const other = points.length > 2 ? less(points[2], points[0]) : Math.abs(across[2]) < 0.9 * Math.hypot(...across) ? [0, 0, 1] : [1, 0, 0];
    // Twice the area that a ring spans, which is nothing where it turns back on itself.
    const area = points.map((point, k) => cross(less(point, points[0]), less(points[(k + 1) % points.length], points[0]))).reduce(plus);
    const normal = ring && Math.hypot(...area) > 1e-3 ? area : cross(across, other);
    if (Math.hypot(...normal) < 1e-6 || Math.hypot(...across) < 1e-6) return; // corners in a line have no broad side
    const z = unitOf(normal);
    const flat = less(across, z.map((c) => c * (across[0] * z[0] + across[1] * z[1] + across[2] * z[2])));
    if (Math.hypot(...flat) < 1e-6) return;
    const x = unitOf(flat);
    const y = cross(z, x);
    this.view = multiply([0, 1, 2].map((k) => [x[k], y[k], z[k]]), multiply(turn("y", 0.25), turn("x", 0.2)));
  }
  position([atom, a, b, c]) {
    const [, , , x, y, z] = this.atoms[atom];
    return [x + a, y + b, z + c];
  }

  rebuild() {
    const n = [this.repeat, this.repeat, this.repeat];
    while (this.sites.length * n[0] * n[1] * n[2] > ATOMS_DRAWN && n[0] > 1) n.fill(n[0] - 1);
    this.n = n;
    this.balls = [];
    const seen = new Set();
    const add = (site, at, lit) => {
      const parts = site.parts.filter(([z]) => !this.out.has(z));
      const key = at.map((x) => Math.round(x * 1e4)).join();
      if (!parts.length || seen.has(key)) return;
      seen.add(key);
      this.balls.push({ at: apply(at, this.lattice), parts, role: site.role, z: parts[0][0], lit, site, home: at });
    };
    const lit = this.litAtoms();
    for (const [site, at, strength] of lit) add(site, at, strength);
    const eps = 1e-4;
    for (const site of this.sites) {
      const range = site.at.map((x, k) => { // atoms on the border of the box appear on all its sides
        const cellsOf = [];
        for (let t = -1; t <= n[k]; t++) if (x + t >= -eps && x + t <= n[k] + eps) cellsOf.push(t);
        return cellsOf;
      });
      for (const a of range[0]) for (const b of range[1]) for (const c of range[2]) add(site, plus(site.at, [a, b, c]), 0);
    }
    this.faces = this.solids ? this.polyhedra(add) : [];
    this.sticks = this.bonds ? this.bonded() : [];
    this.centre = apply([n[0] / 2, n[1] / 2, n[2] / 2], this.lattice);
    this.reach = Math.max(4, ...[...cells([2, 2, 2])].map((corner) => Math.hypot(...less(apply(corner.map((x, k) => x * n[k]), this.lattice), this.centre))),
      ...this.balls.filter((ball) => ball.lit === 2).map((ball) => Math.hypot(...less(ball.at, this.centre)))) + 1;
    this.draw();
  }

  litAtoms() {
    if (!this.hole) return [];
    const rows = this.hole.shapes.flatMap((shape) => shape.corners.flatMap((corner) => corner.atoms));
    return this.copies().flatMap(([t, strength]) => rows.map(([atom, a, b, c]) => {
      const site = this.sites.find((one) => less(one.at, this.atoms[atom].slice(3, 6)).every((x) => Math.abs(x) < 1e-5));
      return [site, plus(plus(site.at, [a, b, c]), t), strength];
    }));
  }
  // The hole once within the first cell, and again in every further cell drawn: [shift, strength].
  copies() {
    const home = this.hole.centre.map((x) => -Math.floor(x + 1e-6));
    return [...cells(this.n)].map((t, k) => [plus(home, t), k ? 1 : 2]);
  }

  // Faces of the polyhedra around the cations drawn, {points, z}; their anions are drawn with them, also beside the cell.
  polyhedra(add) {
    this.around ??= coordination(this.sites, this.lattice);
    const centres = this.balls.filter(({ site }) => this.around.get(site)?.faces.length);
    const many = centres.reduce((sum, { site }) => sum + this.around.get(site).faces.length, 0) > FACES_DRAWN;
    this.said.textContent = many ? " (too many in so many cells)" : centres.length ? "" : " (none: no cation has three anions around it)";
    if (many) return [];
    return centres.flatMap(({ site, home, z }) => {
      const { corners, faces } = this.around.get(site);
      const places = corners.map(([other, t]) => plus(plus(other.at, t), less(home, site.at)));
      corners.forEach(([other], k) => add(other, places[k], 0));
      return faces.map((face) => ({ points: face.map((k) => apply(places[k], this.lattice)), z }));
    });
  }

  bonded() {
    const sticks = [];
    const metals = this.balls.filter((ball) => ball.role === 2), ends = this.balls.filter((ball) => ball.role === ANION);
    if (metals.length * ends.length > 4e6) return sticks;
    for (const p of metals) {
      for (const q of ends) {
        const d = Math.hypot(...less(p.at, q.at));
        if (isBond(d, p.z, q.z)) sticks.push([p, q]);
      }
    }
    return sticks;
  }

  sprite(parts) {
    const key = parts.map(([z, share]) => `${z}:${share.toFixed(3)}`).join();
    if (!this.sprites.has(key)) this.sprites.set(key, ballOf(parts, this.rim));
    return this.sprites.get(key);
  }

  // The rim of atoms is drawn in ink, which sets the darkest colours off in either scheme.
  outline(ink) {
    if (ink === this.rim) return;
    this.rim = ink;
    this.sprites.clear();
    const largest = Math.max(...this.species.map(([z]) => sizeOf(z)));
    for (const [z, swatch] of this.swatches) {
      const size = SWATCH * (sizeOf(z) / largest), edge = (SWATCH - size) / 2;
      const g = swatch.getContext("2d");
      g.clearRect(0, 0, SWATCH, SWATCH);
      g.drawImage(this.sprite([[z, 1]]), edge, edge, size, size);
    }
  }

  draw() {
    const { canvas } = this;
    const ratio = this.still ? 2 : window.devicePixelRatio || 1;
    const [W, H] = [canvas.clientWidth || 480, canvas.clientHeight || 360];
    canvas.width = Math.round(W * ratio);
    canvas.height = Math.round(H * ratio);
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    const unit = (Math.min(W, H) / 2 / this.reach) * this.zoom;
    const project = (p) => {
      const [x, y, z] = apply(less(p, this.centre), this.view);
      return [W / 2 + unit * x, H / 2 - unit * y, z];
    };
    const style = getComputedStyle(canvas);
    const [ink, blue, orange, way, paper] = ["--ink", "--blue", "--orange", "--way", "--paper"].map((name) => style.getPropertyValue(name));
    this.outline(ink);
    const jobs = []; // [depth, draw], drawn from far to near
    const line = (p, q, { colour, width, dash = [], alpha = 1, near = 0 }) => {
      const [a, b] = [project(p), project(q)];
      jobs.push([(a[2] + b[2]) / 2 + near, () => {
        Object.assign(g, { strokeStyle: colour, lineWidth: width, globalAlpha: alpha, lineCap: "round" });
        g.setLineDash(dash);
        g.beginPath();
        g.moveTo(a[0], a[1]);
        g.lineTo(b[0], b[1]);
        g.stroke();
        g.setLineDash([]);
      }]);
    };
    const faded = this.hole ? 0.22 : 1;
    if (this.box) {
      for (const corner of cells([2, 2, 2])) {
        [0, 1, 2].filter((k) => corner[k] === 0).forEach((k) => {
          const from = corner.map((x, j) => x * this.n[j]);
          const to = from.map((x, j) => (j === k ? this.n[j] : x));
          line(apply(from, this.lattice), apply(to, this.lattice), { colour: ink, width: 1, alpha: 0.55 });
        });
      }
    }
    for (const [p, q] of this.sticks) line(p.at, q.at, { colour: ink, width: Math.max(1, unit * 0.12), alpha: 0.4 * faded });
    for (const { points, z } of this.faces) {
      const corners = points.map(project);
      jobs.push([corners.reduce((sum, p) => sum + p[2], 0) / corners.length, () => {
        Object.assign(g, { fillStyle: colourOf(z), strokeStyle: ink, lineWidth: 0.8 });
        g.beginPath();
        corners.forEach((p, k) => (k ? g.lineTo(p[0], p[1]) : g.moveTo(p[0], p[1])));
        g.closePath();
        g.globalAlpha = 0.28 * faded;
        g.fill();
        g.globalAlpha = 0.5 * faded;
        g.stroke();
      }]);
    }
    for (const ball of this.balls) {
      const [x, y, z] = project(ball.at);
      const size = Math.max(1.5, unit * sizeOf(ball.z) * (ball.lit === 2 ? 1.25 : 1));
      jobs.push([z, () => {
        g.globalAlpha = ball.lit ? (ball.lit === 2 ? 1 : 0.75) : faded;
        g.drawImage(this.sprite(ball.parts), x - size, y - size, 2 * size, 2 * size);
        if (ball.lit === 2) {
          Object.assign(g, { strokeStyle: ink, lineWidth: 2 });
          g.beginPath();
          g.arc(x, y, size + 2.5, 0, 2 * Math.PI);
          g.stroke();
        }
      }]);
    }
    const shifts = this.path.length * this.n[0] * this.n[1] * this.n[2] > SEGMENTS_DRAWN ? [[0, 0, 0]] : [...cells(this.n)];
    for (const t of this.path.length ? shifts : []) {
      for (const ends of this.path) {
        const [p, q] = ends.map((end) => apply(plus(end, t), this.lattice));
        line(p, q, { colour: way, width: Math.max(2, unit * 0.14), alpha: 0.95, near: 0.02 });
      }
    }
    if (this.hole) drawHole(this, { g, project, line, jobs, ink, paper, blue, orange });
    jobs.sort((p, q) => p[0] - q[0]);
    for (const [, job] of jobs) job();
    g.globalAlpha = 1;
    this.axes(g, W, H, ink);
  }

  axes(g, W, H, ink) {
    const size = 26;
    this.lattice.forEach((row, k) => {
      const [x, y] = apply(row.map((value) => value / Math.hypot(...row)), this.view);
      const [x0, y0] = [34, H - 34];
      Object.assign(g, { strokeStyle: ink, fillStyle: ink, lineWidth: 1.5, font: "italic 12px serif", textAlign: "center" });
      g.beginPath();
      g.moveTo(x0, y0);
      g.lineTo(x0 + size * x, y0 - size * y);
      g.stroke();
      g.fillText("abc"[k], x0 + (size + 8) * x, y0 - (size + 8) * y + 4);
    });
  }
}

export { Structure };
