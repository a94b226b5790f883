"""Bar charts as SVG text: values in, text out. They carry their own colours for light and dark, and need no font but the reader's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple
from xml.sax.saxutils import escape

WIDTH = 760
LABELS = 190
VALUES = 96
MARGIN = 16
BAR = 18
ROW = 25
HEAD = 30
FOOT = 26
TITLE = 40
BARS = WIDTH - LABELS - VALUES - 2 * MARGIN
# A legend's swatch with the space behind it, and about what a letter takes.
SWATCH = 28
LETTER = 7.2

# By what a segment stands for: on light, on dark.
COLOURS = {
    "ours": ("#0f766e", "#2dd4bf"),
    "other": ("#94a3b8", "#64748b"),
    "line": ("#c2410c", "#fb923c"),
    "source mongod": ("#93c5fd", "#60a5fa"),
    "producer": ("#0f766e", "#2dd4bf"),
    "worker": ("#65a30d", "#a3e635"),
    "connect": ("#be185d", "#f472b6"),
    "floor": ("#78716c", "#a8a29e"),
    "broker": ("#ca8a04", "#facc15"),
    "target mongod": ("#3b82f6", "#2563eb"),
}
INK = (("text", "#1e293b", "#e2e8f0"), ("faint", "#64748b", "#94a3b8"))
PAPER = ("#ffffff", "#0f172a")


@dataclass(frozen=True)
class Bar:
    """A system's, of one or several segments, by what they stand for."""

    label: str
    segments: Tuple[Tuple[str, float], ...]
    is_ours: bool = False

    @property
    def value(self) -> float:
        """Its length."""
        return sum(value for _, value in self.segments)


@dataclass(frozen=True)
class Group:
    """Bars of one workload, and a value that a line shows across them."""

    title: str
    bars: Tuple[Bar, ...]
    line: Optional[float] = None

    @property
    def most(self) -> float:
        """The longest of it."""
        return max([bar.value for bar in self.bars] + [self.line or 0.0])

    @property
    def height(self) -> int:
        """In the drawing."""
        return HEAD + ROW * len(self.bars)


@dataclass(frozen=True)
class Chart:
    """Groups one below the other."""

    title: str
    groups: Tuple[Group, ...]
    digits: int = 0
    # What the line is called; without one there is none.
    line: str = ""
    # Whether groups share a scale.
    is_one_scale: bool = True
    note: str = ""

    def legend(self) -> List[str]:
        """What the segments stand for, in the order of the first bar that has them; nothing where bars have one each."""
        kinds = [kind for group in self.groups for bar in group.bars if len(bar.segments) > 1 for kind, _ in bar.segments]
        return list(dict.fromkeys(kinds))


def svg(chart: Chart) -> str:
    """The drawing."""
    body, top = [_text(MARGIN, 26, chart.title, "title")], TITLE
    for group in chart.groups:
        most = max(one.most for one in chart.groups) if chart.is_one_scale else group.most
        body += _group(chart, group, top, most or 1.0)
        top += group.height
    body += _legend(chart, top + 18)
    body += [_text(MARGIN, top + FOOT + 16, chart.note, "faint")] if chart.note else []
    height = top + FOOT + (26 if chart.note else 4)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">'
    paper = f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>'
    return "\n".join([head, f"<title>{escape(chart.title)}</title>", _style(), paper, *body, "</svg>", ""])


def _group(chart: Chart, group: Group, top: int, most: float) -> List[str]:
    drawn = [_text(MARGIN, top + 20, group.title, "head")]
    if group.line is not None:
        x = MARGIN + LABELS + group.line * BARS / most
        said = _text(x, top + 20, f"{chart.line} {group.line:,.{chart.digits}f}", "line-text")
        drawn += [f'<path class="line" d="M{x:.1f} {top + HEAD - 6}V{top + group.height - 4}"/>', said]
    for number, bar in enumerate(group.bars):
        drawn += _bar(bar, top + HEAD + number * ROW, BARS / most, chart.digits)
    return drawn


def _bar(bar: Bar, top: int, scale: float, digits: int) -> List[str]:
    x = float(MARGIN + LABELS)
    drawn = [_text(x - 8, top + 13, bar.label, "label ours-text" if bar.is_ours else "label")]
    for kind, value in bar.segments:
        drawn.append(f'<rect class="{_class(kind)}" x="{x:.1f}" y="{top}" width="{value * scale:.1f}" height="{BAR}"/>')
        x += value * scale
    return [*drawn, _text(x + 6, top + 13, f"{bar.value:,.{digits}f}", "ours-text" if bar.is_ours else "text")]


def _legend(chart: Chart, y: int) -> List[str]:
    drawn, x = [], float(MARGIN)
    for kind in chart.legend():
        drawn.append(f'<rect class="{_class(kind)}" x="{x:.0f}" y="{y - 10}" width="12" height="12"/>')
        drawn.append(_text(x + 17, y, kind, "text"))
        x += SWATCH + LETTER * len(kind)
    return drawn


def _text(x: float, y: float, words: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _class(kind: str) -> str:
    return "c-" + kind.replace(" ", "-")


def _style() -> str:
    fixed = (
        "text{font:12px system-ui,sans-serif;paint-order:stroke;stroke-width:3px}.title{font-size:16px;font-weight:600}.head{font-weight:600}.label{text-anchor:end}"
        ".ours-text{font-weight:700}.line-text{text-anchor:middle;font-size:11px}.line{stroke-width:2;stroke-dasharray:5 3;fill:none}"
        ".faint{font-size:11px}"
    )
    return f"<style>{fixed}{_colours(0)}@media (prefers-color-scheme: dark){{{_colours(1)}}}</style>"


def _colours(on: int) -> str:
    ink: Dict[str, str] = {name: colours[on] for name, *colours in INK}
    rules = [f".paper{{fill:{PAPER[on]}}}text{{fill:{ink['text']};stroke:{PAPER[on]}}}.faint{{fill:{ink['faint']}}}"]
    rules += [f".{_class(kind)}{{fill:{colours[on]}}}" for kind, colours in COLOURS.items()]
    line, ours = COLOURS["line"][on], COLOURS["ours"][on]
    return "".join(rules) + f".line{{stroke:{line}}}.line-text{{fill:{line}}}.ours-text{{fill:{ours}}}"
