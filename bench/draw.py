"""Draws one plot: JSON of a `bench.record.Plot` comes in, an SVG goes out. It runs in .venv/bench/plots."""

import json
import math
import re
import sys
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pygal
from pygal.style import Style

COLOURS = ("#0b66c3", "#b54708", "#0f7b55", "#8a3ffc", "#c11574", "#5d6b00")
DARK = ("#6cb6ff", "#f7a35c", "#4fd1a1", "#c4a1ff", "#ff8ac4", "#c9d75a")
"""The colours of the lines on a light page and on a dark one; each is legible there (4.5 : 1 and more)."""
WIDE = 100
"""An axis whose values differ by so much, from the least to the largest, is logarithmic."""
FEW = 8
"""An axis has a label for each of so many values, where there are no more."""
_ID = "#chart-plot"
_INK, _DARK_INK, _FAINT, _DARK_FAINT = "#24292f", "#e6edf3", "#d0d7de", "#3d444d"


def main() -> None:
    """Draw it."""
    plot = json.loads(sys.stdin.read())
    chart = _bars(plot) if plot["bars"] else _lines(plot)
    chart.uuid = "plot"
    sys.stdout.write(_plain(chart.render(is_unicode=True)))


def _lines(plot: dict[str, Any]) -> Any:
    lines: dict[str, list[tuple[float, float]]] = plot["points"]
    across, up = ([point[axis] for point in chain(*lines.values())] for axis in (0, 1))
    far, high = _Axis(across), _Axis(up)
    below = 24 * ((len(lines) - 1) // 2)  # pygal leaves room for one line of names
    chart = pygal.XY(
        height=440 + below,
        margin_bottom=20 + below,
        y_title=plot["y"],
        dots_size=4,
        include_x_axis=not high.powers,
        x_value_formatter=_number,
        **_looks(plot, len(lines)),
    )
    if far.powers:
        chart.x_labels = far.labels()
    elif len(few := sorted(set(across))) <= FEW:
        chart.x_labels = [{"value": x, "label": _number(x)} for x in few]
    if high.powers:
        chart.y_labels = high.labels()
    for name, points in lines.items():
        chart.add(name, [(far.at(x), high.at(y)) for x, y in points])
    return chart


def _bars(plot: dict[str, Any]) -> Any:
    kinds: dict[str, dict[str, float]] = plot["bars"]
    things = list(dict.fromkeys(chain(*kinds.values())))
    chart = pygal.HorizontalBar(height=150 + (14 + 12 * len(kinds)) * len(things), **_looks(plot, len(kinds)))
    chart.x_labels = things[::-1]  # the first is the uppermost
    for name, values in kinds.items():
        chart.add(name, [values.get(thing) for thing in things[::-1]])
    return chart


def _looks(plot: dict[str, Any], colours: int) -> dict[str, Any]:
    return {
        "width": 820,
        "margin_right": 40,
        "js": [],
        "title": plot["title"],
        "x_title": plot["x"],
        "style": _style(colours),
        "css": [
            "file://style.css",
            "file://graph.css",
            f"inline:{_ID} .series .line {{ stroke-width: 2; }} {_dark(colours)}",
        ],
        "show_legend": colours > 1,
        "legend_at_bottom": True,
        "legend_at_bottom_columns": 2,
        "truncate_legend": -1,
        "truncate_label": -1,
        "value_formatter": _number,
        "disable_xml_declaration": True,
    }


class _Axis:
    """Says where values are: by powers of ten where they differ by much, from the lowest one. pygal's own logarithmic
    axes have a label for each digit.
    """

    def __init__(self, values: Sequence[float]) -> None:
        least, most = min(values), max(values)
        self.powers = range(0)
        if least > 0 and most / least >= WIDE:
            self.powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)

    def at(self, value: float) -> float:
        return math.log10(value) - self.powers[0] if self.powers else value

    def labels(self) -> list[dict[str, object]]:
        return [{"value": power - self.powers[0], "label": _number(10.0**power)} for power in self.powers]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _style(lines: int) -> Style:
    font = "system-ui, -apple-system, 'Segoe UI', sans-serif"
    return Style(
        background="transparent",
        plot_background="transparent",
        foreground=_INK,
        foreground_strong=_INK,
        foreground_subtle=_FAINT,
        colors=COLOURS[:lines],
        font_family=font,
        title_font_size=18,
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=14,
        guide_stroke_color=_FAINT,
        major_guide_stroke_color=_FAINT,
    )


def _dark(lines: int) -> str:
    """Return styles for a reader whose pages are dark: an image gets that setting as a page does."""
    lines_of = (f"{_ID} .color-{n} {{ stroke: {colour}; fill: {colour}; }}" for n, colour in enumerate(DARK[:lines]))
    texts = ", ".join(f"{_ID} {name}" for name in (".title", ".legends .legend text", ".axis text", ".axis text.major"))
    strokes = f"{_ID} .axis .line, {_ID} .axis .major.line"
    rules = (
        f"{texts} {{ fill: {_DARK_INK}; }}",
        f"{strokes} {{ stroke: {_DARK_INK}; }}",
        f"{_ID} .axis .guide.line {{ stroke: {_DARK_FAINT}; }}",
        *lines_of,
    )
    return f"@media (prefers-color-scheme: dark) {{ {' '.join(rules)} }}"


def _plain(svg: str) -> str:
    """Return it without scripts, and without the comment that says when it was drawn."""
    return re.sub(r"<!--.*?-->|<script.*?</script>", "", svg, flags=re.DOTALL).strip() + "\n"


if __name__ == "__main__":
    main()
