// Bond-valence barriers of the open candidate, and the pathway of the mobile ion at each of them, drawn in the structure.
import { make, select } from "./core.js";

const NAMES = ["1-D", "2-D", "3-D"];
const SAME = 0.005; // eV: told once
const CODES = {
  "no-charges": "no neutral formal charges", "no-parameters": "no parameters", "bonded-anions": "anions bonded to each other",
  "unplaced-atoms": "atoms without a place", "too-large": "cell too large", "no-mobile-ion": "no mobile ion", unreadable: "crystal not read",
};
const volts = (energies) => energies.map((energy) => energy.toFixed(2)).join(", ");

// [[name, words], ...] for the list of facts; nothing where the second stage did not look at it.
function barrierWords(barriers) {
  if (!barriers) return [];
  const name = "bond-valence barrier, 1-D, 2-D, 3-D";
  if (barriers.code) return [[name, `none: ${CODES[barriers.code] ?? barriers.code} (${barriers.detail})`]];
  const { own, minimum, charges } = barriers;
  const deeper = minimum.some((energy, k) => energy > own[k] + SAME);
  return [
    [name, `${volts(own)} eV`],
    ...(deeper ? [["the same from the deepest point, off the network", `${volts(minimum)} eV`]] : []),
    ["charges used for it", charges.replaceAll("-", "−")],
  ];
}

// [[level, words], ...]: equal barriers are one level, the last of them.
function levels({ own }) {
  const found = [];
  own.forEach((energy, k) => {
    const last = found.at(-1);
    if (last && energy - own[last.level - 1] <= SAME) Object.assign(last, { level: k + 1, names: [...last.names, NAMES[k]] });
    else found.push({ level: k + 1, names: [NAMES[k]] });
  });
  return found.map(({ level, names }) => [level, `${names.join(", ")}: ${own[level - 1].toFixed(2)} eV`]);
}

function segments(ways, level) {
  return ways.filter((way) => way[0] <= level).flatMap(([, , flat]) => {
    const points = Array.from({ length: flat.length / 3 }, (_, k) => flat.slice(3 * k, 3 * k + 3));
    return points.slice(1).map((point, k) => [points[k], point]);
  });
}

class Pathway {
  constructor(parent, barriers, view) {
    Object.assign(this, { barriers, view });
    const bar = make(parent, "div", { class: "bar pathway" });
    select(bar, "Pathway by bond valence", [[0, "not drawn"], ...levels(barriers)], 0, (level) => this.show(Number(level)));
    this.told = make(parent, "p", { class: "note idle", role: "status" });
  }

  show(level) {
    const drawn = level ? segments(this.barriers.ways, level) : [];
    const passes = this.barriers.ways.filter((way) => way[0] <= level).length;
    const rest = level && this.barriers.left_out ? ` ${this.barriers.left_out} ways over higher passes are not drawn.` : "";
    this.told.textContent = level ? `Drawn: ${passes} of the passes between sites of the mobile ion, which together run on without end.${rest}` : "";
    this.told.classList.toggle("idle", !level);
    this.view.follow(drawn, this.told.textContent);
  }
}

export { Pathway, barrierWords, levels, segments };
