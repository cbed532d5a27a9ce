"""Sixty-four serial devices on one running store: what one of them does costs the others no sample.

The daemon as it is built for a store, with its journal, senses, supervisor and engine, on the ports of simulated firmware. Every scale
numbers its samples in the weight it gives, so a sample that was lost is a number that is missing.
"""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from device.app.app import App
from device.config import Configuration, load
from device.domain.commands import InboundCommand
from device.domain.readings import CodeReading, DeviceDown, DeviceUp, NoiseReading, Reading, WeightReading
from device.ports.loopback import free_port
from firmware_sims.modbus import READ_HOLDING, RtuSlave
from firmware_sims.mt_sics import MtSicsScale
from firmware_sims.serve import PtyLink, Rig
from firmware_sims.shelf_board import ShelfBoard
from firmware_sims.sim import Recorded, Sim
from firmware_sims.stream import StreamScale

LIMIT_S = 40.0
SAMPLES = 80
"""Of each scale: eight seconds at 10 Hz."""
UNPLUGGED = 8
LINE_BYTES_S = 11_520
"""Full line rate at 115 200 baud."""

STORE = """
[store]
id = "many"
name = "Many"
timezone = "Europe/Rome"
currency = "EUR"
[mqtt]
url = "mqtt://127.0.0.1:{broker}"
[journal]
path = "{folder}/journal.db"
[catalogue]
file = "{folder}/products.csv"
[[zone]]
id = "shop"
kind = "room"
[[lock]]
id = "door"
zone = "shop"
driver = "modbus-relay"
port = "tcp:127.0.0.1:{broker}"
relay = 0
contact = 0
"""


class Numbered:
    """A transmitter whose weight is the number of the question that it answers."""

    unit = 1

    def __init__(self) -> None:
        self._asked = 0

    def answer(self, function: int, data: bytes) -> bytes:
        assert function == READ_HOLDING
        self._asked += 1
        return b"\x04" + struct.pack(">i", self._asked)

    def pass_time(self, dt: float) -> None: ...

    def power_cycle(self) -> None: ...


class Babbling:
    """A device whose transmitter is stuck: its line is never idle, whatever it is asked."""

    quantum_s = 0.01

    def __init__(self, babble: Iterator[bytes]) -> None:
        self._babble = babble
        self._owed = b""
        self.said = 0

    def receive(self, data: bytes) -> bytes:
        return b""

    def tick(self, dt: float) -> bytes:
        wanted = round(LINE_BYTES_S * dt)
        while len(self._owed) < wanted:
            self._owed += next(self._babble)
        said, self._owed = self._owed[:wanted], self._owed[wanted:]
        self.said += len(said)
        return said

    def power_cycle(self) -> None: ...


def noise() -> Iterator[bytes]:
    random = Random("babble")
    while True:
        yield random.randbytes(64)


def codes() -> Iterator[bytes]:
    """Every line is a code that is read, and another one than before."""
    while True:
        yield from (f"{number:04x}\r".encode() for number in range(0x10000))


def rising() -> Recorded:
    return Recorded([float(number) for number in range(30_000)])


@dataclass(frozen=True)
class Model:
    """A kind of scale: its simulated firmware and its table in the configuration."""

    make: Callable[[], Sim]
    settings: str


MODELS: dict[str, tuple[int, Model]] = {
    "board": (
        20,
        Model(
            lambda: ShelfBoard([rising() for _ in range(4)], counts_per_gram=[1.0] * 4, zero_counts=[0.0] * 4),
            'driver = "shelf-board"\nchannels = 4',
        ),
    ),
    "fast": (
        4,
        Model(
            lambda: ShelfBoard([rising() for _ in range(16)], counts_per_gram=[1.0] * 16, zero_counts=[0.0] * 16),
            'driver = "shelf-board"\nchannels = 16\nrate_hz = 80',
        ),
    ),
    "balance": (16, Model(lambda: MtSicsScale(rising()), 'driver = "mt-sics"')),
    "streaming": (10, Model(lambda: StreamScale(rising()), 'driver = "stream"')),
    "cas": (6, Model(lambda: StreamScale(rising(), "cas"), 'driver = "stream"')),
    "transmitter": (6, Model(lambda: RtuSlave(Numbered()), 'driver = "modbus-loadcell"\ndivisor = 1')),
}
"""How many of each: 62."""


@dataclass
class Tally:
    """Hears every reading that reaches the engine's inbox."""

    wells: frozenset[str]
    newest: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    lives: dict[str, list[str]] = field(default_factory=dict)
    noise: Counter[str] = field(default_factory=Counter)
    codes: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def readings(self, readings: Sequence[Reading]) -> None:
        self.news.set()
        for reading in readings:
            if isinstance(reading, WeightReading) and reading.device in self.wells:
                self._weighed(reading)
            elif isinstance(reading, DeviceUp | DeviceDown):
                self.lives.setdefault(reading.device, []).append(type(reading).__name__)
            elif isinstance(reading, NoiseReading):
                self.noise[reading.device] += reading.pieces
            elif isinstance(reading, CodeReading):
                self.codes += 1

    def command(self, command: InboundCommand) -> None: ...

    def _weighed(self, reading: WeightReading) -> None:
        device, number = reading.device, round(reading.values[0])
        before = self.newest.get(device)
        if reading.lost or (before is not None and number not in (before, before + 1)):
            self.lost.append(f"{device}: {before} then {number}, told lost {reading.lost}")
        self.newest[device] = number
        self.counts[device] += number != before


