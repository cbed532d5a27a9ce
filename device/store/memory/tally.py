"""What is counted over time, apart from what stands where: how products fare in people's hands, and why counts changed.

It is part of the state, folded by ``counting`` from the journalled events. None of it knows who anybody was.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Interest:
    """What people did with a product. ``in_hand_s`` is summed over the items that were put back."""

    picks: int = 0
    put_backs: int = 0
    sold: int = 0
    in_hand_s: float = 0.0


@dataclass(slots=True)
class Flow:
    """A product's count in a slot since the last report: what it was then, and the net change by cause.

    ``strayed`` is by how many of its units more stand in slots that are not theirs, by cause; ``sold_days`` are the units sold in each
    report's time before, the oldest first.
    """

    opening: int | None = None
    moved: dict[str, int] = field(default_factory=dict)
    sold_days: list[int] = field(default_factory=list)
    strayed: dict[str, int] = field(default_factory=dict)

    def came(self, *causes: str) -> int:
        """Units that came into the store by these causes, less those that left it: what went to another slot has done neither."""
        return sum(moved.get(cause, 0) for moved in (self.moved, self.strayed) for cause in causes)

    @property
    def sold(self) -> int:
        return -self.came("taken", "returned")

    @property
    def shrunk(self) -> int:
        """Units that left without anybody being charged, less those that turned up again."""
        return -self.came("unexplained", "gap")


@dataclass(slots=True)
class Tally:
    """``interest`` by zone and GTIN, ``flows`` by slot and GTIN.

    ``in_hand`` are the uptimes at which a session's items were taken, by GTIN; ``since`` is the Unix time from which a zone's next
    engagement counts, ``reported`` that of its last stock report. ``undated`` are the zones whose last report came by a clock that was not
    trusted, so that no date could be judged; until it is. ``lengths_s`` is how long each report's time was, by uptime: a clock that is set
    makes days that are none. ``reported_at`` is the uptime of a zone's last report, ``began_at`` that of the first record.
    """

    interest: dict[str, dict[str, Interest]] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    in_hand: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    flows: dict[str, dict[str, Flow]] = field(default_factory=dict)
    reported: dict[str, float] = field(default_factory=dict)
    undated: list[str] = field(default_factory=list)
    lengths_s: dict[str, list[float]] = field(default_factory=dict)
    reported_at: dict[str, float] = field(default_factory=dict)
    began_at: float | None = None
    homes: dict[str, str] = field(default_factory=dict)
    """The slot of each product from which it was last taken, or to which it came: that is where it has strayed from."""

    def running_s(self, zone: str, now: float) -> float:
        """How long the time has been for which a zone's next report will account."""
        since = self.reported_at.get(zone, self.began_at)
        return 0.0 if since is None else max(0.0, now - since)
