"""Lines over a logarithmic grid, as SVG: how a cost grows."""

import math
from collections.abc import Mapping
from html import escape

_WIDTH, _HEIGHT = 640, 420  # of the grid
_LEFT, _TOP, _RIGHT, _BOTTOM = 70, 20, 220, 50  # around it
_COLOURS = (
    *("#1b6ca8", "#c0392b", "#27864a", "#8e44ad", "#b9770e"),
    *("#16a0a0", "#7f5539", "#d6308a", "#5d6d7e", "#2c3e50"),
)


def plot(lines: Mapping[str, Mapping[int, float]], across: str, up: str) -> str:
    """`lines` are values above 0 by name and place; `across` and `up` say what both axes are."""
    places = sorted({place for line in lines.values() for place in line})
    values = [value for line in lines.values() for value in line.values()]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    first, last = math.log10(places[0]), math.log10(places[-1])

    def x(place: float) -> float:
        return _LEFT + _WIDTH * (math.log10(place) - first) / (last - first)

    def y(value: float) -> float:
        return _TOP + _HEIGHT * (high - math.log10(value)) / (high - low)

    drawn = []
    for power in range(low, high + 1):
        at = y(10**power)
        drawn.append(f'<path d="M{_LEFT} {at:.1f}h{_WIDTH}" stroke="#ddd"/>')
        drawn.append(_text(_LEFT - 8, at + 4, f"{10.0**power:g} {up}", "end"))
    for place in places:
        drawn.append(f'<path d="M{x(place):.1f} {_TOP}v{_HEIGHT}" stroke="#ddd"/>')
        drawn.append(_text(x(place), _TOP + _HEIGHT + 20, f"{place:,}", "middle"))
    drawn.append(_text(_LEFT + _WIDTH / 2, _TOP + _HEIGHT + 42, across, "middle"))
    ordered = sorted(lines, key=lambda name: -lines[name][places[-1]])
    for row, name in enumerate(ordered):
        colour = _COLOURS[row % len(_COLOURS)]
        points = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in lines[name].items())
        drawn.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        at = _TOP + 14 + 20 * row
        drawn.append(f'<path d="M{_LEFT + _WIDTH + 16} {at - 4}h18" stroke="{colour}"/>')
        drawn.append(_text(_LEFT + _WIDTH + 40, at, name, "start"))
    size = f"0 0 {_LEFT + _WIDTH + _RIGHT} {_TOP + _HEIGHT + _BOTTOM}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" font-family="sans-serif">'
    return "\n".join((head, '<rect width="100%" height="100%" fill="#fff"/>', *drawn, "</svg>\n"))


def _text(x: float, y: float, words: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} font-size="12">{escape(words)}</text>'
