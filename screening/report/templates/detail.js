// The open candidate: facts, structure with holes, reasons, and curves beside those of its nearest known conductor.
import { Pathway, barrierWords } from "./barriers.js";
import { badges, known, marks, measured } from "./candidate.js";
import {
  button, byId, cell, data, formula, has, level, link, make, minus, percent, power, publication, short, sourceLink,
} from "./core.js";
import { drawCurves } from "./curves.js";
import { filterBy } from "./filters.js";
import { Holes } from "./holes.js";
import { openRow } from "./list.js";
import { drawReasons } from "./reasons.js";
import { drawSeries } from "./series.js";
import { saveCif, shortlist } from "./shortlist.js";
import { isEmpty, source } from "./source.js";
import { listen, state } from "./state.js";
import { Structure } from "./structure.js";

let opened = 0;
let drawnFor = null; // what is drawn, to draw its curves again in another width

function fact(list, name, value) {
  const div = make(list, "div");
  make(div, "dt", {}, name);
  return make(div, "dd", {}, value);
}

function heading(parent, row) {
  const id = cell(row, "id");
  make(parent, "a", { href: "#list", class: "back" }, "Back to the list");
  formula(make(make(parent, "h3"), "bdi"), cell(row, "formula")); // bdi: names in a script that runs right to left turn nothing around them
  const name = make(parent, "p", { class: "id" });
  make(name, "bdi", {}, id);
  name.append(` · rank ${cell(row, "rank")}`);
  const where = sourceLink(id);
  if (where) {
    name.append(" · ");
    link(name, ...where);
  }
  const label = make(parent, "label", { class: "tick-label" });
  const box = make(label, "input", { type: "checkbox", class: "tick-open" });
  box.checked = shortlist.has(id);
  box.addEventListener("change", () => shortlist.tick(id, box.checked));
  label.append(" on the shortlist");
  badges(parent, row);
  const bar = make(parent, "div", { class: "bar take" });
  button(bar, "Copy formula", () => copyFormula(parent, row), { class: "small" });
  make(bar, "span", { class: "copied", role: "status" });
  return bar;
}

// Where a browser gives no clipboard, the formula is selected, to be copied by hand.
async function copyFormula(parent, row) {
  const text = cell(row, "formula");
  let told = `Copied: ${text}`;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    getSelection().selectAllChildren(parent.querySelector("h3 bdi"));
    told = "Not copied by the browser: the formula is selected, copy it with Ctrl+C or ⌘C.";
  }
  parent.querySelector(".copied").textContent = told;
}

// What the other models say, where it differs from the prediction by more than half a power of ten; the model with
// composition always.
function others(list, row) {
  const own = cell(row, "prediction");
  const trees = cell(row, "prediction_trees");
  if (trees !== null && Math.abs(trees - own) > 0.5) fact(list, "LightGBM alone, which the reasons explain", `${power(trees)} S/cm`);
  const both = cell(row, "prediction_composition");
  if (both === null) return;
  const apart = Math.abs(both - own) > 0.5 ? `; the two disagree by ${Math.abs(both - own).toFixed(1)} powers of ten` : "";
  fact(list, "with composition", `${power(both)} S/cm${apart}`);
}

function facts(parent, row) {
  const list = make(parent, "dl", { class: "facts" });
  fact(list, "predicted σ", `${power(cell(row, "prediction"))} S/cm`);
  fact(list, `interval, ${data.interval}`, `${power(cell(row, "lower"))} to ${power(cell(row, "upper"))} S/cm`);
  if (cell(row, "chance") !== null) {
    const chance = fact(list, `chance of ${level(data.target)} S/cm or more`, percent(cell(row, "chance")));
    if (data.caution) chance.parentNode.className = "across";
    if (data.caution) make(chance, "span", { class: "note caution" }, ` ${data.caution}`);
  }
  others(list, row);
  if (cell(row, "measured") !== null) fact(list, "measured σ", `${measured(cell(row, "id"), cell(row, "measured"))} S/cm`);
  const near = fact(list, "nearest known", "");
  near.parentNode.className = "across";
  formula(make(near, "bdi"), cell(row, "nearest_formula"));
  near.append(" (");
  make(near, "bdi", {}, cell(row, "nearest"));
  near.append("), measured ");
  make(near, "span", { class: "whole" }, `${measured(cell(row, "nearest"), cell(row, "nearest_measured"))} S/cm`);
  const where = known(cell(row, "nearest"))?.publication;
  if (where) {
    near.append(", ");
    publication(near, where);
  }
  fact(list, "novelty (1 is the edge of the domain)", `${cell(row, "distance") === "Infinity" ? "∞" : short(cell(row, "distance") ?? NaN)}${cell(row, "in_domain") ? "" : ", out of domain"}`);
  if (!isEmpty(cell(row, "family"))) fact(list, "family, by anions", cell(row, "family"));
  const type = ["structure_type", "prototype"].find((name) => has(name) && !isEmpty(cell(row, name)) && cell(row, name) !== "unknown");
  if (type) {
    const prototype = fact(list, type === "prototype" ? "formula type, stated space group" : "prototype (space group found)", `${cell(row, type)} `);
    button(prototype, "List all of it", () => filterBy(type, cell(row, type)), { class: "small" });
  }
  for (const [name, elements] of marks(row)) if (name !== "domain") fact(list, `mark: ${name}`, (data.marks[name] ?? name).replace("{}", elements));
  for (const name of data.properties) { // joined by the user
    const value = cell(row, name);
    if (!isEmpty(value)) fact(list, name, value === true ? "yes" : value === false ? "no" : typeof value === "number" ? minus(String(value)) : value);
  }
  fact(list, "source", cell(row, "source"));
  return list;
}

