// The picture of an atom, or of a site that several share: sectors in the colours of the elements, shaded as a ball.
import { colourOf } from "./colours.js";

// `parts`: [[atomic number, share], ...]; `rim`: the colour of its outline.
function ballOf(parts, rim) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 96;
  const g = canvas.getContext("2d");
  const total = Math.max(1, parts.reduce((sum, [, share]) => sum + share, 0));
  g.fillStyle = "#ffffff"; // what no atom fills
  g.beginPath();
  g.arc(48, 48, 45, 0, 2 * Math.PI);
  g.fill();
  let angle = -Math.PI / 2;
  for (const [z, share] of parts) {
    const next = angle + (share / total) * 2 * Math.PI;
    g.fillStyle = colourOf(z);
    g.beginPath();
    g.moveTo(48, 48);
    g.arc(48, 48, 45, angle, next);
    g.fill();
    angle = next;
  }
  const shade = g.createRadialGradient(34, 32, 4, 48, 48, 46);
  shade.addColorStop(0, "rgba(255,255,255,.55)");
  shade.addColorStop(0.5, "rgba(255,255,255,0)");
  shade.addColorStop(1, "rgba(0,0,0,.28)");
  g.fillStyle = shade;
  g.beginPath();
  g.arc(48, 48, 45, 0, 2 * Math.PI);
  g.fill();
  g.lineWidth = 2.5;
  g.strokeStyle = rim;
  g.stroke();
  return canvas;
}

export { ballOf };
