// The list: what is asked for, its pages, its columns, and the row that is open.
import {
  button, byId, cell, columns, data, formula, grouped, has, kept, level, link, make,
  number, percent, power, publication, sourceLink,
} from "./core.js";
import { badges, known, measured } from "./candidate.js";
import { showSheet } from "./sheet.js";
import { shortlist } from "./shortlist.js";
import { source } from "./source.js";
import { PAGE, ask, listen, state, tell } from "./state.js";

const body = document.querySelector("#table tbody");
let shown = { total: 0, rows: [] };

// A row has two lines at most: what is longer is cut with an ellipsis, stands whole in its title, and in the details.
const line = (td, css) => make(td, "span", { class: `line ${css ?? ""}` });

// Columns made of several of the ranking's; all others can be added as they are.
const views = [
  { name: "rank", label: "Rank", css: "num", fill: (td, row) => { td.textContent = cell(row, "rank"); } },
  {
    name: "formula", label: "Crystal", fixed: true, folds: ["id"], css: "crystal",
    fill(td, row) {
      const id = cell(row, "id");
      const chosen = button(td, undefined, () => {}, { class: "open line", "aria-controls": "detail", title: cell(row, "formula") });
      formula(make(chosen, "span", { class: "formula" }), cell(row, "formula"));
      const second = line(td, "second");
      make(second, "span", { class: "id", title: id }, id);
      const where = sourceLink(id);
      if (where) link(make(second, "span", { class: "where", title: where[1] }), where[0], where[1] === "COD" ? "COD" : "MP");
      badges(second, row, 1);
    },
  },
  {
    name: "prediction", label: "Predicted σ (S/cm)", falling: true, css: "values",
    fill(td, row) {
      const first = make(td, "span", { class: "sigma" }, power(cell(row, "prediction")));
      if (cell(row, "chance") !== null) make(first, "span", { class: "narrow", title: `${percent(cell(row, "chance"))} chance of ${level(data.target)} S/cm or more` }, `, ${percent(cell(row, "chance"))}`);
      make(td, "span", { class: "range" }, `${power(cell(row, "lower"))} to ${power(cell(row, "upper"))}`);
    },
  },
  { name: "chance", label: `Chance of ${level(data.target)} S/cm or more`, head: `Chance of ${level(data.target)}`, css: "num wide chance", falling: true, fill: (td, row) => { td.textContent = percent(cell(row, "chance")); } },
  { name: "distance", label: "Novelty", css: "num wide", fill: (td, row) => { td.textContent = number(cell(row, "distance")); } },
  { name: "E1D", label: "Barrier, 1-D (eV)", head: "Barrier (eV)", css: "num wide", fill: (td, row) => { td.textContent = number(cell(row, "E1D")); } },
  {
    name: "nearest_formula", label: "Nearest known, measured σ (S/cm)", head: "Nearest known, its σ", css: "wide near", folds: ["nearest"],
    fill(td, row) {
      const first = line(td);
      formula(make(first, "span", { class: "formula", title: cell(row, "nearest_formula") }), cell(row, "nearest_formula"));
      make(first, "span", { class: "range" }, measured(cell(row, "nearest"), cell(row, "nearest_measured")));
      const where = known(cell(row, "nearest"))?.publication;
      if (where) publication(make(td, "span", { class: "where line", title: where }), where);
    },
  },
].filter((view) => has(view.name));
const folded = new Set(views.flatMap((view) => [view.name, ...(view.folds ?? [])]));
const flagWords = (value) => (value === true ? "yes" : value === false ? "no" : "");
const cellWords = ({ name, kind }, value) => {
  if (kind === "flag") return flagWords(value);
  if (kind === "text" || value === null) return value ?? "–";
  if (name === "conductivity") return value > 0 ? power(Math.log10(value)) : "–"; // it spans powers of ten
  return name === "duplicates" ? String(value) : number(value);
};
for (const column of columns.filter((one) => !folded.has(one.name))) {
  views.push({
    name: column.name, label: column.label, css: column.kind === "number" ? "num" : "", extra: true,
    fill(td, row) {
      const words = cellWords(column, cell(row, column.name));
      if (column.kind === "text") make(td, "span", { class: "clamp", title: words }, words);
      else td.textContent = words;
    },
  });
}
const hidden = new Set(kept.get("hidden") ?? []); // default columns taken off
const added = new Set(kept.get("added") ?? []); // further columns put on
const isOn = (view) => (view.extra ? added.has(view.name) : !hidden.has(view.name));

