// A hole that is lit up, as jobs of a drawing, [depth, draw]: its simplices, ring or closed surface in every cell shown, and the lengths that count.
import { apply, less, plus } from "./vectors.js";

function drawHole(view, { g, project, line, jobs, ink, paper, blue, orange }) {
  for (const [t, strength] of view.copies()) {
    for (const shape of view.hole.shapes) {
      const corners = shape.corners.map((corner) => apply(plus(corner.at, t), view.lattice));
      const dead = shape.kind === "death", round = shape.kind === "ring", closed = shape.kind === "surface";
      for (const face of shape.faces) {
        const points = face.map((k) => project(corners[k]));
        jobs.push([points.reduce((sum, p) => sum + p[2], 0) / 3, () => {
          Object.assign(g, { fillStyle: closed ? blue : orange, globalAlpha: strength === 2 ? 0.22 : 0.1 });
          g.beginPath();
          points.forEach((p, k) => (k ? g.lineTo(p[0], p[1]) : g.moveTo(p[0], p[1])));
          g.fill();
        }]);
      }
      let labelled = strength !== 2 || round;
      for (const [i, j] of shape.edges) {
        const width = strength === 2 ? (closed ? 1.6 : dead || round ? 2.5 : 5) : 1.5;
        line(corners[i], corners[j], { colour: dead ? orange : blue, width, dash: dead ? [7, 4] : [], alpha: strength === 2 ? 1 : 0.6, near: 0.01 });
        const d = Math.hypot(...less(corners[i], corners[j]));
        if (labelled || d < shape.length - 1e-3) continue; // the longest edge is what the radius measures
        labelled = true;
        const [a, b] = [project(corners[i]), project(corners[j])];
        jobs.push([1e9, () => {
          Object.assign(g, { globalAlpha: 1, fillStyle: ink, strokeStyle: paper, lineWidth: 3, lineJoin: "round", font: "600 12px system-ui, sans-serif", textAlign: "center" });
          const place = [`${d.toFixed(2)} Å`, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2 - 6 + (dead ? 18 : 0)];
          g.strokeText(...place); // set off from what it lies on
          g.fillText(...place);
        }]);
      }
    }
  }
}

export { drawHole };
