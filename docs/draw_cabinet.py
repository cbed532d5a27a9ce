"""Draw the lives of cabinets and rooms from their tables: ``python docs/draw_cabinet.py`` writes the pages that a test compares."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from device.store.visits import cabinet, niches, rooms

HERE = Path(__file__).parent


def pages() -> dict[Path, str]:
    """Every page: the thoughts behind the tables, a picture, and the tables themselves."""
    return {
        HERE / "cabinet.md": _page(
            "The life of a cabinet",
            cabinet,
            "Three thoughts explain the rows:\n",
            "A cabinet is one door in front of shelves.",
            {"": cabinet.TABLE},
        ),
        HERE / "rooms.md": _page(
            "The life of a room",
            rooms,
            "Five thoughts explain the rest:\n",
            "A room is walked into; its sessions are about people, not about its door. [A cabinet](cabinet.md) of its own is simpler.",
            {"The entrance": rooms.ROOM, "A cabinet inside": niches.NICHE},
        ),
    }


def _page(title: str, module: ModuleType, before: str, what: str, tables: Mapping[str, Mapping[tuple[Any, Any], Any]]) -> str:
    _, _, thoughts = (module.__doc__ or "").partition(before)
    source = module.__name__.replace(".", "/") + ".py"
    parts = [
        f"# {title}",
        f"Drawn from `{source}` by `python docs/draw_cabinet.py`; do not edit.",
        f"{what} In each phase a trigger leads to the next phase, and some actions are taken on the way. A pair of phase and trigger\n"
        "that is not here cannot happen.",
        thoughts.strip(),
    ]
    for name, table in tables.items():
        parts += [f"## {name}"] if name else []
        parts += [_picture(table), _table(table)]
    return "\n\n".join(parts) + "\n"


def _picture(table: Mapping[tuple[Any, Any], Any]) -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> shut"]
    lines += [f"    {phase} --> {row.phase}: {trigger.replace('_', ' ')}" for (phase, trigger), row in table.items() if row.phase != phase]
    return "\n".join([*lines, "```"])


def _table(table: Mapping[tuple[Any, Any], Any]) -> str:
    lines = ["| phase | trigger | next phase | actions |", "|---|---|---|---|"]
    for (phase, trigger), row in table.items():
        actions = ", ".join(action.replace("_", " ") for action in row.actions)
        lines.append(f"| {phase} | {trigger.replace('_', ' ')} | {row.phase} | {actions} |")
    return "\n".join(lines)


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text)
