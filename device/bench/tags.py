"""Departures of tags: how many of those that were taken are told in time, and how many of those that were not.

A cabinet of 24 tags, each with a miss rate of its own drawn from a range, and a reader with rounds of some length. A visit: the door is
open for 8 s, hands shadow half of what would be read, one or two bottles go, and every tenth of the others is put back otherwise, with
another miss rate of the same range. Then the door is shut for two minutes. Some shoppers have a tagged bottle of their own, which the
reader hears through the open door only.

In the last rows one bottle in fifty is put straight before another one's tag at each visit, and stays there for some visits: the tag is
there, and is hidden as ``firmware_sims.radio`` has it. No reader can know; what is asked is whether it is told to be there again.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from device.bench.result import Options, Result
from device.bench.tables import table
from device.bench.work import spread
from device.domain.facts import Fact, InventoryTaken, TagArrived, TagDeparted
from device.domain.readings import TagReading, TagRound
from device.sensing.tags import TagSense
from firmware_sims.radio import Air

RANGES = ((0.0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.95))
ROUNDS_S = (0.25, 0.5, 1.0)
TAGS = 24
OPEN_S, SHUT_S, FIRST_S = 8.0, 120.0, 120.0
MOVED = 0.1
SHADOWED = 0.5
IN_HAND_READ = 0.7
BAGS = 0.3
VISITS = 250
HIDDEN = 0.02
UNCOVERED = 0.3


class Cabinet(NamedTuple):
    """One kind of cabinet, visited so often."""

    low: float
    high: float
    round_s: float
    visits: int
    seed: int
    hidden: float = 0.0
    """The share of tags that each visit hides behind something."""


class Found(NamedTuple):
    """What was told. ``in_time`` of the ``taken`` tags were gone when the inventory was told, ``doubted`` in doubt, ``late`` gone later.

    ``false`` are tags told to be gone at an inventory that were there, ``false_later`` such in the two minutes after it, of ``standing``
    tags in all; ``hesitant`` are tags that were there and in doubt. ``strays``: bags that were told to have arrived. ``worst_s`` is the
    longest time from the shut door to the inventory.

    ``hidden`` tags were put out of sight, ``hidden_gone`` of them told to be gone though they are there (these are not in ``false``);
    ``uncovered`` of those gone could be read again before they were taken, ``back`` of these were told to have arrived.
    """

    cabinet: Cabinet
    taken: int
    in_time: int
    doubted: int
    late: int
    standing: int
    false: int
    false_later: int
    hesitant: int
    strays: int
    worst_s: float
    hidden: int
    hidden_gone: int
    uncovered: int
    back: int


def run(options: Options) -> Result:
    """Visit cabinets of each range of miss rates, with rounds of each length."""
    visits = 20 if options.quick else VISITS
    cabinets = [Cabinet(low, high, round_s, visits, options.seed) for low, high in RANGES for round_s in ROUNDS_S]
    cabinets += [Cabinet(*RANGES[0], round_s, visits, options.seed, HIDDEN) for round_s in ROUNDS_S]
    found = spread(visited, cabinets, options.jobs)
    heads = (
        "misses a round",
        "round",
        "taken",
        "gone in time",
        "in doubt",
        "gone later",
        "false",
        "false later",
        "of",
        "strays",
        "inventory",
        "hidden, gone",
        "uncovered, back",
    )
    rows = [
        (
            f"{100 * each.cabinet.low:g}-{100 * each.cabinet.high:g} %",
            f"{each.cabinet.round_s:g} s",
            each.taken,
            f"{100 * each.in_time / each.taken:.2f} %",
            f"{100 * each.doubted / each.taken:.2f} %",
            each.late,
            each.false,
            each.false_later,
            f"{each.standing:,}",
            each.strays,
            f"{each.worst_s:.1f} s",
            f"{each.hidden}, {each.hidden_gone}",
            f"{each.uncovered}, {each.back}",
        )
        for each in found
    ]
    figures = {"cabinets": [{**each._asdict(), "cabinet": each.cabinet._asdict()} for each in found]}
    return Result("tags", figures, table(heads, rows))


def visited(cabinet: Cabinet) -> Found:
    """Visit one cabinet, again and again."""
    return _Shelf(cabinet).visited()


class _Shelf:
    """The truth about one cabinet, and the sense that guesses it."""

    def __init__(self, cabinet: Cabinet) -> None:
        self._cabinet = cabinet
        self._chance = Random(f"tags {cabinet}")
        self._sense = TagSense("reader")
        self._at = 0.0
        self._numbers = 0
        self._misses: dict[bytes, float] = {}
        self._hand: list[bytes] = []
        self._bag: bytes | None = None
        self._air = Air(f"tags {cabinet}")
        self._lost: set[str] = set()
        """Tags that are told to be gone and were hidden; ``_unveiled`` of them are so no more, ``_counted`` were told in this hiding."""
        self._unveiled: set[str] = set()
        self._counted: set[str] = set()
        self._hidden = self._hidden_gone = self._uncovered = self._back = 0
        self._restock()

    def visited(self) -> Found:
        self._shut_for(FIRST_S)
        taken = in_time = doubted = late = standing = false = false_later = hesitant = strays = 0
        worst_s = 0.0
        for _ in range(self._cabinet.visits):
            self._open()
            at, gone, unsure = self._at, set[str](), set[str]()
            there = {_hex(epc) for epc in self._misses}
            left = {_hex(epc) for epc in self._hand} - self._lost
            bag = None if self._bag is None else _hex(self._bag)
            hidden = {_hex(epc) for epc in self._air.shades}
            known = False
            for fact in self._shut_for(SHUT_S):
                match fact:
                    case TagDeparted(epc=epc) if not known:
                        gone.add(epc)
                    case TagDeparted(epc=epc):
                        late += epc in left
                        false_later += epc in there - hidden
                    case InventoryTaken() if not known:
                        known, unsure = True, {epc for epc, _ in fact.unsure}
                        worst_s = max(worst_s, fact.at - at)
                    case TagArrived(epc=epc):
                        strays += epc == bag
            taken, in_time, doubted = taken + len(left), in_time + len(left & gone), doubted + len(left & unsure)
            standing, false, hesitant = (
                standing + len(there),
                false + len((there & gone) - hidden),
                hesitant + len((there - hidden) & unsure),
            )
            self._restock()
            self._shut_for(FIRST_S)
        return Found(
            self._cabinet,
            taken,
            in_time,
            doubted,
            late,
            standing,
            false,
            false_later,
            hesitant,
            strays,
            round(worst_s, 3),
            self._hidden,
            self._hidden_gone,
            self._uncovered,
            self._back,
        )

    def _restock(self) -> None:
        self._hand = []
        while len(self._misses) < TAGS:
            self._misses[self._new()] = self._rate()

    def _new(self) -> bytes:
        self._numbers += 1
        return self._numbers.to_bytes(12, "big")

    def _rate(self) -> float:
        return self._chance.uniform(self._cabinet.low, self._cabinet.high)

    def _open(self) -> None:
        """Somebody opens, takes, moves what stands around, and shuts."""
        self._sense.door(self._at, False)
        self._bag = self._new() if self._chance.random() < BAGS else None
        self._hand = self._chance.sample(sorted(self._misses), self._chance.choice((1, 2)))
        for epc in self._hand:
            del self._misses[epc]
        for epc in self._misses:
            if self._chance.random() < MOVED:
                self._misses[epc] = self._rate()
        self._put_before()
        end = self._at + OPEN_S * self._chance.uniform(0.5, 1.5)
        while self._at < end:
            self._at += self._cabinet.round_s
            for epc, missed in self._misses.items():
                self._read(epc, 1 - SHADOWED * (1 - missed))
            for epc in (*self._hand, *([self._bag] if self._bag else [])):
                self._read(epc, 1 - IN_HAND_READ)
            self._sense.round(TagRound("reader", self._at))
        self._at += self._cabinet.round_s * self._chance.random()
        self._sense.door(self._at, True)

    def _put_before(self) -> None:
        """Some tags come out from behind what hid them, others are hidden."""
        for epc in list(self._air.shades):
            gone = epc not in self._misses
            if gone or self._chance.random() < UNCOVERED:
                self._air.reveal(epc)
                self._counted.discard(_hex(epc))
                if not gone and _hex(epc) in self._lost:
                    self._uncovered += 1
                    self._unveiled.add(_hex(epc))
        for epc in self._misses:
            fresh = epc not in self._air.shades and _hex(epc) not in self._unveiled
            if self._cabinet.hidden and fresh and self._chance.random() < self._cabinet.hidden:
                self._air.hide(epc)
                self._hidden += 1

    def _follow_hidden(self, facts: list[Fact]) -> None:
        hidden = {_hex(epc) for epc in self._air.shades}
        for fact in facts:
            match fact:
                case TagDeparted(epc=epc) if epc in hidden:
                    self._hidden_gone += epc not in self._counted
                    self._counted.add(epc)
                    self._lost.add(epc)
                case TagArrived(epc=epc) if epc in self._lost:
                    self._back += epc in self._unveiled
                    self._unveiled.discard(epc)
                    self._lost.discard(epc)

    def _shut_for(self, seconds: float) -> list[Fact]:
        facts: list[Fact] = []
        end = self._at + seconds
        part = self._chance.random()
        while self._at < end:
            self._at += self._cabinet.round_s * part
            for epc, missed in self._misses.items():
                self._read(epc, missed ** min(1.0, part))
            facts += self._sense.round(TagRound("reader", self._at))
            part = 1.0
        self._follow_hidden(facts)
        return facts

    def _read(self, epc: bytes, missed: float) -> None:
        if self._chance.random() >= missed and (epc not in self._air.shades or self._air.answers(epc)):
            self._sense.take(TagReading("reader", self._at, epc))


def _hex(epc: bytes) -> str:
    return epc.hex().upper()
