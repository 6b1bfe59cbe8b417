// Why the model says so: the strongest reasons for one candidate, from the mean prediction to its own.
import { button, data, make, percent, power, short } from "./core.js";

const BETTI = { beta0: null, beta1: 1, beta2: 2 };
const NONE = 0.005; // a crystal with fewer per site, or a smaller share of its sites, has none of it
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

function valueWords(value, unit) {
  if (value === null) return "not known";
  return unit === "share" ? percent(value) : `${short(value)}${unit ? ` ${unit}` : ""}`;
}

// "lithium forms layers between 3 and 4 Å", and what it has beside what is usual.
function reasonWords([first, last, , own, typical]) {
  const kind = data.kinds[first];
  const lacks = own !== null && own < NONE && kind.unit !== "" && kind.unit !== "per Å³";
  const band = kind.from === null ? "" : ` between ${kind.from} and ${data.kinds[last].to}\u00a0Å`;
  return {
    text: `${kind.words[Number(lacks)]}${band}`,
    values: `here ${valueWords(own, kind.unit)}, training median ${valueWords(typical, kind.unit)}`,
  };
}

// A reason whose value reads like the usual one tells a reader nothing.
function hasContrast([first, , , own, typical]) {
  const { unit } = data.kinds[first];
  return own === null || typical === null || valueWords(own, unit) !== valueWords(typical, unit);
}

// What is not named one by one, as [[words, sum in powers of ten], ...]: nothing is left out of the sum.
function unnamed({ kinds, higher, lower }) {
  const alike = kinds.filter((one) => !hasContrast(one)).map((one) => one[2]);
  const groups = [["raise", 1, higher], ["lower", -1, lower]].flatMap(([word, sign, weaker]) => {
    const same = alike.filter((value) => value * sign > 0);
    return [[same.length, same.reduce((sum, value) => sum + value, 0), word, "", ": as in the training median"], [...weaker, word, "weaker ", ""]];
  });
  return groups.filter(([count]) => count).map(([count, value, word, kind, more]) => [`${count} ${kind}${count === 1 ? `reason that ${word}s` : `reasons that ${word}`} it${more}`, value]);
}

const weight = (values) => values.reduce((sum, value) => sum + Math.abs(value), 0);

function drawReasons(parent, found, holes) {
  const { expected } = found;
  make(parent, "h4", {}, "Why: what moves the prediction from the mean, in powers of ten");
  const named = found.kinds.filter(hasContrast), rest = unnamed(found);
  const [shown, other] = [weight(named.map((one) => one[2])), weight(rest.map(([, value]) => value))];
  if (other > shown) make(parent, "p", { class: "note no-single" }, `No single reason: what is only summed here (${other.toFixed(2)}) outweighs the reasons named (${shown.toFixed(2)}).`);
  const lines = named.map((one) => ({ ...reasonWords(one), value: one[2], kind: { ...data.kinds[one[0]], to: data.kinds[one[1]].to } }));
  for (const [text, value] of rest) lines.push({ text, value });
  const total = lines.reduce((sum, line) => sum + line.value, expected);
  let at = expected;
  const stops = [expected, ...lines.map(({ value }) => (at += value))];
  const [low, high] = [Math.min(...stops), Math.max(...stops)];
  const x = (value) => 4 + ((value - low) / (high - low || 1)) * 132;
  const list = make(parent, "ol", { class: "waterfall" });
  const row = (text, told, css) => {
    const item = make(list, "li", { class: css });
    const why = make(item, "span", { class: "why" }, text);
    make(item, "span", { class: "num" }, told);
    return why;
  };
  row("mean prediction of the model", `${power(expected)} S/cm`, "end");
  at = expected;
  for (const { text, values, value, kind } of lines) {
    const why = row(text, signed(value), "step-row");
    if (values) make(why, "span", { class: "range" }, `${values} `);
    const svg = make(null, "svg", { viewBox: "0 0 140 16", class: "step", "aria-hidden": "true" });
    why.after(svg);
    make(svg, "line", { x1: x(expected), x2: x(expected), y1: 0, y2: 16, class: "rule" });
    make(svg, "rect", { x: Math.min(x(at), x(at + value)), y: 3, width: Math.max(1, Math.abs(x(at + value) - x(at))), height: 10, class: value > 0 ? "up" : "down" });
    at += value;
    const show = kind && holes && BETTI[kind.curve] && holes.find({ channel: kind.channel, dim: BETTI[kind.curve], from: kind.from, to: kind.to });
    if (show) button(why.querySelector(".range"), "Show it", show, { class: "small", "aria-label": `show a hole of this kind: ${text}` });
  }
  row("the model's prediction", `${power(total)} S/cm`, "end");
}

export { drawReasons, reasonWords, unnamed };
