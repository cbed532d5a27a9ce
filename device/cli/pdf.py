"""A small PDF writer: text in Helvetica, lines and areas, on A4. The same calls give the same bytes, on every machine and for ever.

That is why nothing is compressed and no library is used. Only the fourteen standard fonts (ISO 32000-1, 9.6.2.2) in WinAnsi: characters
that it does not have are shown as question marks. Lengths are points, 72 to the inch, from the lower left corner.
"""

from __future__ import annotations

from collections.abc import Sequence

WIDTH, HEIGHT = 595.0, 842.0
Colour = tuple[float, float, float]
BLACK: Colour = (0.0, 0.0, 0.0)

_NARROW = {" ": 278, ".": 278, ",": 278, ":": 278, ";": 278, "-": 333, "/": 278, "i": 222, "l": 222, "j": 222, "t": 278, "f": 278, "r": 333}
_NARROW |= {
    "I": 278,
    "(": 333,
    ")": 333,
    "'": 191,
    "m": 833,
    "w": 722,
    "M": 833,
    "W": 944,
    "°": 400,
    "c": 500,
    "k": 500,
    "s": 500,
    "v": 500,
}
_NARROW |= {
    "x": 500,
    "y": 500,
    "z": 500,
    "+": 584,
    "A": 667,
    "C": 722,
    "D": 722,
    "G": 778,
    "K": 667,
    "N": 722,
    "O": 778,
    "T": 611,
    "_": 556,
}
"""Widths of Helvetica in thousandths of its size, where they are not 556 (Adobe's font metrics)."""
BOLDER = 1.07
"""By so much letters of Helvetica-Bold are wider on average."""


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a text in Helvetica is; near enough to align columns."""
    return sum(_NARROW.get(character, 556) for character in text) * size / 1000 * (BOLDER if bold else 1.0)


class Pdf:
    """One document. Draw on the newest page; ``comment`` is one line of ASCII that stands after its head."""

    def __init__(self, title: str, comment: str) -> None:
        self._title, self._comment = title, comment
        self._pages: list[list[str]] = []

    def page(self) -> None:
        """Begin a page."""
        self._pages.append([])

    @property
    def pages(self) -> int:
        return len(self._pages)

    def turn_to(self, page: int, size: float, x: float, y: float, text: str) -> None:
        """Add a text to a page that is over; pages count from 0."""
        self._pages[page].append(_shown(text, x, y, size, "F1", BLACK))

    def text(
        self, x: float, y: float, text: str, size: float = 9.0, *, bold: bool = False, right: bool = False, colour: Colour = BLACK
    ) -> None:
        """A text that begins at x, or with ``right`` ends there."""
        at = x - width_of(text, size, bold=bold) if right else x
        self._draw(_shown(text, at, y, size, "F2" if bold else "F1", colour))

    def line(self, points: Sequence[tuple[float, float]], *, colour: Colour = BLACK, width: float = 0.5, dash: str = "") -> None:
        """Lines from point to point; ``dash`` such as ``3 2``."""
        path = " ".join(f"{x:.2f} {y:.2f} {'l' if number else 'm'}" for number, (x, y) in enumerate(points))
        self._draw(f"{_rgb(colour)} RG {width:.2f} w 1 j [{dash}] 0 d {path} S")

    def area(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        """A filled polygon."""
        path = " ".join(f"{x:.2f} {y:.2f} {'l' if number else 'm'}" for number, (x, y) in enumerate(points))
        self._draw(f"{_rgb(colour)} rg {path} h f")

    def box(self, left: float, bottom: float, width: float, height: float, colour: Colour) -> None:
        """A filled rectangle."""
        self._draw(f"{_rgb(colour)} rg {left:.2f} {bottom:.2f} {width:.2f} {height:.2f} re f")

    def render(self) -> bytes:
        """The whole file."""
        objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
        kids = " ".join(f"{6 + 2 * number} 0 R" for number in range(len(self._pages)))
        objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(self._pages)} >>".encode())
        objects += [
            f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()
            for name in ("Helvetica", "Helvetica-Bold")
        ]
        objects.append(b"<< /Title (" + _escaped(self._title) + b") /Producer (smartstore) >>")
        for number, page in enumerate(self._pages):
            objects.append(
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH:g} {HEIGHT:g}] /Contents {7 + 2 * number} 0 R"
                " /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>".encode()
            )
            stream = "\n".join(page).encode("latin-1")
            objects.append(f"<< /Length {len(stream)} >>\nstream\n".encode() + stream + b"\nendstream")
        return self._file(objects)

    def _file(self, objects: Sequence[bytes]) -> bytes:
        content = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n%" + self._comment.encode("ascii") + b"\n"
        places = []
        for number, each in enumerate(objects, 1):
            places.append(len(content))
            content += f"{number} 0 obj\n".encode() + each + b"\nendobj\n"
        start = len(content)
        table = "".join(f"{place:010d} 00000 n \n" for place in places)
        content += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}".encode()
        return content + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()

    def _draw(self, operators: str) -> None:
        self._pages[-1].append(operators)


def _rgb(colour: Colour) -> str:
    return " ".join(f"{part:.2f}" for part in colour)


def _escaped(text: str) -> bytes:
    plain = text.encode("cp1252", "replace")
    return plain.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)").replace(b"\r", b" ").replace(b"\n", b" ")


def _shown(text: str, x: float, y: float, size: float, font: str, colour: Colour) -> str:
    return f"BT {_rgb(colour)} rg /{font} {size:g} Tf {x:.2f} {y:.2f} Td ({_escaped(text).decode('latin-1')}) Tj ET"
