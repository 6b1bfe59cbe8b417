// Vectors of three numbers, matrices of three rows, and whole cells.
const apply = ([a, b, c], m) => [0, 1, 2].map((k) => a * m[0][k] + b * m[1][k] + c * m[2][k]); // row vector times rows
const plus = (p, q) => p.map((x, k) => x + q[k]);
const less = (p, q) => p.map((x, k) => x - q[k]);
const cross = ([a, b, c], [d, e, f]) => [b * f - c * e, c * d - a * f, a * e - b * d];
const unitOf = (p) => p.map((x) => x / Math.hypot(...p));
const multiply = (m, n) => m.map((row) => apply(row, n));
function turn(axis, angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return axis === "x" ? [[1, 0, 0], [0, c, s], [0, -s, c]] : axis === "y" ? [[c, 0, -s], [0, 1, 0], [s, 0, c]] : [[c, s, 0], [-s, c, 0], [0, 0, 1]];
}
function* cells(n) {
  for (let a = 0; a < n[0]; a++) for (let b = 0; b < n[1]; b++) for (let c = 0; c < n[2]; c++) yield [a, b, c];
}

export { apply, cells, cross, less, multiply, plus, turn, unitOf };
