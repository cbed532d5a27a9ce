"""A table with scales on pseudo-terminals, and hands that change what lies on them whenever a guided command asks for it."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from click import Command
from click.testing import CliRunner, Result

GTIN = "04006381333931"
STORE = """
[store]
id = "table-01"
name = "Table"
timezone = "UTC"
currency = "EUR"
[mqtt]
url = "mqtt://127.0.0.1:1"
[catalogue]
file = "products.csv"
[clock]
trust = "always"
[access]
signed_commands = false
[[zone]]
id = "fridge"
[[lock]]
id = "lock"
zone = "fridge"
driver = "modbus-relay"
port = "serial:{folder}/relay"
relay = 0
contact = 0
[[scale]]
id = "board"
zone = "fridge"
driver = "shelf-board"
port = "serial:{folder}/board"
channels = 2
[[scale]]
id = "balance"
zone = "fridge"
driver = "mt-sics"
port = "serial:{folder}/balance"
[[slot]]
id = "A"
scale = "board"
channel = 2
products = ["{gtin}"]
[[slot]]
id = "B"
scale = "balance"
products = ["{gtin}"]
[[thermometer]]
id = "air"
zone = "fridge"
driver = "ds18b20"
serial = "28-000000000001"
port = "sysfs:{folder}"
every_s = 1
"""


def write_store(folder: Path) -> Path:
    (folder / "products.csv").write_text(f"gtin,name,grams,grams_sd,price_minor\n{GTIN},Riesling,1250,6,1290\n", encoding="utf-8")
    config = folder / "store.toml"
    config.write_text(STORE.format(folder=folder, gtin=GTIN), encoding="utf-8")
    return config


class Trembling:
    """A load with some noise; ``grams`` may be set."""

    def __init__(self, grams: float = 0.0, sd_g: float = 0.4) -> None:
        self.grams = grams
        self._sd_g = sd_g
        self._random = random.Random(7)

    def sample(self, dt: float) -> float:
        return self.grams + self._random.gauss(0.0, self._sd_g)


class Hands(io.RawIOBase):
    """Standard input for a guided command: before each answer it does what is asked for then."""

    def __init__(self, steps: Sequence[tuple[Callable[[], object], str]]) -> None:
        self._steps = list(steps)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a buffer that can be written is what it gets
        if not self._steps:
            return 0
        do, answer = self._steps.pop(0)
        do()
        data = f"{answer}\n".encode()
        buffer[: len(data)] = data
        return len(data)


async def invoke(command: Command, *arguments: object, hands: Hands | None = None) -> Result:
    """Run a command beside the simulated devices, which live in this loop."""
    answers = None if hands is None else io.BufferedReader(hands)
    return await asyncio.to_thread(CliRunner().invoke, command, [str(argument) for argument in arguments], input=answers)
