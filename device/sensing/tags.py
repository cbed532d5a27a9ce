"""Which tags are in the field of a reader: a probability for each, by the rounds that missed it and how often it is missed anyway.

Every tag has a miss rate of its own, learnt from the rounds that it was in: a Beta distribution, which begins with more misses where the
signal is weak. A run of rounds without it is as likely, if it is still there, as that distribution foretells (``_Tag.run_log``); if it is
gone, it is certain. So a bottle that is missed every other time is waited for longer than one that is never missed.

Rounds with the door open decide nothing: hands shadow what stands there, and what is held near the antenna is read. When the door shuts,
an inventory begins from nothing, and ``InventoryTaken`` ends it. The derivation and its figures are in ``docs/sensing.md``.
"""

from __future__ import annotations

from math import exp, log

from device.domain.facts import Fact, InventoryTaken, TagArrived, TagDeparted
from device.domain.readings import TagReading, TagRound

DEPARTED_S = 3.0
"""No tag is gone before it was unread for so many seconds of reading with the door shut."""
INVENTORY_MOST_S = 4.5
"""An inventory in which unread tags are left in doubt goes on for so long at most: ``session.ended`` waits for it."""
THOROUGH_S = 30.0
"""After so many seconds of reading since the start, what has never been read is not there, however often it is missed."""
GONE_LOG = log(1e-4)
"""Unread since the door was open: gone once its misses are so unlikely. At most one visit in 200 has a false one among 50 tags."""
GONE_SHUT_LOG = log(1e-9)
"""Unread though the door has been shut all the time: hardly anything can have left, and there are 10^7 runs of misses a day."""
ROUND_MAX_S = 2.0
"""A longer time between the ends of two rounds was not all spent reading."""

MISS_RATE = 0.05
PRIOR_ROUNDS = 10.0
"""What is taken to be known of a tag that has not been read yet is worth so many rounds."""
MEMORY_ROUNDS = 200.0
"""How many rounds a miss rate is learnt from; older ones fade."""
MOVED_ROUNDS = 40.0
"""And how many of them still count once the door was open: what stands around a tag may have moved."""
STRONG_DBM, WEAK_DBM = -60.0, -75.0
"""From here down to there the rate that a tag begins with rises to ``WEAK_MISS_RATE``."""
WEAK_MISS_RATE = 0.5
SIGHTINGS = 2
"""So many rounds have to show a tag before it has arrived: noise makes an EPC once."""
FORGET_S = 60.0
"""A tag that was read once and not again for so long was never there."""
MOST_BY_ONE = 0.9
"""A tag of which so large a share was read by one antenna is not looked for while that antenna is deaf."""
SMOOTHING = 0.1
TAGS_MAX = 4096
"""Tags one reader keeps; further ones are not taken in until some depart. A cabinet holds some hundreds."""


class _Tag:
    """One tag: what is learnt of it, and the rounds that have missed it since it was last read."""

    __slots__ = (
        "antennas",
        "dbm",
        "doubted",
        "is_read",
        "last_seen",
        "missed",
        "moved",
        "prior",
        "read",
        "run",
        "run_log",
        "sightings",
        "unread_s",
    )

    def __init__(self, prior: float) -> None:
        self.prior = prior
        self.read = self.missed = 0.0
        self.last_seen = 0.0
        self.dbm: float | None = None
        self.antennas: dict[int, float] = {}
        self.sightings = 0
        self.is_read = False
        self.moved = True
        """Whether it may have been carried off since it was last read with the door shut."""
        self.doubted = False
        self.start_run()

    @property
    def has_arrived(self) -> bool:
        return self.sightings >= SIGHTINGS

    def start_run(self) -> None:
        self.run, self.run_log, self.unread_s = 0, 0.0, 0.0

    def heard(self, reading: TagReading) -> None:
        self.is_read, self.last_seen = True, reading.at
        self.antennas[reading.antenna] = self.antennas.get(reading.antenna, 0.0) + 1.0
        if self.antennas[reading.antenna] > MEMORY_ROUNDS:
            self.antennas = {antenna: reads / 2 for antenna, reads in self.antennas.items()}
        if reading.rssi_dbm is not None:
            self.dbm = reading.rssi_dbm if self.dbm is None else self.dbm + SMOOTHING * (reading.rssi_dbm - self.dbm)

    def learn(self) -> None:
        """A round with the door shut has it: the run of misses before it was one of a tag that is there."""
        keep = 1.0 - 1.0 / MEMORY_ROUNDS
        self.read, self.missed = self.read * keep + 1.0, (self.missed + self.run) * keep
        self.moved = False
        self.start_run()

    def miss(self, seconds: float) -> None:
        """A round has missed it: by so much less likely is it to be there, by the Beta distribution of its miss rate."""
        misses, reads = self.prior * PRIOR_ROUNDS + self.missed, (1.0 - self.prior) * PRIOR_ROUNDS + self.read
        if self.moved and misses + reads > MOVED_ROUNDS:
            share = MOVED_ROUNDS / (misses + reads)
            misses, reads = misses * share, reads * share
        self.run_log += log((misses + self.run) / (misses + reads + self.run))
        self.run += 1
        self.unread_s += seconds

    def mostly_by(self, antennas: set[int]) -> bool:
        total = sum(self.antennas.values())
        return total > 0 and sum(reads for antenna, reads in self.antennas.items() if antenna in antennas) >= MOST_BY_ONE * total


