"""A line chart for the terminal, in braille: two by four dots a character."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bit of each dot: by column, then by row from the top (Unicode, Braille Patterns)."""

_LABEL = 10


def chart(points: Sequence[tuple[float, float]], *, mark: float | None = None, width: int = 72, height: int = 12) -> list[str]:
    """Draw points, in the order of their x, as lines of text; a dotted upright stands at ``mark``. Empty without points."""
    if not points:
        return []
    left, right = points[0][0], points[-1][0]
    low, high = min(y for _, y in points), max(y for _, y in points)
    if high - low < 1.0:
        low, high = low - 0.5, high + 0.5
    columns, rows = width * 2, height * 4

    def column(x: float) -> int:
        return round((x - left) / ((right - left) or 1.0) * (columns - 1))

    def row(y: float) -> int:
        return round((high - y) / (high - low) * (rows - 1))

    cells = [[0] * width for _ in range(height)]
    dots = [(column(x), row(y)) for x, y in points]
    for (x, y), (later_x, later_y) in pairwise([dots[0], *dots]):
        steps = max(abs(later_x - x), abs(later_y - y), 1)
        for step in range(steps + 1):
            across, down = x + (later_x - x) * step // steps, y + (later_y - y) * step // steps
            cells[down // 4][across // 2] |= _DOTS[across % 2][down % 4]
    marked = column(mark) // 2 if mark is not None and left <= mark <= right else None
    lines = []
    for number, line in enumerate(cells):
        label = f"{high - (high - low) * number / (height - 1):.1f}" if number in (0, height // 2, height - 1) else ""
        lines.append(f"{label:>{_LABEL}} ┤{''.join(_character(bits, place == marked) for place, bits in enumerate(line))}".rstrip())
    ends = f"{left:.1f} s"
    lines.append(f"{'':>{_LABEL}} └{'─' * width}")
    lines.append(f"{'':>{_LABEL}}  {ends}{f'{right:.1f} s':>{width - len(ends)}}")
    return lines


def _character(bits: int, marked: bool) -> str:
    if bits:
        return chr(_BRAILLE + bits)
    return "┊" if marked else " "