class Listened(App):
    """The daemon, with somebody who hears all that its devices say."""

    def __init__(self, configuration: Configuration, tally: Tally) -> None:
        super().__init__(configuration)
        self._engine.inbox.listener = tally


class Cables:
    """Somebody who pulls a plug every second, and puts it back half a second later, until he is gone."""

    quantum_s = 0.5

    def __init__(self, link: PtyLink) -> None:
        self._link = link
        self.unplugged = 0
        self.gone = False

    def tick(self, dt: float) -> None:
        if self._link.plugged and not self.gone:
            self._link.unplug()
            self.unplugged += 1
        else:
            self._link.plug()


@dataclass
class Store:
    """What a test sees of it."""

    tally: Tally
    links: dict[str, PtyLink]
    cables: Cables
    babbler: Babbling

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not condition():
                self.tally.news.clear()
                await self.tally.news.wait()


@asynccontextmanager
async def sixty_four(folder: Path, babble: Iterator[bytes], babbler_table: str) -> AsyncIterator[Store]:
    """The store runs, and every scale has been heard."""
    babbler = Babbling(babble)
    devices = {f"{name}-{place}": model for name, (count, model) in MODELS.items() for place in range(count)}
    tables = [
        f'[[scale]]\nid = "{name}"\nzone = "shop"\nport = "serial:{folder}/{name}"\n{model.settings}' for name, model in devices.items()
    ]
    tables.append(f'[[scale]]\nid = "loose"\nzone = "shop"\nport = "serial:{folder}/loose"\ndriver = "mt-sics"')
    tables.append(f'{babbler_table}\nid = "babbler"\nzone = "shop"\nport = "serial:{folder}/babbler?baud=115200"')
    assert len(tables) == 64
    (folder / "products.csv").write_text("gtin,name,grams,grams_sd,price_minor\n09520000001018,Riesling,1250,6,1290\n")
    (folder / "store.toml").write_text(STORE.format(folder=folder, broker=free_port()) + "\n".join(tables))
    async with Rig() as rig:
        links = {name: rig.pty(model.make(), folder / name) for name, model in devices.items()}
        rig.pty(babbler, folder / "babbler")
        cables = Cables(rig.pty(MtSicsScale(rising()), folder / "loose"))
        app = Listened(load(folder / "store.toml"), tally := Tally(frozenset(devices)))
        store = Store(tally, links, cables, babbler)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(app.run(), name="the store")
            await store.until(lambda: len(tally.newest) == len(devices) and "loose" in tally.lives)
            for link in links.values():
                link.lost_bytes = 0
            tally.noise.clear()
            rig.also(cables)
            try:
                yield store
            finally:
                app.stop("the test is over")
                async with asyncio.timeout(LIMIT_S):
                    await running


async def nothing_was_lost(store: Store) -> None:
    """Once every scale has given its samples, and the plug was pulled often: no number is missing, and none of the 62 was ever away."""
    begun, said = dict(store.tally.counts), store.babbler.said
    await store.until(
        lambda: store.cables.unplugged >= UNPLUGGED and min(store.tally.counts[name] - begun[name] for name in begun) >= SAMPLES
    )
    assert len(begun) == 62
    assert store.babbler.said - said > LINE_BYTES_S * (UNPLUGGED - 2), "it was babbling all the time"
    assert store.tally.lost == []
    assert {name: link.lost_bytes for name, link in store.links.items() if link.lost_bytes} == {}
    assert {name: lives for name, lives in store.tally.lives.items() if name in store.links and lives != ["DeviceUp"]} == {}


async def test_noise_at_full_line_rate_and_a_loose_plug_cost_the_other_62_no_sample(tmp_path: Path) -> None:
    async with sixty_four(tmp_path, noise(), '[[scale]]\ndriver = "shelf-board"') as store:
        await nothing_was_lost(store)
        assert store.tally.noise["babbler"] > 100
        assert store.tally.noise.keys() <= {"babbler", "loose"}
        store.cables.gone = True
        lives = store.tally.lives["loose"]
        await store.until(lambda: len(lives) > 1 and lives[-1] == "DeviceUp")
        assert lives == ["DeviceUp", "DeviceDown"] * (len(lives) // 2) + ["DeviceUp"], "told once when lost, once when back"


async def test_codes_at_full_line_rate_and_a_loose_plug_cost_the_other_62_no_sample(tmp_path: Path) -> None:
    """Each of them is a fact that has to be decided, and none can be told from another that counts."""
    async with sixty_four(tmp_path, codes(), '[[reader]]\ndriver = "line"') as store:
        await nothing_was_lost(store)
        assert store.tally.codes > 1_000
