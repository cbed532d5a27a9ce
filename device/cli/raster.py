"""A picture of pixels with smooth lines and letters, and its PNG (W3C PNG specification, 3rd edition): zlib is all that it takes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from itertools import pairwise
from math import ceil, floor, hypot

from device.cli.strokes import CAP, strokes, width

Colour = tuple[int, int, int]


class Raster:
    """``width`` by ``height`` pixels of one colour, to be painted on. Places are pixels from the upper left; what falls outside is lost."""

    def __init__(self, width: int, height: int, paper: Colour) -> None:
        self.width = width
        self.height = height
        self._pixels = bytearray(bytes(paper) * (width * height))

    def pixel(self, x: int, y: int) -> Colour:
        """The colour of a pixel."""
        at = 3 * (y * self.width + x)
        return self._pixels[at], self._pixels[at + 1], self._pixels[at + 2]

    def blend(self, x: int, y: int, colour: Colour, share: float) -> None:
        """Cover a ``share`` of a pixel."""
        if 0 <= x < self.width and 0 <= y < self.height:
            at = 3 * (y * self.width + x)
            for part in range(3):
                old = self._pixels[at + part]
                self._pixels[at + part] = round(old + (colour[part] - old) * share)

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: Colour, share: float = 1.0) -> None:
        """Fill a rectangle of whole pixels."""
        for y in range(max(0, round(top)), min(self.height, round(bottom))):
            for x in range(max(0, round(left)), min(self.width, round(right))):
                self.blend(x, y, colour, share)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A filled circle."""
        self.line([(x, y), (x, y)], colour, 2 * radius)

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, thickness: float = 1.5) -> None:
        """Joined points. Each pixel is covered once, by its distance from the nearest stretch."""
        cover: dict[tuple[int, int], float] = {}
        half = thickness / 2
        for (x0, y0), (x1, y1) in pairwise(points):
            length = hypot(x1 - x0, y1 - y0) or 1.0
            along_x, along_y = (x1 - x0) / length, (y1 - y0) / length
            for y in range(floor(min(y0, y1) - half - 1), ceil(max(y0, y1) + half + 1) + 1):
                for x in range(*_reach(y, x0, y0, x1, y1, half)):
                    along = min(max((x - x0) * along_x + (y - y0) * along_y, 0.0), hypot(x1 - x0, y1 - y0))
                    away = hypot(x - x0 - along * along_x, y - y0 - along * along_y)
                    share = min(max(half + 0.5 - away, 0.0), 1.0)
                    if share > cover.get((x, y), 0.0):
                        cover[x, y] = share
        for (x, y), share in cover.items():
            self.blend(x, y, colour, share)

    def dashes(self, start: tuple[float, float], end: tuple[float, float], colour: Colour, *, dash: float = 5.0, gap: float = 4.0) -> None:
        """A broken line."""
        length = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
        step_x, step_y = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        at = 0.0
        while at < length:
            to = min(at + dash, length)
            self.line([(start[0] + at * step_x, start[1] + at * step_y), (start[0] + to * step_x, start[1] + to * step_y)], colour, 1.0)
            at += dash + gap

    def text(self, x: float, y: float, words: str, colour: Colour, *, size: float = 11.0, anchor: float = 0.0, bold: bool = False) -> None:
        """Words on the base line ``y``; capitals are ``size`` pixels high. ``anchor`` 0: from ``x`` on, 0.5: around it, 1: up to it."""
        unit = size / CAP
        left = x - anchor * width(words) * unit
        for stroke, at in strokes(words):
            placed = [(left + (at + across) * unit, y + (down - CAP) * unit) for across, down in stroke]
            self.line(placed, colour, (1.9 if bold else 1.25) * max(1.0, size / 11))

    def png(self) -> bytes:
        """The picture as a PNG of 8-bit RGB. Each row says how it differs from the one above, which packs a chart to a few kilobytes."""
        stride = 3 * self.width
        rows = bytearray()
        above = bytes(stride)
        for start in range(0, len(self._pixels), stride):
            row = self._pixels[start : start + stride]
            rows.append(2)
            rows += bytes([(byte - over) & 0xFF for byte, over in zip(row, above, strict=True)])
            above = bytes(row)
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
        )


def _reach(y: int, x0: float, y0: float, x1: float, y1: float, half: float) -> tuple[int, int]:
    """The columns in which row ``y`` can touch a stretch: near where the stretch passes that row."""
    low, high = min(x0, x1), max(x0, x1)
    if abs(y1 - y0) > 1.0:
        slope = (x1 - x0) / (y1 - y0)
        # a slanted line's edge lies further off along a row than across the line
        near = sorted((x0 + (min(max(y + side * (half + 1), min(y0, y1)), max(y0, y1)) - y0) * slope) for side in (-1, 1))
        low, high = max(low, near[0]), min(high, near[1])
    return floor(low - half - 1), ceil(high + half + 1) + 1
