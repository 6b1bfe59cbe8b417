"use strict";
// The ranking table: sorting, searching, filtering, choosing a row, and its CSV. Text from files only ever becomes textContent.
const data = JSON.parse(document.getElementById("data").textContent);
const column = Object.fromEntries(data.columns.map((name, place) => [name, place]));
const cell = (i, name) => data.rows[i][column[name]];
const body = document.querySelector("#table tbody");
const lines = [...body.rows].map((tr) => ({
  tr, i: Number(tr.dataset.i), elements: new Set(tr.dataset.elements.split(" ").filter(Boolean)),
  words: ["id", "formula", "source"].map((name) => String(cell(Number(tr.dataset.i), name))).join("\n").toLowerCase(),
}));
let chosen = -1;

function symbols(text) {
  return text.match(/[A-Za-z][a-z]?/g)?.map((word) => word[0].toUpperCase() + word.slice(1)) ?? [];
}

function filter() {
  const search = document.getElementById("search").value.trim().toLowerCase();
  const wanted = symbols(document.getElementById("with").value);
  const unwanted = symbols(document.getElementById("without").value);
  const hidden = [...document.querySelectorAll(".hide:checked")].map((box) => box.value);
  let shown = 0;
  for (const { tr, i, elements, words } of lines) {
    const keep = words.includes(search) && wanted.every((e) => elements.has(e)) && !unwanted.some((e) => elements.has(e))
      && !hidden.some((flag) => (flag === "outside" ? !cell(i, "in_domain") : cell(i, flag)));
    tr.hidden = !keep;
    shown += keep;
  }
  document.getElementById("shown").textContent = shown === lines.length ? `${shown} rows` : `${shown} of ${lines.length} rows`;
  document.getElementById("none").hidden = shown > 0;
}

const isEmpty = (value) => value === null || value === "";
function compare(a, b, isText) {
  return isText ? (a < b ? -1 : Number(a > b)) : Number(a) === Number(b) ? 0 : Number(a) - Number(b); // "Infinity" is a number
}

function sort(th) {
  const falling = th.getAttribute("aria-sort") === "none" ? th.dataset.key === "prediction" : th.getAttribute("aria-sort") === "ascending";
  for (const other of th.parentNode.cells) other.setAttribute("aria-sort", "none");
  th.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const key = th.dataset.key;
  const isText = data.text.includes(key);
  lines.sort((a, b) => {
    const [left, right] = [cell(a.i, key), cell(b.i, key)];
    const last = isEmpty(left) - isEmpty(right); // empty cells stand last in either direction
    return last || (falling ? -1 : 1) * compare(left, right, isText) || a.i - b.i;
  });
  body.append(...lines.map((line) => line.tr));
}

function csvField(value, isText) {
  let field = value === null ? "" : value === true ? "True" : value === false ? "False" : String(value);
  if (isText && /^[=+\-@\t\r]/.test(field)) field = "'" + field; // else a spreadsheet would run it as a formula
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

function visibleCsv() {
  const texts = data.columns.map((name) => data.text.includes(name));
  const rows = lines.filter((line) => !line.tr.hidden).map((line) => data.rows[line.i].map((value, k) => csvField(value, texts[k])).join(","));
  return [data.columns.join(","), ...rows].join("\n") + "\n";
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([visibleCsv()], { type: "text/csv;charset=utf-8" }));
  link.download = "ranking-visible.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function choose(line, move) {
  for (const other of body.querySelectorAll("tr.chosen")) other.classList.remove("chosen");
  for (const other of body.querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
  line.tr.classList.add("chosen");
  line.tr.querySelector("button.open").setAttribute("aria-current", "true");
  chosen = line.i;
  showDetail(line.i);
  const detail = document.getElementById("detail");
  if (move && getComputedStyle(detail).position === "static") {
    detail.scrollIntoView({ block: "start" });
    detail.focus({ preventScroll: true });
  }
}

for (const id of ["search", "with", "without"]) document.getElementById(id).addEventListener("input", filter);
for (const box of document.querySelectorAll(".hide")) box.addEventListener("change", filter);
for (const th of document.querySelectorAll("#table th")) th.querySelector("button").addEventListener("click", () => sort(th));
document.getElementById("download").addEventListener("click", download);
body.addEventListener("click", (event) => {
  const tr = event.target.closest("tr");
  const line = lines.find((one) => one.tr === tr);
  if (line && !window.getSelection().toString()) choose(line, true);
});
body.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.matches("button.open")) return;
  const shown = lines.filter((line) => !line.tr.hidden);
  const next = shown[shown.findIndex((line) => line.tr === event.target.closest("tr")) + step];
  if (!next) return;
  event.preventDefault();
  next.tr.querySelector("button.open").focus();
  choose(next, false);
});
