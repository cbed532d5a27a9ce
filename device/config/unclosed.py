"""Where a TOML file went wrong, as whoever wrote it sees it: tomllib tells where reading ended, which is behind the mistake."""

from __future__ import annotations

import re

_STRING = re.compile(r"\"\"\"(?:[^\\]|\\.)*?\"{3,5}|'''.*?'{3,5}|\"(?!\"\")(?:[^\"\\\n]|\\.)*\"|'(?!'')[^'\n]*'", re.DOTALL)
_CLOSES = {"]": "[", "}": "{"}


def opened_at(text: str, end: int) -> tuple[int, str] | None:
    """What is still open where reading ended: its place in ``text`` and how it opens; None where nothing is.

    A quote that is not closed (https://toml.io/en/v1.0.0#string) comes before the bracket around it.
    """
    brackets: list[int] = []
    in_value = False
    at = 0
    while at < end:
        letter = text[at]
        if letter in "\"'":
            string = _STRING.match(text, at)
            if string is None:
                return at, letter * 3 if text.startswith(letter * 3, at) else letter
            at = string.end()
            continue
        if letter == "#":
            line_end = text.find("\n", at)
            at = line_end if line_end >= 0 else end
            continue
        if letter == "\n" and not brackets:
            in_value = False
        elif letter == "=":
            in_value = True
        elif in_value and letter in "[{":
            brackets.append(at)
        elif brackets and _CLOSES.get(letter) == text[brackets[-1]]:
            brackets.pop()
        at += 1
    return (brackets[-1], text[brackets[-1]]) if brackets else None


def place(text: str, at: int) -> str:
    """A place as people count: ``line 3 column 8``."""
    return f"line {text.count(chr(10), 0, at) + 1} column {at - text.rfind(chr(10), 0, at)}"


def hint(text: str, at: int, reason: str) -> str:
    """What is probably meant where tomllib's reason is one that says little; nothing where it says enough."""
    rest = text[at:].partition("\n")[0].strip()
    if "hex value" in reason or "Unescaped" in reason:
        return "; a backslash is written \\\\, or the text stands in single quotes"
    if reason != "Invalid value":
        return ""
    if not rest or rest.startswith("#"):
        return "; there is none"
    word = re.match(r"\w*", rest)
    if word and word[0].lower() in ("true", "false"):
        return f"; did you mean {word[0].lower()}?"
    return '; text stands in quotes: "…"' if re.match(r"[^\W\d_]|[“”‘’„«/]", rest) else ""
