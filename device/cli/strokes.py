"""Letters as strokes, for pictures that need no font.

Each is some polylines of (x, y) pairs in base 36, without a space between; y 0 is the cap line, 3 the x-height, 9 the base line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

CAP = 9
SPACE = 4
GAP = 2.6

_OVAL = "204062674929070220"
_BOWL = "6543230507294967"
_BULGE = "0523436567492907"
_GLYPHS = {
    "0": _OVAL, "1": "123039 1959", "2": "02204062640969", "3": "01204062634424 446667492908", "4": "49400666", "5": "600004446667492908",
    "6": "5021050729496766442406", "7": "006029", "8": "204062634424030220 2406072949676644", "9": "6345250302204062644819",
    "A": "093069 1656", "B": "00094967664404 0040616344", "C": "6240200207294967", "D": "00094967624000", "E": "60000969 0444",
    "F": "600009 0444", "G": "62402002072949676535", "H": "0009 6069 0464", "I": "3039", "J": "6067492907", "K": "0009 6005 2469",
    "L": "000969", "M": "0900356069", "N": "09006960", "O": _OVAL, "P": "09004061634505", "Q": f"{_OVAL} 4669",
    "R": "09004061634505 3569", "S": "614020020324456667492908", "T": "0060 3039", "U": "000729496760", "V": "003960", "W": "0019345960",
    "X": "0069 6009", "Y": "003460 3439", "Z": "00600969",
    "a": f"6369 {_BOWL}", "b": f"0009 {_BULGE}", "c": _BOWL, "d": f"6069 {_BOWL}", "e": "06666543230507294968", "f": "50403139 1353",
    "g": f"636a4c2c0b {_BOWL}", "h": "0009 0523436569", "i": "3339 3031", "j": "333a2c1c 3031", "k": "0009 5307 2569", "l": "3039",
    "m": "0309 0513233539 3543536569", "n": "0309 0523436569", "o": "234365674929070523", "p": f"030c {_BULGE}", "q": f"636c {_BOWL}",
    "r": "1319 153353", "s": "64432304264668492908", "t": "30374959 1353", "u": "0307294967 6369", "v": "033963", "w": "0319355963",
    "x": "0369 6309", "y": "0339 632c1c", "z": "03630969",
    ".": "3839", ",": "382b", ":": "3435 3839", ";": "3435 382b", "-": "1656", "+": "3339 0666", "±": "3137 0464 0969", "(": "4023274a",
    ")": "2043472a",
    "/": "6009", "%": "6009 0110211201 4857685948", "×": "1458 5418", "=": "0464 0767", "'": "3032", '"': "2022 4042", "_": "0a6a",
    "?": "02204062633536 3839", "!": "3036 3839", "&": "6916123041532607294665", "*": "3236 1254 5214", "#": "2018 5048 0363 0666",
}  # fmt: skip
_UNKNOWN = "0060690900"

Stroke = list[tuple[float, float]]


def strokes(text: str) -> Iterator[tuple[Stroke, float]]:
    """Each stroke of a text and where its letter begins; accents are left off, and what has no letter here is a box."""
    at = 0.0
    for character in plain(text):
        if character == " ":
            at += SPACE
            continue
        lines = [_points(line) for line in _GLYPHS.get(character, _UNKNOWN).split()]
        left = min(x for line in lines for x, _ in line)
        right = max(x for line in lines for x, _ in line)
        for line in lines:
            yield [(x - left, y) for x, y in line], at
        at += right - left + GAP


def width(text: str) -> float:
    """How wide a text is, in units of the strokes."""
    return max((at + max(x for x, _ in line) for line, at in strokes(text)), default=0.0)


def plain(text: str) -> str:
    """Without accents and typographic signs."""
    for sign, ours in (("–", "-"), ("—", "-"), ("·", "-"), ("…", "..."), ("’", "'"), ("ß", "ss"), ("−", "-")):
        text = text.replace(sign, ours)
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


def _points(line: str) -> Stroke:
    return [(float(int(line[index], 36)), float(int(line[index + 1], 36))) for index in range(0, len(line), 2)]
