"""The parts of a plot: scales, ticks, axes and marks as SVG text. Ours: a page with plotly inside would weigh 4 MB."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

NAMESPACE = "http://www.w3.org/2000/svg"  # needed in a file of its own, implied within HTML
FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2, Char
# Okabe & Ito's palette, told apart with every common kind of colour blindness; the dark variants are lightened.
STYLE = """
.plot{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;--ink:#1c2430;--faint:#5b6675;--rule:#d9dee5;
--blue:#0072b2;--orange:#d55e00;--q0:#00429d;--q1:#4771b2;--q2:#8c93a3;--q3:#d98a3d;--q4:#b34700}
@media screen and (prefers-color-scheme:dark){.plot{--ink:#e6eaf0;--faint:#a3aebd;--rule:#333c48;
--blue:#56b4e9;--orange:#f0904a;--q0:#4f9dff;--q1:#86b6e8;--q2:#9aa3b0;--q3:#e0a869;--q4:#ff8a3d}}
.plot text{fill:var(--ink)}.plot .tick{fill:var(--faint);font-size:11px}.plot .rule{stroke:var(--rule)}
.plot .zero{stroke:var(--faint)}.plot .one{stroke:var(--faint);stroke-dasharray:4 3}
.plot .dot{fill:var(--blue);fill-opacity:.6}.plot .bound{fill:none;stroke:var(--orange);stroke-width:1.4}
.plot .up{fill:var(--blue)}.plot .down{fill:var(--orange)}.plot .mixed{fill:var(--faint)}
.plot .q0{fill:var(--q0)}.plot .q1{fill:var(--q1)}.plot .q2{fill:var(--q2)}.plot .q3{fill:var(--q3)}
.plot .q4{fill:var(--q4)}
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from values to pixels."""

    low: float
    high: float
    begin: float  # pixel of `low`
    end: float  # pixel of `high`

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.begin + (value - self.low) / (self.high - self.low) * (self.end - self.begin)


def scale(values: Sequence[float], begin: float, end: float, *, margin: float = 0.04) -> Scale:
    """Return a scale over all finite values, with a margin on both sides; equal values get one unit of room."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    room = (high - low) * margin if high > low else 0.5
    return Scale(low - room, high + room, begin, end)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers (1, 2 or 5 times a power of ten apart) from `low` to `high`, some `about` of them."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.75 * rough)
    return [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def label(value: float) -> str:
    """Return a tick's text: as short as it can be, with a true minus sign."""
    return f"{round(value, 10):g}".replace("-", "−")


def text(  # noqa: PLR0913 - the attributes of an SVG text
    x: float, y: float, content: str, *, css: str = "", anchor: str = "start", turn: float = 0
) -> Markup:
    """Return one line of text; `content` is escaped."""
    rotated = Markup(' transform="rotate({} {:.1f} {:.1f})"').format(turn, x, y) if turn else ""
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}"{}>{}</text>').format(
        x, y, css, anchor, rotated, content
    )


def line(x1: float, y1: float, x2: float, y2: float, *, css: str) -> Markup:
    """Return a straight line."""
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>').format(x1, y1, x2, y2, css)


def circle(x: float, y: float, radius: float, *, css: str, title: str) -> Markup:
    """Return a disc with a tooltip; `title` and `css` are escaped."""
    # Thousands of them stand in a plot; `Markup.format` takes ten times as long.
    place = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"'
    return Markup(f'<circle {place} class="{escape(css)}">{tooltip(title)}</circle>')  # noqa: S704 - numbers, escaped


def tooltip(title: str) -> Markup:
    """Return the element that browsers show on hover; empty for an empty title. `title` is escaped."""
    return Markup(f"<title>{escape(title)}</title>" if title else "")  # noqa: S704 - escaped


def figure(parts: Sequence[Markup], *, width: int, height: int, name: str, alt: str) -> Markup:
    """Return an SVG element that scales with its place; `name` is its short title, `alt` what it shows in words."""
    return Markup(
        '<svg class="plot" viewBox="0 0 {} {}" width="{}" height="{}" role="img" '
        'aria-label="{}"><desc>{}</desc>{}</svg>'
    ).format(width, height, width, height, f"{name}. {alt}", alt, Markup("\n").join(parts))


def standalone(plot: Markup) -> str:
    """Return a plot as a file of its own: with its colours, dark ones where the reader's screen is dark.

    Characters that no XML file may hold, which an HTML page may, are shown as the mark for an unknown character.
    """
    head, rest = str(plot).split(">", 1)
    head = head.replace("<svg", f'<svg xmlns="{NAMESPACE}"', 1)
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", f"{head}><style>{STYLE}</style>{rest}\n")