function moreFacts(list, found) {
  const { n_sites: sites, volume, spacegroup, a, b, c, alpha, beta, gamma } = found.facts;
  fact(list, "cell", `${sites} sites, ${volume} Å³${spacegroup > 0 ? `, space group ${spacegroup}` : ""}`);
  if (a !== undefined) fact(list, "a, b, c; α, β, γ", `${[a, b, c].map((x) => x.toFixed(3)).join(", ")} Å; ${[alpha, beta, gamma].map((x) => x.toFixed(1)).join(", ")}°`);
  for (const [name, words] of barrierWords(found.barriers)) fact(list, name, words);
  for (const [name, sentence] of found.flags ?? []) fact(list, `flag ${name}`, sentence);
  if (found.duplicates.length) fact(list, "same crystal also as", found.duplicates.slice(0, 20).join(", ") + (found.duplicates.length > 20 ? ` and ${found.duplicates.length - 20} more` : ""));
}

// The entries of one compound: the one that stands for it opens the others, and these open it.
async function compound(list, row) {
  if (!has("polymorph_of")) return;
  const of = cell(row, "polymorph_of");
  const rows = async (ask) => (await source.rows({ search: "", must: [], not: [], hide: [], families: [], conditions: [], ids: null, sort: "rank", falling: false, from: 0, count: 1000, ...ask })).rows;
  const open = (parent, other) => button(parent, `${cell(other, "id")}${isEmpty(cell(other, "structure_type")) ? "" : `, ${cell(other, "structure_type")}`}`, () => openRow(other, true), { class: "small polymorph" });
  if (!isEmpty(of)) {
    const better = fact(list, "stands for this compound", "");
    for (const other of await rows({ ids: [of] })) open(better, other);
    return;
  }
  const count = cell(row, "polymorphs");
  if (!(count > 0)) return;
  const box = fact(list, `further ${count === 1 ? "polymorph" : "polymorphs"}, ${count}`, "");
  const found = (await rows({ conditions: [{ column: "polymorph_of", op: "has", value: cell(row, "id") }] })).filter((other) => cell(other, "polymorph_of") === cell(row, "id"));
  for (const other of found) {
    open(box, other);
    box.append(" ");
  }
  const named = String(cell(row, "polymorph_ids") ?? "");
  if (found.length < count) make(box, "span", { class: "note" }, ` all of them: ${named.replaceAll(";", ", ")}`);
}

async function showDetail(row) {
  const turn = ++opened;
  const detail = byId("detail");
  drawnFor = null;
  detail.replaceChildren();
  const bar = heading(detail, row);
  const list = facts(detail, row);
  const together = compound(list, row);
  const waiting = make(detail, "p", { class: "note", role: "status" }, data.mode === "served" ? "Reading its structure…" : "");
  let found, near;
  try {
    [found, near] = await Promise.all([source.detail(row), source.known(cell(row, "nearest")), together]);
  } catch (error) {
    if (turn === opened) waiting.textContent = `This could not be read: ${error.message}`;
    return;
  }
  if (turn !== opened) return;
  waiting.remove();
  moreFacts(list, found);
  let holes = null;
  let read = detail; // the structure stays in view as long as holes and reasons are read
  if (found.structure) {
    const file = button(null, "CIF of this crystal", () => saveCif(cell(row, "id"), found.structure), { class: "small", title: "all atoms of the cell, in P 1" });
    bar.prepend(file);
    const box = read = make(detail, "section", { class: "part", "aria-label": "Structure and holes" });
    const view = new Structure(box, found.structure, cell(row, "formula"));
    if (found.barriers?.ways?.length) new Pathway(box, found.barriers, view);
    if (found.structure.channels.length) holes = new Holes(box, found.structure.channels, view);
  } else make(detail, "p", { class: "note missing" }, `No structure to show. ${found.missing}`);
  drawReasons(make(read, "section", { class: "part", "aria-label": "Reasons" }), found.reasons, holes);
  if (found.series) drawSeries(make(detail, "section", { class: "part", "aria-label": "Series" }), found.series);
  if (data.curves.length) {
    const box = make(detail, "section", { class: "part", "aria-label": "Curves" });
    const width = detail.clientWidth; // before drawing, which may bring a scrollbar
    const again = () => drawCurves(box, found.curves, { nearest: cell(row, "nearest"), near });
    again();
    drawnFor = { box, width, again };
  }
}

// Curves are drawn anew whenever the panel has another width than at the last drawing, whatever changed it (window, scrollbar, fonts).
new ResizeObserver(() => {
  const width = byId("detail").clientWidth;
  if (!drawnFor || drawnFor.width === width) return; // a phone's address bar changes the height alone
  drawnFor.width = width;
  drawnFor.again();
}).observe(byId("detail"));
listen("open", showDetail);
listen("shortlist", () => {
  for (const box of document.querySelectorAll(".tick-open")) box.checked = shortlist.has(state.openId);
});

export { facts, moreFacts };
