// What is printed: the shortlist, each candidate with its structure and reasons on a page of its own. It is made as candidates are ticked,
// since nothing can be waited for once a browser prints; from the served page, where it costs a reading of files, by the button alone.
import { badges } from "./candidate.js";
import { byId, cell, data, formula, grouped, make } from "./core.js";
import { facts, moreFacts } from "./detail.js";
import { drawReasons } from "./reasons.js";
import { shortlist } from "./shortlist.js";
import { source } from "./source.js";
import { ask, listen, noFilter } from "./state.js";
import { Structure } from "./structure.js";

const MOST = 100; // candidates, each with a picture of some megabytes
const HEIGHT = 930; // CSS pixels of a page, A4 or letter, between its margins
const box = byId("prints");
const made = new Map(); // id -> its page

// A page is as long as the paper at most: what is longer is drawn smaller.
function fit(page) {
  box.classList.add("measured");
  page.style.zoom = String(Math.min(1, HEIGHT / page.scrollHeight));
  box.classList.remove("measured");
}

async function draw(row) {
  const page = make(null, "article");
  formula(make(page, "h2", { "aria-level": "1" }), cell(row, "formula")); // on paper there is no heading above it
  const name = make(page, "p", { class: "id" });
  make(name, "bdi", {}, cell(row, "id"));
  name.append(` · rank ${cell(row, "rank")}`);
  badges(page, row);
  const list = facts(page, row);
  const found = await source.detail(row);
  moreFacts(list, found);
  box.append(page);
  box.classList.add("measured"); // a picture is as large as its place on the paper
  if (found.structure) new Structure(page, found.structure, cell(row, "formula"), true);
  else make(page, "p", { class: "note" }, `No structure to show. ${found.missing}`);
  drawReasons(page, found.reasons, null);
  for (const heading of page.querySelectorAll("h4")) heading.setAttribute("aria-level", "2");
  fit(page);
  page.remove();
  return page;
}

// Makes the pages of the shortlist, and returns in words what it could not.
let asked = 0;
async function prepare() {
  const turn = ++asked;
  const ids = shortlist.ids();
  const { rows } = await source.rows({ ...ask, ...noFilter, ids, from: 0, count: MOST });
  for (const row of rows) {
    const id = cell(row, "id");
    if (!made.has(id)) made.set(id, await draw(row));
    if (turn !== asked) return "";
  }
  for (const id of made.keys()) if (!shortlist.has(id)) made.delete(id);
  const pages = rows.map((row) => made.get(cell(row, "id")));
  const left = ids.length - pages.length;
  const told = left ? `${grouped(pages.length)} of ${grouped(ids.length)} on the shortlist are printed: at most ${MOST}, and those of this page.` : "";
  box.replaceChildren(...pages);
  if (told && pages.length) {
    pages[0].querySelector(".left-out")?.remove();
    make(pages[0], "p", { class: "note left-out" }, told);
    fit(pages[0]);
  }
  return told;
}

byId("list-print").addEventListener("click", async () => {
  byId("exported").textContent = "Making the pages…";
  try {
    byId("exported").textContent = await prepare();
    window.print();
  } catch (error) {
    byId("exported").textContent = `Could not be printed: ${error.message}`;
  }
});
let wait;
function later() {
  clearTimeout(wait);
  if (data.mode === "served") {
    for (const [id, page] of made) if (!shortlist.has(id)) page.remove();
  } else wait = setTimeout(prepare, 400);
}
listen("shortlist", later);
if (shortlist.ids().length) later();