class TagSense:
    """The sense of one RFID reader.

    ``miss_rate`` is that of a round for a tag of which nothing is known yet; readings weaker than ``weakest_dbm`` make no tag arrive.
    ``shut``: whether its zone's doors are known to be shut, as ``door`` tells from then on.
    """

    def __init__(self, reader: str, miss_rate: float = MISS_RATE, weakest_dbm: float | None = None, *, shut: bool = True) -> None:
        self._reader = reader
        self._miss_rate = miss_rate
        self._weakest_dbm = weakest_dbm
        self._tags: dict[bytes, _Tag] = {}
        self._deaf: set[int] = set()
        self._shut = shut
        self._since: float | None = None
        """When the round that goes on began to count; None: with the end of the next."""
        self._is_whole = False
        """Whether that round began with the door shut."""
        self._inventory_s: float | None = 0.0
        """How long the inventory has gone on; None: it has been told."""
        self._reading_s = 0.0
        """Seconds of reading with the door shut since the start."""
        self._told_thorough = False

    def take(self, reading: TagReading) -> list[Fact]:
        """One reading of a tag. What it means is told when its round ends."""
        self._deaf.discard(reading.antenna)
        tag = self._tags.get(reading.epc)
        if tag is None:
            weak = self._weakest_dbm is not None and reading.rssi_dbm is not None and reading.rssi_dbm < self._weakest_dbm
            if weak or len(self._tags) >= TAGS_MAX:
                return []
            tag = self._tags[reading.epc] = _Tag(self._prior(reading.rssi_dbm))
        tag.heard(reading)
        return []

    def round(self, reading: TagRound) -> list[Fact]:
        """The end of an inventory round: with the door shut what it has missed is less likely to be there."""
        since, is_whole, at = self._since, self._is_whole, reading.at
        self._since, self._is_whole = at, True
        seconds = 0.0 if since is None else max(0.0, min(at - since, ROUND_MAX_S))
        facts: list[Fact] = []
        for epc, tag in list(self._tags.items()):
            if self._shut and tag.is_read:
                facts += self._there(epc, tag, at)
            elif self._shut and is_whole and since is not None and not tag.mostly_by(self._deaf):
                facts += self._missed(epc, tag, seconds, at)
            elif self._shut:
                tag.unread_s += seconds
            tag.is_read = False
        return facts + self._inventory(seconds, at) if self._shut else facts

    def door(self, at: float, shut: bool) -> None:
        """The zone's doors are all shut since ``at``, or are not, or it is not known. Shut, an inventory begins."""
        if shut and not self._shut:
            self._since, self._is_whole = at, False
            self._begin()
        self._shut = shut

    def pause(self) -> None:
        """The reader is down: what is there is not known. When it reads again, an inventory begins."""
        self._since = None
        self._begin()

    def deaf(self, antenna: int) -> None:
        """An antenna has failed: what it alone reads is not missed until it reads again."""
        self._deaf.add(antenna)

    def _begin(self) -> None:
        self._inventory_s = 0.0
        for tag in self._tags.values():
            tag.moved, tag.is_read = True, False
            tag.start_run()

    def _there(self, epc: bytes, tag: _Tag, at: float) -> list[Fact]:
        tag.learn()
        tag.sightings += 1
        if tag.sightings != SIGHTINGS and not tag.doubted:
            return []
        tag.doubted = False
        return [TagArrived(self._reader, at, _hex(epc), tag.dbm)]

    def _missed(self, epc: bytes, tag: _Tag, seconds: float, at: float) -> list[Fact]:
        tag.miss(seconds)
        if not tag.has_arrived:
            if tag.unread_s >= FORGET_S:
                del self._tags[epc]
            return []
        if tag.unread_s < DEPARTED_S or tag.run_log > (GONE_LOG if tag.moved else GONE_SHUT_LOG):
            return []
        del self._tags[epc]
        return [TagDeparted(self._reader, at, _hex(epc), tag.last_seen)]

    def _inventory(self, seconds: float, at: float) -> list[Fact]:
        """Tell the inventory once no tag is in doubt, or once it has taken as long as it may; and once more when it is thorough."""
        self._reading_s += seconds
        thorough = self._reading_s >= THOROUGH_S
        if self._inventory_s is not None:
            self._inventory_s += seconds
            in_doubt = any(tag.has_arrived and tag.moved for tag in self._tags.values())
            if self._inventory_s < DEPARTED_S or (in_doubt and self._inventory_s + seconds <= INVENTORY_MOST_S):
                return []
        elif self._told_thorough or not thorough:
            return []
        self._inventory_s, self._told_thorough = None, thorough
        here = {_hex(epc): tag for epc, tag in self._tags.items() if tag.has_arrived}
        for tag in here.values():
            tag.doubted = tag.moved
        unsure = tuple((epc, exp(tag.run_log)) for epc, tag in here.items() if tag.moved)
        return [InventoryTaken(self._reader, at, tuple(epc for epc, tag in here.items() if not tag.moved), unsure, thorough)]

    def _prior(self, dbm: float | None) -> float:
        """The miss rate to begin with, by the strength of the first reading."""
        if dbm is None:
            return self._miss_rate
        weakness = min(1.0, max(0.0, (STRONG_DBM - dbm) / (STRONG_DBM - WEAK_DBM)))
        return self._miss_rate + weakness * max(0.0, WEAK_MISS_RATE - self._miss_rate)


def _hex(epc: bytes) -> str:
    return epc.hex().upper()
