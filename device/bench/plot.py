"""Pictures as SVG, written by hand: panels with axes, lines, points, bars, bands. No dependency, and the same bytes every time.

panel = Panel("Latency", x="samples a second", y="seconds", log_x=True)
panel.line([(5, 0.8), (10, 0.4)], "this detector")
Path("latency.svg").write_text(figure([panel]))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, isfinite, log10

INK, FAINT, GRID, PAPER = "#1f2933", "#616e7c", "#e4e7eb", "#ffffff"
COLOURS = ("#0b6e99", "#d9730d", "#448361", "#ad1a72", "#6940a5", "#937264")
"""Of the series in the order in which they come: told apart in print and by those who see fewer colours."""

Points = Sequence[tuple[float, float]]

_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 34, 46
_LEGEND_ROW = 17
_SLANTED = 96
"""Room below the axis for words that are too long to stand side by side."""
_FONT = "font-family='system-ui,-apple-system,Segoe UI,DejaVu Sans,sans-serif'"


@dataclass(slots=True)
class _Series:
    kind: str
    points: Points
    label: str
    colour: str
    dashed: bool = False
    width: float = 2.0
    dots: bool = False


@dataclass(slots=True)
class Panel:
    """One pair of axes. Ranges are those of what is drawn unless ``x_range`` or ``y_range`` say other; log axes hold positive values only.

    ``ticks_x`` puts words under places of the x axis instead of numbers.
    """

    title: str
    x: str = ""
    y: str = ""
    log_x: bool = False
    log_y: bool = False
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    ticks_x: Sequence[tuple[float, str]] = ()
    _series: list[_Series] = field(default_factory=list)
    _marks: list[tuple[str, float, str, str]] = field(default_factory=list)

    def line(
        self, points: Points, label: str = "", *, colour: str = "", dashed: bool = False, width: float = 2.0, dots: bool = False
    ) -> None:
        """Joined points; ``dots`` puts one on each."""
        self._series.append(_Series("line", points, label, colour or self._next_colour(), dashed, width, dots))

    def scatter(self, points: Points, label: str = "", *, colour: str = "", radius: float = 2.0) -> None:
        """Points alone."""
        self._series.append(_Series("scatter", points, label, colour or self._next_colour(), width=radius))

    def bars(self, points: Points, label: str = "", *, colour: str = "", width: float = 0.8) -> None:
        """Uprights from zero (from the lower edge of a log axis), ``width`` wide in units of x, centred on x."""
        self._series.append(_Series("bars", points, label, colour or self._next_colour(), width=width))

    def band(self, lower: Points, upper: Points, label: str = "", *, colour: str = "") -> None:
        """The area between two lines."""
        self._series.append(_Series("band", [*lower, *reversed(upper)], label, colour or self._next_colour()))

    def mark_x(self, at: float, label: str = "", *, colour: str = FAINT) -> None:
        """An upright across the panel."""
        self._marks.append(("x", at, label, colour))

    def mark_y(self, at: float, label: str = "", *, colour: str = FAINT) -> None:
        """A level across the panel, such as a target."""
        self._marks.append(("y", at, label, colour))

    def _next_colour(self) -> str:
        return COLOURS[len(self._series) % len(COLOURS)]


def figure(panels: Sequence[Panel], *, title: str = "", columns: int = 0, width: int = 460, height: int = 300) -> str:
    """An SVG document of panels side by side, ``columns`` in a row; each ``width`` by ``height``."""
    columns = columns or min(len(panels), 3)
    head = 34 if title else 0
    rows = ceil(len(panels) / columns)
    across, down = columns * width, rows * height + head
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{across}' height='{down}' viewBox='0 0 {across} {down}' {_FONT} font-size='12'>",
        f"<rect width='{across}' height='{down}' fill='{PAPER}'/>",
    ]
    if title:
        parts.append(_text(14, 24, title, size=16, weight=600))
    for number, panel in enumerate(panels):
        place = (number % columns * width, number // columns * height + head)
        parts += [f"<g transform='translate({place[0]} {place[1]})'>", *_panel(panel, width, height), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True)
class _Axis:
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def place(self, value: float) -> float:
        low, high = (log10(self.low), log10(self.high)) if self.log else (self.low, self.high)
        at = log10(max(value, self.low * 1e-3)) if self.log else value
        share = min(max((at - low) / (high - low), -0.2), 1.2)
        return round(self.start + share * (self.end - self.start), 2)

    def ticks(self) -> list[float]:
        if self.log:
            steps = [1, 2, 5] if log10(self.high / self.low) < 2.5 else [1]
            decades = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
            return [
                step * 10.0**power for power in decades for step in steps if self.low <= step * 10.0**power * 1.0001 <= self.high * 1.0002
            ]
        step = _nice((self.high - self.low) / 5)
        first = ceil(self.low / step - 1e-9)
        return [number * step for number in range(first, floor(self.high / step + 1e-9) + 1)]


def _nice(size: float) -> float:
    power = 10.0 ** floor(log10(size))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= size * 0.999)


def _range(given: tuple[float, float] | None, values: list[float], log: bool, from_zero: bool) -> tuple[float, float]:
    if given is not None:
        return given
    values = [value for value in values if isfinite(value) and (value > 0 or not log)] or [0.1, 1.0]
    low, high = min(values), max(values)
    if log:
        return low / 1.15, max(high * 1.15, low * 1.5)
    if from_zero and low >= 0:
        low = 0.0
    room = (high - low) * 0.06 or max(abs(high), 1.0) * 0.1
    return (low - room if low else 0.0), high + room


def _panel(panel: Panel, width: int, height: int) -> Iterator[str]:
    xs = [x for series in panel._series for x, _ in series.points] + [at for way, at, _, _ in panel._marks if way == "x"]
    ys = [y for series in panel._series for _, y in series.points] + [at for way, at, _, _ in panel._marks if way == "y"]
    bars = [series for series in panel._series if series.kind == "bars"]
    xs += [x + side * series.width / 2 for series in bars for x, _ in series.points for side in (-1, 1)]
    legend, legend_height = _legend(panel, width)
    top, bottom = _TOP + legend_height, _BOTTOM + (_SLANTED if _is_slanted(panel, width) else 0)
    across = _Axis(*_range(panel.x_range, xs, panel.log_x, False), _LEFT, width - _RIGHT, panel.log_x)
    up = _Axis(*_range(panel.y_range, ys, panel.log_y, bool(bars)), height - bottom, top, panel.log_y)
    yield _text(_LEFT, 20, panel.title, size=13, weight=600)
    yield from _grid(panel, across, up, width, height)
    clip = f"c{_small_hash(panel.title + panel.x + panel.y):x}"
    inside = f"x='{_LEFT}' y='{top}' width='{width - _LEFT - _RIGHT}' height='{height - top - bottom}'"
    yield f"<clipPath id='{clip}'><rect {inside}/></clipPath>"
    yield f"<g clip-path='url(#{clip})'>"
    for series in panel._series:
        yield from _drawn(series, across, up)
    yield "</g>"
    for way, at, label, colour in panel._marks:
        yield from _mark(way, at, label, colour, across, up)
    yield from legend


def _is_slanted(panel: Panel, width: int) -> bool:
    return sum(6.2 * len(word) + 8 for _, word in panel.ticks_x) > width - _LEFT - _RIGHT


def _small_hash(text: str) -> int:
    """A small stable number for a text: Python's own changes with every start."""
    number = 5381
    for character in text:
        number = (number * 33 + ord(character)) % 2**32
    return number


