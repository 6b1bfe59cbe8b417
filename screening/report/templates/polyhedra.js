// Coordination polyhedra: the convex hull of the anions around a cation, found here by trying every plane through three of them, which is exact for
// the few there are. An anion is around a cation where a bond is drawn: nearer than 1.2 times the sum of their covalent radii.
import { radiusOf } from "./colours.js";
import { apply, cells, cross, less, plus, unitOf } from "./vectors.js";

const ANION = 1, OTHER = 2;
const BOND = 1.2;
const NEAREST = 0.6; // Å; nearer ones are the same split site
const MOST = 40; // anions around one cation
const FLAT = 1e-3; // Å, from the plane of a face

const isBond = (d, p, q) => d > NEAREST && d < BOND * (radiusOf(p) + radiusOf(q));
const dot = (p, q) => p[0] * q[0] + p[1] * q[1] + p[2] * q[2];

// Corners of each face in order, as places in `points` (Å); a flat set is one face, fewer than three points or a line are none.
function hull(points) {
  const faces = new Map();
  for (let i = 0; i < points.length; i++) for (let j = i + 1; j < points.length; j++) for (let k = j + 1; k < points.length; k++) {
    const normal = cross(less(points[j], points[i]), less(points[k], points[i]));
    if (Math.hypot(...normal) < FLAT) continue;
    const up = unitOf(normal);
    const heights = points.map((point) => dot(less(point, points[i]), up));
    if (heights.some((h) => h > FLAT) && heights.some((h) => h < -FLAT)) continue;
    const on = points.map((_, n) => n).filter((n) => Math.abs(heights[n]) <= FLAT);
    faces.set(on.join(), faces.get(on.join()) ?? outline(points, on, up));
  }
  return [...faces.values()];
}

// The corners of the polygon that points in one plane span, in order around it; what lies inside it or on a side is no corner.
function outline(points, on, up) {
  const side = (p, q, r) => dot(cross(less(q, p), less(r, p)), up);
  const start = on.reduce((best, n) => (points[n].join() < points[best].join() ? n : best));
  const far = on.reduce((best, n) => (Math.hypot(...less(points[n], points[start])) > Math.hypot(...less(points[best], points[start])) ? n : best));
  const loop = [];
  let at = far; // the farthest from any point is a corner
  do {
    loop.push(at);
    const from = points[at];
    at = on.filter((n) => n !== at).reduce((best, n) => {
      const turn = side(from, points[best], points[n]);
      const further = Math.hypot(...less(points[n], from)) > Math.hypot(...less(points[best], from));
      return turn < -FLAT * FLAT || (Math.abs(turn) <= FLAT * FLAT && further) ? n : best;
    });
  } while (at !== far && loop.length <= on.length);
  return loop;
}

// For each site that is a cation, other than the mobile ion unless there is no other: {corners, faces}, a corner as [site, shift of its cell].
function coordination(sites, lattice) {
  const anions = sites.filter((site) => site.role === ANION);
  const role = sites.some((site) => site.role === OTHER) ? OTHER : 0;
  const reach = Math.max(0, ...sites.flatMap((one) => anions.map((other) => BOND * (radiusOf(one.parts[0][0]) + radiusOf(other.parts[0][0])))));
  const widths = lattice.map((row, k) => {
    const across = cross(lattice[(k + 1) % 3], lattice[(k + 2) % 3]);
    return Math.abs(dot(row, across)) / Math.hypot(...across);
  });
  const n = widths.map((width) => Math.ceil(reach / width) + 1);
  return new Map(sites.filter((site) => site.role === role).map((site) => {
    const found = [];
    for (const other of anions) for (const t of cells(n.map((x) => 2 * x + 1))) {
      const shift = less(t, n);
      const apart = apply(less(plus(other.at, shift), site.at), lattice);
      if (isBond(Math.hypot(...apart), site.parts[0][0], other.parts[0][0])) found.push({ other, shift, apart });
    }
    return [site, found.length > MOST ? { corners: [], faces: [] } : { corners: found.map(({ other, shift }) => [other, shift]), faces: hull(found.map(({ apart }) => apart)) }];
  }));
}

export { coordination, hull, isBond };
