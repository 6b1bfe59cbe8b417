// Ticked candidates, kept in this browser, and what is made of them: a table, and structures in a ZIP file.
import { byId, cell, columns, data, grouped, kept, save } from "./core.js";
import { source } from "./source.js";
import { ask, noFilter, tell } from "./state.js";

const shortlist = {
  ticked: new Set(kept.get("shortlist") ?? []),
  has: (id) => shortlist.ticked.has(id),
  ids: () => [...shortlist.ticked],
  tick(id, on) {
    if (on) this.ticked.add(id);
    else this.ticked.delete(id);
    this.changed();
  },
  clear() {
    this.ticked.clear();
    this.changed();
  },
  changed() {
    this.show(kept.set("shortlist", this.ids()));
    tell("shortlist");
  },
  show(isKept = true) {
    byId("ticked").textContent = `${grouped(this.ticked.size)} on the shortlist${isKept ? "" : "; this browser keeps it only until the page is closed"}`;
    for (const id of ["list-csv", "list-cif", "list-print", "list-clear"]) byId(id).disabled = this.ticked.size === 0;
  },
};

async function everyRow(more) {
  return (await source.rows({ ...ask, ...more, from: 0, count: 1e9 })).rows;
}

function csvField(value, isText) {
  let field = value === null ? "" : value === true ? "True" : value === false ? "False" : String(value);
  if (isText && /^[=+\-@\t\r']/.test(field)) field = "'" + field; // else a spreadsheet would run it as a formula
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}
function csv(rows) {
  const lines = rows.map((row) => row.cells.map((value, k) => csvField(value, columns[k].kind === "text")).join(","));
  return [columns.map((column) => csvField(column.name, true)).join(","), ...lines].join("\n") + "\n";
}

function p1Cif(id, { lattice, atoms }) {
  const size = lattice.map((row) => Math.hypot(...row));
  const dot = (i, j) => lattice[i].reduce((sum, x, k) => sum + x * lattice[j][k], 0) / (size[i] * size[j]);
  const angle = (i, j) => (Math.acos(Math.min(1, Math.max(-1, dot(i, j)))) * 180) / Math.PI;
  const lines = [`data_${id.replace(/[^A-Za-z0-9_.-]/g, "_").slice(0, 60) || "crystal"}`];
  size.forEach((length, k) => lines.push(`_cell_length_${"abc"[k]} ${length.toFixed(6)}`));
  [angle(1, 2), angle(0, 2), angle(0, 1)].forEach((value, k) => lines.push(`_cell_angle_${["alpha", "beta", "gamma"][k]} ${value.toFixed(6)}`));
  lines.push("_space_group_name_H-M_alt 'P 1'", "_space_group_IT_number 1", "loop_", "_atom_site_label", "_atom_site_type_symbol");
  lines.push("_atom_site_fract_x", "_atom_site_fract_y", "_atom_site_fract_z", "_atom_site_occupancy");
  atoms.forEach(([z, , , a, b, c, share], k) => {
    const symbol = data.elements[z];
    lines.push(`${symbol}${k + 1} ${symbol} ${a.toFixed(6)} ${b.toFixed(6)} ${c.toFixed(6)} ${share}`);
  });
  return lines.join("\n") + "\n";
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});
function crc32(bytes) {
  let sum = -1;
  for (const byte of bytes) sum = crcTable[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ -1) >>> 0;
}

// APPNOTE 6.3: every file stored as it is, names in UTF-8; the same files give the same bytes.
function zip(files) {
  const encoder = new TextEncoder();
  const parts = [], entries = [];
  let offset = 0, size = 0;
  for (const [name, text] of files) {
    const [title, content] = [encoder.encode(name), encoder.encode(text)];
    const common = [[20, 2], [0x800, 2], [0, 2], [0, 2], [0x21, 2], [crc32(content), 4], [content.length, 4], [content.length, 4], [title.length, 2], [0, 2]];
    const local = fields([[0x04034b50, 4], ...common]);
    const entry = fields([[0x02014b50, 4], [20, 2], ...common, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]]);
    parts.push(local, title, content);
    entries.push(entry, title);
    offset += local.length + title.length + content.length;
    size += entry.length + title.length;
  }
  const count = entries.length / 2;
  return [...parts, ...entries, fields([[0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [size, 4], [offset, 4], [0, 2]])];
}
function fields(list) {
  const bytes = [];
  for (const [value, size] of list) for (let k = 0; k < size; k++) bytes.push((value / 256 ** k) & 255);
  return Uint8Array.from(bytes);
}

function fileNames(ids) {
  const seen = new Set();
  return ids.map((id) => {
    const stem = id.replace(/[^A-Za-z0-9_.-]/g, "_").replace(/^\.+/, "_").slice(0, 100) || "crystal";
    let name = stem;
    for (let k = 2; seen.has(name.toLowerCase()); k++) name = `${stem}-${k}`;
    seen.add(name.toLowerCase());
    return `${name}.cif`;
  });
}

async function cifBundle() {
  const rows = await everyRow({ ...noFilter, ids: shortlist.ids() });
  const found = await source.structures(rows);
  const names = fileNames(rows.map((row) => cell(row, "id")));
  const files = [["shortlist.csv", csv(rows)]];
  const lost = [];
  found.forEach((one, k) => {
    if (one.structure) files.push([names[k], p1Cif(cell(rows[k], "id"), one.structure)]);
    else lost.push(`${cell(rows[k], "id")}: ${one.missing}`);
  });
  if (lost.length) files.push(["missing.txt", `${lost.join("\n")}\n`]);
  return { files, lost };
}

async function exporting(act) {
  const say = byId("exported");
  say.textContent = "Writing…";
  try {
    say.textContent = await act();
  } catch (error) {
    say.textContent = `Could not be written: ${error.message}`;
  }
}
byId("list-csv").addEventListener("click", () => exporting(async () => {
  const rows = await everyRow({ ...noFilter, ids: shortlist.ids() });
  save("shortlist.csv", [csv(rows)], "text/csv;charset=utf-8");
  return `shortlist.csv: ${rows.length} candidates.`;
}));
byId("list-cif").addEventListener("click", () => exporting(async () => {
  const { files, lost } = await cifBundle();
  save("shortlist.zip", zip(files), "application/zip");
  return `shortlist.zip: ${files.length - 1 - (lost.length > 0)} structures${lost.length ? `; ${lost.length} could not be read, see missing.txt in it` : ""}.`;
}));
byId("list-clear").addEventListener("click", () => shortlist.clear());
byId("shown-csv").addEventListener("click", () => exporting(async () => {
  const rows = await everyRow({});
  save("candidates.csv", [csv(rows)], "text/csv;charset=utf-8");
  return `candidates.csv: ${rows.length} candidates.`;
}));

// One crystal as a file of its own, as it stands in the ZIP file.
function saveCif(id, structure) {
  save(fileNames([id])[0], [p1Cif(id, structure)], "chemical/x-cif");
}

export { saveCif, shortlist };