def _grid(panel: Panel, across: _Axis, up: _Axis, width: int, height: int) -> Iterator[str]:
    for value in up.ticks():
        y = up.place(value)
        yield f"<path d='M{across.start} {y}H{across.end}' stroke='{GRID}'/>"
        yield _text(_LEFT - 7, y + 4, _number(value), anchor="end", colour=FAINT, size=11)
    for value, word in panel.ticks_x or [(value, _number(value)) for value in across.ticks()]:
        x = across.place(value)
        yield f"<path d='M{x} {up.start}V{up.start + 4}' stroke='{FAINT}'/>"
        if _is_slanted(panel, width):
            slanted = _text(0, 0, word, anchor="end", colour=FAINT, size=11)
            yield f"<g transform='translate({x + 4} {up.start + 14}) rotate(-45)'>{slanted}</g>"
        else:
            yield _text(x, up.start + 17, word, anchor="middle", colour=FAINT, size=11)
    yield f"<path d='M{across.start} {up.start}H{across.end}' stroke='{FAINT}'/>"
    yield _text((across.start + across.end) / 2, height - 9, panel.x, anchor="middle", colour=FAINT)
    middle = (up.start + up.end) / 2
    yield f"<g transform='translate(13 {middle}) rotate(-90)'>{_text(0, 0, panel.y, anchor='middle', colour=FAINT)}</g>"


