"""Which steps belong to one reach of one person: what two hands took at once, what a lean did to two plates, what was put straight back.

Movements on the plates of a zone that overlap, or follow each other within ``PAUSE_S``, are one gesture; a gesture that never pauses is
cut after ``MOST_S``. And a step that takes the one before it on the same plate back, within ``BACK_S`` and both errors, says so: upwards
and back is a hand that pressed and was steady enough to pass for a weight, down and back is an item that was looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import hypot

from device.domain.facts import Fact, PlateMoving, PlateQuiet, PlateUntrusted, WeightStep

PAUSE_S = 0.3
MOST_S = 6.0
BACK_S = 8.0
SAME_G = 3.0
"""How far a turned bottle put back elsewhere on the plate may be off (corner load), beside the noise ..."""
SAME_SDS = 4.0


@dataclass(slots=True)
class _Gesture:
    name: str
    began_at: float
    moving: set[tuple[str, int]] = field(default_factory=set)
    rested_at: float = 0.0


class Gestures:
    """The gestures of all zones. ``zone_of`` a scale; ``boot`` goes before their names."""

    def __init__(self, zone_of: Mapping[str, str], boot: str) -> None:
        self._zone_of = zone_of
        self._boot = boot
        self._of_zone: dict[str, _Gesture] = {}
        self._last: dict[tuple[str, int], WeightStep] = {}

    def sort(self, facts: Sequence[Fact]) -> list[Fact]:
        """The same facts; steps know their gesture and what they take back."""
        return [self._one(fact) for fact in facts]

    def _one(self, fact: Fact) -> Fact:
        if isinstance(fact, PlateMoving):
            self._join(fact)
        elif isinstance(fact, PlateQuiet | PlateUntrusted):
            self._rest(fact.scale, fact.channel, fact.at)
        elif isinstance(fact, WeightStep):
            gesture = self._of_zone.get(self._zone_of[fact.scale])
            self._rest(fact.scale, fact.channel, fact.at)
            fact = replace(fact, gesture=gesture.name if gesture else fact.evidence, undoes=self._undone(fact))
            self._last[fact.scale, fact.channel] = fact
        return fact

    def _join(self, fact: PlateMoving) -> None:
        zone = self._zone_of[fact.scale]
        gesture = self._of_zone.get(zone)
        over = gesture is None or (not gesture.moving and fact.at - gesture.rested_at > PAUSE_S) or fact.at - gesture.began_at > MOST_S
        if gesture is None or over:
            still = set() if gesture is None else gesture.moving
            gesture = self._of_zone[zone] = _Gesture(f"{self._boot}{zone}.{round(fact.at * 1000)}", fact.at, still)
        gesture.moving.add((fact.scale, fact.channel))

    def _rest(self, scale: str, channel: int, at: float) -> None:
        gesture = self._of_zone.get(self._zone_of[scale])
        if gesture is not None and (scale, channel) in gesture.moving:
            gesture.moving.discard((scale, channel))
            gesture.rested_at = at

    def _undone(self, step: WeightStep) -> str | None:
        """The evidence of the step that this one takes back."""
        last = self._last.get((step.scale, step.channel))
        if last is None or last.undoes is not None or step.began_at - last.at > BACK_S:
            return None
        return last.evidence if abs(last.delta + step.delta) < SAME_G + SAME_SDS * hypot(last.sd, step.sd) else None
