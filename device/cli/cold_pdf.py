"""The cold-chain record on paper: a page for the eye, with its chart, and tables for the inspector."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from device.cli.cold_record import SIMULATED, Frame, Kept, Record, days, figures, gaps, in_words, label, swing
from device.cli.pdf import HEIGHT, WIDTH, Colour, Pdf, width_of
from device.store.cold.statement import Account

LEFT, RIGHT, TOP, BOTTOM = 48.0, WIDTH - 48.0, HEIGHT - 52.0, 56.0
ROW = 12.5
CHART_HEIGHT = 210.0
COLUMNS = 480
"""Points of a curve at most: more cannot be seen on paper."""

INK: Colour = (0.13, 0.16, 0.2)
GREY: Colour = (0.45, 0.48, 0.52)
RULE: Colour = (0.82, 0.84, 0.87)
LIMIT: Colour = (0.75, 0.22, 0.17)
NOTHING: Colour = (0.91, 0.92, 0.94)
CURVES: tuple[tuple[Colour, Colour], ...] = (
    ((0.12, 0.35, 0.6), (0.78, 0.86, 0.94)),
    ((0.1, 0.5, 0.42), (0.8, 0.92, 0.88)),
    ((0.55, 0.38, 0.08), (0.95, 0.89, 0.78)),
    ((0.45, 0.25, 0.55), (0.9, 0.85, 0.94)),
)
STEPS_CELSIUS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
STEPS_S = (3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 2 * 86_400, 7 * 86_400, 14 * 86_400, 28 * 86_400, 91 * 86_400)


def pdf_of(record: Record, frame: Frame, comment: str) -> bytes:
    """The report as a PDF; ``comment`` is what ``--verify`` reads of it."""
    paper = _Paper(frame, comment)
    paper.head()
    paper.chart(record)
    paper.summary(record)
    paper.proof()
    paper.told(record)
    paper.gaps(record)
    if len(days(frame)) > 1:
        paper.days(record)
    return paper.finished()


class _Paper:
    """Pages that are filled from the top; ``_y`` is where the next thing goes."""

    def __init__(self, frame: Frame, comment: str) -> None:
        self._frame = frame
        self._pdf = Pdf(f"Cold chain record {frame.store} {frame.zone}", comment)
        self._y = 0.0
        self._turn()

    def head(self) -> None:
        frame, pdf = self._frame, self._pdf
        pdf.text(LEFT, self._y - 12, "Cold chain record", 18, bold=True, colour=INK)
        pdf.text(RIGHT, self._y - 12, frame.store_name or frame.store, 10, right=True, colour=INK)
        pdf.text(RIGHT, self._y - 25, f"{frame.store} / {frame.zone}", 9, right=True, colour=GREY)
        pdf.text(LEFT, self._y - 30, f"{frame.zone_name or frame.zone}: {_minute(frame.since, frame)} to {_minute(frame.upto, frame)}", 10)
        limits = (
            f"Limits {frame.min_celsius:g} to {frame.max_celsius:g} °C, regime {frame.regime}, alarm after {_span(frame.over_for_s)} above"
        )
        pdf.text(LEFT, self._y - 44, f"{limits}. Times are those of {frame.timezone}.", 9, colour=GREY)
        self._y -= 62

    def chart(self, record: Record) -> None:
        frame, pdf = self._frame, self._pdf
        left, right, top = LEFT + 26, RIGHT, self._y - 6
        bottom = top - CHART_HEIGHT
        low, high = _range(record, frame)

        def x(wall: float) -> float:
            return left + (min(max(wall, frame.since), frame.upto) - frame.since) / (frame.upto - frame.since) * (right - left)

        def y(celsius: float) -> float:
            return bottom + (celsius - low) / (high - low) * CHART_HEIGHT

        for since, upto in _unknown(record, frame):
            pdf.box(x(since), bottom, max(0.6, x(upto) - x(since)), CHART_HEIGHT, NOTHING)
        self._grid(left, right, bottom, top, low, high)
        for number, (_, intervals) in enumerate(record.intervals.items()):
            band = CURVES[number % len(CURVES)][1]
            for run in _runs(intervals, frame):
                pdf.area(
                    [(x(at), y(lowest)) for at, lowest, _, _ in run] + [(x(at), y(highest)) for at, _, highest, _ in reversed(run)], band
                )
        for limit in (frame.min_celsius, frame.max_celsius):
            pdf.line([(left, y(limit)), (right, y(limit))], colour=LIMIT, width=0.8, dash="4 3")
        for number, (_, intervals) in enumerate(record.intervals.items()):
            for run in _runs(intervals, frame):
                pdf.line([(x(at), y(mean)) for at, _, _, mean in run], colour=CURVES[number % len(CURVES)][0], width=0.9)
        pdf.line([(left, bottom), (right, bottom)], colour=GREY)
        self._y = bottom - 26
        self._legend(record, left)

    def summary(self, record: Record) -> None:
        frame = self._frame
        self._heading("Summary")
        self._row(("Thermometer", "Min", "Max", "Mean", "MKT", "Above limit", "Gaps", "Known", "Day's swing"), _SUMMARY, bold=True)
        for name in record.intervals:
            found = figures(record, frame, name)
            swung = swing([figures(record, frame, name, since, upto) for _, since, upto in days(frame)])
            known = 1 - found.gap_s / (frame.upto - frame.since)
            cells = (name, *_celsius(found), _above(found), _span(found.gap_s), f"{known:.1%}", _one(swung))
            self._row(cells, _SUMMARY)
        self._note("Degrees Celsius. Above limit: intervals of the record whose highest reading was above. MKT: mean kinetic temperature")
        self._note("(Haynes 1971, USP <1079>; activation energy 83.144 kJ/mol). Gaps count neither as cold nor as warm.")
        for name, note in frame.thermometers.items():
            self._note(f"Calibration of {name}: {note or 'none is noted in the configuration'}")

    def told(self, record: Record) -> None:
        self._heading("Excursions, alarms, stopped sales, starts")
        if not record.told:
            self._note("None in this period.")
        for each in record.told:
            self._row((_second(each.wall, self._frame), in_words(each), f"seq {each.seq}"), _TOLD)

    def gaps(self, record: Record) -> None:
        self._heading("Gaps")
        found = [(name, gap) for name in record.intervals for gap in gaps(record, self._frame, name)]
        if not found:
            self._note("None: every interval has readings.")
        else:
            self._row(("Thermometer", "From", "To", "Unknown"), _GAPS, bold=True)
        for name, (since, upto, seconds) in found:
            self._row((name, _second(since, self._frame), _second(upto, self._frame), _span(seconds)), _GAPS)

    def days(self, record: Record) -> None:
        frame = self._frame
        self._heading("Days")
        self._row(("Day", "Thermometer", "Min", "Max", "Mean", "MKT", "Above limit", "Gaps"), _DAYS, bold=True)
        for day, since, upto in days(frame):
            for name in record.intervals:
                found = figures(record, frame, name, since, upto)
                self._row((day, name, *_celsius(found), _above(found), _span(found.gap_s)), _DAYS)

    def proof(self) -> None:
        frame = self._frame
        self._room(6 * ROW)
        self._heading("Proof")
        self._note(
            f"Made from journal {frame.epoch} as of {label(frame.made, frame)}, up to row {frame.row}, whose SHA-256 in the chain is"
        )
        self._note(frame.hash)
        self._note("smartstore report CONFIG temperature --verify FILE makes this report again from the journal and compares every byte;")
        self._note("the journal's chain is checked on the way. Names, limits and calibration notes are those of the configuration.")

    def finished(self) -> bytes:
        for page in range(self._pdf.pages):
            self._pdf.turn_to(
                page, 8, LEFT, 34, f"{self._frame.store} / {self._frame.zone}   row {self._frame.row}   {self._frame.hash[:16]}"
            )
            self._pdf.turn_to(page, 8, RIGHT - 46, 34, f"page {page + 1} of {self._pdf.pages}")
        return self._pdf.render()

    def _grid(self, left: float, right: float, bottom: float, top: float, low: float, high: float) -> None:
        pdf, frame = self._pdf, self._frame
        step = next((step for step in STEPS_CELSIUS if (high - low) / step <= 10), STEPS_CELSIUS[-1])
        celsius = -(-low // step) * step
        while celsius <= high:
            y = bottom + (celsius - low) / (high - low) * (top - bottom)
            pdf.line([(left, y), (right, y)], colour=RULE, width=0.4)
            pdf.text(left - 5, y - 3, f"{celsius:g}", 8, right=True, colour=GREY)
            celsius += step
        pdf.text(LEFT - 6, top + 6, "°C", 8, colour=GREY)
        for wall, text in _ticks(frame):
            x = left + (wall - frame.since) / (frame.upto - frame.since) * (right - left)
            pdf.line([(x, bottom), (x, top)], colour=RULE, width=0.4)
            middle = width_of(text, 7.5) / 2
            if left <= x - middle and x + middle <= right:
                pdf.text(x - middle, bottom - 10, text, 7.5, colour=GREY)

    def _legend(self, record: Record, left: float) -> None:
        x = left
        for number, name in enumerate(record.intervals):
            colour, band = CURVES[number % len(CURVES)]
            self._pdf.box(x, self._y - 1, 16, 7, band)
            self._pdf.line([(x, self._y + 2.5), (x + 16, self._y + 2.5)], colour=colour, width=1.2)
            self._pdf.text(x + 20, self._y, f"{name}: mean, lowest to highest", 8, colour=INK)
            x += 150 + 4 * len(name)
        self._pdf.line([(x, self._y + 2.5), (x + 16, self._y + 2.5)], colour=LIMIT, width=0.8, dash="4 3")
        self._pdf.text(x + 20, self._y, "limits", 8, colour=INK)
        self._pdf.box(x + 54, self._y - 1, 16, 7, NOTHING)
        self._pdf.text(x + 74, self._y, "gap", 8, colour=INK)
        self._y -= 12

    def _heading(self, text: str) -> None:
        self._room(4 * ROW)
        self._y -= 22
        self._pdf.text(LEFT, self._y, text, 11, bold=True, colour=INK)
        self._y -= 5
        self._pdf.line([(LEFT, self._y), (RIGHT, self._y)], colour=GREY)
        self._y -= 3

    def _note(self, text: str) -> None:
        self._room(ROW)
        self._y -= ROW
        self._pdf.text(LEFT, self._y, text, 8.5, colour=GREY)

    def _row(self, cells: Sequence[str], columns: Sequence[tuple[float, bool]], *, bold: bool = False) -> None:
        self._room(ROW)
        self._y -= ROW
        for cell, (x, right) in zip(cells, columns, strict=True):
            self._pdf.text(x, self._y, cell, 8.5, bold=bold, right=right, colour=INK)
        self._pdf.line([(LEFT, self._y - 3.5), (RIGHT, self._y - 3.5)], colour=RULE, width=0.3)

    def _room(self, height: float) -> None:
        if self._y - height < BOTTOM:
            self._turn()

    def _turn(self) -> None:
        self._pdf.page()
        self._y = TOP
        if self._frame.simulated:
            self._pdf.text(LEFT, HEIGHT - 36, SIMULATED, 11, bold=True, colour=LIMIT)


_SUMMARY = (
    (LEFT, False),
    (196.0, True),
    (230.0, True),
    (264.0, True),
    (298.0, True),
    (368.0, True),
    (436.0, True),
    (480.0, True),
    (RIGHT, True),
)
_DAYS = ((LEFT, False), (120.0, False), (280.0, True), (324.0, True), (368.0, True), (412.0, True), (482.0, True), (RIGHT, True))
_TOLD = ((LEFT, False), (LEFT + 98, False), (RIGHT, True))
_GAPS = ((LEFT, False), (LEFT + 130, False), (LEFT + 250, False), (RIGHT, True))

Run = list[tuple[float, float, float, float]]
"""Points of a curve without a gap: when, lowest, highest, mean."""


def _runs(intervals: Sequence[Kept], frame: Frame) -> list[Run]:
    """The curve in pieces between gaps; where there are more intervals than can be drawn, several make a point."""
    spans = [kept.span for kept in intervals if kept.span.known_s > 0 and kept.span.low is not None]
    together = max(1, -(-len(spans) // COLUMNS))
    runs: list[Run] = []
    ended = None
    for first in range(0, len(spans), together):
        group = spans[first : first + together]
        low = min(span.low for span in group if span.low is not None)
        high = max(span.high for span in group if span.high is not None)
        mean = sum(span.mean for span in group if span.mean is not None) / len(group)
        if ended is None or group[0].since - ended > 1.0:
            runs.append([(group[0].since, low, high, mean)])
        runs[-1].append(((group[0].since + group[-1].upto) / 2, low, high, mean))
        later = spans[first + together : first + together + 1]
        ended = group[-1].upto
        if not later or later[0].since - ended > 1.0:
            runs[-1].append((ended, low, high, mean))
    return runs


def _unknown(record: Record, frame: Frame) -> list[tuple[float, float]]:
    return [(since, upto) for name in record.intervals for since, upto, _ in gaps(record, frame, name)]


def _range(record: Record, frame: Frame) -> tuple[float, float]:
    accounts = [figures(record, frame, name) for name in record.intervals]
    low = min([frame.min_celsius, *(each.low for each in accounts if each.low is not None)])
    high = max([frame.max_celsius, *(each.high for each in accounts if each.high is not None)])
    room = (high - low) * 0.08
    return low - room, high + room


def _ticks(frame: Frame) -> list[tuple[float, str]]:
    """Whole hours or days in store time, at most a dozen."""
    zone = ZoneInfo(frame.timezone)
    step = next((step for step in STEPS_S if (frame.upto - frame.since) / step <= 9), STEPS_S[-1])
    begin = datetime.fromtimestamp(frame.since, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    for number in range(int((frame.upto - frame.since) // step) + 86_400 // min(step, 86_400) + 2):
        later = timedelta(seconds=step * number)
        # Wall-clock arithmetic: six in the evening is six in the evening on the night when the clocks change, too.
        moment = (begin.replace(tzinfo=None) + later).replace(tzinfo=zone)
        if frame.since <= moment.timestamp() < frame.upto:
            found.append((moment.timestamp(), f"{moment:%d %b}" if step >= 86_400 or moment.hour == 0 else f"{moment:%H:%M}"))
    return found


def _celsius(found: Account) -> tuple[str, str, str, str]:
    return _two(found.low), _two(found.high), _two(found.mean), _two(found.mkt)


def _above(found: Account) -> str:
    """Nobody knows how long it was above where nothing was measured."""
    return "-" if found.mean is None else _span(found.above_s)


def _two(celsius: float | None) -> str:
    return "-" if celsius is None else f"{celsius:.2f}"


def _one(celsius: float | None) -> str:
    return "-" if celsius is None else f"{celsius:.1f}"


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes == 0 and seconds >= 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


def _minute(wall: float, frame: Frame) -> str:
    return f"{datetime.fromtimestamp(wall, ZoneInfo(frame.timezone)):%Y-%m-%d %H:%M}"


def _second(wall: float, frame: Frame) -> str:
    return f"{datetime.fromtimestamp(wall, ZoneInfo(frame.timezone)):%Y-%m-%d %H:%M:%S}"
