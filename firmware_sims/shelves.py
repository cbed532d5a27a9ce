"""What stands on the shelves, kept in a file: a shelf does not fill up because its controller was switched off and on again.

The file is JSON: ``brought`` (how many items ever came into the store) and ``slots``, by id what stands there, the front one last. It is
written anew, in one stroke, whenever something was taken or put. What was in a hand at the end has left the store with it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firmware_sims.goods import Item, Standing
from firmware_sims.world import World


class Shelves:
    """Keeps the goods of a world in a file."""

    def __init__(self, world: World, file: Path) -> None:
        self._world = world
        self._file = file
        self._kept = ""

    def recall(self) -> bool:
        """Have the goods stand as the file says; whether there is one.

        A slot that the file does not know, or that holds a product that is no longer in the list, stays as it is. Raises ValueError where
        the file makes no sense, OSError where it cannot be read.
        """
        try:
            told = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return False
        except ValueError as reason:
            raise ValueError(f"{self._file}: not what was kept of the shelves ({reason}); remove it to begin with full ones") from None
        try:
            brought = int(told["brought"])
            slots = {name: [_standing(entry) for entry in entries] for name, entries in told["slots"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as reason:
            raise ValueError(f"{self._file}: not what was kept of the shelves ({reason!r}); remove it to begin with full ones") from None
        known = self._world.plan.products
        for name, standing in slots.items():
            if name in self._world.places and all(one.item.gtin in known for one in standing):
                self._world.places[name].have(standing)
        self._world.cellar.go_on(brought)
        return True

    def keep(self) -> None:
        """Write down how it is, if it has changed. Raises OSError."""
        text = json.dumps(self._told())
        if text == self._kept:
            return
        fresh = self._file.with_name(self._file.name + ".new")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._file)
        self._kept = text

    def _told(self) -> dict[str, Any]:
        slots = {name: [_entry(one) for one in place.standing] for name, place in self._world.places.items()}
        return {"brought": self._world.cellar.brought, "slots": slots}


def _entry(one: Standing) -> dict[str, Any]:
    return {"gtin": one.item.gtin, "grams": one.item.grams, "epc": one.item.epc, "felt_g": one.felt_g}


def _standing(entry: dict[str, Any]) -> Standing:
    return Standing(Item(str(entry["gtin"]), float(entry["grams"]), entry["epc"]), float(entry["felt_g"]))
