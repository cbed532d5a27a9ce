"""Sessions of cabinets: they start with a grant or an ``unlock``, go through ``cabinet.TABLE``, and end with a cart."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from device.domain.events import (
    EndReason,
    OrderLineResult,
    OrderResult,
    Purpose,
    RestockLine,
    ReviewReason,
    SessionEnded,
    SessionStarted,
)
from device.domain.facts import TagArrived, TagDeparted
from device.store import answers, basket, doors, shelves, stock
from device.store.cabinet import TABLE, Action, Trigger
from device.store.notes import OrderPickedUp, PhaseChanged, SessionDetails, TagGone
from device.store.state import Session
from device.store.turn import Turn

REST_LIMIT_S = 2.0
"""Plates that still move this long after the settling time are not waited for: the cart is final and needs review."""
TAG_ABSENCE_S = 3.5
"""Where tags are read, the cart waits until a tag that has left counts as gone (3 s of reading with the door shut)."""


def start(
    turn: Turn,
    zone: str,
    purpose: Purpose,
    subject: str,
    *,
    order: str | None = None,
    order_lines: Mapping[str, int] | None = None,
    command: str | None = None,
) -> None:
    """Let somebody in: a session starts and the locks open."""
    session = f"{turn.epoch}-s{turn.state.seq + 1}"
    turn.tell(SessionStarted(session, zone, purpose, subject, order), zone)
    slots = turn.plan.slots_of(zone)
    prices = {gtin: turn.plan.products[gtin].price_minor for slot in slots for gtin in slot.products if gtin in turn.plan.products}
    expected = {slot.id: {gtin: turn.slot(slot.id).counts.get(gtin) for gtin in slot.products} for slot in slots}
    turn.note(SessionDetails(session, zone, command, dict(order_lines or {}), prices, expected))
    turn.start_timer(f"session:{zone}", turn.rules(zone).max_session_s)
    started = turn.zone(zone).session
    if started and any(slot.id in turn.live.untrusted for slot in slots):
        basket.review(turn, started, "untrusted_plate")
    trigger(turn, zone, "granted")


def trigger(turn: Turn, zone: str, what: Trigger, reason: EndReason = "door_closed") -> None:
    """Go through one row of the table. ``reason`` is that of a session which ends on the way."""
    phase = turn.zone(zone).phase
    row = TABLE[phase, what]
    if what == "opened" and phase == "unlocked":
        _answer_opened(turn, zone)
    if row.phase != phase:
        turn.note(PhaseChanged(zone, row.phase))
    for action in row.actions:
        _ACTIONS[action](turn, zone, reason)


def in_phase(turn: Turn, zone: str, what: Trigger) -> bool:
    """Whether a trigger means anything now."""
    return (turn.zone(zone).phase, what) in TABLE


def settle_if_at_rest(turn: Turn, zone: str) -> None:
    """Make the cart final once the settling time is over and no plate moves."""
    waiting = turn.zone(zone).phase == "settling" and f"settle:{zone}" not in turn.state.timers
    if waiting and shelves.at_rest(turn, zone):
        trigger(turn, zone, "settled")


def settling_time_over(turn: Turn, zone: str) -> None:
    turn.stop_timer(f"settle:{zone}")
    turn.start_timer(f"rest:{zone}", REST_LIMIT_S)
    settle_if_at_rest(turn, zone)


def rest_limit(turn: Turn, zone: str) -> None:
    """A plate does not come to rest: end anyway, and say so."""
    turn.stop_timer(f"rest:{zone}")
    session = turn.zone(zone).session
    if turn.zone(zone).phase != "settling" or session is None:
        return
    basket.review(turn, session, "unexplained_step")
    trigger(turn, zone, "settled")


def unlock_failed(turn: Turn, zone: str, reason: str) -> None:
    """The relay would not open: the session ends, and whoever asked for it is told."""
    session = turn.zone(zone).session
    if session is None or turn.zone(zone).phase != "unlocked":
        return
    if session.command:
        answers.finish(turn, session.command, "failed", reason=reason or "lock")
    trigger(turn, zone, "window_passed")


def tag_moved(turn: Turn, fact: TagArrived | TagDeparted, gtin: str | None) -> None:
    """Note a product's tag that leaves or comes back within a session."""
    zone = turn.plan.rfid_zone.get(fact.reader)
    if zone is None or gtin is None or gtin not in turn.plan.products:
        return
    session = turn.zone(zone).session
    back = isinstance(fact, TagArrived)
    if session and turn.zone(zone).phase in ("open", "settling") and (fact.epc in session.tags) == back:
        turn.note(TagGone(zone, fact.epc, gtin, back))


def _answer_opened(turn: Turn, zone: str) -> None:
    session = turn.zone(zone).session
    if session and session.command:
        after_s = round(turn.moment.uptime - session.started, 3)
        answers.finish(turn, session.command, "done", result={"unlocked": True, "opened": True, "opened_after_s": after_s})


def _settle(turn: Turn, zone: str) -> None:
    turn.stop_timer(f"session:{zone}")
    wait = turn.rules(zone).settle_s
    turn.start_timer(f"settle:{zone}", max(wait, TAG_ABSENCE_S) if _reads_tags(turn, zone) else wait)


def _unsettle(turn: Turn, zone: str) -> None:
    """The door opened again before the cart was final: the session goes on, within its old limit."""
    turn.stop_timer(f"settle:{zone}")
    turn.stop_timer(f"rest:{zone}")
    session = turn.zone(zone).session
    if session:
        turn.start_timer(f"session:{zone}", max(0.0, session.started + turn.rules(zone).max_session_s - turn.moment.uptime))


