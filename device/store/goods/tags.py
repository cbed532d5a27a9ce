"""Tags: which of them stand on the shelves, who has taken which, and whether weight and tags tell the same story.

A reader tells what is in its field. That is not what is on the shelf: a bag, a neighbour's cabinet and the wall behind have tags too. So a
tag comes onto the shelf only in these ways: the first thorough inventory finds it there; staff bring it; a session brings back
what it took; it was missing, and is read again. All others are strays, and so are tags of products that the catalogue does not
know, or does not call tagged: nothing follows from their coming or going.

Who takes a bottle is owed its tag. Where weight and tags differ and no tag that is hard to read can explain it, there is an alarm for each
way; where one can, it has ``OWED_S`` to be gone (or, of what staff brought, to be read), and then there is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from device.domain.epc import gtin_of
from device.domain.facts import InventoryTaken, TagArrived, TagDeparted
from device.domain.identification import TagCount
from device.store import alarms
from device.store.goods import basket
from device.store.goods.lines import line_at
from device.store.memory.notes import TagGone, TagRead, TagsOwed, TagsTaken
from device.store.memory.state import Session
from device.store.turn import Turn

TagAlarm = Literal["tag_without_weight", "weight_without_tag"]

OWED_S = 60.0
"""So long a tag that is missed nine times out of ten may take until it is gone, or read twice."""
NEARER_DB = 6.0
"""A tag that two readers read stands where it is stronger by so much: twice as near."""
UNHEARD = 0.05
"""Likelihood that a tag that stood there before the start was not read since, though it is there; until the inventory is thorough."""
BELIEVED = 0.1
"""An unread tag is taken to be the one that the scale missed if its misses are no likelier than that otherwise."""


def arrived(turn: Turn, fact: TagArrived) -> None:
    """A tag is in the field: back from a hand, brought by staff, found by the first inventory, or a stray."""
    zone = turn.plan.rfid_zone[fact.reader]
    turn.live.tags.setdefault(fact.reader, set()).add(fact.epc)
    gtin = _product(turn, fact.epc)
    if gtin is None:
        return
    for session in turn.zone(turn.plan.visited(zone)).sessions:
        if fact.epc in session.tags or fact.epc in session.brought:
            turn.note(TagRead(zone, fact.epc, gtin, fact.rssi_dbm, session.zone, session.id))
            return
    known = turn.zone(zone).tags.get(fact.epc)
    if known is not None:
        if known.supposed:
            _owe(turn, turn.plan.visited(zone), gtin, 1)
        if known.missing:
            turn.note(TagRead(zone, fact.epc, gtin, fact.rssi_dbm))
        return
    if not _belongs_elsewhere(turn, zone, fact):
        _admit(turn, zone, fact, gtin)


def departed(turn: Turn, fact: TagDeparted) -> None:
    """A tag is gone: by the hands that are there, or, if nobody may take anything, without anybody."""
    zone = turn.plan.rfid_zone[fact.reader]
    turn.live.tags.get(fact.reader, set()).discard(fact.epc)
    if not any(fact.epc in turn.live.tags.get(other, ()) for other in _readers(turn, (zone,))):
        _left(turn, zone, fact.epc)


def inventory(turn: Turn, fact: InventoryTaken) -> str:
    """A reader knows what is there. Returns its zone, whose cart may be waiting for it."""
    zone = turn.plan.rfid_zone[fact.reader]
    turn.live.inventories[fact.reader] = fact
    if fact.thorough and fact.reader not in turn.zone(zone).inventoried:
        turn.note(TagsTaken(zone, fact.reader))
    readers = _readers(turn, (zone,))
    found = [turn.live.inventories[reader] for reader in readers if reader in turn.live.inventories]
    if len(found) == len(readers) and all(each.thorough for each in found):
        there = {epc for reader in readers for epc in turn.live.tags.get(reader, ())}
        for epc in [epc for epc, tag in turn.zone(zone).tags.items() if not tag.missing and epc not in there]:
            _left(turn, zone, epc)
    return zone


def unknown(turn: Turn, readers: Iterable[str]) -> None:
    """A door has moved, or a reader is lost: what these have found is not what is there now."""
    for reader in readers:
        turn.live.inventories.pop(reader, None)


def door_moved(turn: Turn, zone: str) -> None:
    unknown(turn, _readers(turn, (zone,)))


def lost(turn: Turn, device: str) -> None:
    unknown(turn, (device,))


def are_read(turn: Turn, zone: str) -> bool:
    """Whether tags say something about a cabinet or room now: readers see tagged products in it, and all of them are online."""
    readers = _readers(turn, _places(turn, zone))
    return all(turn.live.online.get(reader) for reader in readers) and bool(_counted(turn, zone))


def are_known(turn: Turn, zone: str) -> bool:
    """Whether a cart need not wait for tags (any more): an inventory has been taken since the doors were shut, or there is none to come."""
    return not are_read(turn, zone) or all(reader in turn.live.inventories for reader in _readers(turn, _places(turn, zone)))


def counts(turn: Turn, session: Session) -> list[TagCount] | None:
    """What tags say at the end: of each product whose tags are read how many have left. None: they say nothing."""
    if not are_read(turn, session.zone) or "several_sessions" in session.reviews:
        return None
    if not are_known(turn, session.zone):
        basket.review(turn, session, "gap")
        return None
    gone, unsure, standing = Counter(session.tags.values()), _unsure(turn, session.zone), _standing(turn, session.zone)
    return [
        TagCount(gtin, gone[gtin], tuple(ratio for _, ratio in unsure.get(gtin, ())), gone[gtin] + standing[gtin])
        for gtin in _counted(turn, session.zone)
    ]


def compare(turn: Turn, session: Session, told: Iterable[TagCount]) -> None:
    """Weight and tags must tell the same story of tagged products; each way in which they do not has its alarm."""
    by_weight = basket.quantities(session)
    unsure = _unsure(turn, session.zone)
    for count in told:
        weighed, brought = by_weight.get(count.gtin, 0), sum(gtin == count.gtin for gtin in session.brought.values())
        doubtful = unsure.get(count.gtin, [])
        missed = weighed - (count.departed - brought)
        if weighed > 0:
            for epc, ratio in doubtful[: max(0, missed)]:
                if ratio <= BELIEVED:
                    turn.note(TagGone(_zone_of(turn, session.zone, epc), epc, count.gtin, session.zone, session.id, missing=True))
                    missed -= 1
        _settle(
            turn, session, count.gtin, missed, abs(weighed) > abs(weighed - missed), len(_unsure(turn, session.zone).get(count.gtin, ()))
        )


def owe(turn: Turn, slot: str, gtin: str, taken: int) -> None:
    """Items left a slot (``taken`` positive) or came to it without a session: their tags are to follow."""
    zone = turn.plan.visited(turn.plan.zone_of_slot(slot))
    if are_read(turn, zone) and gtin in _counted(turn, zone):
        _owe(turn, zone, gtin, taken)


def overdue(turn: Turn, zone: str) -> None:
    """Tags that were owed have had their time."""
    turn.stop_timer(f"tags:{zone}")
    for gtin, count in list(turn.zone(zone).owed.items()):
        if are_read(turn, zone):
            alarms.raise_alarm(turn, "weight_without_tag", zone, zone, session=None, gtin=gtin, count=abs(count))
        turn.note(TagsOwed(zone, gtin, 0))


def _settle(turn: Turn, session: Session, gtin: str, missed: int, too_much_weight: bool, doubtful: int) -> None:
    """``missed``: by how many items the weight says that more were taken than tags; negative: fewer, or that more were brought."""
    if not missed:
        return
    comes = missed < 0 and session.purpose in ("restock", "service")
    if too_much_weight and (comes or 0 < missed <= doubtful):
        _owe(turn, session.zone, gtin, missed)
        return
    kind: TagAlarm = "weight_without_tag" if too_much_weight else "tag_without_weight"
    basket.review(turn, session, kind)
    alarms.raise_alarm(turn, kind, session.zone, session.zone, session=session.id, gtin=gtin, count=abs(missed))
    if missed < 0:
        _may_be_hidden(turn, session, gtin)


def _may_be_hidden(turn: Turn, session: Session, gtin: str) -> None:
    """More tags went than bottles: some may stand there still, hidden by what was put before them. Whichever is read again is back."""
    read = [place for place in _places(turn, session.zone) if _readers(turn, (place,))]
    stands = [place for place in read if any(product.gtin == gtin for product in turn.plan.products_in(place))]
    for epc in sorted(epc for epc, tagged in session.tags.items() if tagged == gtin):
        turn.note(TagGone((stands or read)[0], epc, gtin, missing=True))


def _admit(turn: Turn, zone: str, fact: TagArrived, gtin: str) -> None:
    """Put a tag that has never been there onto the shelf, if it can have come there."""
    visited = turn.plan.visited(zone)
    staff = [session for session in _who_may_take(turn, visited) if session.purpose in ("restock", "service")]
    if staff:
        turn.note(TagRead(zone, fact.epc, gtin, fact.rssi_dbm, visited, staff[0].id))
    elif turn.zone(visited).owed.get(gtin, 0) < 0:
        _owe(turn, visited, gtin, 1)
        turn.note(TagRead(zone, fact.epc, gtin, fact.rssi_dbm))
    elif fact.reader not in turn.zone(zone).inventoried:
        turn.note(TagRead(zone, fact.epc, gtin, fact.rssi_dbm))


def _left(turn: Turn, zone: str, epc: str) -> None:
    """A tag of the shelf is not there any more."""
    tag = turn.zone(zone).tags.get(epc)
    if tag is None or tag.missing or _product(turn, epc) is None:
        return
    visited = turn.plan.visited(zone)
    hands = _who_may_take(turn, visited)
    if len(hands) == 1:
        turn.note(TagGone(zone, epc, tag.gtin, visited, hands[0].id))
        return
    for session in hands:
        basket.review(turn, session, "several_sessions")
    if hands:
        turn.note(TagGone(zone, epc, tag.gtin))
    elif turn.zone(visited).owed.get(tag.gtin, 0) > 0:
        _owe(turn, visited, tag.gtin, -1)
        turn.note(TagGone(zone, epc, tag.gtin))
    else:
        alarms.raise_alarm(turn, "tag_without_weight", visited, zone, session=None, gtin=tag.gtin, count=1, epc=epc)
        turn.note(TagGone(zone, epc, tag.gtin, missing=True))


def _belongs_elsewhere(turn: Turn, zone: str, fact: TagArrived) -> bool:
    """Whether a tag stands on the shelf of another zone; one that is read here much more strongly stands here from now on."""
    for other in dict.fromkeys(turn.plan.rfid_zone.values()):
        tag = turn.zone(other).tags.get(fact.epc) if other != zone else None
        if tag is None or tag.missing:
            continue
        if tag.rssi_dbm is None or fact.rssi_dbm is None or fact.rssi_dbm < tag.rssi_dbm + NEARER_DB:
            return True
        turn.note(TagGone(other, fact.epc, tag.gtin))
    return False


def _owe(turn: Turn, zone: str, gtin: str, count: int) -> None:
    turn.note(TagsOwed(zone, gtin, turn.zone(zone).owed.get(gtin, 0) + count))
    if not turn.zone(zone).owed:
        turn.stop_timer(f"tags:{zone}")
    elif f"tags:{zone}" not in turn.state.timers:
        turn.start_timer(f"tags:{zone}", OWED_S)


def _product(turn: Turn, epc: str) -> str | None:
    """The tagged product of the catalogue that a tag is on; None for all other tags."""
    gtin = gtin_of(bytes.fromhex(epc))
    return gtin if gtin is not None and gtin in turn.plan.products and turn.plan.products[gtin].tagged else None


def _places(turn: Turn, zone: str) -> tuple[str, ...]:
    """A zone, and the cabinets in it."""
    return (zone, *turn.plan.inside(zone))


def _readers(turn: Turn, places: Iterable[str]) -> list[str]:
    return [reader for reader, where in turn.plan.rfid_zone.items() if where in places]


def _counted(turn: Turn, zone: str) -> list[str]:
    """The tagged products of a zone all of whose slots are in the field of some reader."""
    seen = {turn.plan.rfid_zone[reader] for reader in _readers(turn, _places(turn, zone))}
    if not seen:
        return []
    found: set[str] = set()
    blind: set[str] = set()
    for place in _places(turn, zone):
        gtins = {gtin for slot in turn.plan.slots_of(place) for gtin in slot.products if _is_tagged(turn, slot.id, gtin)}
        (found if place in seen or zone in seen else blind).update(gtins)
    return sorted(found - blind)


def _is_tagged(turn: Turn, slot: str, gtin: str) -> bool:
    product = line_at(turn, slot, gtin)
    return product is not None and product.tagged


def _standing(turn: Turn, zone: str) -> Counter[str]:
    """Tags that should stand in a zone, by product."""
    return Counter(tag.gtin for place in _places(turn, zone) for tag in turn.zone(place).tags.values() if not tag.missing)


def _zone_of(turn: Turn, zone: str, epc: str) -> str:
    return next(place for place in _places(turn, zone) if epc in turn.zone(place).tags)


def _unsure(turn: Turn, zone: str) -> dict[str, list[tuple[str, float]]]:
    """Tags of the shelf that were neither read nor are gone, by product: which, and how likely their misses are if they are there."""
    found: dict[str, list[tuple[str, float]]] = {}
    for place in _places(turn, zone):
        taken = [turn.live.inventories[reader] for reader in _readers(turn, (place,)) if reader in turn.live.inventories]
        present = {epc for each in taken for epc in each.present}
        ratios = {epc: ratio for each in taken for epc, ratio in each.unsure}
        for epc, tag in turn.zone(place).tags.items():
            if not tag.missing and epc not in present and taken:
                found.setdefault(tag.gtin, []).append((epc, ratios.get(epc, UNHEARD)))
    return {gtin: sorted(tags, key=lambda each: (each[1], each[0])) for gtin, tags in found.items()}


def _who_may_take(turn: Turn, zone: str) -> list[Session]:
    """Whose hands a tag can have left in, or come by."""
    if turn.rules(zone).kind == "room":
        return [session for session in turn.zone(zone).sessions if session.inside]
    return turn.zone(zone).sessions[:1] if turn.zone(zone).phase in ("open", "settling") else []
