// The periodic table as a filter: a click asks for an element, a second one forbids it, a third one lets it be.
import { button, byId, make } from "./core.js";

const table = {
  rows: ["H . . . . . . . . . . . . . . . . He", "Li Be . . . . . . . . . . B C N O F Ne", "Na Mg . . . . . . . . . . Al Si P S Cl Ar",
    "K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr", "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe",
    "Cs Ba La Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn", "Fr Ra Ac . . . . . . . . . . . . . . .",
    ". . . Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu .", ". . . Th Pa U Np Pu . . . . . . . . . ."],
  state: {}, // symbol -> "must" or "not"
  buttons: {},
};
const stateWords = { must: "must be in it", not: "must not be in it" };

function showElement(symbol) {
  const state = table.state[symbol];
  const node = table.buttons[symbol];
  node.className = state ?? "";
  node.setAttribute("aria-label", `${symbol}${state ? `, ${stateWords[state]}` : ""}`);
  node.textContent = { must: `✓${symbol}`, not: `✗${symbol}` }[state] ?? symbol;
}

function buildElements(changed) {
  const grid = byId("elements");
  const summary = byId("elements-summary");
  const told = () => {
    const list = (state) => Object.keys(table.state).filter((symbol) => table.state[symbol] === state).join(" ");
    summary.textContent = [["must", "with "], ["not", "without "]].map(([state, word]) => (list(state) ? word + list(state) : "")).filter(Boolean).join(", ") || "any";
  };
  const line = table.rows.map((row) => row.split(" "));
  for (const row of line) {
    for (const symbol of row) {
      if (symbol === ".") { make(grid, "span"); continue; }
      table.buttons[symbol] = button(grid, symbol, () => {
        const next = { undefined: "must", must: "not" }[table.state[symbol]];
        if (next) table.state[symbol] = next;
        else delete table.state[symbol];
        showElement(symbol);
        told();
        changed();
      }, { "data-symbol": symbol });
      showElement(symbol);
    }
  }
  // Arrow keys move within the table, so that a keyboard need not pass a hundred stops.
  grid.addEventListener("keydown", (event) => {
    const [right, down] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key] ?? [0, 0];
    if (!right && !down) return;
    event.preventDefault();
    const at = [...grid.children].indexOf(event.target);
    for (let next = at + right + 18 * down; grid.children[next]; next += right + 18 * down) {
      if (grid.children[next].tagName === "BUTTON") { focusElement(grid.children[next]); return; }
    }
  });
  const focusElement = (node) => {
    for (const other of grid.querySelectorAll("button")) other.tabIndex = other === node ? 0 : -1;
    node.focus();
  };
  for (const node of grid.querySelectorAll("button")) node.tabIndex = node.dataset.symbol === "Li" ? 0 : -1;
  table.set = (wanted) => {
    table.state = wanted;
    for (const symbol of Object.keys(table.buttons)) showElement(symbol);
    told();
  };
  told();
}

export { table, buildElements };
