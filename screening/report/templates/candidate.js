// What is said of a candidate in the list and in its details alike: its badges, and the known conductors that it is compared with.
import { cell, data, has, make, power } from "./core.js";
import { isEmpty } from "./source.js";

function known(id) {
  const [text, sigma, bound, where] = data.known[id] ?? [];
  return text === undefined ? null : { formula: text, sigma, bound, publication: where };
}
const measured = (id, log10) => `${known(id)?.bound ? "< " : ""}${power(log10)}`; // "<": an upper bound

// Marks as [name, elements]; what they mean stands in data.marks.
const marks = (row) => (has("marks") ? String(cell(row, "marks") ?? "") : "").split(";").filter(Boolean).map((one) => {
  const [name, elements] = one.split(":");
  return [name, (elements ?? "").replaceAll(",", ", ")];
});

// With `most`, that many are shown, warnings first, and the others counted; their words are in the title.
function badges(parent, row, most = Infinity) {
  const words = [];
  if (cell(row, "in_domain") === false) words.push(["out of domain", "warn"]);
  if (cell(row, "prediction_kind") === "out-of-fold") words.push(["out-of-fold prediction"]);
  for (const [name, word] of Object.entries(data.badges)) if (cell(row, name) === true) words.push([word]);
  for (const [name, elements] of marks(row)) if (data.mark_badges[name]) words.push([`${data.mark_badges[name]} ${elements}`.trim()]);
  const reasons = String(cell(row, "held_back") ?? "").split(";").filter(Boolean);
  for (const why of reasons.filter((one) => !one.startsWith("flag:"))) words.push([`held back: ${data.held_back[why] ?? why}`, "warn"]);
  for (const name of String(cell(row, "flags") ?? "").split(";").filter(Boolean)) {
    const [kind, sentence] = data.flags[name] ?? ["note", name];
    if (kind === "contradiction") words.push([`${reasons.includes(`flag:${name}`) ? "held back: " : ""}${sentence}`, "warn"]);
  }
  if (!isEmpty(cell(row, "elements_unseen"))) words.push([`not in training: ${cell(row, "elements_unseen").replaceAll(";", ", ")}`]);
  if (!isEmpty(cell(row, "same_as_labelled"))) words.push([`is the labelled crystal ${cell(row, "same_as_labelled")}`]);
  if (cell(row, "duplicates") > 0) words.push([`${cell(row, "duplicates")} more ${cell(row, "duplicates") === 1 ? "entry" : "entries"} of the same crystal`]);
  if (has("polymorphs") && cell(row, "polymorphs") > 0) words.push([`${cell(row, "polymorphs")} more ${cell(row, "polymorphs") === 1 ? "polymorph" : "polymorphs"}`]);
  if (!words.length) return;
  const box = make(parent, "span", { class: "badges" });
  if (words.length > most) words.sort((p, q) => (q[1] ?? "").length - (p[1] ?? "").length);
  for (const [text, css] of words.slice(0, most)) make(box, "span", { class: `badge ${css ?? ""}`, title: text }, text);
  const rest = words.slice(most).map(([text]) => text).join("; ");
  const all = words.map(([text]) => text).join("; "), warn = words.some(([, css]) => css);
  if (most < Infinity) make(box, "span", { class: `badge count ${warn ? "warn" : ""}`, title: all }, `+${words.length}`); // on a phone
  if (rest) make(make(box, "span", { class: "badge more", title: rest }, `+${words.length - most}`), "span", { class: "sr" }, `: ${rest}`);
}

export { known, measured, badges, marks };
