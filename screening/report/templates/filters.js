// Search, elements, flags, thresholds, and which columns are shown.
import { button, byId, columns, data, has, kept, make, place, select } from "./core.js";
import { buildElements, table } from "./elements.js";
import { added, drawBody, drawHead, hidden, isOn, refresh, views } from "./list.js";
import { shortlist } from "./shortlist.js";
import { ask, listen, noFilter } from "./state.js";

const numberColumns = columns.filter((column) => column.kind === "number");
const EXAMPLES = { conductivity: "1e-4", chance: "0.5", prediction: "-4", distance: "1" };
const OPS = { number: [[">=", "at least"], ["<=", "at most"]], text: [["has", "contains"]], flag: [["yes", "is yes"], ["no", "is no"]] };
const tickedWords = (name) => [...document.querySelectorAll(`${name}:checked`)].map((box) => box.parentNode.textContent.trim()).join(", ");

let conditions = [];
function gather() {
  ask.must = Object.keys(table.state).filter((symbol) => table.state[symbol] === "must");
  ask.not = Object.keys(table.state).filter((symbol) => table.state[symbol] === "not");
  ask.hide = [...document.querySelectorAll(".hide:checked")].map((box) => box.value);
  ask.families = [...document.querySelectorAll(".family:checked")].map((box) => box.value);
  byId("hide-summary").textContent = tickedWords(".hide") || "nothing";
  byId("families-summary").textContent = tickedWords(".family") || "any";
  ask.conditions = conditions.map(({ column, op, value }) => ({ column, op, value })).filter((one) => one.value !== "" || one.op === "yes" || one.op === "no");
  ask.ids = byId("only").checked ? shortlist.ids() : null;
}
function changed() {
  gather();
  refresh();
}

// The whole question at once, as a link asks it; all controls then show it. Resolves when the list is drawn.
function take({ search, must, not, hide, families, conditions: wanted, sort, falling, from }) {
  table.set(Object.fromEntries([...must.map((symbol) => [symbol, "must"]), ...not.map((symbol) => [symbol, "not"])]));
  conditions = wanted;
  drawConditions();
  byId("search").value = search;
  byId("only").checked = false;
  for (const box of document.querySelectorAll(".hide")) box.checked = hide.includes(box.value);
  for (const box of document.querySelectorAll(".family")) box.checked = families.includes(box.value);
  Object.assign(ask, { search, sort, falling });
  drawHead();
  gather();
  return refresh(from);
}

function drawConditions(focus) {
  const box = byId("conditions");
  box.replaceChildren();
  conditions.forEach((one, k) => {
    const line = make(box, "div", { class: "condition" });
    const column = columns[place[one.column]];
    select(line, "Where", columns.map((other) => [other.name, other.label]), one.column, (name) => {
      conditions[k] = condition(name);
      drawConditions(k);
      changed();
    });
    const ops = OPS[column.kind];
    select(line, "", ops, one.op, (op) => { one.op = op; changed(); }).setAttribute("aria-label", "comparison");
    if (column.kind !== "flag") {
      const input = make(line, "input", { type: column.kind === "number" ? "number" : "text", step: "any", placeholder: EXAMPLES[one.column] ?? "", "aria-label": `value for ${column.label}` });
      input.value = one.value;
      input.addEventListener("input", () => { one.value = input.value.trim(); changed(); });
      if (k === focus) input.focus();
    }
    button(line, "Remove", () => { conditions.splice(k, 1); drawConditions(); byId("add").focus(); changed(); });
  });
}
const condition = (name, value = "") => ({ column: name, op: { number: ">=", text: "has", flag: "yes" }[columns[place[name]].kind], value });

// Another part of the page asks for all candidates with one value of a column.
function filterBy(name, value) {
  conditions.push(condition(name, value));
  drawConditions();
  changed();
}

// The limits that the conditions set to a column of numbers, as [low, high]; and others in their place, [[name, low, high], ...].
function boundsOf(name) {
  const values = (op) => conditions.filter((one) => one.column === name && one.op === op && one.value !== "").map((one) => Number(one.value));
  return [Math.max(-Infinity, ...values(">=")), Math.min(Infinity, ...values("<="))];
}
function bound(wanted) {
  for (const [name, low, high] of wanted) {
    conditions = conditions.filter((one) => one.column !== name);
    for (const [op, value] of [[">=", low], ["<=", high]]) if (Number.isFinite(value)) conditions.push({ column: name, op, value: String(value) });
  }
  drawConditions();
  changed();
}

function drawColumns() {
  const box = byId("columns");
  for (const view of views.filter((one) => !one.fixed)) {
    const label = make(box, "label");
    const tick = make(label, "input", { type: "checkbox", value: view.name });
    tick.checked = isOn(view);
    label.append(` ${view.label}`);
    tick.addEventListener("change", () => {
      const set = view.extra ? added : hidden;
      if (tick.checked === Boolean(view.extra)) set.add(view.name);
      else set.delete(view.name);
      kept.set("added", [...added]);
      kept.set("hidden", [...hidden]);
      drawHead();
      drawBody();
    });
  }
}

function drawFamilies() {
  for (const name of data.families) {
    const label = make(byId("families"), "label");
    make(label, "input", { type: "checkbox", class: "family", value: name }).addEventListener("change", changed);
    label.append(` ${name}`);
  }
  byId("family-filter").hidden = !data.families.length;
}

function start() {
  byId("about").open = innerWidth > 700; // on a phone the list comes first
  buildElements(changed);
  drawFamilies();
  drawColumns();
  drawHead();
  let wait;
  byId("search").addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => { ask.search = byId("search").value; changed(); }, data.mode === "served" ? 150 : 0);
  });
  for (const box of document.querySelectorAll(".hide")) box.addEventListener("change", changed);
  byId("add").addEventListener("click", () => {
    conditions.push(condition(has("conductivity") ? "conductivity" : numberColumns[0].name));
    drawConditions(conditions.length - 1);
  });
  byId("clear").addEventListener("click", () => {
    take({ ...structuredClone(noFilter), sort: ask.sort, falling: ask.falling, from: 0 });
  });
  byId("only").addEventListener("change", changed);
  listen("shortlist", () => { if (byId("only").checked) changed(); });
  shortlist.show();
}

export { OPS, bound, boundsOf, changed, filterBy, start, take };
