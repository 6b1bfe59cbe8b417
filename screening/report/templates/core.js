// What all parts of the page use: the data, making elements, numbers and formulas in words. Text from files only ever becomes textContent.
const data = JSON.parse(document.getElementById("data").textContent);
const columns = data.columns; // [{name, kind: "text" | "number" | "flag", label}]
const place = Object.fromEntries(columns.map((column, k) => [column.name, k]));
const has = (name) => Object.hasOwn(place, name);
const cell = (row, name) => (has(name) ? row.cells[place[name]] : null);
const byId = (id) => document.getElementById(id);
const svgSpace = document.querySelector("svg").namespaceURI;

function make(parent, name, attributes = {}, text) {
  const node = parent instanceof SVGElement || name === "svg" ? document.createElementNS(svgSpace, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  parent?.append(node);
  return node;
}

function button(parent, text, act, attributes = {}) {
  const node = make(parent, "button", { type: "button", ...attributes }, text);
  node.addEventListener("click", act);
  return node;
}

function select(parent, label, options, chosen, change) {
  const node = make(make(parent, "label", {}, `${label} `), "select");
  for (const [value, words] of options) make(node, "option", { value, ...(value === chosen ? { selected: "" } : {}) }, words);
  node.addEventListener("change", () => change(node.value));
  return node;
}

const superscript = (number) => String(number).replace(/./g, (c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"["0123456789".indexOf(c)] ?? "⁻");
function power(log10) {
  if (log10 === null) return "not measured";
  let exponent = Math.floor(log10);
  let mantissa = (10 ** (log10 - exponent)).toFixed(1);
  if (mantissa === "10.0") [mantissa, exponent] = ["1.0", exponent + 1];
  return `${mantissa} × 10${superscript(exponent)}`;
}
const level = (log10) => (Number.isInteger(log10) ? `10${superscript(log10)}` : power(log10)); // a threshold
const minus = (text) => text.replace("-", "−");
const short = (value) => (Number.isFinite(value) ? minus(String(Number(value.toPrecision(3)))) : "–");
const number = (value) => (value === null ? "–" : value === "Infinity" ? "∞" : value === "-Infinity" ? "−∞" : minus(Number(value).toFixed(2)));
const percent = (value) => (value === null ? "–" : `${Math.round(100 * value)} %`);
const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");

function formula(parent, text) {
  text.split(/(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)/).forEach((piece, k) => {
    if (k % 2) make(parent, "sub", {}, piece);
    else {
      if (k && /^[\p{Lu}([]/u.test(piece)) make(parent, "wbr");
      parent.append(piece);
    }
  });
  return parent;
}

// Addresses are made only of names whose form is known; they are opened by a click alone.
function sourceLink(id) {
  const mp = /^(mp|mvc)-\d{1,9}$/.exec(id);
  if (mp) return [`https://next-gen.materialsproject.org/materials/${id}`, "Materials Project"];
  const cod = /^(?:COD[-_]?)?([1-9]\d{6})$/i.exec(id);
  return cod ? [`https://www.crystallography.net/cod/${cod[1]}.html`, "COD"] : null;
}
const isDoi = (text) => /^10\.\d{4,9}\/[^\s"<>]+$/.test(text);
function link(parent, address, words) {
  return make(parent, "a", { href: address, target: "_blank", rel: "noopener noreferrer" }, words);
}
function publication(parent, text) {
  const doi = text.replace(/^(?:https?:\/\/(?:dx\.)?doi\.org\/|doi:\s*)/i, "");
  if (isDoi(doi)) link(parent, `https://doi.org/${encodeURI(doi).replaceAll("#", "%23").replaceAll("?", "%3F")}`, doi).className = "doi";
  else make(parent, "bdi", {}, text);
}

// What is kept in this browser; where it keeps nothing (some open files so), it lasts until the page is closed.
const kept = {
  memory: {},
  get(name) {
    try {
      return JSON.parse(localStorage.getItem(`screening/${data.key}/${name}`)) ?? this.memory[name] ?? null;
    } catch {
      return this.memory[name] ?? null;
    }
  },
  set(name, value) {
    this.memory[name] = value;
    try {
      localStorage.setItem(`screening/${data.key}/${name}`, JSON.stringify(value));
      return true;
    } catch {
      return false;
    }
  },
};

function unpack([maximum, coded]) {
  const bytes = Uint8Array.from(atob(coded), (character) => character.charCodeAt(0));
  return Array.from({ length: bytes.length / 2 }, (_, k) => {
    const step = bytes[2 * k] + 256 * bytes[2 * k + 1];
    return step === 65535 ? NaN : (step / 65534) * maximum;
  });
}

function save(name, parts, type) {
  const address = URL.createObjectURL(new Blob(parts, { type }));
  const anchor = make(null, "a", { href: address, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

export {
  data, columns, place, has, cell, byId, make, button, select, power, level, minus, short, number, percent,
  grouped, formula, sourceLink, link, publication, kept, unpack, save,
};
