// The state of the page in its address, so that a link to it can be sent: search, filters, order, page, what is plotted, and the open candidate.
// "#?search=…&with=P,S&if=distance:<=:0.6&sort=-prediction&open=mp-1"; other fragments (#scores) are places on the page.
import { byId, cell, columns, has, place } from "./core.js";
import { OPS, changed, take } from "./filters.js";
import { openRow } from "./list.js";
import { showSheet } from "./sheet.js";
import { source } from "./source.js";
import { PAGE, PLOT, ask, listen, noFilter, state } from "./state.js";
import { table } from "./elements.js";

const OURS = "#?";
const LISTS = { with: "must", without: "not", hide: "hide", family: "families" };
const boxes = (css) => new Set([...document.querySelectorAll(css)].map((box) => box.value));

// What is asked for and open, as a fragment; "" where nothing was changed or chosen.
function fragment() {
  const told = new URLSearchParams();
  if (ask.search) told.set("search", ask.search);
  for (const [name, key] of Object.entries(LISTS)) if (ask[key].length) told.set(name, ask[key].join(","));
  for (const { column, op, value } of ask.conditions) told.append("if", `${column}:${op}:${value}`);
  if (ask.sort !== noFilter.sort || ask.falling) told.set("sort", `${ask.falling ? "-" : ""}${ask.sort}`);
  if (ask.from) told.set("from", ask.from);
  if (state.plot.join() !== PLOT.join()) told.set("plot", state.plot.join(","));
  if (state.openId !== null && (state.chosen || told.size)) told.set("open", state.openId);
  return told.size ? `${OURS}${told}` : "";
}

// The address is replaced: going back leaves the page, and does not walk through what was typed.
function write() {
  const wanted = fragment();
  if (wanted === location.hash || (!wanted && !location.hash.startsWith(OURS))) return;
  try {
    history.replaceState(null, "", wanted || location.pathname + location.search);
  } catch {
    // Some browsers refuse it in a frame, or too often in a short time: then the address stays as it was.
  }
}

// A fragment as {question, open, lost}: what it asks for that this page does not have is named in `lost`.
function read(hash) {
  const told = new URLSearchParams(hash.slice(OURS.length));
  const question = structuredClone(noFilter);
  const lost = [];
  question.search = told.get("search") ?? "";
  const offered = { must: new Set(Object.keys(table.buttons)), hide: boxes(".hide"), families: boxes(".family") };
  offered.not = offered.must;
  for (const [name, key] of Object.entries(LISTS)) {
    for (const one of (told.get(name) ?? "").split(",").filter(Boolean)) (offered[key].has(one) ? question[key] : lost).push(one);
  }
  for (const one of told.getAll("if")) {
    const [, column, op, value] = /^(.*?):(>=|<=|has|yes|no):(.*)$/s.exec(one) ?? [];
    if (has(column) && OPS[columns[place[column]].kind].some(([name]) => name === op)) question.conditions.push({ column, op, value });
    else lost.push(one);
  }
  const [, minus, name] = /^(-?)(.*)$/s.exec(told.get("sort") ?? noFilter.sort);
  if (has(name)) Object.assign(question, { sort: name, falling: minus === "-" });
  else lost.push(`the order by ${name}`);
  question.from = PAGE * Math.floor(Math.min(1e9, Math.max(0, Number(told.get("from")) || 0)) / PAGE);
  const plot = (told.get("plot") ?? PLOT.join(",")).split(",");
  const plotted = plot.length === 2 && plot.every((one) => has(one) && columns[place[one]].kind === "number");
  if (!plotted) lost.push(`the plot of ${plot.join(", ")}`);
  return { question, plot: plotted ? plot : PLOT, open: told.get("open"), lost };
}

async function follow() {
  const { question, plot, open, lost } = read(location.hash);
  state.plot = plot;
  if (open !== null) Object.assign(state, { openId: open, chosen: true });
  const say = () => {
    byId("linked").textContent = lost.length ? `This link asks for what this page does not have: ${lost.join("; ")}.` : "";
    byId("linked").hidden = !lost.length;
  };
  say();
  const listed = take(question);
  if (open === null) return;
  const { rows } = await source.rows({ ...ask, ...noFilter, ids: [open], from: 0 });
  await listed;
  if (state.openId !== open) return; // another one was chosen meanwhile
  const row = rows.find((one) => cell(one, "id") === open);
  if (row) {
    openRow(row, false);
    showSheet();
  } else {
    lost.push(`the candidate ${open}`);
    say();
    byId("detail").textContent = "The candidate of this link is not on this page. One that is chosen in the list is shown here.";
  }
}

function begin() {
  listen("asked", write);
  listen("open", write);
  listen("plotted", write);
  window.addEventListener("hashchange", () => { if (location.hash.startsWith(OURS)) follow(); });
  if (location.hash.startsWith(OURS)) follow();
  else changed();
}

export { begin, fragment, read };
