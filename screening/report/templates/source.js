// Where rows and details come from: this file (embedded), or the program that serves the page. Both answer the same questions.
// A question: {search, must: [symbol], not: [symbol], hide: [flag], families: [name] (any of them), conditions: [{column, op, value}], ids, sort, falling, from, count}.
import { byId, cell, columns, data, place } from "./core.js";

const symbols = new Set(data.elements);
const elementsOf = (text) => new Set((text.match(/[A-Z][a-z]?/g) ?? []).filter((symbol) => symbols.has(symbol)));
const isEmpty = (value) => value === null || value === "";

function holds(value, { op, value: wanted }) {
  if (op === "has") return String(value ?? "").toLowerCase().includes(String(wanted).toLowerCase());
  if (op === "yes") return value === true;
  if (op === "no") return value === false;
  if (value === null || wanted === "" || !Number.isFinite(Number(wanted))) return false;
  return op === ">=" ? Number(value) >= Number(wanted) : Number(value) <= Number(wanted);
}

async function inflated(coded) {
  const bytes = Uint8Array.from(atob(coded), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

class Embedded {
  constructor() {
    this.all = data.rows.map((cells, at) => ({ cells, at }));
    for (const row of this.all) {
      row.elements = elementsOf(cell(row, "formula"));
      row.families = String(cell(row, "family") ?? "").split(/, ?/);
      row.words = [...["id", "formula", "source"].map((name) => String(cell(row, name))), ...(data.duplicates[cell(row, "id")] ?? [])].join("\n").toLowerCase();
    }
  }
  async rows(ask) {
    const search = ask.search.trim().toLowerCase();
    const ids = ask.ids && new Set(ask.ids);
    const fit = this.all.filter((row) => row.words.includes(search) && (!ids || ids.has(cell(row, "id")))
      && ask.must.every((e) => row.elements.has(e)) && !ask.not.some((e) => row.elements.has(e))
      && (!ask.families.length || ask.families.some((name) => row.families.includes(name)))
      && !ask.hide.some((flag) => (flag === "outside" ? cell(row, "in_domain") === false : flag === "held" ? !isEmpty(cell(row, "held_back")) : cell(row, flag) === true))
      && ask.conditions.every((one) => holds(cell(row, one.column), one)));
    const isText = columns[place[ask.sort]].kind === "text";
    const compare = (a, b) => (isText ? (a < b ? -1 : Number(a > b)) : Number(a) === Number(b) ? 0 : Number(a) - Number(b)); // "Infinity" is a number
    fit.sort((a, b) => {
      const [left, right] = [cell(a, ask.sort), cell(b, ask.sort)];
      const last = isEmpty(left) - isEmpty(right); // empty cells stand last in either direction
      return last || (isEmpty(left) ? 0 : (ask.falling ? -1 : 1) * compare(left, right)) || a.at - b.at;
    });
    return { total: fit.length, rows: fit.slice(ask.from, ask.from + ask.count) };
  }
  store() {
    this.read ??= new Promise((done) => {
      const parse = () => done(JSON.parse(byId("details").textContent));
      if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", parse); // it stands at the end of the file
      else parse();
    });
    return this.read;
  }
  async detail(row) {
    return inflated((await this.store()).of[row.at]);
  }
  async known(id) {
    const found = (await this.store()).known[id];
    return found ? inflated(found) : null;
  }
  async comparable() {
    return Object.keys((await this.store()).known);
  }
  async structures(rows) {
    return Promise.all(rows.map((row) => this.detail(row)));
  }
}

class Served {
  async ask(path, body) {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const found = await answer.json();
    if (!answer.ok) throw new Error(found.error);
    return found;
  }
  rows(ask) {
    return this.ask("api/rows", ask);
  }
  async detail(row) {
    return this.ask("api/detail", { id: cell(row, "id") });
  }
  async known(id) {
    return this.ask("api/known", { id });
  }
  async comparable() {
    return Object.keys(data.known);
  }
  async structures(rows) {
    return this.ask("api/structures", { ids: rows.map((row) => cell(row, "id")) });
  }
}
const source = data.mode === "served" ? new Served() : new Embedded();

export { source, isEmpty };