def _end(turn: Turn, zone: str, reason: EndReason) -> None:
    session = turn.zone(zone).session
    if session is None:
        return
    for timer in ("window", "session", "settle", "rest"):
        turn.stop_timer(f"{timer}:{zone}")
    _final_doubts(turn, session, reason)
    charged = session.purpose in ("shop", "pickup")
    cart = basket.cart(turn, session) if charged else ()
    restock = _restocked(turn, session) if session.purpose == "restock" else None
    reviews: tuple[ReviewReason, ...] = tuple(session.reviews)
    turn.tell(
        SessionEnded(
            session=session.id,
            zone=zone,
            purpose=session.purpose,
            subject=session.subject,
            reason=reason,
            cart=cart,
            total_minor=sum(line.total_minor for line in cart),
            currency=turn.plan.layout.store.currency,
            needs_review=bool(reviews),
            review_reasons=reviews,
            started=turn.time(session.started_wall),
            duration_s=round(max(0.0, turn.moment.uptime - session.started), 3),
            order=_order_result(session) if session.purpose == "pickup" else None,
            restock=restock,
        ),
        zone,
    )
    if session.order and reason != "never_opened":
        turn.note(OrderPickedUp(session.order))
    if session.command:
        answers.finish(turn, session.command, "done", result={"unlocked": True, "opened": False})


def _final_doubts(turn: Turn, session: Session, reason: EndReason) -> None:
    """What can only be said at the end."""
    if reason == "never_opened":
        return
    slots = turn.plan.slots_of(session.zone)
    if reason == "timeout":
        basket.review(turn, session, "timeout")
    if reason != "door_closed" and any(slot.id in turn.live.moving for slot in slots):
        basket.review(turn, session, "unexplained_step")
    if any(slot.id in turn.live.untrusted for slot in slots) and "gap" not in session.reviews:
        basket.review(turn, session, "untrusted_plate")
    if reason == "door_closed" and session.purpose in ("shop", "pickup") and _reads_tags(turn, session.zone):
        _compare_tags(turn, session)


def _compare_tags(turn: Turn, session: Session) -> None:
    """Weight and tags must tell the same story of tagged products."""
    by_weight = basket.quantities(session)
    by_tag: dict[str, int] = {}
    for gtin in session.tags.values():
        by_tag[gtin] = by_tag.get(gtin, 0) + 1
    for gtin in sorted({*by_weight, *by_tag}):
        product = turn.plan.products.get(gtin)
        if product is None or not product.tagged:
            continue
        difference = by_weight.get(gtin, 0) - by_tag.get(gtin, 0)
        if difference:
            basket.review(turn, session, "weight_without_tag" if difference > 0 else "tag_without_weight")


def _reads_tags(turn: Turn, zone: str) -> bool:
    readers = [reader for reader, where in turn.plan.rfid_zone.items() if where == zone]
    if not readers or not all(turn.live.online.get(reader) for reader in readers):
        return False
    return any(turn.plan.products[gtin].tagged for slot in turn.plan.slots_of(zone) for gtin in slot.products if gtin in turn.plan.products)


def _order_result(session: Session) -> OrderResult:
    taken = basket.quantities(session)
    lines = []
    for gtin in [*session.order_lines, *(gtin for gtin in taken if gtin not in session.order_lines)]:
        asked, got = session.order_lines.get(gtin, 0), max(0, taken.get(gtin, 0))
        if asked or got:
            lines.append(OrderLineResult(gtin, asked, got, max(0, asked - got), max(0, got - asked)))
    return OrderResult(session.order or "", tuple(lines))


def _restocked(turn: Turn, session: Session) -> tuple[RestockLine, ...]:
    """Compare the books with the scales; where a slot has one product, the scale wins."""
    lines = []
    for slot in turn.plan.slots_of(session.zone):
        measured = stock.weighed(turn, slot.id) if slot.id not in turn.live.untrusted else None
        for gtin in slot.products:
            expected = session.expected.get(slot.id, {}).get(gtin)
            count = measured if measured is not None else turn.slot(slot.id).counts.get(gtin)
            if measured is not None:
                stock.put(turn, slot.id, gtin, measured, "restocked")
            difference = count - expected if count is not None and expected is not None else None
            lines.append(RestockLine(slot.id, gtin, expected, count, difference))
    return tuple(lines)


_ACTIONS: dict[Action, Callable[[Turn, str, EndReason], None]] = {
    "unlock": lambda turn, zone, _: doors.unlock(turn, zone),
    "lock": lambda turn, zone, _: doors.lock(turn, zone),
    "relock_on_open": lambda turn, zone, _: doors.relock_on_open(turn, zone),
    "watch_door": lambda turn, zone, _: doors.watch_door(turn, zone),
    "unwatch_door": lambda turn, zone, _: doors.unwatch_door(turn, zone),
    "settle": lambda turn, zone, _: _settle(turn, zone),
    "unsettle": lambda turn, zone, _: _unsettle(turn, zone),
    "raise_forced": lambda turn, zone, _: doors.raise_forced(turn, zone),
    "end": _end,
    "end_never_opened": lambda turn, zone, _: _end(turn, zone, "never_opened"),
    "end_timeout": lambda turn, zone, _: _end(turn, zone, "timeout"),
}