function drawHead() {
  const head = document.querySelector("#table thead tr");
  head.replaceChildren();
  make(make(head, "th", { scope: "col", class: "tick" }), "span", { class: "sr" }, "On the shortlist");
  for (const view of views.filter(isOn)) {
    const state = ask.sort === view.name ? (ask.falling ? "descending" : "ascending") : "none";
    const th = make(head, "th", { scope: "col", "aria-sort": state, "data-key": view.name, class: view.css ?? "" });
    button(th, view.head ?? view.label, () => {
      ask.falling = ask.sort === view.name ? !ask.falling : Boolean(view.falling);
      ask.sort = view.name;
      drawHead();
      document.querySelector(`#table th[data-key="${CSS.escape(view.name)}"] button`).focus();
      refresh();
    });
  }
}

function drawBody() {
  body.replaceChildren();
  for (const row of shown.rows) {
    const tr = make(body, "tr", { "data-at": row.at });
    if (cell(row, "in_domain") === false) tr.classList.add("outside");
    const id = cell(row, "id");
    const box = make(make(tr, "td", { class: "tick" }), "input", { type: "checkbox", "aria-label": `on the shortlist: ${cell(row, "formula")}, ${id}` });
    box.checked = shortlist.has(id);
    box.addEventListener("change", () => shortlist.tick(id, box.checked));
    for (const view of views.filter(isOn)) view.fill(make(tr, "td", { class: view.css ?? "" }), row);
    if (id === state.openId) mark(tr);
  }
  const last = ask.from + shown.rows.length;
  byId("none").hidden = shown.total > 0;
  const there = data.mode === "served" ? data.n : data.rows.length;
  byId("none").textContent = there ? "No candidate fits these filters." : "This run ranked no candidate.";
  const first = data.first ?? there; // further rows are polymorphs of these
  const folded = there > first ? ` and ${grouped(there - first)} polymorph${there - first === 1 ? "" : "s"} of these` : "";
  const rows = folded ? ` ${grouped(there)}: ` : " ";
  byId("shown").textContent = `${grouped(shown.total)} of${rows}${first < data.n ? "the first " : ""}${grouped(first)} candidate${first === 1 ? "" : "s"}${folded}`;
  byId("pages").hidden = shown.total <= PAGE;
  byId("range").textContent = `${grouped(ask.from + 1)}–${grouped(last)}`;
  byId("back").disabled = ask.from === 0;
  byId("next").disabled = last >= shown.total;
}

let asked = 0;
async function refresh(from = 0) {
  ask.from = from;
  tell("asked");
  const turn = ++asked;
  try {
    const found = await source.rows(ask);
    if (turn !== asked) return; // a later question has been asked meanwhile
    if (from && found.total && !found.rows.length) return void refresh(); // a link to a page of a longer list
    shown = found;
    drawBody();
    if (state.openId === null && shown.rows.length) openRow(shown.rows[0], false, false);
    else if (state.openId === null) byId("detail").textContent = "A candidate that is chosen in the list is shown here.";
  } catch (error) {
    byId("shown").textContent = `The list could not be read: ${error.message}`;
  }
}

function mark(tr) {
  for (const other of body.querySelectorAll("tr.chosen")) other.classList.remove("chosen");
  for (const other of body.querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
  tr.classList.add("chosen");
  tr.querySelector("button.open").setAttribute("aria-current", "true");
}

function openRow(row, move, chosen = true) {
  Object.assign(state, { openId: cell(row, "id"), chosen });
  const tr = [...body.rows].find((one) => Number(one.dataset.at) === row.at);
  if (tr) mark(tr);
  tell("open", row);
  const detail = byId("detail");
  if (move) showSheet();
  if (move && detail.getBoundingClientRect().top > innerHeight * 0.8) detail.scrollIntoView({ block: "start" });
}

body.addEventListener("click", (event) => {
  const tr = event.target.closest("tr");
  const row = tr && !event.target.closest("input,a") && shown.rows.find((one) => one.at === Number(tr.dataset.at));
  if (row && !getSelection().toString()) openRow(row, true);
});
body.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.matches("button.open")) return;
  const tr = event.target.closest("tr");
  const next = step > 0 ? tr.nextElementSibling : tr.previousElementSibling;
  if (!next) return;
  event.preventDefault();
  next.querySelector("button.open").focus();
  openRow(shown.rows.find((one) => one.at === Number(next.dataset.at)), false);
});
listen("shortlist", () => {
  for (const tr of body.rows) tr.querySelector("input").checked = shortlist.has(cell(shown.rows.find((row) => row.at === Number(tr.dataset.at)), "id"));
});
byId("back").addEventListener("click", () => refresh(Math.max(0, ask.from - PAGE)));
byId("next").addEventListener("click", () => refresh(ask.from + PAGE));

export { views, hidden, added, isOn, drawHead, drawBody, openRow, refresh };
