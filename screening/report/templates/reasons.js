// Why the model says so: the strongest kinds of hole of one candidate, from the mean prediction to its own.
const BETTI = { beta0: null, beta1: 1, beta2: 2 };
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;

function drawReasons(parent, { expected, kinds, rest }, holes) {
  make(parent, "h4", {}, "Why: what moves the prediction from the mean, in powers of ten");
  const lines = kinds.map(([k, value]) => ({ words: data.kinds[k].words, value, kind: data.kinds[k] }));
  lines.push({ words: "all other kinds together", value: rest });
  const total = lines.reduce((sum, line) => sum + line.value, expected);
  let at = expected;
  const stops = [expected, ...lines.map(({ value }) => (at += value))];
  const [low, high] = [Math.min(...stops), Math.max(...stops)];
  const x = (value) => 4 + ((value - low) / (high - low || 1)) * 132;
  const list = make(parent, "ol", { class: "waterfall" });
  const row = (words, told, from, to) => {
    const item = make(list, "li");
    make(item, "span", { class: "why" }, words);
    const svg = make(item, "svg", { viewBox: "0 0 140 16", class: "step", "aria-hidden": "true" });
    make(svg, "line", { x1: x(expected), x2: x(expected), y1: 0, y2: 16, class: "rule" });
    make(svg, "rect", { x: Math.min(x(from), x(to)), y: 3, width: Math.max(1, Math.abs(x(to) - x(from))), height: 10, class: from === to ? "mixed" : to > from ? "up" : "down" });
    make(item, "span", { class: "num" }, told);
    return item;
  };
  row("mean prediction of the model", power(expected), expected, expected);
  at = expected;
  for (const { words, value, kind } of lines) {
    const item = row(words, signed(value), at, at + value);
    at += value;
    const show = kind && holes && BETTI[kind.curve] && holes.find({ channel: kind.channel, dim: BETTI[kind.curve], from: kind.from, to: kind.to });
    if (show) button(item, "Show it", show, { class: "small", "aria-label": `show a hole of this kind: ${words}` });
  }
  row("the model's prediction", power(total), total, total);
}
