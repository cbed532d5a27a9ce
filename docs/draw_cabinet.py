"""Draw the life of a cabinet from its table: ``python docs/draw_cabinet.py`` writes ``docs/cabinet.md``, which a test compares."""

from __future__ import annotations

from pathlib import Path

from device.store import cabinet

PAGE = Path(__file__).with_name("cabinet.md")

INTRODUCTION = """# The life of a cabinet

Drawn from the table in `device/store/cabinet.py` by `python docs/draw_cabinet.py`; do not edit.

A cabinet is one door in front of shelves. In each phase a trigger leads to the next phase, and some actions are taken on the way. A pair of
phase and trigger that is not here cannot happen.

"""


def page() -> str:
    """The whole page: the thoughts behind the table, a picture, and the table itself."""
    _, _, thoughts = (cabinet.__doc__ or "").partition("Three thoughts explain the rows:\n")
    return f"{INTRODUCTION}{thoughts.strip()}\n\n{_picture()}\n\n{_table()}\n"


def _picture() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> shut"]
    lines += [
        f"    {phase} --> {row.phase}: {trigger.replace('_', ' ')}" for (phase, trigger), row in cabinet.TABLE.items() if row.phase != phase
    ]
    return "\n".join([*lines, "```"])


def _table() -> str:
    lines = ["| phase | trigger | next phase | actions |", "|---|---|---|---|"]
    for (phase, trigger), row in cabinet.TABLE.items():
        actions = ", ".join(action.replace("_", " ") for action in row.actions)
        lines.append(f"| {phase} | {trigger.replace('_', ' ')} | {row.phase} | {actions} |")
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page())