def _drawn(series: _Series, across: _Axis, up: _Axis) -> Iterator[str]:
    places = [(across.place(x), up.place(y)) for x, y in series.points if isfinite(x) and isfinite(y)]
    if series.kind == "band":
        yield f"<path d='M{' '.join(f'{x} {y}' for x, y in places)}Z' fill='{series.colour}' opacity='0.18'/>"
    elif series.kind == "bars":
        half = series.width / 2
        foot = up.place(up.low if up.log else max(0.0, up.low))
        for x, y in series.points:
            left, right, top = across.place(x - half), across.place(x + half), up.place(y)
            yield (
                f"<rect x='{left}' y='{min(top, foot)}' width='{round(right - left, 2)}' height='{round(abs(foot - top), 2)}' "
                f"fill='{series.colour}' opacity='0.85'/>"
            )
    elif series.kind == "scatter":
        yield f"<g fill='{series.colour}'>"
        yield "".join(f"<circle cx='{x}' cy='{y}' r='{series.width}'/>" for x, y in places)
        yield "</g>"
    elif places:
        dash = " stroke-dasharray='5 4'" if series.dashed else ""
        path = " ".join(f"{x} {y}" for x, y in places)
        yield f"<path d='M{path}' fill='none' stroke='{series.colour}' stroke-width='{series.width}' stroke-linejoin='round'{dash}/>"
        if series.dots:
            yield "".join(f"<circle cx='{x}' cy='{y}' r='3.2' fill='{series.colour}'/>" for x, y in places)


def _mark(way: str, at: float, label: str, colour: str, across: _Axis, up: _Axis) -> Iterator[str]:
    style = f"stroke='{colour}' stroke-dasharray='2 3'"
    if way == "x":
        x = across.place(at)
        yield f"<path d='M{x} {up.start}V{up.end}' {style}/>"
        yield _text(x + 4, up.end + 11, label, colour=colour, size=11)
    else:
        y = up.place(at)
        yield f"<path d='M{across.start} {y}H{across.end}' {style}/>"
        yield _text(across.end - 3, y - 4, label, anchor="end", colour=colour, size=11)


def _legend(panel: Panel, width: int) -> tuple[list[str], int]:
    """The names of the series in rows below the title, where they hide nothing; and how high that is."""
    parts: list[str] = []
    x, row = _LEFT, 0
    named = [series for series in panel._series if series.label]
    for series in named:
        needed = 38 + round(6.2 * len(series.label))
        if x > _LEFT and x + needed > width - _RIGHT:
            x, row = _LEFT, row + 1
        y = _TOP + 4 + _LEGEND_ROW * row
        dash = " stroke-dasharray='5 4'" if series.dashed else ""
        if series.kind == "scatter":
            parts.append(f"<circle cx='{x + 9}' cy='{y - 4}' r='3.5' fill='{series.colour}'/>")
        else:
            thick = 8 if series.kind in ("bars", "band") else 2.5
            parts.append(f"<path d='M{x} {y - 4}h18' stroke='{series.colour}' stroke-width='{thick}'{dash}/>")
        parts.append(_text(x + 24, y, series.label, size=11))
        x += needed
    return parts, _LEGEND_ROW * (row + 1) if named else 0


def _number(value: float) -> str:
    if value and (abs(value) >= 1e5 or abs(value) < 1e-3):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.10g}"


def _text(x: float, y: float, text: str, *, anchor: str = "start", colour: str = INK, size: int = 12, weight: int = 400) -> str:
    if not text:
        return ""
    bold = f" font-weight='{weight}'" if weight != 400 else ""
    place = "" if anchor == "start" else f" text-anchor='{anchor}'"
    return f"<text x='{x:.10g}' y='{y:.10g}' fill='{colour}' font-size='{size}'{place}{bold}>{escape(text)}</text>"
